"""The engine for asyncio and uvloop: on the engine's descriptor, without a thread of its own.

An event loop that waits for results watches the descriptor; whichever wakes first takes a few
results and hands each to the loop that asked. Several loops may use one engine, one after the other
or in several threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Iterable,
    Mapping,
)
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast, overload

from . import _loading
from ._engine import BaseEngine
from ._handle import Setting
from ._loops import ASKED_AT_A_TIME, TAKEN_AT_A_TIME, Feed, LoopInbox, Wait, Watch, aside
from ._options import SearchFilters, milliseconds
from ._secret import leaves_no_secret
from ._sources import IterableSource, Source
from .bulk import Batch, BatchOptions, Follow, FollowOptions
from .errors import DeadlineError, Status
from .findings import CheckResult, SearchResult
from .model import Trace, View
from .request import Priority, Request, Result
from .vault import Tenant

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._reach import Where
    from .campaign import Campaign, Told
    from .checks import Checked, CheckOptions
    from .collect import CollectOptions, Detection
    from .credentials import RedisLogin
    from .hunt import Finding, HuntOptions
    from .notices import Notice
    from .request import Answer_co

#: How long a batch waits for room that other users of the engine take up, in seconds.
_ROOM_WAIT = 0.02


class AsyncEngine(BaseEngine):
    """Asks Cloudflare from asyncio. One engine serves any number of tasks, tenants and accounts.

    The names are those of :class:`Engine`. Cancelling a task cancels its requests. Use it with
    ``async with``, or call :meth:`aclose`.
    """

    __slots__ = ("_watches",)

    @leaves_no_secret
    def __init__(
        self,
        settings: Mapping[str, Setting] | None = None,
        *,
        login: RedisLogin | None = None,
        notice: Callable[[Notice], object] | None = None,
    ) -> None:
        super().__init__(settings, login=login, notice=notice)
        self._watches: dict[int, Watch] = {}

    # ---- One request --------------------------------------------------------------------------

    async def trace(
        self,
        tenant: Tenant,
        account_id: str | None,
        message_ref: str,
        *,
        wait: float | timedelta = 0,
        timeout: float | timedelta | None = None,
        submission: bool | None = None,
        priority: Priority = "interactive",
        fresh: bool = False,
        views: Iterable[View] = (),
    ) -> Trace:
        """Fetch one trace: see :meth:`Engine.trace`."""
        timeout = await self._turn(tenant, account_id, timeout, priority, message_ref)
        return await self._fetched(
            Request.trace(
                tenant,
                account_id,
                message_ref,
                wait=wait,
                timeout=timeout,
                submission=submission,
                priority=priority,
                fresh=fresh,
                views=views,
            )
        )

    async def search(
        self,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | timedelta | None = None,
        priority: Priority = "interactive",
        **filters: Unpack[SearchFilters],
    ) -> SearchResult:
        """Find messages: see :meth:`Engine.search`."""
        timeout = await self._turn(tenant, account_id, timeout, priority)
        return await self._fetched(
            Request.search(tenant, account_id, timeout=timeout, priority=priority, **filters)
        )

    async def check(
        self,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | timedelta | None = None,
        priority: Priority = "interactive",
        access: bool = False,
    ) -> CheckResult:
        """Ask whether the account's credential works: see :meth:`Engine.check`."""
        timeout = await self._turn(tenant, account_id, timeout, priority)
        return await self._fetched(
            Request.check(tenant, account_id, timeout=timeout, priority=priority, access=access)
        )

    async def _fetched(self, request: Request[Answer_co]) -> Answer_co:
        inbox = LoopInbox(asyncio.get_running_loop())
        slot = self._exchange.submit(request, inbox)
        try:
            with Wait(self._watch(), lambda: (request.tenant._key,)):
                while not slot.done:
                    await inbox.wait()
        finally:
            if not slot.done:
                self._exchange.abandon(slot)
        if slot.is_large:
            await self._watch().read(slot.tenant, slot.read)
        answer: Answer_co = slot.result().unwrap()
        return answer

    async def _turn(
        self,
        tenant: Tenant,
        account_id: str | None,
        timeout: float | timedelta | None,
        priority: Priority,
        message_ref: str = "",
    ) -> float | timedelta | None:
        """Wait until this task may ask; nothing is made before, so that 200 tasks begin at once.

        Gives what is left of its time. A bulk request without one is patient, here as well.
        """
        self._exchange.handle.ref  # noqa: B018 - a closed engine is refused at once
        watch = self._watch()
        if watch.takes_turn():
            return timeout
        span = None if priority == "bulk" else self._deadline
        if timeout is not None:
            span = int(milliseconds(timeout, "timeout", least=1)) / 1000
        began = watch.loop.time()
        # What is no tenant is refused when the request is made.
        may_ask = await watch.turn(getattr(tenant, "_key", None), span)
        if span is None:
            return None
        left = span - (watch.loop.time() - began)
        if may_ask and left > 0:
            return max(left, 0.001)
        error = DeadlineError(
            "no turn to ask came within the request's deadline: many tasks of the event loop ask",
            status=Status.E_DEADLINE,
            retriable=True,
        )
        raise error.about(tenant.name, account_id or "", message_ref)

    def _watch(self) -> Watch:
        """The running loop's own."""
        loop = asyncio.get_running_loop()
        watch = self._watches.get(id(loop))
        if watch is None or watch.loop is not loop:
            for key, one in [*self._watches.items()]:
                if one.loop.is_closed():
                    one.end()
                    self._watches.pop(key, None)
            watch = self._watches[id(loop)] = Watch(loop, self._exchange)
        return watch

    # ---- Many requests ------------------------------------------------------------------------

    @overload
    def batch(
        self,
        requests: Iterable[Request[Answer_co]] | AsyncIterable[Request[Answer_co]],
        **options: Unpack[BatchOptions],
    ) -> AsyncGenerator[Result[Answer_co]]: ...

    @overload
    def batch(
        self,
        requests: Iterable[Request[Any]] | AsyncIterable[Request[Any]],
        *,
        follow: Follow | None,
        **options: Unpack[BatchOptions],
    ) -> AsyncGenerator[Result[Any]]: ...

    def batch(
        self,
        requests: Iterable[Request[Any]] | AsyncIterable[Request[Any]],
        **options: Unpack[FollowOptions],
    ) -> AsyncGenerator[Result[Any]]:
        """Ask many questions; give each result when it comes: see :meth:`Engine.batch`.

        ``requests`` may be an asynchronous iterable, too.
        """
        self._exchange.handle.ref  # noqa: B018 - a closed engine is refused at once, not at first use
        return self._batch(requests, options)

    async def _batch(
        self, requests: Iterable[Any] | AsyncIterable[Any] | Source, options: FollowOptions
    ) -> AsyncGenerator[Result[Any]]:
        inbox = LoopInbox(asyncio.get_running_loop())
        feed = Feed(requests, inbox) if isinstance(requests, AsyncIterable) else None
        given = requests if isinstance(requests, Source) else None
        source: Source = feed or given or IterableSource(cast("Iterable[Any]", requests))
        batch = Batch(self._exchange, source, inbox, **options)
        try:
            if batch.waits_for_disk:
                await aside(batch.open)
            batch.begin()
            with Wait(self._watch(), batch.tenants):
                while batch.fill(ASKED_AT_A_TIME):
                    if batch.must_look:
                        await aside(batch.look)
                    elif batch.is_filling:
                        await asyncio.sleep(0)
                    elif not batch.has_ended:
                        await self._arrival(inbox, batch)
                    while await self._collected(batch):
                        yield batch.tell()
                        # Others have their turn, also when many results are there at once.
                        await asyncio.sleep(0)
                        if batch.is_filling:
                            break
            batch.end()
        finally:
            batch.close()
            if feed is not None:
                await feed.close()

    async def _collected(self, batch: Batch) -> bool:
        batch.take_in(TAKEN_AT_A_TIME)
        while large := batch.large(TAKEN_AT_A_TIME):  # more may come meanwhile
            await self._watch().read(large.tenant, partial(batch.read, TAKEN_AT_A_TIME))
        return batch.collect(TAKEN_AT_A_TIME)

    async def _arrival(self, inbox: LoopInbox, batch: Batch) -> None:
        if not batch.lacks_room:
            await inbox.wait()
            return
        # Others may hold all the room there is: then nothing of ours wakes us.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(inbox.wait(), _ROOM_WAIT)

    # ---- Whole vaults -------------------------------------------------------------------------

    def hunt(self, where: Where, **options: Unpack[HuntOptions]) -> AsyncGenerator[Finding]:
        """Find a message in many accounts: see :meth:`Engine.hunt`."""
        with _loading:
            from .hunt import Hunt  # loaded by those who use it

        return self._campaign(Hunt(where, **options))

    def check_all(self, where: Where, **options: Unpack[CheckOptions]) -> AsyncGenerator[Checked]:
        """Check every account's credential: see :meth:`Engine.check_all`."""
        with _loading:
            from .checks import CheckRound  # loaded by those who use it

        return self._campaign(CheckRound(where, **options))

    def collect(
        self, where: Where, *, checkpoint: str | os.PathLike[str], **options: Unpack[CollectOptions]
    ) -> AsyncGenerator[Detection]:
        """Give the detections that are new since the last time: see :meth:`Engine.collect`."""
        with _loading:
            from .collect import Collection  # loaded by those who use it

        return self._campaign(Collection(where, checkpoint=checkpoint, **options))

    def _campaign(self, campaign: Campaign[Told]) -> AsyncGenerator[Told]:
        self._exchange.handle.ref  # noqa: B018 - a closed engine is refused at once, not at first use
        campaign.deadline = self._deadline
        return self._asked(campaign)

    async def _asked(self, campaign: Campaign[Told]) -> AsyncGenerator[Told]:
        try:
            await aside(campaign.find)
            if campaign.waits_for_disk:
                await aside(campaign.open)
            campaign.in_loop = True
            campaign.begin()
            results = self._batch(campaign.source, campaign.batch_options)
            async with contextlib.aclosing(results):
                async for _ in results:
                    if campaign.takes_long:
                        await aside(campaign.catch_up)
                        campaign.caught_up()
                    for told in campaign.told():
                        yield told
                        await asyncio.sleep(0)
            if campaign.waits_for_disk:
                await aside(campaign.finish)
            for told in campaign.told():
                yield told
        finally:
            campaign.close()

    # ---- The engine itself --------------------------------------------------------------------

    async def aclose(self) -> None:
        """As :meth:`close`; the tasks that waited have their turn before it comes back."""
        self.close()
        await asyncio.sleep(0)

    async def __aenter__(self) -> AsyncEngine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
