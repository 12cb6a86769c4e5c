"""What a hunt says of itself: terminal, programs and page tell the same, and what was asked."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit
from tracevault.cli.html import hunt_page
from tracevault.cli.hunted import AskedAccount, Scope
from tracevault.cli.verbs import hunt as verb

BROKEN = "ab" * 16
NOW = datetime(2027, 3, 4, 12, 0, 5, tzinfo=timezone.utc)


@pytest.fixture
def sender(kit: Kit) -> str:
    """The sender of a message that some of the accounts have."""
    return str(kit.server.mail_of(ACME)[0].item["from"])


@pytest.fixture
def broken(kit: Kit) -> None:
    """An account in the vault whose credential nobody takes."""
    token = tv.ApiToken(bytearray(b"test-token-not-real-000000000000000"))
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.put("broken", BROKEN, token, origin=kit.server.origin, label="<Broken & Co>")


def shown(page: str) -> str:
    """The words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def rows_of(page: str) -> list[list[str]]:
    """The table of the accounts that were asked."""
    (table,) = re.findall(r"Every account that was to be asked</caption>(.*?)</table>", page, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)[1:]
    return [[shown(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)] for row in rows]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("what", ["found", "nothing"])
def test_terminal_programs_and_page_tell_the_same_numbers(
    call: Call, kit: Kit, tmp_path: Path, sender: str, what: str
) -> None:
    sought = sender if what == "found" else "nobody.example"
    words = ("hunt", "--sender", sought, "--start", "2026-01-01", "--no-trace")
    told = call(*words, "--html", "case.html")
    page = (tmp_path / "case.html").read_text()
    programs = call(*words, "--json")
    assert told.code == programs.code == Exit.SOME
    notes = [json.loads(line).get("note", {}) for line in programs.err.splitlines()]
    (facts,) = (note for note in notes if "copies" in note)
    rows = programs.rows
    copies = [row for row in rows if row["message"]]
    having = {row["account_id"] for row in copies}
    assert facts["copies"] == len(copies)
    assert facts["accounts_with_copies"] == len(having)
    assert facts["accounts_asked"] == len(kit.server.accounts) + 1
    assert (facts["accounts_failed"], facts["accounts_left"]) == (1, 0)
    assert facts["start"] is not None
    assert facts["end"] is None
    sentence = f"{facts['accounts_asked']} accounts asked, 1 of them without a whole answer"
    found = f"{len(copies)} copies in {len(having)} accounts" if copies else "no copy"
    assert f"{found}; {sentence}" in told.err
    assert f"{found[0].upper()}{found[1:]}; {sentence}" in shown(page)
    assert bool(copies) is (what == "found")


@pytest.mark.usefixtures("broken")
def test_the_page_names_every_account_that_was_to_be_asked(
    call: Call, kit: Kit, tmp_path: Path, sender: str
) -> None:
    call("hunt", "--sender", sender, "--start", "2026-01-01", "--no-trace", "--html", "case.html")
    rows = rows_of((tmp_path / "case.html").read_text())
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    by_id = {row[1].split()[0]: row for row in rows}
    assert by_id.keys() == {one.id for one in kit.server.accounts} | {BROKEN}
    assert by_id[BROKEN] == ["broken", f"{BROKEN} <Broken & Co>", "0",
                             "✘ could not be asked to the end"]  # fmt: skip
    assert by_id[ACME][3] == "✔ asked to the end"
    assert int(by_id[ACME][2].replace(",", "")) > 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--start", "2026-11-01", "--end", "2026-11-29T08:30"),
         "2026-11-01 00:00:00 to 2026-11-29 08:30:00 UTC"),
        (("--start", "2026-11-01T02:00:00+02:00"), "2026-11-01 00:00:00 to 2"),
        ((), " UTC (30 days back, Cloudflare's default)"),
    ],
)  # fmt: skip
def test_the_window_of_time_is_told(
    call: Call, kit: Kit, tmp_path: Path, given: tuple[str, ...], words: str
) -> None:
    told = call("hunt", "--sender", "nobody.example", *given, "--html", "case.html")
    assert told.code == 0, told.err
    assert "looked for in " in told.err
    assert words in told.err
    assert words in shown((tmp_path / "case.html").read_text())


def account(tenant: str, copies: int, answer: str) -> AskedAccount:
    return AskedAccount(tenant, f"{copies:032x}", "", copies, answer)  # type: ignore[arg-type]


def test_a_hunt_that_was_ended_early_says_how_far_it_came() -> None:
    accounts = (account("a", 2, "whole"), account("b", 1, "failed"), account("c", 0, "open"))
    scope = Scope(NOW, None, None, accounts)
    sentence = "3 copies in 2 accounts; 2 of 3 accounts asked, 1 of them without a whole answer"
    assert scope.found_words == sentence
    page = hunt_page([], scope=scope, whole=False)
    assert sentence in shown(page)
    assert rows_of(page)[2] == [
        "c", f"{0:032x}", "0", "? not asked to the end: the hunt was ended early",
    ]  # fmt: skip


