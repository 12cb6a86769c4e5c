"""Standard input may hold the passphrase in its first line, and behind it what the verb reads."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Done, Kit, command
from tests.conftest import ACME, fill

REF = "4jXtPB72Kpz7S8D"
NEW = "ab" * 16
PHRASE = "not a real passphrase"
WHERE = ("--tenant", "acme", "--account", ACME)

Fed = Callable[..., Done]


@pytest.fixture(params=["pipe", "file"])
def fed(
    request: pytest.FixtureRequest, kit: Kit, environment: dict[str, str], tmp_path: Path
) -> Fed:
    """Call the command with the passphrase of its vault and this text, through a pipe or a file."""
    with tv.Vault.create(tmp_path / "v", tv.Passphrase(PHRASE),
                         settings={"vault.kdf_memory_kib": 19456}) as vault:  # fmt: skip
        fill(vault, kit.server)
    del environment["TRACEVAULT_KEY_FILE"]
    environment["TRACEVAULT_VAULT"] = str(tmp_path / "v")

    def called(*words: object, text: str) -> Done:
        file = tmp_path / "input"
        file.touch(mode=0o600)
        file.write_text(f"{PHRASE}\n{text}")
        if request.param == "file":
            source = os.open(file, os.O_RDONLY)
        else:
            source, writer = os.pipe()
            os.write(writer, file.read_bytes())
            os.close(writer)
        try:
            done = subprocess.run(
                command(*words, "--passphrase-stdin"), stdin=source, capture_output=True, text=True,
                env=environment, cwd=tmp_path, timeout=120, check=False,
            )  # fmt: skip
        finally:
            os.close(source)
        assert PHRASE not in done.stdout + done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return called


def test_a_batch_reads_its_list_behind_the_passphrase(fed: Fed) -> None:
    told = fed("batch", *WHERE, "--json", text=f"{REF}\n")
    assert told.code == 0, told.err
    assert [(row["line"], row["message_ref"]) for row in told.rows] == [(1, REF)]
    told = fed("batch", "--json", "-", text=f"tenant,account_id,message_ref\nacme,{ACME},{REF}\n")
    assert told.code == 0, told.err
    assert [row["message_ref"] for row in told.rows] == [REF]


def test_a_filter_answers_the_lines_behind_the_passphrase(fed: Fed) -> None:
    told = fed("filter", *WHERE, text=json.dumps({"message_ref": REF}) + "\n")
    assert told.code == 0, told.err
    assert [row["tracevault"]["trace"]["message_ref"] for row in told.rows] == [REF]


def test_an_import_reads_its_rows_behind_the_passphrase(fed: Fed) -> None:
    rows = f"tenant,account_id,token\nnew,{NEW},test-token-not-real-00000000\n"
    told = fed("account", "import", "-", "--json", text=rows)
    assert told.code == 0, told.err
    assert [(row["accounts"], row["stored"]) for row in told.rows] == [(1, True)]
    row = json.dumps({"tenant": "newer", "account_id": NEW, "token": "test-token-not-real-0000"})
    told = fed("account", "import", "-", "--as", "jsonl", "--json", text=row)
    assert told.code == 0, told.err


def test_a_list_that_is_not_there_is_told_before_anybody_is_asked(
    environment: dict[str, str], kit: Kit, tmp_path: Path
) -> None:
    del environment["TRACEVAULT_KEY_FILE"]
    done = subprocess.run(
        command("batch", "none.txt"), env=environment, cwd=tmp_path, capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 4
    assert f"No such file or directory (in {tmp_path}: no file has this name" in done.stderr
