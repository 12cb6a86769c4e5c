"""vault_proofs.py - worker processes on one vault, and the ledger of what they said."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO

import tracevault as tv

#: proof.h's key.
KEY = bytes(range(0x5A, 0x7A))
#: Accounts of each writer's tenant: an edit writes all of them or none.
ACCOUNTS = 3


class Worker:
    """One process of Tests/abi/worker.c."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self.process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.stdout: IO[bytes] = self.process.stdout

    @classmethod
    def writing(cls, program: Path, path: Path, number: int, first: int, count: int = 0) -> Worker:
        return cls(program, "write", str(path), str(number), str(first), str(count))

    @classmethod
    def reading(cls, program: Path, path: Path, number: int) -> Worker:
        return cls(program, "read", str(path), str(number))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Ledger:
    """What was acknowledged, compared with what the vault holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.edits = self.looks = 0
        #: The last number that each writer acknowledged.
        self.acknowledged: dict[int, int] = {}

    def take(self, worker: Worker) -> None:
        """Read a dead worker's lines."""
        with worker.stdout as lines:
            for line in lines.read().decode().splitlines():
                kind, *rest = line.split()
                assert kind != "failed", line
                if kind == "W":
                    writer, number = int(rest[0]), int(rest[1])
                    assert number == self.acknowledged.get(writer, 0) + 1
                    self.acknowledged[writer] = number
                    self.edits += 1
                else:
                    self.looks += 1

    def check(self, writer: int) -> int:
        """The number that the vault holds for a writer: nothing acknowledged is missing."""
        with tv.Vault.open(self.path, tv.RawKey(bytearray(KEY))) as vault:
            held = [a.label for a in vault.accounts() if a.tenant == f"tenant-{writer}"]
        known = self.acknowledged.get(writer, 0)
        if not held and known == 0:
            return 0
        assert len(held) == ACCOUNTS and len(set(held)) == 1, f"an edit is there by half: {held}"
        number = int(held[0])
        # One more than acknowledged: it was killed between the commit and its line.
        assert known <= number <= known + 1
        self.acknowledged[writer] = number
        return number
