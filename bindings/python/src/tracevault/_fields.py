"""JSON values on their way in and out: times, copies, and what to say of a wrong one."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))?\Z"
)


def parse_time(text: str | None) -> datetime | None:
    """RFC 3339 text as an aware ``datetime``, cut to microseconds; ``None`` when it is not one.

    Python's own parser takes neither ``Z`` nor nine digits before 3.11.
    """
    found = _RFC3339.match(text) if text else None
    if found is None:
        return None
    *date, fraction, sign, hours, minutes = found.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        zone = timezone.utc if not offset else timezone(-offset if sign == "-" else offset)
        year, month, day, hour, minute, second = map(int, date)
        # datetime has no second 60: a leap second is the one after, as in POSIX time.
        leap = second == 60
        start = datetime(year, month, day, hour, minute, 59 if leap else second, micros, zone)
        return start + timedelta(seconds=1) if leap else start
    except (ValueError, OverflowError):
        return None


def is_in_calendar(at: datetime) -> bool:
    """Whether this can be told in UTC: some hours at both ends of the calendar cannot."""
    try:
        at.astimezone(timezone.utc)
    except OverflowError:
        return False
    return True


#: How deep a line of others may be nested: as deep as the library reads a reply.
LINE_DEPTH = 64
#: How deep a document may be: what the library makes of such a reply has more around it.
DOCUMENT_DEPTH = 96


def parsed(text: bytes | bytearray | str, depth: int, **how: Any) -> Any:
    """JSON that somebody gave; ``ValueError`` also where it is nested deeper than that.

    Python's reader takes what its writer, or whoever goes through it, does not.
    """
    return within(depth, lambda: json.loads(text, **how))


def within(depth: int, made: Callable[[], Any]) -> Any:
    """What this makes; ``ValueError`` where it is nested deeper than that."""
    try:
        value = made()
    except RecursionError:
        value = None
    else:
        if not _is_deeper(value, depth):
            return value
    raise ValueError(f"it is nested more than {depth} deep")


def _is_deeper(value: object, depth: int) -> bool:
    level: list[Any] = [value] if isinstance(value, (dict, list)) else []
    while level and depth > 0:
        depth -= 1
        level = [
            part
            for one in level
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, (dict, list))
        ]
    return bool(level)


def wrong(path: str, wanted: str, value: object) -> ValueError:
    where = path or "the document"
    return ValueError(f"not a TraceVault document: {where} is {type(value).__name__}, not {wanted}")


def copied(value: Any) -> Any:
    """A JSON value that shares nothing with this one that could be changed."""
    if isinstance(value, dict):
        return {name: copied(part) for name, part in value.items()}
    return [copied(part) for part in value] if isinstance(value, list) else value
