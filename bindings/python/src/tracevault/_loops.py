"""How an event loop takes part: its look at the descriptor, its inbox, its asynchronous sources.

What is asked and what results mean is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncIterable, Callable, Iterable
from types import TracebackType
from typing import Any

from ._exchange import LACKING_S, Exchange
from ._slot import Slot
from ._sources import END, Source, asked_of
from ._unread import TenantKey
from .errors import Opening
from .request import Request

#: What a loop takes and asks before it lets its other tasks go on: about a millisecond together.
TAKEN_AT_A_TIME = 2
ASKED_AT_A_TIME = 8
#: So many large results of a loop are read at a time: more threads would not read more in all, and
#: Python's executor, which has more, does what it is given in the order in which it comes.
READ_AT_A_TIME = max(1, min(os.cpu_count() or 1, 8))
#: No request may take longer; an event loop may have no timer for a time beyond reason.
_LONGEST_S = 86_400.0


class Turns:
    """Tasks that wait, tenant by tenant, whose turn comes first at the front: one in each round."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queues: OrderedDict[object, deque[asyncio.Future[bool]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def join(self, tenant: object) -> asyncio.Future[bool]:
        """What a task waits for: true when it is its turn."""
        mine: asyncio.Future[bool] = self._loop.create_future()
        self._queues.setdefault(tenant, deque()).append(mine)
        return mine

    def call_next(self) -> bool:
        """Whether somebody's turn has come now. Who has gone meanwhile is passed over."""
        while self._queues:
            tenant, queue = self._queues.popitem(last=False)
            while queue:
                next_one = queue.popleft()
                if not next_one.done():
                    next_one.set_result(True)
                    if queue:
                        self._queues[tenant] = queue
                    return True
        return False


