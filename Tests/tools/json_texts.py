"""json_texts.py - JSON texts made by chance, whole and damaged, and how Python takes them."""

from __future__ import annotations

import os
import random
from typing import Any

SEED = int(os.environ.get("TRACEVAULT_JSON_SEED", "20261124"))
SPACE = ("", "", "", " ", "\n", "\t", "\r\n", "  ")
NUMBERS = (
    "0", "-0", "1", "-1", "10", "9007199254740993", "18446744073709551616", "0.5", "-0.0", "1e5",
    "1E+5", "1e-5", "1e400", "-1.25e+10", "0.1234567890123456789", "123456789012345678901234567890",
)  # fmt: skip
CHARACTERS = ("a", "Z", "é", "€", "😀", "\x7f", "/", " ", "\u2028", "\ufeff", "\uffff")
ESCAPES = (
    r"\"", r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t", r"\u0000", r"\u00e9", r"\uD83D\uDE00",
    r"\ud800", r"\udc00", r"\udbff\udfff", r"\ud800\ud800", r"\uFFFE",
)  # fmt: skip
#: What a mutation inserts: pieces that mean something, and bytes that must not.
PIECES = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"0", b"-", b".", b"e", b"E+", b"NaN",
    b"Infinity", b"-Infinity", b"null", b"true", b"fals", b"\x00", b"\x1f", b"\x7f", b"\x80",
    b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"\xff", b" ", b"\x0b",
    b"\xc2\xa0", b"//", b"'", b"01", b"1.", b".5", b"+1", b"0x1", b"\\x", b"\\u12g4",
)  # fmt: skip


class Refused(Exception):
    pass


def refuse(constant: str) -> Any:
    raise Refused(constant)


def text_of(value: str) -> str:
    """Halves of surrogate pairs are U+FFFD in a document, which is UTF-8."""
    return "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in value)


def generate(source: random.Random, depth: int = 0) -> str:
    space = source.choice(SPACE)
    kind = source.randrange(10 if depth < 6 else 6)
    if kind == 0:
        return space + source.choice(("null", "true", "false"))
    if kind <= 2:
        return space + source.choice(NUMBERS)
    if kind <= 5:
        return space + string(source)
    parts = [generate(source, depth + 1) for _ in range(source.randrange(5))]
    if kind <= 7:
        return f"{space}[{','.join(parts)}{source.choice(SPACE)}]"
    members = (f"{source.choice(SPACE)}{string(source)}{space}:{part}" for part in parts)
    return f"{space}{{{','.join(members)}{source.choice(SPACE)}}}"


def alike(source: random.Random) -> str:
    """A list of objects with nearly the same members, as the lines of a trace are."""
    keys = [
        source.choice((string(source), '"logged_at"', '"lineno"', '"a key of twenty bytes"'))
        for _ in range(source.randrange(1, 5))
    ]
    length = source.randrange(40)
    objects = []
    for _ in range(source.randrange(2, 7)):
        values = [
            source.choice((f'"{"t" * length}"', "7", "10", "null", '"é"', string(source)))
            for _ in keys
        ]
        if source.randrange(4) == 0:
            values[source.randrange(len(keys))] = generate(source, 4)
        named = [f"{key}:{value}" for key, value in zip(keys, values, strict=True)]
        if source.randrange(6) == 0:
            named[-1] = named[-1].replace('"', source.choice(('" ', ' "', '"x')), 1)
        if source.randrange(6) == 0:
            named.append(f"{string(source)}:{generate(source, 5)}")
        objects.append("{" + ",".join(named) + "}")
    return f"[{source.choice((',', ',', ' , ')).join(objects)}]"


def string(source: random.Random) -> str:
    parts = (
        source.choice(source.choice((CHARACTERS, ESCAPES))) for _ in range(source.randrange(9))
    )
    return f'"{"".join(parts)}"'


def mutate(source: random.Random, document: bytes) -> bytes:
    changed = bytearray(document)
    for _ in range(source.randrange(1, 4)):
        place = source.randrange(len(changed) + 1)
        match source.randrange(5):
            case 0 if place < len(changed):
                changed[place] ^= 1 << source.randrange(8)
            case 1:
                del changed[place : place + source.randrange(1, 4)]
            case 2:
                changed[place:place] = changed[: source.randrange(8)]
            case 3:
                del changed[place:]
            case _:
                changed[place:place] = source.choice(PIECES)
    return bytes(changed)
