"""Makes strangers' text safe to show: what moves a cursor, hides or turns text is written out.

Log lines, subjects and replies come from people who want to be believed. Every text that reaches
a terminal or a table goes through :func:`printable`; a picture or a page that marks what is written
out takes the :func:`pieces`.
"""

from __future__ import annotations

from typing import Any

from .._marks import pieces, units


def printable(text: object) -> str:
    """The text without anything that a terminal acts upon: C0, C1, bidi, zero width, links."""
    found = str(text)
    if found.isascii() and found.isprintable():
        return found
    return "".join(written_out(piece) if odd else piece for piece, odd in pieces(found))


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
    return "".join(one if "\x1f" < one < "\x7f" or one == "\n" else units(one) for one in text)
