"""Writers killed at any moment lose no acknowledged edit and leave a vault that opens.

Two processes with two writers each change one vault; the test kills one of them at random, again
and again, and keeps the ledger of what the dead acknowledged. TRACEVAULT_KILLS sets how often.
"""

import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import pytest
import tracevault as tv

KEY = bytes(range(32))
KILLS = int(os.environ.get("TRACEVAULT_KILLS", "60"))
WRITERS = 2
#: Each writer has a few accounts and writes an ascending number into their labels.
ACCOUNTS = 3


def account(process: int, writer: int, number: int) -> str:
    return f"{process:016x}{writer:08x}{number:08x}"


def write_for_ever(path: Path, process: int, writer: int, start: int, ledger: int) -> None:
    """Puts n, n+1, … and reports "writer number" after each commit, in one write."""
    vault = tv.Vault.open(path, tv.RawKey(bytearray(KEY)))
    number = start
    while True:
        number += 1
        try:
            with vault.edit() as edit:
                for index in range(ACCOUNTS):
                    token = tv.ApiToken(bytearray(b"test-token-not-real-%d" % number))
                    where = account(process, writer, index)
                    edit.put(f"tenant-{process}", where, token, label=str(number))
        except tv.TraceVaultError as error:
            if error.status is not tv.Status.E_BUSY:
                os.write(ledger, b"failed %s\n" % error.status.name.encode())
                os._exit(1)
            continue
        os.write(ledger, b"%d %d\n" % (writer, number))


def start(path: Path, process: int, numbers: list[int]) -> tuple[int, int]:
    """A process with two writers; its pid and the reading end of its ledger."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = (
            "import sys; sys.path[:0] = sys.argv[1].split(':')\n"
            "import threading; from pathlib import Path; import test_vault_kill as t\n"
            "path, process, ledger = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])\n"
            "for writer, number in enumerate(sys.argv[5:]):\n"
            "    threading.Thread(target=t.write_for_ever, daemon=False,\n"
            "        args=(path, process, writer, int(number), ledger)).start()\n"
        )
        os.set_inheritable(writing, True)
        folders = ":".join(entry for entry in sys.path if entry)
        rest = [str(path), str(process), str(writing), *map(str, numbers)]
        os.execv(sys.executable, [sys.executable, "-c", code, folders, *rest])
    os.close(writing)
    return child, reading


def drain(reading: int, acknowledged: list[int]) -> None:
    """Reads a dead process's ledger to its end."""
    text = b""
    while piece := os.read(reading, 65536):
        text += piece
    os.close(reading)
    for line in text.decode().splitlines():
        writer, number = line.split()
        assert writer != "failed", f"a writer gave up: {number}"
        acknowledged[int(writer)] = int(number)


def labels(path: Path) -> dict[str, int]:
    with tv.Vault.open(path, tv.RawKey(bytearray(KEY))) as vault:
        return {found.account_id: int(found.label) for found in vault.accounts()}


def check(path: Path, process: int, acknowledged: list[int]) -> list[int]:
    """Nothing acknowledged is missing, no edit is there by half; where the writers go on."""
    found = labels(path)
    numbers = []
    for writer in range(WRITERS):
        held = {found.get(account(process, writer, index), 0) for index in range(ACCOUNTS)}
        assert len(held) == 1, f"an edit is there by half: {held}"
        (number,) = held
        # One more than acknowledged: it was killed between the commit and its report.
        assert acknowledged[writer] <= number <= acknowledged[writer] + 1
        numbers.append(number)
    return numbers


@pytest.mark.skipif(KILLS <= 0, reason="TRACEVAULT_KILLS is 0")
def test_no_acknowledged_edit_is_lost_when_writers_are_killed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "t.vault"
    chance = random.Random(11)
    tv.Vault.create(path, tv.RawKey(bytearray(KEY))).close()
    acknowledged = [[0] * WRITERS, [0] * WRITERS]
    running = [start(path, process, acknowledged[process]) for process in (0, 1)]
    leftovers = 0
    try:
        for _ in range(KILLS):
            victim = chance.randrange(2)
            child, reading = running[victim]
            # It must be at work: wait for its first acknowledgement.
            assert select.select([reading], [], [], 60)[0], "a writer is stuck"
            time.sleep(chance.random() * 0.03)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            leftovers += path.with_name("t.vault.new").exists()
            drain(reading, acknowledged[victim])
            acknowledged[victim] = check(path, victim, acknowledged[victim])
            running[victim] = start(path, victim, acknowledged[victim])
    finally:
        for child, reading in running:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)
    print(f"{KILLS} kills, {leftovers} unfinished files, {acknowledged} edits")
    # The next writer clears up after the dead.
    with tv.Vault.open(path, tv.RawKey(bytearray(KEY))) as vault, vault.edit() as edit:
        edit.put("last", account(9, 9, 9), tv.ApiToken(bytearray(b"test-token-not-real")))
    assert {entry.name for entry in tmp_path.iterdir()} == {
        "t.vault",
        "t.vault.lock",
        "t.vault.prev",
    }
