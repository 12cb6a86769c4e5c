"""sdk.py - Cloudflare's official Python SDK fetching the same traces; prints one JSON line.

    sdk.py MODE ORIGIN REQUESTS CONCURRENCY        MODE: one of MODES

Retries and the SDK's limit of connections are out of the way; SSL_CERT_FILE names the certificate
authority, which spares it reading the system's.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
from cloudflare import AsyncCloudflare, Cloudflare, DefaultAioHttpClient

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
TOKEN = "test-token-not-real-bench-01"
WARM_UP = 64


def check(trace: object) -> None:
    inbound = getattr(trace, "inbound", None)
    if inbound is None or not inbound.lines:
        raise RuntimeError("not the trace that was expected")


async def fetch_in_tasks(
    make: Callable[[int], httpx.AsyncClient], origin: str, requests: int, concurrency: int
) -> float:
    async with AsyncCloudflare(
        api_token=TOKEN,
        base_url=f"{origin}/client/v4",
        max_retries=0,
        http_client=make(concurrency),
    ) as client:
        numbers = count()

        async def worker(end: int) -> None:
            while (number := next(numbers)) < end:
                reference = f"4Njp3P0STMz{number:06d}"
                trace = client.email_security.investigate.trace
                check(await trace.get(reference, account_id=ACCOUNT))

        async def run(end: int) -> None:
            await asyncio.gather(*(worker(end) for _ in range(concurrency)))

        await run(WARM_UP)
        began = time.perf_counter()
        numbers = count()
        await run(requests)
        return requests / (time.perf_counter() - began)


def limits(concurrency: int) -> httpx.Limits:
    return httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)


def http1(concurrency: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(limits=limits(concurrency), timeout=60)


def http2(concurrency: int) -> httpx.AsyncClient:
    # One connection, as everywhere else in the comparison.
    only_one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.AsyncClient(limits=only_one, timeout=60, http2=True)


def aiohttp(concurrency: int) -> httpx.AsyncClient:
    return DefaultAioHttpClient(limits=limits(concurrency), timeout=60)


def fetch_in_threads(origin: str, requests: int, concurrency: int) -> float:
    with (
        Cloudflare(
            api_token=TOKEN,
            base_url=f"{origin}/client/v4",
            max_retries=0,
            http_client=httpx.Client(limits=limits(concurrency), timeout=60),
        ) as client,
        ThreadPoolExecutor(concurrency) as pool,
    ):

        def fetch(number: int) -> None:
            reference = f"4Njp3P0STMz{number:06d}"
            trace = client.email_security.investigate.trace
            check(trace.get(reference, account_id=ACCOUNT))

        list(pool.map(fetch, range(WARM_UP)))
        began = time.perf_counter()
        list(pool.map(fetch, range(requests)))
        return requests / (time.perf_counter() - began)


TASKS = {"async http/1.1": http1, "async http/2": http2, "async aiohttp": aiohttp}
MODES = (*TASKS, "threads")


def main() -> None:
    mode, origin = sys.argv[1:3]
    requests, concurrency = int(sys.argv[3]), int(sys.argv[4])
    if mode == "threads":
        rps = fetch_in_threads(origin, requests, concurrency)
    else:
        rps = asyncio.run(fetch_in_tasks(TASKS[mode], origin, requests, concurrency))
    print(json.dumps({"mode": mode, "rps": rps}))


if __name__ == "__main__":
    main()
