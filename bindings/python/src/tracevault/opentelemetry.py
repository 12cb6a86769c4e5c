"""An engine's numbers for OpenTelemetry. Needs the extra ``opentelemetry``.

from tracevault.opentelemetry import observe

observe(engine)  # of the meter provider that the program has set up
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation, get_meter

from ._engine import BaseEngine
from ._metrics import DURATIONS, GROUP_METRICS, METRICS, Duration, Kind, Metric, Watched

__all__ = ["observe"]

_UNITS = {"": "1", "bytes": "By", "seconds": "s"}
_Look = Callable[[dict[str, Any]], Iterator[Observation]]


def observe(
    engine: BaseEngine,
    meter_provider: MeterProvider | None = None,
    *,
    attributes: Mapping[str, str] | None = None,
    groups: bool = False,
) -> None:
    """Let a meter provider ask an engine for its statistics at each export.

    ``attributes`` tell several engines apart. ``groups`` adds numbers of each budget group, with
    its name, which the vault's owner has chosen: at most a hundred. A closed engine tells nothing.
    OpenTelemetry has no histogram that is asked, so durations are counters: ``.count``, ``.sum``
    and ``.bucket`` with ``le``, each bucket counting all below its bound.
    """
    seen = _Seen(get_meter("tracevault", meter_provider=meter_provider), Watched(engine))
    fixed = dict(attributes or {})

    def plain(metric: Metric) -> _Look:
        def look(stats: dict[str, Any]) -> Iterator[Observation]:
            for labels, value in metric.samples(stats):
                yield Observation(value, {**fixed, **labels})

        return look

    def by_group(metric: Metric) -> _Look:
        def look(stats: dict[str, Any]) -> Iterator[Observation]:
            for group in stats["groups"]:
                for _, value in metric.samples(group):
                    yield Observation(value, {**fixed, "group": group["name"]})

        return look

    for metric in METRICS:
        seen.add(metric.kind, metric.name, metric.help, metric.unit, plain(metric))
    for metric in GROUP_METRICS if groups else ():
        seen.add(metric.kind, metric.name, metric.help, metric.unit, by_group(metric))
    for duration in DURATIONS:
        _observe_duration(seen, duration, fixed)


class _Seen:
    """Instruments of one engine."""

    def __init__(self, meter: Meter, watched: Watched) -> None:
        self._meter = meter
        self._watched = watched

    def add(self, kind: Kind, name: str, help_text: str, unit: str, look: _Look) -> None:
        watched = self._watched

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            stats = watched.stats()
            return () if stats is None else [*look(stats)]

        make = (
            self._meter.create_observable_counter
            if kind == "counter"
            else self._meter.create_observable_gauge
        )
        ending = ".bytes" if unit == "bytes" else ""
        make(f"tracevault.{name}{ending}", [callback], _UNITS[unit], help_text)


def _observe_duration(seen: _Seen, duration: Duration, fixed: dict[str, str]) -> None:
    def count(stats: dict[str, Any]) -> Iterator[Observation]:
        yield Observation(stats[duration.member]["count"], fixed)

    def total(stats: dict[str, Any]) -> Iterator[Observation]:
        yield Observation(duration.total(stats), fixed)

    def buckets(stats: dict[str, Any]) -> Iterator[Observation]:
        for bound, below in duration.buckets(stats):
            yield Observation(below, {**fixed, "le": bound})

    seen.add("counter", f"{duration.name}.count", duration.help, "", count)
    seen.add("counter", f"{duration.name}.sum", duration.help, "seconds", total)
    seen.add("counter", f"{duration.name}.bucket", duration.help, "", buckets)
