"""What a journal keeps of a hunt's first run: when it began, and which time it looks at.

A run that goes on looks at the same time: all answers are about one window, and each is found again
by the question that it answers.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ._fields import LINE_DEPTH, is_in_calendar, parse_time, parsed
from ._lines import LineFile
from ._options import DEFAULT_WINDOW, check_against_now, filter_text
from .errors import ArgumentError, Status
from .journal import SCHEMA

_HUNT = b'{"hunt":'


@dataclass(frozen=True, slots=True)
class FirstRun:
    """When a hunt began, and the ends of its window that were given."""

    began: datetime
    given: Mapping[str, str | float]
    """By name, ``start`` and ``end``: RFC 3339, or seconds before the begin."""

    @classmethod
    def of(cls, began: datetime, window: Mapping[str, Any]) -> FirstRun:
        """The one that begins now."""
        first = cls(
            began,
            {
                name: value.total_seconds()
                if isinstance(value, timedelta)
                else filter_text(name, value)
                for name, value in window.items()
            },
        )
        for name in first.given:
            if first.moment(name) is None:  # a time that only the library holds
                raise ArgumentError(f"{name} is not within the calendar", status=Status.E_ARGUMENT)
        return first

    def moment(self, name: str) -> datetime | None:
        """One end of the window, where it was given."""
        return self._moment(self.given.get(name))

    def _moment(self, value: str | float | None) -> datetime | None:
        if isinstance(value, bool):  # in a damaged line
            return None
        try:
            at = (
                self.began - timedelta(seconds=value)
                if isinstance(value, (int, float))
                else parse_time(value)
            )
        except (ValueError, OverflowError):  # a duration that is longer than the calendar
            return None
        return at if at is not None and is_in_calendar(at) else None

    def check(self) -> None:
        """Raise where a hunt that begins so could find nothing.

        One that goes on may: its end was not too long ago when it began.
        """
        moments = {name: self.moment(name) for name in self.given}
        check_against_now({name: at.isoformat() for name, at in moments.items() if at is not None})

    def has(self, name: str, value: str | float) -> bool:
        """Whether this is its own end of the window, in the same words or in others."""
        own = self.given.get(name)
        return own is not None and (value == own or self._moment(value) == self._moment(own))


def first_run(path: str | os.PathLike[str], sought: str, now: FirstRun) -> FirstRun:
    """The first run of what is sought, as the journal knows it; otherwise this one, kept there."""
    file = LineFile(path, SCHEMA)
    try:
        with contextlib.closing(file.lines()) as lines:
            for _, line in lines:
                known = _read(line, sought) if line.startswith(_HUNT) else None
                if known is not None:
                    _require_same(os.fspath(path), known, now)
                    return known
        now.check()
        told = {"hunt": sought, "began": now.began.isoformat(), "given": now.given}
        file.append(json.dumps(told, separators=(",", ":")).encode())
    finally:
        file.close()
    return now


def _read(line: bytes, sought: str) -> FirstRun | None:
    """What a line says; ``None`` where it is about another hunt, or damaged."""
    try:
        told = parsed(line, LINE_DEPTH)
        began = parse_time(told["began"])
        if told["hunt"] != sought or began is None or not is_in_calendar(began - DEFAULT_WINDOW):
            return None
        known = FirstRun(began, dict(told["given"]))
        is_whole = all(known.moment(name) is not None for name in known.given)
        return known if is_whole else None
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def _require_same(path: str, known: FirstRun, now: FirstRun) -> None:
    for name, value in now.given.items():
        if not known.has(name, value):
            raise ArgumentError(
                f"this {name} is not that of the first run, which {path} remembers (it began "
                f"{known.began.isoformat(sep=' ', timespec='seconds')}): leave start and end out "
                "to go on with it, or name another journal to look at another time",
                status=Status.E_ARGUMENT,
            )
