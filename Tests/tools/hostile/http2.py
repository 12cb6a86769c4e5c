"""http2: HTTP/2 frames by hand (RFC 9113), so that they can be wrong. The server's side only."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from hpack import Decoder, Encoder

from .scenario import BODY, Play

if TYPE_CHECKING:
    from .stage import Peer

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8

ERRORS = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)

Fields = Iterable[tuple[str, str]]
OK: Fields = ((":status", "200"), ("content-type", "application/json"))

#: What the server does with one request: its connection and stream.
Act = Callable[["HTTP2", int], None]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def setting(name: int, value: int) -> bytes:
    return struct.pack(">HI", name, value)


class HTTP2:
    """One connection. Reads what the client says; says what it is told to."""

    def __init__(self, peer: Peer, settings: bytes = b"") -> None:
        self.peer = peer
        self._encoder = Encoder()
        self._decoder = Decoder()
        #: Streams that the client has given up.
        self.given_up: set[int] = set()
        #: The head of the newest request of this connection.
        self.asked = b""
        peer.exactly(24)
        self.send(SETTINGS, 0, 0, settings)

    def send(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        self.peer.send(frame(kind, flags, stream, payload))

    def fields(self, fields: Fields) -> bytes:
        """A header block."""
        return self._encoder.encode(list(fields))

    def headers(self, stream: int, fields: Fields = OK, *, end: bool = False) -> None:
        flags = END_HEADERS | (END_STREAM if end else 0)
        self.send(HEADERS, flags, stream, self.fields(fields))

    def data(self, stream: int, data: bytes, *, end: bool = True) -> None:
        """A body in frames of at most 16 KiB, whatever the client's window says."""
        pieces = [data[at : at + 16384] for at in range(0, len(data), 16384)] or [b""]
        for number, piece in enumerate(pieces, 1):
            last = end and number == len(pieces)
            self.send(DATA, END_STREAM if last else 0, stream, piece)

    def reply(self, stream: int, body: bytes = BODY, fields: Fields = OK) -> None:
        self.headers(stream, fields)
        self.data(stream, body)

    def request(self) -> int | None:
        """The next request's stream; None when the client is gone."""
        while True:
            try:
                head = self.peer.exactly(9)
            except ConnectionError:
                return None
            kind, flags = head[3], head[4]
            stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            payload = self.peer.exactly(int.from_bytes(head[:3], "big"))
            if kind == HEADERS:
                # libcurl puts the priority there; its requests fit into one frame.
                block = payload[5:] if flags & 0x20 else payload
                fields = self._decoder.decode(block, raw=True)
                self.asked = b"\r\n".join(b"%s: %s" % pair for pair in fields)
                self.peer.stage.asked(self.asked)
                return stream
            if kind == RST_STREAM:
                self.given_up.add(stream)
            elif kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0)
            elif kind == PING and not flags & ACK:
                self.send(PING, ACK, 0, payload)

    def serve(self, act: Act) -> None:
        """Does the same for every request; honest once the scene is over."""
        while (stream := self.request()) is not None:
            if self.peer.stage.honest:
                self.reply(stream)
            else:
                act(self, stream)


def acting(act: Act, settings: bytes = b"") -> Play:
    """A connection that meets every request in this way."""
    return lambda peer: HTTP2(peer, settings).serve(act)
