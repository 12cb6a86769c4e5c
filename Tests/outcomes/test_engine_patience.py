"""What only has to wait is not lost, what cannot be met is told at once, and a deadline says why."""

from __future__ import annotations

import ctypes
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import ACME, arrived, names, settings, slow, taken, until, vault_of
from launcher import Standin, standin
from tracevault._abi import DocumentRef
from tracevault._lib import check, library

#: Three at once, and then sixty a second.
QUICK: dict[str, tv.Setting] = {
    "budget__quota": 63,
    "budget__window_ms": 1000,
    "budget__share_percent": 100,
}
#: Three at once, and then one a second.
SLOW: dict[str, tv.Setting] = {
    "budget__quota": 63,
    "budget__window_ms": 60_000,
    "budget__share_percent": 100,
}


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
    with vault_of(server, "acme", "globex") as made:
        yield made


@pytest.fixture
def acme(vault: tv.Vault) -> Iterator[tv.Tenant]:
    with vault.tenant("acme") as tenant:
        yield tenant


def traces(tenant: tv.Tenant, count: int, **options: object) -> Iterator[tv.Request]:
    for number in range(count):
        yield tv.Request.trace(tenant, ACME, f"slow-{number % 50}", fresh=True, **options)  # type: ignore[arg-type]


# ---- Patience ----------------------------------------------------------------------------------


def test_a_batch_waits_for_the_quota_however_long_its_deadline_is(
    server: Standin, acme: tv.Tenant
) -> None:
    # Seven seconds of quota, and a deadline of three.
    with tv.Engine(settings(server, request__deadline_ms=3000, **QUICK)) as engine:
        assert names(engine.batch(traces(acme, 420))) == [""] * 420


def test_bulk_requests_do_so_too_and_those_with_a_deadline_do_not(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server, request__deadline_ms=3000, **QUICK)) as engine:
        for request in traces(acme, 420, priority="bulk"):
            engine.submit(request)
        assert names(taken(engine, 420).values()) == [""] * 420
        for request in traces(acme, 420, priority="bulk", timeout=3):
            engine.submit(request)
        ends = names(taken(engine, 420).values())
        # One that might have come just in time is admitted.
        assert {"", "TV_E_RATE_LIMITED"} <= {*ends} <= {"", "TV_E_RATE_LIMITED", "TV_E_DEADLINE"}


def test_what_the_queue_cannot_let_go_in_time_is_refused_at_once_with_the_time(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server, **SLOW)) as engine:
        for request in traces(acme, 20, timeout=60):
            engine.submit(request)
        late = engine.submit(tv.Request.trace(acme, ACME, "slow-9", timeout=5))
        result = next(r for r in iter(lambda: engine.take(30), None) if r.id == late)
        error = result.error
        assert isinstance(error, tv.RateLimitedError)
        assert error.retriable and error.retry_after is not None and error.retry_after > 5
        assert "quota" in error.message


# ---- Estimates ---------------------------------------------------------------------------------


def test_the_estimate_tells_burst_rate_and_end(server: Standin, acme: tv.Tenant) -> None:
    with tv.Engine(settings(server, budget__quota=1200, budget__ledger="private")) as engine:
        found = engine.estimate(acme, 1200)
        assert (found["available"], found["burst"], found["per_minute"]) == (54, 54, 205)
        assert (found["ahead"], found["first_ms"], found["parked_ms"]) == (0, 0, 0)
        assert 330_000 < found["done_ms"] < 340_000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["done_at"])
        for request in traces(acme, 100, priority="bulk"):
            engine.submit(request)
        until(lambda: engine.stats()["queued"] > 40, "the queue")
        later = engine.estimate(acme, 1200, ACME)
        assert later["ahead"] > 40 and later["done_ms"] > found["done_ms"]
        (group,) = engine.stats()["groups"]
        assert (group["burst"], group["per_minute"]) == (54, 205)
        assert group["done_ms"] > 10_000


