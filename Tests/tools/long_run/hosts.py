"""hosts: examples/epoll/daemon.c and rsyslogd with examples/rsyslog, and who asks them all the time.

An asker counts what comes back. Nothing that was asked may stay without its one answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from engine_scene import connected, until

#: What a host may answer while there is trouble; none of them once it is over.
EXPECTED = {
    "TV_OK",
    "NOT_WRITTEN",
    "TV_E_DEADLINE",
    "TV_E_TRANSPORT",
    "TV_E_TLS",
    "TV_E_REPLY_TRUNCATED",
    "TV_E_CREDENTIAL",
    "TV_E_SERVER",
}
#: Most questions of one asker that wait for their answers.
_WINDOW = 24
#: How likely an asker goes away before a question.
_LEAVES = 0.005
PATIENCE_S = 120


def wait_for(condition: Callable[[], object], what: str) -> None:
    until(condition, f"not within {PATIENCE_S} s: {what}", PATIENCE_S)


class Host:
    """A process, and a thread that asks it `pace` times a second until it is told to stop."""

    def __init__(self, process: subprocess.Popen[bytes], rows: Path, pace: float, seed: int):
        self.process = process
        self.rows = rows
        self.answers: Counter[str] = Counter()
        #: Good answers since the last one that was not.
        self.streak = 0
        self.faults: list[str] = []
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._pause = 1 / pace
        self._thread = threading.Thread(target=self._live, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def reference(self) -> str:
        """A message of its own for the stand-in, which answers after so many milliseconds."""
        return f"slow-{self._chance.randint(1, 60)}" if self._chance.random() < 0.9 else "slow-900"

    def count(self, answer: str) -> None:
        self.answers[answer] += 1
        self.streak = self.streak + 1 if answer == "TV_OK" else 0
        if answer not in EXPECTED:
            self.faults.append(f"an answer {answer}")

    def _live(self) -> None:
        try:
            while not self._over.wait(self._pause):
                self.work(ask=True)
            wait_for(lambda: self.work(ask=False), "the last answers")
        except Exception as fault:
            self.faults.append(repr(fault))

    def work(self, *, ask: bool) -> bool:
        """One turn; whether nothing is asked that has no answer."""
        raise NotImplementedError

    def stop_asking(self) -> None:
        self._over.set()
        self._thread.join()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        if code != 0:
            self.faults.append(f"ended with {code}")

    def rotate(self) -> Path | None:
        """Renames the file of rows as logrotate does; the old one when the host has begun a new one."""
        old = self.rows.with_suffix(".old")
        if not self.rows.exists():
            return None
        self.rows.rename(old)
        self.tell_of_rotation()
        wait_for(self.rows.exists, f"{self.rows.name} after a rotation")
        return old

    def tell_of_rotation(self) -> None:
        """What stands in logrotate's postrotate; nothing for a host that sees it itself."""


class EpollHost(Host):
    """The daemon. Rows of a file are looked at when nothing is written to it any more."""

    def __init__(
        self, command: list[str], place: Path, environment: dict[str, str], pace: float, seed: int
    ) -> None:
        self._path = place / "daemon"
        rows = place / "daemon.jsonl"
        process = subprocess.Popen(
            [command[0], str(self._path), str(rows), *command[1:]], env=environment
        )
        super().__init__(process, rows, pace, seed)
        self._asked: Counter[str] = Counter()
        self._buffer = b""
        self._socket: socket.socket | None = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = connected(self._path, PATIENCE_S)
            self._socket.setblocking(False)
        return self._socket

    def work(self, *, ask: bool) -> bool:
        if ask and self._chance.random() < _LEAVES:
            self._hang_up()
        sock = self._connected()
        if ask and self._asked.total() < _WINDOW:
            reference = self.reference()
            sock.sendall(reference.encode() + b"\n")
            self._asked[reference] += 1
        with contextlib.suppress(BlockingIOError):
            while piece := sock.recv(65536):
                self._buffer += piece
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            reference, _, word = line.decode().partition(" ")
            self._asked[reference] -= 1
            if self._asked[reference] < 0:
                self.faults.append(f"{reference} was answered and not asked")
            self.count(word)
        return self._asked.total() == 0

    def _hang_up(self) -> None:
        """The asker goes, answered or not, and another comes."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""
        self._asked.clear()

    def tell_of_rotation(self) -> None:
        self.process.send_signal(signal.SIGHUP)


class RsyslogHost(Host):
    """rsyslogd, below it the command twice. Each message has a number that must come out once."""

    def __init__(
        self, command: list[str], place: Path, environment: dict[str, str], pace: float, seed: int
    ) -> None:
        process = subprocess.Popen(command, env=environment)
        super().__init__(process, place / "traces.jsonl", pace, seed)
        self._path = place / "in"
        self._socket: socket.socket | None = None
        self._sent = 0
        self._missing: set[int] = set()
        self._file: BinaryIO | None = None

    def work(self, *, ask: bool) -> bool:
        if self._socket is None:
            self._socket = connected(self._path, PATIENCE_S)
        if ask and len(self._missing) < _WINDOW:
            self._sent += 1
            message = json.dumps({"message_ref": self.reference(), "number": self._sent})
            self._missing.add(self._sent)
            self._socket.sendall(f"<13>Nov 29 06:30:00 host app: {message}\n".encode())
        self._read()
        return not self._missing

    def _read(self) -> None:
        """Whole lines of the file, in the order of its rotations."""
        if self._file is None and self.rows.exists():
            self._file = self.rows.open("rb", buffering=0)
        if self._file is None:
            return
        with contextlib.suppress(FileNotFoundError):
            moved = os.stat(self.rows).st_ino != os.fstat(self._file.fileno()).st_ino
            self._lines(self._file)
            if moved:
                self._file.close()
                self._file = None

    def _lines(self, file: BinaryIO) -> None:
        at = file.tell()
        whole, end, _ = file.read().rpartition(b"\n")
        file.seek(at + len(whole) + len(end))
        for line in whole.splitlines():
            try:
                row = json.loads(line)
                number, told = row["number"], row["tracevault"]
            except (ValueError, KeyError):
                self.faults.append(f"a broken row: {line[:200]!r}")
                continue
            if number not in self._missing:
                self.faults.append(f"message {number} came out twice")
            self._missing.discard(number)
            self.count(told["error"]["status"] if "error" in told else "TV_OK")

    def programs(self) -> dict[str, int]:
        """The command's processes below rsyslogd, by the contract that each serves."""
        found: dict[str, int] = {}
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for pid in " ".join(one.read_text() for one in children).split():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                for word in (b"--omprog", b"--mmexternal"):
                    if word in words and b"-m" in words:
                        found[f"command {word.decode()}"] = int(pid)
        return found
