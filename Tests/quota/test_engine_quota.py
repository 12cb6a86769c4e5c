"""A quota that many processes spend: nobody is refused, everybody works, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from c_programs import ROOT, Compile
from engine_scene import ACME
from launcher import Standin, standin

PROCESSES = 8
#: Cloudflare's quota, twenty times as fast: so many requests in so many seconds, then a block.
QUOTA, WINDOW_S = 240, 10
SECONDS = int(os.environ.get("TRACEVAULT_BULK_SECONDS", "12"))


@pytest.fixture
def program(compiled: Compile) -> Path:
    return compiled("bulk", ROOT / "Tests/abi/bulk.c")


@pytest.fixture
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # On disk: a ledger refuses some of the file systems that /tmp may be.
    directory = Path("/var/tmp") / f"tracevault-bulk-{os.getpid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    yield directory / "budget.ledger"
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


@dataclass(frozen=True)
class Outcome:
    """One process's own count: what was asked, what came, of that good and over the quota."""

    submitted: int
    results: int
    good: int
    limited: int
    shared: bool


class Bulk:
    """A process of Tests/abi/bulk.c that asks as fast as it may for so many seconds."""

    def __init__(
        self, program: Path, server: Standin, ledger: str, seconds: int, *more: str
    ) -> None:
        self.process = subprocess.Popen(
            [str(program), server.base_url, server.ca_file, ACME, server.credential(ACME).token]
            + [ledger, str(seconds), *more],
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def outcome(self) -> Outcome:
        out, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, out
        numbers = [int(word) for word in out.split()]
        submitted, results, good, limited, shared = numbers
        return Outcome(submitted, results, good, limited, bool(shared))


def run(
    program: Path, server: Standin, ledger: str, seconds: int, *more: str, kills: int = 0
) -> list[Outcome]:
    running = [Bulk(program, server, ledger, seconds, *more) for _ in range(PROCESSES)]
    if kills:
        time.sleep(seconds / 2)
        for victim in running[:kills]:
            victim.kill()
    return [process.outcome() for process in running[kills:]]


def quota_settings(ip: int = 0) -> list[str]:
    return [
        f"budget.quota={QUOTA}",
        f"budget.window_ms={WINDOW_S * 1000}",
        f"budget.ip_per_second={ip}",
    ]


def share(seconds: float) -> float:
    """What nine tenths of the quota are in that time."""
    return 0.9 * QUOTA * seconds / WINDOW_S


@pytest.mark.parametrize("kills", [0, 2], ids=["all live", "two are killed"])
def test_eight_processes_on_one_ledger_are_never_refused(
    program: Path, ledger: Path, kills: int
) -> None:
    with standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S) as server:
        outcomes = run(program, server, str(ledger), SECONDS, *quota_settings(), kills=kills)
        counts = server.counts()
    total, refused = counts["total"], counts["refused"]
    print(f"{total} requests of {share(SECONDS):.0f} in {SECONDS} s, {refused} refused")
    print(f"most in any {WINDOW_S} s: {counts['max_in_window']}; each {[o.good for o in outcomes]}")
    assert all(outcome.shared for outcome in outcomes)
    assert counts["refused"] == 0
    assert counts["max_in_window"] <= QUOTA
    # And the quota is used: four fifths of the share, on a machine with other things to do.
    assert counts["total"] >= 0.8 * share(SECONDS)
    for outcome in outcomes:
        assert outcome.results == outcome.submitted
        assert outcome.limited == 0
        assert outcome.good > 0
    # All get their turn, and each permit brings an answer. The killed ones took theirs with them.
    lost = counts["total"] - sum(outcome.good for outcome in outcomes)
    assert lost == 0 or (kills and lost > 0)


def test_without_a_ledger_in_common_the_same_run_is_refused(program: Path) -> None:
    """Shows that the test above can fail."""
    # What replies tell of the quota would slow each process, on a busy machine just enough.
    with standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S, no_headers=True) as server:
        outcomes = run(program, server, "private", 8, *quota_settings())
        assert server.counts()["refused"] > 0
    assert not any(outcome.shared for outcome in outcomes)


def test_eight_processes_keep_below_the_limit_of_their_address(program: Path, ledger: Path) -> None:
    limit, seconds = 40, 6
    with standin(quota=0, ip_limit=limit) as server:
        outcomes = run(
            program, server, str(ledger), seconds, "budget.quota=0", f"budget.ip_per_second={limit}"
        )
        counts = server.counts()
    print(f"{counts['total']} requests, most in a second: {counts['max_in_second']}")
    assert counts["refused"] == 0 and counts["max_in_second"] <= limit
    assert counts["total"] >= 0.7 * 0.9 * limit * seconds
    assert all(outcome.results == outcome.submitted for outcome in outcomes)


def test_without_a_ledger_in_common_the_limit_of_the_address_is_overrun(program: Path) -> None:
    with standin(quota=0, ip_limit=40) as server:
        run(program, server, "private", 3, "budget.quota=0", "budget.ip_per_second=40")
        assert server.counts()["refused"] > 0
