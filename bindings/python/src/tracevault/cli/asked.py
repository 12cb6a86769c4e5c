"""Asks before something cannot be taken back; reads times and durations as people write them."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta, timezone

from .failures import Usage

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def confirm(question: str, *, yes: bool) -> None:
    """Go on only when a person says so, or said so with ``--yes``."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Usage(f"{question} Nobody can be asked here: give --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Usage("nothing was done")


def duration(text: str, what: str) -> timedelta:
    """A duration such as ``14d``, ``12h``, ``30m``, ``90s``; ``what`` names it in an error."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip())
    if not found:
        raise Usage(f"{what} takes a duration: write 14d, 12h, 30m or 90s")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def moment(text: str, *, now: datetime | None = None) -> str:
    """A time: RFC 3339, a date, or a duration before now; as the library takes it."""
    if re.fullmatch(r"\d{1,6}[smhdw]", text.strip()):
        then = (now or datetime.now(timezone.utc)) - duration(text, "a time")
        return then.isoformat(timespec="seconds").replace("+00:00", "Z")
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()):
        return f"{text.strip()}T00:00:00Z"
    return text
