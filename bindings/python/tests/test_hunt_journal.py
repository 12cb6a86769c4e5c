"""A hunt with a journal is one hunt, however often it is gone on with: one begin, one window."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from launcher import Standin

import tracevault as tv
from tracevault import _options
from tracevault import hunt as hunt_module
from tracevault.first_run import FirstRun, first_run
from tracevault.journal import SCHEMA

from .conftest import Clock, ClockIn, settings

DAY = timedelta(days=1)
#: When the first run begins: some days after the mail of the stand-in.
FIRST = datetime(2026, 11, 25, 18, tzinfo=timezone.utc)
SENDER = "sender.example"
Window = tuple[datetime | None, datetime | None]


def begin_anew(server: Standin) -> None:
    """No request is known, and no mail is found whose trace still grows: none is waited for."""
    server.reset()
    for message in server.messages:
        if message.pending_requests and not message.submission:
            server.amend(message.investigate_id, None)


@pytest.fixture(autouse=True)
def clock(clock_in: ClockIn, server: Standin) -> Iterator[type[Clock]]:
    begin_anew(server)
    yield clock_in(hunt_module, FIRST)
    server.reset()


def hunted(engine: tv.Engine, where: Any, path: Path, **how: Any) -> list[tv.Finding]:
    return list(engine.hunt(where, **{"sender": SENDER, "wait": 20, "resume": path, **how}))


def windows(server: Standin) -> list[Window]:
    """The windows of the searches since the last reset."""
    found = []
    for request in server.requests():
        if not request["path"].endswith("/trace"):
            asked = parse_qs(request["query"])
            start, end = (asked.get(name, [None])[0] for name in ("start", "end"))
            found.append((start and datetime.fromisoformat(start.replace("Z", "+00:00")),
                          end and datetime.fromisoformat(end.replace("Z", "+00:00"))))  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("given", "window"),
    [
        ({}, (FIRST - 30 * DAY, FIRST)),
        ({"start": timedelta(days=7)}, (FIRST - 7 * DAY, FIRST)),
        ({"start": FIRST - 9 * DAY, "end": DAY}, (FIRST - 9 * DAY, FIRST - DAY)),
        ({"end": datetime(2099, 1, 1, tzinfo=timezone.utc)}, (FIRST - 30 * DAY, FIRST)),
    ],
)
def test_every_run_looks_at_the_time_of_the_first(
    server: Standin,
    vault: tv.Vault,
    clock: type[Clock],
    tmp_path: Path,
    given: dict[str, Any],
    window: Window,
) -> None:
    refused = server.credential("1111ec" + "0" * 25 + "1")
    server.revoke(refused)
    with tv.Engine(settings(server)) as engine:
        hunted(engine, vault, tmp_path / "j", **given)
    asked = windows(server)
    assert len(asked) >= len(server.accounts)
    server.restore(refused)
    clock.at = FIRST + 2 * DAY
    with tv.Engine(settings(server)) as engine:
        hunted(engine, vault, tmp_path / "j", **given)
        more = windows(server)[len(asked) :]
        hunted(engine, vault, tmp_path / "j")
    assert 0 < len(more) < len(asked), "what failed is asked again, and nothing else"
    assert windows(server) == asked + more
    assert set(asked + more) == {window}


def test_without_a_journal_cloudflare_says_which_time_that_is(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    list(engine.hunt(acme, sender=SENDER))
    list(engine.hunt(acme, sender=SENDER, start=timedelta(days=7)))
    assert set(windows(server)) == {(None, None), (FIRST - 7 * DAY, None)}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"start": FIRST - 30 * DAY}),
        ({"start": timedelta(days=7)}, {"start": timedelta(days=8)}),
        ({"start": FIRST - 7 * DAY}, {"start": FIRST - 6 * DAY}),
        ({"start": FIRST - 7 * DAY}, {"start": FIRST - 7 * DAY, "end": FIRST}),
        ({"end": FIRST - DAY}, {"end": FIRST}),
    ],
)
def test_another_window_is_refused(
    server: Standin,
    engine: tv.Engine,
    acme: tv.Tenant,
    tmp_path: Path,
    clock_in: ClockIn,
    first: dict[str, Any],
    second: dict[str, Any],
) -> None:
    clock_in(_options, FIRST)
    hunted(engine, acme, tmp_path / "j", **first)
    begin_anew(server)
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(tv.ArgumentError, match="is not that of the first run") as caught:
        hunted(engine, acme, tmp_path / "j", **second)
    assert str(tmp_path / "j") in str(caught.value)
    assert server.requests() == []
    assert (tmp_path / "j").read_bytes() == before
    hunted(engine, acme, tmp_path / "j", **first)
    assert server.requests() == []


def test_the_same_time_in_other_words_is_the_same_window(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, clock: type[Clock]
) -> None:
    hunted(engine, acme, tmp_path / "j", start=timedelta(days=7))
    begin_anew(server)
    clock.at = FIRST + DAY
    there = (FIRST - 7 * DAY).astimezone(timezone(timedelta(hours=5)))
    for start in (there, there.isoformat(), None):
        hunted(engine, acme, tmp_path / "j", start=start)
    assert server.requests() == []


def test_other_words_are_another_hunt_in_one_journal(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, clock: type[Clock]
) -> None:
    hunted(engine, acme, tmp_path / "j", start=timedelta(days=20))
    begin_anew(server)
    clock.at = FIRST + DAY
    hunted(engine, acme, tmp_path / "j", subject="report")
    assert set(windows(server)) == {(clock.at - 30 * DAY, clock.at)}
    begin_anew(server)
    clock.at = FIRST + 2 * DAY
    hunted(engine, acme, tmp_path / "j")
    hunted(engine, acme, tmp_path / "j", subject="report")
    assert server.requests() == []


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    "moment", ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00", datetime.min.replace(
        tzinfo=timezone(timedelta(hours=5)))]
)  # fmt: skip
def test_a_time_outside_the_calendar_is_refused(
    server: Standin,
    engine: tv.Engine,
    acme: tv.Tenant,
    tmp_path: Path,
    moment: Any,
    resume: bool,
) -> None:
    how: dict[str, Any] = {"resume": tmp_path / "j"} if resume else {}
    with pytest.raises(tv.ArgumentError, match="start is not within the calendar") as caught:
        list(engine.hunt(acme, sender=SENDER, start=moment, **how))
    assert caught.value.status == tv.Status.E_ARGUMENT
    assert server.requests() == []
    assert not (tmp_path / "j").exists()


def test_an_end_before_cloudflares_days_begins_no_journal(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, clock: type[Clock]
) -> None:
    clock.at = datetime.now(timezone.utc).replace(microsecond=0)
    old = clock.at - 31 * DAY
    with pytest.raises(tv.ArgumentError, match="give a start before it"):
        hunted(engine, acme, tmp_path / "j", end=old)
    with pytest.raises(tv.ArgumentError, match="give a start before it"):
        hunted(engine, acme, tmp_path / "j", end=31 * DAY)
    assert server.requests() == []
    hunted(engine, acme, tmp_path / "j", start=old - DAY, end=old)
    assert set(windows(server)) == {(old - DAY, old)}
    with pytest.raises(tv.ArgumentError):
        hunted(engine, acme, tmp_path / "j2", end="2026-01-01")


@pytest.mark.parametrize("ahead", [timedelta(milliseconds=500), timedelta(minutes=1)])
def test_a_start_after_the_second_of_the_begin_is_asked(
    server: Standin,
    engine: tv.Engine,
    acme: tv.Tenant,
    tmp_path: Path,
    clock: type[Clock],
    ahead: timedelta,
) -> None:
    start = clock.at + ahead
    found = hunted(engine, acme, tmp_path / "j", start=start)
    assert [one.error for one in found if one.error] == []
    assert set(windows(server)) == {(start, start)}


@pytest.mark.parametrize("wrong", ["true", "null", '""', "[]", '"0001-01-01T00:00:00+05:00"'])
def test_a_begin_with_a_start_of_another_kind_is_damaged(
    server: Standin,
    engine: tv.Engine,
    acme: tv.Tenant,
    tmp_path: Path,
    clock: type[Clock],
    wrong: str,
) -> None:
    hunted(engine, acme, tmp_path / "j", start=DAY)
    text = (tmp_path / "j").read_text()
    assert '"start":86400.0' in text
    (tmp_path / "j").write_text(text.replace('"start":86400.0', f'"start":{wrong}'))
    begin_anew(server)
    clock.at = FIRST + DAY
    hunted(engine, acme, tmp_path / "j")
    assert set(windows(server)) == {(clock.at - 30 * DAY, clock.at)}


@pytest.mark.parametrize("own", [5, "2026-01-01T00:00:00Z"])
@pytest.mark.parametrize("seconds", [6e10, -6e12, 1e300])
@pytest.mark.parametrize("began", ["0001-02-15T00:00:00Z", "2026-01-01T00:00:00Z"])
def test_a_start_longer_than_the_calendar_before_a_begin_is_another_one(
    tmp_path: Path, began: str, seconds: float, own: float | str
) -> None:
    line = {"hunt": "x", "began": began, "given": {"start": own}}
    path = tmp_path / "j"
    path.touch(mode=0o600)
    path.write_text(f'{{"schema": "{SCHEMA}"}}\n{json.dumps(line, separators=(",", ":"))}\n')
    now = FirstRun(FIRST, {"start": seconds})
    with pytest.raises(tv.ArgumentError, match="this start is not that of the first run"):
        first_run(path, "x", now)


@pytest.mark.parametrize("damage", ["gone", "damaged", "0001-01-05T00:00:00+00:00"])
def test_a_journal_that_does_not_say_when_it_began_is_searched_anew(
    server: Standin,
    engine: tv.Engine,
    acme: tv.Tenant,
    tmp_path: Path,
    clock: type[Clock],
    damage: str,
) -> None:
    copies = hunted(engine, acme, tmp_path / "j")
    first, begin, *rest = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    assert json.loads(begin)["began"] == FIRST.isoformat()
    assert copies
    kept = {
        "gone": [],
        "damaged": [begin[:50] + b"\xff" + begin[51:]],
    }.get(damage, [begin.replace(FIRST.isoformat().encode(), damage.encode())])
    (tmp_path / "j").write_bytes(b"".join([first, *kept, *rest]))
    begin_anew(server)
    clock.at = FIRST + DAY
    assert len(hunted(engine, acme, tmp_path / "j")) == len(copies)
    assert set(windows(server)) == {(clock.at - 30 * DAY, clock.at)}
    assert len(windows(server)) == len(server.requests()), "the traces are known"


def test_progress_tells_how_many_answers_are_from_before(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    told: list[tv.Progress] = []
    hunted(engine, acme, tmp_path / "j", progress=told.append)
    assert told[-1].resumed == 0
    copies = hunted(engine, acme, tmp_path / "j", progress=told.append)
    assert told[-1].resumed >= len(copies) + len(acme.accounts()), "traces and searches"


def test_in_asyncio_it_is_the_same_hunt(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, clock: type[Clock]
) -> None:
    copies = hunted(engine, acme, tmp_path / "j", start=timedelta(days=7))
    begin_anew(server)
    clock.at = FIRST + DAY

    async def main() -> list[tv.Finding]:
        how: dict[str, Any] = {"sender": SENDER, "resume": tmp_path / "j"}
        async with tv.AsyncEngine(settings(server)) as other:
            with pytest.raises(tv.ArgumentError, match="is not that of the first run"):
                async for _ in other.hunt(acme, **how, start=DAY):
                    pass
            return [one async for one in other.hunt(acme, **how, start=timedelta(days=7))]

    assert len(asyncio.run(main())) == len(copies)
    assert server.requests() == []


def test_a_search_and_a_collection_take_a_time_before_now_as_well(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    for account in acme.accounts():
        engine.search(acme, account.account_id, start=3 * DAY, end=timedelta())
    list(engine.collect(acme, checkpoint=tmp_path / "c", start=3 * DAY))
    now = datetime.now(timezone.utc)
    for start, _ in windows(server):
        assert start is not None
        assert timedelta() <= now - start - 3 * DAY < timedelta(minutes=1)
    with pytest.raises(tv.ArgumentError, match="calendar"):
        engine.search(acme, None, start=timedelta(days=900_000))
