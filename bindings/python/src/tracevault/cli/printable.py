"""Makes strangers' text safe to show: what moves a cursor, hides or turns text is written out.

Log lines, subjects and replies come from people who want to be believed. Every text that reaches
a terminal or a table goes through :func:`printable`.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: Letters and marks that print nothing and yet pass as printable: fillers, joiners, selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def printable(text: object) -> str:
    """The text without anything that a terminal acts upon: C0, C1, bidi, zero width, links."""
    found = str(text)
    if found.isascii() and found.isprintable():
        return found
    return "".join(
        one if one.isprintable() and not _INVISIBLE.match(one) else _written_out(one)
        for one in found
    )


def _written_out(one: str) -> str:
    number = ord(one)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def json_line(value: Any) -> str:
    """One JSON value in one line of ASCII: no terminal acts upon it, ``jq`` gives the text back."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")


def safe_json(text: str) -> str:
    """JSON that is written already, with what a terminal acts upon as ``\\u`` escapes."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(one if "\x1f" < one < "\x7f" or one == "\n" else _units(one) for one in text)


def _units(one: str) -> str:
    data = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))
