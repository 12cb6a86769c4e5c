"""What tv_engine_stats() tells: each number of docs/statistics.md means what it says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from c_programs import ROOT
from engine_scene import ACME, arrived, settings, slow, taken, token, until, vault_of
from launcher import Standin, standin
from tracevault._lib import check, library


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


@pytest.fixture
def server(running: Standin) -> Standin:
    running.reset()
    return running


@pytest.fixture
def vault(server: Standin) -> Iterator[tv.Vault]:
    with vault_of(server, "acme") as made:
        with made.edit() as edit:
            edit.set("acme", ACME, budget_group="one user")
        yield made


@pytest.fixture
def acme(vault: tv.Vault) -> Iterator[tv.Tenant]:
    with vault.tenant("acme") as tenant:
        yield tenant


def group(engine: tv.Engine) -> dict[str, Any]:
    stats = engine.stats()
    assert (stats["group_count"], len(stats["groups"])) == (1, 1)
    found: dict[str, Any] = stats["groups"][0]
    return found


def test_queue_depths_tell_where_every_request_is(server: Standin, acme: tv.Tenant) -> None:
    with tv.Engine(settings(server, engine__max_in_flight=2, retry__base_ms=60_000)) as engine:
        sleeper = engine.submit(tv.Request.trace(acme, ACME, "fail-503-30-once"))
        until(lambda: engine.stats()["sleeping"] == 1, "the failure")
        engine.submit(slow(acme, 1))
        until(lambda: engine.stats()["untaken"] == 1, "a result that nobody takes")
        hanging = [engine.submit(slow(acme, ms)) for ms in range(60_000, 60_005)]
        until(lambda: arrived(server) == 4, "the hanging ones")
        stats = engine.stats()
        places = ("sleeping", "untaken", "in_flight", "queued", "outstanding")
        assert [stats[place] for place in places] == [1, 1, 2, 3, 7]
        assert (group(engine)["in_flight"], group(engine)["queued"]) == (2, 3)
        for identity in [sleeper, *hanging]:
            engine.cancel(identity)
        taken(engine, 7)
        stats = engine.stats()
        assert [stats[place] for place in places] == [0, 0, 0, 0, 0]
        assert (group(engine)["in_flight"], group(engine)["queued"]) == (0, 0)


def test_at_most_a_hundred_groups_are_listed_the_busiest_first_each_by_its_name(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    accounts = [f"{n:032x}" for n in range(1, 121)]
    with vault.edit() as edit:
        for account in accounts:
            edit.put("acme", account, token(server), origin=server.origin, budget_group=account)
    with tv.Engine(settings(server, engine__max_in_flight=1)) as engine:
        for account in accounts:
            engine.submit(tv.Request.check(acme, account))
        taken(engine, len(accounts))
        hanging = [engine.submit(slow(acme, ms)) for ms in (60_000, 60_001)]
        until(lambda: engine.stats()["queued"] == 1, "one that hangs and one that waits")
        stats = engine.stats()
        listed = [one["name"] for one in stats["groups"]]
        assert stats["group_count"] == 121
        assert listed[0] == "one user"
        assert len(listed) == len(set(listed)) == 100
        assert set(listed[1:]) < set(accounts)
        for identity in hanging:
            engine.cancel(identity)


def test_outcomes_are_counted_by_what_they_were(server: Standin, acme: tv.Tenant) -> None:
    with tv.Engine(settings(server)) as engine:
        assert engine.trace(acme, ACME, "fail-503-x2").attempts == 3
        pending = next(m for m in server.messages_of(ACME) if m.pending_requests)
        engine.trace(acme, ACME, pending.postfix_id)
        for ref, error in (("fail-404", tv.MessageNotFoundError), ("bad-html", tv.ReplyError)):
            with pytest.raises(error):
                engine.trace(acme, ACME, ref)
        for _ in range(2):
            engine.submit(slow(acme, 300))
        taken(engine, 2)
        engine.trace(acme, ACME, "slow-300")
        pages = len(engine.search(acme, ACME, limit=5, per_page=1).messages)
        stats = engine.stats()
        assert stats["answers"] == {"TV_OK": 6, "TV_E_NO_MESSAGE": 1, "TV_E_FOREIGN_REPLY": 1}
        assert stats["tries"] == arrived(server) == 3 + 1 + 2 + 1 + pages
        assert (stats["transient_failures"], stats["pending_answers"]) == (2, 1)
        assert stats["pages"] == pages - 1 and pages > 1
        assert (stats["joined"], stats["cache"]["hits"]) == (1, 1)
        assert (stats["rate_limited"], stats["credentials_refused"]) == (0, 0)
        assert stats["credentials"] == 1
        connections = stats["connections"]
        assert 1 <= connections["open"] <= connections["made"]
        for name, count in (("latency", 8), ("try_latency", stats["tries"])):
            times = stats[name]
            assert times["count"] == count
            in_order = [times[key] for key in ("p50_us", "p90_us", "p99_us", "max_us")]
            assert in_order == sorted(in_order) and in_order[0] > 0
        # One of them took 300 ms, and nothing was faster than light.
        assert stats["latency"]["max_us"] >= 300_000
        assert stats["slowest_ms"] == stats["latency"]["max_us"] // 1000


def test_a_refused_credential_and_a_parked_group_are_to_be_seen(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server)) as engine:
        assert group_is_free(engine, acme)
        waits = engine.submit(tv.Request.trace(acme, ACME, "fail-429-290", timeout=7200))
        until(lambda: engine.stats()["rate_limited"] == 1, "the 429")
        queued = engine.submit(slow(acme, 1, timeout=7200))
        until(lambda: engine.stats()["queued"] == 2, "the next one, behind the first")
        parked = group(engine)
        assert 280_000 < parked["parked_ms"] <= 290_000
        assert 280_000 < parked["next_permit_ms"] <= 290_000
        assert parked["available"] == 0
        for identity in (waits, queued):
            engine.cancel(identity)
        taken(engine, 2)
    with tv.Engine(settings(server)) as engine:
        server.revoke(server.credential(ACME))
        with pytest.raises(tv.CredentialError):
            engine.trace(acme, ACME, "slow-2", timeout=7200)
        assert engine.stats()["credentials_refused"] == 1


def group_is_free(engine: tv.Engine, acme: tv.Tenant) -> bool:
    """Nothing parks it, and without a quota there is no number of what could go."""
    engine.trace(acme, ACME, "slow-9")
    free = group(engine)
    return (free["name"], free["available"], free["parked_ms"], free["next_permit_ms"]) == (
        "one user",
        None,
        0,
        0,
    )


def test_what_is_left_of_a_quota_is_to_be_seen(server: Standin, acme: tv.Tenant) -> None:
    # A day's quota of a hundred: five at once, then one every quarter of an hour.
    day = {"budget.quota": 100, "budget.window_ms": 86_400_000, "budget.share_percent": 100}
    with tv.Engine({**settings(server), **day}) as engine:
        for left in (4, 3, 2, 1, 0):
            engine.trace(acme, ACME, f"slow-{left}")
            assert group(engine)["available"] == left
        assert 800_000 < group(engine)["next_permit_ms"] < 1_000_000
        assert group(engine)["parked_ms"] == 0


def test_where_the_ledger_is_and_why_not(server: Standin, acme: tv.Tenant) -> None:
    directory = Path("/var/tmp") / f"tracevault-stats-{os.getpid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    good, bad = directory / "good.ledger", directory / "bad.ledger"
    bad.touch(mode=0o600)
    bad.write_text("somebody's notes\n")
    try:
        with tv.Engine(settings(server, budget__ledger=str(good), budget__quota=100)) as engine:
            engine.trace(acme, ACME, "slow-1")
            ledger = engine.stats()["ledger"]
            assert (ledger["shared"], ledger["path"], ledger["warning"]) == (True, str(good), "")
            assert ledger["groups"] >= 1 and ledger["overflows"] == 0
        with tv.Engine(settings(server, budget__ledger=str(bad), budget__quota=100)) as engine:
            assert engine.trace(acme, ACME, "slow-1").complete
            ledger = engine.stats()["ledger"]
            assert (ledger["shared"], ledger["path"]) == (False, str(bad))
            assert "not a ledger" in ledger["warning"]
        with tv.Engine(settings(server, budget__ledger="private")) as engine:
            ledger = engine.stats()["ledger"]
            assert (ledger["shared"], ledger["path"], ledger["warning"]) == (False, "", "")
        assert bad.read_text() == "somebody's notes\n"
    finally:
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()


def test_statistics_answer_after_the_shutdown_as_well(server: Standin, acme: tv.Tenant) -> None:
    engine = tv.Engine(settings(server))
    engine.trace(acme, ACME, "slow-1")
    engine.submit(slow(acme, 60_000))
    until(lambda: arrived(server) == 2, "the second")
    check(library().tv_engine_shutdown, engine._exchange.handle.ref)
    stats = engine.stats()
    assert stats["answers"] == {"TV_OK": 1, "TV_E_SHUTDOWN": 1}
    assert (stats["in_flight"], stats["queued"], stats["sleeping"]) == (0, 0, 0)
    assert engine.stats() == stats
    engine.close()


def test_every_number_is_documented_and_every_documented_number_is_there(
    server: Standin, acme: tv.Tenant, tmp_path: Path
) -> None:
    def members(value: Any, path: str = "") -> set[str]:
        if isinstance(value, list):
            return set().union(*(members(item, path + "[]") for item in value))
        if isinstance(value, dict) and path != "answers":
            return set().union(
                *(members(item, f"{path}.{key}".lstrip(".")) for key, item in value.items())
            )
        return {path}

    text = (ROOT / "docs/statistics.md").read_text(encoding="utf-8")
    documented: set[str] = set()
    for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE):
        documented |= set(re.findall(r"`([^`]+)`", row))
    documented.remove("ledger.redis")  # null where no Redis is named
    tmp_path.chmod(0o700)
    path = tmp_path / "gone.vault"
    key = tv.RawKey(bytearray(range(32)))
    # Nobody listens there: what is told of a shared quota has the same names.
    alone = settings(server, redis__addresses="redis://127.0.0.1:9")
    with tv.Engine(alone) as engine, tv.Vault.create(path, key) as gone:
        with gone.edit() as edit:
            edit.put("acme", ACME, token(server), origin=server.origin)
        for tenant in (acme, gone.tenant("acme")):
            engine.trace(tenant, ACME, "slow-1")
        path.unlink()
        until(lambda: "refresh_error" in gone.describe(), "the vault is out of sight")
        assert members(engine.stats()) == documented
