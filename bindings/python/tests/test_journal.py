"""Batches that survive: follow-ups, tags, progress, and a journal through Ctrl-C and kills."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault._lines import LineFile
from tracevault.bulk import JOURNAL_WINDOW

from .conftest import ACME, LIBRARY, settings

REFS = [f"slow-{number}" for number in range(20, 320)]


def asked(acme: tv.Tenant, refs: list[str]) -> list[tv.Request]:
    return [tv.Request.trace(acme, ACME, ref, tag=number) for number, ref in enumerate(refs)]


def keep(told: list[tv.Result], results: Iterator[tv.Result]) -> None:
    """Keep what comes, also when an exception comes at the end."""
    for result in results:
        told.append(result)


def counted(server: Standin) -> Counter[str]:
    """How often the server was asked for each reference."""
    return Counter(request["path"].split("/")[-2] for request in server.requests())


# ---- Follow-ups and progress ---------------------------------------------------------------------


def test_what_a_search_finds_is_traced_in_the_same_batch(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    def traces(result: tv.Result) -> Iterator[tv.Request]:
        for message in result.search or ():
            yield tv.Request.trace(acme, ACME, message.message_ref or "", tag=message.subject)

    found = tv.Request.search(acme, ACME, start="2000-01-01T00:00:00Z", limit=1000, tag="search")
    results = list(engine.batch([found], follow=traces))
    assert results[0].tag == "search"
    mail = {one.item["id"]: one.item["subject"] for one in server.mail_of(ACME)}
    assert {r.request.message_ref: r.tag for r in results[1:]} == mail
    assert len(results) == 1 + len(mail)


def test_progress_is_told_from_the_start_to_the_end_and_counts_follow_ups(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    told: list[tv.Progress] = []
    requests = asked(acme, ["slow-0", "fail-404", "slow-1"])

    def more(result: tv.Result) -> list[tv.Request]:
        return asked(acme, ["slow-2", "slow-3"]) if result.tag == 0 and len(told) < 4 else []

    results = list(engine.batch(iter(requests), follow=more, progress=told.append))
    assert [one.done for one in told] == list(range(len(results) + 1))
    assert (told[0].total, told[-1].total) == (None, len(results))
    assert (told[-1].failed, told[-1].under_way) == (1, 0)
    # Follow-ups are counted as soon as they are known, also those that are not asked yet.
    told.clear()
    follow = {"slow-0": asked(acme, ["slow-2", "slow-3"])}
    list(
        engine.batch(
            iter(asked(acme, ["slow-0"])),
            follow=lambda result: follow.get(result.request.message_ref),
            progress=told.append,
        )
    )
    assert [(one.done, one.total) for one in told] == [(0, None), (1, 3), (2, 3), (3, 3)]
    told.clear()
    list(engine.batch(requests, progress=told.append))
    assert [(one.done, one.total) for one in told] == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("what", ["follow", "progress", "requests"])
def test_an_error_in_the_callers_code_loses_nothing_that_is_under_way(
    engine: tv.Engine, acme: tv.Tenant, what: str
) -> None:
    def broken(_: object) -> None:
        raise KeyError("their own")

    options: Any = {what: broken} if what != "requests" else {}
    requests: Any = asked(acme, [f"slow-{n}" for n in range(50, 60)])
    if what == "requests":
        requests = [*requests, "no request"]
    told: list[tv.Result] = []
    with pytest.raises((KeyError, TypeError)):
        keep(told, engine.batch(requests, **options))
    # With progress the first call is the one before anything is asked.
    assert len(told) == (0 if what == "progress" else 10)
    assert all(result.trace for result in told)


def test_an_iterator_that_is_left_open_ends_with_the_engine(acme: tv.Tenant) -> None:
    with tv.Engine() as engine:
        results = engine.batch(asked(acme, ["slow-60000"]))
    with pytest.raises(tv.ClosedError):
        next(results)


# ---- The journal ---------------------------------------------------------------------------------


def test_what_was_answered_is_told_again_and_not_asked_again(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    server.reset()
    journal = tmp_path / "run.journal"
    refs = ["slow-0", "slow-1", "fail-404", "not a ref", "bad-html"]
    requests = [
        *asked(acme, refs),
        tv.Request.search(acme, ACME, limit=2),
        tv.Request.check(acme, ACME),
        tv.Request.trace(acme, ACME, "slow-0", views=("ecs",)),
    ]
    first = list(engine.batch(requests, resume=journal))
    before = counted(server)
    second = list(engine.batch(requests, resume=journal))
    again = counted(server) - before
    assert set(again) == {"bad-html"}  # an error that another try may mend is no answer
    one = {r.request: r for r in first}
    for result in second:
        other = one[result.request]
        asked_again = result.request.message_ref in ("bad-html", "not a ref")
        assert result.resumed is not asked_again
        assert not other.resumed
        assert result.error is None or str(result.error) == str(other.error)
        assert type(result.error) is type(other.error)
        if result.answer is not None:
            assert result.unwrap().to_dict() == other.unwrap().to_dict()
        if result.request.views:
            assert result.unwrap().ecs() == other.unwrap().ecs()
    assert journal.stat().st_mode & 0o777 == 0o600
    lines = journal.read_bytes().splitlines()
    assert json.loads(lines[0]) == {"schema": "tracevault.journal/1"}
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert b"not-real" not in journal.read_bytes()


def test_the_same_request_twice_is_two_results_also_from_the_journal(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    requests = asked(acme, ["slow-0", "slow-0"])
    for resumed in (0, 2):
        results = list(engine.batch(requests, resume=tmp_path / "j"))
        assert [result.tag for result in sorted(results, key=lambda one: one.tag)] == [0, 1]
        assert sum(result.resumed for result in results) == resumed
    more = list(engine.batch(asked(acme, ["slow-0"] * 3), resume=tmp_path / "j"))
    assert Counter(result.resumed for result in more) == {True: 2, False: 1}


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_torn_tail_is_healed_and_only_its_request_is_asked_again(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, cut: int
) -> None:
    journal = tmp_path / "run.journal"
    requests = asked(acme, ["slow-0", "slow-1", "slow-2"])
    list(engine.batch(requests, resume=journal))
    os.truncate(journal, journal.stat().st_size - cut)
    for fresh in (1, 0):
        results = list(engine.batch(requests, resume=journal))
        assert sum(not result.resumed for result in results) == fresh
        assert all(result.trace for result in results)
    assert journal.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("left", range(0, 36, 5))
def test_a_journal_that_was_killed_at_its_first_line_begins_anew(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, left: int
) -> None:
    journal = tmp_path / "run.journal"
    journal.write_bytes(b'{"schema": "tracevault.journal/1"}\n'[:left])
    journal.chmod(0o600)
    results = list(engine.batch(asked(acme, ["slow-0"]), resume=journal))
    assert [result.resumed for result in results] == [False]
    assert len(journal.read_bytes().splitlines()) == 2


def test_a_damaged_line_is_asked_again_and_harms_no_other(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    journal = tmp_path / "run.journal"
    requests = asked(acme, ["slow-0", "slow-1", "slow-2"])
    list(engine.batch(requests, resume=journal))
    first, one, two, three = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + one + two[:100] + b"\x00\xff{" + two[103:] + three)
    results = list(engine.batch(requests, resume=journal))
    assert all(result.trace for result in results)
    assert sum(result.resumed for result in results) == 2


#: What of a line is damaged, and what stands there instead.
DAMAGES: dict[tuple[str, ...], tuple[object, ...]] = {
    ("error", "message"): (None, True, 5, {"a": 1}, ["x"]),
    ("error", "status"): (None, True, "9", 1e3, 10**400),
    ("error", "http_status"): (None, "404", 404.5),
    ("error", "codes"): (None, "12", {"1": 2}, [None], [True], ["x"]),
    ("error", "cf_ray"): (None, 5, []),
    ("error",): (None, [], "x"),
    ("views",): (None, {}, {"ecs": ""}, []),
    ("views", "ecs"): (None, 5, "no JSON", "5", "\ud800"),
    ("views", "ecs_warnings"): (None, "{", "[5]"),
    ("document",): (None, 5, {}, []),
    ("document", "summary"): (5, []),
}


@pytest.mark.parametrize(
    ("where", "damage"), [(where, bad) for where, all_of in DAMAGES.items() for bad in all_of]
)
def test_a_line_whose_members_are_of_another_kind_is_asked_again(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, where: tuple[str, ...], damage: object
) -> None:
    journal = tmp_path / "run.journal"
    if where[0] == "error":
        request = tv.Request.trace(acme, ACME, "fail-404")
    else:
        request = tv.Request.trace(acme, ACME, "slow-0", views=("ecs",))
    list(engine.batch([request], resume=journal))
    first, line = journal.read_bytes().splitlines(keepends=True)
    told = json.loads(line)
    place = told
    for name in where[:-1]:
        place = place[name]
    assert where[-1] in place
    place[where[-1]] = damage
    journal.write_bytes(first + json.dumps(told, separators=(",", ":")).encode() + b"\n")
    (result,) = engine.batch([request], resume=journal)
    assert not result.resumed
    if where[0] == "error":
        assert "fail-404" in str(result.error)
    else:
        assert result.unwrap().ecs()
        assert result.unwrap().skipped("ecs") is not None
    (result,) = engine.batch([request], resume=journal)
    assert result.resumed


@pytest.mark.parametrize("content", [b"my notes\n", b"x", b'{"schema": "other/1"}\n'])
def test_a_file_of_another_kind_is_never_touched(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, content: bytes
) -> None:
    other = tmp_path / "notes"
    other.write_bytes(content)
    other.chmod(0o600)
    with pytest.raises(tv.JournalError, match="notes"):
        list(engine.batch(asked(acme, ["slow-0"]), resume=other))
    assert other.read_bytes() == content
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises((tv.JournalError, OSError)):
        list(engine.batch(asked(acme, ["slow-0"]), resume=tmp_path / "pipe"))


def test_a_journal_that_others_may_read_is_refused(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    journal = tmp_path / "run.journal"
    list(engine.batch(asked(acme, ["slow-0"]), resume=journal))
    journal.chmod(0o640)
    with pytest.raises(tv.JournalError, match="chmod 600"):
        list(engine.batch(asked(acme, ["slow-0"]), resume=journal))


def test_two_batches_do_not_share_a_journal(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    first = engine.batch(asked(acme, ["slow-0", "slow-1"]), resume=tmp_path / "j")
    next(first)
    with pytest.raises(tv.JournalError, match="in use"):
        list(engine.batch(asked(acme, ["slow-0"]), resume=tmp_path / "j"))
    assert len(list(first)) == 1
    assert len(list(engine.batch(asked(acme, ["slow-0"]), resume=tmp_path / "j"))) == 1


def test_a_full_disk_is_told_and_the_results_under_way_with_it(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def full(fd: int, data: bytes) -> int:
        written.append(real(fd, data[:10]) if len(written) == 2 else real(fd, data))
        return written[-1]

    real = os.write
    monkeypatch.setattr("tracevault._lines.os.write", full)
    told: list[tv.Result] = []
    requests = asked(acme, ["slow-0", "slow-1", "slow-2"])
    with pytest.raises(tv.JournalError, match="no room"):
        keep(told, engine.batch(requests, resume=tmp_path / "j"))
    monkeypatch.undo()
    assert len(told) == 3
    again = list(engine.batch(requests, resume=tmp_path / "j"))
    assert sum(result.resumed for result in again) == 1


def test_what_is_told_after_a_fault_of_the_callers_is_written_down_as_well(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    def breaks(step: tv.Progress) -> None:
        if step.done == 1:
            raise KeyError("their own")

    told: list[tv.Result] = []
    requests = asked(acme, ["slow-0", "slow-1", "slow-200"])
    with pytest.raises(KeyError, match="their own"):
        keep(told, engine.batch(requests, resume=tmp_path / "j", progress=breaks))
    assert len(told) == 3
    again = list(engine.batch(requests, resume=tmp_path / "j"))
    assert [result.resumed for result in again] == [True] * 3


# ---- Kills ---------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, json, os, signal, sys
import tracevault as tv
config = json.loads(sys.argv[1])
told = 0
def work(result):
    global told
    if not result.resumed:
        told += 1
        print(result.unwrap().message_ref, flush=True)
    if told == config["stop"]:
        os.kill(os.getpid(), getattr(signal, config["signal"]))
def threads(requests):
    with tv.Engine(config["settings"]) as engine:
        for result in engine.batch(requests, resume=config["journal"]):
            work(result)
async def loop(requests):
    async with tv.AsyncEngine(config["settings"]) as engine:
        async for result in engine.batch(requests, resume=config["journal"]):
            work(result)
with tv.Vault.in_memory() as vault:
    with vault.edit() as edit:
        token = tv.ApiToken(config["token"])
        edit.put("acme", config["account"], token, origin=config["origin"])
    acme = vault.tenant("acme")
    requests = [tv.Request.trace(acme, config["account"], ref) for ref in config["refs"]]
    asyncio.run(loop(requests)) if config["asyncio"] else threads(requests)
"""


