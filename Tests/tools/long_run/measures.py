"""measures: memory, descriptors and threads of processes that run, from the outside."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

_PAGE_KIB = os.sysconf("SC_PAGESIZE") // 1024


class Sample(NamedTuple):
    seconds: float
    kib: int
    descriptors: int
    threads: int


class Measures:
    """Looks at each process every `pause` seconds, in a thread, and prints a line each minute."""

    def __init__(self, processes: Callable[[], dict[str, int]], pause: float) -> None:
        self._processes = processes
        self._pause = pause
        self._over = threading.Event()
        self._began = time.monotonic()
        #: Every process that had this name; more than one means that it was started again.
        self.pids: dict[str, set[int]] = {}
        self.samples: dict[str, list[Sample]] = {}
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        told = 0
        while not self._over.wait(self._pause):
            for name, pid in self._processes().items():
                sample = self._of(pid)
                if sample is not None:
                    self.pids.setdefault(name, set()).add(pid)
                    self.samples.setdefault(name, []).append(sample)
            if (minute := int(time.monotonic() - self._began) // 60) > told:
                told = minute
                for name, samples in self.samples.items():
                    print("minute", minute, name, *samples[-1][1:], flush=True)

    def _of(self, pid: int) -> Sample | None:
        place = Path("/proc") / str(pid)
        try:
            resident = int((place / "statm").read_text().split()[1]) * _PAGE_KIB
            counts = [len(os.listdir(place / name)) for name in ("fd", "task")]
        except (OSError, IndexError):
            return None  # it ended meanwhile
        return Sample(time.monotonic() - self._began, resident, *counts)

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def around(self, name: str, part: float) -> Sample:
        """The median of each figure in the tenth of the run that begins there."""
        samples = self.samples[name]
        begin = min(int(len(samples) * part), len(samples) - 1)
        some = samples[begin : begin + max(1, len(samples) // 10)]
        return Sample(some[0].seconds, *(int(median(one[at] for one in some)) for at in (1, 2, 3)))
