"""One question to Cloudflare, and how it ended. Nothing here waits or sends."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from ._abi import RequestRef
from ._handle import encoded
from ._lib import check
from .errors import ArgumentError, Status, TraceVaultError
from .model import Trace
from .vault import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to Cloudflare; made by :meth:`trace`, usable any number of times."""

    tenant: Tenant
    #: ``None`` when the tenant has exactly one account.
    account_id: str | None
    message_ref: str
    #: Seconds to ask again while the trace is pending.
    wait: float = 0
    #: Seconds the request may take in all; ``None``: the setting ``request.deadline_ms``.
    timeout: float | None = None
    submission: bool | None = None

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
    ) -> Request:
        """Ask for the delivery trace of one message. Its text is checked when it is submitted."""
        if not isinstance(tenant, Tenant):
            raise TypeError(f"tenant must be a Tenant, not {type(tenant).__name__}")
        encoded(message_ref, "the message reference")
        encoded(account_id or "", "the account id")
        return cls(
            tenant=tenant,
            account_id=account_id,
            message_ref=message_ref,
            wait=wait,
            timeout=timeout,
            submission=submission,
        )

    def _made(self, lib: ctypes.CDLL) -> RequestRef:
        ref = RequestRef()
        account = encoded(self.account_id or "", "the account id")
        message = encoded(self.message_ref, "the message reference")
        check(lib.tv_request_trace, account, len(account), message, len(message), ctypes.byref(ref))
        try:
            if self.wait:
                _set(lib, ref, b"wait_ms", _milliseconds(self.wait, "wait"))
            if self.timeout is not None:
                _set(lib, ref, b"deadline_ms", _milliseconds(self.timeout, "timeout"))
            if self.submission is not None:
                _set(lib, ref, b"submission", b"true" if self.submission else b"false")
        except BaseException:
            lib.tv_request_free(ref)
            raise
        return ref


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
    """How one request ended: with a trace or with an error, never both."""

    request: Request
    #: The id :meth:`Engine.submit` gave; 0 when the request was refused at once.
    id: int
    trace: Trace | None = None
    error: TraceVaultError | None = None
