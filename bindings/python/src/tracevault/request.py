"""One question to Cloudflare, and how it ended. Nothing here waits or sends."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, cast

from . import _loading
from ._abi import RequestRef
from ._frozen import Frozen
from ._handle import encoded
from ._lib import check, library, view_names
from ._options import (
    SearchFilters,
    check_against_now,
    check_times,
    filter_texts,
    milliseconds,
)
from .accounts import Account
from .errors import TraceVaultError
from .findings import CheckResult, FoundMessage, SearchResult
from .model import Rows, Trace, View
from .vault import Tenant

if TYPE_CHECKING:
    from typing_extensions import TypeVar, Unpack

    Answer_co = TypeVar(
        "Answer_co",
        covariant=True,
        default=Any,
    )
else:
    from typing import TypeVar

    Answer_co = TypeVar("Answer_co", covariant=True)

Kind = Literal["trace", "search", "check"]
Priority = Literal["interactive", "bulk"]


class Request(Frozen, Generic[Answer_co]):
    """One question to Cloudflare; usable any number of times.

    Made by :meth:`trace`, :meth:`search` or :meth:`check`.
    """

    _apart = frozenset({"tag"})

    tenant: Tenant
    """Who asks."""
    account_id: str | None
    """``None`` when the tenant has exactly one account."""
    kind: Kind = "trace"
    """``trace``, ``search`` or ``check``."""
    message_ref: str = ""
    """Which message, of a trace; empty for other kinds."""
    filters: tuple[tuple[str, str], ...] = ()
    """The filters of a search, by name, as the library takes them."""
    wait: float | timedelta = 0
    """Seconds to ask again while the trace is pending."""
    timeout: float | timedelta | None = None
    """Seconds the request may take in all; ``None``: the setting ``request.deadline_ms``, which
    leaves out the wait for a turn and for the quota where ``priority`` is ``bulk`` or in a
    batch."""
    submission: bool | None = None
    """Of a trace: which datastore to look in, the query parameter ``submission``; ``None``: not
    sent."""
    priority: Priority = "interactive"
    """Within a tenant, ``bulk`` requests wait while ``interactive`` ones do."""
    fresh: bool = False
    """Ask Cloudflare even when the engine knows the complete trace already."""
    access: bool = False
    """Of a check: ask for one message as well, which shows whether a permission is missing."""
    views: tuple[str, ...] = ()
    """What to fetch beside the trace itself, as the library names it: see :attr:`Trace.views`."""
    tag: Any = None
    """The caller's own; comes back as :attr:`Result.tag`."""

    @classmethod
    def trace(
        cls,
        tenant: Tenant,
        account_id: str | None,
        message_ref: str,
        *,
        wait: float | timedelta = 0,
        timeout: float | timedelta | None = None,
        submission: bool | None = None,
        priority: Priority = "interactive",
        fresh: bool = False,
        views: Iterable[View] = (),
        tag: Any = None,
    ) -> Request[Trace]:
        """Ask for the delivery trace of one message. Its text is checked when it is submitted."""
        _check(tenant, account_id)
        if message_ref is None or isinstance(message_ref, FoundMessage):
            raise TypeError(
                "the message reference must be str: give a found message's message_ref, which is "
                "None where Cloudflare gave no id that a trace can be asked with"
            )
        encoded(message_ref, "the message reference")
        check_times(wait=wait, timeout=timeout)
        return Request(
            tenant=tenant,
            account_id=account_id,
            message_ref=message_ref,
            wait=wait,
            timeout=timeout,
            submission=submission,
            priority=priority,
            fresh=fresh,
            views=view_names(views),
            tag=tag,
        )

    @classmethod
    def search(
        cls,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | timedelta | None = None,
        priority: Priority = "interactive",
        tag: Any = None,
        **filters: Unpack[SearchFilters],
    ) -> Request[SearchResult]:
        """Ask for the messages that filters describe (:class:`SearchFilters`).

        Clean mail is found too, unless ``detections_only`` is set. A filter that is ``None`` is
        left out; values are checked when the request is submitted.
        """
        _check(tenant, account_id)
        check_times(timeout=timeout)
        return Request(
            tenant=tenant,
            account_id=account_id,
            kind="search",
            filters=filter_texts(filters),
            timeout=timeout,
            priority=priority,
            tag=tag,
        )

    @classmethod
    def _validate_search(
        cls,
        *,
        timeout: float | timedelta | None = None,
        priority: Priority = "interactive",
        **filters: Unpack[SearchFilters],
    ) -> None:
        """Raise what is wrong with a search, whoever is to ask it."""
        check_times(timeout=timeout)
        nobody = cast("Tenant", None)
        Request(
            tenant=nobody,
            account_id=None,
            kind="search",
            filters=filter_texts(filters),
            timeout=timeout,
            priority=priority,
        ).validate()

    @classmethod
    def check(
        cls,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | timedelta | None = None,
        priority: Priority = "interactive",
        access: bool = False,
        tag: Any = None,
    ) -> Request[CheckResult]:
        """Ask whether the account's credential works, and until when.

        With ``access`` one message is asked for as well: only that shows whether the credential has
        the permission (:attr:`CheckResult.access`).
        """
        _check(tenant, account_id)
        check_times(timeout=timeout)
        return Request(
            tenant=tenant,
            account_id=account_id,
            kind="check",
            timeout=timeout,
            priority=priority,
            access=access,
            tag=tag,
        )

    def to_dict(self) -> dict[str, Any]:
        """What was asked, as JSON values; without the tag, which is the caller's."""
        return {
            "kind": self.kind,
            "tenant": self.tenant.name,
            "account_id": self.account_id,
            "message_ref": self.message_ref or None,
            "filters": dict(self.filters),
        }

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(
            "a Request cannot be pickled: it holds a tenant; send tenant, account and reference "
            "as text, and make the request where it is asked"
        )

    def __repr__(self) -> str:
        whom = f"{self.tenant.name!r}, {self.account_id!r}"
        asked = {
            "trace": f", {self.message_ref!r}",
            "search": "".join(f", {name}={value!r}" for name, value in self.filters),
            "check": "",
        }[self.kind]
        return f"Request.{self.kind}({whom}{asked})"

    def _made(self, lib: ctypes.CDLL, *, is_patient: bool = False) -> RequestRef:
        ref = RequestRef()
        account = encoded(self.account_id or "", "the account id")
        out = ctypes.byref(ref)
        if self.kind == "search":
            check_against_now(dict(self.filters))
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

    def validate(self) -> None:
        """Check everything that can be checked without asking; raise what is wrong."""
        lib = library()
        lib.tv_request_free(self._made(lib))

    def _set_options(self, lib: ctypes.CDLL, ref: RequestRef) -> None:
        if self.wait:
            _set(lib, ref, b"wait_ms", milliseconds(self.wait, "wait"))
        if self.timeout is not None:
            _set(lib, ref, b"deadline_ms", milliseconds(self.timeout, "timeout"))
        if self.submission is not None:
            _set(lib, ref, b"submission", b"true" if self.submission else b"false")
        if self.fresh:
            _set(lib, ref, b"fresh", b"true")
        if self.access:
            _set(lib, ref, b"access", b"true")
        if self.priority != "interactive":
            _set(lib, ref, b"priority", encoded(self.priority, "priority"))
        for name, value in self.filters:
            _set(lib, ref, name.encode(), encoded(value, name))


