"""Prometheus and OpenTelemetry see an engine's numbers, through their own libraries."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import subprocess
import sys
from typing import Any

import pytest
from launcher import Standin
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

import tracevault as tv
from tracevault._metrics import GROUP_METRICS, METRICS, groups_of
from tracevault.opentelemetry import observe
from tracevault.prometheus import EngineCollector, register

from .conftest import ACME, REPOSITORY, settings

GOOD = "4jXtPB72Kpz7S8D"


@pytest.fixture
def busy(engine: tv.Engine, acme: tv.Tenant) -> tv.Engine:
    """An engine that has answered five traces and refused one."""
    for _ in range(5):
        engine.trace(acme, ACME, GOOD, fresh=True)
    with pytest.raises(tv.MessageNotFoundError):
        engine.trace(acme, ACME, "fail-404")
    return engine


def scraped(registry: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text: str = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_scrapes_the_statistics(busy: tv.Engine) -> None:
    registry = CollectorRegistry()
    register(busy, registry, labels={"engine": "soc"})
    found = scraped(registry)
    stats, ours = busy.stats(), ("engine", "soc")
    assert found["tracevault_tries_total", (ours,)] == stats["tries"] == 6
    assert found["tracevault_answers_total", (ours, ("status", "TV_OK"))] == 5
    assert found["tracevault_answers_total", (ours, ("status", "TV_E_NO_MESSAGE"))] == 1
    assert found["tracevault_request_duration_seconds_count", (ours,)] == 6
    assert found["tracevault_request_duration_seconds_bucket", (ours, ("le", "+Inf"))] == 6
    total = found["tracevault_request_duration_seconds_sum", (ours,)]
    assert math.isclose(total, stats["latency"]["sum_us"] / 1e6)
    assert found["tracevault_queued", (ours,)] == 0
    assert not any("group" in name for name, _ in found)


def test_what_prometheus_reads_is_valid_openmetrics_as_well(busy: tv.Engine) -> None:
    registry = CollectorRegistry()
    register(busy, registry, groups=True)
    assert openmetrics.generate_latest(registry).decode().endswith("# EOF\n")  # type: ignore[no-untyped-call]


def test_several_engines_share_a_registry_and_a_closed_one_tells_nothing(
    busy: tv.Engine, server: Standin
) -> None:
    registry = CollectorRegistry()
    register(busy, registry, labels={"engine": "one"})
    with tv.Engine(settings(server)) as other:
        register(other, registry, labels={"engine": "two"})
        both = {dict(labels)["engine"] for _, labels in scraped(registry)}
        assert both == {"one", "two"}
        text = generate_latest(registry).decode()
        named = [line for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(named) == len(set(named)), "each name is told once, for all engines"
        valid = openmetrics.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
        assert list(openmetrics_families(valid))  # type: ignore[no-untyped-call]
        with pytest.raises(ValueError, match="same labels"):
            register(other, registry)
    assert {dict(labels)["engine"] for _, labels in scraped(registry)} == {"one"}


def test_a_collector_does_not_keep_an_engine(server: Standin) -> None:
    registry = CollectorRegistry()
    engine = tv.Engine(settings(server))
    register(engine, registry)
    assert scraped(registry)
    del engine
    gc.collect()
    assert scraped(registry) == {}


def test_groups_are_told_by_name_where_that_was_asked_for(busy: tv.Engine) -> None:
    registry = CollectorRegistry()
    registry.register(EngineCollector(busy, groups=True))
    (name,) = (group["name"] for group in busy.stats()["groups"])
    assert scraped(registry)["tracevault_group_queued", (("group", name),)] == 0


def test_groups_of_one_name_in_two_vaults_are_one_number(
    server: Standin,
) -> None:
    """A monitoring system takes a name once; whose vault has it as well is nobody's choice."""
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(tv.Engine(settings(server, budget_quota=1200)))
        for number in range(2):
            other = stack.enter_context(tv.Vault.in_memory())
            with other.edit() as edit:
                token = tv.ApiToken(f"test-token-not-real-{number}")
                edit.put("acme", ACME, token, origin=server.origin, budget_group="soc")
            with contextlib.suppress(tv.CredentialError):
                engine.trace(other.tenant("acme"), ACME, GOOD)
        groups = engine.stats()["groups"]
        assert [group["name"] for group in groups] == ["soc", "soc"]
        registry, reader = CollectorRegistry(), InMemoryMetricReader()
        registry.register(EngineCollector(engine, groups=True))
        provider = MeterProvider(metric_readers=[reader])
        observe(engine, provider, groups=True)
        lines = [line for line in generate_latest(registry).decode().splitlines() if "soc" in line]
        assert len(lines) == len(GROUP_METRICS)
        both = sum(group["available"] for group in engine.stats()["groups"])
        name = ("group", "soc")
        assert scraped(registry)["tracevault_group_available", (name,)] == both
        assert exported(reader)["tracevault.group_available"] == {(name,): both}
        provider.shutdown()


