"""Hosts that are killed amid borrowing: permits are lost with them, and none is used twice."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
from c_programs import ABI, Compile
from fleet.hosts import Hosts, sent
from launcher import standin
from redis_server import Server

KILLS = int(os.environ.get("TRACEVAULT_FLEET_KILLS", "40"))
SEED = int(os.environ.get("TRACEVAULT_SEED", "11"))
#: So many requests in so many seconds, then a block: fast, so that also short lives use much.
QUOTA, WINDOW_S = 600, 4
HOSTS = 6
#: Longer than all kills take.
FOR_EVER = 3600


@pytest.mark.skipif(KILLS <= 0, reason="TRACEVAULT_FLEET_KILLS is 0")
def test_hosts_that_are_killed_amid_borrowing_never_go_over_the_quota(
    compiled: Compile, on_disk: Path, lender: Server
) -> None:
    program = compiled("bulk", ABI / "bulk.c")
    chance = random.Random(SEED)
    with standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S) as cloudflare:
        hosts = Hosts(
            program, cloudflare, on_disk, lender.address, f"budget.quota={QUOTA}",
            f"budget.window_ms={WINDOW_S * 1000}", f"redis.hosts={HOSTS}",
        )  # fmt: skip
        running = [hosts.start(number, FOR_EVER) for number in range(HOSTS)]
        try:
            for _ in range(KILLS):
                # Some host has used what it had borrowed: the kill comes amid the next question.
                sent(cloudflare, cloudflare.counts()["total"] + chance.randrange(60))
                victim = chance.randrange(HOSTS)
                ended(running[victim])
                running[victim] = hosts.start(victim, FOR_EVER)
        finally:
            for process in running:
                ended(process)
        counts = cloudflare.counts()
        print(
            f"{KILLS} kills: {counts['total']} requests, at most {counts['max_in_window']} of "
            f"{QUOTA} in a window, {counts['refused']} refused; seed {SEED}"
        )
        assert counts["refused"] == 0
        assert counts["max_in_window"] <= QUOTA
        # Near enough for a permit that is used twice to show.
        assert counts["max_in_window"] > QUOTA // 2


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
