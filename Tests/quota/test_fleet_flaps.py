"""Hosts whose ways to Redis break again and again: nobody is refused, and the quota is used."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from c_programs import ABI, Compile
from fleet.hosts import Hosts, jain
from launcher import standin
from places import secret_file
from redis_server import Server

HOSTS, QUOTA, WINDOW_S, SECONDS = 8, 480, 24, 40
#: Each host is cut off for so long in every so many seconds, one after the other.
CUT_S, PERIOD_S = 1.0, 6.0
PASSWORD = "test-password-not-real"


class Ways:
    """Each host has a user of its own, whom the server lets in or throws out."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._client = server.client()
        self._is_open = dict.fromkeys(range(HOSTS), True)
        for number in self._is_open:
            secret_file(folder / f"login-{number}", f"host-{number}\n{PASSWORD}")
            self._client("ACL", "SETUSER", f"host-{number}", "on", f">{PASSWORD}", "~*", "+@all")

    def break_again_and_again(self) -> None:
        began = time.monotonic()
        while (now := time.monotonic() - began) < SECONDS:
            for number in self._is_open:
                phase = (now + number * PERIOD_S / HOSTS) % PERIOD_S
                self._let(number, phase >= CUT_S)
            time.sleep(0.02)

    def _let(self, number: int, is_open: bool) -> None:
        if self._is_open[number] == is_open:
            return
        self._is_open[number] = is_open
        self._client("ACL", "SETUSER", f"host-{number}", "on" if is_open else "off")
        if not is_open:
            self._client("CLIENT", "KILL", "USER", f"host-{number}")

    def close(self) -> None:
        self._client.close()


@pytest.mark.skipif("TRACEVAULT_FLEET" not in os.environ, reason="a fleet: in make test-fleet")
def test_hosts_that_are_cut_off_again_and_again_use_one_quota_and_are_never_refused(
    compiled: Compile, on_disk: Path, tmp_path: Path, lender: Server
) -> None:
    ways = Ways(lender, tmp_path)
    # What replies tell of the quota would slow the hosts: here Redis alone holds them.
    with standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S, no_headers=True) as cloudflare:
        hosts = Hosts(
            compiled("bulk", ABI / "bulk.c"), cloudflare, on_disk, lender.address,
            f"budget.quota={QUOTA}", f"budget.window_ms={WINDOW_S * 1000}",
            f"redis.hosts={HOSTS}", f"redis.login=file:{tmp_path}/login-{{number}}",
        )  # fmt: skip
        good = hosts.work(HOSTS, SECONDS, ways.break_again_and_again)
        counts = cloudflare.counts()
    ways.close()
    share = counts["total"] / (QUOTA * 0.9 * SECONDS / WINDOW_S)
    print(f"{counts['total']} requests, {share:.3f} of the share, {counts['refused']} refused")
    print(f"most in a window: {counts['max_in_window']}; each {good}, Jain {jain(good):.3f}")
    assert counts["refused"] == 0 and counts["max_in_window"] <= QUOTA
    assert share >= 0.8 and jain(good) >= 0.95
