"""One message, many accounts: who received it, and what happened to each copy."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from . import _loading
from ._options import DEFAULT_WINDOW, filter_texts
from ._reach import Where
from ._searched import Place
from .accounts import Account
from .bulk import known_options
from .errors import ArgumentError, Status, TraceVaultError
from .findings import FoundMessage
from .first_run import FirstRun, first_run
from .model import Rows, Trace
from .request import Result
from .summary import Recipient
from .sweep import Sweep, SweepOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: How many copies a hunt looks for in one account.
HUNT_LIMIT = 1000
#: A start that no end lies before.
_EARLIEST = datetime.min.replace(tzinfo=timezone.utc)
#: Filters that say when and how to look, not for what.
_HOW = frozenset({"start", "end", "limit", "per_page", "cursor"})
_WHAT = ("message_id", "sender", "recipient", "domain", "subject", "query", "hash", "alert_id")


class HuntOptions(SweepOptions, total=False):
    """What to hunt for, and how. ``limit`` is for each account and 1000 unless set; ``trace`` is
    ``True`` unless set."""

    hash: str
    """Of an attachment, as Cloudflare shows it."""
    resume: str | os.PathLike[str]
    """A journal as for a batch: what was answered in an earlier run is not asked again. Each run
    looks at the time of the first one, up to when that began; another ``start`` or ``end`` is
    refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One copy of a message, or an account that could not be asked."""

    tenant: str
    """The tenant's name."""
    account: Account
    """The account, as the vault knows it."""
    message: FoundMessage | None = None
    """The copy; ``None`` when the account could not be asked, or not to the end: see ``error``."""
    trace: Trace | None = None
    """What happened to it; ``None`` when it was not asked for, or see ``error``."""
    error: TraceVaultError | None = None
    """Why there is no trace or no answer of the account."""

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.account.account_id

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Who got this copy and what became of it, as far as there is a trace."""
        return self.trace.summary.recipients if self.trace is not None else ()

    def to_dict(self) -> dict[str, Any]:
        """What a program stores or sends: JSON values only."""
        return {
            "tenant": self.tenant,
            "account_id": self.account_id,
            "label": self.account.label,
            "message": self.message.to_dict() if self.message else None,
            "trace": self.trace.to_dict() if self.trace else None,
            "error": self.error.to_dict() if self.error else None,
        }

    def to_rows(self, view: Rows = "recipients") -> list[dict[str, Any]]:
        """As rows for a table, in the columns of :meth:`Trace.to_rows` and some of the finding's.

        Of ``recipients`` and ``lines``, a finding that has none is one row all the same, with empty
        columns and the ``error``: a table of a hunt shows whom it could not ask.
        """
        with _loading:
            from ._rows import of_finding

        return of_finding(self, view)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        with _loading:
            from .cli.html import finding_fragment

        return finding_fragment(self)

    def __repr__(self) -> str:
        what = self.message.message_ref if self.message else None
        ended = f", {self.error.name}" if self.error else ""
        return f"Finding({self.tenant!r}, {self.account_id!r}, {what!r}{ended})"


class Hunt(Sweep[Finding]):
    """What one hunt asks, and what it has found."""

    def __init__(self, where: Where, **options: Unpack[HuntOptions]) -> None:
        known_options("hunt", options, HuntOptions)
        if not any(options.get(name) is not None for name in _WHAT):
            raise ArgumentError(
                f"say what to hunt for: one or more of {', '.join(_WHAT)}",
                status=Status.E_ARGUMENT,
            )
        sought = options.pop("hash", None)
        if sought is not None:
            query = options.get("query")
            options["query"] = f"{query} {sought}" if query else sought
        super().__init__(where, options, trace=True, limit=HUNT_LIMIT)
        self._resume: str | os.PathLike[str] | None = self._batch.get("resume")
        self.waits_for_disk: bool = self._resume is not None
        window = {name: self._filters.get(name) for name in ("start", "end")}
        given = {name: value for name, value in window.items() if value is not None}
        began = datetime.now(timezone.utc).replace(microsecond=0)
        #: When it began, with a journal in its first run, and the window that was given.
        self.first: FirstRun = FirstRun.of(began, given)
        #: Whether an earlier run began it, as the journal knows.
        self.goes_on: bool = False
        self._filters |= {name: self.first.moment(name) for name in given}

    def open(self) -> None:
        """With a journal each run asks about one time, that of the first: up to when that began."""
        if self._resume is None:
            return
        now = self.first
        self.first = first_run(self._resume, self._sought(), now)
        self.goes_on = self.first is not now
        began, end = self.first.began, self.first.moment("end")
        start = self.first.moment("start") or began - DEFAULT_WINDOW
        # A start may lie in the second of the begin, or ahead of a clock that is behind.
        until = max(start, began if end is None else min(end, began))
        self._filters |= {"start": start, "end": until}
        self._filters = dict(sorted(self._filters.items()))  # so the journal knows them

    def first_start(self) -> object:
        """From when to search; with a journal that is not read yet, perhaps from any time."""
        start = super().first_start()
        return _EARLIEST if start is None and self._batch.get("resume") is not None else start

    def _sought(self) -> str:
        """What is hunted for, as a digest."""
        texts = sorted(text for text in filter_texts(self._filters) if text[0] not in _HOW)
        return hashlib.sha256(json.dumps(texts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def find(self) -> None:
        """List the accounts, and search each."""
        super().find()
        self.ask_all()

    def tell(
        self,
        place: Place,
        message: FoundMessage | None,
        result: Result[Any] | None = None,
        error: TraceVaultError | None = None,
    ) -> None:
        """Keep one finding for the caller."""
        self.ready.append(
            Finding(
                tenant=place.tenant.name,
                account=place.account,
                message=message,
                trace=result.trace if result is not None else None,
                error=error,
            )
        )
