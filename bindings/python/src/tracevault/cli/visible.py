"""Words of strangers, fit for a screen: what cannot be seen or would steer it is spelt out.

A log line holds what a sender chose: escape sequences, marks that turn the direction of writing,
letters without a width. :func:`pieces` finds them all, for the terminal and for the HTML page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

#: Printable in Unicode's eyes, but nothing to see: fillers, joiners, variation selectors, a blank
#: of Braille. Everything else without a shape is unprintable already.
BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U0001d159\U000e0100-\U000e01ef]"
)
#: More marks than this on one letter are a tower that covers its neighbours.
MARKS = 4


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in order, cut into what can be shown and single characters that cannot (True)."""
    if text.isprintable() and text.isascii():
        if text:
            yield text, False
        return
    begin = 0
    marks = MARKS  # a mark at the very beginning would sit on our own letter
    for at, char in enumerate(text):
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if char.isprintable() and marks <= MARKS and not BLANK.match(char):
            continue
        if begin < at:
            yield text[begin:at], False
        yield char, True
        begin = at + 1
    if begin < len(text):
        yield text[begin:], False


def spelt(char: str) -> str:
    r"""One character as ``\x1b``, ``\u202e`` or ``\U000e0041``."""
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str) -> str:
    """The text with every character of that kind spelt out; nothing in it steers a terminal."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(spelt(piece) if odd else piece for piece, odd in pieces(text))
