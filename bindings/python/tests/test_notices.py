"""What the library tells without being asked comes into ``logging``, and holds nothing up."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from launcher import Standin

import tracevault as tv
from tracevault import _engine

from .conftest import ACME, LIBRARY, REPOSITORY, credential, fill, settings

SCHEMA = json.loads((REPOSITORY / "docs" / "notice.schema.json").read_text())
PYTHON = REPOSITORY / "bindings" / "python"
PATHS = [str(one) for one in (REPOSITORY / "Tests" / "server", PYTHON, PYTHON / "src")]
#: The first message of "acme" that answers.
GOOD = "4jXtPB72Kpz7S8D"


class Heard(logging.Handler):
    """Keeps the notices that came."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[tv.Notice] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.notices.append(record.notice)  # type: ignore[attr-defined]

    def kinds(self) -> list[str]:
        return [notice.kind for notice in self.notices]

    def one(self, kind: str) -> tv.Notice:
        (found,) = (notice for notice in self.notices if notice.kind == kind)
        return found


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    logger = logging.getLogger("tracevault")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(before)
    logger.removeHandler(handler)
    for notice in handler.notices:
        Draft202012Validator(SCHEMA).validate(notice.to_dict())
        assert "not-real" not in str(notice.to_dict())


def test_a_retry_is_told_with_whom_it_concerns_and_when_it_is_made(
    server: Standin, engine: tv.Engine, vault: tv.Vault, acme: tv.Tenant, heard: Heard
) -> None:
    server.reset()
    engine.trace(acme, ACME, "fail-503-once", timeout=60)
    told = heard.one("retry")
    assert told.vault_id == vault.describe()["vault_id"]
    assert (told.tenant, told.account_id, told.message_ref) == ("acme", ACME, "fail-503-once")
    assert (told.level, told.status, told.http_status) == ("info", "TV_E_SERVER", 503)
    assert told.until is not None
    assert told.number == 1
    (record,) = heard.records
    assert (record.name, record.levelno) == ("tracevault", logging.INFO)
    assert record.getMessage() == str(told)
    assert f"account {ACME}" in str(told)


def test_an_outage_is_told_once_a_second_and_not_by_each_request(
    server: Standin, acme: tv.Tenant, heard: Heard
) -> None:
    with tv.Engine(settings(server, retry_max_attempts=3)) as engine:
        requests = [tv.Request.trace(acme, ACME, "fail-500", fresh=True) for _ in range(40)]
        assert all(result.error for result in engine.batch(requests))
        tries = engine.stats()["transient_failures"]
    assert tries >= 40 * 2
    assert 1 <= heard.kinds().count("retry") < 40


def test_a_429_is_told_once_with_its_end(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, heard: Heard
) -> None:
    before = datetime.now(timezone.utc)
    with pytest.raises(tv.RateLimitedError):
        engine.trace(acme, ACME, "fail-429-2", timeout=2)
    with pytest.raises(tv.RateLimitedError):
        engine.trace(acme, ACME, GOOD, timeout=1)
    told = heard.one("rate_limited")
    assert told.level == "warning"
    assert told.until is not None
    assert timedelta(0) < told.until - before < timedelta(minutes=10)
    engine.lift(acme, ACME)


def test_a_parking_that_another_engine_met_is_told_where_it_is_waited_for(
    server: Standin, acme: tv.Tenant, heard: Heard, tmp_path: Path
) -> None:
    shared = settings(server, budget_ledger=tmp_path / "ledger", budget_quota=1000)
    with tv.Engine(shared) as one, tv.Engine(shared) as other:
        with pytest.raises(tv.RateLimitedError):
            one.trace(acme, ACME, "fail-429-2", timeout=2)
        with pytest.raises(tv.RateLimitedError):
            other.trace(acme, ACME, GOOD, timeout=1)
        assert heard.kinds() == ["rate_limited", "rate_limited"]
        assert "not met itself" in heard.notices[1].message
        other.lift(acme, ACME)


def test_a_refused_credential_is_told_once_as_an_error(
    server: Standin, vault: tv.Vault, heard: Heard
) -> None:
    server.reset()
    account = next(one for one in server.accounts if one.tenant == "acme")
    revoked = server.credential(account.id)
    server.revoke(revoked)
    try:
        with tv.Engine(settings(server)) as engine:
            for _ in range(3):
                with pytest.raises(tv.CredentialError):
                    engine.trace(vault.tenant("acme"), account.id, GOOD)
    finally:
        server.restore(revoked)
    told = heard.one("credential_refused")
    assert (told.level, told.tenant, told.account_id) == ("error", "acme", account.id)
    assert told.status == "TV_E_CREDENTIAL"
    assert told.until is not None
    assert revoked.secret not in str(told.to_dict())


