"""The blocking engine: one question, or many with back-pressure, from any number of threads.

How the threads share the library's events is in ``_exchange.py``.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from . import _loading
from ._engine import BaseEngine
from ._finished import Finished
from ._handle import Setting
from ._lib import check, library
from ._options import SearchFilters
from ._secret import leaves_no_secret
from ._slot import Slot
from ._sources import IterableSource
from ._untaken import Untaken
from .bulk import Batch, BatchOptions, Follow, FollowOptions
from .errors import TraceVaultError
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
#: After so many calls ``take()`` looks for as many more results, though some are here: a look takes
#: a third as long as a result.
_TAKES_AT_A_LOOK = 32


class Engine(BaseEngine):
    """Asks Cloudflare. One engine serves any number of threads, tenants and accounts.

    ``settings`` maps property names to values, such as ``{"api.base_url": "https://..."}``;
    :func:`tracevault.config_properties` lists them all. ``notice`` is called with each
    :class:`Notice`, in the thread that takes results; without it notices go to ``logging``.
    """

    __slots__ = ("_finished", "_ready", "_takes", "_untaken")

    @leaves_no_secret
    def __init__(
        self,
        settings: Mapping[str, Setting] | None = None,
        *,
        login: RedisLogin | None = None,
        notice: Callable[[Notice], object] | None = None,
    ) -> None:
        super().__init__(settings, login=login, notice=notice)
        #: Finished requests of submit(), for take().
        self._ready: deque[Slot] = deque()
        #: The same, in turns; and how often somebody has taken.
        self._finished = Finished()
        self._takes = 0
        #: All of them that take() has not given.
        self._untaken = Untaken(self._capacity, self._capacity_of_tenant)

    # ---- One request --------------------------------------------------------------------------

    def trace(
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
        """Fetch one trace and wait for it.

        ``account_id`` may be ``None`` when the tenant has exactly one account. ``wait`` asks
        again for so many seconds while the trace is pending; ``timeout``, in seconds, bounds the
        whole; both may be a ``timedelta``. ``fresh`` asks Cloudflare even when the engine knows the
        complete trace already. ``views=("ecs", "ocsf")`` fetches what :meth:`Trace.ecs` and
        :meth:`Trace.ocsf` give.

        Raises :class:`MessageNotFoundError` when Cloudflare knows no such message,
        :class:`NotFoundError` when the tenant has no such account, :class:`CredentialError` when
        the credential is refused, and another :class:`RequestError` when no answer came, such as
        :class:`DeadlineError`. Its ``retriable`` says whether asking again may help.
        """
        request = Request.trace(
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
        return self._fetched(request)

    def search(
        self,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | timedelta | None = None,
        priority: Priority = "interactive",
        **filters: Unpack[SearchFilters],
    ) -> SearchResult:
        """Find messages and wait for them: ``search(acme, None, sender="a@b.example", limit=500)``.

        The filters are those of :class:`SearchFilters`. Each message's ``message_ref`` is what
        :meth:`trace` takes.
        """
        request = Request.search(tenant, account_id, timeout=timeout, priority=priority, **filters)
        return self._fetched(request)

    def check(
        self,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | timedelta | None = None,
        priority: Priority = "interactive",
        access: bool = False,
    ) -> CheckResult:
        """Ask Cloudflare whether the account's credential works, and wait for the answer.

        A credential that does not work is a result as well: see ``valid`` and ``reason``. With
        ``access`` one message is asked for as well: that shows a permission that is missing.
        """
        request = Request.check(
            tenant, account_id, timeout=timeout, priority=priority, access=access
        )
        return self._fetched(request)

    def _fetched(self, request: Request[Answer_co]) -> Answer_co:
        """Submit one request and wait for its result; raise its error."""
        slot = self._exchange.submit(request, None)
        ahead = partial(self._read_ahead, lambda: (request.tenant._key,))
        try:
            self._exchange.wait(lambda: slot.done, None, ahead)
        finally:
            if not slot.done:
                self._exchange.abandon(slot)
        answer: Answer_co = slot.result().unwrap()
        return answer

    # ---- Many requests ------------------------------------------------------------------------

    @overload
    def batch(
        self, requests: Iterable[Request[Answer_co]], **options: Unpack[BatchOptions]
    ) -> Generator[Result[Answer_co]]: ...

    @overload
    def batch(
        self,
        requests: Iterable[Request[Any]],
        *,
        follow: Follow | None,
        **options: Unpack[BatchOptions],
    ) -> Generator[Result[Any]]: ...

    def batch(
        self, requests: Iterable[Request[Any]], **options: Unpack[FollowOptions]
    ) -> Generator[Result[Any]]:
        """Ask many questions; yield each result when it comes, in any order.

        Exactly one result per request, also for one that is refused at once. At most three times
        ``window`` are taken from ``requests`` ahead of the results, so it may be endless; of a list
        or a tuple all are looked at, so that one tenant holds up no other. Closing the iterator
        cancels what is under way. An exception in the caller's own code is raised when what is
        under way, and what was drawn from an iterator, has been told.

        ``follow`` is called with each result and may give more requests; ``resume`` names a
        journal, with which the next run goes on where this one ended; ``progress`` is called with
        a :class:`Progress`. See :class:`BatchOptions`.

        A request without a ``timeout`` is patient: its wait for a turn and for the quota is not
        counted in ``request.deadline_ms``. :meth:`estimate` tells beforehand how long that is.
        """
        self._exchange.handle.ref  # noqa: B018 - a closed engine is refused at once, not at first use
        inbox: deque[Slot] = deque()
        return self._batch(Batch(self._exchange, IterableSource(requests), inbox, **options), inbox)

    def _batch(self, batch: Batch, inbox: deque[Slot]) -> Generator[Result[Any]]:
        try:
            batch.open()
            batch.begin()
            while batch.fill():
                if not batch.has_ended:
                    # Others may hold all the room there is: then nothing of ours wakes us.
                    room_wait = _ROOM_WAIT if batch.lacks_room else None
                    self._exchange.wait(
                        lambda: bool(inbox),
                        0.0 if batch.is_filling else room_wait,
                        partial(self._read_ahead, batch.tenants),
                    )
                yield from batch.results()
            batch.end()
        finally:
            batch.close()

    # ---- Whole vaults -------------------------------------------------------------------------

    def hunt(self, where: Where, **options: Unpack[HuntOptions]) -> Generator[Finding]:
        """Find a message in many accounts; yield each copy with its trace when it comes.

        ``hunt(vault, message_id="<a@b.example>", start=...)``: who received it, and what happened
        to each copy? ``where`` is a vault, a tenant or several tenants; filters and further options
        are those of :class:`HuntOptions`. Each copy comes once for each account. An account that
        could not be asked is a finding without a message, with the ``error``. Where there is no
        account to ask it raises :class:`NotFoundError`, as a collection and a round of checks do.
        """
        with _loading:
            from .hunt import Hunt  # loaded by those who use it

        return self._campaign(Hunt(where, **options))

    def check_all(self, where: Where, **options: Unpack[CheckOptions]) -> Generator[Checked]:
        """Check every account's credential; yield each answer when it comes.

        ``expiring=30`` gives only those that end within thirty days, do not work or could not be
        checked. ``store=True`` writes the ends that were found into the vault.
        """
        with _loading:
            from .checks import CheckRound  # loaded by those who use it

        return self._campaign(CheckRound(where, **options))

    def collect(
        self, where: Where, *, checkpoint: str | os.PathLike[str], **options: Unpack[CollectOptions]
    ) -> Generator[Detection]:
        """Give the detections that are new since the last time, and those whose state changed.

        ``checkpoint`` names the file that remembers them. See :class:`CollectOptions`.
        """

        with _loading:
            from .collect import Collection  # loaded by those who use it

        return self._campaign(Collection(where, checkpoint=checkpoint, **options))

    def _campaign(self, campaign: Campaign[Told]) -> Generator[Told]:
        self._exchange.handle.ref  # noqa: B018 - a closed engine is refused at once, not at first use
        campaign.deadline = self._deadline
        campaign.find()
        return self._asked(campaign)

    def _asked(self, campaign: Campaign[Told]) -> Generator[Told]:
        try:
            campaign.open()
            campaign.begin()
            inbox: deque[Slot] = deque()
            batch = Batch(self._exchange, campaign.source, inbox, **campaign.batch_options)
            with contextlib.closing(self._batch(batch, inbox)) as results:
                for _ in results:
                    yield from campaign.told()
            campaign.finish()
            yield from campaign.told()
        finally:
            campaign.close()

    # ---- Submit now, take later ---------------------------------------------------------------

    def submit(self, request: Request[Any]) -> int:
        """Queue a request and give its id. Its result comes from :meth:`take`.

        Raises :class:`QueueFullError` when ``engine.max_queued`` results are outstanding, or the
        tenant has its share of them: eight times as many as are free, or
        ``engine.max_queued_per_tenant``.
        """
        self._exchange.handle.require_own_process()
        slot = self._exchange.submit(request, self._ready, is_late=True, known=self._untaken)
        return slot.id.value

    def take(self, timeout: float | timedelta | None = None) -> Result[Any] | None:
        """Give the next finished request of :meth:`submit`, one of each tenant in its turn;
        ``None`` when the time ran out.

        ``timeout`` is in seconds, or a ``timedelta``; ``None`` waits, ``0`` only looks.
        """
        if isinstance(timeout, timedelta):
            timeout = timeout.total_seconds()
        if timeout is not None and not isinstance(timeout, (int, float)):
            raise TypeError(
                "timeout must be a number of seconds, a timedelta or None, "
                f"not {type(timeout).__name__}"
            )
        self._exchange.handle.require_own_process()
        until = None if timeout is None else time.monotonic() + timeout
        self._takes += 1
        if not self._takes % _TAKES_AT_A_LOOK and self._has_come():
            # What has come since: a tenant's turn is not behind all that others have here. Where
            # that fails, the next one that waits is told why.
            with contextlib.suppress(TraceVaultError):
                self._exchange.take_some(_TAKES_AT_A_LOOK)
        slot: Slot | None = None
        mine: Slot | None = None
        try:
            while True:
                with self._exchange.lock:
                    self._finished.gather(self._ready)
                    while mine is None and (slot := self._finished.first()) is not None:
                        if slot.tag in self._untaken and not slot.is_claimed:
                            # No call in between: an interruption has both, or neither.
                            mine, slot.is_claimed = slot, True
                        self._finished.remove(slot)
                if mine is not None:
                    result = mine.result()
                    # No call behind it: what is interrupted before is given by the next take().
                    # Another thread's submit() that was interrupted may have forgotten it.
                    self._untaken.pop(mine.tag, None)
                    return result
                slot = None  # another thread's, whose answer is not held while this one waits
                left = None if until is None else max(0.0, until - time.monotonic())
                if not self._exchange.wait(self._has_come, left, self._read_ahead_of_take):
                    return None
        except BaseException:
            if mine is not None:
                mine.is_claimed = False
                self._ready.append(mine)
            raise

    def _has_come(self) -> bool:
        return bool(self._ready or self._finished)

    def _read_ahead_of_take(self) -> None:
        self._read_ahead(lambda: self._exchange.tenants_of(self._ready))

    def cancel(self, request_id: int) -> None:
        """Cancel a request of :meth:`submit`; its result comes all the same.

        Raises :class:`NotFoundError` when it is not known or done already.
        """
        if not isinstance(request_id, int):
            raise TypeError(f"a request's id is an int, not {type(request_id).__name__}")
        check(library().tv_engine_cancel, self._exchange.handle.ref, request_id)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
