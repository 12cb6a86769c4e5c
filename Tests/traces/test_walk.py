"""Walks against Python's JSON reader: what one takes the other takes, with the same values.

Over generated and damaged documents, twice: the entries themselves, and what the cursor of
bindings/c/tv_walk.h says through them. A failure prints the seed and the document.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from c_programs import ABI, Compile
from json_texts import SEED, Refused, alike, generate, mutate, refuse, text_of
from tracevault._abi import DocumentRef, Entry, Walk
from tracevault._lib import check, library

DOCUMENTS = int(os.environ.get("TRACEVAULT_WALK_DOCUMENTS", "1500"))
ROOT = Path(__file__).resolve().parents[2]
NULL, BOOL, NUMBER, STRING, ARRAY, OBJECT = range(6)
ESCAPED, INTEGER, TRUE = 1, 4, 8


class Pairs(list[tuple[str, Any]]):
    """An object with all its members, in their order."""


def python_reads(text: bytes) -> list[Any]:
    """The document, or those of JSON lines, as Python reads them; raises `Refused`."""
    reader = json.JSONDecoder(
        object_pairs_hook=Pairs, parse_int=Digits, parse_float=Digits, parse_constant=refuse
    )
    try:
        rest = text.decode().removeprefix("\ufeff").strip(" \t\r\n")
        found = []
        while rest:
            value, end = reader.raw_decode(rest)
            found.append(value)
            gap = rest[end : len(rest) - len(rest[end:].lstrip(" \t\r\n"))]
            rest = rest[end + len(gap) :]
            if rest and "\n" not in gap:
                raise Refused("two on one line")
        return found
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error


class Digits(str):
    """A number as it was written."""


class Walked:
    """A walk of any text, copied; what stands in it is found by its entries alone."""

    def __init__(self, text: bytes) -> None:
        lib, document, walk = library(), DocumentRef(), Walk()
        try:
            check(lib.tv_document_read, text, len(text), ctypes.byref(document))
        except tv.ReplyError as error:
            raise Refused(str(error)) from error
        try:
            check(lib.tv_document_walk, document, b"json", 4, ctypes.byref(walk))
            assert walk.entry_size == ctypes.sizeof(Entry)
            self.text = ctypes.string_at(walk.text, walk.text_len)
            size = walk.entry_count * walk.entry_size
            copy = ctypes.string_at(walk.entries, size) if size else b""
            self.entries = (Entry * walk.entry_count).from_buffer_copy(copy)
        finally:
            lib.tv_document_free(document)

    def documents(self) -> list[Any]:
        at, found = 0, []
        while at < len(self.entries):
            found.append(self.value(at))
            at = self.entries[at].next
        assert at == len(self.entries)
        return found

    def value(self, at: int) -> Any:
        entry = self.entries[at]
        assert entry.reserved == 0
        text = self.text[entry.start : entry.end]
        if entry.kind == STRING:
            assert (
                self.text[entry.start - 1 : entry.start]
                == b'"'
                == self.text[entry.end : entry.end + 1]
            )
            assert bool(entry.flags & ESCAPED) == (b"\\" in text)
        if entry.kind in (NULL, BOOL, NUMBER, STRING):
            assert entry.next == at + 1
            quoted = b'"%b"' % text if entry.kind == STRING else text
            value = json.loads(quoted, parse_int=Digits, parse_float=Digits)
            if entry.kind == NUMBER:
                assert bool(entry.flags & INTEGER) == (not set(text) & set(b".eE"))
            assert bool(entry.flags & TRUE) == (value is True)
            return value
        inside, values = at + 1, []
        while inside < entry.next:
            assert entry.start < self.entries[inside].start <= self.entries[inside].end < entry.end
            values.append(self.value(inside))
            inside = self.entries[inside].next
        assert inside == entry.next
        if entry.kind == ARRAY:
            return values
        return Pairs(zip(values[::2], values[1::2], strict=True))


def documents(kind: str) -> list[bytes]:
    source = random.Random(f"{SEED} walk {kind}")
    made = []
    for _ in range(DOCUMENTS):
        texts = [alike(source) if "alike" in kind else generate(source)]
        while source.randrange(4) == 0:
            texts.append(alike(source) if "alike" in kind else generate(source))
        document = "\n".join(texts).encode("utf-8", "surrogatepass")
        made.append(mutate(source, document) if "mutated" in kind else document)
    return made


KINDS = ("generated", "mutated", "alike", "alike, mutated")


@pytest.mark.parametrize("kind", KINDS)
def test_entries_say_what_python_reads(kind: str) -> None:
    taken = 0
    for document in documents(kind):
        try:
            theirs = python_reads(document)
        except Refused:
            with pytest.raises(Refused):
                Walked(document)
            continue
        try:
            assert Walked(document).documents() == theirs, (SEED, document)
        except Refused:
            # Only white space: for us no document, for Python above no line.
            assert theirs == [], (SEED, document)
        taken += 1
    assert DOCUMENTS // 20 < taken < DOCUMENTS if "mutated" in kind else taken == DOCUMENTS


def dumped(value: Any) -> str:
    """What Tests/abi/dump.c prints of it."""
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, Digits):
        whole = not set(value) & set(".eE") and -(1 << 63) <= int(value) < 1 << 63
        return f"i{int(value)}" if whole else f"d{float(value):.17g}"
    if isinstance(value, str):
        return "s" + text_of(value).replace("\0", "\ufffd").encode().hex()
    if isinstance(value, Pairs):
        return "{" + "".join(f"{dumped(name)}{dumped(one)}," for name, one in value) + "}"
    return "[" + "".join(f"{dumped(one)}," for one in value) + "]"


@pytest.mark.parametrize("kind", KINDS)
def test_the_cursor_says_what_python_reads(compiled: Compile, kind: str) -> None:
    made = documents(kind)
    done = subprocess.run(
        [str(compiled("dump", ABI / "dump.c"))],
        input=b"".join(b"%d\n%b" % (len(document), document) for document in made),
        stdout=subprocess.PIPE,
        check=True,
    )
    lines = done.stdout.decode().splitlines()
    for document, line in zip(made, lines, strict=True):
        try:
            theirs = "".join(map(dumped, python_reads(document)))
        except Refused:
            theirs = "refused"
        assert line == (theirs or line), (SEED, document)


def without(document: dict[str, Any]) -> dict[str, Any]:
    """The brief view of a trace as it should be."""
    document["schema"] = "tracevault.trace.brief/1"
    for side in ("inbound", "outbound"):
        for line in document.get(side, {}).get("lines", []):
            line.pop("event", None)
    for name in ("hops", "next_queue_ids"):
        document.get("summary", {}).pop(name, None)
    return document


def view(document: DocumentRef, name: bytes) -> Any:
    return json.loads(tv._lib.view(library().tv_document_view, document, name))


def test_the_brief_view_is_the_whole_without_what_few_look_at() -> None:
    replies = sorted((ROOT / "Tests/data/golden/trace").glob("*.reply.json"))
    assert len(replies) > 20
    for reply in replies:
        document = DocumentRef()
        body = reply.read_bytes()
        check(library().tv_document_decode, body, len(body), ctypes.byref(document))
        try:
            assert view(document, b"brief") == without(view(document, b"trace"))
        finally:
            library().tv_document_free(document)
