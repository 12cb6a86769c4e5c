"""Times and durations as people write them: one reading for every option and every table."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from ._fields import is_in_calendar, parse_time

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?\s?(Z|[+-]\d\d:\d\d)?)?", re.IGNORECASE
)


def duration(text: str) -> timedelta:
    """``30d``, ``12h``, ``90m``, ``45s``, ``2w``; ``ValueError`` for anything else."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError("it is no duration")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def moment(text: str, *, ahead: bool, now: datetime | None = None) -> str:
    """A date, RFC 3339 or a duration, as RFC 3339; without a zone it is UTC.

    A duration counts from now: back, or on where the time lies ``ahead``. ``ValueError`` for
    anything else.
    """
    stripped = text.strip()
    if _DURATION.fullmatch(stripped):
        return _from_now(duration(stripped), ahead=ahead, now=now or datetime.now(timezone.utc))
    found = _MOMENT.fullmatch(stripped)
    day, minute, second, zone = found.groups() if found else ("", "", "", "")
    made = f"{day}T{minute or '00:00'}{second or ':00'}{zone or 'Z'}".upper()
    at = parse_time(made)
    if at is None:
        raise ValueError("it is no time")
    if not is_in_calendar(at):
        raise ValueError("it is not within the calendar")
    return made


def _from_now(length: timedelta, *, ahead: bool, now: datetime) -> str:
    try:
        then = now + length if ahead else now - length
    except OverflowError:
        raise ValueError("it is longer than the calendar") from None
    return then.isoformat(timespec="seconds").replace("+00:00", "Z")
