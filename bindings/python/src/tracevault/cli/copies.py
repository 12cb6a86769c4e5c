"""A copy that a hunt found, recipient by recipient: the same for the table, CSV and the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .._fields import parse_time
from ..hunt import Finding


@dataclass(frozen=True, slots=True)
class Got:
    """One recipient of a copy, and what became of it."""

    recipient: str
    #: A state of `words.STATES`; without a trace the words of the search, such as ``delivered``.
    state: str
    at_text: str | None = None
    relay: str | None = None
    reply: str | None = None

    @property
    def at(self) -> datetime | None:
        """When that was."""
        return parse_time(self.at_text)


def got(finding: Finding) -> list[Got]:
    """A copy's recipients with their outcomes; those of the envelope where there is no trace."""
    message = finding.message
    if message is None:
        return []
    if finding.recipients:
        return [
            Got(one.address, one.state, one.at_text, one.relay, one.reply)
            for one in finding.recipients
        ]
    state = finding.trace.summary.state if finding.trace else " ".join(message.delivery_status)
    return [
        Got(address, state or "unknown", message.scanned_at_text)
        for address in (message.envelope_to or message.to or ("",))
    ]


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """By tenant, account and time, as a person looks things up."""
    return sorted(
        found,
        key=lambda one: (
            one.tenant,
            one.account.label or one.account_id,
            one.account_id,
            (one.message.scanned_at_text or "") if one.message else "",
        ),
    )
