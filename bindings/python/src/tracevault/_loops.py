"""How an event loop takes part: its look at the descriptor, its inbox, its asynchronous sources.

What is asked and what results mean is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import AsyncIterable, Callable
from typing import Any

from ._exchange import Exchange, Slot
from ._sources import Source

#: What a loop takes and asks before it lets its other tasks go on: about a millisecond together.
TAKEN_AT_A_TIME = 2
ASKED_AT_A_TIME = 8


class Watch:
    """One loop's look at the engine's descriptor, for as long as something is waited for there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, exchange: Exchange) -> None:
        self.loop = loop
        self._exchange = exchange
        self._waiting = 0
        #: How many may still be asked in this turn of the loop, and who asks in a later one.
        self._left = ASKED_AT_A_TIME
        self._queue: deque[asyncio.Future[None]] = deque()
        # Of its own: the engine may be closed in another thread, and its descriptor with it.
        self._fd = -1

    def __enter__(self) -> None:
        if not self._waiting:
            self._fd = os.dup(self._exchange.fileno())
            self.loop.add_reader(self._fd, self._take)
        self._waiting += 1

    def __exit__(self, *_: object) -> None:
        self._waiting -= 1
        if not self._waiting:
            self.end()

    async def turn(self) -> None:
        """Wait until it is this task's turn to ask: many at once would hold up the loop."""
        if self._left == ASKED_AT_A_TIME:
            self.loop.call_soon(self._renew)
        if self._left > 0 and not self._queue:
            self._left -= 1
            return
        mine = self.loop.create_future()
        self._queue.append(mine)
        await mine

    def _renew(self) -> None:
        self._left = ASKED_AT_A_TIME
        while self._queue and self._left > 0:
            next_one = self._queue.popleft()
            if not next_one.done():
                next_one.set_result(None)
                self._left -= 1
        if self._left < ASKED_AT_A_TIME:
            self.loop.call_soon(self._renew)

    def end(self) -> None:
        """Watch no more."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(RuntimeError):  # a loop that is closed watches nothing
                self.loop.remove_reader(fd)
            os.close(fd)

    def _take(self) -> None:
        if self._exchange.handle.usable:
            self._exchange.take_some(TAKEN_AT_A_TIME)
        else:
            self.end()  # closed elsewhere: every result has been delivered


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

    def draw(self) -> object:
        """The one that is ready; ``None`` when there is none now."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._requests, None))
            self._next.add_done_callback(lambda _: self._inbox.filled.set())
        if not self._next.done():
            return None
        drawn, self._next = self._next, None
        request: object = drawn.result()
        self.over = request is None
        return request

    async def stop(self) -> None:
        """Draw no more."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
