"""Finds what hides, turns or steers in strangers' text, for all that shows it or writes it out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import _loading

#: Letters and marks that print nothing and yet pass as printable: fillers, joiners, selectors.
_INVISIBLE = (
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U0001d159\U000e0100-\U000e01ef]"
)
#: More marks than this on one letter are a tower that covers what stands beside it.
_MARKS = 4


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in order: what can be shown, and (True) each character that cannot."""
    if text.isascii() and text.isprintable():
        if text:
            yield text, False
        return
    with _loading:
        import unicodedata  # not for text in ASCII

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


def escaped(text: str) -> str:
    """One line for people and logs, with what hides, turns or steers written out. Marks stay, also
    many on one letter: where a person looks for long, the command has :func:`pieces`.

    It needs nothing that is not loaded yet: an error is told also where no descriptor is left.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() and not re.match(_INVISIBLE, char) else written_out(char)
        for char in text
    )


def unmarked_json(text: str) -> str:
    """JSON that is written already, with what hides, turns or steers as ``\\u`` escapes."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub("[^ -~]+", _written, text)


def _written(run: re.Match[str]) -> str:
    return "".join(units(piece) if odd else piece for piece, odd in pieces(run[0]))


def units(one: str) -> str:
    r"""A character as JSON has it, ``\u202e`` or two of them."""
    data = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))
