"""The blocking engine: one question, or many with back-pressure, from any number of threads.

How the threads share the library's events is in ``_exchange.py``.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ._abi import EngineRef, TextRef
from ._exchange import Exchange, Slot
from ._handle import Handle, Setting, encoded, new_config
from ._lib import check, json_document, library
from .errors import ArgumentError, QueueFullError, Status, TraceVaultError
from .findings import CheckResult, SearchResult
from .model import Trace, View
from .request import Priority, Request, Result, SearchFilters
from .vault import Tenant

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: How many requests `Engine.batch` keeps in the engine at a time.
BATCH_WINDOW = 1024
#: How long a batch waits for room that other users of the engine take up, in seconds.
_ROOM_WAIT = 0.02
#: How long leaving the interpreter may wait for an engine, in seconds.
_EXIT_WAIT = 5.0


class Engine:
    """Asks Cloudflare. One engine serves any number of threads, tenants and accounts.

    ``settings`` maps property names to values, such as ``{"api.base_url": "https://..."}``;
    :func:`tracevault.config_properties` lists them all.
    """

    __slots__ = ("__weakref__", "_capacity", "_exchange", "_ready", "_untaken")

    def __init__(self, settings: Mapping[str, Setting] | None = None) -> None:
        lib = library()
        config = new_config(settings)
        ref = EngineRef()
        try:
            self._capacity = _capacity(lib, config.ref)
            check(lib.tv_engine_new, config.ref, ctypes.byref(ref))
        finally:
            config.close()
        self._exchange = Exchange(Handle(ref, "tv_engine_free", "engine"))
        #: Finished requests of submit(), for take().
        self._ready: deque[Slot] = deque()
        self._untaken = 0
        _live.add(self)

    # ---- One request --------------------------------------------------------------------------

    def trace(
        self,
        tenant: Tenant,
        account_id: str | None,
        message_ref: str,
        *,
        wait: float = 0,
        timeout: float | None = None,
        submission: bool | None = None,
        priority: Priority = "interactive",
        fresh: bool = False,
        views: Iterable[View] = (),
    ) -> Trace:
        """Fetch one trace and wait for it.

        ``account_id`` may be ``None`` when the tenant has exactly one account. ``wait`` asks
        again for so many seconds while the trace is pending; ``timeout`` bounds the whole.
        ``fresh`` asks Cloudflare even when the engine knows the complete trace already.
        ``views=("ecs", "ocsf")`` fetches what :meth:`Trace.ecs` and :meth:`Trace.ocsf` give.
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
        trace = self._fetched(request).trace
        assert trace is not None
        return trace

    def search(
        self,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | None = None,
        priority: Priority = "interactive",
        **filters: Unpack[SearchFilters],
    ) -> SearchResult:
        """Find messages and wait for them: ``search(acme, None, sender="a@b.example", limit=500)``.

        The filters are those of :class:`SearchFilters`. Each message's ``message_ref`` is what
        :meth:`trace` takes.
        """
        request = Request.search(tenant, account_id, timeout=timeout, priority=priority, **filters)
        found = self._fetched(request).search
        assert found is not None
        return found

    def check(
        self,
        tenant: Tenant,
        account_id: str | None,
        *,
        timeout: float | None = None,
        priority: Priority = "interactive",
    ) -> CheckResult:
        """Ask Cloudflare whether the account's credential works, and wait for the answer.

        A credential that does not work is a result as well: see ``valid`` and ``reason``.
        """
        request = Request.check(tenant, account_id, timeout=timeout, priority=priority)
        checked = self._fetched(request).check
        assert checked is not None
        return checked

    def _fetched(self, request: Request) -> Result:
        """Submit one request and wait for its result; raise its error."""
        slot = self._exchange.submit(request, None)
        try:
            self._exchange.wait(lambda: slot.done, None)
        finally:
            if not slot.done:
                self._exchange.abandon(slot)
        result = slot.result()
        if result.error is not None:
            raise result.error
        return result

    # ---- Many requests ------------------------------------------------------------------------

    def batch(self, requests: Iterable[Request], *, window: int = BATCH_WINDOW) -> Iterator[Result]:
        """Ask many questions; yield each result when it comes, in any order.

        Exactly one result per request, also for one that is refused at once. At most ``window``
        requests are taken from ``requests`` ahead of the results, so it may be endless. Closing
        the iterator cancels what is under way.

        A request without a ``timeout`` is patient: its wait for a turn and for the quota is not
        counted in ``request.deadline_ms``. :meth:`estimate` tells beforehand how long that is.
        """
        if window < 1:
            raise ArgumentError("window must be at least 1", status=Status.E_ARGUMENT)
        self._exchange.handle.ref  # noqa: B018 - a closed engine is refused at once, not at first use
        return self._batch(iter(requests), window)

    def _batch(self, requests: Iterator[Request], window: int) -> Iterator[Result]:
        under_way: dict[int, Slot] = {}
        inbox: deque[Slot] = deque()
        held: Request | None = None  # taken from the caller, but the queue was full
        more = True
        try:
            while more or held or under_way:
                while not inbox and len(under_way) < window and (more or held):
                    request, held = held or next(requests, None), None
                    if request is None:
                        more = False
                        break
                    try:
                        slot = self._exchange.submit(request, inbox, is_patient=True)
                    except QueueFullError:
                        held = request
                        break
                    except TraceVaultError as error:
                        yield Result(request=request, id=0, error=error)
                        continue
                    under_way[slot.tag] = slot
                # Others may hold all the room there is: then nothing of ours wakes us.
                room = _ROOM_WAIT if held else None
                if under_way or held:
                    self._exchange.wait(lambda: bool(inbox), room)
                while inbox:
                    done = inbox.popleft()
                    under_way.pop(done.tag, None)
                    yield done.result()
        finally:
            for slot in under_way.values():
                self._exchange.abandon(slot)

    # ---- Submit now, take later ---------------------------------------------------------------

    def submit(self, request: Request) -> int:
        """Queue a request and give its id. Its result comes from :meth:`take`.

        Raises :class:`QueueFullError` when ``engine.max_queued`` results are outstanding.
        """
        self._exchange.handle.require_own_process()
        with self._exchange.changed:
            if self._untaken >= self._capacity:
                raise QueueFullError(
                    f"{self._capacity} requests are under way or not yet taken: take some first",
                    status=Status.E_QUEUE_FULL,
                    retriable=True,
                )
            self._untaken += 1
        try:
            return self._exchange.submit(request, self._ready).id.value
        except BaseException:
            with self._exchange.changed:
                self._untaken -= 1
            raise

    def take(self, timeout: float | None = None) -> Result | None:
        """Give the next finished request of :meth:`submit`; ``None`` when the time ran out.

        ``timeout=None`` waits; ``0`` only looks.
        """
        self._exchange.handle.require_own_process()
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._exchange.changed:
                if self._ready:
                    self._untaken -= 1
                    slot = self._ready.popleft()
                    break
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._exchange.wait(lambda: bool(self._ready), left):
                return None
        return slot.result()

    def cancel(self, request_id: int) -> None:
        """Cancel a request of :meth:`submit`; its result comes all the same.

        Raises :class:`NotFoundError` when it is not known or done already.
        """
        check(library().tv_engine_cancel, self._exchange.handle.ref, request_id)

    # ---- The engine itself --------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """What the engine is doing: queue depths, requests under way, outcomes."""
        found: dict[str, Any] = json_document(library().tv_engine_stats, self._exchange.handle.ref)
        return found

    def estimate(self, tenant: Tenant, count: int, account_id: str | None = None) -> dict[str, Any]:
        """How long ``count`` more requests of an account take, if nobody else spends its quota.

        ``done_ms`` and ``done_at`` say when the last of them may go; ``burst`` and ``per_minute``
        what the quota gives. Replies, retries and further pages take their own time on top.
        """
        account = encoded(account_id or "", "the account id")
        found: dict[str, Any] = json_document(
            library().tv_engine_estimate,
            self._exchange.handle.ref,
            tenant._handle.ref,
            account,
            len(account),
            count,
        )
        return found

    @property
    def closed(self) -> bool:
        """Whether the engine is closed, or belongs to the process this one was forked from."""
        return not self._exchange.handle.usable

    def close(self) -> None:
        """Complete everything under way with :class:`ShutdownError` and end the engine's thread.

        Closing twice does nothing.
        """
        self._exchange.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _capacity(lib: ctypes.CDLL, config: Any) -> int:
    name = b"engine.max_queued"
    data, length = TextRef(), ctypes.c_size_t()
    check(lib.tv_config_get, config, name, len(name), ctypes.byref(data), ctypes.byref(length))
    return int(ctypes.string_at(data, length.value))


_live: weakref.WeakSet[Engine] = weakref.WeakSet()


def _stop_all() -> None:
    """End the engines before the interpreter ends, but never hang it."""
    for engine in list(_live):
        stopper = threading.Thread(target=engine.close, daemon=True)
        try:
            stopper.start()
        except RuntimeError:  # Python 3.12 and newer may start no thread this late
            engine.close()
        else:
            stopper.join(_EXIT_WAIT)


atexit.register(_stop_all)
