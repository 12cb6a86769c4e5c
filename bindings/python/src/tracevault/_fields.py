"""How JSON values become typed fields: times, and objects whose unknown members are kept.

Knows nothing of what the documents mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
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


class Fields:
    """One JSON object on its way into a dataclass; what is left over becomes ``later``."""

    __slots__ = ("index", "path", "rest")

    def __init__(self, value: object, path: str, index: int | None = None) -> None:
        # Where it is becomes text only for a complaint: a trace has many lines.
        self.path = path
        self.index = index
        if not isinstance(value, dict):
            raise wrong(self.at(""), "an object", value)
        self.rest: dict[str, Any] = value.copy()

    def text(self, name: str) -> str | None:
        value = self.rest.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise wrong(self.at(name), "text", value)
        return value

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise wrong(self.at(name), "text", None)
        return value

    def integer(self, name: str) -> int | None:
        value = self.rest.pop(name, None)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise wrong(self.at(name), "an integer", value)
        return value

    def number(self, name: str) -> float | None:
        value = self.rest.pop(name, None)
        if value is not None and (not isinstance(value, (int, float)) or isinstance(value, bool)):
            raise wrong(self.at(name), "a number", value)
        return value

    def boolean(self, name: str) -> bool | None:
        value = self.rest.pop(name, None)
        if value is not None and not isinstance(value, bool):
            raise wrong(self.at(name), "true or false", value)
        return value

    def items(self, name: str) -> list[Any]:
        value = self.rest.pop(name, None)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong(self.at(name), "an array", value)
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.mapping_or_none(name)
        return {} if value is None else value

    def mapping_or_none(self, name: str) -> Mapping[str, Any] | None:
        value = self.rest.pop(name, None)
        if value is not None and not isinstance(value, dict):
            raise wrong(self.at(name), "an object", value)
        return value

    def at(self, name: str) -> str:
        path = self.path if self.index is None else f"{self.path}[{self.index}]"
        return f"{path}.{name}" if path and name else path or name


def wrong(path: str, wanted: str, value: object) -> ValueError:
    where = path or "the document"
    return ValueError(f"not a TraceVault document: {where} is {type(value).__name__}, not {wanted}")


def filled(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