def run(
    server: Standin, journal: Path, stop: int, with_signal: str, kind: str
) -> tuple[int, list[str]]:
    """Run the batch in a process of its own, which gets a signal after so many results."""
    config = {
        "settings": settings(server),
        "token": server.credential(ACME).token,
        "origin": server.origin,
        "account": ACME,
        "refs": REFS,
        "journal": str(journal),
        "stop": stop,
        "signal": with_signal,
        "asyncio": kind == "asyncio",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(config)],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "TRACEVAULT_LIBRARY": str(LIBRARY),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        },
    )
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
@pytest.mark.parametrize("with_signal", ["SIGINT", "SIGKILL"])
def test_hundreds_of_references_survive_ctrl_c_and_kills_and_none_is_answered_twice(
    server: Standin, tmp_path: Path, with_signal: str, kind: str
) -> None:
    server.reset()
    journal = tmp_path / "run.journal"
    told: Counter[str] = Counter()
    answered: set[str] = set()
    for stop in (40, 60, 80, -1):
        before = counted(server)
        code, refs = run(server, journal, stop, with_signal, kind)
        assert (code == 0) is (stop < 0)
        told.update(refs)
        # What the journal had is not asked again: not one of it.
        assert not answered & (counted(server) - before).keys()
        answered = set(journaled(journal))
        assert set(refs) <= answered
    assert set(told) | answered == set(REFS)
    # Only what was under way at a kill was asked twice; nothing was told twice.
    assert max(told.values()) == 1
    twice = [ref for ref, times in counted(server).items() if times > 1]
    assert len(twice) <= 3 * JOURNAL_WINDOW


def journaled(journal: Path) -> list[str]:
    lines = journal.read_bytes().rpartition(b"\n")[0].splitlines()[1:]
    return [entry["message_ref"] for entry in map(json.loads, lines) if entry["settled"]]


def test_an_event_loop_reads_a_journal_and_a_checkpoint_in_another_thread(
    server: Standin, acme: tv.Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    real = LineFile.lines

    def noted(file: LineFile) -> Iterator[tuple[int, bytes]]:
        threads.add(threading.get_ident())
        return real(file)

    monkeypatch.setattr(LineFile, "lines", noted)
    told: list[tv.Progress] = []

    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            requests = asked(acme, ["slow-0"])
            async for _ in engine.batch(requests, resume=tmp_path / "j", progress=told.append):
                pass
            async for _ in engine.collect(acme, checkpoint=tmp_path / "c"):
                pass

    asyncio.run(main())
    assert threads
    assert threading.get_ident() not in threads
    assert len(told) == 2
