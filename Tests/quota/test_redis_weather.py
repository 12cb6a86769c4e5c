"""A Redis behind a network that fails: hosts never exceed the quota, never get stuck, and come back by
themselves."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ABI, Compile
from engine_scene import until
from fleet.hosts import Hosts
from fleet.quota import asked, engine, told
from launcher import standin
from proxy.faults import faults
from redis_server import Server

SEED = int(os.environ.get("TRACEVAULT_SEED", "1"))
QUOTA, WINDOW_S, HOSTS = 480, 24, 4
IS_FULL = "TRACEVAULT_FLEET" in os.environ
SECONDS = 72 if IS_FULL else 14


@pytest.mark.parametrize("seed", range(SEED, SEED + (3 if IS_FULL else 1)))
def test_hosts_whose_way_to_redis_fails_stay_below_the_quota_and_come_back(
    compiled: Compile, on_disk: Path, lender: Server, seed: int
) -> None:
    program = compiled("bulk", ABI / "bulk.c")
    with (
        faults(lender.port, seed) as proxy,
        # What replies tell of the quota would slow the hosts: here Redis alone holds them.
        standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S, no_headers=True) as cloudflare,
    ):
        address = f"redis://127.0.0.1:{proxy.port}"
        quota = (f"budget.quota={QUOTA}", f"budget.window_ms={WINDOW_S * 1000}")
        hosts = Hosts(program, cloudflare, on_disk, address, *quota, f"redis.hosts={HOSTS + 1}")
        heard: list[tv.Notice] = []
        with engine(
            cloudflare,
            address,
            notice=heard.append,
            budget__quota=QUOTA,
            budget__window_ms=WINDOW_S * 1000,
            redis__hosts=HOSTS + 1,
        ) as pair:
            alone: list[bool] = []
            # Each another message: what was answered once is remembered.
            others = itertools.count()

            def during() -> None:
                end = time.monotonic() + SECONDS
                while time.monotonic() < end:
                    assert all(one.error is None for one in asked(pair, ms=next(others)))
                    alone.append(told(pair)["alone"])

            good = hosts.work(HOSTS, SECONDS, during)
            counts = cloudflare.counts()
            kinds = {one.kind for one in heard if one.kind.startswith("redis_")}
            print(f"{counts['total']} requests, {good}, {kinds}, {dict(proxy.met)}")
            print(f"{sum(alone)} of {len(alone)} replies while this host was alone")
            assert counts["refused"] == 0 and counts["max_in_window"] <= QUOTA
            assert min(good) > 0, "a host is stuck"
            assert len(proxy.met) >= 6, "the weather was fair"
            proxy.calm = True
            until(
                lambda: bool(asked(pair, ms=next(others))) and not told(pair)["alone"],
                "it does not come back",
                60,
            )
            lent = told(pair)["lent"]
            until(
                lambda: bool(asked(pair, ms=next(others))) and told(pair)["lent"] > lent,
                "nothing is lent",
                60,
            )
            assert cloudflare.counts()["refused"] == 0
