"""Who shares a fetch, and who is served from memory: identical requests, the trace cache."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
import tracevault as tv
from bare_server import ACCOUNT, BLOCK, TRACE, Server, reply, serving
from bare_server import engine as engine_at
from bare_server import tenant as tenant_at
from engine_scene import ACME, NEW, arrived, names, settings, slow, taken, until, vault_of
from launcher import Standin, standin

PENDING = {**TRACE, "result": {"inbound": {**BLOCK, "pending": True}, "outbound": BLOCK}}
REF = "4Njp3P0STMz2c02Q"


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
    with vault_of(server, "acme", "other") as made:
        yield made


@pytest.fixture
def engine(server: Standin) -> Iterator[tv.Engine]:
    with tv.Engine(settings(server)) as made:
        yield made


# ---- The same at the same time ---------------------------------------------------------------


def test_identical_traces_under_way_are_one_fetch_and_two_results(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    request = slow(vault.tenant("acme"), 400)
    first, second = engine.submit(request), engine.submit(request)
    results = taken(engine, 2)
    assert names(results.values()) == ["", ""]
    assert results[first].trace == results[second].trace
    assert arrived(server) == 1
    assert engine.stats()["joined"] == 1


@pytest.mark.parametrize("differs", ["tenant", "submission", "fresh", "message"])
def test_what_differs_is_fetched_for_itself(
    server: Standin, engine: tv.Engine, vault: tv.Vault, differs: str
) -> None:
    acme = vault.tenant("acme")
    other = {
        "tenant": slow(vault.tenant("other"), 400),
        "submission": slow(acme, 400, submission=True),
        "fresh": slow(acme, 400, fresh=True),
        "message": slow(acme, 401),
    }[differs]
    engine.submit(slow(acme, 400))
    engine.submit(other)
    assert names(taken(engine, 2).values()) == ["", ""]
    assert arrived(server) == 2


def test_a_new_credential_starts_a_fetch_of_its_own(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    acme = vault.tenant("acme")
    engine.submit(slow(acme, 400))
    until(lambda: arrived(server) == 1, "the first request")
    fresh = tv.ApiToken(bytearray(server.named("user token").token.encode()))
    with vault.edit() as edit:
        edit.put("acme", ACME, fresh, origin=server.origin)
    engine.submit(slow(acme, 400))
    assert names(taken(engine, 2).values()) == ["", ""]
    used = server.counts()["credentials"]
    assert sorted(used.values()) == [1, 1]


@pytest.mark.parametrize("leader", [True, False], ids=["first", "second"])
@pytest.mark.parametrize("how", ["cancelled", "out of time"])
def test_one_who_leaves_a_shared_fetch_takes_nothing_from_the_other(
    server: Standin, engine: tv.Engine, vault: tv.Vault, leader: bool, how: str
) -> None:
    acme = vault.tenant("acme")
    hasty = slow(acme, 900, timeout=0.2 if how == "out of time" else 60)
    patient = slow(acme, 900, timeout=60)
    ids = [engine.submit(request) for request in ((hasty, patient) if leader else (patient, hasty))]
    left, stays = ids if leader else ids[::-1]
    if how == "cancelled":
        until(lambda: arrived(server) == 1, "the request")
        engine.cancel(left)
    results = taken(engine, 2)
    expected = tv.CancelledError if how == "cancelled" else tv.DeadlineError
    assert isinstance(results[left].error, expected)
    assert results[stays].error is None
    assert arrived(server) == 1


def test_a_try_that_was_begun_for_the_hasty_lasts_as_long_as_who_joined_waits(
    server: Standin, vault: tv.Vault
) -> None:
    acme = vault.tenant("acme")
    with tv.Engine(settings(server, retry__max_attempts=1)) as engine:
        hasty = engine.submit(slow(acme, 5000, timeout=2))
        until(lambda: arrived(server) == 1, "the request")
        patient = engine.submit(slow(acme, 5000, timeout=60))
        results = taken(engine, 2)
    assert isinstance(results[hasty].error, tv.DeadlineError)
    assert results[patient].error is None
    assert arrived(server) == 1


def test_the_last_who_leaves_ends_the_fetch(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    ids = [engine.submit(slow(vault.tenant("acme"), 60_000)) for _ in range(3)]
    until(lambda: arrived(server) == 1, "the request")
    for identity in ids:
        engine.cancel(identity)
    assert names(taken(engine, 3).values()) == ["TV_E_CANCELLED"] * 3
    assert engine.stats()["in_flight"] == 0


class Gate:
    """A server that is pending for so many looks, and answers each when it is let."""

    def __init__(self, pending: int, *, open_: bool) -> None:
        self.pending = pending
        self.may_answer = threading.Event()
        if open_:
            self.may_answer.set()

    def __call__(self, head: bytes, number: int) -> bytes:
        self.may_answer.wait(60)
        return reply(PENDING if number <= self.pending else TRACE)


def seen(server: Server) -> int:
    return len(server.heads)


def test_each_of_those_who_share_waits_as_long_as_it_asked() -> None:
    gate = Gate(1, open_=False)
    with serving(gate) as server, engine_at(server.origin) as engine:
        acme = tenant_at(server.origin)
        hasty = engine.submit(tv.Request.trace(acme, ACCOUNT, REF, wait=0))
        patient = engine.submit(tv.Request.trace(acme, ACCOUNT, REF, wait=60))
        until(lambda: seen(server) == 1, "the request")
        gate.may_answer.set()
        results = taken(engine, 2)
        assert seen(server) == 2
    hasty_trace, patient_trace = results[hasty].trace, results[patient].trace
    assert hasty_trace is not None and not hasty_trace.complete
    assert patient_trace is not None and patient_trace.complete


def test_who_joins_a_wait_for_a_pending_trace_is_answered_with_a_look_of_its_own() -> None:
    """Not when the one who waits looks again: that may be half a minute later."""
    with serving(Gate(1000, open_=True)) as server, engine_at(server.origin) as engine:
        acme = tenant_at(server.origin)
        waits = engine.submit(tv.Request.trace(acme, ACCOUNT, REF, wait=600, timeout=3600))
        # The next comes after four seconds. One that is under way would be shared.
        until(lambda: seen(server) == 3 and engine.stats()["in_flight"] == 0, "three looks")
        asks = engine.submit(tv.Request.trace(acme, ACCOUNT, REF, timeout=3))
        result = engine.take(60)
        assert result is not None and result.id == asks
        assert result.trace is not None and not result.trace.complete
        assert seen(server) == 4
        engine.cancel(waits)


# ---- The same a moment later -----------------------------------------------------------------


def test_a_complete_trace_costs_one_request_however_often_it_is_asked_for(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    acme = vault.tenant("acme")
    traces = [engine.trace(acme, ACME, "slow-1") for _ in range(5)]
    assert arrived(server) == 1
    assert all(trace == traces[0] for trace in traces)
    cache = engine.stats()["cache"]
    assert (cache["traces"], cache["hits"]) == (1, 4) and cache["bytes"] > 0


@pytest.mark.parametrize("differs", ["fresh", "submission", "tenant", "credential", "no cache"])
def test_what_the_cache_must_not_answer_is_asked_for(
    server: Standin, vault: tv.Vault, differs: str
) -> None:
    acme = vault.tenant("acme")
    changes: dict[str, tv.Setting] = {"cache__max_age_ms": 0} if differs == "no cache" else {}
    with tv.Engine(settings(server, **changes)) as engine:
        engine.trace(acme, ACME, "slow-1")
        if differs == "credential":
            with vault.edit() as edit:
                another = tv.ApiToken(bytearray(server.named(NEW).token.encode()))
                edit.put("acme", ACME, another, origin=server.origin)
        tenant = vault.tenant("other") if differs == "tenant" else acme
        engine.trace(
            tenant,
            ACME,
            "slow-1",
            fresh=differs == "fresh",
            submission=True if differs == "submission" else None,
        )
        assert arrived(server) == 2
        assert engine.stats()["cache"]["hits"] == 0


def test_what_a_fresh_request_brought_is_what_the_next_one_gets() -> None:
    def grows(head: bytes, number: int) -> bytes:
        lines = [{"lineno": n, "message": f"line {n}"} for n in range(number)]
        side = {"lines": lines, "pending": False}
        return reply({**TRACE, "result": {"inbound": side, "outbound": side}})

    with serving(grows) as server, engine_at(server.origin) as engine:
        acme = tenant_at(server.origin)
        counts = [
            len(engine.trace(acme, ACCOUNT, REF, fresh=fresh).inbound.lines)
            for fresh in (False, False, True, False, False)
        ]
        assert counts == [1, 1, 2, 2, 2]
        assert len(server.heads) == 2


def test_a_pending_trace_and_a_failure_are_not_kept(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    acme = vault.tenant("acme")
    pending = next(m for m in server.messages_of(ACME) if m.pending_requests)
    assert not engine.trace(acme, ACME, pending.postfix_id).complete
    assert not engine.trace(acme, ACME, pending.postfix_id).complete
    for _ in range(2):
        with pytest.raises(tv.MessageNotFoundError):
            engine.trace(acme, ACME, "fail-404")
    assert arrived(server) == 4
    assert engine.stats()["cache"]["traces"] == 0


def test_the_cache_keeps_to_its_bytes_and_a_tenant_to_a_quarter(server: Standin) -> None:
    limit = 400_000
    tenants = [f"tenant-{number}" for number in range(6)]
    with (
        vault_of(server, *tenants) as vault,
        tv.Engine(settings(server, cache__max_bytes=limit)) as engine,
    ):
        for count, name in enumerate(tenants, 1):
            tenant = vault.tenant(name)
            before = engine.stats()["cache"]["bytes"]
            results = list(engine.batch(slow(tenant, ms) for ms in range(100)))
            assert names(results) == [""] * 100
            assert json.dumps(results[0].trace.to_dict() if results[0].trace else {})
            kept = engine.stats()["cache"]["bytes"]
            assert kept <= limit
            # Less than what came: the quarter was reached, and one tenant took no more than it.
            assert kept - before <= limit // 4
            assert count > 4 or kept > before + limit // 8
        # The first ones went for the last ones.
        assert arrived(server) == 600
        list(engine.batch(slow(vault.tenant(tenants[0]), ms) for ms in range(20)))
        assert arrived(server) > 600
