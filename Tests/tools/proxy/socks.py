"""socks: a SOCKS5 proxy on loopback (RFC 1928, RFC 1929), which refuses what it is told to refuse.

Threads and blocking sockets. What goes through is not read.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from .connecting import Loopback

#: Its ways to greet: no login, user and password, none of those that were offered.
OPEN, PASSWORD, NONE = 0x00, 0x02, 0xFF


class SocksProxy(Loopback):
    """Greets with `method`, takes logins or not, and answers requests with `reply`; after 0 the
    bytes go through to where was asked for."""

    def __init__(self, method: int = OPEN, *, takes_login: bool = True, reply: int = 0) -> None:
        self.method = method
        self.takes_login = takes_login
        self.reply = reply
        #: How many greetings, logins and requests came.
        self.greetings = self.logins = self.requests = 0
        self._lock = threading.Lock()
        super().__init__()

    def _serve(self, sock: socket.socket) -> None:
        self._sockets.append(sock)
        with contextlib.suppress(OSError), sock:
            if self._lets_in(sock):
                self._answer(sock)

    def _lets_in(self, client: socket.socket) -> bool:
        _exactly(client, _exactly(client, 2)[1])
        with self._lock:
            self.greetings += 1
        client.sendall(bytes([5, self.method]))
        if self.method == PASSWORD:
            _exactly(client, _exactly(client, 2)[1])
            _exactly(client, _exactly(client, 1)[0])
            with self._lock:
                self.logins += 1
            client.sendall(bytes([1, 0 if self.takes_login else 1]))
        return self.method == OPEN or (self.method == PASSWORD and self.takes_login)

    def _answer(self, client: socket.socket) -> None:
        kind = _exactly(client, 4)[3]
        count = 4 if kind == 1 else 16 if kind == 4 else _exactly(client, 1)[0]
        address = _exactly(client, count)
        port = int.from_bytes(_exactly(client, 2), "big")
        with self._lock:
            self.requests += 1
        answer = bytes([5, self.reply, 0, 1, 0, 0, 0, 0, 0, 0])
        if self.reply != 0:
            client.sendall(answer)
            return
        host = (
            address.decode()
            if kind == 3
            else socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, address)
        )
        with socket.create_connection((host, port), 20) as server:
            self._join(client, server, answer)


def _exactly(sock: socket.socket, count: int) -> bytes:
    taken = b""
    while len(taken) < count:
        piece = sock.recv(count - len(taken))
        if not piece:
            raise ConnectionError("the client is gone")
        taken += piece
    return taken


@contextlib.contextmanager
def socks(method: int = OPEN, *, takes_login: bool = True, reply: int = 0) -> Iterator[SocksProxy]:
    proxy = SocksProxy(method, takes_login=takes_login, reply=reply)
    try:
        yield proxy
    finally:
        proxy.close()
