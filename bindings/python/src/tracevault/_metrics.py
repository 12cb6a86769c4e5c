"""What of an engine's statistics is worth a place in monitoring, for whatever monitors it.

Counts, sizes and durations; names of groups only where they are asked for. ``docs/statistics.md``
says what each of them is.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ._engine import BaseEngine
from .errors import TraceVaultError

Kind = Literal["counter", "gauge"]


@dataclass(frozen=True)
class Metric:
    """One number, or one for each value of a label."""

    #: Without a prefix and without the endings of a monitoring system.
    name: str
    kind: Kind
    help: str
    #: Where it is in the statistics.
    path: tuple[str, ...]
    #: In what the number is told here; divides what is in the statistics.
    unit: Literal["", "bytes", "seconds"] = ""
    divisor: int = 1
    #: The label whose values are the members of the object at ``path``.
    label: str = ""

    def samples(self, stats: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], float]]:
        """Each with its labels. Nothing where the statistics have no such number."""
        found: Any = stats
        for member in self.path:
            found = found.get(member) if isinstance(found, Mapping) else None
        if isinstance(found, Mapping):
            for value, number in found.items():
                yield {self.label: value}, number / self.divisor
        elif isinstance(found, list):
            yield {}, len(found)
        elif found is not None:
            yield {}, found / self.divisor


METRICS: tuple[Metric, ...] = (
    Metric("queued", "gauge", "Fetches that wait for their turn or for a permit.", ("queued",)),
    Metric("in_flight", "gauge", "Fetches under way.", ("in_flight",)),
    Metric("sleeping", "gauge", "Fetches between two tries.", ("sleeping",)),
    Metric("untaken", "gauge", "Results that wait for the program.", ("untaken",)),
    Metric("outstanding", "gauge", "Requests submitted and not yet taken.", ("outstanding",)),
    Metric("untaken", "gauge", "What untaken results hold.", ("untaken_bytes",), "bytes"),
    Metric("tries", "counter", "HTTP requests that ended.", ("tries",)),
    Metric("given_up", "counter", "HTTP requests ended before their reply.", ("given_up",)),
    Metric(
        "transient_failures",
        "counter",
        "HTTP requests whose failure may pass.",
        ("transient_failures",),
    ),
    Metric(
        "pending_answers", "counter", "Answers that were not complete yet.", ("pending_answers",)
    ),
    Metric("pages", "counter", "Pages that were not the last one.", ("pages",)),
    Metric("rate_limited", "counter", "HTTP 429.", ("rate_limited",)),
    Metric("credentials_refused", "counter", "Refused credentials.", ("credentials_refused",)),
    Metric("joined", "counter", "Requests that shared another's fetch.", ("joined",)),
    Metric("notices", "counter", "Notices made.", ("notices",)),
    Metric("notices_lost", "counter", "Notices that nobody took in time.", ("notices_lost",)),
    Metric("answers", "counter", "How requests ended.", ("answers",), label="status"),
    Metric("cache", "gauge", "What kept traces take.", ("cache", "bytes"), "bytes"),
    Metric("cache_hits", "counter", "Requests answered from kept traces.", ("cache", "hits")),
    Metric("connections_open", "gauge", "Connections to the API.", ("connections", "open")),
    Metric("connections_made", "counter", "Connections made.", ("connections", "made")),
    Metric("ledger_shared", "gauge", "1: the quota is shared by processes.", ("ledger", "shared")),
    Metric("unfollowed_vaults", "gauge", "Vaults not followed.", ("unfollowed_vaults",)),
)

#: Of each budget group: its members in ``groups``.
GROUP_METRICS: tuple[Metric, ...] = (
    Metric("group_queued", "gauge", "Fetches that wait, of a budget group.", ("queued",)),
    Metric("group_in_flight", "gauge", "Fetches under way, of a budget group.", ("in_flight",)),
    Metric("group_available", "gauge", "Requests the quota lets go at once.", ("available",)),
    Metric(
        "group_parked", "gauge", "How long it rests after a 429.", ("parked_ms",), "seconds", 1000
    ),
)


def groups_of(stats: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The numbers of budget groups by name: a monitoring system takes each name once.

    A name counts within its vault, so two vaults may have it: their numbers are added, and of
    times the longest is told.
    """
    found: dict[str, dict[str, int]] = {}
    for group in stats["groups"]:
        together = found.setdefault(group["name"], {})
        for metric in GROUP_METRICS:
            (member,) = metric.path
            number, before = group.get(member), together.get(member, 0)
            if number is not None:
                is_time = metric.unit == "seconds"
                together[member] = max(before, number) if is_time else before + number
    return found


@dataclass(frozen=True)
class Duration:
    """One histogram of the statistics."""

    name: str
    help: str
    member: str

    def buckets(self, stats: Mapping[str, Any]) -> list[tuple[str, int]]:
        """Upper bounds in seconds, as text, with how many were below; the last is ``+Inf``."""
        found = stats[self.member]
        below = [(str(one["below_us"] / 1e6), one["count"]) for one in found["buckets"]]
        return [*below, ("+Inf", found["count"])]

    def total(self, stats: Mapping[str, Any]) -> float:
        """All together, in seconds."""
        return float(stats[self.member]["sum_us"] / 1e6)


DURATIONS = (
    Duration("request_duration", "From submitting to the answer, all waits included.", "latency"),
    Duration("try_duration", "Single HTTP requests.", "try_latency"),
)


class Watched:
    """An engine whose numbers are asked for now and then; it may go meanwhile."""

    __slots__ = ("_engine",)

    def __init__(self, engine: BaseEngine) -> None:
        if not isinstance(engine, BaseEngine):
            raise TypeError(f"engine must be an Engine, not {type(engine).__name__}")
        self._engine = weakref.ref(engine)

    @property
    def is_over(self) -> bool:
        """Whether it will never have numbers again."""
        engine = self._engine()
        return engine is None or engine.closed

    def stats(self) -> dict[str, Any] | None:
        """``None`` when it is closed, gone, or the parent process's."""
        engine = self._engine()
        if engine is None or engine.closed:
            return None
        try:
            return engine.stats()
        except TraceVaultError:  # closed by another thread meanwhile
            return None