def test_an_estimate_without_a_quota_and_its_refusals(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server)) as engine:
        found = engine.estimate(acme, 5000)
        assert (found["available"], found["burst"], found["per_minute"]) == (None, None, None)
        assert found["done_ms"] == 0
        for count in (0, 2_000_000_000):
            with pytest.raises(tv.ArgumentError):
                engine.estimate(acme, count)
        with pytest.raises(tv.NotFoundError):
            engine.estimate(acme, 1, "0" * 32)
        lib = library()
        document = DocumentRef()
        tenant = acme._handle.ref
        ref = engine._exchange.handle.ref
        check(lib.tv_engine_estimate, ref, tenant, b"", 0, 1, ctypes.byref(document))
        lib.tv_document_free(document)
    with pytest.raises(tv.TraceVaultError):
        engine.estimate(acme, 1)


# ---- What a deadline says -----------------------------------------------------------------------


def deadline(engine: tv.Engine, request: tv.Request) -> str:
    """What a request says that came to its deadline."""
    mine = engine.submit(request)
    result = next(r for r in iter(lambda: engine.take(30), None) if r.id == mine)
    assert isinstance(result.error, tv.DeadlineError), result
    return result.error.message


def test_a_deadline_names_the_first_byte_and_the_body(server: Standin, acme: tv.Tenant) -> None:
    with tv.Engine(settings(server)) as engine:
        said = deadline(engine, slow(acme, 60_000, timeout=0.5))
        assert re.search(r"it waited for the first byte of the reply, \d+ ms long; tries: 1", said)
        assert "no try was made" not in said
        said = deadline(engine, tv.Request.trace(acme, ACME, "slow-body", timeout=0.7))
        assert re.search(r"the rest of the reply, of which \d+ bytes had come after", said)


def test_a_deadline_names_the_turn(server: Standin, acme: tv.Tenant) -> None:
    with tv.Engine(settings(server, engine__max_in_flight=1)) as engine:
        hanging = engine.submit(slow(acme, 60_000))
        until(lambda: arrived(server) == 1, "the hanging one")
        said = deadline(engine, slow(acme, 1, timeout=0.2))
        assert "it waited for its turn" in said and "tries: 0" in said
        engine.cancel(hanging)


# ---- Shares -------------------------------------------------------------------------------------


def test_slow_replies_of_one_tenant_over_http1_leave_connections_to_the_others(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server, http__version="1.1", http__max_connections=4)) as engine:
        hanging = [engine.submit(slow(acme, ms)) for ms in range(60_000, 60_010)]
        until(lambda: arrived(server) == 2, "its share of the connections")
        assert engine.stats()["in_flight"] == 2
        with vault.tenant("globex") as globex:
            assert engine.trace(globex, ACME, "slow-1", timeout=30) is not None
        said = deadline(engine, slow(acme, 59_999, timeout=0.3))
        assert "a connection" in said or "its turn" in said
        for identity in hanging:
            engine.cancel(identity)


def test_a_greedy_tenant_leaves_room_in_the_queue(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    crowded = settings(server, engine__max_queued=100, engine__max_in_flight=1)
    with tv.Engine(crowded) as engine, vault.tenant("globex") as globex:
        with pytest.raises(tv.QueueFullError) as caught:
            for ms in range(60_000, 60_100):
                engine.submit(slow(acme, ms))
        assert caught.value.retriable and "share" in caught.value.message
        engine.submit(slow(globex, 1))


def test_names_that_look_alike_have_bounds_of_their_own(server: Standin) -> None:
    """The same letter in one character and in two: names are compared byte by byte."""
    alone = settings(server, engine__max_queued_per_tenant=1)
    with (
        vault_of(server, "caf\u00e9", "cafe\u0301") as vault,
        tv.Engine(alone) as engine,
        vault.tenant("caf\u00e9") as one,
        vault.tenant("cafe\u0301") as other,
    ):
        for tenant in (one, other):
            engine.submit(slow(tenant, 60_000))
            with pytest.raises(tv.QueueFullError):
                engine.submit(slow(tenant, 60_001))


# ---- The quota and the address --------------------------------------------------------------------


def test_what_a_parking_leaves_no_time_for_is_told_at_once(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server, **SLOW)) as engine:
        for _ in range(3):
            engine.trace(acme, ACME, "slow-1", fresh=True)
        # It goes in a second and parks the quota for all; the next one's turn was a second later.
        engine.submit(tv.Request.trace(acme, ACME, "fail-429-300", timeout=30))
        hasty = engine.submit(tv.Request.trace(acme, ACME, "slow-2", timeout=20))
        error = taken(engine, 2)[hasty].error
        assert isinstance(error, tv.RateLimitedError)
        assert (error.retry_after or 0) > 200


