"""An engine's numbers for Prometheus. Needs the extra ``prometheus``.

from prometheus_client import start_http_server
from tracevault.prometheus import register

register(engine)
start_http_server(9400)
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping

from prometheus_client import REGISTRY
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import CollectorRegistry

from ._engine import BaseEngine
from ._metrics import DURATIONS, GROUP_METRICS, METRICS, Watched, groups_of
from ._metrics import Metric as OurMetric

__all__ = ["EngineCollector", "register"]


class EngineCollector:
    """Asks engines for their statistics at each scrape. A closed engine has none.

    ``labels`` tell several engines of one registry apart. ``groups`` adds numbers of each budget
    group, with its name, which the vault's owner has chosen: at most a hundred. Any thread may
    scrape.
    """

    def __init__(
        self,
        engine: BaseEngine,
        *,
        labels: Mapping[str, str] | None = None,
        groups: bool = False,
    ) -> None:
        self._names = [*(labels or {})]
        self._engines: tuple[tuple[Watched, list[str], bool], ...] = ()
        self.add(engine, labels=labels, groups=groups)

    def add(
        self,
        engine: BaseEngine,
        *,
        labels: Mapping[str, str] | None = None,
        groups: bool = False,
    ) -> None:
        """Ask another engine as well: each name stands once in a scrape, with the numbers of all.

        ``ValueError`` when its labels are not the ones of the first.
        """
        named = dict(labels or {})
        if sorted(named) != sorted(self._names):
            raise ValueError(
                f"engines of one registry have the same labels: {self._names}, not {[*named]}"
            )
        values = [named[name] for name in self._names]
        gone = [one for one in self._engines if not one[0].is_over]
        self._engines = (*gone, (Watched(engine), values, groups))

    def describe(self) -> Iterable[Metric]:
        """Nothing: what is told depends on which engines are open."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What one scrape shows."""
        engines = self._engines
        asked = [(watched.stats(), values, groups) for watched, values, groups in engines]
        told = [
            (stats, values, groups_of(stats) if groups else None)
            for stats, values, groups in asked
            if stats is not None
        ]
        if not told:
            return
        for metric in METRICS:
            family = self._family(metric, [metric.label] if metric.label else [])
            for stats, values, _ in told:
                for labels, value in metric.samples(stats):
                    family.add_metric([*values, *labels.values()], value)
            yield family
        for metric in GROUP_METRICS if any(groups is not None for _, _, groups in told) else ():
            family = self._family(metric, ["group"])
            for _, values, groups in told:
                for name, group in (groups or {}).items():
                    for _, value in metric.samples(group):
                        family.add_metric([*values, name], value)
            yield family
        for duration in DURATIONS:
            histogram = HistogramMetricFamily(
                f"tracevault_{duration.name}_seconds", duration.help, labels=self._names
            )
            for stats, values, _ in told:
                histogram.add_metric(
                    values, buckets=duration.buckets(stats), sum_value=duration.total(stats)
                )
            yield histogram

    def _family(
        self, metric: OurMetric, more: list[str]
    ) -> CounterMetricFamily | GaugeMetricFamily:
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        unit = f"_{metric.unit}" if metric.unit else ""
        return kind(f"tracevault_{metric.name}{unit}", metric.help, labels=[*self._names, *more])


def register(
    engine: BaseEngine,
    registry: CollectorRegistry = REGISTRY,
    *,
    labels: Mapping[str, str] | None = None,
    groups: bool = False,
) -> EngineCollector:
    """Have a registry ask an engine. A registry has one collector for all of its engines, which
    this gives; their ``labels`` have the same names. An engine that is closed or gone is left out.
    """
    with _registering:
        collector = _registered.get(registry)
        if collector is None:
            collector = EngineCollector(engine, labels=labels, groups=groups)
            _registered[registry] = collector
        else:
            collector.add(engine, labels=labels, groups=groups)
        # Once more changes nothing, and counts where it was taken out meanwhile.
        registry.register(collector)
    return collector


_registering = threading.Lock()
_registered: weakref.WeakKeyDictionary[CollectorRegistry, EngineCollector] = (
    weakref.WeakKeyDictionary()
)
