"""What the library tells by itself holds no secret and no address of a person, whatever it met.

One engine meets all of it: a vault whose credential is a user's address and key, a server that
gives both back in every refusal, messages full of addresses, a Redis with a password.
"""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TRACE, reply, serving
from bare_server import engine as engine_of
from engine_scene import until
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from places import secret_file
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from redis_server import Server, redis
from tracevault.opentelemetry import observe
from tracevault.prometheus import register
from tracevault.words import NoticeKind

EMAIL = "analyst@customer.example"
KEY = "0123456789abcdef0123456789abcdef01234"
PASSWORD = "test-password-not-real"
PEOPLE = ("sender@stranger.example", "reader@customer.example")
#: What must not be told: secrets, addresses, and any part that names somebody.
UNTOLD = (EMAIL, KEY, PASSWORD, *PEOPLE, "@", "analyst", "stranger.example", "customer.example")
REF = "4Njp3P0STMz2c02Q"


class Heard(logging.Handler):
    """What came into Python's logging: the text of each record, and all that hangs on it."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: set[str] = set()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        notice: tv.Notice = record.notice  # type: ignore[attr-defined]
        self.kinds.add(notice.kind)
        self.texts += [self.format(record), repr(record.__dict__), repr(notice)]
        self.texts.append(json.dumps(notice.to_dict()))


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    logger = logging.getLogger("tracevault")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.setLevel(before)
    logger.removeHandler(handler)


class Cloudflare:
    """Answers as it is told, and gives back what it was sent."""

    def __init__(self) -> None:
        self.status = 200

    def __call__(self, head: bytes, _: int) -> bytes:
        if self.status == 200:
            line = f"postfix/smtp[1]: {REF}: to=<{PEOPLE[1]}>, from=<{PEOPLE[0]}>, status=sent (250 ok)"
            block = {"lines": [{"lineno": 1, "message": line}], "pending": False}
            return reply({**TRACE, "result": {"inbound": block, "outbound": block}})
        said = f"{head.decode('latin-1')} for {' and '.join(PEOPLE)}"
        errors = [{"code": 10000, "message": said}]
        more = f"retry-after: 1\r\nx-said: {PEOPLE[0]}\r\ncf-ray: {PEOPLE[1]}\r\n"
        return reply({"success": False, "errors": errors, "result": None}, self.status, more)


@contextmanager
def vault_file(path: Path, origin: str) -> Iterator[tv.Vault]:
    """A vault with one account whose label is an address, too."""
    quick = {"vault.refresh_ms": 100}
    with tv.Vault.create(path, tv.RawKey(bytes(range(32))), settings=quick) as vault:
        ends = datetime.now(timezone.utc) + timedelta(days=3)
        with vault.edit() as edit:
            edit.put(
                "acme", ACCOUNT, tv.GlobalKey(EMAIL, KEY), origin=origin, expires=ends, label=EMAIL
            )
        yield vault


def told_by_metrics(engine: tv.Engine, *, groups: bool) -> str:
    """All that Prometheus and OpenTelemetry see: names, labels and values."""
    registry = CollectorRegistry()
    register(engine, registry, groups=groups)
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    observe(engine, provider, groups=groups)
    data = reader.get_metrics_data()
    assert data is not None
    seen: str = generate_latest(registry).decode() + data.to_json()
    provider.shutdown()
    assert "tracevault_tries" in seen and "tracevault.tries" in seen
    return seen


def all_kinds(
    engine: tv.Engine, vault: tv.Vault, path: Path, server: Cloudflare, lender: Server, heard: Heard
) -> None:
    """Have every kind of notice told."""
    acme = vault.tenant("acme")

    def comes(kind: str, begin: Callable[[], object] = lambda: None) -> None:
        begin()

        def is_told() -> bool:
            list(engine.batch([tv.Request.trace(acme, ACCOUNT, REF, fresh=True, timeout=5)]))
            return kind in heard.kinds

        until(is_told, f"{kind} is not told: {sorted(heard.kinds)}")

    def answers(status: int) -> None:
        server.status = status

    def changed() -> None:
        with vault.edit() as edit:
            edit.set("acme", ACCOUNT, label=PEOPLE[0])

    def flushed() -> None:
        client = lender.client()
        client("AUTH", PASSWORD)
        client("FLUSHALL")
        client.close()

    def stopped(number: int) -> Callable[[], None]:
        assert lender.process is not None
        process = lender.process.pid
        return lambda: os.kill(process, number)

    comes("credential_expiring")
    comes("ledger_not_shared")
    comes("redis_flushed", flushed)
    comes("redis_slow", stopped(signal.SIGSTOP))
    comes("redis_back", stopped(signal.SIGCONT))
    comes("redis_away", lender.kill)
    comes("vault_changed", changed)
    comes("vault_unfollowed", lambda: path.rename(f"{path}.away"))
    comes("vault_followed", lambda: Path(f"{path}.away").rename(path))
    comes("retry", lambda: answers(503))
    comes("rate_limited", lambda: answers(429))
    engine.lift(acme, ACCOUNT)
    comes("credential_refused", lambda: answers(403))


def test_no_notice_and_no_metric_names_a_person_or_holds_a_secret(
    tmp_path: Path, heard: Heard
) -> None:
    server, path = Cloudflare(), tmp_path / "soc.vault"
    (tmp_path / "no-file").mkdir()
    login = secret_file(tmp_path / "login", PASSWORD)
    more: dict[str, Any] = {
        "budget__quota": 1200, "budget__ledger": tmp_path / "no-file", "retry__base_ms": 1, "retry__max_attempts": 2,
        "redis__login": f"file:{login}", "redis__timeout_ms": 100,
    }  # fmt: skip
    with (
        redis(tmp_path, "--requirepass", PASSWORD) as lender,
        serving(server) as cloudflare,
        vault_file(path, cloudflare.origin) as vault,
        engine_of(cloudflare.origin, redis__addresses=lender.address, **more) as engine,
    ):
        all_kinds(engine, vault, path, server, lender, heard)
        metrics = told_by_metrics(engine, groups=False)
        texts = [metrics, told_by_metrics(engine, groups=True), json.dumps(engine.stats())]
    assert heard.kinds == {*get_args(NoticeKind)}
    for text in (*heard.texts, *texts):
        for word in UNTOLD:
            assert word not in text, text
    # Whose account it is stands in notices, and in no metric.
    assert "acme" not in metrics and ACCOUNT not in metrics
