"""An event loop is never held up: what it does at a time, and what is left for the collector."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from launcher import Standin

import tracevault as tv
from tracevault import _lib
from tracevault._loops import ASKED_AT_A_TIME, TAKEN_AT_A_TIME
from tracevault._slot import Slot
from tracevault.journal import Asked, Journal

from .conftest import ACME, settings

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine as a program does, on either kind of event loop."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


class Watched:
    """The library, with a word to somebody before each call."""

    def __init__(self, real: Any, note: Callable[[str, tuple[Any, ...]], None]) -> None:
        self._real, self._note = real, note

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._real, name)

        def noted(*arguments: Any) -> Any:
            self._note(name, arguments)
            return function(*arguments)

        return noted if name.startswith("tv_") else function


class Turns:
    """How often something was done between two turns of another task of the loop; the most."""

    def __init__(self) -> None:
        self.most: Counter[str] = Counter()
        self._now: Counter[str] = Counter()

    def note(self, what: str) -> None:
        self._now[what] += 1
        self.most[what] = max(self.most[what], self._now[what])

    async def go_on(self) -> None:
        while True:
            self._now.clear()
            await asyncio.sleep(0)


# ---- What is done at a time ----------------------------------------------------------------------


def test_no_call_that_may_wait_is_made_in_the_loop(
    server: Standin, vault: tv.Vault, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 traces at once: results are taken without waiting and in no other thread."""
    calls: list[tuple[str, int, int]] = []

    def note(name: str, arguments: tuple[Any, ...]) -> None:
        timeout = int(arguments[1]) if name == "tv_engine_take" else 0
        if name.startswith("tv_engine_"):
            calls.append((name, timeout, threading.get_ident()))

    async def main() -> int:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            monkeypatch.setattr(_lib, "_loaded", Watched(_lib.library(), note))
            before = threading.active_count()
            traces = (engine.trace(acme, ACME, f"slow-{n}") for n in range(200))
            done = await asyncio.gather(*traces)
            assert threading.active_count() == before
            monkeypatch.undo()
            return len(done)

    assert run(main()) == 200
    assert {name for name, _, _ in calls} <= {
        "tv_engine_submit",
        "tv_engine_take",
        "tv_engine_fd",
    }
    assert {timeout for _, timeout, _ in calls} == {0}
    assert {thread for _, _, thread in calls} == {threading.get_ident()}


