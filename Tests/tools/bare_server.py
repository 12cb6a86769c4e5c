"""bare_server.py - a plain HTTP server of bare sockets that answers what a test says, and an engine for it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator

import tracevault as tv

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
TOKEN = "test-token-not-real-canary-01"
BLOCK = {"lines": [{"lineno": 1, "message": "one"}], "pending": False}
TRACE = {"success": True, "errors": [], "result": {"inbound": BLOCK, "outbound": BLOCK}}

#: What a server sends for the head of a request and its number, from 1; None: silence.
Answer = Callable[[bytes, int], bytes | None]


def reply(body: object, status: int = 200, headers: str = "") -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\n{headers}content-length: {len(text)}\r\n\r\n"
    return head.encode() + text


class Server:
    """A plain HTTP server of bare sockets on loopback."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer = self.listener.accept()[0]
                self.sockets.append(peer)
                threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer: socket.socket) -> None:
        waiting = b""
        with contextlib.suppress(OSError):
            while piece := peer.recv(65536):
                waiting += piece
                while b"\r\n\r\n" in waiting:
                    head, _, waiting = waiting.partition(b"\r\n\r\n")
                    self.heads.append(head)
                    answer = self.answer(head, len(self.heads))
                    if answer is not None:
                        peer.sendall(answer)

    def close(self) -> None:
        for one in (self.listener, *self.sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    server = Server(answer)
    try:
        yield server
    finally:
        server.close()


def tenant(origin: str, name: str = "acme") -> tv.Tenant:
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        edit.put(name, ACCOUNT, tv.ApiToken(bytearray(TOKEN.encode())), origin=origin)
    return vault.tenant(name)


def tenants(origin: str, *names: str) -> list[tv.Tenant]:
    """Of one vault, each with a token that has its name."""
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        for name in names:
            edit.put(name, ACCOUNT, tv.ApiToken(f"test-token-not-real-{name}"), origin=origin)
    return [vault.tenant(name) for name in names]


def engine(
    origin: str, notice: Callable[[tv.Notice], object] | None = None, /, **settings: tv.Setting
) -> tv.Engine:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return tv.Engine(
        {
            "api.base_url": origin + "/client/v4",
            "api.allow_http_loopback": True,
            "budget.quota": 0,
            **named,
        },
        notice=notice,
    )
