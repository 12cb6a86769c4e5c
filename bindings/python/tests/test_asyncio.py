"""The engine for asyncio: on the descriptor, cancellable, for several loops, uvloop too."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import select
import socket
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import uvloop
from launcher import Standin

import tracevault as tv

from .conftest import ACME, fill, settings, work

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine as a program does, on either kind of event loop."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


def good(server: Standin, number: int = 0) -> str:
    return server.messages_of(ACME)[number].investigate_id


async def until(ready: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not ready():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), 30)


def under_way(engine: tv.AsyncEngine) -> int:
    stats = engine.stats()
    return int(stats["outstanding"] - stats["untaken"])


def test_traces_searches_and_checks_are_awaited(server: Standin, vault: tv.Vault, run: Run) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            trace = await engine.trace(acme, ACME, good(server), views=("ecs",))
            assert trace.message_ref == good(server)
            assert trace.ecs()
            found = await engine.search(acme, ACME, start="2000-01-01T00:00:00Z", limit=3)
            assert len(found) == 3
            assert (await engine.check(acme, ACME)).valid
            with pytest.raises(tv.MessageNotFoundError, match="fail-404"):
                await engine.trace(acme, ACME, "fail-404")

    run(main())
    run(main())  # a second loop in the same process


def test_one_engine_serves_one_loop_after_the_other(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    engine = tv.AsyncEngine(settings(server))

    async def ask() -> str | None:
        trace = await engine.trace(vault.tenant("acme"), ACME, good(server), fresh=True)
        return trace.message_ref

    assert [run(ask()) for _ in range(3)] == [good(server)] * 3
    engine.close()


def test_loops_in_several_threads_share_one_engine_and_each_gets_its_own(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    requests = [request for request in work(server, vault) if not request.submission]
    wrong: list[object] = []
    with contextlib.closing(tv.AsyncEngine(settings(server))) as engine:

        async def ask(offset: int) -> None:
            chosen = requests[offset::4]
            asked = (engine.trace(r.tenant, r.account_id, r.message_ref) for r in chosen)
            for request, trace in zip(chosen, await asyncio.gather(*asked), strict=True):
                if trace.message_ref != request.message_ref:
                    wrong.append((request, trace.message_ref))

        threads = [threading.Thread(target=run, args=(ask(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


# ---- Cancelling and closing ----------------------------------------------------------------------


def test_a_cancelled_task_cancels_its_request(server: Standin, vault: tv.Vault, run: Run) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            task = asyncio.ensure_future(engine.trace(acme, ACME, "slow-60000"))
            await until(lambda: under_way(engine) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: under_way(engine) == 0)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(engine.trace(acme, ACME, "slow-60000"), 0.05)
            await until(lambda: under_way(engine) == 0)
            # What was cancelled takes up no room, and the next one is answered.
            assert (await engine.trace(acme, ACME, good(server))).message_ref == good(server)
            assert engine.stats()["answers"]["TV_E_CANCELLED"] == 2

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="task groups came with Python 3.11")
def test_a_task_group_that_fails_cancels_the_requests_of_all_its_tasks(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            group: Any = asyncio.TaskGroup()  # type: ignore[attr-defined,unused-ignore]

            async def ask() -> None:
                async with group:
                    for _ in range(5):
                        group.create_task(engine.trace(acme, ACME, "slow-60000"))
                    group.create_task(engine.trace(acme, ACME, "fail-404"))

            with pytest.raises(Exception, match="TaskGroup") as caught:
                await ask()
            errors: Any = caught.value
            assert [type(error) for error in errors.exceptions] == [tv.MessageNotFoundError]
            await until(lambda: under_way(engine) == 0)

    run(main())


def test_a_cancelled_batch_cancels_all_its_own_and_nothing_else(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            other = asyncio.ensure_future(engine.trace(acme, ACME, "slow-500", timeout=60))

            async def batch() -> None:
                refs = ["slow-60000"] * 20
                async for _ in engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs):
                    pass

            task = asyncio.ensure_future(batch())
            await until(lambda: under_way(engine) == 21)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: under_way(engine) <= 1)
            assert (await other).message_ref == "slow-500"

    run(main())


def test_leaving_a_batch_early_cancels_the_rest(server: Standin, vault: tv.Vault, run: Run) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            refs = ["bad-html", *["slow-60000"] * 20]
            async for result in engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs):
                assert result.error is not None
                break
            gc.collect()
            await until(lambda: under_way(engine) == 0)

    run(main())


def test_closing_ends_everything_that_waits_in_every_loop(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    engine = tv.AsyncEngine(settings(server))
    acme = vault.tenant("acme")
    ended: list[object] = []

    async def wait_elsewhere() -> None:
        ended.extend(
            await asyncio.gather(
                *(engine.trace(acme, ACME, "slow-60000") for _ in range(3)), return_exceptions=True
            )
        )

    async def main() -> None:
        async def batch() -> list[object]:
            asked = [tv.Request.trace(acme, ACME, "slow-60000")] * 5
            return [result.error async for result in engine.batch(asked)]

        tasks = [asyncio.ensure_future(batch())]
        one = asyncio.ensure_future(engine.trace(acme, ACME, "slow-60000"))
        await until(lambda: under_way(engine) == 9)
        await engine.aclose()
        ended.extend(await tasks[0])
        ended.extend(await asyncio.gather(one, return_exceptions=True))
        assert engine.closed
        with pytest.raises(tv.ClosedError):
            await engine.trace(acme, ACME, good(server))
        with pytest.raises(tv.ClosedError):
            engine.batch([])

    thread = threading.Thread(target=run, args=(wait_elsewhere(),))
    thread.start()
    run(main())
    thread.join(30)
    assert not thread.is_alive()
    assert [type(error) for error in ended] == [tv.ShutdownError] * 9


@pytest.mark.parametrize("silent_from", ["the handshake", "the request"])
def test_closing_waits_for_no_server_and_leaves_nothing(
    server: Standin, run: Run, silent_from: str
) -> None:
    """200 requests at a server that never answers: who waited for it would wait for ever."""
    with contextlib.ExitStack() as around:
        origin, own = server.origin, settings(server)
        if silent_from == "the handshake":
            # The system takes connections, nobody says a word.
            listening = around.enter_context(socket.create_server(("127.0.0.1", 0), backlog=300))
            origin = f"https://127.0.0.1:{listening.getsockname()[1]}"
            own["api.base_url"] = f"{origin}/client/v4"
        vault = around.enter_context(tv.Vault.in_memory())
        fill(vault, server, origin)

        async def main() -> list[object]:
            acme = vault.tenant("acme")
            before = descriptors(), threads()
            engine = tv.AsyncEngine(own)
            # Different references: equal ones would share one fetch.
            asked = [engine.trace(acme, ACME, f"slow-{600_000 + n}") for n in range(200)]
            waiting = asyncio.gather(*asked, return_exceptions=True)
            await until(lambda: under_way(engine) == 200)
            await engine.aclose()
            ended = await waiting
            assert (descriptors(), threads()) == before
            return list(ended)

        ended = run(main())
    assert {type(error) for error in ended} == {tv.ShutdownError}
    assert len(ended) == 200


def test_a_loop_that_ends_with_requests_under_way_leaves_no_descriptor_and_the_engine_usable(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    with contextlib.closing(tv.AsyncEngine(settings(server))) as engine:
        acme = vault.tenant("acme")

        async def leave() -> None:
            asyncio.ensure_future(engine.trace(acme, ACME, "slow-60000"))  # noqa: RUF006
            await until(lambda: under_way(engine) == 1)

        async def ask() -> None:
            await engine.trace(acme, ACME, good(server))

        run(ask())
        before = descriptors()
        for _ in range(3):
            run(leave())
        run(ask())
        assert descriptors() <= before


def test_a_loop_that_is_closed_with_tasks_left_costs_no_descriptor(
    server: Standin, vault: tv.Vault
) -> None:
    with contextlib.closing(tv.AsyncEngine(settings(server))) as engine:
        acme = vault.tenant("acme")
        asyncio.run(engine.trace(acme, ACME, good(server)))
        before = descriptors()
        kept = []
        for _ in range(3):
            loop = asyncio.new_event_loop()
            kept.append(loop.create_task(engine.trace(acme, ACME, "slow-60000")))
            loop.run_until_complete(until(lambda: under_way(engine) == len(kept)))
            loop.close()
        asyncio.run(engine.trace(acme, ACME, good(server)))
        assert descriptors() <= before
        for task in kept:
            task._log_destroy_pending = False  # type: ignore[attr-defined]


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    """Of the process, the library's included."""
    return len(os.listdir("/proc/self/task"))


