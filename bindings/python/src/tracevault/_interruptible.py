"""Calls of the library that may last, made so that Ctrl-C ends them soon.

Python runs its signal handlers between two steps of the main thread, never inside a call of C. So
the call is made by a thread of its own while the main thread waits for it, which a signal
interrupts. Other threads get no signals: they make the call themselves.

A signal may come amid all that as well. So the thread is started by one call of C's, and a call
that nobody waits for by then is not begun.
"""

from __future__ import annotations

import threading
from _thread import start_new_thread
from collections.abc import Callable

#: Seconds that one wait takes at most.
_LOOK_S = 0.1


class _Call:
    """One call in a thread of its own, and what becomes of it when nobody waits any more."""

    def __init__(self, call: Callable[[], None], discard: Callable[[], None] | None) -> None:
        self._call = call
        self._discard = discard
        self._lock = threading.Lock()
        self._is_left = self._has_begun = self._is_done = False
        self._ended = threading.Lock()
        self._ended.acquire()
        self.error: BaseException | None = None

    def run(self) -> None:
        with self._lock:
            if self._is_left:
                return
            self._has_begun = True
        try:
            self._call()
        except BaseException as error:
            self.error = error
        with self._lock:
            self._is_done = True
            must_discard = self._is_left
        if must_discard:
            self._put_away()
        self._ended.release()

    def wait(self) -> None:
        """Until it has ended. A signal that comes just before the waiting interrupts none: it is
        seen when that is over, so nobody waits long at a time."""
        while not self._ended.acquire(timeout=_LOOK_S):
            pass

    def leave(self) -> bool:
        """Nobody waits any more; whether it is under way."""
        with self._lock:
            self._is_left = True
            is_under_way, must_discard = self._has_begun and not self._is_done, self._is_done
        if must_discard:
            self._put_away()
        return is_under_way

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
    try:
        start_new_thread(made.run, ())
        made.wait()
    except BaseException:
        if made.leave() and stop is not None:
            stop()
            made.wait()
        raise
    if made.error is not None:
        raise made.error
