"""The engine in hosts as they are: forks, pools of processes, two engines, a library let go."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from c_programs import ROOT
from engine_scene import ACME, arrived, settings, slow, until, vault_of
from launcher import Standin, standin

#: A day's quota of a hundred lets five go at once and then none for a quarter of an hour.
DAY: dict[str, tv.Setting] = {
    "budget.quota": 100,
    "budget.window_ms": 86_400_000,
    "budget.share_percent": 100,
}
AT_ONCE = 5


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


@pytest.fixture
def server(running: Standin) -> Standin:
    running.reset()
    return running


@pytest.fixture
def ledger() -> Iterator[Path]:
    # On disk: a ledger refuses some of the file systems that /tmp may be.
    directory = Path("/var/tmp") / f"tracevault-hosts-{os.getpid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    yield directory / "budget.ledger"
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


def shared(server: Standin, ledger: Path | str) -> dict[str, tv.Setting]:
    return {**settings(server, budget__ledger=str(ledger)), **DAY}


def fetch(server: Standin, with_settings: dict[str, tv.Setting], first: int, count: int) -> int:
    """A process's own life: a vault, an engine, some traces. How many the quota let through."""
    got = 0
    with vault_of(server, "acme") as vault, tv.Engine(with_settings) as engine:
        acme = vault.tenant("acme")
        requests = [slow(acme, ms, timeout=20) for ms in range(first, first + count)]
        for result in engine.batch(requests, window=1):
            # Without a permit before the deadline the engine says so at once.
            assert result.error is None or isinstance(result.error, tv.RateLimitedError)
            got += result.error is None
    return got


def in_child(work: Any) -> int:
    """What the work gives in a fork of this process."""
    child = os.fork()
    if child == 0:
        code = 100
        try:
            signal.alarm(60)  # a hang is a failure, not a wait for ever
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_fork_cannot_use_its_parents_engine_and_shares_its_quota(
    server: Standin, ledger: Path
) -> None:
    with vault_of(server, "acme") as vault, tv.Engine(shared(server, ledger)) as engine:
        acme = vault.tenant("acme")
        for ms in (1, 2):
            engine.trace(acme, ACME, f"slow-{ms}")

        def work() -> int:
            for use in (
                lambda: engine.submit(slow(acme, 1)),
                lambda: engine.take(0),
                lambda: engine.trace(acme, ACME, "slow-1"),
                engine.stats,
            ):
                with pytest.raises(tv.ForkedError):
                    use()
            return fetch(server, shared(server, ledger), 10, 2)

        assert in_child(work) == 2
        # The child's two count here.
        assert engine.stats()["groups"][0]["available"] == AT_ONCE - 4
        engine.trace(acme, ACME, "slow-3")
        with pytest.raises(tv.RateLimitedError):
            engine.trace(acme, ACME, "slow-4", timeout=20)
    assert arrived(server) == AT_ONCE


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes_spends_one_quota(server: Standin, ledger: Path, method: str) -> None:
    """Also beside an engine that runs in the parent when a pool forks."""
    with tv.Engine(shared(server, ledger)) as engine, vault_of(server, "acme") as vault:
        engine.trace(vault.tenant("acme"), ACME, "slow-1")
        with multiprocessing.get_context(method).Pool(3) as pool:
            work = [(server, shared(server, ledger), 100 * n, 3) for n in range(1, 4)]
            got = pool.starmap_async(fetch, work).get(120)
    assert sum(got) == AT_ONCE - 1
    assert arrived(server) == AT_ONCE


@pytest.mark.parametrize("kind", ["private", "a file"])
def test_two_engines_of_a_process_do_not_double_the_quota(
    server: Standin, ledger: Path, kind: str
) -> None:
    place = "private" if kind == "private" else ledger
    with (
        vault_of(server, "acme") as vault,
        tv.Engine(shared(server, place)) as one,
        tv.Engine(shared(server, place)) as other,
    ):
        acme = vault.tenant("acme")
        for ms in range(1, AT_ONCE + 1):
            (one if ms % 2 else other).trace(acme, ACME, f"slow-{ms}")
        for engine in (one, other):
            with pytest.raises(tv.RateLimitedError):
                engine.trace(acme, ACME, "slow-9", timeout=20)
    assert arrived(server) == AT_ONCE


UNLOADING = """
import _ctypes, json, sys
sys.path[:0] = sys.argv[2:]
import tracevault as tv
from tracevault._lib import library
from engine_scene import ACME, served, slow, vault_of
server, settings = served(sys.argv[1])
vault = vault_of(server, "acme")
acme = vault.tenant("acme")
engine = tv.Engine(settings)
early = [engine.submit(slow(acme, ms)) for ms in (1, 300, 60000)]
for _ in range(3):
    _ctypes.dlclose(library()._handle)  # as often as anybody may have loaded it, and more
late = engine.submit(slow(acme, 2))
engine.cancel(early[2])
ended = {(r := engine.take(30)).id: r.error.name if r.error else "" for _ in range(4)}
print(*(ended[number] for number in [*early, late]), sep=",")
"""


def test_letting_the_library_go_while_an_engine_runs_does_no_harm(server: Standin) -> None:
    known = {
        "settings": settings(server),
        "origin": server.origin,
        "token": server.credential(ACME).token,
    }
    done = subprocess.run(
        [sys.executable, "-c", UNLOADING, json.dumps(known), *sys.path],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ",,TV_E_CANCELLED,"), done.stderr


def test_a_thousand_requests_at_once_leave_one_thread_and_few_connections(server: Standin) -> None:
    with (
        vault_of(server, "acme") as vault,
        tv.Engine(settings(server, engine__max_in_flight=128)) as engine,
    ):
        acme = vault.tenant("acme")
        before = len(os.listdir("/proc/self/task"))
        ids = [engine.submit(slow(acme, 1000 + n)) for n in range(1000)]
        until(lambda: engine.stats()["in_flight"] > 100, "many under way")
        assert len(os.listdir("/proc/self/task")) <= before + 1  # a resolver's, at most
        assert engine.stats()["connections"]["open"] <= 8
        for identity in ids:
            engine.cancel(identity)


COUNTING = """
import os, sys
import tracevault as tv

def there():
    return len(os.listdir("/proc/self/fd"))

tv.build_info()
counted, engines = [there()], []
for ledger in ("private", "private", sys.argv[1], sys.argv[1]):
    engines.append(tv.Engine({"budget.ledger": ledger}))
    counted.append(there())
for engine in engines:
    engine.close()
print(*(after - before for before, after in zip(counted, counted[1:])), there() - counted[0])
"""


def test_an_engine_has_the_descriptors_that_the_header_tells(ledger: Path) -> None:
    header = (ROOT / "include/tracevault.h").read_text(encoding="utf-8")
    assert "Descriptors: 6 for each engine, one more for all engines that share a ledger" in header
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, ledger],
        env={**os.environ, "PYTHONPATH": str(ROOT / "bindings/python/src")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["6", "6", "7", "6", "0"], done.stdout + done.stderr