def test_a_credential_that_ends_soon_is_told_once(server: Standin, heard: Heard) -> None:
    ends = datetime.now(timezone.utc) + timedelta(days=3)
    with tv.Vault.in_memory() as vault, tv.Engine(settings(server)) as engine:
        with vault.edit() as edit:
            edit.put("acme", ACME, credential(server, ACME), origin=server.origin, expires=ends)
        for _ in range(3):
            engine.trace(vault.tenant("acme"), ACME, GOOD, fresh=True)
    told = heard.one("credential_expiring")
    assert told.until is not None
    assert abs(told.until - ends) < timedelta(seconds=1)


def test_a_vault_that_changes_is_told_and_one_that_is_gone_until_it_is_back(
    server: Standin, heard: Heard, tmp_path: Path
) -> None:
    path = tmp_path / "soc.vault"
    quick = {"vault.refresh_ms": 100}
    key = bytes(range(32))
    with (
        tv.Vault.create(path, tv.RawKey(key), settings=quick) as vault,
        tv.Engine(settings(server)) as engine,
    ):
        fill(vault, server)
        acme = vault.tenant("acme")

        def asked_until(kind: str) -> tv.Notice:
            end = datetime.now() + timedelta(seconds=30)
            while kind not in heard.kinds() and datetime.now() < end:
                engine.trace(acme, ACME, GOOD, fresh=True)
            return heard.one(kind)

        engine.trace(acme, ACME, GOOD)
        assert heard.kinds() == []
        with vault.edit() as edit:
            edit.set("acme", ACME, label="another")
        changed = asked_until("vault_changed")
        assert changed.vault_id == vault.describe()["vault_id"]
        path.rename(tmp_path / "away")
        gone = asked_until("vault_unfollowed")
        assert (gone.level, gone.vault_id) == ("warning", changed.vault_id)
        assert gone.status
        (tmp_path / "away").rename(path)
        asked_until("vault_followed")


def test_a_ledger_that_is_not_shared_is_told(
    server: Standin, acme: tv.Tenant, heard: Heard, tmp_path: Path
) -> None:
    damaged = tmp_path / "folder-that-is-no-file"
    damaged.mkdir()
    with tv.Engine(settings(server, budget_ledger=damaged, budget_quota=1000)) as engine:
        engine.trace(acme, ACME, GOOD)
    assert heard.one("ledger_not_shared").level == "warning"


def test_notices_that_nobody_takes_lose_the_oldest_and_hold_no_answer_up(
    server: Standin, vault: tv.Vault, heard: Heard
) -> None:
    server.reset()
    accounts = [a for a in server.accounts if server.credential(a.id).kind == "api_token"]
    with tv.Engine(settings(server, engine_max_notices=2, retry_max_attempts=1)) as engine:
        # Each account has its own; nobody takes a result meanwhile.
        for number in range(3):
            for account in accounts:
                tenant = vault.tenant(account.tenant)
                engine.submit(tv.Request.trace(tenant, account.id, f"fail-503-once-{number}"))
        results = [engine.take(timeout=60) for _ in range(3 * len(accounts))]
        assert None not in results
        assert engine.stats()["untaken"] == 0


def test_no_notice_is_made_where_none_is_wanted(
    server: Standin, acme: tv.Tenant, heard: Heard
) -> None:
    server.reset()
    with tv.Engine(settings(server, engine_max_notices=0)) as engine:
        engine.trace(acme, ACME, "fail-503-once", timeout=60)
        assert engine.stats()["notices"] == 0
    assert heard.notices == []


def test_a_library_without_notices_is_used_all_the_same(
    server: Standin, acme: tv.Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_engine, "DEFAULTS", {"engine.of_a_later_library": 1})
    with tv.Engine(settings(server)) as engine:
        assert engine.trace(acme, ACME, GOOD).lines
    with pytest.raises(tv.ArgumentError, match="no setting has this name"):
        tv.Engine({"engine.of_a_later_library": 1})


