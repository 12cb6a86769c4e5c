"""What programs may rely on: the names in ``docs/command.md`` are those of the lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast, get_args

import pytest

from tests.cli.conftest import Call, Kit
from tests.conftest import ACME, REPOSITORY
from tracevault.cli import profile
from tracevault.cli.group import shared
from tracevault.cli.options import FORMATS, UNLOCKS, VARIABLES, Options
from tracevault.cli.session import Session
from tracevault.notices import Notice
from tracevault.words import NoticeKind

if TYPE_CHECKING:
    from tracevault import Unlock, Vault

GUIDE = (REPOSITORY / "docs/command.md").read_text(encoding="utf-8")
REF = "4jXtPB72Kpz7S8D"
WHERE = ("--tenant", "acme", "--account", ACME)
START = ("--start", "2026-01-01")


def names(row: str) -> set[str]:
    """The names in code of the last cell of a row of the guide."""
    (line,) = [line for line in GUIDE.splitlines() if line.startswith(f"| {row}")]
    return set(re.findall(r"`([a-z_]+)`", line.split("|")[3]))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("`hunt`", ("hunt", "--subject", "report")),
        ("`batch`", ("batch", *WHERE)),
        ("`collect`", ("collect", "--checkpoint", "c", *START)),
        ("`account list`", ("account", "list")),
        ("`account check`", ("account", "check", *WHERE)),
        ("`vault info`", ("vault", "info")),
        ("`vault unlocks`", ("vault", "unlocks")),
        ("`doctor`", ("doctor", "--offline")),
        ("`search`", ("search", *WHERE)),
    ],
)
def test_each_verbs_lines_have_the_names_of_the_guide(
    call: Call, kit: Kit, row: str, words: tuple[str, ...]
) -> None:
    told = call(*words, "--json", stdin=REF)
    assert told.rows
    documented = names(row) - {"new", "changed", "none", "ok", "note", "fault", "hunt", "before"}
    for line in told.rows:
        assert documented <= line.keys(), documented - line.keys()
    if row in ("`account list`", "`vault unlocks`", "`doctor`", "`batch`"):
        assert documented == told.rows[0].keys()


def test_the_command_tells_the_notices_that_the_documents_say_it_tells(
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = Session(Options({}), "", cast("Vault", None), cast("Unlock", None), {})
    for kind in get_args(NoticeKind):
        session._tell(Notice(number=1, kind=kind, level="warning", message="why"))
    told = set(re.findall(r"^tracevault: (\w+): why$", capsys.readouterr().err, re.MULTILINE))
    notices, hosts = (
        (REPOSITORY / f"docs/{one}.md").read_text() for one in ("notices", "many-hosts")
    )
    listed = notices.partition("tells on standard error")[2].partition("##")[0]
    assert told == set(re.findall(r"`(\w+)`", listed))
    alerts = hosts.partition("For alerts:")[2].partition(";")[0]
    assert set(re.findall(r"`(\w+)`", alerts)) <= told
    assert "redis_flushed" in told


def test_an_error_has_the_names_of_the_guide(call: Call, kit: Kit) -> None:
    (error,) = call("trace", *WHERE, "--json", "4jXtPB72Kpz7S8E").errors
    section = GUIDE.partition('- `{"error": {…}}`:')[2].partition('- `{"note"')[0]
    documented = set(re.findall(r"`([a-z_]+)`", section))
    assert documented == error.keys()
    assert (error["status"], error["exit"], error["retriable"]) == ("TV_E_NO_MESSAGE", 4, False)


def test_the_options_have_the_names_of_the_guide() -> None:
    rows = re.findall(r"^\| `--([a-z-]+)[^|]*\| ?(?:`(\w+)`[^|]*)?\| ?(?:`(\w+)`)?", GUIDE, re.M)
    options = {one.name for one in shared()}
    told = {name.replace("-", "_"): (variable, key) for name, variable, key in rows}
    assert told.keys() | {"format"} == options
    assert {name: variable for name, (variable, _) in told.items() if variable} == VARIABLES
    assert {key for _, key in told.values() if key} == set(profile.NAMES)
    assert set(UNLOCKS) < options
    for one in FORMATS:
        assert one in GUIDE


def test_the_examples_of_log_hosts_name_options_that_exist(call: Call) -> None:
    known = call("filter", "--help").out
    lines = [line for line in GUIDE.splitlines() if 'binary="/usr/bin/tracevault filter' in line]
    assert len(lines) == 2
    for line in lines:
        for option in re.findall(r"--[a-z-]+", line):
            assert option in known
