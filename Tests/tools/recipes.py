"""recipes: a home for the programs of docs/recipes.md, and how the tests start them in it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from launcher import Standin, standin
from places import python_path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples/python"
ACME = "acae0000000000000000000000000001"
#: Engines that ask the stand-in, in every process that Python begins; not in the programs, because
#: Cloudflare itself needs no settings.
SETTINGS = """
import functools
import tracevault
tracevault.Engine = functools.partial(tracevault.Engine, {settings})
tracevault.AsyncEngine = functools.partial(tracevault.AsyncEngine, {settings})
"""


def settings(server: Standin, **more: tv.Setting) -> dict[str, tv.Setting]:
    """`retry_max_attempts=1` sets `retry.max_attempts`."""
    return {
        "api.base_url": server.base_url,
        "tls.ca_file": server.ca_file,
        "budget.quota": 0,
        **{name.replace("_", ".", 1): value for name, value in more.items()},
    }


def home(server: Standin, folder: Path, **more: tv.Setting) -> Path:
    """The folder with what a recipe finds at home: a vault and its key file."""
    (folder / "soc.key").touch(0o600)
    (folder / "soc.key").write_bytes(bytes(range(32)))
    key = tv.KeyFile(folder / "soc.key")
    with tv.Vault.create(folder / "soc.vault", key) as vault, vault.edit() as edit:
        token = tv.ApiToken(server.credential(ACME).token)
        edit.put("acme", ACME, token, label="Acme Europe", origin=server.origin)
    text = SETTINGS.format(settings=settings(server, **more))
    (folder / "sitecustomize.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[Standin]:
    """A stand-in without a quota."""
    with standin(quota=0) as running:
        yield running


@pytest.fixture
def folder(server: Standin, tmp_path: Path) -> Path:
    """A home of a test's own."""
    return home(server, tmp_path)


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": python_path(folder, EXAMPLES)}


def run(
    folder: Path, *program: str, stdin: str = "", stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        env=environment(folder),
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )


def example(name: str) -> str:
    return str(EXAMPLES / name)


def refs(server: Standin, count: int) -> list[str]:
    return [message.investigate_id for message in server.messages_of(ACME)[:count]]


def needs(library: str) -> None:
    """Skip, and say so, where a library cannot be had."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"NO {library}: its recipe is NOT tested; `make setup` installs it")
