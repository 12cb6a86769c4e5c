"""connecting: HTTP proxies on loopback that answer CONNECT, in the clear or over TLS.

Threads and blocking sockets. What goes through is not read.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

_IDLE_S = 60.0


class Loopback:
    """Listens on loopback; `_serve` has each connection, in a thread of its own. What is in
    `_sockets` is cut off at the end."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock = self._listener.accept()[0]
                sock.settimeout(_IDLE_S)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        raise NotImplementedError

    def _join(self, client: socket.socket, server: socket.socket, answer: bytes) -> None:
        """Answers, and passes on what comes from either side until the end."""
        self._sockets.append(server)
        client.sendall(answer)
        there = threading.Thread(target=_pump, args=(client, server), daemon=True)
        there.start()
        _pump(server, client)
        there.join(_IDLE_S)

    def close(self) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class ConnectProxy(Loopback):
    """Answers CONNECT with `code`; from 200 on the bytes go through to where was asked for."""

    def __init__(self, code: int = 200, context: ssl.SSLContext | None = None) -> None:
        self.code = code
        #: The heads of all CONNECT requests.
        self.heads: list[bytes] = []
        self._context = context
        super().__init__()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context:
                sock = self._context.wrap_socket(sock, server_side=True)
            self._sockets.append(sock)
            with sock:
                self._answer(sock)

    def _answer(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        self.heads.append(head)
        if self.code != 200:
            client.sendall(
                b'HTTP/1.1 %d X\r\nproxy-authenticate: Basic realm="x"\r\n'
                b"content-length: 0\r\n\r\n" % self.code
            )
            return
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), 20) as server:
            self._join(client, server, b"HTTP/1.1 200 X\r\n\r\n")


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Passes on what comes, until the end."""
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def connecting(code: int = 200, context: ssl.SSLContext | None = None) -> Iterator[ConnectProxy]:
    proxy = ConnectProxy(code, context)
    try:
        yield proxy
    finally:
        proxy.close()
