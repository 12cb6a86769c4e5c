"""What a request can be told: the filters of a search, and times, as the library takes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import TypedDict

from ._fields import parse_time
from ._handle import encoded, time_text
from .errors import ArgumentError, Status

#: How far back Cloudflare looks where no start is named.
DEFAULT_WINDOW = timedelta(days=30)
#: How far the clock of this host may be behind others before a start of theirs is refused.
_CLOCKS_DIFFER = timedelta(minutes=5)


class SearchFilters(TypedDict, total=False):
    """The filters of a search; all of them must fit a message. One that is ``None`` is left out.

    What a word such as a ``delivery_status`` may be is Cloudflare's business, which changes it.
    """

    sender: str | None
    """E-mail address or domain."""
    recipient: str | None
    """E-mail address or domain."""
    domain: str | None
    """A domain of the sender, a recipient or a link."""
    subject: str | None
    """Words in any order."""
    message_id: str | None
    """The Message-ID header."""
    alert_id: str | None
    """Cloudflare's id of the alert."""
    smtp_helo_ip: str | None
    """The address that the sending server came from."""
    query: str | None
    """Words in any of the above, in attachments' names and hashes."""
    delivery_status: str | None
    """Such as ``delivered``; the words are Cloudflare's."""
    final_disposition: str | None
    """Cloudflare's verdict, such as ``MALICIOUS``; the words are Cloudflare's."""
    message_action: str | None
    """What was done with the message, such as ``MOVED``; the words are Cloudflare's."""
    metric: str | None
    """As Cloudflare's API takes it; the words are Cloudflare's."""
    start: str | datetime | timedelta | None
    """RFC 3339, an aware ``datetime`` or, as a ``timedelta``, how long ago; not in the future.
    Cloudflare's default is 30 days ago."""
    end: str | datetime | timedelta | None
    """As ``start``, and may lie in the future; Cloudflare's default is now. One that is 30 days ago
    or more needs a ``start``."""
    detections_only: bool | None
    """Leave out mail in which Cloudflare found nothing; default ``False``."""
    limit: int | None
    """How many messages in all, 1 to 100000; default 100."""
    per_page: int | None
    """How many to ask for at a time; default: equal pages of at most 1000."""
    cursor: str | None
    """Go on where an earlier search with the same other filters and limits ended."""


FILTERS = frozenset(SearchFilters.__annotations__)


def filter_texts(filters: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    unknown = filters.keys() - FILTERS
    if unknown:
        raise TypeError(
            f"no such filter: {', '.join(sorted(unknown))}; there are: {', '.join(sorted(FILTERS))}"
        )
    return tuple(
        (name, filter_text(name, value)) for name, value in filters.items() if value is not None
    )


def filter_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, timedelta):
        value = before(datetime.now(timezone.utc), name, value)
    if isinstance(value, date):
        return time_text(name, value)
    if not isinstance(value, str):
        raise TypeError(f"{name} cannot be {type(value).__name__}")
    encoded(value, name)
    return value


def before(now: datetime, name: str, length: timedelta) -> datetime:
    """The time so long before now."""
    try:
        return now - length
    except OverflowError:
        raise ArgumentError(
            f"{name} is longer ago than the calendar", status=Status.E_ARGUMENT
        ) from None


def check_window(filters: Mapping[str, object]) -> None:
    """Raises where the time asked for ends before it begins, as the library does of a search."""
    start, end = (
        None if filters.get(name) is None else parse_time(filter_text(name, filters[name]))
        for name in ("start", "end")
    )
    if start is not None and end is not None and end < start:
        raise ArgumentError(
            "end lies before start, so nothing can be found: exchange the two, or leave one out",
            status=Status.E_ARGUMENT,
        )


def check_against_now(filters: Mapping[str, str]) -> None:
    """Raises where the time asked for is not yet, or ends before Cloudflare's own begin.

    Such a search has an empty answer, which reads like "no such message".
    """
    start, end = (parse_time(filters.get(name)) for name in ("start", "end"))
    now = datetime.now(timezone.utc)
    if start is not None and start > now + _CLOCKS_DIFFER:
        raise ArgumentError(
            f"start lies in the future: it is {now.isoformat(timespec='seconds')} now, and nothing "
            "can be found after that; is the year right?",
            status=Status.E_ARGUMENT,
        )
    if "start" not in filters and end is not None and end <= now - DEFAULT_WINDOW:
        raise ArgumentError(
            f"end lies before the {DEFAULT_WINDOW.days} days that are looked at without a start: "
            "nothing can be found; give a start before it",
            status=Status.E_ARGUMENT,
        )


def check_times(
    *, wait: float | timedelta | None = 0, timeout: float | timedelta | None = None
) -> None:
    if wait is None:
        raise TypeError("wait must be a number of seconds, not None; 0 does not wait")
    milliseconds(wait, "wait")
    if timeout is not None:
        milliseconds(timeout, "timeout", least=1)


def milliseconds(seconds: float | timedelta, what: str, *, least: int = 0) -> bytes:
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if not isinstance(seconds, (int, float)):
        raise TypeError(
            f"{what} must be a number of seconds or a timedelta, not {type(seconds).__name__}"
        )
    try:
        found = round(seconds * 1000)
    except (OverflowError, ValueError):
        raise ArgumentError(
            f"{what} must be a finite number of seconds", status=Status.E_ARGUMENT
        ) from None
    if found < least:
        raise ArgumentError(
            f"{what} must be {least / 1000:g} seconds or more, not {seconds}",
            status=Status.E_ARGUMENT,
        )
    return b"%d" % found
