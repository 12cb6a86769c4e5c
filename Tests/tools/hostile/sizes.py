"""sizes: bodies that are larger than they look, than they say, or than anyone can hold."""

from __future__ import annotations

import gzip
import zlib
from functools import cache

from tracevault import Status

from .http2 import HTTP2, acting
from .scenario import (
    BODY,
    CHUNKED,
    Play,
    Scenario,
    answering,
    chunked,
    repeats,
    reply,
    says,
    says_last,
)

LARGE, CUT, T, OK = (
    Status.E_REPLY_TOO_LARGE,
    Status.E_REPLY_TRUNCATED,
    Status.E_TRANSPORT,
    Status.OK,
)
MIB = 1 << 20
#: Where a scenario fills the reply's room up, the room is small: memory is watched.
SMALL = {"http.max_reply_bytes": 4 * MIB}
GZIP = "content-encoding: gzip"


@cache
def bomb(mib: int = 256) -> bytes:
    """So many MiB of spaces in the string of a reply, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(b'{"success":true,"result":"')
    piece = b" " * MIB
    for _ in range(mib):
        packed += packer.compress(piece)
    return packed + packer.compress(b'"}') + packer.flush()


def _bomb(*headers: str, twice: bool = False) -> Play:
    return answering(
        lambda peer, head: peer.send(
            reply(gzip.compress(bomb()) if twice else bomb(), 200, *headers)
        )
    )


def _chunked_bomb() -> Play:
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\n" + GZIP.encode() + b"\r\n\r\n")

    def answer_with(data: bytes) -> bytes:
        return head + chunked(*[data[at : at + 999] for at in range(0, len(data), 999)], b"")

    return answering(lambda peer, _: peer.send(answer_with(bomb())))


def _framed_bomb(http2: HTTP2, stream: int) -> None:
    http2.reply(stream, bomb(), [(":status", "200"), ("content-encoding", "gzip")])


def _deflate_bomb() -> Play:
    return answering(
        lambda peer, head: peer.send(
            reply(zlib.compress(b" " * (64 * MIB), 9), 200, "content-encoding: deflate")
        )
    )


#: The head of a gzip file, and an empty block behind which more follows.
_GZIP_HEAD = bytes.fromhex("1f8b0800000000000003")
_NOTHING = bytes.fromhex("000000ffff")


@cache
def layered(layers: int) -> bytes:
    """The first kilobyte of a file that was packed so often: unpacked, it is terabytes of nothing."""
    head, period = _GZIP_HEAD, _NOTHING * 200_000
    for _ in range(layers - 1):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(period) + packer.flush(zlib.Z_FULL_FLUSH)
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        head = _GZIP_HEAD + packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
        period = packed * max(1, MIB // len(packed))
    return (head + period)[:1500]


def _layers(http2: HTTP2, stream: int) -> None:
    coding = ("content-encoding", ", ".join(["gzip"] * 5))
    http2.reply(stream, layered(5), [(":status", "200"), coding])


def _framed_flood(http2: HTTP2, stream: int) -> None:
    """More than the client's window allows, and without end."""
    http2.headers(stream)
    while not http2.peer.stage.honest:
        http2.data(stream, b" " * 16384, end=False)


