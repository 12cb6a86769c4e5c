"""framing: HTTP/1.1 that is damaged, absurd or without end in its status line, headers and lengths."""

from __future__ import annotations

from tracevault import Status

from .scenario import (
    BODY,
    CHUNKED,
    HONEST,
    SHORT,
    Play,
    Scenario,
    answering,
    chunked,
    repeats,
    reply,
    says,
    says_last,
)
from .sizes import SMALL
from .stage import Peer

OK, T = Status.OK, Status.E_TRANSPORT
LARGE, CUT = Status.E_REPLY_TOO_LARGE, Status.E_REPLY_TRUNCATED
START = b"HTTP/1.1 200 OK\r\n"


def _with(*headers: str, body: bytes = BODY) -> bytes:
    """A reply with exactly these headers."""
    return START + "".join(f"{line}\r\n" for line in headers).encode() + b"\r\n" + body


_LENGTH = f"content-length: {len(BODY)}"
_FLOOD = b"".join(b"x-flood-%d: %s\r\n" % (n, b"a" * 900) for n in range(2000))
_TINY = b"".join(b"a%d:\r\n" % n for n in range(200_000))
_LONG = f"content-length: {len(BODY) + 100}"
_SHORT = f"content-length: {len(BODY) - 1}"


#: Folded, where there is nothing yet that it could continue.
_FOLDED = b" folded: " + b"A" * 200 + b"\r\n"


def _busy_once(*pieces: bytes) -> Play:
    """503 for the first request, these bytes for the others."""

    def answer(peer: Peer, head: bytes) -> None:
        is_first = len(peer.stage.heads) == 1
        peer.send(reply(b"", 503, "x-long: " + "b" * 100) if is_first else b"".join(pieces))

    return answering(answer)


def _too_early(peer: Peer) -> None:
    peer.send(HONEST)
    says(HONEST)(peer)


LENGTHS = (
    Scenario("a length that is too large", says_last(_with(_LONG)), CUT),
    Scenario(
        "a length that is too large, kept open",
        says(_with(_LONG)),
        Status.E_DEADLINE,
        timeout=SHORT,
    ),
    Scenario("a length that is one too small", says_last(_with(_SHORT)), CUT, asked=1),
    Scenario(
        "a length of zero before a body",
        says_last(_with("content-length: 0")),
        Status.E_REPLY_EMPTY,
    ),
    Scenario("a negative length", says_last(_with("content-length: -5")), T),
    Scenario("a length of 2^63", says_last(_with("content-length: 9223372036854775808")), LARGE),
    Scenario(
        "a length of 2^63 - 1",
        says_last(_with("content-length: 9223372036854775807")),
        LARGE,
        asked=1,
    ),
    Scenario("a length of 30 digits", says_last(_with("content-length: " + "9" * 30)), LARGE),
    Scenario("a length in words", says_last(_with("content-length: many")), T),
    Scenario("two equal lengths", says(_with(_LENGTH, _LENGTH)), OK),
    Scenario(
        "two lengths, the second shorter",
        says_last(_with(_LENGTH, "content-length: 9")),
        CUT,
    ),
    Scenario("a list of lengths", says_last(_with(f"{_LENGTH}, 9")), (OK, T)),
    Scenario(
        "a length and chunks",
        says(_with(_SHORT, "transfer-encoding: chunked", body=chunked(BODY, b""))),
        OK,
    ),
    Scenario("no length", says_last(_with()), OK),
    Scenario("chunks", says(CHUNKED, chunked(BODY[:9], BODY[9:], b"")), OK, asked=1),
    Scenario(
        "chunks with extensions",
        says(CHUNKED, b"%x;a=b\r\n%s\r\n0;c\r\n\r\n" % (len(BODY), BODY)),
        OK,
    ),
    Scenario(
        "chunks of one byte",
        says(CHUNKED, chunked(*[BODY[n : n + 1] for n in range(len(BODY))], b"")),
        OK,
    ),
    Scenario("chunks with trailers", says(CHUNKED, chunked(BODY), b"0\r\nx-a: b\r\n\r\n"), OK),
    Scenario(
        "trailers without end",
        repeats(CHUNKED + chunked(BODY) + b"0\r\n", b"x-a: " + b"b" * 900 + b"\r\n"),
        LARGE,
    ),
    Scenario("a chunk size that is no number", says_last(CHUNKED, b"zz\r\n", BODY), T),
    Scenario("a negative chunk size", says_last(CHUNKED, b"-1\r\n", BODY), T),
    Scenario("a chunk size of 2^64", says_last(CHUNKED, b"10000000000000000\r\n", BODY), T),
    Scenario("a chunk size without end", repeats(CHUNKED, b"0" * 4096), T),
    Scenario(
        "a chunk longer than its size", says_last(CHUNKED, b"5\r\n", BODY, b"\r\n0\r\n\r\n"), T
    ),
    Scenario(
        "an extension without end",
        repeats(CHUNKED + b"5;a=", b"b" * 65536),
        LARGE,
        settings=SMALL,
        asked=1,
    ),
    Scenario(
        "an extension in each chunk, without end",
        repeats(CHUNKED, (b"1;a=" + b"b" * 4000 + b"\r\n \r\n") * 16),
        LARGE,
        settings=SMALL,
        asked=1,
    ),
    Scenario(
        "an extension without end, in clear",
        repeats(CHUNKED + b"5;a=", b"b" * 65536),
        LARGE,
        "plain",
        settings=SMALL,
        asked=1,
    ),
    Scenario(
        "more framing than body, which fits",
        says(
            CHUNKED,
            *[b"1;a=" + b"b" * 4000 + b"\r\n \r\n"] * 250,
            chunked(BODY, b""),
        ),
        OK,
        settings={"http.max_reply_bytes": 4096},
        asked=1,
    ),
    Scenario("chunks cut off", says_last(CHUNKED, b"40\r\n", BODY[:64]), CUT),
    Scenario("an unknown transfer coding", says_last(_with("transfer-encoding: shuffled")), CUT),
    Scenario(
        "chunked twice",
        says_last(_with("transfer-encoding: chunked, chunked", body=chunked(BODY, b""))),
        (OK, T, CUT),
    ),
)

