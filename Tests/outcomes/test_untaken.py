"""Large results that nobody takes, and large replies that come together: bounded, and none is lost."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TRACE, Server, engine, reply, tenant
from engine_scene import until

MEBIBYTE = 1 << 20


def trace_of(size: int) -> bytes:
    lines = [
        {"lineno": n + 1, "logged_at": "2026-11-29T10:00:00Z", "message": "m" * 50_000}
        for n in range(size // 50_000)
    ]
    return reply({**TRACE, "result": {"inbound": {"lines": lines, "pending": False}}})


def page_of(size: int) -> bytes:
    found = [{"id": f"4Nj{n:07d}", "subject": "s" * 50_000} for n in range(size // 50_000)]
    return reply({"success": True, "result": found, "result_info": {"next": "p"}})


class SlowServer(Server):
    """Sends every reply in slices, so that replies asked for together come together."""

    def __init__(self, answer: bytes, pause: float) -> None:
        super().__init__(lambda _head, _number: None)
        self.whole = answer
        self.pause = pause

    def serve(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while peer.recv(65536):
                for start in range(0, len(self.whole), MEBIBYTE // 4):
                    peer.sendall(self.whole[start : start + MEBIBYTE // 4])
                    time.sleep(self.pause)


@pytest.mark.parametrize("kind", ["trace", "search"])
def test_results_that_nobody_takes_stay_within_their_bound_and_all_are_had_later(kind: str) -> None:
    count, bound = 48, 8 * MEBIBYTE
    size = 2 * MEBIBYTE
    server = SlowServer(trace_of(size) if kind == "trace" else page_of(size), 0.0)
    with (
        contextlib.closing(server),
        engine(
            server.origin,
            engine__max_result_bytes=bound,
            http__max_connections=64,
            http__max_reply_bytes=4 * MEBIBYTE,
            budget__ip_per_second=0,
            cache__max_bytes=0,
        ) as asked,
    ):
        acme = tenant(server.origin)
        for number in range(count):
            if kind == "trace":
                asked.submit(tv.Request.trace(acme, ACCOUNT, f"m{number}", timeout=300))
            else:
                asked.submit(tv.Request.search(acme, ACCOUNT, subject=str(number), timeout=300))
        until(lambda: asked.stats()["untaken"] > 0, "a result has come")
        most = 0
        for _ in range(30):
            time.sleep(0.1)
            stats = asked.stats()
            most = max(most, stats["untaken_bytes"])
        assert most <= bound, f"{most / MEBIBYTE:.1f} MiB"
        assert stats["queued"] > 0
        for _ in range(count):
            result = asked.take(60)
            assert result is not None and result.error is None, result


def test_large_replies_that_come_together_are_all_had_though_not_all_have_room_at_once() -> None:
    count = 40
    server = SlowServer(trace_of(3 * MEBIBYTE), 0.05)
    with (
        contextlib.closing(server),
        engine(
            server.origin,
            engine__max_result_bytes=1024 * MEBIBYTE,
            http__max_connections=64,
            http__max_reply_bytes=4 * MEBIBYTE,
            retry__max_attempts=1,
            budget__ip_per_second=0,
            cache__max_bytes=0,
        ) as asked,
    ):
        acme = tenant(server.origin)
        requests = [tv.Request.trace(acme, ACCOUNT, f"m{number}") for number in range(count)]
        errors = [result.error for result in asked.batch(requests)]
        assert errors == [None] * count
        # The room was not enough for all at once.
        assert asked.stats()["tries"] > count
