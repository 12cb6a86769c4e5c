"""Makes strangers' text safe to show: what moves a cursor, hides or turns text is written out.

Log lines, subjects and replies come from people who want to be believed. Every text that reaches
a terminal or a table goes through :func:`printable`; a picture or a page that marks what is written
out takes the :func:`runs` of what :func:`beginning` leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from .._marks import pieces, units, written_out

#: A picture or a page shows so many characters of one text, with so many marks at most.
LONGEST = 8192
MOST_MARKS = 256
#: So many equal characters in a row are written out each; of more the count is told.
SPELT = 64


def printable(text: object) -> str:
    """The text without anything that a terminal acts upon: C0, C1, bidi, zero width, links."""
    found = str(text)
    if found.isascii() and found.isprintable():
        return found
    return "".join(written_out(piece) if odd else piece for piece, odd in pieces(found))


def runs(text: str) -> Iterator[tuple[str, bool]]:
    """The text in order: what can be shown, and (True) each run of one character that cannot."""
    for (piece, odd), equal in groupby(pieces(text)):
        yield piece * sum(1 for _ in equal), odd


def run_written_out(run: str) -> str:
    r"""A run of one character: ``\x1b``, ``\x1b\x1b``, ``\x1b (1,024 times)``."""
    count = len(run)
    one = written_out(run[0])
    return one * count if count <= SPELT else f"{one} ({count:,} times)"


def beginning(text: str) -> tuple[str, int]:
    """What is shown of a text that may be of any length, and how many characters are left out."""
    short = text[:LONGEST]
    if not (short.isascii() and short.isprintable()):
        end = marks = 0
        for run, odd in runs(short):
            marks += odd
            if marks > MOST_MARKS:
                break
            end += len(run)
        short = short[:end]
    return short, len(text) - len(short)


def short_printable(text: object) -> str:
    """The beginning of a text as :func:`printable` has it, and how much is left out."""
    short, left = beginning(str(text))
    told = "".join(run_written_out(run) if odd else run for run, odd in runs(short))
    return told + (f" ... {left:,} more character{'s' if left > 1 else ''}" if left else "")


def json_line(value: Any) -> str:
    """One JSON value in one line of ASCII: no terminal acts upon it, ``jq`` gives the text back."""
    import json  # not needed to tell a version or to complete a word

    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")


def safe_json(text: str) -> str:
    """JSON that is written already, with what a terminal acts upon as ``\\u`` escapes."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(one if "\x1f" < one < "\x7f" or one == "\n" else units(one) for one in text)
