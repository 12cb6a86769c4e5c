"""Notices that have come from the library and are not told yet.

They are told by whoever waits for an answer, in its own time, so only a few at a time; and a
listener may be slower than they come, so they are bounded as they are in the library.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import count
from operator import itemgetter
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

    __slots__ = ("_listener", "_most", "_numbers", "_of", "_rests_until", "_tellers", "_waiting")

    def __init__(self, most: int, listener: Callable[[Notice], object] | None = None) -> None:
        self._most, self._listener = most, listener
        self._numbers = count()
        #: In the order in which they came, each with the numbers of its tenant.
        self._waiting: OrderedDict[int, tuple[deque[int], bytes]] = OrderedDict()
        #: The numbers of each tenant that wait. Only who adds changes this dictionary.
        self._of: dict[object, deque[int]] = {}
        self._rests_until = 0.0
        #: Threads that tell: a handler may ask, and tells no other one amid its own.
        self._tellers: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, document: bytes) -> None:
        """One has come. Of too many the oldest goes of the tenant with the most."""
        tenant = None
        with contextlib.suppress(ValueError):
            told = json.loads(document)
            if told.get("tenant") is not None:  # else they count as one tenant's
                tenant = (told.get("vault_id"), told["tenant"])
        if tenant not in self._of and len(self._of) > 2 * self._most:
            for known, numbers in [*self._of.items()]:
                if not numbers:
                    self._of.pop(known, None)
        number, mine = next(self._numbers), self._of.setdefault(tenant, deque())
        # In this order: each that waits is among its tenant's.
        mine.append(number)
        self._waiting[number] = (mine, document)
        while len(self._waiting) > self._most:
            tenants = [*self._of.values()]
            most = max(map(len, tenants))
            try:
                largest = min((one for one in tenants if len(one) >= most), key=itemgetter(0))
                self._waiting.pop(largest.popleft(), None)  # or it is being told
            except (IndexError, ValueError):
                break  # another thread tells them

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
                    number, (mine, document) = self._waiting.popitem(last=False)
                except KeyError:
                    break  # another thread was faster
                with contextlib.suppress(ValueError):  # it was to go
                    mine.remove(number)
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
