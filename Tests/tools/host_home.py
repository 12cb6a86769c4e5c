"""host_home: what the examples for other programs find at home, and where those programs are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import recipes
from c_programs import LIBRARY, ROOT
from launcher import Standin

EXAMPLES = ROOT / "examples"
#: Where `scripts/setup hosts` unpacks programs; it installs none of them.
UNPACKED = ROOT / "build/hosts"
NO_SUCH = "4NOSUCHMESSAGEz00"
#: Before the messages of the stand-in.
SINCE = "2026-01-01T00:00:00Z"


def program(name: str) -> str:
    """The program of this name, unpacked or installed; a test that has none is skipped and says so."""
    places = (str(UNPACKED / "programs"), os.environ.get("PATH", ""), "/usr/sbin")
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.skip(
            f"NO {name.upper()}: its example is UNTRIED; `make test-hosts` gets and runs it"
        )
    return found


@dataclass(frozen=True)
class Home:
    """A folder with a vault, its key file and the command, and the settings for the stand-in."""

    folder: Path
    server: Standin

    @property
    def settings(self) -> list[str]:
        return [
            f"api.base_url={self.server.base_url}",
            f"tls.ca_file={self.server.ca_file}",
            "budget.quota=0",
            "budget.ledger=private",
        ]

    @property
    def options(self) -> list[str]:
        return [word for one in self.settings for word in ("-o", one)]

    @property
    def environment(self) -> dict[str, str]:
        places = (str(self.folder / "bin"), os.environ.get("PATH", ""), "/usr/sbin")
        return {
            **os.environ,
            "PATH": os.pathsep.join(places),
            "PYTHONPATH": str(ROOT / "bindings/python/src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TRACEVAULT_LIBRARY": str(LIBRARY),
            "TRACEVAULT_VAULT": str(self.folder / "soc.vault"),
            "TRACEVAULT_KEY_FILE": str(self.folder / "soc.key"),
            "TRACEVAULT_SET": " ".join(self.settings),
        }

    def python(self, example: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, EXAMPLES / example, *words, *self.options],
            cwd=self.folder, env={**self.environment, **more}, capture_output=True, text=True,
        )  # fmt: skip


def home_in(tmp_path: Path, server: Standin) -> Home:
    tmp_path.chmod(0o700)
    made = Home(recipes.home(server, tmp_path), server)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/tracevault"
    variables = "".join(
        f"export {name}='{value}'\n"
        for name, value in made.environment.items()
        if name.startswith(("TRACEVAULT_", "PYTHON"))
    )
    command.write_text(f'#!/bin/sh\n{variables}exec "{sys.executable}" -m tracevault "$@"\n')
    command.chmod(0o755)
    return made


@pytest.fixture
def home(server: Standin, tmp_path: Path) -> Home:
    return home_in(tmp_path, server)
