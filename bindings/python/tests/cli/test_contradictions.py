"""Options that contradict each other are told, and nothing is asked or changed."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit

REF = "4jXtPB72Kpz7S8D"
ONE = ("--tenant", "acme", "--account", ACME)
HUNT = ("hunt", "--subject", "report")
COLLECT = ("collect", "--checkpoint", "c")
#: Each call, and the options that its error names.
PAIRS = {
    (*COLLECT, "--detections-only", "--all"): ("--detections-only", "--all"),
    (*COLLECT, "--wait", "5"): ("--wait", "--trace"),
    (*COLLECT, "--account", ACME): ("--account",),
    (*HUNT, "--account", ACME): ("--account",),
    (*HUNT, "--no-trace", "--wait", "5"): ("--wait", "--no-trace"),
    (*HUNT, "--no-trace", "--format", "ecs"): ("--no-trace", "--format ecs"),
    (*HUNT, "--no-trace", "--format", "ocsf"): ("--no-trace", "--format ocsf"),
    ("trace", *ONE, REF, "--lines", "--json"): ("--lines", "--json"),
    ("trace", *ONE, REF, "--lines", "--format", "csv"): ("--lines", "--format csv"),
    ("trace", *ONE, REF, "--follow", "--wait", "5"): ("--follow", "--wait"),
    ("trace", *ONE, REF, "--wait", "9", "--timeout", "5"): ("--wait", "--timeout"),
    ("batch", *ONE, "--wait", "9", "--timeout", "5"): ("--wait", "--timeout"),
    ("batch", *ONE, "--fresh", "--resume", "j"): ("--fresh", "--resume"),
    (*HUNT, "--wait", "9", "--timeout", "5"): ("--wait", "--timeout"),
    (*COLLECT, "--trace", "--wait", "9", "--timeout", "5"): ("--wait", "--timeout"),
    ("filter", *ONE, "--wait", "60"): ("--wait", "--timeout"),
    ("decode", "--lines", "--json"): ("--lines", "--json"),
    ("filter", *ONE, "--omprog", "rows", "--mmexternal"): ("--omprog", "--mmexternal"),
    ("filter", *ONE, "--keep-alive", "2"): ("--keep-alive", "--omprog"),
    ("filter", *ONE, "--format", "csv"): ("--format",),
    ("doctor", "--report", "--json"): ("--report", "--json"),
    ("account", "remove", *ONE, "--whole-tenant", "--yes"): ("--whole-tenant", "--account"),
    ("account", "rotate", *ONE, "--token-file", "t", "--token-stdin"): ("--token-file",),
    ("account", "import", "rows", "--rotate", "--replace"): ("--rotate", "--replace"),
    ("init", "one", "--vault", "two"): ("FILE", "--vault"),
    ("vault", "info", "--key-file", "k", "--passphrase-file", "p"): ("--key-file", "--passphrase"),
    ("vault", "add-unlock", "--new-key-file", "k", "--new-passphrase-file", "p"): ("--new-key",),
    ("search", *ONE, "--start", "1d", "--end", "2d"): ("start", "end"),
    ("demo", "--format", "csv"): ("--format",),
    ("completion", "bash", "--format", "csv"): ("--format",),
}  # fmt: skip


@pytest.mark.parametrize("words", PAIRS, ids=" ".join)
def test_what_contradicts_itself_is_told_before_anything_is_asked(
    call: Call, kit: Kit, words: tuple[str, ...]
) -> None:
    kit.server.reset()
    before = kit.vault.read_bytes()
    told = call(*words)
    assert told.code == Exit.USAGE, told.out + told.err
    assert all(name in told.err for name in PAIRS[words]), told.err
    assert told.out == ""
    assert kit.server.requests() == []
    assert kit.vault.read_bytes() == before


def test_what_a_variable_says_contradicts_no_option_of_the_line(
    call: Call, kit: Kit, environment: dict[str, str]
) -> None:
    environment["TRACEVAULT_ACCOUNT"] = ACME
    told = call("account", "remove", "--tenant", "acme", "--whole-tenant", "--yes")
    assert told.code == 0, told.err
