"""``tracevault account import``: many accounts from a file, all or none, none replaced unasked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import TOKEN, Call, Kit, command
from tests.cli.terminal import Terminal
from tests.conftest import ACME
from tracevault.cli.exits import Exit

NEW = "ab" * 16


def test_many_accounts_come_from_a_file_all_or_none(call: Call, kit: Kit, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.touch(mode=0o600)
    file.write_text(f"\ufefftenant;account_id;token;label\nnew;{NEW};{TOKEN};Ü\nnew;bad;{TOKEN};\n")
    told = call("account", "import", file, "--json")
    assert told.code == Exit.USAGE
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert lines[0]["error"]["message"].startswith("row 3: ")
    assert lines[0]["error"]["tenant"] == "new"
    assert lines[-1]["note"]["wrong"] == 1
    assert TOKEN not in told.err
    assert NEW not in call("account", "list").out

    file.write_text(f"tenant,account_id,token\nnew,{NEW},{TOKEN}\n")
    assert call("account", "import", file, "--dry-run", "--json").rows[0]["stored"] is False
    assert NEW not in call("account", "list").out
    assert call("account", "import", file, "--json").rows == [
        {
            "file": str(file),
            "accounts": 1,
            "stored": True,
            "rotated": [],
            "replaced": [],
            "retiring_removed": [],
        }
    ]
    (row,) = call("account", "list", "--tenant", "new", "--json").rows
    assert row["origin"] == kit.server.origin
    lines_file = tmp_path / "customers.jsonl"
    lines_file.touch(mode=0o600)
    lines_file.write_text(json.dumps({"tenant": "new", "account_id": NEW, "token": TOKEN + "x"}))
    assert call("account", "import", lines_file, "--rotate").code == 0
    states = [row["state"] for row in call("account", "list", "--tenant", "new", "--json").rows]
    assert states == ["active", "retiring"]
    file.chmod(0o644)
    assert "chmod" in call("account", "import", file).err


def test_accounts_come_from_standard_input_as_well(process: Call, kit: Kit) -> None:
    rows = f"tenant,account_id,token\nnew,{NEW},{TOKEN}\n"
    told = process("account", "import", "-", "--json", stdin=rows)
    assert told.code == 0, told.err
    assert told.rows == [
        {
            "file": "-",
            "accounts": 1,
            "stored": True,
            "rotated": [],
            "replaced": [],
            "retiring_removed": [],
        }
    ]


def test_an_import_shows_how_far_it_is(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    rows = "".join(f"many,{number:032x},{TOKEN}\n" for number in range(20_000))
    (tmp_path / "many.csv").touch(mode=0o600)
    (tmp_path / "many.csv").write_text(f"tenant,account_id,token\n{rows}")
    environment |= {"TERM": "xterm", "COLUMNS": "100"}
    run = Terminal(environment, tmp_path, "account", "import", "many.csv", "--dry-run")
    assert run.end() == 0, run.seen
    assert re.search(r"\r[\d,]+ accounts, [\d,.]+/s\x1b\[K", run.seen)
    assert "20,000 accounts would be stored, sealed for https://" in run.seen.splitlines()[-1]


@pytest.fixture
def two_rows(kit: Kit, tmp_path: Path) -> Path:
    """A table with an account that the vault has, and with one that it has not."""
    table = tmp_path / "rows.csv"
    table.touch(mode=0o600)
    token = TOKEN.replace("acme-01", "other-9")
    table.write_text(f"tenant,account_id,token\nacme,{ACME},{token}\nacme,{NEW},{token}\n")
    return table


def states(call: Call) -> list[str]:
    """How the account that the vault has from the beginning stands."""
    place = ("--tenant", "acme", "--account", ACME)
    return [row["state"] for row in call("account", "list", *place, "--json").rows]


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["", "dry"])
def test_an_import_replaces_no_credential_unless_it_is_told_to(
    call: Call, kit: Kit, two_rows: Path, dry: tuple[str, ...]
) -> None:
    before = kit.vault.read_bytes()
    told = call("account", "import", two_rows, *dry)
    assert told.code == Exit.USAGE
    assert (
        f"acme {ACME}: row 2: the vault has a credential for it, which this row would" in told.err
    )
    assert NEW not in told.err
    assert "--rotate keeps a credential that is there" in told.err
    assert "--replace removes it" in told.err
    told = call("account", "import", two_rows, *dry, "--json")
    assert json.loads(told.err.splitlines()[0])["error"]["account_id"] == ACME
    assert kit.vault.read_bytes() == before


@pytest.mark.parametrize("way", ["rotate", "replace"])
def test_an_import_says_what_becomes_of_credentials_that_were_there(
    call: Call, kit: Kit, two_rows: Path, way: str
) -> None:
    before = kit.vault.read_bytes()
    told = call("account", "import", two_rows, f"--{way}", "--dry-run")
    assert f"    {ACME} of acme would be {way}d\n" in told.err
    assert kit.vault.read_bytes() == before
    told = call("account", "import", two_rows, f"--{way}")
    assert told.code == 0, told.err
    assert f"    {ACME} of acme is {way}d\n" in told.err
    assert f"{NEW} of acme is" not in told.err
    assert states(call) == (["active", "retiring"] if way == "rotate" else ["active"])
    again = call("account", "import", two_rows, f"--{way}", "--json")
    assert (again.code, again.rows[0]["accounts"]) == (0, 2)
    assert again.rows[0]["rotated"] == again.rows[0]["replaced"] == [], "the secrets are the same"
    assert states(call) == (["active", "retiring"] if way == "rotate" else ["active"])


def test_a_retiring_credential_that_goes_is_told_also_where_the_secret_stays(
    call: Call, two_rows: Path
) -> None:
    call("account", "import", two_rows, "--rotate")
    assert states(call) == ["active", "retiring"]
    told = call("account", "import", two_rows, "--replace", "--json")
    assert [row["account_id"] for row in told.rows[0]["replaced"]] == [ACME]
    assert states(call) == ["active"]


def test_ctrl_c_in_an_import_stores_nothing_and_says_so(
    environment: dict[str, str], tmp_path: Path, kit: Kit, call: Call
) -> None:
    os.mkfifo(tmp_path / "rows", 0o600)
    child = subprocess.Popen(
        command("account", "import", "rows"), env=environment, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with open(tmp_path / "rows", "w") as pipe:  # the command reads it by now
        pipe.write(f"tenant,account_id,token\nnew,{NEW},{TOKEN}\n")
        pipe.flush()
        child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == Exit.INTERRUPTED
    assert said == "tracevault: interrupted; nothing of rows is stored\n"
    assert NEW not in call("account", "list").out
