"""What a hunt asked, and what came of it: one count for the terminal, programs and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .._options import DEFAULT_WINDOW
from ..hunt import Finding, Hunt
from . import words

#: How an account answered: to its end, not or not to its end, or not yet when the hunt was ended.
Answer = Literal["whole", "failed", "open"]


@dataclass(frozen=True, slots=True)
class AskedAccount:
    """One account that a hunt was to ask."""

    tenant: str
    account_id: str
    label: str
    copies: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Scope:
    """Which time and which accounts a hunt was about, and how they answered."""

    #: With a journal when the first run began: no run looks beyond that.
    began: datetime
    start: datetime | None
    end: datetime | None
    accounts: tuple[AskedAccount, ...]
    #: How many answers are from a journal, and how many came now.
    resumed: int = 0
    asked_now: int = 0
    #: Whether an earlier run began it.
    goes_on: bool = False

    @property
    def copies(self) -> int:
        """How many copies were found."""
        return sum(one.copies for one in self.accounts)

    @property
    def with_copies(self) -> int:
        """How many accounts have a copy."""
        return sum(one.copies > 0 for one in self.accounts)

    def answered(self, how: Answer) -> int:
        """How many accounts answered so."""
        return sum(one.answer == how for one in self.accounts)

    @property
    def found_words(self) -> str:
        """``2 copies in 1 account; 5 accounts asked, 1 of them without a whole answer``."""
        told = "no copy"
        if self.copies:
            told = f"{words.plural(self.copies, 'copy')} in "
            told += words.plural(self.with_copies, "account")
        total, left = len(self.accounts), self.answered("open")
        asked = f"{total - left:,} of {words.plural(total, 'account')}" if left else ""
        told += f"; {asked or words.plural(total, 'account')} asked"
        failed = self.answered("failed")
        return told + (f", {failed:,} of them without a whole answer" if failed else "")

    @property
    def time_words(self) -> str:
        """From when to when messages were looked for."""
        end = self._until or self._ended(self.began)
        told = f"{words.when(self.start or self.began - DEFAULT_WINDOW)} to {words.when(end)} UTC"
        if self.start:
            return told
        return f"{told} ({DEFAULT_WINDOW.days} days back, Cloudflare's default)"

    @property
    def before_words(self) -> str:
        """What is to be said where an earlier run began it, or answered; otherwise empty."""
        hunt = f"the hunt that began {words.when(self.began)} UTC"
        if not self.resumed:
            return f"this goes on with {hunt}" if self.goes_on else ""
        answers = "1 answer is" if self.resumed == 1 else f"{self.resumed:,} answers are"
        told = f"{answers} from before" + (f", of {hunt}" if self.goes_on else "")
        return told if self.asked_now else f"nothing was asked now: {told}"

    @property
    def _until(self) -> datetime | None:
        """The end that was given: what is to come is not looked at."""
        return None if self.end is None else self._ended(min(self.end, self.began))

    def _ended(self, at: datetime) -> datetime:
        """That, but no hunt ends before its start, which may be ahead of this host's clock."""
        return max(at, self.start or at)

    def to_dict(self) -> dict[str, Any]:
        """What programs are told; times that nobody gave are null."""
        return {
            "start": None if self.start is None else self.start.isoformat(),
            "end": None if self._until is None else self._until.isoformat(),
            "began": self.began.isoformat(),
            "goes_on": self.goes_on,
            "accounts_asked": len(self.accounts) - self.answered("open"),
            "accounts_with_copies": self.with_copies,
            "accounts_failed": self.answered("failed"),
            "accounts_left": self.answered("open"),
            "resumed": self.resumed,
            "asked_now": self.asked_now,
        }


def scope_of(hunt: Hunt, found: Iterable[Finding]) -> Scope:
    """The scope of a hunt, its accounts by tenant and account."""
    copies = Counter(one.account_id for one in found if one.message is not None)
    asked = [
        AskedAccount(
            tenant=place.tenant.name,
            account_id=place.account.account_id,
            label=place.account.label,
            copies=copies[place.account.account_id],
            answer="failed" if place.failed else "open" if place.open else "whole",
        )
        for place in hunt.places
    ]
    asked.sort(key=lambda one: (one.tenant, one.label or one.account_id, one.account_id))
    return Scope(
        hunt.first.began,
        hunt.first.moment("start"),
        hunt.first.moment("end"),
        tuple(asked),
        resumed=hunt.resumed,
        asked_now=hunt.answered,
        goes_on=hunt.goes_on,
    )
