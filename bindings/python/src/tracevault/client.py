"""The blocking engine: one trace, or many with back-pressure, from any number of threads.

All waiting threads share the library's one event queue: one of them at a time takes the events
and hands each to whom it belongs. Waiting happens in ``poll()`` and on a condition, never inside
the library, so that Ctrl-C ends it at once.
"""

from __future__ import annotations

import atexit
import ctypes
import select
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from ._abi import EngineRef, ErrorRef, EventRef, RequestRef, TextRef
from ._handle import Handle, Setting, encoded, new_config
from ._lib import check, failure, json_document, library, view
from .errors import ArgumentError, ClosedError, QueueFullError, Status, TraceVaultError
from .model import Trace
from .vault import Tenant

#: How many requests `Engine.batch` keeps in the engine at a time.
BATCH_WINDOW = 1024
#: Events taken before the waiting threads are told.
_DRAIN = 256
#: How long a batch waits for room that other users of the engine take up, in seconds.
_ROOM_WAIT = 0.02
#: How long leaving the interpreter may wait for an engine, in seconds.
_EXIT_WAIT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to Cloudflare; made by :meth:`trace`, usable any number of times."""

    tenant: Tenant
    #: ``None`` when the tenant has exactly one account.
    account_id: str | None
    message_ref: str
    #: Seconds to ask again while the trace is pending.
    wait: float = 0
    #: Seconds the request may take in all; ``None``: the setting ``request.deadline_ms``.
    timeout: float | None = None
    submission: bool | None = None

    @classmethod
    def trace(
        cls,
        tenant: Tenant,
        account_id: str | None,
        message_ref: str,
        *,
        wait: float = 0,
        timeout: float | None = None,
        submission: bool | None = None,
    ) -> Request:
        """Ask for the delivery trace of one message. Its text is checked when it is submitted."""
        if not isinstance(tenant, Tenant):
            raise TypeError(f"tenant must be a Tenant, not {type(tenant).__name__}")
        encoded(message_ref, "the message reference")
        encoded(account_id or "", "the account id")
        return cls(
            tenant=tenant,
            account_id=account_id,
            message_ref=message_ref,
            wait=wait,
            timeout=timeout,
            submission=submission,
        )

    def _made(self, lib: ctypes.CDLL) -> RequestRef:
        ref = RequestRef()
        account = encoded(self.account_id or "", "the account id")
        message = encoded(self.message_ref, "the message reference")
        check(lib.tv_request_trace, account, len(account), message, len(message), ctypes.byref(ref))
        try:
            if self.wait:
                _set(lib, ref, b"wait_ms", _milliseconds(self.wait, "wait"))
            if self.timeout is not None:
                _set(lib, ref, b"deadline_ms", _milliseconds(self.timeout, "timeout"))
            if self.submission is not None:
                _set(lib, ref, b"submission", b"true" if self.submission else b"false")
        except BaseException:
            lib.tv_request_free(ref)
            raise
        return ref


def _set(lib: ctypes.CDLL, ref: RequestRef, name: bytes, value: bytes) -> None:
    check(lib.tv_request_set, ref, name, len(name), value, len(value))


def _milliseconds(seconds: float, what: str) -> bytes:
    try:
        return b"%d" % round(seconds * 1000)
    except (OverflowError, ValueError):
        raise ArgumentError(
            f"{what} must be a finite number of seconds", status=Status.E_ARGUMENT
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one request ended: with a trace or with an error, never both."""

    request: Request
    #: The id :meth:`Engine.submit` gave; 0 when the request was refused at once.
    id: int
    trace: Trace | None = None
    error: TraceVaultError | None = None


class _Slot:
    """One request under way, and its outcome once there is one."""

    __slots__ = ("document", "done", "error", "id", "inbox", "request", "tag")

    def __init__(self, request: Request, tag: int, inbox: deque[_Slot] | None) -> None:
        self.request = request
        self.tag = tag
        self.inbox = inbox
        self.id = ctypes.c_uint64()
        self.done = False
        self.document = b""
        self.error: TraceVaultError | None = None

    def trace(self) -> Trace:
        if self.error is not None:
            raise self.error
        try:
            return Trace.from_json(self.document)
        except ValueError as reason:
            raise TraceVaultError(f"the library's document cannot be read: {reason}") from reason

    def result(self) -> Result:
        try:
            return Result(request=self.request, id=self.id.value, trace=self.trace())
        except TraceVaultError as error:
            return Result(request=self.request, id=self.id.value, error=error)


