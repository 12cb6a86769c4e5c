"""search: one account's mail by Cloudflare's search parameters, page by page.

Parameters are checked at the door; pages are named by a cursor that fits one query only.  What goes
wrong on purpose is in search_failures.py.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from .accounts import Refusal
from .mail import Mail

PER_PAGE_DEFAULT = 20
PER_PAGE_MAX = 10_000
DEFAULT_WINDOW = datetime.timedelta(days=30)

_ENUMERATIONS = {
    "delivery_status": (
        *("delivered", "moved", "quarantined", "rejected", "deferred", "bounced", "queued"),
        "move_failed",
    ),
    "detections_only": ("true", "false"),
    "final_disposition": ("MALICIOUS", "SUSPICIOUS", "SPOOF", "SPAM", "BULK", "NONE"),
    "message_action": ("PREVIEW", "QUARANTINE_RELEASED", "MOVED"),
}
_OPERATIONS = {
    "PREVIEW": "PREVIEW",
    "QUARANTINE_RELEASED": "QUARANTINE_RELEASE",
    "MOVED": "MOVE",
}
_TEXTS = (
    *("alert_id", "cursor", "domain", "message_id", "metric", "query", "recipient", "sender"),
    "subject",
)
_OTHERS = ("end", "per_page", "smtp_helo_ip", "start")
NAMES = frozenset((*_ENUMERATIONS, *_TEXTS, *_OTHERS))
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def invalid(name: str, why: str) -> Refusal:
    return Refusal(400, 10400, f"Invalid value for query parameter {name}: {why}")


@dataclass(frozen=True)
class Query:
    """One valid search; `values` holds what was given, `start` and `end` the window asked for."""

    account_id: str
    values: dict[str, str]
    start: datetime.datetime
    end: datetime.datetime
    per_page: int

    @property
    def text(self) -> str:
        return self.values.get("query", "")

    @property
    def detections_only(self) -> bool:
        return self.values.get("detections_only", "true") == "true"

    def mark(self) -> str:
        """What a cursor is bound to: the account and every parameter but the cursor."""
        rest = {name: value for name, value in self.values.items() if name != "cursor"}
        text = json.dumps([self.account_id, rest], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse(account_id: str, query: str, newest: datetime.datetime, now: datetime.datetime) -> Query:
    """The search a query string asks for, or the refusal.

    The default window ends with the newest mail of the catalogue, because the capture ages and the
    tests must not; what is in the future is judged by the later of that and the real time.
    """
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in NAMES:
            raise invalid(name, "no such parameter")
        if name in values:
            raise invalid(name, "given twice")
        if not value or len(value) > 2048:
            raise invalid(name, "empty or too long")
        values[name] = value
    for name, allowed in _ENUMERATIONS.items():
        if name in values and values[name] not in allowed:
            raise invalid(name, "must be one of " + ", ".join(allowed))
    per_page = values.get("per_page", str(PER_PAGE_DEFAULT))
    if not re.fullmatch(r"[0-9]{1,5}", per_page) or not 1 <= int(per_page) <= PER_PAGE_MAX:
        raise invalid("per_page", f"must be an integer from 1 to {PER_PAGE_MAX}")
    if "smtp_helo_ip" in values:
        try:
            ipaddress.ip_address(values["smtp_helo_ip"])
        except ValueError:
            raise invalid("smtp_helo_ip", "must be an IP address") from None
    start = _moment("start", values) or newest - DEFAULT_WINDOW
    end = _moment("end", values) or newest
    if start > max(now, newest):
        raise invalid("start", "must not be in the future")
    if {"start", "end"} <= values.keys() and start > end:
        raise invalid("start", "must not be after end")
    return Query(account_id, values, start, end, int(per_page))


def _moment(name: str, values: dict[str, str]) -> datetime.datetime | None:
    if name not in values:
        return None
    match = _DATE_TIME.fullmatch(values[name])
    if match is None:
        raise invalid(name, "must be a date and time of RFC 3339")
    fraction = (match[3] or ".0")[:7].ljust(7, "0")
    zone = "+00:00" if match[4] in "Zz" else match[4]
    try:
        return datetime.datetime.fromisoformat(f"{match[1]}T{match[2]}{fraction}{zone}")
    except ValueError:
        raise invalid(name, "must be a date and time of RFC 3339") from None


def matching(query: Query, mail: Sequence[Mail], text: str) -> list[Mail]:
    """The mail a search finds, in the order given; `text` takes the place of `query`."""
    tests = [test for name, test in _tests(query, text) if name in query.values or name == "text"]
    return [
        found
        for found in mail
        if query.start <= found.scanned <= query.end
        and (found.detected or not query.detections_only)
        and all(test(found.item) for test in tests)
    ]


Test = Callable[[dict[str, Any]], bool]


def _tests(query: Query, text: str) -> list[tuple[str, Test]]:
    value = query.values.get
    address = (value("sender", "").lower(), value("recipient", "").lower())
    domain, words = value("domain", "").lower(), value("subject", "").lower().split()
    terms = text.lower().split()
    return [
        ("text", lambda item: all(term in _searched(item) for term in terms)),
        ("alert_id", lambda item: item["alert_id"] == value("alert_id")),
        ("message_id", lambda item: _bare(item["message_id"]) == _bare(value("message_id"))),
        ("delivery_status", lambda item: value("delivery_status") in item["delivery_status"]),
        ("final_disposition", lambda item: item["final_disposition"] == value("final_disposition")),
        (
            "message_action",
            lambda item: (
                _OPERATIONS.get(value("message_action", "")) in item["post_delivery_operations"]
            ),
        ),
        ("smtp_helo_ip", lambda item: item["smtp_helo_server_ip"] == value("smtp_helo_ip")),
        ("sender", lambda item: _names(item["from"], address[0])),
        ("recipient", lambda item: any(_names(to, address[1]) for to in item["to"])),
        ("domain", lambda item: any(_domain(a) == domain for a in (item["from"], *item["to"]))),
        ("subject", lambda item: all(word in item["subject"].lower() for word in words)),
    ]


def _searched(item: dict[str, Any]) -> str:
    parts = (item["from"], *item["to"], item["subject"], item["message_id"] or "")
    return "\n".join(parts).lower()


def _bare(message_id: str | None) -> str:
    return (message_id or "").removeprefix("<").removesuffix(">")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _names(address: str, wanted: str) -> bool:
    """Whether an address is the one wanted, or in the domain wanted."""
    return address.lower() == wanted if "@" in wanted else _domain(address) == wanted


@dataclass(frozen=True)
class Page:
    """One page of a search's results, and where its neighbours are."""

    items: list[Any]
    per_page: int
    number: int
    next: str | None
    previous: str | None

    def info(self) -> dict[str, Any]:
        return {
            "count": len(self.items),
            "per_page": self.per_page,
            # "Always returns 0" since it was deprecated.
            "total_count": 0,
            "next": self.next,
            "previous": self.previous,
        }


def page(query: Query, items: Sequence[Any]) -> Page:
    """The page that the query's cursor names, the first without one."""
    offset = _offset(query)
    size = query.per_page
    later, earlier = offset + size, max(0, offset - size)
    return Page(
        list(items[offset:later]),
        size,
        offset // size + 1,
        cursor(query, later) if later < len(items) else None,
        cursor(query, earlier) if offset > 0 else None,
    )


def cursor(query: Query, offset: int) -> str:
    return base64.urlsafe_b64encode(f"{query.mark()}.{offset}".encode()).decode()


def _offset(query: Query) -> int:
    given = query.values.get("cursor")
    if given is None:
        return 0
    try:
        mark, _, offset = base64.b64decode(given, b"-_", validate=True).decode().partition(".")
    except ValueError:
        raise invalid("cursor", "not a cursor of this server") from None
    if mark != query.mark() or not re.fullmatch(r"[0-9]{1,9}", offset):
        raise invalid("cursor", "belongs to another search")
    return int(offset)
