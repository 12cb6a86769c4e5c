"""One account of a hunt or a collection: through whom it is asked, and what was found and waits.

Nothing here asks or tells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TypeAlias

from .accounts import Account
from .errors import Status, TraceVaultError
from .findings import FoundMessage
from .vault import Tenant

Way: TypeAlias = "tuple[Tenant, Account]"

#: Seconds that a first search has at most, round after round, where there are other ways. After
#: HTTP 429 a quota rests for five minutes, or an hour: one that lets none go in that time is asked
#: later.
_ROUNDS = (120.0, 600.0, 7200.0)

_text = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
#: About what Python needs for one message beside its text.
_BESIDE = 512


@dataclass(slots=True)
class Place:
    """One account, and what is known of it so far."""

    ways: list[Way]
    """The tenants that have it, the one that is asked first; the others where its credential
    fails."""
    resting: list[Way] = field(default_factory=list)
    """Those whose quota rests: they are asked when all others have failed."""
    rounds: int = 0
    """How often all ways that are left were found at rest."""
    seen: set[str] = field(default_factory=set)
    """The messages that were found, by their names."""
    cursors: set[str] = field(default_factory=set)
    """The cursors that were followed."""
    empty: int = 0
    """Searches in a row that brought nothing new."""
    open: int = 1
    """Requests that are not yet answered."""
    failed: bool = False
    """Whether something could not be asked."""

    @property
    def tenant(self) -> Tenant:
        """Whose credential is used."""
        return self.ways[0][0]

    @property
    def account(self) -> Account:
        """The account, as this tenant has it."""
        return self.ways[0][1]

    def patience(self, usual: float) -> float | None:
        """How many seconds the first search may take, `usual` at first; ``None``: as long as its
        quota rests."""
        if len(self.ways) + len(self.resting) == 1 or self.rounds >= len(_ROUNDS):
            return None
        longest = _ROUNDS[self.rounds]
        return longest if self.rounds else min(longest, usual)

    def next_way(self, error: TraceVaultError | None, *, was_patient: bool) -> bool:
        """Let the next tenant be asked that has the account; false: there is none.

        One whose quota rests comes again, with more patience each time. So does one that had no
        answer in time, which may have waited for its turn: with all patience, before the others.
        """
        way = self.ways.pop(0)
        status = None if was_patient or error is None else error.status
        if status == Status.E_RATE_LIMITED:
            self.resting.append(way)
        elif status == Status.E_DEADLINE:
            self.resting.insert(0, way)
            self.rounds = len(_ROUNDS)
        if not self.ways and self.resting:
            self.ways, self.resting = self.resting, []
            self.rounds += 1
        if self.ways:
            return True
        self.ways.append(way)  # its tenant tells the error
        return False


@dataclass(slots=True)
class Search:
    """A page to ask for."""

    place: Place
    cursor: str | None = None
    expected: int = 0
    """For how many bytes it counts until it is here."""
    came: int = 0
    """How many bytes are held of it."""
    lacked: int = 0
    """How large it was, where there was no room for it."""


@dataclass(slots=True)
class Page:
    """Messages of one tenant that wait for their traces; they count until the last one is told."""

    tenant: Tenant
    size: int = 0
    left: int = 0


@dataclass(slots=True)
class Copy:
    """A message whose trace is to be asked for."""

    place: Place
    page: Page
    message_ref: str
    _kept: bytes | FoundMessage

    @classmethod
    def of(cls, message: FoundMessage, ref: str, place: Place, page: Page, came: int) -> Copy:
        """Keep a message as text: as objects it is many times as large, and holds its page."""
        kept: bytes | FoundMessage = message
        try:
            kept = _text(message._whole).encode("utf-8", "surrogatepass")
            page.size += len(kept) + _BESIDE
        except (TraceVaultError, ValueError, RecursionError):
            # Cloudflare's own item cannot be read, as whoever looks at it is told.
            page.size = max(page.size, came)
        page.left += 1
        return cls(place, page, ref, kept)

    @property
    def message(self) -> FoundMessage:
        """The message, as it was found."""
        if isinstance(self._kept, FoundMessage):
            return self._kept
        return FoundMessage._of(json.loads(self._kept.decode("utf-8", "surrogatepass")))
