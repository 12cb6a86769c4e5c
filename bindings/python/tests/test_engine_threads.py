"""Threads that share an engine, and the end of one."""

from __future__ import annotations

import gc
import threading
import time

import pytest
from launcher import Standin

import tracevault as tv

from .conftest import ACME, settings, work


def test_many_threads_share_one_engine_and_each_gets_its_own_traces(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    requests = [request for request in work(server, vault) if not request.submission]
    wrong: list[object] = []

    def fetch(offset: int) -> None:
        for request in requests[offset::8]:
            try:
                trace = engine.trace(request.tenant, request.account_id, request.message_ref)
            except tv.TraceVaultError as error:
                wrong.append(error)
            else:
                if trace.message_ref != request.message_ref:
                    wrong.append((trace.message_ref, request.message_ref))

    def fetch_all() -> None:
        results = list(engine.batch(requests))
        if sorted(map(id, requests)) != sorted(id(result.request) for result in results):
            wrong.append("a batch lost or mixed up results")

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(8)]
    threads += [threading.Thread(target=fetch_all) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_a_slow_request_of_one_thread_does_not_hold_up_another(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    errors: list[tv.TraceVaultError] = []

    def wait_long() -> None:
        try:
            engine.trace(acme, ACME, "slow-60000", timeout=600)
        except tv.TraceVaultError as error:
            errors.append(error)

    slow = threading.Thread(target=wait_long)
    slow.start()
    good = server.messages_of(ACME)[0].postfix_id
    assert engine.trace(acme, ACME, good).message_ref == good
    assert slow.is_alive()
    engine.close()
    slow.join(60)
    assert [type(error) for error in errors] == [tv.ShutdownError]


# ---- The end -----------------------------------------------------------------------------------


def test_closing_completes_everything_under_way_with_a_shutdown_error(
    server: Standin, acme: tv.Tenant
) -> None:
    engine = tv.Engine(settings(server))
    ended: list[tv.Result] = []

    def batch() -> None:
        refs = ["slow-60000"] * 5
        ended.extend(engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs))

    thread = threading.Thread(target=batch)
    thread.start()
    while engine.stats()["outstanding"] < 5:
        time.sleep(0.01)
    identity = engine.submit(tv.Request.trace(acme, ACME, "slow-60000"))
    engine.close()
    thread.join(60)
    assert [type(result.error) for result in ended] == [tv.ShutdownError] * 5
    left = engine.take(0)
    assert left is not None
    assert (left.id, type(left.error)) == (identity, tv.ShutdownError)


def test_results_nobody_waited_for_can_be_taken_after_closing(
    server: Standin, acme: tv.Tenant
) -> None:
    engine = tv.Engine(settings(server))
    ids = [engine.submit(tv.Request.trace(acme, ACME, "slow-60000")) for _ in range(3)]
    engine.close()
    left = [engine.take(0), engine.take(), engine.take(60)]
    assert sorted(result.id for result in left if result) == sorted(ids)
    assert [type(result.error) for result in left if result] == [tv.ShutdownError] * 3
    with pytest.raises(tv.ClosedError):
        engine.take()


def test_a_closed_engine_refuses_everything_and_closes_again(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    engine.close()
    engine.close()
    assert engine.closed
    request = tv.Request.trace(acme, ACME, "x")
    with pytest.raises(tv.ClosedError):
        engine.trace(acme, ACME, "x")
    with pytest.raises(tv.ClosedError):
        engine.batch([request])
    with pytest.raises(tv.ClosedError):
        engine.submit(request)
    with pytest.raises(tv.ClosedError):
        engine.take(None)
    with pytest.raises(tv.ClosedError):
        engine.stats()


def test_a_forgotten_engine_ends_its_thread(server: Standin) -> None:
    before = threads_of_this_process()
    engine = tv.Engine(settings(server))
    assert threads_of_this_process() == before + 1
    del engine
    gc.collect()
    assert threads_of_this_process() == before


def threads_of_this_process() -> int:
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("Threads:")).split()[1])