def _check(tenant: Tenant, account_id: str | None) -> None:
    if not isinstance(tenant, Tenant):
        raise TypeError(
            f"tenant must be a Tenant, not {type(tenant).__name__}: vault.tenant(name) opens one"
        )
    if isinstance(account_id, Account):
        raise TypeError("the account id must be str, not Account: give account.account_id")
    encoded(account_id or "", "the account id")


def _set(lib: ctypes.CDLL, ref: RequestRef, name: bytes, value: bytes) -> None:
    check(lib.tv_request_set, ref, name, len(name), value, len(value))


class Result(Frozen, Generic[Answer_co]):
    """How one request ended: with what was asked for or with an error, never both."""

    request: Request[Answer_co]
    """What was asked."""
    id: int
    """The id :meth:`Engine.submit` gave; 0 when the request was refused at once or not sent."""
    trace: Trace | None = None
    """Of a trace request that went well."""
    search: SearchResult | None = None
    """Of a search that went well."""
    check: CheckResult | None = None
    """Of a check that went well."""
    error: TraceVaultError | None = None
    """Why there is no answer; ``None`` when there is one."""
    resumed: bool = False
    """From the journal of an earlier run (``batch(resume=...)``): not asked again."""

    @property
    def tag(self) -> Any:
        """The request's own."""
        return self.request.tag

    @property
    def answer(self) -> Answer_co | None:
        """What was asked for: a trace, a search or a check; ``None`` when there is an error."""
        answers = (self.trace, self.search, self.check)
        return cast("Answer_co | None", next((one for one in answers if one is not None), None))

    def unwrap(self) -> Answer_co:
        """Give what was asked for, or raise the error."""
        answer = self.answer
        if answer is not None:
            return answer
        try:
            raise self.error or TraceVaultError("the result is empty")
        finally:
            del self  # the error leads to this frame: it may not lead back to the error

    def to_dict(self) -> dict[str, Any]:
        """What was asked and what came, as JSON values; without the tag, which is the caller's."""
        return {
            **self.request.to_dict(),
            "trace": self.trace.to_dict() if self.trace else None,
            "search": self.search.to_dict() if self.search else None,
            "check": self.check.to_dict() if self.check else None,
            "error": self.error.to_dict() if self.error else None,
        }

    def to_rows(self, view: Rows = "recipients") -> list[dict[str, Any]]:
        """As rows for a table: of a trace as :meth:`Trace.to_rows` gives them, of a search one for
        each message, of a check one; each with the ``error``.

        What has no rows is one all the same, with empty columns: a table of a batch shows what
        failed. ``ecs`` and ``ocsf`` are of traces alone.
        """
        with _loading:
            from ._rows import of_result

        return of_result(self, view)

    def __repr__(self) -> str:
        ended = self.error.name if self.error else repr(self.answer)
        return f"Result({self.request!r}: {ended})"
