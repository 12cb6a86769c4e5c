"""A hunt that is told from its journal says so, and up to when it looked."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call, Done, Kit
from tests.conftest import ACME, Clock, ClockIn
from tracevault import _options
from tracevault import hunt as hunt_module
from tracevault.cli.exits import Exit

#: When the first runs began: some days after the mail of the stand-in.
THEN = datetime(2026, 11, 28, 18, tzinfo=timezone.utc)
HUNT = ("hunt", "--subject", "report", "--wait", "20", "--resume", "j")


@pytest.fixture
def clock(clock_in: ClockIn) -> type[Clock]:
    return clock_in(hunt_module, THEN)


def facts(told: Done) -> dict[str, Any]:
    """The summary that programs get."""
    notes = [json.loads(line).get("note", {}) for line in told.err.splitlines()]
    return next(note for note in notes if "accounts_asked" in note)


def shown(page: Path) -> str:
    """The words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.read_text())).split())


def test_an_answer_of_before_is_told_with_its_time_everywhere(
    call: Call, kit: Kit, tmp_path: Path, clock: type[Clock]
) -> None:
    kit.server.reset()
    hidden = [one.item["id"] for one in kit.server.mail_of(ACME)]
    for one in hidden:
        kit.server.amend(one, None)
    words = (*HUNT, "--tenant", "acme", "--start", "2000-01-01")
    first = call(*words, "--html", "case.html")
    assert first.code == 0, first.err
    assert "from before" not in first.err + shown(tmp_path / "case.html")
    for one in hidden:
        kit.server.amend(one, {})
    asked = len(kit.server.requests())
    clock.at = THEN + timedelta(days=1)
    told, programs = call(*words, "--html", "case.html"), call(*words, "--json")
    assert len(kit.server.requests()) == asked
    began = f"{THEN:%Y-%m-%d %H:%M:%S} UTC"
    answers = facts(programs)["resumed"]
    assert answers >= 2
    sentence = f"nothing was asked now: {answers} answers are from before, of the hunt "
    sentence += f"that began {began}"
    for text in (told.err, shown(tmp_path / "case.html")):
        assert sentence[1:] in text
        assert f"2000-01-01 00:00:00 to {began}" in text
    assert "to look again, give --resume the name of a new file" in told.err
    assert facts(programs)["asked_now"] == 0
    assert facts(programs)["began"] == THEN.isoformat()
    kit.server.reset()


def test_what_is_asked_later_is_told_beside_what_was_known(
    call: Call, kit: Kit, tmp_path: Path, clock: type[Clock]
) -> None:
    refused = kit.server.credential("1111ec" + "0" * 25 + "1")
    kit.server.revoke(refused)
    try:
        assert call(*HUNT, "--start", "300d").code == Exit.SOME
    finally:
        kit.server.restore(refused)
    clock.at = THEN + timedelta(days=1)
    told = call(*HUNT, "--start", "300d", "--html", "case.html")
    assert told.code == 0, told.err
    (count,) = re.findall(r"(\d+) answers are from before", told.err)
    assert f"{count} answers are from before, of the hunt that began" in told.err
    assert "nothing was asked" not in told.err
    assert f"{count} answers are from before" in shown(tmp_path / "case.html")
    assert f" to {THEN:%Y-%m-%d %H:%M:%S} UTC" in told.err


def test_a_duration_counts_from_the_begin_of_the_first_run(
    call: Call, kit: Kit, clock: type[Clock]
) -> None:
    words = (*HUNT, "--start", "300d", "--end", "1m")
    first = facts(call(*words, "--json"))
    kit.server.reset()
    clock.at = THEN + timedelta(seconds=1)  # another second, another start
    second = facts(call(*words, "--json"))
    assert kit.server.requests() == []
    assert {one: first[one] for one in ("start", "end", "began")} == {
        one: second[one] for one in ("start", "end", "began")
    }
    assert first["copies"] == second["copies"] > 0
    assert (first["resumed"], second["asked_now"]) == (0, 0)


