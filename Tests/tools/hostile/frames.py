"""frames: HTTP/2 that breaks its rules (RFC 9113), uses them to exhaust, or ends too early."""

from __future__ import annotations

import struct
import time

from tracevault import Status

from .http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ERRORS,
    GOAWAY,
    HEADERS,
    HTTP2,
    OK,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Act,
    Fields,
    acting,
    frame,
    setting,
)
from .scenario import BODY, SHORT, Play, Scenario
from .stage import Peer

FINE, T, D = Status.OK, Status.E_TRANSPORT, Status.E_DEADLINE


def _going(last: int, error: int = 0) -> bytes:
    return struct.pack(">II", last, error) + b"going away"


def _sends(
    kind: int, flags: int, payload: bytes, *, on_stream: bool = False, times: int = 1
) -> Act:
    """Sends a frame so many times, then answers honestly."""

    def act(http2: HTTP2, stream: int) -> None:
        for _ in range(times):
            http2.send(kind, flags, stream if on_stream else 0, payload)
        http2.reply(stream)

    return act


def _resets(error: int) -> Act:
    return lambda http2, stream: http2.send(RST_STREAM, 0, stream, struct.pack(">I", error))


def _reset_amid_body(http2: HTTP2, stream: int) -> None:
    http2.headers(stream)
    http2.data(stream, BODY[:50], end=False)
    http2.send(RST_STREAM, 0, stream, struct.pack(">I", 2))


def _reset_after_reply(http2: HTTP2, stream: int) -> None:
    http2.reply(stream)
    http2.send(RST_STREAM, 0, stream, struct.pack(">I", 0))


def _goes(last_of: int, error: int = 0, *, answers: bool = False) -> Act:
    """GOAWAY that counts the request in (0) or out (-2), then perhaps the answer."""

    def act(http2: HTTP2, stream: int) -> None:
        http2.send(GOAWAY, 0, 0, _going(max(0, stream + last_of), error))
        if answers:
            http2.reply(stream)
        http2.peer.finish()

    return act


def _goes_amid_body(http2: HTTP2, stream: int) -> None:
    http2.headers(stream)
    http2.data(stream, BODY[:50], end=False)
    http2.send(GOAWAY, 0, 0, _going(stream))
    http2.data(stream, BODY[50:])
    http2.peer.finish()


def _goes_before_any(peer: Peer) -> None:
    http2 = HTTP2(peer)
    http2.send(GOAWAY, 0, 0, _going(0))
    http2.serve(lambda http2, stream: None)


def _goes_without_end(http2: HTTP2, stream: int) -> None:
    for _ in range(20_000):
        http2.send(GOAWAY, 0, 0, _going(0x7FFFFFFF))
    http2.reply(stream)


def _floods(kind: int, payload: bytes, pause: float = 0) -> Play:
    """Frames without end, and never an answer."""

    def act(http2: HTTP2, stream: int) -> None:
        while not http2.peer.stage.honest:
            http2.send(kind, 0, 0, payload)
            if pause:
                time.sleep(pause)

    return acting(act)


