"""An engine's numbers for OpenTelemetry. Needs the extra ``opentelemetry``.

from tracevault.opentelemetry import observe

observe(engine)  # of the meter provider that the program has set up
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.metrics import (
    CallbackOptions,
    Meter,
    MeterProvider,
    Observation,
    get_meter,
    get_meter_provider,
)

from ._engine import BaseEngine
from ._metrics import (
    DURATIONS,
    GROUP_METRICS,
    METRICS,
    Duration,
    Kind,
    Metric,
    Watched,
    groups_of,
)

__all__ = ["observe"]

_UNITS = {"": "1", "bytes": "By", "seconds": "s"}
#: Whom to ask, what tells it apart, and whether its groups are told.
_Engine = tuple[Watched, dict[str, str], bool]
#: What is seen in the statistics of an engine: numbers and further attributes.
_Look = Callable[[dict[str, Any]], Iterator[tuple[float, dict[str, str]]]]


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
    watched = Watched(engine)
    provider = get_meter_provider() if meter_provider is None else meter_provider
    with _observing:
        instruments = _observed.get(provider)
        if instruments is None:
            instruments = _Instruments(get_meter("tracevault", meter_provider=provider))
            _observed[provider] = instruments
        instruments.add((watched, dict(attributes or {}), groups))


class _Instruments:
    """Those of one meter provider: it keeps the first of a name, so that each asks all engines."""

    def __init__(self, meter: Meter) -> None:
        self._engines: tuple[_Engine, ...] = ()
        for metric in METRICS:
            self._make(
                meter, metric.kind, metric.name, metric.help, metric.unit, _metric_of(metric)
            )
        for metric in GROUP_METRICS:
            look = _group_metric_of(metric)
            self._make(meter, metric.kind, metric.name, metric.help, metric.unit, look, True)
        for duration in DURATIONS:
            name, words = duration.name, duration.help
            self._make(meter, "counter", f"{name}.count", words, "", _count_of(duration))
            self._make(meter, "counter", f"{name}.sum", words, "seconds", _total_of(duration))
            self._make(meter, "counter", f"{name}.bucket", words, "", _buckets_of(duration))

    def add(self, engine: _Engine) -> None:
        """Ask another engine as well; those that are over are forgotten."""
        self._engines = (*(one for one in self._engines if not one[0].is_over), engine)

    def _make(
        self,
        meter: Meter,
        kind: Kind,
        name: str,
        help_text: str,
        unit: str,
        look: _Look,
        is_of_groups: bool = False,
    ) -> None:
        def callback(_: CallbackOptions) -> Iterable[Observation]:
            return [
                Observation(value, {**attributes, **more})
                for watched, attributes, groups in self._engines
                if (groups or not is_of_groups) and (stats := watched.stats()) is not None
                for value, more in look(stats)
            ]

        is_counter = kind == "counter"
        make = meter.create_observable_counter if is_counter else meter.create_observable_gauge
        ending = ".bytes" if unit == "bytes" else ""
        make(f"tracevault.{name}{ending}", [callback], _UNITS[unit], help_text)


def _metric_of(metric: Metric) -> _Look:
    """Its numbers."""
    return lambda stats: ((value, labels) for labels, value in metric.samples(stats))


def _group_metric_of(metric: Metric) -> _Look:
    """Its number of each budget group."""
    return lambda stats: (
        (value, {"group": name})
        for name, group in groups_of(stats).items()
        for _, value in metric.samples(group)
    )


def _count_of(duration: Duration) -> _Look:
    """How many there were."""
    return lambda stats: iter([(stats[duration.member]["count"], {})])


def _total_of(duration: Duration) -> _Look:
    """All together."""
    return lambda stats: iter([(duration.total(stats), {})])


def _buckets_of(duration: Duration) -> _Look:
    """How many were below each bound."""
    return lambda stats: ((below, {"le": bound}) for bound, below in duration.buckets(stats))


_observing = threading.Lock()
_observed: weakref.WeakKeyDictionary[MeterProvider, _Instruments] = weakref.WeakKeyDictionary()
