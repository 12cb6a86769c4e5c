"""All credentials in one round: which work, which end soon, and what the vault should know."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypedDict

from . import _loading
from ._fields import parse_time
from ._reach import Where
from ._sources import Turns
from .accounts import Account
from .bulk import FollowOptions, Progress, check_function, known_options, window_of
from .campaign import Campaign
from .errors import ArgumentError, ReplyError, Status, TraceVaultError
from .findings import CheckResult
from .request import Priority, Request, Result
from .vault import Tenant, Vault

#: How often the ends are stored where another writer changes what the edit changes.
_TRIES = 5

if TYPE_CHECKING:
    from typing_extensions import Unpack


class CheckOptions(TypedDict, total=False):
    """How to check."""

    expiring: float | timedelta
    """Only those that end within so many days (or a ``timedelta``), do not work, or could not be
    checked."""
    store: bool
    """Store the ends that were found in the vault, in one edit, when all are checked. What is
    checked must be the vault. An account whose end the vault cannot hold comes once more then, with
    the ``error``."""
    access: bool
    """Ask for one message as well: that shows a permission that is missing. An account that lacks
    it does not work, as ``expiring`` sees it."""
    timeout: float | timedelta
    """Seconds that each check may take in all; ``None``: ``request.deadline_ms``."""
    priority: Priority
    """Default ``bulk``: what the same tenants ask one by one goes first."""
    window: int
    """How many checks to keep in the engine at a time; default 1024. Each tenant may have one
    besides."""
    resume: str | os.PathLike[str]
    """A journal as for a batch: what was answered in an earlier run, within the last hour and with
    the credential that the vault still has, is not asked again."""
    progress: Callable[[Progress], object]
    """Called at the start and after each answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One account's credential: the answer, or why there is none."""

    tenant: str
    """The tenant's name."""
    account: Account
    """The account, as the vault knows it."""
    check: CheckResult | None = None
    """Cloudflare's answer; ``None`` when there is none: see ``error``."""
    error: TraceVaultError | None = None
    """Why there is no answer; beside an answer, why its end could not be stored."""

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.account.account_id

    @property
    def valid(self) -> bool:
        """Whether Cloudflare accepts the credential."""
        return self.check is not None and self.check.valid

    @property
    def denied(self) -> bool:
        """Whether it was asked (``access=True``) and may not read what is asked with it."""
        access = self.check.access if self.check is not None else None
        return access is not None and access.granted is False

    @property
    def expires(self) -> datetime | None:
        """Its end: what Cloudflare says, otherwise what the vault knows."""
        told = self.check.expires_on if self.check is not None else None
        return told or self.account.expires

    @property
    def _end(self) -> str | None:
        """As Cloudflare wrote it."""
        return self.check.expires_on_text if self.check is not None else None

    def expires_within(self, span: timedelta) -> bool:
        """Whether its end is known and no further away."""
        end = self.expires
        return end is not None and end - datetime.now(timezone.utc) <= span

    def to_dict(self) -> dict[str, Any]:
        """What a program stores or sends: JSON values only."""
        return {
            "tenant": self.tenant,
            "account_id": self.account_id,
            "label": self.account.label,
            "valid": self.valid,
            "denied": self.denied,
            "expires": self.expires.isoformat() if self.expires else None,
            "check": self.check.to_dict() if self.check else None,
            "error": self.error.to_dict() if self.error else None,
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """As a row for a table: what a batch's check gives, with the account's label and its end.

        Always one, also of an account that could not be asked, with the ``error``.
        """
        with _loading:
            from ._rows import of_checked

        return of_checked(self)

    def __repr__(self) -> str:
        ended = self.error.name if self.error else "valid" if self.valid else "not valid"
        ended += ", without the permission" if self.denied else ""
        ends = f", expires={self.expires}" if self.expires else ""
        return f"Checked({self.tenant!r}, {self.account_id!r}, {ended}{ends})"


class CheckRound(Campaign[Checked]):
    """What one round asks, and what it has found."""

    def __init__(self, where: Where, **options: Unpack[CheckOptions]) -> None:
        known_options("check_all", options, CheckOptions)
        super().__init__(where)
        check_function("progress", options.get("progress"))
        span = options.get("expiring")
        if span is not None and not isinstance(span, (int, float, timedelta)):
            raise TypeError(f"expiring is a number of days or a timedelta, not {span!r}")
        self._span = timedelta(days=span) if isinstance(span, (int, float)) else span
        if self._span is not None and self._span <= timedelta():
            raise ArgumentError(
                "expiring must be more than 0: how long ahead to look", status=Status.E_ARGUMENT
            )
        self._vault = where if isinstance(where, Vault) and options.get("store") else None
        if options.get("store") and self._vault is None:
            raise TypeError("store=True needs a Vault to check: tenants alone cannot be written to")
        self.waits_for_disk: bool = self._vault is not None
        self._options = options
        self._source = Turns(self._check, window=window_of(options))
        #: Whose ends are to be stored.
        self._told: list[Checked] = []

    @property
    def batch_options(self) -> FollowOptions:
        """How the batch is made that asks for this round."""
        given: FollowOptions = {"follow": self.follow, "window": self.source.window}
        if "resume" in self._options:
            given["resume"] = self._options["resume"]
        if "progress" in self._options:
            given["progress"] = self._options["progress"]
        return given

    def find(self) -> None:
        """One check for each account."""
        super().find()
        self._source.total = len(self.accounts)
        for tenant, account in self.accounts:
            self._source.add(tenant, [(tenant, account)])

    @property
    def source(self) -> Turns[tuple[Tenant, Account]]:
        """What to ask, tenants in turns."""
        return self._source

    def _check(self, asked: tuple[Tenant, Account]) -> Request[CheckResult]:
        tenant, account = asked
        return Request.check(
            tenant,
            account.account_id,
            timeout=self._options.get("timeout"),
            priority=self._options.get("priority", "bulk"),
            access=self._options.get("access", False),
            tag=account,
        )

    def follow(self, result: Result[Any]) -> None:
        """Keep what a result says."""
        account: Account = result.tag
        checked = Checked(
            tenant=result.request.tenant.name,
            account=account,
            check=result.check,
            error=result.error,
        )
        if self._vault is not None and _is_news(account, checked._end):
            self._told.append(checked)
        works = checked.valid and not checked.denied
        if self._span is None or not works or checked.expires_within(self._span):
            self.ready.append(checked)

    def finish(self) -> None:
        """Write the ends into the vault; of one that it cannot hold its account is told again."""
        if self._vault is not None:
            lost = dict(store_ends(self._vault, ((one.account, one._end) for one in self._told)))
            again = [one for one in self._told if one.account in lost]
            self.ready += (replace(one, error=lost[one.account]) for one in again)


def store_ends(
    vault: Vault, told: Iterable[tuple[Account, str | None]]
) -> list[tuple[Account, TraceVaultError]]:
    """Write the ends that Cloudflare told of credentials into the vault, in one edit. Give those
    that it cannot hold, which are left out, with the reason.

    Those that it knows already are no change. What was rotated or removed meanwhile is left alone:
    the end was another credential's.
    """
    ends = [(one, end) for one, end in told if end and _is_news(one, end)]
    for left in reversed(range(_TRIES if ends else 0)):
        try:
            return _edited(vault, ends)
        except TraceVaultError as error:
            # One was rotated or removed amid the edit, which keeps no other end from being stored.
            if error.status not in (Status.E_CONFLICT, Status.E_NOT_FOUND) or not left:
                raise
    return []


def _edited(vault: Vault, ends: list[tuple[Account, str]]) -> list[tuple[Account, TraceVaultError]]:
    lost: list[tuple[Account, TraceVaultError]] = []
    with vault.edit() as edit:
        for one, end in ends:
            if edit._holds(one):
                try:
                    _try_end(vault, one, end)
                except ArgumentError as error:
                    lost.append((one, _not_held(one, error)))
                else:
                    edit.set(one.tenant, one.account_id, expires=end)
    return lost


def _is_news(one: Account, end: str | None) -> bool:
    """Whether there is an end that the vault does not know."""
    return bool(end) and parse_time(end) != one.expires


def _try_end(vault: Vault, one: Account, end: str) -> None:
    """Set an end in an edit of its own, which stores nothing: a step that fails ends its edit."""
    with contextlib.closing(vault.edit()) as edit:
        edit.set(one.tenant, one.account_id, expires=end)


def _not_held(one: Account, error: ArgumentError) -> ReplyError:
    """Not the caller's fault: an end that no vault can hold."""
    return ReplyError(
        f"the end that Cloudflare tells is not stored, as no vault can hold it: {error.message}",
        status=Status.E_REPLY_SHAPE,
    ).about(one.tenant, one.account_id)