class Engine:
    """Fetches traces. One engine serves any number of threads, tenants and accounts.

    ``settings`` maps property names to values, such as ``{"api.base_url": "https://..."}``;
    :func:`tracevault.config_properties` lists them all.
    """

    __slots__ = (
        "__weakref__",
        "_capacity",
        "_changed",
        "_event",
        "_handle",
        "_poll",
        "_ready",
        "_slots",
        "_tags",
        "_taking",
        "_untaken",
    )

    def __init__(self, settings: Mapping[str, Setting] | None = None) -> None:
        lib = library()
        config = new_config(settings)
        ref = EngineRef()
        try:
            self._capacity = _capacity(lib, config.ref)
            check(lib.tv_engine_new, config.ref, ctypes.byref(ref))
        finally:
            config.close()
        self._handle = Handle(ref, lib.tv_engine_free, "engine")
        self._tags = count(1)
        self._slots: dict[int, _Slot] = {}
        #: Finished requests of submit(), for take().
        self._ready: deque[_Slot] = deque()
        self._untaken = 0
        #: Held by the one thread that takes events for all.
        self._taking = threading.Lock()
        self._changed = threading.Condition()
        #: Survives an interruption between taking an event and delivering it.
        self._event = EventRef()
        fd = ctypes.c_int()
        check(lib.tv_engine_fd, ref, ctypes.byref(fd))
        self._poll = select.poll()
        self._poll.register(fd.value, select.POLLIN)
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
    ) -> Trace:
        """Fetch one trace and wait for it.

        ``account_id`` may be ``None`` when the tenant has exactly one account. ``wait`` asks
        again for so many seconds while the trace is pending; ``timeout`` bounds the whole.
        """
        slot = self._submit(
            Request.trace(
                tenant,
                account_id,
                message_ref,
                wait=wait,
                timeout=timeout,
                submission=submission,
            ),
            None,
        )
        try:
            self._wait(lambda: slot.done, None)
        finally:
            if not slot.done:
                self._abandon(slot)
        return slot.trace()

    # ---- Many requests ------------------------------------------------------------------------

    def batch(self, requests: Iterable[Request], *, window: int = BATCH_WINDOW) -> Iterator[Result]:
        """Fetch many traces; yield each result when it comes, in any order.

        Exactly one result per request, also for one that is refused at once. At most ``window``
        requests are taken from ``requests`` ahead of the results, so it may be endless. Closing
        the iterator cancels what is under way.
        """
        if window < 1:
            raise ArgumentError("window must be at least 1", status=Status.E_ARGUMENT)
        self._handle.ref  # noqa: B018 - a closed engine is refused at once, not at first use
        return self._batch(iter(requests), window)

    def _batch(self, requests: Iterator[Request], window: int) -> Iterator[Result]:
        under_way: dict[int, _Slot] = {}
        inbox: deque[_Slot] = deque()
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
                        slot = self._submit(request, inbox)
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
                    self._wait(lambda: bool(inbox), room)
                while inbox:
                    done = inbox.popleft()
                    under_way.pop(done.tag, None)
                    yield done.result()
        finally:
            for slot in under_way.values():
                self._abandon(slot)

    # ---- Submit now, take later ---------------------------------------------------------------

    def submit(self, request: Request) -> int:
        """Queue a request and give its id. Its result comes from :meth:`take`.

        Raises :class:`QueueFullError` when ``engine.max_queued`` results are outstanding.
        """
        self._handle.require_own_process()
        with self._changed:
            if self._untaken >= self._capacity:
                raise QueueFullError(
                    f"{self._capacity} requests are under way or not yet taken: take some first",
                    status=Status.E_QUEUE_FULL,
                    retriable=True,
                )
            self._untaken += 1
        try:
            return self._submit(request, self._ready).id.value
        except BaseException:
            with self._changed:
                self._untaken -= 1
            raise

    def take(self, timeout: float | None = None) -> Result | None:
        """Give the next finished request of :meth:`submit`; ``None`` when the time ran out.

        ``timeout=None`` waits; ``0`` only looks.
        """
        self._handle.require_own_process()
        until = None if timeout is None else _now() + timeout
        while True:
            with self._changed:
                if self._ready:
                    self._untaken -= 1
                    slot = self._ready.popleft()
                    break
            left = None if until is None else max(0.0, until - _now())
            if not self._wait(lambda: bool(self._ready), left):
                return None
        return slot.result()

    def cancel(self, request_id: int) -> None:
        """Cancel a request of :meth:`submit`; its result comes all the same.

        Raises :class:`NotFoundError` when it is not known or done already.
        """
        check(library().tv_engine_cancel, self._handle.ref, request_id)

    # ---- The engine itself --------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """What the engine is doing: queue depths, requests under way, outcomes."""
        found: dict[str, Any] = json_document(library().tv_engine_stats, self._handle.ref)
        return found

    @property
    def closed(self) -> bool:
        """Whether the engine is closed, or belongs to the process this one was forked from."""
        return not self._handle.usable

    def close(self) -> None:
        """Complete everything under way with :class:`ShutdownError` and end the engine's thread.

        Closing twice does nothing.
        """
        if not self._handle.usable:
            return
        try:
            check(library().tv_engine_shutdown, self._handle.ref)
        except ClosedError:
            return  # another thread was faster
        with self._taking:
            while self._handle.usable and self._take_events():
                pass
            self._handle.close()
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- Below: how threads share the event queue ---------------------------------------------

    def _submit(self, request: Request, inbox: deque[_Slot] | None) -> _Slot:
        engine, tenant = self._handle.ref, request.tenant._handle.ref
        lib = library()
        made = request._made(lib)
        slot = _Slot(request, next(self._tags), inbox)
        self._slots[slot.tag] = slot
        submit = (lib.tv_engine_submit, engine, tenant, made, slot.tag, ctypes.byref(slot.id))
        try:
            try:
                check(*submit)
            except QueueFullError:
                # Finished events that nobody waits for take up room: take them, try once more.
                self._take_unless_taken()
                check(*submit)
        except BaseException:
            self._abandon(slot)
            raise
        finally:
            lib.tv_request_free(made)
        return slot

    def _abandon(self, slot: _Slot) -> None:
        """Forget a request: its event is dropped when it comes."""
        if self._slots.pop(slot.tag, None) is None or not slot.id.value:
            return
        if self._handle.usable:
            # Best effort: it may be done already, or the engine be closed by another thread.
            error = ErrorRef()
            lib = library()
            lib.tv_engine_cancel(self._handle._ref, slot.id, ctypes.byref(error))
            lib.tv_error_free(error)

    def _wait(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until ``ready``; take events meanwhile, unless another thread does it already."""
        until = None if timeout is None else _now() + timeout
        while not ready():
            if not self._handle.usable:
                if not ready():  # close() delivers everything first
                    self._handle.ref  # noqa: B018 - raises: closed, or of the parent process
                break
            left = None if until is None else max(0.0, until - _now())
            if not self._take_unless_taken(ready, left):
                with self._changed:
                    if self._taking.locked() and not ready():
                        self._changed.wait(left)
            if left == 0:
                return ready()
        return True

    def _take_unless_taken(
        self, ready: Callable[[], bool] | None = None, left: float | None = 0.0
    ) -> bool:
        """Take events, waiting for one up to ``left``; false when another thread is at it."""
        if not self._taking.acquire(blocking=False):
            return False
        try:
            idle = self._handle.usable and not (ready and ready()) and not self._take_events()
            if idle and left != 0:
                self._poll.poll(None if left is None else left * 1000)
                self._take_events()
        finally:
            self._taking.release()
            with self._changed:
                self._changed.notify_all()
        return True

    def _take_events(self) -> int:
        """Deliver what is there, without waiting; count it. The caller holds ``_taking``."""
        lib = library()
        engine, event = self._handle._ref, self._event
        for taken in range(_DRAIN):
            if not event:
                error = ErrorRef()
                status = lib.tv_engine_take(engine, 0, ctypes.byref(event), ctypes.byref(error))
                if status in (Status.E_SHUTDOWN, Status.E_HANDLE):
                    lib.tv_error_free(error)
                    return taken
                if status:
                    raise failure(status, error)
                if not event:
                    return taken
            self._deliver(lib, event)
            event.value = None
        return _DRAIN

    def _deliver(self, lib: ctypes.CDLL, event: EventRef) -> None:
        slot = self._slots.get(lib.tv_event_tag(event))
        if slot is not None and not slot.done:
            try:
                slot.document = self._document(lib, event)
            except TraceVaultError as error:
                slot.error = error
            # No call in between: an interruption may not leave one without the other.
            slot.done = True
            if slot.inbox is not None:
                slot.inbox.append(slot)
            self._slots.pop(slot.tag, None)
        lib.tv_event_free(event)

    @staticmethod
    def _document(lib: ctypes.CDLL, event: EventRef) -> bytes:
        status = lib.tv_event_status(event)
        if status == 0:
            return view(lib.tv_event_document, event, b"trace")
        reason = ErrorRef()
        check(lib.tv_event_error, event, ctypes.byref(reason))
        raise failure(status, reason)


def _capacity(lib: ctypes.CDLL, config: Any) -> int:
    name = b"engine.max_queued"
    data, length = TextRef(), ctypes.c_size_t()
    check(lib.tv_config_get, config, name, len(name), ctypes.byref(data), ctypes.byref(length))
    return int(ctypes.string_at(data, length.value))


def _now() -> float:
    return time.monotonic()


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
