"""Collections over days, by a clock that is set: what an account missed is caught up with."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault import collect as collect_module
from tracevault._checkpoint import Known

from .conftest import ACME, Clock, ClockIn, settings

DAY = datetime.timedelta(days=1)
#: Behind the first, and before the second of two days on which the stand-in has mail.
FIRST = datetime.datetime(2026, 10, 24, 5, tzinfo=datetime.timezone.utc)


@pytest.fixture
def clock(clock_in: ClockIn) -> type[Clock]:
    return clock_in(collect_module, FIRST)


def mail_of(server: Standin, day: datetime.datetime) -> set[str]:
    """The detections of an account on one day."""
    return {
        one.item["id"]
        for one in server.mail_of(ACME)
        if one.detected and one.scanned.date() == day.date()
    }


@pytest.fixture
def yesterday(server: Standin) -> Iterator[set[str]]:
    """Nothing came later than the first day: what it has is given, the rest is hidden."""
    server.reset()
    for account in (one.id for one in server.accounts if one.tenant == "acme"):
        for mail in server.mail_of(account):
            if mail.scanned > FIRST:
                server.amend(mail.item["id"], None)
    assert mail_of(server, FIRST)
    yield mail_of(server, FIRST)
    server.reset()


def arrive(server: Standin) -> set[str]:
    """What came on the second day is there."""
    come = mail_of(server, FIRST + DAY)
    assert come
    for ref in come:
        server.amend(ref, {})
    return come


def run(server: Standin, where: tv.Tenant, checkpoint: Path, **options: Any) -> list[tv.Detection]:
    """One run of a timer's job: an engine of its own."""
    with tv.Engine(settings(server, retry_max_attempts=2)) as engine:
        return list(engine.collect(where, checkpoint=checkpoint, **options))


def found(told: list[tv.Detection]) -> set[str | None]:
    return {one.message.message_ref for one in told if one.message and one.account_id == ACME}


@pytest.mark.parametrize("start", [None, DAY], ids=["no start", "a start that moves on"])
def test_an_account_that_fails_from_its_first_run_on_is_asked_from_there_when_it_works(
    server: Standin,
    acme: tv.Tenant,
    clock: type[Clock],
    yesterday: set[str],
    tmp_path: Path,
    start: datetime.timedelta | None,
) -> None:
    refused = server.credential(ACME)
    server.revoke(refused)
    for day in range(5):
        clock.at = FIRST + day * DAY
        given = {} if start is None else {"start": clock.at - start}
        if day == 4:
            server.restore(refused)
        told = run(server, acme, tmp_path / "c", **given)
        assert found(told) == (yesterday if day == 4 else set())
    assert run(server, acme, tmp_path / "c") == []


