"""The JSON reader against Python's: what one takes the other takes, with the same values.

Generated and mutated documents travel through the C ABI as an unknown member of a trace's line,
which the trace view copies. A failure prints the seed and the document.
"""

import ctypes
import json
import os
import random
from typing import Any

import pytest
import tracevault as tv
from tracevault._abi import DocumentRef
from tracevault._lib import check, library, view

SEED = int(os.environ.get("TRACEVAULT_JSON_SEED", "20261124"))
DOCUMENTS = int(os.environ.get("TRACEVAULT_JSON_DOCUMENTS", "6000"))
MAX_DEPTH = 64
HEAD = b'{"success":true,"result":{"inbound":{"lines":[{"message":"m","x":'
TAIL = b"}]}}}"
UNREADABLE = (
    tv.Status.E_NOT_JSON,
    tv.Status.E_REPLY_TRUNCATED,
    tv.Status.E_REPLY_EMPTY,
    tv.Status.E_REPLY_DEPTH,
)
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


class Number(str):
    """A number as it was written."""


class Refused(Exception):
    pass


def refuse(constant: str) -> Any:
    raise Refused(constant)


def text_of(value: str) -> str:
    """Halves of surrogate pairs are U+FFFD in a document, which is UTF-8."""
    return "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in value)


def python_reads(document: bytes, errors: str = "strict") -> Any:
    """What Python makes of it; raises `Refused`. `errors`: what to do with bytes that are no UTF-8."""
    try:
        return json.loads(
            document.decode("utf-8", errors).removeprefix("\ufeff"),
            parse_int=Number,
            parse_float=Number,
            parse_constant=refuse,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error


def agrees(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, Number):
        # One that common readers cannot hold is copied as text.
        return str(ours) == str(theirs)
    if isinstance(theirs, str):
        return type(ours) is str and ours == text_of(theirs)
    if isinstance(theirs, list):
        return (
            isinstance(ours, list) and len(ours) == len(theirs) and all(map(agrees, ours, theirs))
        )
    if isinstance(theirs, dict):
        named = {text_of(name): value for name, value in theirs.items()}
        if len(named) < len(theirs):
            return True  # names that differ only in halves of surrogate pairs become the same
        return (
            isinstance(ours, dict)
            and ours.keys() == named.keys()
            and all(agrees(ours[name], value) for name, value in named.items())
        )
    return type(ours) is type(theirs) and bool(ours == theirs)


def ours_reads(reply: bytes) -> Any:
    """The trace document, None when it is none; raises `Refused` when it is no JSON for the library."""
    lib, document = library(), DocumentRef()
    try:
        check(lib.tv_document_decode, reply, len(reply), ctypes.byref(document))
    except tv.ReplyError as error:
        if error.status in UNREADABLE:
            raise Refused(str(error)) from error
        return None
    try:
        trace = view(lib.tv_document_view, document, b"trace")
        return json.loads(trace, parse_int=Number, parse_float=Number, parse_constant=refuse)
    finally:
        lib.tv_document_free(document)


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


def judge(number: int, document: bytes) -> bool:
    """Compare both readers on one document; whether they took it."""
    reply = HEAD + document + TAIL
    try:
        theirs = python_reads(reply)
    except Refused:
        theirs = None
    try:
        trace = ours_reads(reply)
    except Refused as refusal:
        assert theirs is None or "nested more" in str(refusal), (SEED, number, reply, refusal)
        return False
    if theirs is None:
        # Bytes that are no UTF-8 in a text are taken as Python's "replace" takes them, and said so.
        theirs = python_reads(reply, "replace")
        told = [] if trace is None else [each["code"] for each in trace["warnings"]]
        assert trace is None or "invalid_utf8" in told, (SEED, number, reply)
    if trace is None:
        return True
    lines = theirs["result"]["inbound"]["lines"]
    if len(lines) != 1 or lines[0].keys() != {"message", "x"} or lines[0]["message"] != "m":
        return True  # the mutation left the member
    copied = trace["inbound"]["lines"][0]["extra"]["x"]
    assert agrees(copied, lines[0]["x"]), f"seed {SEED}, document {number}: {reply!r}: {copied!r}"
    return True


@pytest.mark.parametrize("kind", ["generated", "mutated", "alike", "alike, mutated"])
def test_both_readers_take_the_same_documents_with_the_same_values(kind: str) -> None:
    source = random.Random(f"{SEED} {kind}")
    taken = 0
    for number in range(DOCUMENTS):
        text = alike(source) if "alike" in kind else generate(source)
        document = text.encode("utf-8", "surrogatepass")
        if "mutated" in kind:
            document = mutate(source, document)
        taken += judge(number, document)
    print(f"{kind}: {DOCUMENTS} documents, {taken} read by both, seed {SEED}")
    # Both sides of the promise were looked at.
    assert DOCUMENTS // 20 < taken < DOCUMENTS if "mutated" in kind else taken == DOCUMENTS


@pytest.mark.parametrize("depth", [40, MAX_DEPTH - 5, MAX_DEPTH + 1, 5000])
def test_only_depth_is_refused_beyond_what_python_refuses(depth: int) -> None:
    document = b"[" * depth + b"]" * depth
    # The reply around it nests five deep itself.
    assert judge(depth, document) is (depth + 5 <= MAX_DEPTH)
