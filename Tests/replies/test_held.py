"""Nothing that comes over a connection holds a thread: who pours is left, long before it ends.

Each server here sends so much that an honest client of it would read for seconds, and notes whether it
was left before. Nothing is asserted of time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TOKEN, TRACE, reply, tenant
from hostile.certificates import Identities
from hostile.http2 import DATA, HEADERS, SETTINGS, frame
from hostile.sealing import APPLICATION, HANDSHAKE, TICKETS, Sealer
from hpack import Encoder
from tracevault import Cause, Status

REF = "4Njp3P0STMz2c02Q"
#: What a HelloRequest is: a handshake message of kind 0 that holds nothing.
HELLO = bytes(4)
#: So many bytes are poured out at most.
ALL = 40_000_000


class Pouring:
    """A server that pours out what `pieces` gives to whoever comes first."""

    def __init__(self, pieces: Callable[[socket.socket], Iterator[bytes]]) -> None:
        self._pieces = pieces
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.was_left = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            peer = self._listener.accept()[0]
            with peer:
                try:
                    for piece in self._pieces(peer):
                        peer.sendall(piece)
                except OSError:
                    self.was_left.set()

    def close(self) -> None:
        self._listener.close()
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def pouring(pieces: Callable[[socket.socket], Iterator[bytes]]) -> Iterator[Pouring]:
    server = Pouring(pieces)
    try:
        yield server
    finally:
        server.close()


def failure(origin: str, **settings: tv.Setting) -> tv.TraceVaultError:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            edit.put("acme", ACCOUNT, tv.ApiToken(TOKEN.encode()), origin=origin)
        with (
            tv.Engine({"api.base_url": origin, "retry.max_attempts": 1, **named}) as engine,
            vault.tenant("acme") as tenant,
            pytest.raises(tv.TraceVaultError) as caught,
        ):
            engine.trace(tenant, ACCOUNT, REF, timeout=60)
    return caught.value


# ---- Before anybody has shown who he is ------------------------------------------------------------


def handshakes(length: int) -> Callable[[socket.socket], Iterator[bytes]]:
    """Records of HelloRequests, which TLS skips before it looks at anything else."""
    record = b"\x16\x03\x03" + length.to_bytes(2, "big") + HELLO * (length // 4)

    def pieces(peer: socket.socket) -> Iterator[bytes]:
        peer.recv(4096)
        many = record * max(1, 60_000 // len(record))
        for _ in range(ALL // len(many)):
            yield many

    return pieces


@pytest.mark.parametrize("length", [4, 16_384], ids=["small records", "large ones"])
def test_a_handshake_that_does_not_end_is_left(length: int) -> None:
    with pouring(handshakes(length)) as server:
        error = failure(f"https://127.0.0.1:{server.port}")
    assert server.was_left.is_set()
    assert isinstance(error, tv.TransportError)


def test_a_redis_whose_handshake_does_not_end_is_left() -> None:
    with pouring(handshakes(4)) as server:
        with tv.Engine({"redis.addresses": f"rediss://127.0.0.1:{server.port}"}):
            server.was_left.wait(60)
        assert server.was_left.is_set()


# ---- A proxy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["content-length: 99999999999", "transfer-encoding: chunked"])
def test_a_proxys_refusal_without_end_is_left_and_told(framing: str) -> None:
    def pieces(peer: socket.socket) -> Iterator[bytes]:
        peer.recv(4096)
        head = f"HTTP/1.1 407 No\r\nproxy-authenticate: basic\r\n{framing}\r\n\r\n"
        yield head.encode() + (b"fffffff\r\n" if "chunked" in framing else b"")
        for _ in range(ALL // 60_000):
            yield b"x" * 60_000

    with pouring(pieces) as server:
        error = failure(
            "https://api.example", http__proxy=f"http://soc:not-real@127.0.0.1:{server.port}"
        )
    assert server.was_left.is_set()
    assert (error.status, error.cause) == (Status.E_PROXY, Cause.PROXY_LOGIN)


# ---- A server with a good certificate -----------------------------------------------------------------


def shake(
    context: ssl.SSLContext, peer: socket.socket
) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """A handshake without a socket of its own: what arrives, and what leaves, stays in memory."""
    arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(arrived, leaving, server_side=True)
    while True:
        try:
            tls.do_handshake()
            peer.sendall(leaving.read())
            return tls, arrived, leaving
        except ssl.SSLWantReadError:
            peer.sendall(leaving.read())
            arrived.write(peer.recv(65536))


def hear(
    tls: ssl.SSLObject,
    arrived: ssl.MemoryBIO,
    peer: socket.socket,
    is_whole: Callable[[bytes], bool],
) -> None:
    """Reads until the request is whole."""
    said = b""
    while not is_whole(said):
        try:
            said += tls.read(65536)
        except ssl.SSLWantReadError:
            arrived.write(peer.recv(65536))


def encrypted(
    identity: Identities, peer: socket.socket, records: Iterator[bytes]
) -> Iterator[bytes]:
    """Answers the first request of an HTTP/2 connection with these records, made beforehand: a server
    that makes them as it goes is slower than its client."""
    tls, arrived, leaving = shake(identity.context("good", "h2"), peer)
    tls.write(frame(SETTINGS, 0, 0, b""))
    peer.sendall(leaving.read())
    # The preface and a frame on the first stream.
    hear(tls, arrived, peer, lambda said: len(said) >= 200 and b"\0\0\0\1" in said[24:])
    for record in records:
        tls.write(record)
    whole = leaving.read()
    for at in range(0, len(whole), 60_000):
        yield whole[at : at + 60_000]


def test_frames_between_pieces_of_a_body_are_counted_together(identity: Identities) -> None:
    def records() -> Iterator[bytes]:
        yield frame(HEADERS, 4, 1, Encoder().encode([(":status", "200")]))
        for _ in range(100):
            # A frame that nobody knows, a byte a record, and then a piece of the body.
            for byte in frame(77, 0, 0, b"x" * 6000):
                yield bytes([byte])
            yield frame(DATA, 0, 1, b" ")

    with pouring(lambda peer: encrypted(identity, peer, records())) as server:
        failure(f"https://127.0.0.1:{server.port}", tls__ca_file=str(identity.ca_file))
    assert server.was_left.is_set()


def test_records_full_of_tickets_between_pieces_of_a_body_are_counted_together(
    tmp_path: Path,
) -> None:
    """Each costs milliseconds, and libcurl reads a hundred pieces of a body in one call."""
    identities, key_log = Identities(tmp_path), tmp_path / "keys.log"
    context = identities.context("good", "http/1.1")
    context.num_tickets = 0
    context.keylog_filename = str(key_log)

    def pieces(peer: socket.socket) -> Iterator[bytes]:
        tls, arrived, _ = shake(context, peer)
        hear(tls, arrived, peer, lambda said: b"\r\n\r\n" in said)
        sealer = Sealer(key_log)
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        yield sealer.record(APPLICATION, head)
        for _ in range(30):
            for _ in range(62):
                yield sealer.record(HANDSHAKE, TICKETS)
            yield sealer.record(APPLICATION, b"1\r\n \r\n")

    with pouring(pieces) as server:
        failure(f"https://127.0.0.1:{server.port}", tls__ca_file=str(identities.ca_file))
    assert server.was_left.is_set()


def test_who_is_read_beside_one_that_pours_is_answered(tmp_path: Path) -> None:
    """The server pours tickets over the first connection. The answer over the second comes in small
    records: half of them while libcurl reads the first, the rest when that was left."""
    identities, key_log = Identities(tmp_path), tmp_path / "keys.log"
    greedy, modest = (identities.context("good", "http/1.1") for _ in range(2))
    greedy.num_tickets = 0
    greedy.keylog_filename = str(key_log)
    have_asked, was_left = threading.Barrier(2, timeout=60), threading.Event()

    def pour(peer: socket.socket) -> None:
        tls, arrived, _ = shake(greedy, peer)
        hear(tls, arrived, peer, lambda said: b"\r\n\r\n" in said)
        sealer = Sealer(key_log)
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        peer.sendall(sealer.record(APPLICATION, head))
        have_asked.wait()
        try:
            for _ in range(2000):
                peer.sendall(sealer.record(HANDSHAKE, TICKETS))
        except OSError:
            was_left.set()

    def answer(peer: socket.socket) -> None:
        tls, arrived, leaving = shake(modest, peer)
        hear(tls, arrived, peer, lambda said: b"\r\n\r\n" in said)
        whole = reply(TRACE, headers=f"x-long: {'x' * 2000}\r\n")
        have_asked.wait()
        for half in (whole[: len(whole) // 2], whole[len(whole) // 2 :]):
            for byte in half:
                tls.write(bytes([byte]))
            peer.sendall(leaving.read())
            was_left.wait(60)
        peer.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as first:
                pouring = threading.Thread(target=pour, args=(first,))
                pouring.start()
                with listener.accept()[0] as second:
                    answer(second)
                pouring.join(60)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        origin = f"https://127.0.0.1:{listener.getsockname()[1]}"
        settings: dict[str, tv.Setting] = {
            "api.base_url": origin,
            "retry.max_attempts": 1,
            "tls.ca_file": str(identities.ca_file),
        }
        with tv.Engine(settings) as engine, tenant(origin) as acme:
            asked = [tv.Request.trace(acme, ACCOUNT, ref) for ref in (REF, REF[::-1])]
            errors = [result.error for result in engine.batch(asked)]
        server.join(60)
    assert was_left.is_set()
    assert errors.count(None) == 1, errors
