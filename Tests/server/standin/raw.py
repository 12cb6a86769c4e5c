"""raw: a TLS server of bare sockets, for replies no HTTP library would send.

HTTP/1.1 only and without authentication: what is tested here is how a client bears a broken
connection.  Requests are logged like the API's, so a test can also show that nothing arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl

from .control import RequestLog
from .replies import envelope

_AT = re.compile(r"close-at-(\d{1,6})")
_HEAD_LIMIT = 65536


def full_reply() -> bytes:
    """The whole reply that `close-at-N` cuts after N bytes."""
    block = {
        "lines": [{"lineno": 1, "message": "one line", "ts": "2026-11-23T04:05:06Z"}],
        "pending": False,
    }
    body = envelope({"inbound": block, "outbound": block})
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        f"cf-ray: 8a1b2c3d4e5f6789-SYD\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _reply(ref: str) -> bytes | None:
    """The bytes to send before closing; None means to stay silent until the client goes."""
    whole = full_reply()
    head, _, body = whole.partition(b"\r\n\r\n")
    if match := _AT.fullmatch(ref):
        return whole[: int(match[1])]
    chunked = re.sub(rb"content-length: \d+", b"transfer-encoding: chunked", head) + b"\r\n\r\n"
    flood = b"".join(b"x-flood-%d: %s\r\n" % (n, b"a" * 1000) for n in range(2000))
    replies = {
        "whole": whole,
        "close-no-reply": b"",
        "close-mid-headers": head[: len(head) // 2],
        "close-early": head + b"\r\n\r\n" + body[: len(body) // 2],
        "chunked-cut": chunked + b"40\r\n" + body[:64] + b"\r\n",
        "chunked-broken": chunked + b"zz\r\n" + body + b"\r\n0\r\n\r\n",
        "not-http": b"220 mx1.example.net ESMTP Postfix\r\n",
        "header-flood": b"HTTP/1.1 200 OK\r\n" + flood + b"content-length: 2\r\n\r\n{}",
    }
    return None if ref == "stall" else replies.get(ref, b"HTTP/1.1 404 Not Found\r\n\r\n")


class RawServer:
    def __init__(self, log: RequestLog) -> None:
        self._log = log

    async def start(self, listener: socket.socket, context: ssl.SSLContext) -> asyncio.Server:
        return await asyncio.start_server(
            self._serve, sock=listener, ssl=context, limit=_HEAD_LIMIT
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *rest = head.decode("latin-1").split("\r\n")
            method, _, target = first.partition(" ")
            path, _, query = target.partition(" ")[0].partition("?")
            pairs = [line.partition(":")[::2] for line in rest if line]
            headers = [(name.lower(), value.strip()) for name, value in pairs]
            self._log.record(method, path, query, "1.1", headers, "https", server="raw")
            parts = path.split("/")
            answer = _reply(parts[-2] if parts[-1] == "trace" else "")
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
