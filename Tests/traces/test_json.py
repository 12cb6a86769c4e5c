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
from json_texts import SEED, Refused, alike, generate, mutate, refuse, text_of
from tracevault._abi import DocumentRef
from tracevault._lib import check, library, view

DOCUMENTS = int(os.environ.get("TRACEVAULT_JSON_DOCUMENTS", "3000"))
MAX_DEPTH = 64
HEAD = b'{"success":true,"result":{"inbound":{"lines":[{"message":"m","x":'
TAIL = b"}]}}}"
UNREADABLE = (
    tv.Status.E_NOT_JSON,
    tv.Status.E_REPLY_TRUNCATED,
    tv.Status.E_REPLY_EMPTY,
    tv.Status.E_REPLY_DEPTH,
)


class Number(str):
    """A number as it was written."""


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