def _announced(length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n".encode()


_PACKED = gzip.compress(BODY)
_CODED = "content-encoding: "

BOMBS = (
    Scenario("a bomb", _bomb(GZIP), LARGE, asked=1),
    Scenario("a bomb in chunks", _chunked_bomb(), LARGE, asked=1),
    Scenario("a bomb in frames", acting(_framed_bomb), LARGE, "h2", asked=1),
    Scenario("a bomb within a bomb", _bomb(_CODED + "gzip, gzip", twice=True), CUT, asked=1),
    Scenario(
        "a bomb within a bomb, told apart",
        _bomb(GZIP, _CODED.upper() + "\tX-GZIP", twice=True),
        CUT,
        asked=1,
    ),
    Scenario("a bomb for ten at once", acting(_framed_bomb), LARGE, "h2", count=10),
    Scenario("a bomb in a coding not asked for", _deflate_bomb(), CUT, asked=1),
    Scenario(
        "a bomb with an error status",
        answering(lambda peer, head: peer.send(reply(bomb(), 403, GZIP))),
        LARGE,
        asked=1,
    ),
)

LIARS = (
    Scenario("a terabyte announced", says_last(_announced(1 << 40), BODY), LARGE, asked=1),
    Scenario(
        "just too much announced",
        says_last(_announced(4 * MIB + 1)),
        LARGE,
        settings=SMALL,
        asked=1,
    ),
    Scenario(
        "one byte too much without a length",
        repeats(b"HTTP/1.1 200 OK\r\n\r\n", b" " * (4 * MIB + 1), times=1),
        LARGE,
        settings=SMALL,
        asked=1,
    ),
    Scenario(
        "a body without end",
        repeats(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
        LARGE,
        settings=SMALL,
        asked=1,
    ),
    Scenario(
        "chunks without end",
        repeats(CHUNKED, chunked(b" " * 65536)),
        LARGE,
        settings=SMALL,
        asked=1,
    ),
    Scenario("frames without end", acting(_framed_flood), LARGE, "h2", settings=SMALL),
    # The server pours into the first request's stream and hears nothing of the others.
    Scenario(
        "frames without end, ten asked",
        acting(_framed_flood),
        (LARGE, T, Status.E_DEADLINE),
        "h2",
        count=10,
        timeout=2,
        settings=SMALL,
    ),
    Scenario(
        "a 1 KiB limit",
        says(reply(BODY + b" " * 1024)),
        LARGE,
        settings={"http.max_reply_bytes": 1024},
        asked=1,
    ),
)

CODINGS = (
    Scenario("a packed reply", says(reply(_PACKED, 200, GZIP)), OK, asked=1),
    Scenario(
        "packed in two parts",
        says(reply(gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), 200, GZIP)),
        CUT,
    ),
    Scenario("a packed reply cut off", says(reply(_PACKED[:-12], 200, GZIP)), CUT, asked=1),
    Scenario(
        "a packed reply with a wrong checksum",
        says(reply(_PACKED[:-8] + b"\0" * 8, 200, GZIP)),
        CUT,
        asked=1,
    ),
    Scenario("garbage behind a packed reply", says(reply(_PACKED + b"garbage", 200, GZIP)), CUT),
    Scenario("plain text called packed", says(reply(BODY, 200, GZIP)), CUT, asked=1),
    Scenario("an unknown coding", says(reply(BODY, 200, _CODED + "shuffled")), CUT, asked=1),
    Scenario("packed but not called so", says(reply(_PACKED)), Status.E_FOREIGN_REPLY, asked=1),
    Scenario(
        "a thousand codings",
        says(reply(BODY, 200, _CODED + ", ".join(["gzip"] * 1000))),
        CUT,
        asked=1,
    ),
    Scenario(
        "packed in the transfer coding",
        says_last(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", _PACKED),
        CUT,
        asked=1,
    ),
    *(
        Scenario(f"packed with {name}", says(reply(_PACKED, 200, _CODED + name)), CUT, asked=1)
        for name in ("br", "zstd", "identity, deflate", "gzip,x-gzip")
    ),
    *(
        Scenario(f"packed with {name!r}", says(reply(_PACKED, 200, _CODED + name)), OK, asked=1)
        for name in ("GZip", " identity, x-gzip ,", "none,gzip")
    ),
    Scenario("five layers in one frame", acting(_layers), CUT, "h2", asked=1),
    Scenario(
        "layers in the transfer coding",
        says_last(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, gzip, gzip, gzip, chunked\r\n\r\n",
            chunked(layered(4)),
        ),
        CUT,
        asked=1,
    ),
    # Empty blocks of the compressed data, one after the other: it never becomes a byte.
    Scenario(
        "a packed body of nothing without end",
        repeats(f"HTTP/1.1 200 OK\r\n{GZIP}\r\n\r\n".encode() + _GZIP_HEAD, _NOTHING * 9999),
        LARGE,
        asked=1,
        settings=SMALL,
    ),
)

SCENARIOS = (*BOMBS, *LIARS, *CODINGS)
