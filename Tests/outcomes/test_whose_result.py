"""In Python one thread takes results for all: it reads none but its own, and those of a slow owner count until they are read."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TRACE, Server, engine, reply, serving, tenant
from engine_scene import until
from tracevault import _slot
from tracevault.bulk import BatchOptions

MEBIBYTE = 1 << 20
BOUND = 8 * MEBIBYTE
LARGE = reply(
    {
        **TRACE,
        "result": {
            "inbound": {
                "lines": [
                    {"lineno": n + 1, "logged_at": "2026-11-29T10:00:00Z", "message": "m" * 50_000}
                    for n in range(50)
                ],
                "pending": False,
            }
        },
    }
)
SETTINGS = {"engine__max_result_bytes": BOUND, "budget__ip_per_second": 0, "cache__max_bytes": 0}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda head, _: LARGE if b"large" in head else reply(TRACE)) as running:
        yield running


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that read results, once for each result."""
    seen: list[threading.Thread] = []
    read = _slot._documents

    def noted(*arguments: object) -> tuple[bytes, bytes]:
        seen.append(threading.current_thread())
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(_slot, "_documents", noted)
    return seen


def settings_of(server: Server) -> dict[str, tv.Setting]:
    return {
        "api.base_url": server.origin + "/client/v4",
        "api.allow_http_loopback": True,
        **{name.replace("__", "."): value for name, value in SETTINGS.items()},
    }


def requests(of: tv.Tenant, count: int) -> list[tv.Request[tv.Trace]]:
    return [tv.Request.trace(of, ACCOUNT, f"large{n}", timeout=300) for n in range(count)]


@pytest.mark.parametrize("how", ["batch", "submit"])
def test_results_of_a_slow_owner_stay_within_their_bound_while_another_thread_takes(
    server: Server, how: str
) -> None:
    count = 24
    with engine(server.origin, **SETTINGS) as asked:
        slow, quick = tenant(server.origin, "slow"), tenant(server.origin, "quick")
        if how == "batch":
            batch = asked.batch(requests(slow, count))
            assert next(batch).error is None
        else:
            for request in requests(slow, count):
                asked.submit(request)

        def is_held() -> bool:
            asked.trace(quick, ACCOUNT, "small", fresh=True)
            stats = asked.stats()
            assert stats["untaken_bytes"] <= BOUND
            return bool(stats["queued"] and not stats["in_flight"] and not stats["untaken"])

        until(is_held, "all that may be there for the slow one was taken for it")
        if how == "batch":
            results = [*batch]
        else:
            results = [one for _ in range(count) if (one := asked.take(60)) is not None]
        assert [one.error for one in results] == [None] * (count - (how == "batch"))
        del results
        until(lambda: asked.stats()["untaken_bytes"] == 0, "nothing is left")


def test_nobody_reads_what_is_anothers(server: Server, readers: list[threading.Thread]) -> None:
    with engine(server.origin, cache__max_bytes=0) as asked:
        slow, quick = tenant(server.origin, "slow"), tenant(server.origin, "quick")
        for one in requests(slow, 3):
            asked.submit(one)
        until(lambda: asked.stats()["untaken"] == 3, "all are there")
        taker = threading.Thread(target=lambda: asked.trace(quick, ACCOUNT, "small"))
        taker.start()
        taker.join()
        assert readers == [taker]
        assert asked.stats()["untaken"] == 0
        assert asked.stats()["untaken_bytes"] > 3 * MEBIBYTE
        asked.close()
        assert readers == [taker], "the end reads nothing"
        results = [asked.take(0) for _ in range(3)]
    assert all(one is not None and one.error is None for one in results)


AMID: dict[str, Callable[[tv.Engine, tv.Tenant], object]] = {
    "a trace": lambda asked, one: asked.trace(one, ACCOUNT, "small", timeout=20, fresh=True),
    "a batch": lambda asked, one: [*asked.batch([tv.Request.trace(one, ACCOUNT, "small")])],
    "submit and take": lambda asked, one: (
        asked.submit(tv.Request.trace(one, ACCOUNT, "small", timeout=20)),
        asked.take(20),
    ),
}


@pytest.mark.parametrize("what", AMID)
def test_who_reads_a_batch_may_ask_for_the_same_tenant_amid_it(server: Server, what: str) -> None:
    with engine(server.origin, **SETTINGS) as asked:
        one = tenant(server.origin)
        for result in asked.batch(requests(one, 12)):
            assert result.error is None
            assert AMID[what](asked, tenant(server.origin) if what == "a trace" else one)


def test_so_may_what_a_batch_draws_from(server: Server) -> None:
    with engine(server.origin, **SETTINGS) as asked:
        one = tenant(server.origin)

        def drawn() -> Iterator[tv.Request[tv.Trace]]:
            for request in requests(one, 12):
                yield request
                assert asked.trace(one, ACCOUNT, "small", timeout=20, fresh=True).complete

        assert [result.error for result in asked.batch(drawn())] == [None] * 12


@pytest.mark.parametrize("how", ["alone", "gather", "wait_for", "batch"])
def test_so_may_a_task(server: Server, how: str) -> None:
    async def ask() -> None:
        async with tv.AsyncEngine(settings_of(server)) as asked:
            one = tenant(server.origin)

            def small() -> Coroutine[Any, Any, tv.Trace]:
                return asked.trace(one, ACCOUNT, "small", timeout=20, fresh=True)

            async for result in asked.batch(requests(one, 12)):
                assert result.error is None
                if how == "alone":
                    assert (await small()).complete
                elif how == "gather":
                    assert len(await asyncio.gather(small(), small())) == 2
                elif how == "wait_for":
                    assert (await asyncio.wait_for(small(), 30)).complete
                else:
                    amid = asked.batch([tv.Request.trace(one, ACCOUNT, "small")])
                    assert [found.error async for found in amid] == [None]

    asyncio.run(ask())


def test_what_nobody_reads_any_more_counts_no_more(server: Server) -> None:
    with engine(server.origin, **SETTINGS) as asked:
        batch = asked.batch(requests(tenant(server.origin), 4))
        assert next(batch).error is None
        until(lambda: asked.stats()["untaken_bytes"] > MEBIBYTE, "more have come")
        batch.close()
        # Whoever takes next lets go of what came for nobody.
        until(lambda: not asked.stats()["in_flight"], "nothing is under way")
        asked.trace(tenant(server.origin, "other"), ACCOUNT, "small")
        assert asked.stats()["untaken_bytes"] == 0


@pytest.mark.parametrize("how", ["trace", "batch", "journal"])
def test_an_event_loop_has_large_results_read_aside(
    server: Server,
    readers: list[threading.Thread],
    how: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async def ask() -> None:
        asked = tv.AsyncEngine(settings_of(server))
        one = tenant(server.origin)
        async with asked:
            await asked.trace(one, ACCOUNT, "small")
            if how == "trace":
                assert (await asked.trace(one, ACCOUNT, "large")).lines
                return
            options: BatchOptions = {}
            if how == "journal":
                options["resume"] = tmp_path_factory.mktemp("j") / "journal"
            async with contextlib.aclosing(asked.batch(requests(one, 3), **options)) as batch:
                assert [found.error async for found in batch] == [None] * 3

    asyncio.run(ask())
    own = threading.current_thread()
    assert readers[0] is own
    assert len(readers) > 1
    assert own not in readers[1:]