HEADS = (
    Scenario("2,000 headers", says(START, _FLOOD, b"\r\n"), LARGE, asked=1),
    Scenario("1,100 short headers", says(reply(BODY, 200, *["a: b"] * 1100)), LARGE, asked=1),
    Scenario("900 short headers", says(reply(BODY, 200, *["a: b"] * 900)), OK),
    Scenario("200,000 tiny headers", says(START, _TINY, b"\r\n"), LARGE, asked=1),
    Scenario("headers without end", repeats(START, _FLOOD), LARGE, asked=1),
    Scenario("one header without end", repeats(START + b"x-long: ", b"a" * 65536), LARGE, asked=1),
    Scenario("one header name without end", repeats(START, b"a" * 65536), LARGE, asked=1),
    Scenario(
        "a header dripping without end",
        repeats(START, b"x: y\r\n", pause=0.01),
        Status.E_DEADLINE,
        timeout=SHORT,
    ),
    Scenario("a status line without end", repeats(b"HTTP/1.1 200 ", b"a" * 65536), LARGE, asked=1),
    Scenario("empty lines without end", repeats(b"", b"\r\n" * 30_000), T),
    Scenario("bytes without a line end", repeats(b"", b"\0" * 65536), T),
    Scenario("a header without a colon", says_last(_with("nonsense", _LENGTH)), (OK, T)),
    Scenario("a header without a name", says_last(_with(": b", _LENGTH)), (OK, T)),
    Scenario("a header with a zero byte", says_last(_with("x-a: b\0c", _LENGTH)), T),
    Scenario("a folded header", says(_with("x-a: b\r\n  c", _LENGTH)), OK),
    Scenario("a folded first header", says(START, _FOLDED, _with(_LENGTH)[len(START) :]), (OK, T)),
    Scenario(
        "503, then a folded first header",
        _busy_once(START, _FOLDED, _with(_LENGTH)[len(START) :]),
        (OK, T),
    ),
    Scenario(
        "503, then a folded first header, for a key",
        _busy_once(START, _FOLDED, _with(_LENGTH)[len(START) :]),
        (OK, T),
        key=True,
    ),
    Scenario(
        "503, then nothing but folded headers",
        _busy_once(START, _FOLDED * 300, _with(_LENGTH)[len(START) :]),
        (OK, T),
    ),
    Scenario("a folded first header without a colon", says_last(START, b" a\r\n\r\n", BODY), T),
    Scenario("a folded first header of blanks", says_last(START, b"   \r\n\r\n", BODY), (OK, T)),
    Scenario(
        "bytes above ASCII in headers",
        says(
            START, b"x-\xff: \xfe\xc3\r\ncf-ray: \xc3\x28\r\n", _LENGTH.encode(), b"\r\n\r\n", BODY
        ),
        OK,
    ),
    Scenario("line feeds alone", says(HONEST.replace(b"\r\n", b"\n")), OK),
    Scenario("a long cf-ray", says(reply(BODY, 200, "cf-ray: " + "a" * 90_000)), OK),
)