def test_an_earlier_start_counts_until_an_account_was_asked_to_its_end(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    clock.at = FIRST + 3 * DAY
    refused = server.credential(ACME)
    server.revoke(refused)
    run(server, acme, tmp_path / "c")
    server.restore(refused)
    assert found(run(server, acme, tmp_path / "c", start=FIRST - DAY)) == yesterday
    server.reset()
    run(server, acme, tmp_path / "c", start="2020-01-01T00:00:00Z")
    assert all("start=2020" not in request["query"] for request in server.requests())


def test_an_account_that_fails_for_days_is_caught_up_with(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    assert found(run(server, acme, tmp_path / "c")) == yesterday
    come = arrive(server)
    refused = server.credential(ACME)
    server.revoke(refused)
    for day in range(1, 5):
        clock.at = FIRST + day * DAY
        told = run(server, acme, tmp_path / "c")
        assert any(one.account_id == ACME and one.error for one in told)
        assert found(told) == set()
    server.restore(refused)
    assert found(run(server, acme, tmp_path / "c")) == come


@pytest.mark.parametrize("is_first", [True, False], ids=["the first run", "a later run"])
def test_a_trace_that_cannot_be_had_for_days_comes_when_it_can(
    server: Standin,
    acme: tv.Tenant,
    clock: type[Clock],
    yesterday: set[str],
    tmp_path: Path,
    is_first: bool,
) -> None:
    ref = "fail-503-x6"  # two tries in each run
    hidden = [*yesterday]
    for one in hidden:
        server.amend(one, None)
    if not is_first:
        run(server, acme, tmp_path / "c", trace=True)
    server.amend(hidden[0], {"id": ref})
    errors = []
    for day in (0, 2, 4, 6):
        clock.at = FIRST + day * DAY
        told = [one for one in run(server, acme, tmp_path / "c", trace=True) if one.message]
        errors += [one.error.name if one.error else "" for one in told if one.account_id == ACME]
        assert found(told) == {ref}
    assert errors == ["TV_E_SERVER"] * 3 + [""]
    assert found(run(server, acme, tmp_path / "c", trace=True)) == set()


def test_what_comes_while_a_run_is_read_is_found_by_the_next(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    with tv.Engine(settings(server)) as engine:
        for _ in engine.collect(acme, checkpoint=tmp_path / "c"):
            clock.at = FIRST + 5 * DAY  # whoever reads takes days
    come = arrive(server)
    assert found(run(server, acme, tmp_path / "c")) == come


def test_what_a_run_with_an_end_left_out_is_found_by_the_next(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    come = arrive(server)
    clock.at = FIRST + 5 * DAY
    start, end = FIRST - DAY, FIRST + DAY / 2
    assert found(run(server, acme, tmp_path / "c", start=start, end=end)) == yesterday
    assert found(run(server, acme, tmp_path / "c")) == come


def remembered(checkpoint: Path) -> set[str]:
    lines = [json.loads(line) for line in checkpoint.read_text().splitlines()]
    return {one["message"] for one in lines if "message" in one}


def test_what_is_too_old_to_be_found_again_is_forgotten_and_no_earlier(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    run(server, acme, tmp_path / "c")
    assert remembered(tmp_path / "c") >= yesterday
    changes: list[dict[str, Any] | None] = [None, {}]
    for change in changes:  # not shown for a while, it is no other message
        server.amend(min(yesterday), change)
        assert run(server, acme, tmp_path / "c") == []
    # The next run looks back from the first one: it finds them again, and tells them no more.
    clock.at = FIRST + 10 * DAY
    assert run(server, acme, tmp_path / "c") == []
    clock.at = FIRST + 12 * DAY
    assert run(server, acme, tmp_path / "c") == []
    assert remembered(tmp_path / "c") == set()


def test_a_checkpoint_of_before_is_gone_on_with(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    """It knows of no account where its first search begins."""
    known: dict[str, Any] = {"account_id": ACME, "message": min(yesterday), "state": {}}
    lines = [
        {"schema": "tracevault.checkpoint/1"},
        {"account_id": ACME, "until": FIRST.isoformat()},
        known,
    ]
    (tmp_path / "c").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "c").chmod(0o600)
    clock.at = FIRST + 5 * DAY
    told = run(server, acme, tmp_path / "c")
    assert found(told) == yesterday
    changes = {one.message.message_ref: one.change for one in told if one.message}
    assert changes[min(yesterday)] == "changed"


def until(checkpoint: Path) -> dict[str, datetime.datetime]:
    """Up to when each account was asked, by the checkpoint."""
    lines = [json.loads(line) for line in checkpoint.read_text().splitlines()]
    return {
        one["account_id"]: datetime.datetime.fromisoformat(one["until"])
        for one in lines
        if "until" in one
    }


def test_an_end_before_where_an_account_goes_on_is_told_and_nothing_is_asked(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    clock.at = FIRST + 5 * DAY
    assert found(run(server, acme, tmp_path / "c", start=FIRST - DAY)) == yesterday
    assert run(server, acme, tmp_path / "c") == []  # it forgets what it will not see again
    before, asked = until(tmp_path / "c"), len(server.requests())
    steps: list[tv.Progress] = []
    told = run(server, acme, tmp_path / "c", end=FIRST + 2 * DAY, progress=steps.append)
    assert {one.account_id for one in told} == before.keys()
    assert {(one.change, type(one.error)) for one in told} == {("none", tv.ArgumentError)}
    assert (FIRST + 4 * DAY).isoformat() in str(told[0].error)
    assert steps[-1].done == steps[-1].failed == steps[-1].total == len(told)
    assert len(server.requests()) == asked
    assert until(tmp_path / "c") == before
    assert run(server, acme, tmp_path / "c") == []


def test_an_end_before_the_first_start_is_told_and_nothing_is_asked(
    server: Standin, acme: tv.Tenant, clock: type[Clock], tmp_path: Path
) -> None:
    server.reset()
    told = run(server, acme, tmp_path / "c", end=FIRST - 2 * DAY)
    assert told
    assert {type(one.error) for one in told} == {tv.ArgumentError}
    assert server.requests() == []
    assert until(tmp_path / "c") == {}


def test_an_end_before_the_last_run_does_not_take_back_what_is_known(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    assert found(run(server, acme, tmp_path / "c")) == yesterday
    before = until(tmp_path / "c")
    assert run(server, acme, tmp_path / "c", end=FIRST - DAY / 2) == []
    assert until(tmp_path / "c") == before


def test_after_a_clock_that_was_ahead_an_account_is_asked_up_to_now(
    server: Standin, acme: tv.Tenant, clock: type[Clock], yesterday: set[str], tmp_path: Path
) -> None:
    lines = [
        {"schema": "tracevault.checkpoint/1"},
        {"account_id": ACME, "until": (FIRST + 3000 * DAY).isoformat()},
    ]
    (tmp_path / "c").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "c").chmod(0o600)
    assert found(run(server, acme, tmp_path / "c")) == yesterday
    assert until(tmp_path / "c")[ACME] == FIRST
    come = arrive(server)
    clock.at = FIRST + 3 * DAY
    assert found(run(server, acme, tmp_path / "c")) == come


#: After these there is no trace of the message, however often it is asked for.
SETTLED = {
    tv.Status.E_NO_MESSAGE,
    tv.Status.E_MESSAGE_REF,
    tv.Status.E_HTTP,
    tv.Status.E_NOT_JSON,
    tv.Status.E_REPLY_SHAPE,
    tv.Status.E_REPLY_DEPTH,
    tv.Status.E_REPLY_TOO_LARGE,
    tv.Status.E_REPLY_REFUSED,
}


@pytest.mark.parametrize("retriable", [False, True], ids=["", "may be tried again"])
@pytest.mark.parametrize("status", [*tv.Status], ids=lambda status: status.name)
def test_only_what_is_said_of_a_message_itself_settles_it(
    status: tv.Status, retriable: bool
) -> None:
    learned: list[object] = []
    checkpoint = SimpleNamespace(learn=lambda *known: learned.append(known), known=lambda *_: None)
    run: Any = SimpleNamespace(_waiting=set(), _checkpoint=checkpoint, _traces=True)
    one: Any = SimpleNamespace(
        message=SimpleNamespace(message_ref="m", scanned_at_text=None),
        state={},
        trace=None,
        error=tv.TraceVaultError("made up", status=status, retriable=retriable),
        account_id="account",
    )
    now = Known.of({}, None)
    collect_module.Collection._taken(run, one, "m", now)
    is_settled = status in SETTLED and not retriable
    assert (len(learned), run._waiting) == ((1, set()) if is_settled else (0, {"account"}))


def test_a_path_that_is_not_there_settles_no_message() -> None:
    """A message that is not there has a status of its own."""
    error = tv.ReplyError("made up", status=tv.Status.E_HTTP, http_status=404)
    assert not collect_module._settles(error)


def test_a_collection_looks_back_to_the_begin_of_the_calendar_at_the_most(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    first = "0001-01-01T00:00:00Z"
    for _ in range(2):
        found = engine.collect(acme, checkpoint=tmp_path / "c", start=first, end=first)
        assert [one.error for one in found] == []


#: What a line of a checkpoint says where it was damaged, beside its account.
DAMAGED: tuple[dict[str, Any], ...] = (
    {"until": "2026-10-01T00:00:00"},
    {"until": "2026-10-01"},
    {"until": "0001-01-01T00:00:00+23:59"},
    {"until": "9999-12-31T23:59:59-23:59"},
    {"until": 5},
    {"until": None},
    {"until": ["2026-10-01T00:00:00Z"]},
    {"start": "0001-01-01T00:00:00+23:59"},
    {"start": "9999-12-31T23:59:59-23:59"},
    {"start": "2020-01-01T00:00:00"},
    {"start": "2020-01-01T00:00:00.123456"},
    {"start": 5},
    {"message": "y", "state": {}, "scanned_at": 5},
    {"message": "y", "state": {}, "scanned_at": ["x"]},
    {"message": "y", "state": {}, "scanned_at": {}},
    {"message": "y", "state": {}, "growing": {"a": []}},
    {"message": "y", "state": {}, "growing": 1},
    {"message": "y", "state": [["a", 1]]},
    {"message": "y", "state": None},
    {"message": 5, "state": {}},
    {"message": None, "state": {}},
    {"message": ["y"], "state": {}},
    {"account_id": 5, "until": "2026-10-01T00:00:00Z"},
    {"account_id": None, "message": "y", "state": {}},
    {"account_id": [], "start": "2020-01-01T00:00:00Z"},
)


@pytest.mark.parametrize("line", DAMAGED, ids=json.dumps)
@pytest.mark.parametrize("known", [True, False], ids=["a later run", "the first run"])
def test_a_damaged_line_of_a_checkpoint_ends_no_collection(
    server: Standin,
    acme: tv.Tenant,
    clock: type[Clock],
    yesterday: set[str],
    tmp_path: Path,
    line: dict[str, Any],
    known: bool,
) -> None:
    checkpoint = tmp_path / "c"
    if known:
        assert found(run(server, acme, checkpoint)) == yesterday
    else:
        checkpoint.touch(mode=0o600)
        checkpoint.write_text('{"schema": "tracevault.checkpoint/1"}\n')
    with checkpoint.open("a") as file:
        file.write(json.dumps({"account_id": ACME, **line}) + "\n")
    assert found(run(server, acme, checkpoint)) == (set() if known else yesterday)
    assert all(
        isinstance(one, (str, dict)) for row in checkpoint.read_text().splitlines()
        for name, one in json.loads(row).items() if name not in ("scanned_at", "growing")
    )  # fmt: skip
    assert run(server, acme, checkpoint) == []
