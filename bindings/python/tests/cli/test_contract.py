"""What programs may rely on: the names in ``docs/command.md`` are those of the lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import click
import pytest
from click.core import ParameterSource

from tests.cli.conftest import Call, Kit
from tests.cli.test_wrong_call import FORMLESS, verbs
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


NEW = ("--tenant", "acme", "--account", "ab" * 16)
#: Of every verb with lines for programs: its row of the guide, and a call.
LINES: dict[str, tuple[str, tuple[str, ...]]] = {
    "search": ("`search`", ("search", *WHERE)),
    "hunt": ("`hunt`", ("hunt", "--subject", "report")),
    "batch": ("`batch`", ("batch", *WHERE)),
    "collect": ("`collect`", ("collect", "--checkpoint", "c", *START)),
    "account list": ("`account list`", ("account", "list")),
    "account add": ("`account list`", ("account", "add", *NEW, "--token-file", "new.txt")),
    "account rotate": (
        "`account list`",
        ("account", "rotate", *WHERE, "--token-file", "new.txt", "--yes"),
    ),
    "account promote": ("`account list`", ("account", "promote", *WHERE)),
    "account retire": ("`account list`", ("account", "retire", *WHERE, "--yes")),
    "account check": ("`account check`", ("account", "check", *WHERE)),
    "account import": ("`account import`", ("account", "import", "rows.csv")),
    "account remove": ("`account remove`", ("account", "remove", *WHERE, "--yes")),
    "account lift": ("`account lift`", ("account", "lift", *WHERE)),
    "init": ("`init`", ("init", "new.vault", "--key-file", "new.key")),
    "vault info": ("`vault info`", ("vault", "info")),
    "vault refresh": ("`vault info`", ("vault", "refresh")),
    "vault add-unlock": (
        "`vault add-unlock`",
        ("vault", "add-unlock", "--new-key-file", "new.key"),
    ),
    "vault remove-unlock": ("`vault add-unlock`", ("vault", "remove-unlock", "1", "--yes")),
    "vault rekey": ("`vault add-unlock`", ("vault", "rekey", "--new-key-file", "new.key", "--yes")),
    "vault export": (
        "`vault export`",
        ("vault", "export", "new.vault", "--new-key-file", "new.key"),
    ),
    "vault verify": ("`vault verify`", ("vault", "verify")),
    "vault unlocks": ("`vault unlocks`", ("vault", "unlocks")),
    "settings": ("`settings`", ("settings",)),
    "doctor": ("`doctor`", ("doctor", "--offline")),
}
#: Values that stand in code in a row, beside the names.
VALUES = {"new", "changed", "none", "ok", "note", "fault", "hunt", "before"}
#: What stands one level deeper: the names of a list's entries.
DEEPER = {"`account import`": {"tenant", "account_id"}}
#: Rows of which the guide says "as" another.
AS = {"`vault add-unlock`": "`vault info`", "`init`": "`vault info`"}
#: Rows that name what is theirs, and beside it a document that has a schema or names of its own.
MORE = {"`search`", "`hunt`", "`collect`", "`account check`", "`settings`"}


def test_every_verb_with_lines_is_in_the_table() -> None:
    documents = {"trace", "decode"}  # of a trace: docs/trace.md
    assert set(verbs()) == LINES.keys() | documents | FORMLESS


@pytest.fixture
def prepared(call: Call, kit: Kit, tmp_path: Path) -> None:
    """A vault with a second unlock and a retiring credential; a token, and rows to import."""
    rows = f"tenant,account_id,token\nglobex,{'ab' * 16},test-token-not-real-0000000000\n"
    for name, text in (("old.txt", "test-token-not-real-old-0000\n"), ("rows.csv", rows),
                       ("new.txt", "test-token-not-real-new-0000\n")):  # fmt: skip
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text)
    assert call("vault", "add-unlock", "--new-key-file", "second.key").code == 0
    token = ("--token-file", "old.txt")
    assert call("account", "rotate", *WHERE, *token).code == 0


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("verb", LINES)
def test_each_verbs_lines_have_the_names_of_the_guide(call: Call, verb: str) -> None:
    row, words = LINES[verb]
    told = call(*words, "--json", stdin=REF)
    assert told.rows, told.err
    documented = names(row) - VALUES - DEEPER.get(row, set())
    documented |= names(AS[row]) if row in AS else set()
    for line in told.rows:
        assert documented <= line.keys(), documented - line.keys()
        assert row in MORE or documented == line.keys()


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


def test_both_packages_ask_for_the_click_of_debian_12_or_a_later_one() -> None:
    for name, asked in (("bindings/python/pyproject.toml", '"click>=8.1"'),
                        ("scripts/deb", "python3-click (>= 8.1)")):  # fmt: skip
        assert asked in (REPOSITORY / name).read_text(encoding="utf-8")


def test_the_examples_of_log_hosts_name_options_that_exist(call: Call) -> None:
    known = call("filter", "--help").out
    lines = [line for line in GUIDE.splitlines() if 'binary="/usr/bin/tracevault filter' in line]
    assert len(lines) == 2
    for line in lines:
        for option in re.findall(r"--[a-z-]+", line):
            assert option in known


def test_what_stands_on_the_line_counts_whatever_click_says_of_its_source(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """click 8.4.0 tells it too late: each --tenant, --vault and --json was passed over."""
    monkeypatch.setattr(
        click.Context, "get_parameter_source", lambda _context, _name: ParameterSource.DEFAULT
    )
    (row,) = call("account", "list", "--tenant", "acme", "--account", ACME, "--json").rows
    assert (row["tenant"], row["account_id"]) == ("acme", ACME)
    assert call("account", "list", "--vault", "nowhere.vault").code != 0
