"""gate: holds up connections on loopback, as a slow way or a slow handshake does.

Threads and blocking sockets. What goes through is not read.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from .connecting import Loopback


class Gate(Loopback):
    """Accepts at once, and passes a connection on to `port` when it is let through."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._let = threading.Semaphore(0)
        #: Connections that have come.
        self.came = 0
        super().__init__()

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def let(self, count: int) -> None:
        """Lets so many connections through, of those that wait or the next ones."""
        self._let.release(count)

    def _serve(self, sock: socket.socket) -> None:
        self._sockets.append(sock)
        self.came += 1
        self._let.acquire()
        with (
            contextlib.suppress(OSError),
            sock,
            socket.create_connection(("127.0.0.1", self._target), 20) as server,
        ):
            self._join(sock, server, b"")

    def close(self) -> None:
        super().close()
        self.let(100)


@contextlib.contextmanager
def gated(port: int) -> Iterator[Gate]:
    gate = Gate(port)
    try:
        yield gate
    finally:
        gate.close()
