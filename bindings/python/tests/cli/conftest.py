"""What the tests of the command share: a call of it inside this process, and as a process."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from launcher import Standin

import tracevault as tv
from tests.conftest import fill
from tracevault.cli.run import run

#: Click 8.1 puts standard error into standard output unless it is told not to; later ones never do.
APART: dict[str, Any] = (
    {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
)
TOKEN = "test-token-not-real-acme-01-000000000000"  # noqa: S105
SOURCE = Path(__file__).resolve().parents[2] / "src"


@dataclass(frozen=True)
class Done:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self) -> list[Any]:
        """The errors of standard error, which must hold nothing but JSON lines."""
        return [json.loads(line)["error"] for line in self.err.splitlines()]


Call = Callable[..., Done]


def calm(home: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing of the developer's own counts."""
    kept = {name: os.environ[name] for name in ("PATH", "TRACEVAULT_LIBRARY") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(SOURCE),
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of the calls of one test; a test may add some."""
    return calm(tmp_path)


@pytest.fixture
def call(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command in this process: ``call("trace", "REF", stdin="...")``."""

    def called(*arguments: object, stdin: str | bytes = "") -> Done:
        monkeypatch.chdir(tmp_path)
        cleared: dict[str, str | None] = dict.fromkeys(os.environ)
        runner = CliRunner(env={**cleared, **environment}, **APART)
        with runner.isolation(input=stdin) as streams:
            code = run([str(one) for one in arguments])
            sys.stdout.flush()
            sys.stderr.flush()
            # Click 8.2 and 8.3 close them at the end; 8.1 gives two, later ones a third.
            out, err = (stream.getvalue().decode() for stream in streams[:2])
        return Done(int(code), out, err)

    return called


@pytest.fixture
def process(environment: dict[str, str], tmp_path: Path) -> Call:
    """Call the command as a process of its own, in pipes."""

    def called(*arguments: object, stdin: str | bytes = "", **more: Any) -> Done:
        sent = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            command(*arguments),
            input=sent,
            capture_output=True,
            env=environment,
            cwd=tmp_path,
            timeout=120,
            check=False,
            **more,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return called


def command(*arguments: object) -> list[str]:
    """The command's words as a process."""
    return [sys.executable, "-m", "tracevault", *(str(one) for one in arguments)]


@dataclass(frozen=True)
class Kit:
    """A vault on disk with every account of the stand-in, and its key file."""

    vault: Path
    key_file: Path
    server: Standin

    @property
    def variables(self) -> dict[str, str]:
        """What makes the command use it."""
        settings: Mapping[str, object] = {
            "api.base_url": self.server.base_url,
            "tls.ca_file": self.server.ca_file,
            "retry.base_ms": 1,
            "budget.ledger": "private",
        }
        return {
            "TRACEVAULT_VAULT": str(self.vault),
            "TRACEVAULT_KEY_FILE": str(self.key_file),
            "TRACEVAULT_SET": " ".join(f"{name}={value}" for name, value in settings.items()),
        }


@pytest.fixture
def kit(server: Standin, tmp_path: Path, environment: dict[str, str]) -> Kit:
    """The kit; the calls of the test use it without being told."""
    tmp_path.chmod(0o700)
    key = tmp_path / "soc.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(32))
    made = Kit(tmp_path / "soc.vault", key, server)
    with tv.Vault.create(made.vault, tv.KeyFile(key)) as vault:
        fill(vault, server)
    environment.update(made.variables)
    return made


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a token."""
    file = tmp_path / "token.txt"
    file.touch(mode=0o600)
    file.write_text(TOKEN + "\n")
    return file