def test_the_address_is_counted_in_estimates_and_refusals(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    """One request a second from this host, whoever asks."""
    one = settings(server, budget__ip_per_second=1, budget__share_percent=100)
    with tv.Engine(one) as engine, vault.tenant("globex") as globex:
        assert engine.estimate(acme, 100)["done_ms"] > 90_000
        assert engine.estimate(acme, 100)["address"]["per_minute"] == 60
        batch = [*traces(acme, 50), *traces(globex, 50)]
        assert engine.estimate_batch(batch)["done_ms"] > 90_000
        for number in range(4):
            engine.submit(tv.Request.trace(acme, ACME, f"slow-{number}", timeout=30))
        with pytest.raises(tv.RateLimitedError) as caught:
            engine.trace(acme, ACME, "slow-9", timeout=1)
        assert caught.value.retry_after is not None


# ---- What is counted ----------------------------------------------------------------------------


def test_refused_connections_spend_no_permits(server: Standin) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        origin = f"https://127.0.0.1:{closed.getsockname()[1]}"
        with tv.Vault.in_memory() as vault:
            with vault.edit() as edit:
                edit.put("acme", ACME, tv.ApiToken(b"test-token-not-real-acme"), origin=origin)
            changed = settings(server, retry__max_attempts=5, **SLOW)
            with (
                tv.Engine({**changed, "api.base_url": origin + "/client/v4"}) as engine,
                vault.tenant("acme") as tenant,
            ):
                for _ in range(3):
                    with pytest.raises(tv.TransportError):
                        engine.trace(tenant, ACME, "m1")
                stats = engine.stats()
                assert stats["tries"] == 15
                assert stats["groups"][0]["available"] == 3


def test_tries_that_were_given_up_are_counted(server: Standin, acme: tv.Tenant) -> None:
    with tv.Engine(settings(server)) as engine:
        deadline(engine, slow(acme, 60_000, timeout=0.2))
        stats = engine.stats()
        assert (stats["tries"], stats["given_up"], stats["try_latency"]["count"]) == (1, 1, 1)


def engine_threads() -> set[Path]:
    found = Path("/proc/self/task").iterdir()
    return {task for task in found if (task / "comm").read_text() == "tracevault\n"}


def test_a_long_wait_ends_in_time_after_a_suspend(server: Standin, acme: tv.Tenant) -> None:
    """The clock of a wait stands still meanwhile, so who has something due looks now and then."""

    def rests() -> int:
        status = (thread / "status").read_text()
        found = re.search(r"^voluntary_ctxt_switches:\t(\d+)$", status, re.M)
        assert found
        return int(found[1])

    with tv.Engine(settings(server)) as other:
        other.trace(acme, ACME, "slow-1")
        before = engine_threads()
        # Notices would make it look, too.
        with tv.Engine(settings(server, engine__max_notices=0)) as engine:
            until(lambda: len(engine_threads() - before) == 1, "the engine's thread")
            (thread,) = engine_threads() - before
            # Asks for a minute's pause.
            waiting = engine.submit(tv.Request.trace(acme, ACME, "fail-503-60-once", timeout=600))
            until(lambda: engine.stats()["sleeping"] == 1, "the first try has failed")
            begun = rests()
            until(lambda: rests() >= begun + 4, "it looks again", 20)
            assert engine.stats()["sleeping"] == 1
            engine.cancel(waiting)
