"""surplus: an honest HTTP/1.1 reply, and behind it bytes that nobody asked for: a whole reply more.

A client that keeps the connection takes the second reply for the answer to its next request, which
may be another tenant's.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable

from .scenario import CHUNKED, chunked, reply
from .stage import Peer

#: Sends an honest answer with this body, then the same body once more in a reply of its own.
Surplus = Callable[[Peer, bytes], None]

#: What makes a client ask again, and a body that no one takes for an answer.
_BUSY = reply(b"", 503, "retry-after: 0")


def _in_one(*pieces: Callable[[bytes], bytes]) -> Surplus:
    """All of it in one TLS record."""
    return lambda peer, body: peer.send(b"".join(piece(body) for piece in pieces))


def _apart(first: Callable[[bytes], bytes], pause: float = 0) -> Surplus:
    """The surplus in a TLS record of its own, which may come later."""

    def play(peer: Peer, body: bytes) -> None:
        peer.send(first(body))
        if pause:
            time.sleep(pause)
        peer.send(reply(body))

    return play


def _whole_chunks(body: bytes) -> bytes:
    return CHUNKED + chunked(body, b"")


def _chunks_with_trailers(body: bytes) -> bytes:
    return CHUNKED + chunked(body) + b"0\r\nx-a: b\r\n\r\n"


def _compressed(body: bytes) -> bytes:
    return reply(gzip.compress(body), 200, "content-encoding: gzip")


def _without_body(status: int) -> Callable[[bytes], bytes]:
    return lambda _: b"HTTP/1.1 %d X\r\nx-a: b\r\n\r\n" % status


def _short(body: bytes) -> bytes:
    """The body is whole with its length, but for the last byte, which is a blank."""
    return reply(body).replace(b"\r\n\r\n", b"\r\n\r\n", 1) + b"\r\n"


def _kept_alive(body: bytes) -> bytes:
    return b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n" + reply(body).split(b"\r\n", 1)[1]


def _begun(line: bytes, *headers: bytes) -> Callable[[bytes], bytes]:
    """A reply with another first line, which some libcurl takes for one of HTTP."""
    head = b"\r\n".join([line, *headers, b""])
    return lambda body: head + reply(body).split(b"\r\n", 1)[1]


def _after_interim(body: bytes) -> bytes:
    return b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + reply(body)


def _two_more(peer: Peer, body: bytes) -> None:
    peer.send(reply(body))
    peer.send(reply(body) * 2)


def _in_pieces(peer: Peer, body: bytes) -> None:
    """The surplus is not whole when the next request may come."""
    surplus = reply(body)
    peer.send(reply(body) + surplus[:9])
    peer.send(surplus[9:])


#: Each framing that can have something behind it.
FRAMINGS: dict[str, Surplus] = {
    "in the same record": _in_one(reply, reply),
    "in a second record": _apart(reply),
    "20 ms later": _apart(reply, 0.02),
    "twice": _two_more,
    "in pieces": _in_pieces,
    "behind chunks": _apart(_whole_chunks),
    "behind chunks, 20 ms later": _apart(_whole_chunks, 0.02),
    "behind trailers": _apart(_chunks_with_trailers),
    "behind gzip": _apart(_compressed),
    "behind a line end too many": _apart(_short),
    "behind an interim reply": _apart(_after_interim),
    "behind HTTP/1.0 kept alive": _apart(_kept_alive),
    "behind HTTP/2 in words": _apart(_begun(b"HTTP/2 200")),
    "behind HTTP/2.0 in words": _apart(_begun(b"HTTP/2.0 200 OK")),
    "behind HTTP/3 in words": _apart(_begun(b"HTTP/3 200 OK")),
    "behind small letters": _apart(_begun(b"http/1.1 200 OK", b"connection: keep-alive")),
    "behind no version": _apart(_begun(b"HTTP 200 OK", b"connection: keep-alive")),
    "behind HTTP/ alone": _apart(_begun(b"HTTP/ 200 OK", b"connection: keep-alive")),
    "behind an interim HTTP/2 in words": _apart(
        lambda body: b"HTTP/2 103 X\r\n\r\n" + _begun(b"HTTP/2 200")(body)
    ),
    "behind 204": _apart(_without_body(204)),
    "behind 304": _apart(_without_body(304)),
    "behind 304 in the same record": _in_one(_without_body(304), reply),
    "behind 401": _apart(lambda _: reply(b"", 401)),
    "behind 404": _apart(lambda _: reply(b"", 404), 0.02),
    "behind 503": _apart(lambda _: _BUSY),
    "behind 503 in the same record": _in_one(lambda _: _BUSY, reply),
}
