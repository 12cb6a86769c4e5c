"""What a request can be told: the filters of a search, and times, as the library takes them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TypedDict

from ._handle import encoded, time_text
from .errors import ArgumentError, Status


class SearchFilters(TypedDict, total=False):
    """The filters of a search; all of them must fit a message.

    What a word such as a ``delivery_status`` may be is Cloudflare's business, which changes it.
    """

    #: E-mail address or domain.
    sender: str
    #: E-mail address or domain.
    recipient: str
    #: Of the sender, a recipient or a link.
    domain: str
    #: Words in any order.
    subject: str
    #: The Message-ID header.
    message_id: str
    alert_id: str
    smtp_helo_ip: str
    #: Words in any of the above, in attachments' names and hashes.
    query: str
    delivery_status: str
    final_disposition: str
    message_action: str
    metric: str
    #: RFC 3339 or an aware ``datetime``; Cloudflare's default is 30 days ago.
    start: str | datetime
    #: As ``start``; Cloudflare's default is now.
    end: str | datetime
    #: Leave out mail in which Cloudflare found nothing; default ``False``.
    detections_only: bool
    #: How many messages in all, 1 to 100000; default 100.
    limit: int
    #: How many to ask for at a time; default: equal pages of at most 1000.
    per_page: int
    #: Go on where an earlier search with the same other filters and limits ended.
    cursor: str


FILTERS = frozenset(SearchFilters.__annotations__)


def filter_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return time_text(name, value)
    if not isinstance(value, str):
        raise TypeError(f"{name} cannot be {type(value).__name__}")
    encoded(value, name)
    return value


def check_times(
    *, wait: float | timedelta | None = 0, timeout: float | timedelta | None = None
) -> None:
    if wait is None:
        raise TypeError("wait must be a number of seconds, not None; 0 does not wait")
    milliseconds(wait, "wait")
    if timeout is not None:
        milliseconds(timeout, "timeout")


def milliseconds(seconds: float | timedelta, what: str) -> bytes:
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if not isinstance(seconds, (int, float)):
        raise TypeError(
            f"{what} must be a number of seconds or a timedelta, not {type(seconds).__name__}"
        )
    try:
        return b"%d" % round(seconds * 1000)
    except (OverflowError, ValueError):
        raise ArgumentError(
            f"{what} must be a finite number of seconds", status=Status.E_ARGUMENT
        ) from None