def _pours(kind: int, payload: bytes) -> Play:
    """Frames without end, many at a time, from a server that reads what is answered."""

    def act(http2: HTTP2, stream: int) -> None:
        many = frame(kind, 0, 0, payload) * (100_000 // (9 + len(payload)))
        while not http2.peer.stage.honest:
            http2.peer.send(many)
            http2.peer.forget_arrived()
        http2.peer.close()

    return acting(act)


def _continues_without_end(http2: HTTP2, stream: int) -> None:
    http2.send(HEADERS, 0, stream, http2.fields(OK))
    while not http2.peer.stage.honest:
        http2.send(CONTINUATION, 0, stream, b"\0\x03x-a\x7f\x81\x07" + b"b" * 264)


def _continues_emptily(http2: HTTP2, stream: int) -> None:
    http2.send(HEADERS, 0, stream, http2.fields(OK))
    while not http2.peer.stage.honest:
        http2.send(CONTINUATION, 0, stream, b"")


def _block(block: bytes) -> Act:
    """A header block of these bytes, then a body."""

    def act(http2: HTTP2, stream: int) -> None:
        http2.send(HEADERS, END_HEADERS, stream, block)
        http2.data(stream, BODY)

    return act


def _says(*fields: tuple[str, str], trailers: Fields = ()) -> Act:
    def act(http2: HTTP2, stream: int) -> None:
        http2.headers(stream, fields)
        http2.data(stream, BODY, end=not trailers)
        if trailers:
            http2.headers(stream, trailers, end=True)

    return act


def _interim(times: int | None, pause: float = 0) -> Act:
    def act(http2: HTTP2, stream: int) -> None:
        sent = 0
        while (times is None or sent < times) and not http2.peer.stage.honest:
            http2.headers(stream, [(":status", "103"), ("link", "</a>")])
            sent += 1
            if pause:
                time.sleep(pause)
        http2.reply(stream)

    return act


def _expanding(http2: HTTP2, stream: int) -> None:
    """One 4 KB field, remembered, then named again and again: 64 MB out of 16 KB."""
    remembered = http2.fields([*OK, ("x-large", "a" * 3900)])
    http2.send(HEADERS, END_HEADERS, stream, remembered + b"\xbe" * 16_000)
    http2.data(stream, BODY)


def _pushes(http2: HTTP2, stream: int) -> None:
    asked = [(":method", "GET"), (":scheme", "https"), (":path", "/x"), (":authority", "x")]
    promise = struct.pack(">I", 2) + http2.fields(asked)
    http2.send(PUSH_PROMISE, END_HEADERS, stream, promise)
    http2.headers(2)
    http2.data(2, BODY)
    http2.reply(stream)


def _raw_frame(length: int, kind: int, flags: int = 0) -> Act:
    """A frame that announces more than it may, and its first bytes."""

    def act(http2: HTTP2, stream: int) -> None:
        head = length.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
        http2.peer.send(head + b" " * min(length, 100_000))
        http2.peer.stay_silent()

    return act


def _on_stream(other: int) -> Act:
    """A body on another stream than the request's, then the reply."""

    def act(http2: HTTP2, stream: int) -> None:
        http2.data(other, b"x")
        http2.reply(stream)

    return act


def _mangled(first: bytes) -> Play:
    """Something else than SETTINGS where the connection begins."""

    def play(peer: Peer) -> None:
        peer.exactly(24)
        peer.send(first)
        peer.stay_silent()

    return play


def _padded(length: int) -> Act:
    def act(http2: HTTP2, stream: int) -> None:
        http2.headers(stream)
        http2.send(DATA, PADDED | END_STREAM, stream, bytes([length]) + BODY + b"\0" * length)

    return act


def _padded_too_far(http2: HTTP2, stream: int) -> None:
    http2.headers(stream)
    http2.send(DATA, PADDED | END_STREAM, stream, b"\xff{}")


def _forbids_for_a_moment(http2: HTTP2, stream: int) -> None:
    """The request that came before the settings is served; later ones are let in again."""
    http2.reply(stream)
    http2.send(SETTINGS, 0, 0, setting(3, 100))


def _dribbles(piece: bytes, times: int) -> Act:
    def act(http2: HTTP2, stream: int) -> None:
        http2.headers(stream)
        for _ in range(times):
            if http2.peer.stage.honest:
                return
            http2.send(DATA, 0, stream, piece)
        http2.data(stream, BODY)

    return act


def _twice(http2: HTTP2, stream: int) -> None:
    http2.reply(stream)
    http2.reply(stream)


RESETS = tuple(
    Scenario(
        f"RST_STREAM {name}",
        acting(_resets(error)),
        # libcurl asks again over HTTP/1.1 where the server wants that; this one has only HTTP/2.
        T,
        "h2",
    )
    for error, name in enumerate(ERRORS)
)

ENDS = (
    Scenario("RST_STREAM of an unknown kind", acting(_resets(0xDEAD)), T, "h2"),
    Scenario("RST_STREAM amid the body", acting(_reset_amid_body), T, "h2"),
    Scenario("RST_STREAM after the reply", acting(_reset_after_reply), FINE, "h2", asked=1),
    Scenario("GOAWAY before any request", _goes_before_any, T, "h2"),
    Scenario("GOAWAY that counts the request out", acting(_goes(-2)), T, "h2"),
    Scenario("GOAWAY that counts it in, no answer", acting(_goes(0)), T, "h2"),
    Scenario(
        "GOAWAY that counts it in, then the answer",
        acting(_goes(0, answers=True)),
        FINE,
        "h2",
        asked=1,
    ),
    Scenario("GOAWAY ENHANCE_YOUR_CALM", acting(_goes(-2, 11)), T, "h2"),
    Scenario("GOAWAY amid the body, which goes on", acting(_goes_amid_body), FINE, "h2", asked=1),
    Scenario("GOAWAY for ten at once", acting(_goes(0)), T, "h2", count=10),
    Scenario("GOAWAY 20,000 times", acting(_goes_without_end), (FINE, T), "h2"),
)

FLOODS = (
    Scenario("SETTINGS without end", _floods(SETTINGS, b""), (D, T), "h2", timeout=SHORT),
    Scenario("SETTINGS dripping", _floods(SETTINGS, b"", 0.01), D, "h2", timeout=SHORT),
    Scenario("PING without end", _floods(PING, b"12345678"), (D, T), "h2", timeout=SHORT),
    Scenario("SETTINGS poured out", _pours(SETTINGS, b""), (D, T), "h2", timeout=SHORT),
    Scenario("PING poured out", _pours(PING, b"12345678"), (D, T), "h2", timeout=SHORT),
    Scenario("unknown frames poured out", _pours(77, b"x" * 16_000), (D, T), "h2", timeout=SHORT),
    Scenario("GOAWAY poured out", _pours(GOAWAY, _going(0x7FFFFFFF)), (D, T), "h2", timeout=SHORT),
    Scenario("PING dripping", _floods(PING, b"12345678", 0.01), D, "h2", timeout=SHORT),
    Scenario("an unknown frame without end", _floods(77, b"x" * 999), D, "h2", timeout=SHORT),
    Scenario(
        "PRIORITY 1,000 times",
        acting(_sends(PRIORITY, 0, b"\0\0\0\3\x10", on_stream=True, times=1000)),
        FINE,
        "h2",
    ),
    Scenario("CONTINUATION without end", acting(_continues_without_end), T, "h2"),
    Scenario("empty CONTINUATION without end", acting(_continues_emptily), T, "h2"),
    Scenario("103 three times", acting(_interim(3)), FINE, "h2", asked=1),
    Scenario(
        "103 without end", acting(_interim(None)), (T, D, Status.E_REPLY_TOO_LARGE), "h2", timeout=5
    ),
    Scenario("103 dripping", acting(_interim(None, 0.01)), D, "h2", timeout=SHORT),
    Scenario("empty DATA 20,000 times", acting(_dribbles(b"", 20_000)), FINE, "h2"),
    Scenario("DATA of one byte 20,000 times", acting(_dribbles(b" ", 20_000)), FINE, "h2"),
    Scenario(
        "a header block that expands to 64 MB",
        acting(_expanding),
        T,
        "h2",
    ),
    Scenario("PUSH_PROMISE", acting(_pushes), T, "h2"),
)

SETTINGS_ROWS = (
    Scenario(
        "no stream allowed for a moment", acting(_forbids_for_a_moment, setting(3, 0)), FINE, "h2"
    ),
    Scenario(
        "one stream allowed, ten asked",
        acting(lambda h, s: h.reply(s), setting(3, 1)),
        FINE,
        "h2",
        count=10,
    ),
    Scenario("a window of 2^31", acting(lambda h, s: h.reply(s), setting(4, 1 << 31)), T, "h2"),
    Scenario("a window of nothing", acting(lambda h, s: h.reply(s), setting(4, 0)), FINE, "h2"),
    Scenario("frames of one byte", acting(lambda h, s: h.reply(s), setting(5, 1)), T, "h2"),
    Scenario("push enabled with 7", acting(lambda h, s: h.reply(s), setting(2, 7)), T, "h2"),
    Scenario(
        "a header table of 4 GiB",
        acting(lambda h, s: h.reply(s), setting(1, 0xFFFFFFFF)),
        FINE,
        "h2",
    ),
    Scenario("no header table", acting(lambda h, s: h.reply(s), setting(1, 0)), FINE, "h2"),
    Scenario(
        "a header list of nothing", acting(lambda h, s: h.reply(s), setting(6, 0)), FINE, "h2"
    ),
    Scenario(
        "unknown settings", acting(lambda h, s: h.reply(s), setting(0x7777, 1) * 20), FINE, "h2"
    ),
    Scenario("1,000 settings", acting(lambda h, s: h.reply(s), setting(0x7777, 1) * 1000), T, "h2"),
    Scenario("SETTINGS of five bytes", acting(_sends(SETTINGS, 0, b"12345")), T, "h2"),
    Scenario("SETTINGS on a stream", acting(_sends(SETTINGS, 0, b"", on_stream=True)), T, "h2"),
    Scenario("SETTINGS ACK with a body", acting(_sends(SETTINGS, ACK, setting(1, 1))), T, "h2"),
    Scenario(
        "SETTINGS acknowledged twice", acting(_sends(SETTINGS, ACK, b"", times=2)), (T, FINE), "h2"
    ),
)

RULES = (
    Scenario("PING of seven bytes", acting(_sends(PING, 0, b"1234567")), T, "h2"),
    Scenario("an unknown frame", acting(_sends(77, 0xFF, b"x" * 99)), FINE, "h2", asked=1),
    Scenario(
        "a window opened by nothing",
        acting(_sends(WINDOW_UPDATE, 0, b"\0\0\0\0", on_stream=True)),
        T,
        "h2",
    ),
    Scenario(
        "a window opened too far",
        acting(_sends(WINDOW_UPDATE, 0, b"\x7f\xff\xff\xff", times=2)),
        T,
        "h2",
    ),
    Scenario("DATA on no stream", acting(_on_stream(0)), T, "h2"),
    Scenario("DATA on a stream never opened", acting(_on_stream(99)), T, "h2"),
    Scenario("DATA on a stream of the server", acting(_on_stream(2)), T, "h2"),
    Scenario("DATA before HEADERS", acting(lambda h, s: h.data(s, BODY)), T, "h2"),
    Scenario(
        "CONTINUATION without HEADERS",
        acting(_sends(CONTINUATION, END_HEADERS, b"", on_stream=True)),
        T,
        "h2",
    ),
    Scenario("a frame of 16 MiB", acting(_raw_frame((1 << 24) - 1, DATA)), T, "h2"),
    Scenario("a frame of 16 KiB and one byte", acting(_raw_frame(16385, DATA)), T, "h2"),
    # libcurl ends such a reply as if it were whole.
    Scenario("more padding than frame", acting(_padded_too_far), (T, Status.E_REPLY_EMPTY), "h2"),
    Scenario("padding", acting(_padded(20)), FINE, "h2", asked=1),
    Scenario("two replies on one stream", acting(_twice), FINE, "h2"),
    Scenario(
        "HTTP/1.1 where HTTP/2 was agreed on",
        _mangled(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        T,
        "h2",
    ),
    Scenario(
        "HEADERS where SETTINGS must come first", _mangled(b"\0\0\1\1\4\0\0\0\1\x88"), T, "h2"
    ),
    Scenario("zeros where SETTINGS must come first", _mangled(b"\0" * 1000), T, "h2"),
)

HEADER_ROWS = (
    Scenario("an index of nothing", acting(_block(b"\x80")), T, "h2"),
    Scenario("an index beyond the table", acting(_block(b"\x88\xff\xff\xff\xff\x07")), T, "h2"),
    Scenario("an integer without end", acting(_block(b"\x88\xff" + b"\xff" * 99)), T, "h2"),
    Scenario("a string longer than the block", acting(_block(b"\x88\x00\x7f\xff\x7f")), T, "h2"),
    Scenario(
        "Huffman code that is none", acting(_block(b"\x88\x00\x84\xff\xff\xff\xff\x01a")), T, "h2"
    ),
    Scenario("a table larger than allowed", acting(_block(b"\x3f\xe1\xff\xff\x03\x88")), T, "h2"),
    Scenario("no status", acting(_says(("x-a", "b"))), T, "h2"),
    Scenario("two statuses", acting(_says((":status", "200"), (":status", "404"))), T, "h2"),
    Scenario("a status of letters, HTTP/2", acting(_says((":status", "abc"))), T, "h2"),
    Scenario(
        "an unknown pseudo header", acting(_says((":status", "200"), (":path", "/"))), T, "h2"
    ),
    Scenario(
        "a status after other headers", acting(_says(("x-a", "b"), (":status", "200"))), T, "h2"
    ),
    Scenario(
        "connection: close, HTTP/2",
        acting(_says((":status", "200"), ("connection", "close"))),
        T,
        "h2",
    ),
    Scenario(
        "a length that is too large, HTTP/2",
        acting(_says((":status", "200"), ("content-length", "9999"))),
        T,
        "h2",
    ),
    Scenario(
        "a length that is too small, HTTP/2",
        acting(_says((":status", "200"), ("content-length", "3"))),
        T,
        "h2",
    ),
    Scenario("trailers", acting(_says(*OK, trailers=[("x-a", "b")])), FINE, "h2", asked=1),
    Scenario("trailers with a status", acting(_says(*OK, trailers=[(":status", "500")])), T, "h2"),
    Scenario(
        "400 headers, HTTP/2",
        acting(_says(*OK, *((f"x-{n}", "v" * 20) for n in range(400)))),
        FINE,
        "h2",
    ),
)

SCENARIOS = (*RESETS, *ENDS, *FLOODS, *SETTINGS_ROWS, *RULES, *HEADER_ROWS)
