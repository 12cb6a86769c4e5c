"""phases: a connection that goes silent, ends or breaks at every point of an exchange."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable

from tracevault import Status

from .http2 import DATA, HTTP2, OK, Act, acting
from .scenario import CHUNKED, DEAD, HONEST, SHORT, Play, Scenario, answering, chunked, reply
from .stage import Peer

End = Callable[[Peer], None]
ENDS: dict[str, End] = {
    "silence": Peer.stay_silent,
    "end": Peer.close,
    "reset": Peer.reset,
}

T, D, L = Status.E_TRANSPORT, Status.E_DEADLINE, Status.E_TLS
CUT = Status.E_REPLY_TRUNCATED


def _after_hello(end: End) -> Play:
    def play(peer: Peer) -> None:
        peer.sock.recv(65536)
        end(peer)

    return play


def _mid_tls(end: End) -> Play:
    """Half of the server's first flight."""

    def play(peer: Peer) -> None:
        peer.send(_flight(peer)[:200])
        end(peer)

    return play


def _flight(peer: Peer) -> bytes:
    """What the server answers to the client's hello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = peer.stage.identities.context("good", "http/1.1")
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(peer.sock.recv(65536))
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def _slow_tls(peer: Peer) -> None:
    peer.drip(_flight(peer), 0.02)


def _after(sent: bytes, end: End) -> Play:
    def answer(peer: Peer, head: bytes) -> None:
        peer.send(sent)
        end(peer)

    return answering(answer)


_STATUS_LINE, _HEADERS = HONEST[:9], HONEST[:25]
_ALL_HEADERS = HONEST.partition(b"\r\n\r\n")[0] + b"\r\n"
_HALF = HONEST[: len(HONEST) - 20]
_HALF_CHUNKED = CHUNKED + b"40\r\n" + b" " * 20


def _rows(
    phase: str, how: Callable[[End], Play], ended: Status, *, bare: bool = False
) -> list[Scenario]:
    """Silence is ended by the deadline; an end and a reset by themselves, after all tries."""
    # A RST may come before connect() is seen to be done.
    broken = (L, T) if bare else T
    return [
        Scenario(f"silence {phase}", how(ENDS["silence"]), D, bare=bare, timeout=SHORT),
        Scenario(f"end {phase}", how(ENDS["end"]), ended, bare=bare),
        Scenario(f"reset {phase}", how(ENDS["reset"]), broken, bare=bare),
    ]


def _in_frames(phase: str, act: Act, ended: Status) -> list[Scenario]:
    def how(end: End) -> Play:
        def both(http2: HTTP2, stream: int) -> None:
            act(http2, stream)
            end(http2.peer)

        return acting(both)

    return [
        # The connection stays silent: the next request must not be sent over it.
        Scenario(f"silence {phase}", how(ENDS["silence"]), D, "h2", timeout=DEAD),
        Scenario(f"end {phase}", how(ENDS["end"]), ended, "h2"),
        Scenario(f"reset {phase}", how(ENDS["reset"]), T, "h2"),
    ]


def _half_frame(http2: HTTP2, stream: int) -> None:
    http2.headers(stream)
    http2.peer.send(b"\0\x40\0\0\0" + stream.to_bytes(4, "big") + b"{")


def _half_body(http2: HTTP2, stream: int) -> None:
    http2.headers(stream)
    http2.data(stream, b"{", end=False)


def _slowly(data: bytes, pause: float) -> Play:
    return answering(lambda peer, head: peer.drip(data, pause))


def _slow_frames(http2: HTTP2, stream: int) -> None:
    http2.headers(stream)
    for _ in range(100):
        if http2.peer.stage.honest:
            break
        http2.send(DATA, 0, stream, b" ")
        time.sleep(0.05)


def _one_reply_then_reset(peer: Peer) -> None:
    """The reply is whole before the connection breaks."""
    if peer.head():
        peer.send(HONEST)
        # What has arrived and was not read yet would be lost with the RST.
        time.sleep(0.3)
        peer.reset()


SCENARIOS = (
    *_rows("after accept", lambda end: end, L, bare=True),
    *_rows("after the client's hello", _after_hello, L, bare=True),
    *_rows("amid the handshake", _mid_tls, L, bare=True),
    *_rows("before the request", lambda end: end, T),
    *_rows("after the request", lambda end: _after(b"", end), T),
    *_rows("amid the status line", lambda end: _after(_STATUS_LINE, end), T),
    *_rows("amid the headers", lambda end: _after(_HEADERS, end), T),
    *_rows("before the end of the headers", lambda end: _after(_ALL_HEADERS, end), T),
    *_rows("amid the body", lambda end: _after(_HALF, end), CUT),
    *_rows("amid a chunk", lambda end: _after(_HALF_CHUNKED, end), CUT),
    *_rows("before the last chunk", lambda end: _after(CHUNKED + chunked(b"{}"), end), CUT),
    *_in_frames("after the request, HTTP/2", lambda http2, stream: None, T),
    *_in_frames("after the headers, HTTP/2", lambda http2, stream: http2.headers(stream), CUT),
    *_in_frames("amid a frame, HTTP/2", _half_frame, CUT),
    *_in_frames("amid the body, HTTP/2", _half_body, CUT),
    Scenario(
        "silence before the server's settings",
        Peer.stay_silent,
        D,
        "h2",
        timeout=DEAD,
    ),
    Scenario("end before the server's settings", Peer.close, T, "h2"),
    Scenario("reset before the server's settings", Peer.reset, T, "h2"),
    Scenario(
        "TLS ends in order amid the body",
        _after(_HALF, Peer.finish),
        Status.E_REPLY_TRUNCATED,
    ),
    Scenario("TLS ends in order after the request", _after(b"", Peer.finish), T),
    Scenario(
        "the connection ends after the reply",
        _after(HONEST, Peer.close),
        Status.OK,
        asked=1,
    ),
    Scenario("the connection breaks after the reply", _one_reply_then_reset, Status.OK, asked=1),
    Scenario("a slow handshake", _slow_tls, D, bare=True, timeout=SHORT),
    Scenario("slow headers", _slowly(HONEST, 0.02), D, timeout=SHORT),
    Scenario("a slow body", _slowly(reply(b" " * 4096), 0.005), D, timeout=SHORT),
    Scenario("a slow body in frames", acting(_slow_frames), D, "h2", timeout=SHORT),
    Scenario("silence for ten at once", _after(b"", Peer.stay_silent), D, timeout=SHORT, count=10),
    Scenario(
        "silence for ten at once, HTTP/2",
        acting(lambda http2, stream: None),
        D,
        "h2",
        timeout=SHORT,
        count=10,
    ),
    Scenario("silence in plain text", _after(b"", Peer.stay_silent), D, "plain", timeout=SHORT),
    Scenario(
        "headers without a body, HTTP/2",
        acting(lambda http2, stream: http2.headers(stream, OK, end=True)),
        Status.E_REPLY_EMPTY,
        "h2",
    ),
)
