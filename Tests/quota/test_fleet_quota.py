"""Eight hosts, one user, one Redis: nobody is refused, all get their turn, whatever Redis does.

`make test-fleet` runs them against Cloudflare's own quota; otherwise everything goes five times as fast.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from c_programs import ABI, Compile
from fleet.guarded import login
from fleet.hosts import Hosts, jain, sent
from launcher import Standin, standin
from redis_server import Server, redis

HOSTS = 8
FULL = "TRACEVAULT_FLEET" in os.environ
full_length = pytest.mark.skipif(not FULL, reason="a fleet of its own: in make test-fleet")


@dataclass(frozen=True)
class Pace:
    """A user's quota, and how long hosts are at work."""

    quota: int
    window_s: int
    seconds: int

    def share(self, seconds: float) -> float:
        """What may be used in that time: budget.share_percent is 90."""
        return self.quota * 0.9 * seconds / self.window_s

    @property
    def settings(self) -> tuple[str, ...]:
        quota = f"budget.quota={self.quota}", f"budget.window_ms={self.window_s * 1000}"
        return (*quota, f"redis.hosts={HOSTS}")

    def cloudflare(self, no_headers: bool = False) -> AbstractContextManager[Standin]:
        return standin(
            quota=self.quota, window=self.window_s, block=self.window_s, no_headers=no_headers
        )


QUICK = Pace(480, 24, 24 if FULL else 12)
PACE = Pace(1200, 300, 360) if FULL else QUICK


@pytest.fixture
def program(compiled: Compile) -> Path:
    return compiled("bulk", ABI / "bulk.c")


def judged(pace: Pace, cloudflare: Standin, good: list[int], seconds: float, used: float) -> None:
    counts = cloudflare.counts()
    share = counts["total"] / pace.share(seconds)
    print(f"{counts['total']} requests, {share:.3f} of the share, {counts['refused']} refused")
    print(f"most in a window: {counts['max_in_window']}; each {good}, Jain {jain(good):.3f}")
    assert counts["refused"] == 0
    assert counts["max_in_window"] <= pace.quota
    assert share >= used
    assert jain(good) >= 0.95


def fleet(
    program: Path, on_disk: Path, pace: Pace, address: str, used: float,
    during: Callable[[Standin], None] = lambda _: None, more: tuple[str, ...] = (),
) -> None:  # fmt: skip
    with pace.cloudflare() as cloudflare:
        hosts = Hosts(program, cloudflare, on_disk, address, *pace.settings, *more)
        began = time.monotonic()
        good = hosts.work(HOSTS, pace.seconds, lambda: during(cloudflare))
        judged(pace, cloudflare, good, time.monotonic() - began, used)


#: Of the share, 95 % are steady flow; in a short time it counts that processes begin and end.
USED = 0.9 if FULL else 0.7


def test_eight_hosts_with_ledgers_of_their_own_use_one_quota_and_are_never_refused(
    program: Path, on_disk: Path, lender: Server
) -> None:
    fleet(program, on_disk, PACE, lender.address, USED)


def test_without_redis_the_same_hosts_are_refused(program: Path, on_disk: Path) -> None:
    """Shows that the test above can fail: each believes to be alone."""
    # What replies tell of the quota would slow each host, on a busy machine just enough.
    with QUICK.cloudflare(no_headers=True) as cloudflare:
        hosts = Hosts(program, cloudflare, on_disk, "", *QUICK.settings)
        hosts.work(HOSTS, QUICK.seconds)
        assert cloudflare.counts()["refused"] > 0


def test_hosts_go_on_with_their_shares_while_redis_is_killed_and_started_again(
    program: Path, on_disk: Path, lender: Server
) -> None:
    def during(cloudflare: Standin) -> None:
        for part in range(2):
            sent(cloudflare, (0.15 + 0.4 * part) * PACE.share(PACE.seconds))
            lender.kill()
            sent(cloudflare, (0.22 + 0.4 * part) * PACE.share(PACE.seconds))
            lender.start()

    fleet(program, on_disk, PACE, lender.address, USED, during)


@full_length
def test_eight_hosts_use_one_quota_over_tls_as_the_user_of_the_guide(
    program: Path, on_disk: Path, tmp_path: Path, guarded: tuple[Server, Path]
) -> None:
    server, authority = guarded
    more = f"redis.ca_file={authority}", f"redis.login={login(tmp_path)}"
    fleet(program, on_disk, QUICK, server.address, 0.7, more=more)


@full_length
def test_hosts_stay_below_the_quota_while_redis_is_flushed_again_and_again(
    program: Path, on_disk: Path, lender: Server
) -> None:
    def during(cloudflare: Standin) -> None:
        client = lender.client()
        for number in range(1, 13):
            sent(cloudflare, number / 16 * QUICK.share(QUICK.seconds))
            client("FLUSHALL")
        client.close()

    fleet(program, on_disk, QUICK, lender.address, 0.7, during)


@full_length
def test_hosts_follow_a_replica_that_is_promoted(
    program: Path, on_disk: Path, tmp_path: Path, lender: Server
) -> None:
    other = tmp_path / "replica"
    other.mkdir()
    with redis(other, "--replicaof", f"127.0.0.1 {lender.port}") as replica:

        def during(cloudflare: Standin) -> None:
            sent(cloudflare, 0.4 * QUICK.share(QUICK.seconds))
            lender.kill()
            client = replica.client()
            client("REPLICAOF", "NO", "ONE")
            client.close()

        addresses = f"{replica.address},{lender.address}"
        fleet(program, on_disk, QUICK, addresses, 0.7, during)
