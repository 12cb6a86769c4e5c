"""lateness.py - how long a busy machine keeps this process waiting, for tests that judge a time."""

from __future__ import annotations

import threading
import time

_TICK_S = 0.01


class Lateness:
    """A thread that only sleeps, and adds up by how much it woke too late."""

    def __init__(self) -> None:
        #: Grows all the time; a test takes the difference.
        self.seconds = 0.0
        self._ended = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._ended:
            began = time.monotonic()
            time.sleep(_TICK_S)
            self.seconds += time.monotonic() - began - _TICK_S

    def end(self) -> None:
        self._ended = True