class Watch:
    """One loop's look at the engine's descriptor, for as long as something is waited for there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, exchange: Exchange) -> None:
        self.loop = loop
        self._exchange = exchange
        self._waiting: set[Wait] = set()
        #: How many may still be asked in this turn of the loop, and who asks in a later one.
        self._left = ASKED_AT_A_TIME
        self._askers = Turns(loop)
        #: How many large results may still be read, and whose are read later.
        self._free = READ_AT_A_TIME
        self._readers = Turns(loop)
        # Of its own: the engine may be closed in another thread, and its descriptor with it.
        self._fd = -1
        self._timer: asyncio.TimerHandle | None = None
        #: What is being read before its turn.
        self._ahead: asyncio.Future[None] | None = None

    def begin(self, wait: Wait) -> None:
        """Something is waited for."""
        if not self._waiting:
            with Opening("an event loop that waits for answers"):
                self._fd = os.dup(self._exchange.fileno())
            try:
                self.loop.add_reader(self._fd, self._take)
                self._look()
            except BaseException:
                self.end()
                raise
        self._waiting.add(wait)

    def leave(self, wait: Wait) -> None:
        """It is waited for no more."""
        self._waiting.discard(wait)
        if not self._waiting:
            self.end()

    def _look(self) -> None:
        """Have read before its turn what may leave no room for what is waited for: whoever was to
        read it may be who waits. One look for all, however many wait."""
        self._timer = self.loop.call_later(LACKING_S, self._look)
        self._exchange.tell_some()
        unread = self._exchange.unread
        if self._ahead is not None or not unread:
            return
        asked = {name for wait in self._waiting for name in wait.tenants()}
        tenants = [name for name in asked if unread.has(name)]
        if tenants:
            self._ahead = self.loop.run_in_executor(None, unread.read_ahead, tenants)
            self._ahead.add_done_callback(self._has_read)

    def _has_read(self, ahead: asyncio.Future[None]) -> None:
        self._ahead = None
        if not ahead.cancelled():
            ahead.exception()  # whoever is told of the result reads it once more, and is told why

    def takes_turn(self) -> bool:
        """Whether a task may ask now; if not, it waits for its :meth:`turn`."""
        if self._left == ASKED_AT_A_TIME:
            self.loop.call_soon(self._renew)
        if self._left <= 0 or self._askers:
            return False
        self._left -= 1
        return True

    async def turn(self, tenant: object, span: float | None) -> bool:
        """Wait until it is this task's turn to ask, for so many seconds at most; many at once would
        hold up the loop. False where the time is over before."""
        mine = self._askers.join(tenant)
        if span is None:
            return await mine
        timer = self.loop.call_later(min(span, _LONGEST_S), _expire, mine)
        try:
            return await mine
        finally:
            timer.cancel()

    def _renew(self) -> None:
        self._left = ASKED_AT_A_TIME
        while self._left > 0 and self._askers.call_next():
            self._left -= 1
        if self._left < ASKED_AT_A_TIME:
            self.loop.call_soon(self._renew)

    async def read(self, tenant: object, call: Callable[[], None]) -> None:
        """Have large results of a tenant read in another thread, when it is its turn."""
        if self._free > 0:
            self._free -= 1
        else:
            mine = self._readers.join(tenant)
            try:
                await mine
            except BaseException:
                if not (mine.cancelled() or mine.cancel()):
                    self._has_read_one()  # its turn had come
                raise
        try:
            await aside(call)
        finally:
            self._has_read_one()

    def _has_read_one(self) -> None:
        if not self._readers.call_next():
            self._free += 1

    def end(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # A forked child shares what its parent's loop looks with.
            if self._exchange.handle.is_of_this_process:
                with contextlib.suppress(RuntimeError):  # a loop that is closed watches nothing
                    self.loop.remove_reader(fd)
            os.close(fd)

    def _take(self) -> None:
        if self._exchange.handle.usable:
            self._exchange.take_some(TAKEN_AT_A_TIME)
        else:
            self.end()  # closed elsewhere: every result has been delivered


def _expire(waits: asyncio.Future[bool]) -> None:
    if not waits.done():
        waits.set_result(False)


class Wait:
    """As long as it is entered, the loop watches for answers of these tenants."""

    def __init__(self, watch: Watch, tenants: Callable[[], Iterable[TenantKey]]) -> None:
        self._watch, self.tenants = watch, tenants

    def __enter__(self) -> None:
        self._watch.begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._watch.leave(self)


class LoopInbox(deque[Slot]):
    """Finished requests of one task; wakes it, from whatever thread they come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._thread = threading.get_ident()
        self.filled = asyncio.Event()

    def append(self, slot: Slot) -> None:
        super().append(slot)
        with contextlib.suppress(RuntimeError):  # a loop that is closed waits for nothing
            if threading.get_ident() == self._thread:
                self.filled.set()
            else:
                self._loop.call_soon_threadsafe(self.filled.set)

    async def wait(self) -> None:
        """Until something has come since the last time, or may have."""
        await self.filled.wait()
        self.filled.clear()


async def aside(call: Callable[[], None]) -> None:
    """Do in another thread what waits for the disk or takes long.

    A task that is cancelled meanwhile, however often, stays until the thread is done: what it has
    opened is closed next.
    """
    doing = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        while not doing.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([doing])
        raise


class Feed(Source):
    """Draws from the caller's asynchronous iterable, one ahead of what is asked."""

    def __init__(self, requests: AsyncIterable[Any], inbox: LoopInbox) -> None:
        self.over = False
        self.total: int | None = None
        self._requests = aiter(requests)
        self._inbox = inbox
        self._next: asyncio.Future[Any] | None = None

    def draw(self) -> Request[Any] | None:
        """The one that is ready; ``None`` when there is none now."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._requests, END))
            self._next.add_done_callback(lambda _: self._inbox.filled.set())
        if not self._next.done():
            return None
        drawn, self._next = self._next, None
        request: object = drawn.result()
        self.over = request is END
        return asked_of(request)

    def stop(self) -> Request[Any] | None:
        """Take nothing more; what was taken already, unless that is a fault as well."""
        if self._next is None:
            return None
        if not self._next.done():
            self._next.cancel()
            return None
        with contextlib.suppress(Exception):
            return self.draw()
        return None

    async def close(self) -> None:
        """Draw no more."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