STATUS_LINES = (
    Scenario("no HTTP at all", says_last(b"220 mx1.example.net ESMTP Postfix\r\n"), T),
    Scenario("HTTP/0.9", says_last(BODY), T),
    Scenario("HTTP/1.0", says_last(b"HTTP/1.0 200 OK\r\n\r\n", BODY), OK, asked=1),
    Scenario(
        "HTTP/1.0 kept alive",
        says(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n", _LENGTH.encode(), b"\r\n\r\n", BODY),
        OK,
    ),
    Scenario("HTTP/1.2", says_last(HONEST.replace(b"HTTP/1.1", b"HTTP/1.2")), (OK, T)),
    Scenario("HTTP/2 in a status line", says_last(HONEST.replace(b"HTTP/1.1", b"HTTP/2")), (OK, T)),
    Scenario("HTTP/9.9", says_last(HONEST.replace(b"HTTP/1.1", b"HTTP/9.9")), T),
    Scenario("a status of letters", says_last(HONEST.replace(b"200", b"2OO")), T),
    Scenario("a status of 000", says_last(HONEST.replace(b"200", b"000")), T),
    Scenario("a status of four digits", says_last(HONEST.replace(b"200", b"2000")), T),
    Scenario("a negative status", says_last(HONEST.replace(b"200", b"-20")), T),
    Scenario("a second reply that nobody asked for", says(HONEST, HONEST), OK, asked=1),
    Scenario(
        "a reply before the request",
        _too_early,
        (OK, T),
    ),
)

INTERIM = (
    Scenario("100 before the reply", says(b"HTTP/1.1 100 Continue\r\n\r\n", HONEST), OK, asked=1),
    Scenario(
        "103 before the reply", says(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", HONEST), OK
    ),
    Scenario("100 without end", repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50), LARGE),
    Scenario(
        "100 dripping without end",
        repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05),
        Status.E_DEADLINE,
        timeout=SHORT,
    ),
    Scenario(
        "101 to HTTP/2",
        says_last(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
        ),
        T,
    ),
    Scenario(
        "101 to a socket",
        says_last(
            b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", b"\x81\x05hello"
        ),
        Status.E_FOREIGN_REPLY,
    ),
    Scenario(
        "200 that offers an upgrade",
        says(reply(BODY, 200, "connection: upgrade", "upgrade: h2c, websocket")),
        OK,
    ),
    Scenario(
        "426 upgrade required",
        says(reply(b"", 426, "connection: upgrade", "upgrade: h2c")),
        Status.E_FOREIGN_REPLY,
        asked=1,
    ),
    Scenario("connection: close kept open", says(reply(BODY, 200, "connection: close")), OK),
    Scenario(
        "plain text in order", answering(lambda peer, head: peer.send(HONEST)), OK, "plain", asked=1
    ),
)

SCENARIOS = (*LENGTHS, *HEADS, *STATUS_LINES, *INTERIM)
