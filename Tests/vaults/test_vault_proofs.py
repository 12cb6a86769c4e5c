"""Proofs in many processes: kills, eight at once, fork storms, isolation. Each prints its figure."""

from __future__ import annotations

import os
import random
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ABI, Compile
from vault_proofs import KEY, Ledger, Worker

KILLS = int(os.environ.get("TRACEVAULT_KILLS", "100"))
SEED = int(os.environ.get("TRACEVAULT_SEED", "11"))
FORKS = int(os.environ.get("TRACEVAULT_FORKS", "60"))
ROUNDS = int(os.environ.get("TRACEVAULT_ROUNDS", "40"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    vault = tmp_path / "t.vault"
    tv.Vault.create(vault, tv.RawKey(bytearray(KEY))).close()
    return vault


@pytest.fixture
def program(compiled: Compile) -> Path:
    return compiled("worker", ABI / "worker.c")


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    running: list[Worker] = []
    yield running
    for worker in running:
        worker.kill()


@pytest.mark.skipif(KILLS <= 0, reason="TRACEVAULT_KILLS is 0")
def test_no_acknowledged_edit_is_lost_when_processes_are_killed(
    path: Path, program: Path, workers: list[Worker]
) -> None:
    """Two writers and two readers; one of them is killed at random, again and again."""
    chance = random.Random(SEED)
    ledger = Ledger(path)
    workers += [Worker.writing(program, path, number, 1) for number in (0, 1)]
    workers += [Worker.reading(program, path, number) for number in (2, 3)]
    leftovers = killed_writers = 0
    for _ in range(KILLS):
        victim = chance.choice((0, 0, 0, 1, 1, 1, 2, 3))
        worker = workers[victim]
        # It must be at work: wait for its first line.
        assert select.select([worker.stdout], [], [], 60)[0], f"seed {SEED}: a process is stuck"
        time.sleep(chance.random() * 0.012)
        worker.kill()
        ledger.take(worker)
        if victim < 2:
            killed_writers += 1
            leftovers += path.with_name("t.vault.new").exists()
            number = ledger.check(victim)
            workers[victim] = Worker.writing(program, path, victim, number + 1)
        else:
            workers[victim] = Worker.reading(program, path, victim)
    for worker in workers:
        worker.kill()
        ledger.take(worker)
    print(
        f"{KILLS} kills ({killed_writers} of writers), {leftovers} unfinished files, "
        f"{ledger.edits} acknowledged edits, {ledger.looks} looks, 0 lost; seed {SEED}"
    )
    # The next writer clears up after the dead.
    with tv.Vault.open(path, tv.RawKey(bytearray(KEY))) as vault:
        with vault.edit() as edit:
            edit.put("last", f"{9:032x}", tv.ApiToken(bytearray(b"test-token-not-real")))
        vault.verify()
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "t.vault",
        "t.vault.lock",
        "t.vault.prev",
    ]
    assert ledger.edits > KILLS // 2
    assert ledger.looks > KILLS // 10


def test_eight_processes_write_and_read_one_vault(
    path: Path, program: Path, workers: list[Worker]
) -> None:
    edits = 100
    ledger = Ledger(path)
    workers += [Worker.writing(program, path, number, 1, edits) for number in range(4)]
    workers += [Worker.reading(program, path, number) for number in range(4, 8)]
    for worker in workers[:4]:
        assert worker.process.wait(timeout=120) == 0
    time.sleep(0.1)
    for worker in workers:
        worker.kill()
        ledger.take(worker)
    assert [ledger.check(number) for number in range(4)] == [edits] * 4
    # Every edit made one generation.
    with tv.Vault.open(path, tv.RawKey(bytearray(KEY))) as vault:
        assert vault.generation == 1 + 4 * edits
    assert ledger.looks > 40
    print(f"8 processes: {ledger.edits} edits, {ledger.looks} looks, none lost or mixed")


def run(*command: str | Path | int) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def test_forks_in_a_storm_of_threads_neither_hang_nor_lose_anything(
    compiled: Compile, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    print(run(compiled("storm", ABI / "storm.c"), tmp_path / "s.vault", FORKS), end="")


def test_no_tenant_reaches_another_ones_account(compiled: Compile) -> None:
    """A failure's message begins with the command that replays it."""
    print(run(compiled("isolation", ABI / "isolation.c"), SEED, ROUNDS), end="")


def test_a_worker_that_breaks_a_promise_is_noticed(path: Path, program: Path) -> None:
    worker = Worker.writing(program, path, 0, 1, 2)
    worker.process.wait(timeout=60)
    ledger = Ledger(path)
    ledger.take(worker)
    assert ledger.check(0) == 2
    with tv.Vault.open(path, tv.RawKey(bytearray(KEY))) as vault, vault.edit() as edit:
        edit.remove("tenant-0", f"{0:016x}{0:016x}")
    with pytest.raises(AssertionError, match="by half"):
        ledger.check(0)
