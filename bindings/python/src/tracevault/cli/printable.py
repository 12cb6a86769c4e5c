"""Makes strangers' text safe to show: what moves a cursor, hides or turns text is written out.

Log lines, subjects and replies come from people who want to be believed. Every text that reaches
a terminal or a table goes through :func:`printable`; a picture or a page that marks what is written
out takes the :func:`pieces`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

#: Letters and marks that print nothing and yet pass as printable: fillers, joiners, selectors.
_INVISIBLE = (
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U0001d159\U000e0100-\U000e01ef]"
)
#: More marks than this on one letter are a tower that covers what stands beside it.
_MARKS = 4


def printable(text: object) -> str:
    """The text without anything that a terminal acts upon: C0, C1, bidi, zero width, links."""
    found = str(text)
    if found.isascii() and found.isprintable():
        return found
    return "".join(written_out(piece) if odd else piece for piece, odd in pieces(found))


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in order: what can be shown, and (True) each character that cannot."""
    if text.isascii() and text.isprintable():
        if text:
            yield text, False
        return
    begin = 0
    marks = _MARKS  # a mark at the very beginning would sit on a letter of ours
    for at, char in enumerate(text):
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if char.isprintable() and marks <= _MARKS and not re.match(_INVISIBLE, char):
            continue
        if begin < at:
            yield text[begin:at], False
        yield char, True
        begin = at + 1
    if begin < len(text):
        yield text[begin:], False


def written_out(char: str) -> str:
    r"""One character as ``\x1b``, ``\u202e`` or ``\U000e0041``."""
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def json_line(value: Any) -> str:
    """One JSON value in one line of ASCII: no terminal acts upon it, ``jq`` gives the text back."""
    import json  # not needed to tell a version or to complete a word

    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")


def safe_json(text: str) -> str:
    """JSON that is written already, with what a terminal acts upon as ``\\u`` escapes."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(one if "\x1f" < one < "\x7f" or one == "\n" else _units(one) for one in text)


def _units(one: str) -> str:
    data = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))
