"""stage: the sockets of one scenario: the origin under test, and second origins that record.

Threads and blocking sockets, on loopback only. What is said is in the scenarios.
"""

from __future__ import annotations

import contextlib
import ctypes
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator

from .certificates import Identities
from .http2 import HTTP2
from .scenario import HONEST, Play, Scenario, answering

#: Ends a thread of a test that went wrong; no scenario waits so long.
_IDLE_S = 60.0
_HEAD_LIMIT = 1 << 16
_SO_ATTACH_FILTER = 26


class _Instruction(ctypes.Structure):
    """The kernel's sock_filter."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    """The kernel's sock_fprog."""

    _fields_ = (("count", ctypes.c_ushort), ("first", ctypes.POINTER(_Instruction)))


def _record_until_closed(sock: socket.socket, into: bytearray) -> None:
    with contextlib.suppress(OSError):
        while piece := sock.recv(65536):
            into += piece


class Peer:
    """The server's end of one connection. One thread may read while others send."""

    def __init__(self, sock: socket.socket, stage: Stage) -> None:
        self.sock = sock
        self.stage = stage
        self._ahead = b""
        # A TLS connection is one thread's at a time: to one that reads while another sends it may look over.
        self._turn = threading.Lock()

    def secure(self, identity: str, protocol: str) -> None:
        context = self.stage.identities.context(identity, protocol)
        secured = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        self.stage.replace(self.sock, secured)
        self.sock = secured
        secured.do_handshake()

    def head(self) -> bytes:
        """The next request's head; empty when the client is gone."""
        while b"\r\n\r\n" not in self._ahead:
            if len(self._ahead) > _HEAD_LIMIT:
                return b""
            piece = self._arrived()
            if not piece:
                return b""
            self._ahead += piece
        head, _, self._ahead = self._ahead.partition(b"\r\n\r\n")
        self.stage.asked(head)
        return head

    def exactly(self, count: int) -> bytes:
        """So many bytes; raises when the client is gone."""
        while len(self._ahead) < count:
            piece = self._arrived()
            if not piece:
                raise ConnectionError("the client is gone")
            self._ahead += piece
        wanted, self._ahead = self._ahead[:count], self._ahead[count:]
        return wanted

    def _arrived(self) -> bytes:
        """What comes next, waited for while others may send; empty when the client is gone."""
        end = time.monotonic() + _IDLE_S
        while True:
            with self._turn:
                self.sock.settimeout(0)
                try:
                    return self.sock.recv(65536)
                except (BlockingIOError, ssl.SSLWantReadError):
                    pass
                finally:
                    self.sock.settimeout(_IDLE_S)
            if not select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the client says nothing")

    def send(self, data: bytes) -> None:
        with self._turn:
            self.sock.sendall(data)

    def pour(self, piece: bytes, *, times: int | None = None, pause: float = 0) -> None:
        """Sends a piece again and again, at most while the scene lasts."""
        sent = 0
        while (times is None or sent < times) and not self.stage.honest:
            self.sock.sendall(piece)
            sent += 1
            if pause:
                time.sleep(pause)

    def drip(self, data: bytes, pause: float) -> None:
        """Sends byte by byte."""
        for value in data:
            self.pour(bytes([value]), times=1, pause=pause)

    def forget_arrived(self) -> None:
        """Reads what is there already, without waiting."""
        self.sock.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError):
            while self.sock.recv(65536):
                pass
        self.sock.settimeout(_IDLE_S)

    def stay_silent(self) -> None:
        """Says nothing more on this connection, however much is asked."""
        while self.sock.recv(65536):
            pass

    def fall_deaf(self) -> None:
        """What comes from now on is dropped before TCP sees it, as where the way is cut."""
        drop = _Instruction(6, 0, 0, 0)  # BPF_RET: of every packet, no byte
        program = _Program(1, ctypes.pointer(drop))
        self.sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))

    def close(self) -> None:
        """Ends the connection without ending TLS."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def finish(self) -> None:
        """Ends TLS, then the connection."""
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.settimeout(0.5)
            with contextlib.suppress(OSError, ValueError):
                self.sock.unwrap()
        self.close()

    def reset(self) -> None:
        """Breaks the connection with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Recorder:
    """A second origin: takes whatever comes, over TLS or not, and keeps every byte."""

    def __init__(self, identities: Identities, *listeners: socket.socket) -> None:
        self.connections = 0
        self.received = bytearray()
        self._context = identities.context("good", "http/1.1")
        self._listeners = listeners
        for listener in listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock = listener.accept()[0]
                self.connections += 1
                threading.Thread(target=self._take, args=(sock,), daemon=True).start()

    def _take(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.settimeout(_IDLE_S)
            if sock.recv(1, socket.MSG_PEEK) == b"\x16":
                sock = self._context.wrap_socket(sock, server_side=True)
            with sock:
                _record_until_closed(sock, self.received)

    def close(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


class Stage:
    """The origin of one scenario on a port of its own. Honest to new requests once told so."""

    def __init__(self, scenario: Scenario, identities: Identities) -> None:
        self.scenario = scenario
        self.identities = identities
        #: Set when the scene is over and the next requests shall be served.
        self.honest = False
        #: Heads of the scene's requests, and bytes read before TLS was agreed on.
        self.heads: list[bytes] = []
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener, namesake = _same_port_twice()
        other = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        scheme = "http" if scenario.speech == "plain" else "https"
        self.origin = f"{scheme}://127.0.0.1:{self.port}"
        other_port = other.getsockname()[1]
        other_scheme = "https" if scheme == "http" else "http"
        #: Where a hostile answer may point; all but the first record.
        self.elsewhere = {
            "same origin": self.origin,
            "other host": f"{scheme}://127.0.0.2:{self.port}",
            "other port": f"{scheme}://127.0.0.1:{other_port}",
            "other scheme": f"{other_scheme}://127.0.0.1:{other_port}",
        }
        self.recorder = Recorder(identities, namesake, other)
        # Here, so that an identity that cannot be shown fails the test and not a connection.
        identities.context(scenario.certificate, scenario.speech)
        self._fallback: Play = answering(lambda peer, head: peer.send(HONEST))
        threading.Thread(target=self._accept, daemon=True).start()

    def asked(self, head: bytes) -> None:
        if not self.honest:
            with self._lock:
                self.heads.append(head)

    def replace(self, old: socket.socket, new: socket.socket) -> None:
        with self._lock:
            self._sockets = [new if one is old else one for one in self._sockets]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock = self._listener.accept()[0]
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(_IDLE_S)
                with self._lock:
                    self._sockets.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        peer, scenario = Peer(sock, self), self.scenario
        with contextlib.suppress(OSError):
            if self.honest:
                if scenario.speech != "plain":
                    peer.secure("good", scenario.speech)
                if scenario.speech == "h2":
                    HTTP2(peer).serve(lambda http2, stream: http2.reply(stream))
                else:
                    self._fallback(peer)
            else:
                if scenario.speech != "plain" and not scenario.bare:
                    peer.secure(scenario.certificate, scenario.speech)
                scenario.play(peer)
        peer.close()

    def close(self) -> None:
        self.honest = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.recorder.close()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _same_port_twice() -> tuple[socket.socket, socket.socket]:
    """Listeners on one port of two hosts."""
    for _ in range(100):
        first = socket.create_server(("127.0.0.1", 0))
        try:
            return first, socket.create_server(("127.0.0.2", first.getsockname()[1]))
        except OSError:
            first.close()
    raise OSError("no port is free on two loopback addresses")


@contextlib.contextmanager
def staged(scenario: Scenario, identities: Identities) -> Iterator[Stage]:
    stage = Stage(scenario, identities)
    try:
        yield stage
    finally:
        stage.close()
