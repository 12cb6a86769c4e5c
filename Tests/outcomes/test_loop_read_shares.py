"""In an event loop a tenant's large result is not read behind all of a tenant with many."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
import tracevault as tv
from bare_server import ACCOUNT, Server, reply, serving, tenants
from tracevault import _loops
from tracevault._slot import Slot

GREEDY = 12
AT_A_TIME = 2
LINES = [{"lineno": 1, "message": "x" * 400_000}]
LARGE = reply(
    {
        "success": True,
        "errors": [],
        "result": {
            "inbound": {"lines": LINES, "pending": False},
            "outbound": {"lines": [], "pending": False},
        },
    }
)


class Reads:
    """Whose results were begun to be read, in their order; none is read before the gate opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self.gate = threading.Event()
        read, loop = Slot.read, threading.get_ident()

        def gated(slot: Slot) -> None:
            if threading.get_ident() != loop:
                self.begun.append(slot.request.tenant.name)
                assert self.gate.wait(60)
            read(slot)

        monkeypatch.setattr(Slot, "read", gated)
        monkeypatch.setattr(_loops, "READ_AT_A_TIME", AT_A_TIME)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


class Scene:
    """An engine in a loop, a tenant with many and one with few, whose results are all large."""

    def __init__(self, engine: tv.AsyncEngine, server: Server) -> None:
        self.engine, self.server = engine, server
        self.greedy, self.modest = tenants(server.origin, "greedy", "modest")
        self._references = (f"4jXtPB72Kpz{number:05d}" for number in count())

    async def trace(self, tenant: tv.Tenant) -> int:
        found = await self.engine.trace(tenant, ACCOUNT, next(self._references), fresh=True)
        return len(found.lines)

    async def batch(self, tenant: tv.Tenant) -> int:
        requests = [tv.Request.trace(tenant, ACCOUNT, next(self._references))]
        return sum([result.unwrap() is not None async for result in self.engine.batch(requests)])

    def asked(self, tenant: tv.Tenant, number: int, how: str = "trace") -> list[asyncio.Task[int]]:
        return [asyncio.ensure_future(getattr(self, how)(tenant)) for _ in range(number)]

    async def have_come(self, number: int) -> None:
        """Until so many results have come, and who asked has seen that."""
        while len(self.server.heads) < number or self.engine._exchange._slots:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    settings: dict[str, tv.Setting] = {"api.allow_http_loopback": True, "budget.quota": 0}
    with serving(lambda head, number: LARGE) as server:
        settings["api.base_url"] = server.origin + "/client/v4"
        async with tv.AsyncEngine(settings) as engine:
            yield Scene(engine, server)


@pytest.mark.parametrize("how", ["trace", "batch"])
def test_a_large_result_is_read_in_its_tenants_turn(reads: Reads, how: str) -> None:
    async def main() -> None:
        async with scene() as one:
            asked = one.asked(one.greedy, GREEDY)
            await one.have_come(GREEDY)
            asked += one.asked(one.modest, 1, how)
            await one.have_come(GREEDY + 1)
            reads.gate.set()
            assert await asyncio.gather(*asked) == [1] * (GREEDY + 1)

    asyncio.run(main())
    assert sorted(reads.begun) == ["greedy"] * GREEDY + ["modest"]
    # Behind those that were being read, and behind one of each other tenant.
    assert reads.begun.index("modest") <= AT_A_TIME + 1


def test_who_leaves_before_his_turn_or_when_it_comes_holds_up_nobody(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving: list[asyncio.Task[int]] = []
    call_next = _loops.Turns.call_next

    def called(turns: _loops.Turns) -> bool:
        """Whose turn has come leaves before it is told so, and the others with it."""
        has_come = call_next(turns)
        while has_come and leaving:
            leaving.pop().cancel()
        return has_come

    monkeypatch.setattr(_loops.Turns, "call_next", called)
    monkeypatch.setattr(_loops, "READ_AT_A_TIME", 1)

    async def main() -> None:
        async with scene() as one:
            asked = one.asked(one.greedy, GREEDY)
            await one.have_come(GREEDY)
            asked[-1].cancel()
            leaving.extend(asked[1:-1])
            reads.gate.set()
            await asyncio.gather(*asked, return_exceptions=True)
            assert [task.cancelled() for task in asked].count(True) == GREEDY - 1
            later = one.asked(one.greedy, GREEDY)
            assert await asyncio.wait_for(asyncio.gather(*later), 60) == [1] * GREEDY

    asyncio.run(main())
