"""lateness.py - how long a busy machine keeps this process waiting, for tests that judge a time."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

_TICK_S = 0.01


class Lateness:
    """A thread that only sleeps, and adds up by how much it woke too late; and what the kernel says
    of threads that had work and no processor, which wait far longer than one that sleeps."""

    def __init__(self) -> None:
        self._slept_over = 0.0
        self._ended = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._ended:
            began = time.monotonic()
            time.sleep(_TICK_S)
            self._slept_over += time.monotonic() - began - _TICK_S

    @property
    def seconds(self) -> float:
        """Grows all the time; a test takes the difference."""
        return self._slept_over + self._waited()

    @staticmethod
    def _waited() -> float:
        """How long this process's threads waited for a processor: the second number of schedstat."""
        waited = 0
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended, or this kernel does not count
                waited += int((thread / "schedstat").read_text().split()[1])
        return waited / 1e9

    def end(self) -> None:
        self._ended = True
