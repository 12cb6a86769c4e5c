"""One question to Cloudflare, and how it ended. Nothing here waits or sends."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypedDict

from ._abi import RequestRef
from ._handle import encoded
from ._lib import check, view_names
from .errors import ArgumentError, Status, TraceVaultError
from .findings import CheckResult, SearchResult
from .model import Trace, View
from .vault import Tenant

if TYPE_CHECKING:
    from typing_extensions import Unpack

Kind = Literal["trace", "search", "check"]
Priority = Literal["interactive", "bulk"]


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


_FILTERS = frozenset(SearchFilters.__annotations__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to Cloudflare; usable any number of times.

    Made by :meth:`trace`, :meth:`search` or :meth:`check`.
    """

    tenant: Tenant
    #: ``None`` when the tenant has exactly one account.
    account_id: str | None
    kind: Kind = "trace"
    #: Of a trace; empty for other kinds.
    message_ref: str = ""
    #: Of a search, by name, as the library takes them.
    filters: tuple[tuple[str, str], ...] = ()
    #: Seconds to ask again while the trace is pending.
    wait: float = 0
    #: Seconds the request may take in all; ``None``: the setting ``request.deadline_ms``, which
    #: leaves out the wait for a turn and for the quota where ``priority`` is ``bulk`` or in a
    #: batch.
    timeout: float | None = None
    submission: bool | None = None
    #: Within a tenant, ``bulk`` requests wait while ``interactive`` ones do.
    priority: Priority = "interactive"
    #: Ask Cloudflare even when the engine knows the complete trace already.
    fresh: bool = False
    #: What to fetch beside the trace itself, as the library names it: see :attr:`Trace.views`.
    views: tuple[str, ...] = ()

    @classmethod
    def trace(
        cls,
        tenant: Tenant,
        account_id: str | None,
        message_ref: str,
        *,
        wait: float = 0,
        timeout: float | None = None,
        submission: bool | None = None,
        priority: Priority = "interactive",
        fresh: bool = False,
        views: Iterable[View] = (),
    ) -> Request:
        """Ask for the delivery trace of one message. Its text is checked when it is submitted."""
        _check(tenant, account_id)
        encoded(message_ref, "the message reference")
        return cls(
            tenant=tenant,
            account_id=account_id,
            message_ref=message_ref,
            wait=wait,
            timeout=timeout,
            submission=submission,
            priority=priority,
            fresh=fresh,
            views=view_names(views),
        )

    @classmethod
    def search(
        cls,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | None = None,
        priority: Priority = "interactive",
        **filters: Unpack[SearchFilters],
    ) -> Request:
        """Ask for the messages that filters describe (:class:`SearchFilters`).

        Clean mail is found too, unless ``detections_only`` is set. A filter that is ``None`` is
        left out; values are checked when the request is submitted.
        """
        _check(tenant, account_id)
        unknown = filters.keys() - _FILTERS
        if unknown:
            raise TypeError(
                f"no such filter: {', '.join(sorted(unknown))}; there are: "
                f"{', '.join(sorted(_FILTERS))}"
            )
        return cls(
            tenant=tenant,
            account_id=account_id,
            kind="search",
            filters=tuple(
                (name, _filter_text(name, value))
                for name, value in filters.items()
                if value is not None
            ),
            timeout=timeout,
            priority=priority,
        )

    @classmethod
    def check(
        cls,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | None = None,
        priority: Priority = "interactive",
    ) -> Request:
        """Ask whether the account's credential works, and until when."""
        _check(tenant, account_id)
        return cls(
            tenant=tenant, account_id=account_id, kind="check", timeout=timeout, priority=priority
        )

    def _made(self, lib: ctypes.CDLL, *, is_patient: bool = False) -> RequestRef:
        ref = RequestRef()
        account = encoded(self.account_id or "", "the account id")
        out = ctypes.byref(ref)
        if self.kind == "search":
            check(lib.tv_request_search, account, len(account), out)
        elif self.kind == "check":
            check(lib.tv_request_check, account, len(account), out)
        else:
            message = encoded(self.message_ref, "the message reference")
            check(lib.tv_request_trace, account, len(account), message, len(message), out)
        try:
            self._set_options(lib, ref)
            if is_patient and self.timeout is None:
                _set(lib, ref, b"patient", b"true")
        except BaseException:
            lib.tv_request_free(ref)
            raise
        return ref

    def _set_options(self, lib: ctypes.CDLL, ref: RequestRef) -> None:
        if self.wait:
            _set(lib, ref, b"wait_ms", _milliseconds(self.wait, "wait"))
        if self.timeout is not None:
            _set(lib, ref, b"deadline_ms", _milliseconds(self.timeout, "timeout"))
        if self.submission is not None:
            _set(lib, ref, b"submission", b"true" if self.submission else b"false")
        if self.fresh:
            _set(lib, ref, b"fresh", b"true")
        if self.priority != "interactive":
            _set(lib, ref, b"priority", encoded(self.priority, "priority"))
        for name, value in self.filters:
            _set(lib, ref, name.encode(), encoded(value, name))


def _check(tenant: Tenant, account_id: str | None) -> None:
    if not isinstance(tenant, Tenant):
        raise TypeError(f"tenant must be a Tenant, not {type(tenant).__name__}")
    encoded(account_id or "", "the account id")


def _filter_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ArgumentError(f"{name} must say its time zone", status=Status.E_ARGUMENT)
        return value.isoformat()
    if not isinstance(value, str):
        raise TypeError(f"{name} cannot be {type(value).__name__}")
    encoded(value, name)
    return value


def _set(lib: ctypes.CDLL, ref: RequestRef, name: bytes, value: bytes) -> None:
    check(lib.tv_request_set, ref, name, len(name), value, len(value))


def _milliseconds(seconds: float, what: str) -> bytes:
    try:
        return b"%d" % round(seconds * 1000)
    except (OverflowError, ValueError):
        raise ArgumentError(
            f"{what} must be a finite number of seconds", status=Status.E_ARGUMENT
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one request ended: with what was asked for or with an error, never both."""

    request: Request
    #: The id :meth:`Engine.submit` gave; 0 when the request was refused at once.
    id: int
    trace: Trace | None = None
    search: SearchResult | None = None
    check: CheckResult | None = None
    error: TraceVaultError | None = None