def test_a_notice_that_cannot_be_told_costs_no_answer(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.reset()
    # As where no descriptor is free for the module.
    monkeypatch.setitem(sys.modules, "tracevault.notices", None)
    assert engine.trace(acme, ACME, "fail-503-once", timeout=60).lines
    assert engine.stats()["notices"] == 1


def test_a_handler_that_raises_costs_no_answer(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    asked: list[str] = []

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            asked.append(record.name)
            raise RuntimeError("the place for the logs is gone")

    handler = Broken(logging.INFO)
    logger = logging.getLogger("tracevault")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        assert engine.trace(acme, ACME, "fail-503-once", timeout=60).lines
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    assert asked == ["tracevault"]


def test_a_handler_may_use_the_engine_that_tells(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    answers: list[int] = []

    class Asking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            answers.append(len(engine.trace(acme, ACME, GOOD, timeout=20).lines))

    handler = Asking(logging.INFO)
    logger = logging.getLogger("tracevault")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        engine.trace(acme, ACME, "fail-503-once", timeout=60)
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    assert answers
    assert answers[0] > 0


def test_a_listener_gets_notices_instead_of_the_logger(
    server: Standin, acme: tv.Tenant, heard: Heard
) -> None:
    server.reset()
    told: list[tv.Notice] = []
    with tv.Engine(settings(server), notice=told.append) as engine:
        engine.trace(acme, ACME, "fail-503-once", timeout=60)
    assert [notice.kind for notice in told] == ["retry"]
    assert heard.notices == []
    with pytest.raises(TypeError, match="notice must be a function"):
        tv.Engine(notice="print")  # type: ignore[arg-type]


def test_a_listener_that_fails_costs_no_answer(
    server: Standin, acme: tv.Tenant, heard: Heard
) -> None:
    server.reset()

    def broken(notice: tv.Notice) -> None:
        raise RuntimeError(notice.kind)

    with tv.Engine(settings(server), notice=broken) as engine:
        assert engine.trace(acme, ACME, "fail-503-once", timeout=60).lines
    (record,) = heard.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None


def test_asyncio_is_told_as_well(server: Standin, acme: tv.Tenant, heard: Heard) -> None:
    server.reset()

    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            await engine.trace(acme, ACME, "fail-503-once", timeout=60)

    asyncio.run(main())
    assert heard.one("retry").http_status == 503


def test_a_program_without_logging_prints_nothing() -> None:
    code = f"""
import sys
sys.path[:0] = {PATHS!r}
from launcher import standin
import tracevault as tv
from tests.conftest import ACME, fill, settings
with standin(quota=0) as server, tv.Vault.in_memory() as vault:
    fill(vault, server)
    with tv.Engine(settings(server)) as engine:
        try:
            engine.trace(vault.tenant("acme"), ACME, "fail-429-2", timeout=1)
        except tv.RateLimitedError:
            pass
        assert engine.stats()["notices"] == 1
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TRACEVAULT_LIBRARY": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_notice_is_a_frozen_value() -> None:
    document = {
        "schema": "tracevault.notice/1",
        "number": 7,
        "at": "2026-11-29T10:00:00.000Z",
        "kind": "rate_limited",
        "level": "warning",
        "message": "the quota rests",
        "tenant": "acme",
        "account_id": ACME,
        "message_ref": None,
        "vault_id": None,
        "status": None,
        "http_status": None,
        "until": "2026-11-29T10:05:00.000Z",
        "new_in_a_later_version": [1],
    }
    notice = tv.Notice.from_json(json.dumps(document))
    assert notice.to_dict() == document
    assert notice == tv.Notice.from_json(document)
    assert notice.at == datetime(2026, 11, 29, 10, tzinfo=timezone.utc)
    assert dict(notice.later) == {"new_in_a_later_version": [1]}
    with pytest.raises(ValueError, match="not a notice document"):
        tv.Notice.from_json({**document, "schema": "tracevault.check/1"})


def test_histograms_of_the_statistics_are_cumulative(engine: tv.Engine, acme: tv.Tenant) -> None:
    for _ in range(5):
        engine.trace(acme, ACME, GOOD, fresh=True)
    for member in ("latency", "try_latency"):
        found = engine.stats()[member]
        counts = [bucket["count"] for bucket in found["buckets"]]
        bounds = [bucket["below_us"] for bucket in found["buckets"]]
        assert counts == sorted(counts)
        assert bounds == [1 << doubling for doubling in range(10, 28)]
        assert counts[-1] == found["count"] == 5
        assert found["max_us"] <= found["sum_us"] <= 5 * found["max_us"]
