"""Calls of the library that may last, made so that Ctrl-C ends them soon.

Python runs its signal handlers between two steps of the main thread, never inside a call of C. So
the call is made by a thread of its own while the main thread waits for it, which a signal
interrupts. Other threads get no signals: they make the call themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class _Call:
    """One call in a thread of its own, and what becomes of it when nobody waits any more."""

    def __init__(self, call: Callable[[], None], discard: Callable[[], None] | None) -> None:
        self._call = call
        self._discard = discard
        self._lock = threading.Lock()
        self._is_left = False
        self._is_done = False
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self.error = error
        with self._lock:
            self._is_done = True
            must_discard = self._is_left
        if must_discard:
            self._put_away()

    def leave(self) -> None:
        with self._lock:
            self._is_left = True
            must_discard = self._is_done
        if must_discard:
            self._put_away()

    def _put_away(self) -> None:
        if self.error is None and self._discard is not None:
            self._discard()


def interruptible(
    call: Callable[[], None],
    *,
    stop: Callable[[], None] | None = None,
    discard: Callable[[], None] | None = None,
) -> None:
    """Make a call, and raise what it raises.

    When a signal handler raises meanwhile, ``stop`` ends the call, whose end is waited for. Without
    ``stop`` it is left alone; ``discard`` puts away what it brings then.
    """
    if threading.current_thread() is not threading.main_thread():
        call()
        return
    made = _Call(call, discard)
    thread = threading.Thread(target=made.run, name="tracevault-call", daemon=True)
    thread.start()
    try:
        thread.join()
    except BaseException:
        if stop is None:
            made.leave()
        else:
            stop()
            thread.join()
        raise
    if made.error is not None:
        raise made.error
