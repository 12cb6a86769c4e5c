"""What requests that wait for their next try keep of replies: little, and growing traces within a room of their own."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

import pytest
import tracevault as tv
from bare_server import ACCOUNT, BLOCK, TRACE, engine, reply, serving, tenant
from engine_scene import until

MEBIBYTE = 1 << 20
BUSY = {"success": False, "errors": [{"code": 971, "message": "busy"}], "result": None}
GROWING = {**BLOCK, "pending": True}


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def padded(body: object, size: int) -> bytes:
    text = json.dumps(body).encode()
    return text + b" " * (size - len(text))


def request(kind: str, acme: tv.Tenant, number: int) -> tv.Request:
    if kind == "trace":
        return tv.Request.trace(acme, ACCOUNT, f"m{number}", timeout=900)
    if kind == "search":
        return tv.Request.search(acme, ACCOUNT, timeout=900)
    return tv.Request.check(acme, ACCOUNT, timeout=900)


@contextlib.contextmanager
def asking(answer: bytes, **settings: tv.Setting) -> Iterator[tuple[tv.Engine, tv.Tenant]]:
    with (
        serving(lambda _head, _number: answer) as server,
        engine(server.origin, budget__ip_per_second=0, cache__max_bytes=0, **settings) as asked,
    ):
        yield asked, tenant(server.origin)


@pytest.mark.parametrize("kind", ["trace", "search", "check"])
def test_who_waits_after_a_failure_keeps_no_large_reply(kind: str) -> None:
    count, size = 32, 2 * MEBIBYTE
    busy = reply(padded(BUSY, size), 503, "retry-after: 300\r\n")
    with asking(busy) as (asked, acme):
        before = resident()
        for number in range(count):
            asked.submit(request(kind, acme, number))
        until(lambda: asked.stats()["sleeping"] == count, "all wait for their next try")
        grown = resident() - before
        # What comes at once is in memory for a moment; together they are 64 MiB.
        assert grown < 32 * MEBIBYTE, f"grown by {grown / MEBIBYTE:.0f} MiB"


def test_growing_traces_are_kept_as_far_as_there_is_room_and_told_as_they_are_beyond() -> None:
    count = 24
    body = {**TRACE, "result": {"inbound": GROWING, "outbound": BLOCK}}
    # Eight times this is the room, and a tenant has half of it.
    growing = reply(padded(body, MEBIBYTE // 2))
    with asking(growing, http__max_reply_bytes=MEBIBYTE) as (asked, acme):
        for number in range(count):
            asked.submit(tv.Request.trace(acme, ACCOUNT, f"m{number}", wait=300, timeout=900))
        told = [asked.take(60) for _ in range(count - 8)]
        for result in told:
            assert result is not None and result.error is None and result.trace is not None
            assert not result.trace.complete
            assert result.trace.error is not None and result.trace.error.name == "TV_E_LIMIT"
        assert asked.stats()["sleeping"] + asked.stats()["in_flight"] > 0