def test_without_a_begin_the_window_is_cloudflares_before_now() -> None:
    scope = Scope(NOW, None, NOW - timedelta(days=10), ())
    assert scope.time_words.startswith("2027-02-02 12:00:05 to 2027-02-22 12:00:05 UTC")
    assert Scope(NOW, NOW - timedelta(days=1), None, ()).time_words == (
        "2027-03-03 12:00:05 to 2027-03-04 12:00:05 UTC"
    )


def test_a_long_list_of_accounts_is_folded() -> None:
    many = tuple(account(f"t{number:02}", number, "whole") for number in range(13))
    assert "<summary>All 13 accounts</summary>" in hunt_page([], scope=Scope(NOW, None, None, many))
    assert "<summary>" not in hunt_page([], scope=Scope(NOW, None, None, many[:12]))


def failed(kit: Kit, call: Call, tmp_path: Path, sender: str, count: int) -> str:
    """The page of a hunt with so many accounts whose token is refused, first by name."""
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        for number in range(count):
            wrong = tv.ApiToken(bytearray(b"test-token-not-real-%015d" % number))
            edit.put(f"aa{number:02}", f"{number:032x}", wrong, origin=kit.server.origin)
    call("hunt", "--sender", sender, "--start", "2026-01-01", "--html", "case.html")
    return (tmp_path / "case.html").read_text()


@pytest.mark.parametrize("count", [2, 13])
def test_copies_stand_before_the_accounts_that_failed(
    call: Call, kit: Kit, tmp_path: Path, sender: str, count: int
) -> None:
    page = failed(kit, call, tmp_path, sender, count)
    copies = page.index("Every copy, recipient by recipient")
    group = page.index(f"{count} accounts without a whole answer: ")
    assert copies < group < page.index("Every account that was to be asked")
    assert "aa00" not in page[copies:group], "no account without a copy is a row among the copies"
    assert page.count("TV_E_CREDENTIAL") == 2, (
        "the reason is told once, and to readers of the table"
    )
    folded = re.search(r"<details( open=\"\")?><summary><span class=\"outcome bad\">", page)
    assert folded is not None
    assert bool(folded[1]) == (count <= 12)


def test_a_hunt_without_any_copy_has_no_empty_table_of_them(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    page = failed(kit, call, tmp_path, "nobody@nowhere.example", 2)
    assert "Every copy" not in page
    assert "2 accounts without a whole answer" in page


@pytest.mark.parametrize(
    "words",
    [("hunt", "--subject", "report", "--html", "case.html"), ("collect", "--checkpoint", "c")],
)
def test_no_account_to_ask_is_no_all_clear(
    call: Call, kit: Kit, tmp_path: Path, words: tuple[str, ...]
) -> None:
    tv.Vault.create(tmp_path / "empty", tv.KeyFile(kit.key_file)).close()
    told = call("--vault", "empty", *words)
    assert (told.code, told.out) == (Exit.NOT_FOUND, "")
    assert "there is no account to ask" in told.err
    assert "no copy" not in told.err
    assert not (tmp_path / "case.html").exists()


@pytest.mark.parametrize("output", ["table", "json"])
def test_ctrl_c_leaves_the_numbers_of_what_was_asked(
    call: Call, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    take = verb._take

    def take_one(*arguments: Any) -> None:
        take(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(verb, "_take", take_one)
    told = call("hunt", "--subject", "report", "--html", "case.html", "--format", output)
    assert told.code == Exit.INTERRUPTED
    *_, summary, interrupted = told.err.splitlines()
    page = (tmp_path / "case.html").read_text()
    if output == "table":
        said = re.fullmatch(r"tracevault: (1 copy in 1 account; [^,]* asked).*", summary)
        assert said, summary
        assert said[1] in page
        assert ", ended early by Ctrl-C, in " in summary
        assert interrupted.startswith("tracevault: interrupted; to be able to go on")
    else:
        note = json.loads(summary)["note"]
        assert (note["copies"], note["accounts_with_copies"], note["whole"]) == (1, 1, False)
        assert note["accounts_asked"] + note["accounts_left"] == len(kit.server.accounts)
        assert json.loads(interrupted)["error"]["status"] == "INTERRUPTED"


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("ended", ["whole", "by Ctrl-C"])
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_page_that_cannot_be_written_takes_no_number_away(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch, output: str, ended: str
) -> None:
    take = verb._take

    def until_broken(*arguments: Any) -> None:
        take(*arguments)
        if arguments[1].failed:
            raise KeyboardInterrupt

    if ended != "whole":
        monkeypatch.setattr(verb, "_take", until_broken)
    told = call("hunt", "--subject", "report", "--html", "/dev/full", "--format", output)
    assert told.code == Exit.OTHER, told.err
    *_, summary, last = told.err.splitlines()
    unwritten = "the page /dev/full cannot be written: No space left on device"
    if output == "table":
        assert "1 x TV_E_CREDENTIAL" in told.err
        assert "1 question without an answer" in summary
        assert (", ended early by Ctrl-C" in summary) is (ended != "whole")
        assert last == f"tracevault: {unwritten}"
    else:
        note = json.loads(summary)["note"]
        assert (note["failed"], note["whole"]) == (1, ended == "whole")
        assert json.loads(last)["error"]["message"] == unwritten
