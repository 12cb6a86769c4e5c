"""An engine's numbers for Prometheus. Needs the extra ``prometheus``.

from prometheus_client import start_http_server
from tracevault.prometheus import register

register(engine)
start_http_server(9400)
"""

from __future__ import annotations

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
from ._metrics import DURATIONS, GROUP_METRICS, METRICS, Watched
from ._metrics import Metric as OurMetric

__all__ = ["EngineCollector", "register"]


class EngineCollector:
    """Asks an engine for its statistics at each scrape. A closed engine has none.

    ``labels`` tell several engines of one registry apart. ``groups`` adds numbers of each budget
    group, with its name, which the vault's owner has chosen: at most a hundred.
    """

    def __init__(
        self,
        engine: BaseEngine,
        *,
        labels: Mapping[str, str] | None = None,
        groups: bool = False,
    ) -> None:
        self._watched = Watched(engine)
        self._labels = dict(labels or {})
        self._tells_groups = groups

    def describe(self) -> Iterable[Metric]:
        """Nothing: several engines tell the same names, with different labels."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What one scrape shows."""
        stats = self._watched.stats()
        if stats is None:
            return
        for metric in METRICS:
            family = self._family(metric, [metric.label] if metric.label else [])
            for labels, value in metric.samples(stats):
                family.add_metric([*self._labels.values(), *labels.values()], value)
            yield family
        for metric in GROUP_METRICS if self._tells_groups else ():
            family = self._family(metric, ["group"])
            for group in stats["groups"]:
                for _, value in metric.samples(group):
                    family.add_metric([*self._labels.values(), group["name"]], value)
            yield family
        for duration in DURATIONS:
            histogram = HistogramMetricFamily(
                f"tracevault_{duration.name}_seconds", duration.help, labels=[*self._labels]
            )
            histogram.add_metric(
                [*self._labels.values()],
                buckets=duration.buckets(stats),
                sum_value=duration.total(stats),
            )
            yield histogram

    def _family(
        self, metric: OurMetric, more: list[str]
    ) -> CounterMetricFamily | GaugeMetricFamily:
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        unit = f"_{metric.unit}" if metric.unit else ""
        return kind(f"tracevault_{metric.name}{unit}", metric.help, labels=[*self._labels, *more])


def register(
    engine: BaseEngine,
    registry: CollectorRegistry = REGISTRY,
    *,
    labels: Mapping[str, str] | None = None,
    groups: bool = False,
) -> EngineCollector:
    """Make a collector of an engine and register it; ``registry.unregister()`` takes it out."""
    collector = EngineCollector(engine, labels=labels, groups=groups)
    registry.register(collector)
    return collector
