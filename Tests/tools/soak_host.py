"""soak_host.py - as Tests/abi/soak.c, a host in Python that does everything at once for a while.

soak_host.py BASE_URL CA_FILE ACCOUNT TOKEN VAULT SEED SECONDS

Prints its samples, then one line with its figures; exit code 1 when a promise is broken.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import tracevault as tv

ASKERS = 3
SAMPLE_S = 0.5
KEY = bytes(range(0x5A, 0x7A))
#: What a failing network and a vault that is locked now and then may end in.
EXPECTED = {
    tv.Status.E_DEADLINE,
    tv.Status.E_TRANSPORT,
    tv.Status.E_TLS,
    tv.Status.E_REPLY_TRUNCATED,
    tv.Status.E_CANCELLED,
    tv.Status.E_LOCKED,
    tv.Status.E_BUSY,
}


class Host:
    def __init__(self, base: str, ca_file: str, account: str, token: str, vault: str, seed: int):
        self.base, self.account, self.token = base, account, token
        self.origin = base.removesuffix("/client/v4")
        self.seed = seed
        self.over = threading.Event()
        self.counts: collections.Counter[str] = collections.Counter()
        self.broken: list[str] = []
        self.settings: dict[str, tv.Setting] = {
            "api.base_url": base,
            "tls.ca_file": ca_file,
            "budget.quota": 0,
            "budget.ip_per_second": 0,
            "retry.base_ms": 20,
        }
        self.path = vault
        self.vault = tv.Vault.create(vault, tv.RawKey(bytearray(KEY)))
        with self.vault.edit() as edit:
            edit.put("acme", account, tv.ApiToken(token), origin=self.origin, label="label-0")
        self.tenant = self.vault.tenant("acme")
        self.engine = tv.Engine(self.settings)

    def expect(self, work: Callable[[], object]) -> bool:
        """Whether it succeeded; a failure that may be is none of ours."""
        try:
            work()
        except tv.TraceVaultError as error:
            if error.status not in EXPECTED:
                raise
            return False
        return True

    def ask(self, dice: random.Random) -> None:
        ref = f"slow-{dice.randint(1, 40)}"
        timeout = dice.uniform(0.2, 4)
        if dice.random() < 0.5:
            self.counts["good"] += self.expect(
                lambda: self.engine.trace(self.tenant, self.account, ref, timeout=timeout)
            )
        else:
            batch = [
                tv.Request.trace(self.tenant, self.account, f"{ref}{n}", timeout=timeout)
                for n in range(4)
            ]
            for result in self.engine.batch(batch):
                if result.error and result.error.status not in EXPECTED:
                    raise result.error
                self.counts["good"] += result.error is None
        self.counts["asked"] += 1

    def edit(self, dice: random.Random) -> None:
        def change() -> None:
            with self.vault.edit() as edit:
                label = f"label-{self.counts['edits'] + 1}"
                if dice.random() < 0.25:
                    edit.retire("acme", self.account)
                    token = tv.ApiToken(self.token)
                    edit.put("acme", self.account, token, origin=self.origin, label=label)
                    edit.remove_retiring("acme", self.account)
                else:
                    edit.set("acme", self.account, label=label)

        self.counts["edits"] += self.expect(change)
        time.sleep(dice.random() * 0.02)

    def lock_and_unlock(self, dice: random.Random) -> None:
        time.sleep(dice.uniform(0.1, 0.5))
        self.vault.lock()
        self.vault.unlock(tv.RawKey(bytearray(KEY)))
        self.counts["locks"] += 1

    def look(self, _dice: random.Random) -> None:
        self.engine.stats()
        self.expect(self.vault.accounts)
        time.sleep(0.02)

    def fork(self, dice: random.Random) -> None:
        self.engine.stats()  # from a thread that has worked
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.alarm(60)
                self.live(random.Random(os.getpid()))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert status == 0, f"a child ended with {status:#x}"
        self.counts["forks"] += 1
        time.sleep(dice.uniform(0.05, 0.2))

    def live(self, dice: random.Random) -> None:
        with contextlib.suppress(tv.ForkedError):
            self.engine.stats()
            raise AssertionError("the parent's engine answers in a child")
        with tv.Vault.open(self.path, tv.RawKey(bytearray(KEY))) as vault:
            tenant = vault.tenant("acme")
            with tv.Engine(self.settings) as engine:
                self.expect(
                    lambda: engine.trace(
                        tenant, self.account, f"slow-{dice.randint(1, 40)}", timeout=5
                    )
                )

    def run(self, work: Callable[[random.Random], None], number: int) -> None:
        dice = random.Random(f"{self.seed} {number}")
        try:
            while not self.over.is_set():
                work(dice)
        except BaseException:
            self.broken.append(traceback.format_exc())
            self.over.set()

    def live_for(self, seconds: float) -> None:
        works = [self.ask] * ASKERS + [self.edit, self.lock_and_unlock, self.look, self.fork]
        threads = [
            threading.Thread(target=self.run, args=(work, number))
            for number, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        while not self.over.is_set() and time.monotonic() < began + seconds:
            print("sample", *sample(began), flush=True)
            time.sleep(SAMPLE_S)
        self.over.set()
        for thread in threads:
            thread.join()

    def close(self) -> None:
        self.engine.close()
        self.vault.close()
        # The last edit that was acknowledged is in the file.
        with tv.Vault.open(self.path, tv.RawKey(bytearray(KEY))) as vault:
            label = vault.accounts()[0].label
            if label != f"label-{self.counts['edits']}":
                self.broken.append(f"{self.counts['edits']} edits, but the file has {label}")


def sample(began: float) -> tuple[int, int, int, int]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGESIZE") // 1024
    return int((time.monotonic() - began) * 1000), resident, count("fd"), count("task")


def count(what: str) -> int:
    """Descriptors, `fd`, or threads, `task`, of this process."""
    return len(os.listdir(f"/proc/self/{what}"))


def main(arguments: list[str]) -> int:
    base, ca_file, account, token, vault, seed, seconds = arguments
    with tv.Vault.in_memory():
        pass  # What the library opens once and keeps is open now.
    before = count("fd")
    host = Host(base, ca_file, account, token, vault, int(seed))
    host.live_for(float(seconds))
    host.close()
    if (after := count("fd")) != before:
        host.broken.append(f"{before} descriptors were open before, {after} are when all is closed")
    for fault in host.broken:
        print("broken:", fault)
    print("Python:", ", ".join(f"{count} {name}" for name, count in host.counts.items()))
    return 1 if host.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
