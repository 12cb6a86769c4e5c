"""Rows as lines of JSON for hosts that cut what is too long for them: syslog, queues, SIEMs."""

from __future__ import annotations

import json

from ._marks import unmarked_json
from .errors import ArgumentError, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

#: No bound may be lower: names and short values must fit.
_SMALLEST = 1024
#: Strings of so many bytes stay whole.
_WHOLE = 64


def json_lines(rows: Iterable[Mapping[str, Any]], max_bytes: int = 65536) -> Iterator[bytes]:
    """Give each row as one line of JSON in UTF-8, its end included in ``max_bytes``.

    The rows are those of ``to_rows()``, ``ecs()`` or ``ocsf()``, and are taken one by one::

        for line in tv.json_lines(trace.ecs(), max_bytes=8192):
            sys.stdout.buffer.write(line)

    Characters that steer a terminal, turn the direction of writing or hide are ``\\u`` escapes, as
    in the views ``ecs`` and ``ocsf``; other letters are UTF-8.

    Where a row is longer, its longest strings are cut at a whole character, with "…" behind, until
    it fits; it stays JSON, and names and strings of 64 bytes stay whole. A row of too many parts
    for that is ``{"truncated": {"bytes": ..., "max_bytes": ...}}``. C has ``tv_write_bounded()``.

    Raises :class:`ArgumentError` when ``max_bytes`` is below 1024.
    """
    if max_bytes < _SMALLEST:
        raise ArgumentError(
            f"max_bytes must be {_SMALLEST} or more, this is {max_bytes}", status=Status.E_ARGUMENT
        )
    return (_bounded(row, max_bytes) for row in rows)


def _bounded(row: Mapping[str, Any], limit: int) -> bytes:
    line = whole = _line(row)
    most = limit
    while len(line) > limit and most > _WHOLE:
        most = max(most // 2, _WHOLE)
        line = _line(_cut(row, most))
    if len(line) > limit:
        return _line({"truncated": {"bytes": len(whole), "max_bytes": limit}})
    return line


def _line(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # A half of a character that JSON may have and UTF-8 has not.
    return unmarked_json(text.encode("utf-8", "replace").decode()).encode() + b"\n"


def _cut(value: object, most: int) -> object:
    """The value with at most so many bytes of each string."""
    if isinstance(value, str):
        data = value.encode("utf-8", "replace")
        return value if len(data) <= most else data[:most].decode("utf-8", "ignore") + "…"
    if isinstance(value, dict):
        return {name: _cut(part, most) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cut(part, most) for part in value]
    return value
