"""The example in every ``--help`` works as it is written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Kit
from tests.conftest import ACME
from tracevault.cli.group import ROOT

TOKEN = "test-token-not-real-acme-01-000000000000"  # noqa: S105
NEW = "acae0000000000000000000000000009"


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every verb and verb of a verb."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name="tracevault")
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


EVERY = dict(commands(ROOT))


def examples(command: click.Command) -> list[str]:
    """The examples as the help shows them."""
    shown = command.get_help(click.Context(command, info_name="tracevault"))
    return [line.removeprefix("  $ ") for line in shown.splitlines() if line.startswith("  $ ")]


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_help_has_an_example(path: tuple[str, ...]) -> None:
    command = EVERY[path]
    assert examples(command)
    words = " ".join(("tracevault", *path))
    assert all(words in line for line in examples(command)) or not path
    assert command.help


def private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def prepare(folder: Path, kit: Kit) -> None:
    """What the examples take for granted: a vault, and some files."""
    private(folder / "token.txt", TOKEN + "\n")
    private(folder / "another.txt", TOKEN + "-another\n")
    private(folder / "passphrase.txt", "not a real passphrase\n")
    private(folder / "customers.csv", f"tenant,account_id,token\nnew,{NEW},{TOKEN}\n")
    row = {"tenant": "new", "account_id": NEW, "token": TOKEN}
    private(folder / "customers.jsonl", json.dumps(row) + "\n")
    messages = [m for m in kit.server.messages if not m.pending_requests][:3]
    (folder / "list.csv").write_text("tenant,account_id,message_ref\n" + "".join(
        f"{m.tenant},{m.account_id},{m.postfix_id}\n" for m in messages))  # fmt: skip
    own = [m.postfix_id for m in kit.server.messages_of(ACME)][:2]
    (folder / "list.txt").write_text("\n".join(own))
    reply = {"success": True, "result": {"inbound": {"pending": False, "lines": []}}}
    (folder / "reply.json").write_text(json.dumps(reply))
    (folder / "bin").mkdir()
    script = folder / "bin" / "tracevault"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m tracevault "$@"\n')
    script.chmod(0o755)


#: What must have happened before an example.
BEFORE = {
    ("account", "retire"): "tracevault account rotate --tenant acme --account ACCOUNT_ID "
    "--token-file another.txt",
    ("account", "promote"): "tracevault account rotate --tenant acme --account ACCOUNT_ID "
    "--token-file another.txt",
    ("vault", "remove-unlock"): "tracevault vault add-unlock --new-key-file second.key",
}


@pytest.mark.parametrize("path", [path for path in EVERY if path], ids=" ".join)
def test_the_examples_work(
    path: tuple[str, ...], kit: Kit, tmp_path: Path, environment: dict[str, str]
) -> None:
    prepare(tmp_path, kit)
    environment["PATH"] = f"{tmp_path}/bin:{environment['PATH']}"
    environment["TRACEVAULT_SET"] += " vault.kdf_memory_kib=19456"
    before = [BEFORE[path]] if path in BEFORE else []
    for line in [*before, *examples(EVERY[path])]:
        done = subprocess.run(
            ["bash", "-c", line.replace("ACCOUNT_ID", ACME)],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, line + "\n" + done.stdout + done.stderr


def test_the_first_examples_work(kit: Kit, tmp_path: Path, environment: dict[str, str]) -> None:
    prepare(tmp_path, kit)
    environment["PATH"] = f"{tmp_path}/bin:{environment['PATH']}"
    for line in examples(ROOT):
        if "demo" in line:
            continue
        done = subprocess.run(["bash", "-c", line], env=environment, cwd=tmp_path,
                              capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
        assert done.returncode == 0, line + "\n" + done.stdout + done.stderr
