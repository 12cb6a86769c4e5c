"""Many requests at a time: batches, submit, take and cancel."""

from __future__ import annotations

import contextlib
import gc
import itertools
import shutil
import time
from collections import Counter, deque
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv

from .conftest import ACME, settings, work


def test_a_batch_gives_exactly_one_result_for_every_request_of_every_tenant(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    requests = work(server, vault) * 5
    results = list(engine.batch(requests))
    assert Counter(map(id, requests)) == Counter(id(result.request) for result in results)
    assert {result.request.tenant.name for result in results} == {"acme", "globex", "initech"}
    for result in results:
        assert result.error is None
        assert result.trace is not None
        assert result.trace.message_ref == result.request.message_ref
        assert result.trace.tenant == result.request.tenant.name


def test_a_refused_request_is_one_result_among_the_others(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    refs = [good, "not a ref", "fail-404", good]
    results = list(engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs))
    assert sorted(result.error.name if result.error else "" for result in results) == [
        "",
        "",
        "TV_E_MESSAGE_REF",
        "TV_E_NO_MESSAGE",
    ]
    assert all((result.trace is None) != (result.error is None) for result in results)


def test_a_queue_of_three_holds_a_batch_back_and_loses_nothing(
    server: Standin, vault: tv.Vault
) -> None:
    requests = work(server, vault)
    with tv.Engine(settings(server, engine_max_queued=3)) as engine:
        results = list(engine.batch(requests))
    assert Counter(map(id, requests)) == Counter(id(result.request) for result in results)
    assert [result.error for result in results if result.error] == []


def test_a_batch_waits_for_room_that_other_requests_take_up(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    with tv.Engine(settings(server, engine_max_queued=1)) as engine:
        engine.submit(tv.Request.trace(acme, ACME, "slow-300"))
        (result,) = engine.batch([tv.Request.trace(acme, ACME, good)])
        assert result.trace is not None
        taken = engine.take(60)
        assert taken is not None
        assert taken.trace is not None


def test_a_batch_reads_no_further_ahead_than_its_window_and_half_of_another(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    drawn = 0

    def endless() -> Iterator[tv.Request]:
        nonlocal drawn
        for message in itertools.cycle(server.messages_of(ACME)):
            drawn += 1
            yield tv.Request.trace(acme, ACME, message.postfix_id)

    results = engine.batch(endless(), window=4)
    for _ in range(10):
        assert next(results).error is None
    assert drawn <= 10 + 4 + 3  # under way, and what stands aside
    results.close()


def test_leaving_a_batch_early_cancels_the_rest(engine: tv.Engine, acme: tv.Tenant) -> None:
    refs = ["bad-html", *["slow-60000"] * 20]
    for result in engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs):
        assert result.error is not None
        break
    gc.collect()
    until = time.monotonic() + 30
    while engine.stats()["outstanding"] and time.monotonic() < until:
        assert engine.take(0.05) is None
    assert engine.stats()["outstanding"] == 0


def test_an_error_in_the_callers_iterable_is_raised_when_what_is_under_way_has_been_told(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    def broken() -> Iterator[tv.Request]:
        for _ in range(5):
            yield tv.Request.trace(acme, ACME, "slow-300", fresh=True)
        raise KeyError("their own")

    told: list[tv.Result] = []
    with pytest.raises(KeyError, match="their own"):
        deque(map(told.append, engine.batch(broken())), maxlen=0)
    assert [result.error for result in told] == [None] * 5


@pytest.mark.parametrize("kind", ["iterator", "list"])
@pytest.mark.parametrize("name", ["follow", "progress"])
def test_a_fault_of_the_callers_loses_nothing_that_was_drawn_from_an_iterator(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, name: str, kind: str
) -> None:
    """A list is still there, so no more is asked of it."""
    good = server.messages_of(ACME)[0].postfix_id
    requests = [tv.Request.trace(acme, ACME, good, tag=number) for number in range(200)]
    drawn: list[int] = []
    calls = itertools.count()

    def one_by_one() -> Iterator[tv.Request]:
        for request in requests:
            drawn.append(request.tag)
            yield request

    def breaks(_: object) -> None:
        if next(calls) > 2:
            raise KeyError("their own")

    told: list[tv.Result] = []
    given = one_by_one() if kind == "iterator" else requests
    functions: Any = {name: breaks}
    with pytest.raises(KeyError, match="their own"):
        deque(map(told.append, engine.batch(given, window=4, **functions)), maxlen=0)
    assert [result.error for result in told] == [None] * len(told)
    assert len(told) < 20
    if kind == "iterator":
        assert sorted(result.tag for result in told) == drawn


@pytest.mark.parametrize("wait", [float("inf"), 1e10, 30 * 86_400, timedelta(days=400)], ids=str)
def test_take_waits_as_long_as_it_is_told_however_long_that_is(
    engine: tv.Engine, acme: tv.Tenant, wait: float | timedelta
) -> None:
    engine.submit(tv.Request.trace(acme, ACME, "slow-300", fresh=True))
    assert engine.take(wait) is not None
    assert engine.take(timedelta(0)) is None


def test_submit_take_and_cancel_give_every_result_once(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    fast = engine.submit(tv.Request.trace(acme, ACME, good))
    slow = engine.submit(tv.Request.trace(acme, ACME, "slow-60000"))
    first = engine.take(60)
    assert first is not None
    assert (first.id, first.error) == (fast, None)
    assert engine.take(0) is None
    engine.cancel(slow)
    second = engine.take(60)
    assert second is not None
    assert second.id == slow
    assert isinstance(second.error, tv.CancelledError)
    assert engine.take(0) is None
    with pytest.raises(tv.NotFoundError):
        engine.cancel(slow)


def test_submitting_more_than_the_queue_holds_is_an_error_until_something_is_taken(
    server: Standin, acme: tv.Tenant
) -> None:
    request = tv.Request.trace(acme, ACME, server.messages_of(ACME)[0].postfix_id)
    with tv.Engine(settings(server, engine_max_queued=2)) as engine:
        engine.submit(request)
        engine.submit(request)
        with pytest.raises(tv.QueueFullError) as caught:
            engine.submit(request)
        assert caught.value.retriable
        assert engine.take(60) is not None
        engine.submit(request)


def test_untaken_results_count_also_when_another_call_has_fetched_them(
    server: Standin, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    with tv.Engine(settings(server, engine_max_queued=2)) as engine:
        for _ in range(2):
            engine.submit(tv.Request.trace(acme, ACME, good))
        while engine.stats()["untaken"] < 2:
            time.sleep(0.01)
        engine.trace(acme, ACME, good)
        with pytest.raises(tv.QueueFullError):
            engine.submit(tv.Request.trace(acme, ACME, good))
        assert [engine.take(60) is None, engine.take(60) is None] == [False, False]


def test_results_nobody_wants_any_more_take_up_no_room(server: Standin, acme: tv.Tenant) -> None:
    good = tv.Request.trace(acme, ACME, server.messages_of(ACME)[0].postfix_id)
    with tv.Engine(settings(server, engine_max_queued=2)) as engine:
        refs = ["bad-html", "slow-60000"]
        results = engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs)
        next(results)
        results.close()
        while engine.stats()["untaken"] < 1:
            time.sleep(0.01)
        engine.submit(good)
        engine.submit(good)


def test_the_estimate_of_a_batch_adds_up_nothing_of_two_vaults(tmp_path: Path) -> None:
    """A file may say of itself what another one says, as a copy does that somebody has changed."""
    account = f"{1:032x}"
    raw = bytes(range(32))
    with tv.Vault.create(tmp_path / "one", tv.RawKey(bytearray(raw))) as made, made.edit() as edit:
        edit.put("acme", account, tv.ApiToken("test-token-not-real"))
    shutil.copy(tmp_path / "one", tmp_path / "two")
    with contextlib.ExitStack() as stack:
        vaults = [
            stack.enter_context(tv.Vault.open(tmp_path / name, tv.RawKey(bytearray(raw))))
            for name in ("one", "two")
        ]
        assert len({one.accounts()[0].fingerprint for one in vaults}) == 1
        requests = [
            tv.Request.trace(vault.tenant("acme"), account, "x")
            for vault, count in zip(vaults, (900, 5), strict=True)
            for _ in range(count)
        ]
        engine = stack.enter_context(tv.Engine({"budget.ledger": "private"}))
        told = engine.estimate_batch(requests)
    assert sorted(group["count"] for group in told["groups"]) == [5, 900]


def test_the_estimate_of_a_batch_adds_up_what_spends_one_quota(server: Standin) -> None:
    accounts = [f"{number:032x}" for number in range(4)]
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for number, account in enumerate(accounts):
                token = tv.ApiToken(f"test-token-not-real-{number}")
                group = "one user" if number < 2 else None
                edit.put(f"tenant {number % 2}", account, token, budget_group=group)
        tenants = {account.account_id: vault.tenant(account.tenant) for account in vault.accounts()}
        requests = [
            tv.Request.trace(tenants[account], account, "x")
            for number, account in enumerate(accounts)
            for _ in range(100 * (number + 1))
        ]
        with tv.Engine({"budget.ledger": "private"}) as engine:
            told = engine.estimate_batch(requests)
            assert sorted(group["count"] for group in told["groups"]) == [300, 300, 400]
            assert told["count"] == 1000
            assert told["done_ms"] == max(group["done_ms"] for group in told["groups"]) > 0
            assert engine.estimate_batch([]) == {
                "count": 0,
                "done_ms": 0,
                "done_at": None,
                "groups": [],
            }


def test_the_estimate_of_a_batch_lists_the_accounts_of_a_tenant_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed: list[tv.Tenant] = []
    accounts = tv.Tenant.accounts

    def noted(tenant: tv.Tenant) -> list[tv.Account]:
        listed.append(tenant)
        return accounts(tenant)

    monkeypatch.setattr(tv.Tenant, "accounts", noted)
    with tv.Vault.in_memory() as vault, tv.Engine({"budget.ledger": "private"}) as engine:
        with vault.edit() as edit:
            for number in range(20):
                edit.put("acme", f"{number:032x}", tv.ApiToken(f"test-token-not-real-{number}"))
            edit.put("solo", f"{1:032x}", tv.ApiToken("test-token-not-real-solo"))
        acme, solo = vault.tenant("acme"), vault.tenant("solo")
        requests = [tv.Request.trace(acme, f"{number:032x}", "x") for number in range(20)]
        # All mean the only one that there is.
        requests += [tv.Request.trace(solo, account, "x") for account in (None, f"{1:032x}")]
        requests.append(tv.Request.trace(vault.tenant("solo"), None, "x"))
        told = engine.estimate_batch(requests)
    assert [group["count"] for group in told["groups"]] == [1] * 20 + [3]
    assert listed == [acme, solo]