def test_tasks_of_one_tenant_that_wait_to_ask_hold_up_no_task_of_another(
    server: Standin, vault: tv.Vault, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    account = next(one.id for one in server.accounts if one.tenant == "globex")

    def note(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "tv_engine_submit":
            asked.append(arguments[1].value)

    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            greedy, modest = vault.tenant("acme"), vault.tenant("globex")
            monkeypatch.setattr(_lib, "_loaded", Watched(_lib.library(), note))
            traces = (engine.trace(greedy, ACME, "slow-60000") for _ in range(400))
            tasks = [asyncio.ensure_future(one) for one in traces]
            await asyncio.sleep(0)
            many = [engine.trace(modest, account, f"slow-{n}") for n in range(9)]
            await asyncio.gather(*many)
            monkeypatch.undo()
            places = [at for at, one in enumerate(asked) if one == modest._handle.ref.value]
            assert places[0] < 3 * ASKED_AT_A_TIME
            assert places[-1] < 3 * ASKED_AT_A_TIME + 2 * 9  # in turns
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(main())


@pytest.mark.parametrize("kind", ["trace", "search", "check"])
def test_the_wait_to_ask_counts_in_a_tasks_time(
    server: Standin, vault: tv.Vault, run: Run, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """In that of the setting, too, but not where a bulk request has none of its own."""
    times: list[int] = []
    asked = Counter[str]()

    def note(name: str, arguments: tuple[Any, ...]) -> None:
        asked[name] += 1
        if name == "tv_request_set" and arguments[1] == b"deadline_ms":
            times.append(int(arguments[3]))

    async def main() -> None:
        async with tv.AsyncEngine(settings(server, request_deadline_ms=70_000)) as engine:
            acme = vault.tenant("acme")

            def ask(**how: Any) -> Coroutine[Any, Any, object]:
                if kind == "trace":
                    return engine.trace(acme, ACME, "slow-0", **how)
                if kind == "check":
                    return engine.check(acme, ACME, **how)
                return engine.search(acme, ACME, start="2000-01-01T00:00:00Z", limit=1, **how)

            monkeypatch.setattr(_lib, "_loaded", Watched(_lib.library(), note))
            before = [asyncio.ensure_future(ask(timeout=60)) for _ in range(200)]
            behind = [ask(timeout=50), ask(timeout=timedelta(seconds=40)), ask()]
            behind += [ask(priority="bulk"), ask(timeout=0.001)]
            *_, late = await asyncio.gather(*before, *behind, return_exceptions=True)
            monkeypatch.undo()
            assert isinstance(late, tv.DeadlineError)
            assert late.retriable
            assert (late.tenant, late.account_id) == ("acme", ACME)
            assert asked["tv_engine_submit"] == 200 + 4
            first, *_, fifty, forty, setting = times
            assert first == 60_000
            for time, most in ((fifty, 50_000), (forty, 40_000), (setting, 70_000)):
                assert most - 30_000 < time < most

    run(main())


def test_other_tasks_have_their_turn_between_the_results_of_a_batch(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            counter = asyncio.ensure_future(count())
            requests = [
                tv.Request.trace(acme, ACME, server.messages_of(ACME)[0].investigate_id)
            ] * 50
            seen = []
            async for _ in engine.batch(requests):
                seen.append(turns)
            counter.cancel()
            assert len(set(seen)) == 50

    run(main())


def test_a_turn_of_the_loop_writes_few_lines_of_a_journal(
    server: Standin, vault: tv.Vault, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns()
    write = Journal.note

    def note(journal: Journal, slot: Slot, asked: Asked | None) -> None:
        turns.note("line")
        write(journal, slot, asked)

    monkeypatch.setattr(Journal, "note", note)

    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            counter = asyncio.ensure_future(turns.go_on())
            # All of them come at once.
            requests = (tv.Request.trace(acme, ACME, f"slow-{n % 3}") for n in range(100))
            async for _ in engine.batch(requests, resume=tmp_path / "run.journal"):
                pass
            counter.cancel()

    run(main())
    # What the batch takes itself, and what the loop's look at the descriptor has taken before.
    assert 0 < turns.most["line"] <= 2 * TAKEN_AT_A_TIME


# ---- What is left --------------------------------------------------------------------------------


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Nothing of ours waits for the garbage collector, which would free it all at once.

    An answer is tens of kilobytes: to free some hundred held up a loop for milliseconds.
    """
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        found = Counter(type(one).__qualname__ for one in gc.garbage if _is_ours(one))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not found


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith("tracevault")


@pytest.mark.parametrize("ref", ["slow-0", "fail-404"])
def test_what_tasks_asked_for_is_gone_when_they_have_seen_it(
    server: Standin, vault: tv.Vault, run: Run, ref: str
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")

            async def read() -> None:
                try:
                    assert (await engine.trace(acme, ACME, ref)).summary
                except tv.MessageNotFoundError:
                    assert ref == "fail-404"

            async def read_many() -> None:
                async for result in engine.batch([tv.Request.trace(acme, ACME, ref)] * 5):
                    assert result.error is None or result.to_rows()

            await read()
            await read_many()
            with leaving_nothing():
                await asyncio.gather(*(read() for _ in range(5)))
                await read_many()

    run(main())


@pytest.mark.parametrize("ref", ["slow-0", "fail-404"])
def test_what_threads_asked_for_is_gone_when_they_have_seen_it(
    engine: tv.Engine, acme: tv.Tenant, ref: str
) -> None:
    def read_all() -> None:
        try:
            assert engine.trace(acme, ACME, ref).summary
        except tv.MessageNotFoundError:
            assert ref == "fail-404"
        assert taken().error is None or ref == "fail-404"
        try:
            assert taken().unwrap().summary
        except tv.MessageNotFoundError:
            assert ref == "fail-404"
        for result in engine.batch([request] * 5):
            assert result.error is None or result.to_rows()

    def taken() -> tv.Result[tv.Trace]:
        engine.submit(request)
        result = engine.take()
        assert result is not None
        return result

    request = tv.Request.trace(acme, ACME, ref)
    read_all()
    with leaving_nothing():
        read_all()