# ---- Batches -------------------------------------------------------------------------------------


def test_a_batch_gives_exactly_one_result_for_every_request(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    requests = work(server, vault) * 3

    async def main() -> list[tv.Result]:
        async with tv.AsyncEngine(settings(server, engine_max_queued=7)) as engine:
            return [result async for result in engine.batch(requests)]

    results = run(main())
    assert Counter(map(id, requests)) == Counter(id(result.request) for result in results)
    assert [result.error for result in results if result.error] == []


def test_requests_may_come_from_an_asynchronous_iterable_and_results_do_not_wait_for_it(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            queue: asyncio.Queue[str | None] = asyncio.Queue()

            async def asked() -> AsyncIterator[tv.Request]:
                while (ref := await queue.get()) is not None:
                    yield tv.Request.trace(acme, ACME, ref)

            queue.put_nowait(good(server))
            refs = []
            async for result in engine.batch(asked()):
                # The next one is only put when the result of the first has come.
                refs.append(result.request.message_ref)
                queue.put_nowait(good(server, 1) if len(refs) == 1 else None)
            assert refs == [good(server), good(server, 1)]

    run(main())


def test_two_errors_of_a_callers_own_code_lose_nothing_that_was_drawn(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")

            async def broken() -> AsyncIterator[tv.Request]:
                for _ in range(3):
                    yield tv.Request.trace(acme, ACME, good(server), fresh=True)
                raise KeyError("their own")

            def breaks(step: tv.Progress) -> None:
                if step.done == 1:
                    raise ValueError("their own")

            told = []

            async def ask() -> None:
                async for result in engine.batch(broken(), window=8, progress=breaks):
                    told.append(result)

            with pytest.raises((KeyError, ValueError), match="their own"):
                await ask()
            assert len(told) == 3

    run(main())


def test_an_error_in_an_asynchronous_iterable_is_raised_when_all_under_way_has_been_told(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")

            async def broken() -> AsyncIterator[tv.Request]:
                for _ in range(3):
                    yield tv.Request.trace(acme, ACME, "slow-200", fresh=True)
                raise KeyError("their own")

            told = []

            async def ask() -> None:
                async for result in engine.batch(broken()):
                    told.append(result)

            with pytest.raises(KeyError, match="their own"):
                await ask()
            assert len(told) == 3

    run(main())


def test_a_fault_of_the_callers_loses_nothing_that_was_drawn_from_an_asynchronous_iterable(
    server: Standin, vault: tv.Vault, run: Run
) -> None:
    async def main() -> None:
        drawn: list[int] = []
        told: list[tv.Result] = []

        async def one_by_one() -> AsyncIterator[tv.Request]:
            for number in range(200):
                drawn.append(number)
                yield tv.Request.trace(vault.tenant("acme"), ACME, good(server), tag=number)

        def breaks(step: tv.Progress) -> None:
            if step.done == 3:
                raise KeyError("their own")

        async def ask() -> None:
            async for result in engine.batch(one_by_one(), window=4, progress=breaks):
                told.append(result)

        async with tv.AsyncEngine(settings(server)) as engine:
            with pytest.raises(KeyError, match="their own"):
                await ask()
        assert sorted(result.tag for result in told) == drawn
        assert len(told) < 20

    run(main())


def test_an_engine_waits_in_another_event_loop_through_its_descriptor(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    request_id = engine.submit(tv.Request.trace(acme, ACME, good(server)))
    readable, _, _ = select.select([engine], [], [], 60)
    assert readable == [engine]
    result = engine.take(timeout=0)
    assert result is not None
    assert result.id == request_id
