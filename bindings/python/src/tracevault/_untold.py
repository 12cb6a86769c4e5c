"""Notices that have come from the library and are not told yet.

They are told by whoever waits for an answer, in its own time, so only a few at a time; and a
listener may be slower than they come, so they are bounded as they are in the library.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import _loading

if TYPE_CHECKING:
    from .notices import Notice

#: After so many seconds of telling nothing more is begun.
_TELLING_S = 0.01
#: So many times as long as they were told nothing is told then: who waits has that time.
_REST = 4


class Untold:
    """Any thread uses it, without a lock; one at a time adds."""

    __slots__ = ("_listener", "_most", "_rests_until", "_tellers", "_waiting")

    def __init__(self, most: int, listener: Callable[[Notice], object] | None = None) -> None:
        self._most, self._listener = most, listener
        #: Each with its tenant.
        self._waiting: deque[tuple[object, bytes]] = deque()
        self._rests_until = 0.0
        #: Threads that tell: a handler may ask, and tells no other one amid its own.
        self._tellers: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, document: bytes) -> None:
        """One has come. Of too many the oldest goes of the tenant with the most."""
        tenant = None
        with contextlib.suppress(ValueError):
            tenant = json.loads(document).get("tenant")
        self._waiting.append((tenant, document))
        while len(self._waiting) > self._most:
            there = list(self._waiting)
            if not there:
                break  # another thread has told them all
            ((most, _),) = Counter(tenant for tenant, _ in there).most_common(1)
            with contextlib.suppress(ValueError):  # it is being told
                self._waiting.remove(next(one for one in there if one[0] == most))

    def tell(self, span: float = _TELLING_S) -> None:
        """Tell what came, one at least, for so many seconds; then none for a while.

        Holds no lock: whoever listens may use the engine.
        """
        began = now = time.monotonic()
        teller = threading.get_ident()
        if teller in self._tellers or (now < self._rests_until and span == _TELLING_S):
            return
        self._tellers.add(teller)
        try:
            while self._waiting and now - began <= span:
                try:
                    _, document = self._waiting.popleft()
                except IndexError:
                    break  # another thread was faster
                # Where a handler raises, or there is no memory or descriptor, it is lost; whoever
                # waits for an answer has it.
                with contextlib.suppress(Exception):
                    with _loading:
                        from .notices import tell  # loaded when there is something to tell

                    tell(document, self._listener)
                now = time.monotonic()
        finally:
            self._tellers.discard(teller)
        self._rests_until = now + _REST * (now - began)
