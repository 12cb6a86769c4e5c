"""Every request has exactly one result that tells the truth, and nobody waits for another's sake."""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ROOT, Compile
from engine_scene import ACME, arrived, names, settings, slow, taken, until, vault_of
from launcher import Standin, standin

SEED = int(os.environ.get("TRACEVAULT_SEED", "11"))


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
def acme(vault: tv.Vault) -> Iterator[tv.Tenant]:
    with vault.tenant("acme") as tenant:
        yield tenant


# ---- Exactly one -----------------------------------------------------------------------------


def outcomes(compiled: Compile) -> Path:
    return compiled("outcomes", ROOT / "Tests/abi/outcomes.c")


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_c_threads_with_small_stacks_get_a_result_for_every_request_and_an_end_for_every_hunt(
    server: Standin, compiled: Compile, seed: int
) -> None:
    done = subprocess.run(
        [str(outcomes(compiled)), server.base_url, server.ca_file, ACME]
        + [server.credential(ACME).token, str(seed)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_threads_get_one_result_for_every_request(server: Standin, acme: tv.Tenant) -> None:
    """Four threads submit and cancel at random, two take; the engine closes in the middle."""
    refs = ["slow-0", "slow-5", "slow-50", "fail-404", "fail-503-x2", "slow-60000"]
    engine = tv.Engine(settings(server))
    submitted: list[int] = []
    results: list[int] = []
    wrong: list[BaseException] = []

    def submit(number: int) -> None:
        chance = random.Random(SEED + number)
        for _ in range(150):
            kind = chance.random()
            request: tv.Request = tv.Request.trace(acme, ACME, chance.choice(refs), timeout=5)
            if kind < 0.1:
                request = tv.Request.search(acme, ACME, limit=3)
            elif kind < 0.2:
                request = tv.Request.check(acme, ACME)
            try:
                submitted.append(engine.submit(request))
                if chance.random() < 0.4:
                    engine.cancel(chance.choice(submitted))
            except (tv.ShutdownError, tv.ClosedError):
                return
            except tv.NotFoundError:
                continue
            except BaseException as error:
                wrong.append(error)

    def take() -> None:
        try:
            while (result := engine.take(0.2)) is not None or not closing.is_set():
                if result is not None:
                    results.append(result.id)
        except tv.ClosedError:
            pass

    closing = threading.Event()
    submitters = [threading.Thread(target=submit, args=(n,)) for n in range(4)]
    takers = [threading.Thread(target=take) for _ in range(2)]
    for thread in submitters + takers:
        thread.start()
    until(lambda: len(results) > 150, "some results")
    engine.close()
    closing.set()
    for thread in submitters + takers:
        thread.join(60)
        assert not thread.is_alive()
    while (left := leftover(engine)) is not None:
        results.append(left.id)
    assert wrong == []
    assert Counter(results) == Counter(submitted)


def leftover(engine: tv.Engine) -> tv.Result | None:
    try:
        return engine.take(0)
    except tv.ClosedError:
        return None


# ---- Why nothing came ------------------------------------------------------------------------


def test_who_cannot_wait_for_a_parked_group_is_told_at_once_and_until_when(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server, engine__max_in_flight=1)) as engine:
        first = engine.submit(tv.Request.trace(acme, ACME, "slow-300"))
        parks = engine.submit(tv.Request.trace(acme, ACME, "fail-429-290", timeout=200))
        waits = [engine.submit(slow(acme, ms, timeout=200)) for ms in range(1, 21)]
        patient = engine.submit(slow(acme, 30, timeout=7200))
        results = taken(engine, 22)
        assert results[first].error is None
        for identity in [parks, *waits]:
            error = results[identity].error
            assert isinstance(error, tv.RateLimitedError) and error.retriable
            assert 280 < (error.retry_after or 0) <= 290
        assert arrived(server) == 2
        with pytest.raises(tv.RateLimitedError) as caught:
            engine.trace(acme, ACME, "slow-2", timeout=200)
        assert 280 < (caught.value.retry_after or 0) <= 290
        assert arrived(server) == 2
        engine.cancel(patient)


def test_a_parking_by_another_process_is_told_at_once_as_well(server: Standin) -> None:
    """Two engines in two processes on one ledger; the other one meets the 429."""
    directory = Path("/var/tmp") / f"tracevault-outcomes-{os.getpid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    ledger = directory / "budget.ledger"
    shared = settings(
        server,
        budget__ledger=str(ledger),
        budget__quota=60,
        budget__window_ms=60_000,
        budget__share_percent=100,
    )
    try:
        with vault_of(server, "acme") as vault, tv.Engine(shared) as engine:
            acme = vault.tenant("acme")
            for ms in range(1, 4):
                assert engine.trace(acme, ACME, f"slow-{ms}").complete  # the burst is spent
            waits = [engine.submit(slow(acme, ms, timeout=200)) for ms in range(10, 40)]
            child = os.fork()
            if child == 0:
                os._exit(park_in_child(server, shared))
            assert os.waitpid(child, 0)[1] == 0
            told = []
            for _ in waits:
                result = engine.take(30)
                assert result is not None, "somebody waits for what cannot come"
                if result.error:
                    told.append(result.error)
            assert len(told) > 20
            for error in told:
                assert isinstance(error, tv.RateLimitedError)
                assert 240 < (error.retry_after or 0) <= 290
    finally:
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()


def park_in_child(server: Standin, shared: dict[str, tv.Setting]) -> int:
    """Spends one permit on a message that is answered with 429 for some minutes."""
    try:
        with vault_of(server, "acme") as vault, tv.Engine(shared) as engine:
            engine.trace(vault.tenant("acme"), ACME, "fail-429-290", timeout=60)
    except tv.RateLimitedError:
        return 0
    except BaseException:
        return 2
    return 1


def test_a_deadline_tells_what_the_last_try_met(server: Standin, acme: tv.Tenant) -> None:
    with tv.Engine(settings(server, retry__max_attempts=20, retry__base_ms=60_000)) as engine:
        with pytest.raises(tv.TraceVaultError) as caught:
            engine.trace(acme, ACME, "fail-503", timeout=1)
        assert caught.value.status is tv.Status.E_SERVER and caught.value.http_status == 503


# ---- Nobody for another's sake ---------------------------------------------------------------


def test_a_tenant_may_have_only_so_many_requests_outstanding(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    other = vault.tenant("other")
    with tv.Engine(settings(server, engine__max_queued_per_tenant=3)) as engine:
        for ms in (1, 2, 3):
            engine.submit(slow(acme, ms))
        with pytest.raises(tv.QueueFullError) as caught:
            engine.submit(slow(acme, 4))
        assert caught.value.retriable and "max_queued_per_tenant" in caught.value.message
        engine.submit(slow(other, 1))
        assert names(taken(engine, 4).values()) == [""] * 4
        engine.submit(slow(acme, 4))
        assert names(taken(engine, 1).values()) == [""]


def test_a_tenant_has_only_so_many_requests_under_way(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    other = vault.tenant("other")
    with tv.Engine(settings(server, engine__max_in_flight_per_tenant=2)) as engine:
        for ms in range(60_000, 60_020):
            engine.submit(slow(acme, ms))
        until(lambda: arrived(server) == 2, "the first two")
        # The other's go and come while the first tenant's hang.
        for ms in range(1, 6):
            assert engine.trace(other, ACME, f"slow-{ms}").complete
        stats = engine.stats()
        assert (stats["in_flight"], stats["queued"]) == (2, 18)
        assert arrived(server) == 7


def test_a_tenant_whose_requests_all_hang_leaves_room_for_the_others(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    other = vault.tenant("other")
    with tv.Engine(settings(server, engine__max_in_flight=16)) as engine:
        for ms in range(60_000, 60_200):
            engine.submit(slow(acme, ms))
        until(lambda: arrived(server) >= 14, "the hanging ones")
        for ms in range(1, 11):
            assert engine.trace(other, ACME, f"slow-{ms}", timeout=10).complete
        assert engine.stats()["in_flight"] < 16


def test_interactive_requests_go_before_bulk_ones_of_the_same_tenant(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server, engine__max_in_flight=1)) as engine:
        engine.submit(slow(acme, 400))
        until(lambda: arrived(server) == 1, "the first")
        bulk = [engine.submit(slow(acme, ms, priority="bulk")) for ms in range(1, 11)]
        urgent = [engine.submit(slow(acme, ms)) for ms in range(11, 16)]
        order = list(taken(engine, 16))
        assert order[1:6] == urgent
        assert order[6:] == bulk


def test_a_bulk_request_that_somebody_waits_for_goes_with_the_interactive_ones(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server, engine__max_in_flight=1)) as engine:
        engine.submit(slow(acme, 400))
        until(lambda: arrived(server) == 1, "the first")
        bulk = [engine.submit(slow(acme, ms, priority="bulk")) for ms in range(1, 6)]
        joins = engine.submit(slow(acme, 5))
        order = list(taken(engine, 7))
        assert {*order[1:3]} == {bulk[4], joins}
        assert order[3:] == bulk[:4]
        assert arrived(server) == 6