def test_a_hunt_whose_first_run_got_nothing_is_told_as_one_that_goes_on(
    call: Call, kit: Kit, tmp_path: Path, clock: type[Clock]
) -> None:
    words = (*HUNT, "--tenant", "acme", "--start", "300d")
    nobody = ("--set", "http.proxy=http://127.0.0.1:9", "--set", "retry.max_attempts=1")
    first = call(*words, *nobody, "--json")
    assert first.code != 0
    assert (facts(first)["goes_on"], facts(first)["resumed"]) == (False, 0)
    clock.at = THEN + timedelta(days=1)
    told = call(*words, *nobody, "--html", "case.html")
    programs = facts(call(*words, "--json"))
    sentence = f"his goes on with the hunt that began {THEN:%Y-%m-%d %H:%M:%S} UTC"
    assert f"{sentence}; to look again, give --resume the name of a new file" in told.err
    assert sentence in shown(tmp_path / "case.html")
    assert (programs["goes_on"], programs["resumed"]) == (True, 0)
    assert programs["began"] == THEN.isoformat()
    assert programs["asked_now"] > 0


def test_an_old_end_goes_on_after_cloudflares_days(
    call: Call, kit: Kit, clock: type[Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_options, "datetime", clock)
    end = THEN - timedelta(days=30) + timedelta(seconds=2)
    words = (*HUNT, "--end", end.isoformat())
    first = call(*words, "--json")
    assert first.code == 0, first.err
    kit.server.reset()
    clock.at = THEN + timedelta(seconds=3)
    second = call(*words, "--json")
    assert second.code == 0, second.err
    assert kit.server.requests() == []
    assert facts(first)["end"] == facts(second)["end"] == end.isoformat()
    assert call("hunt", "--subject", "other", *words[3:]).code == Exit.USAGE


@pytest.mark.parametrize("resume", [(), ("--resume", "j")])
@pytest.mark.parametrize("verb", ["hunt", "search"])
def test_a_start_before_the_calendar_is_a_wrong_call(
    call: Call, kit: Kit, tmp_path: Path, verb: str, resume: tuple[str, ...]
) -> None:
    kit.server.reset()
    where = ("--tenant", "acme") if verb == "search" else resume
    told = call(verb, "--subject", "report", "--start", "0001-01-01T00:00:00+05:00", *where)
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert "--start takes a time" in told.err
    assert kit.server.requests() == []
    assert not (tmp_path / "j").exists()


@pytest.mark.parametrize("other", [("--start", "7d"), ("--start", "300d", "--end", "1d")])
def test_another_time_is_a_wrong_call(
    call: Call, kit: Kit, tmp_path: Path, other: tuple[str, ...]
) -> None:
    assert call(*HUNT, "--start", "300d").code == 0
    kit.server.reset()
    told = call(*HUNT, *other, "--html", "case.html")
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert "is not that of the first run, which j remembers" in told.err
    assert "name another journal" in told.err
    assert kit.server.requests() == []
    assert not (tmp_path / "case.html").exists()


@pytest.mark.parametrize(
    "verb", [("hunt", "--subject", "report"), ("collect", "--checkpoint", "c")]
)
def test_an_end_that_is_to_come_is_told_as_now(
    call: Call, kit: Kit, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    words = (*verb, "--start", "2026-01-01", "--end", "2099-01-01")
    told = call(*words)
    end = re.findall(r"looked (?:for in|at) 2026-01-01 00:00:00 to (\S+ \S+) UTC", told.err)[0]
    now = datetime.now(timezone.utc)
    assert abs(now - datetime.fromisoformat(f"{end}+00:00")) < timedelta(minutes=2)
    note = json.loads(call(*words, "--json").err.splitlines()[-1])["note"]
    assert abs(now - datetime.fromisoformat(note["end"])) < timedelta(minutes=2)


def test_a_start_after_the_second_of_the_begin_is_told_as_the_end_too(
    call: Call, kit: Kit, clock: type[Clock]
) -> None:
    start = THEN + timedelta(milliseconds=250)
    words = ("hunt", "--subject", "report", "--start", start.isoformat())
    told = call(*words, "--resume", "j")
    programs = call(*words, "--end", "2099-01-01", "--resume", "k", "--json")
    assert (told.code, programs.code) == (0, 0), told.err + programs.err
    at = f"{start:%Y-%m-%d %H:%M:%S}.250"
    assert f"looked for in {at} to {at} UTC" in told.err
    assert facts(programs)["start"] == facts(programs)["end"] == start.isoformat()


def test_the_help_says_how_to_look_anew(call: Call) -> None:
    told = " ".join(call("hunt", "--help").out.split())
    assert "A new file looks anew" in told
