"""scenario: one row of the hostile server's tables, and the small parts that rows are made of.

A row says what the server does with a connection and what the library must answer with. Nothing
here knows what is asked: a row fits every operation that fetches one JSON reply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tracevault import Status

if TYPE_CHECKING:
    from .stage import Peer

#: What the server does with one connection: from the request on, or from accept() on.
Play = Callable[["Peer"], None]

#: How the origin speaks: plain text, or TLS with this protocol agreed on.
Speech = Literal["plain", "http/1.1", "h2"]

#: What the library asks.
Operation = Literal["trace", "search", "check"]


@dataclass(frozen=True)
class Scenario:
    name: str
    play: Play
    #: What the request ends with. Several where one status is no truer than the other: where
    #: being strict and being lenient are both right, or two ends race.
    expect: Status | tuple[Status, ...]
    speech: Speech = "http/1.1"
    operation: Operation = "trace"
    #: The play begins at accept(), before TLS.
    bare: bool = False
    certificate: str = "good"
    #: Seconds the request may take. Where the end is not the deadline, far more than it needs.
    timeout: float = 20
    #: Requests submitted at once.
    count: int = 1
    #: A global key in the place of a token.
    key: bool = False
    #: Times that the server is asked in all; None: not part of the promise.
    asked: int | None = None
    #: What the message of the failure must say.
    tells: str = ""
    settings: Mapping[str, str | int | bool] = field(default_factory=dict)

    @property
    def expected(self) -> tuple[Status, ...]:
        return self.expect if isinstance(self.expect, tuple) else (self.expect,)


#: Seconds for a request that only its deadline ends.
SHORT = 1.0
#: The same where a connection shared by requests must be found dead: longer than that takes.
DEAD = 3.2


def trace(*messages: object) -> bytes:
    """The body of an honest reply."""
    lines = [{"lineno": n, "message": text} for n, text in enumerate(messages, 1)]
    block = {"lines": lines, "pending": False}
    body = {"success": True, "errors": [], "result": {"inbound": block, "outbound": block}}
    return json.dumps(body).encode()


BODY = trace("4Njp3P0STMz2c02Q: removed")


def reply(body: bytes = BODY, status: int = 200, *headers: str) -> bytes:
    """A whole HTTP/1.1 reply."""
    lines = [f"HTTP/1.1 {status} X", *headers, f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*pieces: bytes) -> bytes:
    """Pieces in the chunked coding, without the last chunk."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


HONEST = reply()
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def answering(answer: Callable[[Peer, bytes], None]) -> Play:
    """Meets every request of a connection with the same answer; honest once the scene is over."""

    def play(peer: Peer) -> None:
        while head := peer.head():
            if peer.stage.honest:
                peer.send(HONEST)
            else:
                answer(peer, head)

    return play


def says(*pieces: bytes) -> Play:
    """Sends these bytes for every request and keeps the connection."""
    return answering(lambda peer, head: peer.send(b"".join(pieces)))


def says_last(*pieces: bytes) -> Play:
    """Sends these bytes for the first request, then ends TLS and the connection in order."""

    def answer(peer: Peer, head: bytes) -> None:
        peer.send(b"".join(pieces))
        peer.finish()

    return answering(answer)


def repeats(first: bytes, piece: bytes, *, times: int | None = None, pause: float = 0) -> Play:
    """Sends `first`, then `piece` again and again, until the client goes."""

    def answer(peer: Peer, head: bytes) -> None:
        peer.send(first)
        peer.pour(piece, times=times, pause=pause)
        peer.finish()

    return answering(answer)
