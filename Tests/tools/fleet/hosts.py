"""hosts.py - processes that ask as fast as they may, each a host of its own, and how fair that was."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from engine_scene import ACME, until
from launcher import Standin


class Hosts:
    """Hosts that share nothing but a Redis: each has a ledger file of its own. `{number}` in a
    setting is the host's."""

    def __init__(
        self, program: Path, cloudflare: Standin, ledgers: Path, address: str, *more: str
    ) -> None:
        self.program, self.cloudflare = program, cloudflare
        self.ledgers, self.address, self.more = ledgers, address, more

    def start(self, number: int, seconds: int) -> subprocess.Popen[str]:
        """The host with this number, at work for so many seconds."""
        cloudflare = self.cloudflare
        return subprocess.Popen(
            [str(self.program), cloudflare.base_url, cloudflare.ca_file, ACME,
             cloudflare.credential(ACME).token, str(self.ledgers / f"host-{number}.ledger"),
             str(seconds), "budget.ip_per_second=0", f"redis.addresses={self.address}",
             *(setting.format(number=number) for setting in self.more)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def work(
        self, count: int, seconds: int, during: Callable[[], None] = lambda: None
    ) -> list[int]:
        """So many hosts at once; how many good answers each had."""
        running = [self.start(number, seconds) for number in range(count)]
        try:
            during()
            good = []
            for process in running:
                out, _ = process.communicate(timeout=seconds + 120)
                assert process.returncode == 0, out
                submitted, results, fine, _, shared = (int(word) for word in out.split())
                assert (results, shared) == (submitted, 1), out
                good.append(fine)
            return good
        finally:
            for process in running:
                process.kill()
                process.wait()


def sent(cloudflare: Standin, count: float) -> None:
    """Waits until so many requests have come."""
    until(lambda: cloudflare.counts()["total"] >= count, f"{count} requests did not come", 300)


def jain(counts: list[int]) -> float:
    """Jain's index of fairness. 1: all have as much; 1/n: one has all."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))
