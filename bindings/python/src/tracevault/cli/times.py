"""What stands for TIME, DURATION and SECONDS in an option: the same words everywhere."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import timedelta

    _Text = click.ParamType[str]
    _Length = click.ParamType[timedelta]
else:  # click of Debian 12 knows no arguments of its types
    _Text = _Length = click.ParamType

#: What the help says below the options where one of them takes a TIME.
ABOUT = (
    "TIME is a date (2027-03-04), RFC 3339 (2027-03-04T12:00:00Z; without a zone it is UTC), or a "
    "duration such as 30d, 12h, 90m, 45s or 2w: before now, and with --expires, --expiring and "
    "--not-before from now on."
)


class Before(str):
    """A moment that was given as a duration: so long ``back`` from now."""

    back: timedelta


class Time(_Text):
    """A moment, as RFC 3339."""

    name = "time"
    #: What belongs there, for an error.
    taken = "a time: 2027-03-04, 2027-03-04T12:00:00Z, or a duration such as 30d or 12h"

    def __init__(self, *, ahead: bool = False) -> None:
        self._ahead = ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time as the library takes it."""
        from .._times import duration, moment  # not needed to tell a version

        try:
            made = moment(value, ahead=self._ahead)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)
        with contextlib.suppress(ValueError):  # it is no duration
            back = duration(value)
            made = Before(made)
            made.back = back
        return made


class Duration(_Length):
    """How long, as a ``timedelta``."""

    name = "duration"
    #: What belongs there, for an error.
    taken = "a duration: 30d, 12h, 90m, 45s or 2w"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The duration as the library takes it."""
        from .._times import duration

        try:
            return duration(value)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds, or a duration."""

    #: What an error says of the least one where it does not count always.
    when_least = ""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The seconds as a number."""
        from .._times import duration

        with contextlib.suppress(ValueError):  # a number, or the error of one
            value = duration(value).total_seconds() if isinstance(value, str) else value
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):  # it lies in every range
            self.fail("it is no number of seconds", param, ctx)
        return number