def test_of_groups_of_one_name_the_longest_rest_is_told() -> None:
    groups = [
        {"name": "soc", "queued": 1, "in_flight": 2, "available": 3, "parked_ms": 9000},
        {"name": "other", "queued": 1, "in_flight": 0, "available": None, "parked_ms": 0},
        {"name": "soc", "queued": 10, "in_flight": 20, "available": None, "parked_ms": 4000},
    ]
    assert groups_of({"groups": groups}) == {
        "soc": {"queued": 11, "in_flight": 22, "available": 3, "parked_ms": 9000},
        "other": {"queued": 1, "in_flight": 0, "parked_ms": 0},
    }


def exported(reader: InMemoryMetricReader) -> dict[str, dict[tuple[Any, ...], float]]:
    data = reader.get_metrics_data()
    found: dict[str, dict[tuple[Any, ...], float]] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            assert scope.scope.name == "tracevault"
            for metric in scope.metrics:
                points = metric.data.data_points
                found[metric.name] = {
                    tuple(sorted((point.attributes or {}).items())): point.value  # type: ignore[union-attr]
                    for point in points
                }
    return found


def test_opentelemetry_exports_the_statistics(busy: tv.Engine) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    observe(busy, provider, attributes={"engine": "soc"}, groups=True)
    found, ours = exported(reader), ("engine", "soc")
    assert found["tracevault.tries"] == {(ours,): 6}
    assert found["tracevault.answers"][ours, ("status", "TV_OK")] == 5
    assert found["tracevault.request_duration.count"] == {(ours,): 6}
    assert found["tracevault.request_duration.bucket"][ours, ("le", "+Inf")] == 6
    assert found["tracevault.request_duration.sum"][(ours,)] > 0
    (group,) = found["tracevault.group_queued"]
    assert group == (ours, ("group", busy.stats()["groups"][0]["name"]))
    busy.close()
    assert not any(exported(reader).values())
    provider.shutdown()


def test_several_engines_share_a_meter_provider_also_one_after_the_other(
    busy: tv.Engine, server: Standin
) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    observe(busy, provider, attributes={"engine": "one"})
    with tv.Engine(settings(server)) as other:
        observe(other, provider, attributes={"engine": "two"})
        tries = {(("engine", "one"),): 6, (("engine", "two"),): 0}
        assert exported(reader)["tracevault.tries"] == tries
        busy.close()
        assert exported(reader)["tracevault.tries"] == {(("engine", "two"),): 0}
    provider.shutdown()


def test_every_metric_is_a_number_of_the_statistics(busy: tv.Engine) -> None:
    stats = busy.stats()
    for metric in METRICS:
        assert [*metric.samples(stats)], metric.name
    for metric in GROUP_METRICS:
        known = stats["groups"][0]
        assert metric.path[0] in known, metric.name
    page = (REPOSITORY / "docs" / "statistics.md").read_text()
    for metric in METRICS:
        assert f"`{'.'.join(metric.path)}" in page, metric.name
        ending = f"_{metric.unit}" if metric.unit else ""
        assert metric.name + ending == "_".join(metric.path)


def test_what_is_no_engine_is_refused() -> None:
    with pytest.raises(TypeError, match="engine must be an Engine, not str"):
        EngineCollector("engine")  # type: ignore[arg-type]


def test_the_package_needs_neither_library() -> None:
    code = (
        "import sys\n"
        "sys.modules['prometheus_client'] = sys.modules['opentelemetry'] = None\n"
        "import tracevault as tv\n"
        "[getattr(tv, name) for name in tv.__all__]\n"
        "try:\n    import tracevault.prometheus\nexcept ImportError as error: print(error.name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "bindings" / "python" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "prometheus_client\n", done.stderr
