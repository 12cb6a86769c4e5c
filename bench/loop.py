"""loop.py - how long 200 concurrent traces keep the other tasks of an event loop waiting.

loop.py ORIGIN CA_FILE ROUNDS        prints one JSON line

Beside the traces a task does nothing but wait for its next turn. Between two of its turns
everything else that was ready has run: that is how long the loop was held up. The longest time
counts, in milliseconds: of the loop's thread on a processor, which no other program lengthens,
and by the clock. Python's garbage collector looks at what the traces made, and that is counted; it
need not look at what was there before, which is the host's and may be any amount.
"""

import asyncio
import gc
import json
import statistics
import sys
import time

import tracevault as tv

import ours

TRACES = 200


async def longest(engine: tv.AsyncEngine, tenant: tv.Tenant, first: int) -> tuple[float, float]:
    """The longest hold-up of one round: on a processor, by the clock."""
    busy, wall = 0.0, 0.0
    is_over = False

    async def wait_for_turns() -> None:
        nonlocal busy, wall
        await asyncio.sleep(0)
        before = (time.thread_time(), time.perf_counter())
        while not is_over:
            await asyncio.sleep(0)
            now = (time.thread_time(), time.perf_counter())
            busy, wall = max(busy, now[0] - before[0]), max(wall, now[1] - before[1])
            before = now

    async def read(number: int) -> None:
        trace = await engine.trace(tenant, ours.ACCOUNT, f"4Njp3P0STMz{number:06d}")
        if not all(line.message and line.at_text for line in trace.lines):
            raise RuntimeError("a line without text or time")

    waiting = asyncio.ensure_future(wait_for_turns())
    for _ in range(3):  # it has begun: the first step of all the tasks is counted
        await asyncio.sleep(0)
    await asyncio.gather(*(read(first + number) for number in range(TRACES)))
    is_over = True
    await waiting
    return busy * 1e3, wall * 1e3


async def measure(origin: str, ca_file: str, rounds: int) -> list[tuple[float, float]]:
    with ours.vault(origin) as vault, vault.tenant(ours.TENANT) as tenant:
        async with tv.AsyncEngine(ours.settings(origin, ca_file, TRACES)) as engine:
            await longest(engine, tenant, 0)
            gc.collect()
            gc.freeze()
            return [
                await longest(engine, tenant, (number + 1) * TRACES) for number in range(rounds)
            ]


def main() -> None:
    origin, ca_file, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    found = asyncio.run(measure(origin, ca_file, rounds))
    busy, wall = zip(*found, strict=True)
    figures = {
        "longest_ms": max(busy),
        "median_ms": statistics.median(busy),
        "clock_ms": max(wall),
        "rounds": rounds,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
