"""Rotations: no credential that may be the last one that works goes without a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import TOKEN, Call, Kit
from tests.cli.terminal import Terminal
from tests.conftest import ACME
from tracevault.cli.exits import Exit

WHERE = ("--tenant", "acme", "--account", ACME)
GOES = f"the retiring credential of {ACME} of acme goes for good"
GONE = f"the retiring credential of {ACME} of acme is gone for good"


def tokens(folder: Path, number: int) -> tuple[str, Path]:
    """A token of its own in a file."""
    file = folder / f"token{number}"
    file.touch(mode=0o600)
    file.write_text(f"{TOKEN}{number}\n")
    return "--token-file", file


def rows(folder: Path, number: int) -> Path:
    """The same in a table."""
    file = folder / f"rows{number}.csv"
    file.touch(mode=0o600)
    file.write_text(f"tenant,account_id,token\nacme,{ACME},{TOKEN}{number}\n")
    return file


def prints(call: Call) -> list[tuple[str, str]]:
    """The states and fingerprints of the account's credentials."""
    listed = call("account", "list", *WHERE, "--json").rows
    return [(row["state"], row["fingerprint"]) for row in listed]


def test_a_second_rotation_is_asked_for_before_the_secret_is(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    (_, first), *_ = prints(call)
    told = call("account", "rotate", *WHERE, *tokens(tmp_path, 1))
    assert told.code == 0, told.err
    assert "; the old one is retiring; try: tracevault account check, then" in told.err
    assert "tracevault account retire\n" in told.err
    before = kit.vault.read_bytes()
    told = call("account", "rotate", *WHERE)  # nobody is asked for a secret
    assert told.code == Exit.USAGE
    assert GOES in told.err
    assert "tracevault account promote makes it active again" in told.err
    assert told.err.endswith("Nobody can be asked here: give --yes\n")
    assert kit.vault.read_bytes() == before
    told = call("account", "rotate", *WHERE, *tokens(tmp_path, 2), "--yes")
    assert told.code == 0, told.err
    assert GONE in told.err
    assert first not in {one for _, one in prints(call)}
    told = call("account", "rotate", *WHERE, *tokens(tmp_path, 2), "--yes")
    assert "nothing is changed" in told.err
    assert GONE not in told.err


def test_a_rotation_back_to_the_retiring_secret_loses_nothing_and_says_nothing_else(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    for number in (1, 2):
        assert call("account", "rotate", *WHERE, *tokens(tmp_path, number), "--yes").code == 0
    before = prints(call)
    told = call("account", "rotate", *WHERE, *tokens(tmp_path, 1), "--yes")
    assert told.code == 0, told.err
    assert {one for _, one in prints(call)} == {one for _, one in before}
    assert GONE not in told.err


@pytest.mark.parametrize("answer", ["n", "y"])
def test_a_person_is_asked_before_a_retiring_credential_goes(
    call: Call, kit: Kit, tmp_path: Path, environment: dict[str, str], answer: str
) -> None:
    assert call("account", "rotate", *WHERE, *tokens(tmp_path, 1)).code == 0
    before = prints(call)
    for verb in (("rotate", *tokens(tmp_path, 2)), ("retire",)):
        run = Terminal(environment, tmp_path, "account", *verb, *WHERE)
        run.until(lambda seen: "[y/N]" in seen)
        assert GOES in run.seen
        assert ("account check" in run.seen) == (verb[0] == "retire")
        run.type(f"{answer}\n")
        assert run.end() == (Exit.OK if answer == "y" else Exit.USAGE), run.seen
    assert (prints(call) == before) == (answer == "n")


def test_the_end_of_a_rotation_wants_a_yes_where_nobody_can_be_asked(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    assert call("account", "rotate", *WHERE, *tokens(tmp_path, 1)).code == 0
    before = kit.vault.read_bytes()
    told = call("account", "retire", *WHERE)
    assert told.code == Exit.USAGE
    assert GOES in told.err
    assert "--yes" in told.err
    assert kit.vault.read_bytes() == before
    assert call("account", "retire", *WHERE, "--yes").code == 0


@pytest.mark.parametrize("way", ["rotate", "replace"])
def test_an_import_says_which_retiring_credentials_go(
    call: Call, kit: Kit, tmp_path: Path, way: str
) -> None:
    told = call("account", "import", rows(tmp_path, 1), "--rotate")
    assert told.code == 0, told.err
    assert "for good" not in told.err
    told = call("account", "import", rows(tmp_path, 2))
    assert "an older retiring one goes for good" in told.err
    told = call("account", "import", rows(tmp_path, 2), f"--{way}", "--dry-run")
    assert GOES.replace(" goes", " would go") in told.err
    told = call("account", "import", rows(tmp_path, 2), f"--{way}", "--dry-run", "--json")
    assert told.rows[0]["retiring_removed"] == [{"tenant": "acme", "account_id": ACME}]
    told = call("account", "import", rows(tmp_path, 2), f"--{way}")
    assert told.code == 0, told.err
    assert GONE in told.err
    told = call("account", "import", rows(tmp_path, 3), f"--{way}", "--json")
    removed = [{"tenant": "acme", "account_id": ACME}] if way == "rotate" else []
    assert told.rows[0]["retiring_removed"] == removed
    told = call("account", "import", rows(tmp_path, 3), "--rotate", "--json")
    assert told.rows[0]["retiring_removed"] == [], "the secret is the same"
