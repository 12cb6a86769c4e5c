"""A trace as a story: the way of each recipient's copy through the servers, over time.

What is drawn, in the terminal and on the HTML page. :mod:`.storyteller` makes it of a trace, the
words are in :mod:`.words`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..summary import Hop, Recipient


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a bar: a word of ``words.PARTS``, from and to in seconds of the picture."""

    kind: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Try:
    """One outcome at one hop: a delivery, or a decision (then nothing took time)."""

    state: str
    at: float
    when: datetime | None = None
    relay: str | None = None
    reply: str | None = None
    dsn: str | None = None
    delay: float | None = None
    #: As Postfix counted them: before the queue, in it, connecting, sending.
    delays: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """The time at one hop: its bar and its tries."""

    hop: Hop | None
    side: str
    start: float
    end: float
    parts: tuple[Part, ...]
    tries: tuple[Try, ...]
    #: It is still there, as far as the trace knows.
    still: bool = False

    @property
    def seconds(self) -> float:
        """How long it took, by the slowest delivery's own count where there is one."""
        counted = [one.delay for one in self.tries if one.delay is not None]
        return self.end - self.start if self.still or not counted else max(counted)

    @property
    def longest(self) -> tuple[str, float] | None:
        """Where most of the time of the slowest try went: a word of ``words.PARTS``, seconds."""
        kinds = ("arrive", "queue", "connect", "send")
        found: list[tuple[float, str]] = []
        for number, one in enumerate(self.tries):
            for kind, seconds in zip(kinds, one.delays, strict=False):
                told = "wait" if number and kind == "arrive" else kind
                found.append((seconds or 0.0, told))
        if not found:
            return None
        seconds, kind = max(found)
        return (kind, seconds) if seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Way:
    """The way of one recipient's copy, or of several that went together."""

    recipients: tuple[Recipient, ...]
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """All ways, and the hops with their slowest delivery each."""

    ways: tuple[Way, ...]
    legs: tuple[Leg, ...]
    #: What the seconds of all bars count from; None when no line has a time.
    begin: datetime | None
    #: The times are whole seconds: what is shorter cannot be placed exactly.
    coarse: bool
    #: So many tries are in no way: there are too many to be told.
    left_out: int = 0


def scale(legs: Sequence[Leg]) -> tuple[float, float]:
    """From where to where a picture of these bars reaches, in seconds."""
    if not legs:
        return 0.0, 0.0
    return min(leg.start for leg in legs), max(leg.end for leg in legs)
