"""Hunts, collections and checks in an event loop: never held up, ended when they are cancelled."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from launcher import Standin

import tracevault as tv
from tracevault import _exchange, _lib, checks, collect, hunt, sweep

from .conftest import ACME, settings

Run = Callable[[Coroutine[Any, Any, Any]], Any]
LONG_AGO = "2000-01-01T00:00:00Z"
SENDER = "sender.example"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine as a program does, on either kind of event loop."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


async def nothing_under_way(engine: tv.AsyncEngine) -> None:
    async def wait() -> None:
        while (stats := engine.stats())["outstanding"] > stats["untaken"]:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), 30)


@pytest.fixture
def hanging(server: Standin) -> Iterator[Standin]:
    """All but one of the account's messages have a trace that does not come."""
    server.reset()
    for number, mail in enumerate(server.mail_of(ACME)[1:]):
        server.amend(mail.item["id"], {"id": f"slow-{600_000 + number}"})
    yield server
    server.reset()


@pytest.mark.parametrize("ended", ["cancelled", "left"])
@pytest.mark.parametrize("what", ["hunt", "collect"])
def test_a_hunt_that_is_cancelled_or_left_ends_all_that_it_asked(
    hanging: Standin, vault: tv.Vault, run: Run, tmp_path: Path, ended: str, what: str
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(hanging)) as engine:
            acme = vault.tenant("acme")
            come = asyncio.Event()

            async def work() -> None:
                place = tmp_path / "c"
                options: dict[str, Any] = {"detections_only": False, "trace": True}
                found: Any = (
                    engine.hunt(acme, sender=SENDER, start=LONG_AGO)
                    if what == "hunt"
                    else engine.collect(acme, checkpoint=place, start=LONG_AGO, **options)
                )
                async for one in found:
                    assert one.message is not None
                    come.set()
                    if ended == "left":
                        break

            task = asyncio.ensure_future(work())
            await asyncio.wait_for(come.wait(), 60)
            if ended == "cancelled":
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled() is (ended == "cancelled")
            gc.collect()
            await nothing_under_way(engine)

    run(main())


class Noted:
    """The library, with a note of each call: in which turn of the loop it was made."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.turn = 0
        self.calls: dict[str, list[int]] = {"tv_engine_submit": [], "tv_engine_take": []}

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._real, name)
        if name not in self.calls:
            return function

        def noted(*arguments: Any) -> Any:
            self.calls[name].append(self.turn)
            return function(*arguments)

        return noted

    async def count(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    def most(self, name: str) -> int:
        """How many calls there were between two turns."""
        turns = self.calls[name]
        return max(turns.count(turn) for turn in set(turns))


@pytest.mark.parametrize("how", ["tasks", "a batch"])
def test_a_loop_asks_eight_and_takes_two_at_a_time(
    server: Standin, vault: tv.Vault, run: Run, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def main() -> Noted:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            refs = [f"slow-{number % 3}" for number in range(100)]
            noted = Noted(_lib.library())
            monkeypatch.setattr(_lib, "_loaded", noted)
            counter = asyncio.ensure_future(noted.count())

            async def batch() -> None:
                requests = [tv.Request.trace(acme, ACME, ref, fresh=True) for ref in refs]
                async for result in engine.batch(requests):
                    assert result.error is None

            asked = (
                asyncio.gather(*(engine.trace(acme, ACME, ref, fresh=True) for ref in refs))
                if how == "tasks"
                else asyncio.ensure_future(batch())
            )
            while len(noted.calls["tv_engine_submit"]) < len(refs):
                await asyncio.sleep(0)
            # The loop stands still until there are many results: those that it takes at a time.
            until = time.monotonic() + 30
            while engine.stats()["untaken"] < 20 and time.monotonic() < until:
                pass
            await asked
            counter.cancel()
            monkeypatch.undo()
            return noted

    noted = run(main())
    assert noted.most("tv_engine_submit") == 8
    assert noted.most("tv_engine_take") == 2


def test_what_waits_for_the_disk_or_takes_long_is_done_beside_the_loop(
    server: Standin, vault: tv.Vault, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.reset()
    done: dict[str, set[int]] = {}

    def note(kind: type[Any], name: str) -> None:
        function = getattr(kind, name)

        def noted(self: Any) -> None:
            done.setdefault(f"{kind.__name__}.{name}", set()).add(threading.get_ident())
            function(self)

        monkeypatch.setattr(kind, name, noted)

    for kind in (hunt.Hunt, collect.Collection, checks.CheckRound):
        note(kind, "find")
    for name in ("open", "finish"):
        note(collect.Collection, name)
    note(checks.CheckRound, "finish")
    note(sweep.Sweep, "ask_all")

    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            assert [one async for one in engine.hunt(vault, sender=SENDER, start=LONG_AGO)]
            place = tmp_path / "c"
            assert [one async for one in engine.collect(vault, checkpoint=place, start=LONG_AGO)]
            assert [one async for one in engine.check_all(vault, store=True)]

    run(main())
    assert sorted(done) == [
        "CheckRound.find",
        "CheckRound.finish",
        "Collection.find",
        "Collection.finish",
        "Collection.open",
        "Hunt.find",
        "Sweep.ask_all",
    ]
    assert all(threading.get_ident() not in threads for threads in done.values())


@pytest.mark.parametrize("what", ["hunt", "collect", "check_all"])
def test_hunts_collections_and_checks_are_bulk_unless_they_are_told_otherwise(
    server: Standin,
    engine: tv.Engine,
    vault: tv.Vault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    server.reset()
    asked: list[tuple[str, str]] = []
    submit = _exchange.Exchange.submit

    def noted(self: Any, request: tv.Request, *rest: Any, **options: Any) -> Any:
        asked.append((request.kind, request.priority))
        return submit(self, request, *rest, **options)

    monkeypatch.setattr(_exchange.Exchange, "submit", noted)
    kinds = {"check"} if what == "check_all" else {"search", "trace"}
    asking: dict[str, dict[str, Any]] = {
        "hunt": {"sender": SENDER, "start": LONG_AGO},
        "collect": {"start": LONG_AGO, "trace": True},
        "check_all": {},
    }
    options = asking[what]
    given: list[dict[str, str]] = [{}, {"priority": "interactive"}]
    for number, priority in enumerate(given):
        if what == "collect":
            options["checkpoint"] = tmp_path / str(number)
        asked.clear()
        assert list(getattr(engine, what)(vault, **options, **priority))
        assert set(asked) == {(kind, priority.get("priority", "bulk")) for kind in kinds}
