"""An option that takes one value is refused where it is given twice: the first would not count."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit

HUNT = ("hunt", "--subject", "report")
ONE = ("--tenant", "acme", "--account", ACME)
TWICE = {
    (*HUNT, "--tenant", "acme", "--tenant", "globex"): "--tenant",
    (*HUNT, "--subject", "nosuch"): "--subject",
    (*HUNT, "--recipient", "a@acme.example", "--recipient", "b@acme.example"): "--recipient",
    (*HUNT, "--start", "2d", "--start", "1d"): "--start",
    (*HUNT, "--wait", "1", "--wait=2"): "--wait",
    ("--format", "csv", "--format", "table", *HUNT): "--format",
    ("search", *ONE, "--limit", "1", "--limit", "1"): "--limit",
    ("account", "check", "--expiring", "3d", "--expiring", "30d"): "--expiring",
    ("account", "remove", *ONE, "--account", ACME, "--yes"): "--account",
    ("decode", "--html", "one", "--html", "two"): "--html",
}


@pytest.mark.parametrize("words", TWICE, ids=" ".join)
def test_an_option_that_is_given_twice_is_told_before_anything_is_asked(
    call: Call, kit: Kit, words: tuple[str, ...]
) -> None:
    kit.server.reset()
    before = kit.vault.read_bytes()
    told = call(*words)
    assert told.code == Exit.USAGE, told.out + told.err
    assert f"{TWICE[words]} is given twice: give one" in told.err
    assert "acme.example" not in told.err, "what is given may be a secret"
    assert told.out == ""
    assert kit.server.requests() == []
    assert kit.vault.read_bytes() == before


def test_what_may_be_given_several_times_is_not_refused(call: Call, kit: Kit) -> None:
    told = call("search", *ONE, "--set", "engine.connections=1", "--set", "retry.base_ms=1")
    assert "twice" not in told.err
    told = call("account", "list", "--json", "--json")
    assert told.code == 0, told.err
    assert call(*HUNT, "--subject", "x", "--help").code == 0
