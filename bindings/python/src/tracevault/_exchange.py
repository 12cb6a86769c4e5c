"""How threads share the library's one result queue.

All of them wait here: one watches the queue for all, and whoever takes results hands each to whom
it belongs. It looks at none but its own: what is in a result stays in the library, and counts
there in what its tenant may have, until its owner reads it. Waiting happens in ``poll()`` and for a
lock that who watches opens, never inside the library, so that Ctrl-C ends it at once.

An exception of a signal handler may come behind any call: nothing is held that only a later line
gives back. Locks are taken by ``with`` alone, of C's own, and who watches does so for a short time.
What the outcomes mean to a caller is decided in ``client.py``.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from ._abi import EngineRef, ErrorRef, ResultRef
from ._handle import Handle, free_with
from ._lib import check, failure, free_function, library, view
from ._slot import Inbox, Known, Slot, oldest_of
from ._unread import TenantKey, Unread
from ._untold import Untold
from .errors import ClosedError, QueueFullError, ShutdownError, Status, TraceVaultError
from .request import Request

#: Events taken before the waiting threads are told.
_DRAIN = 256
#: Seconds that one wait takes at most. After so long without an answer it may be that unread ones
#: leave it no room, or that who watched for all was interrupted.
LACKING_S = 0.1
#: TV_RESULT_NOTICE
_NOTICE = 4


class Exchange:
    """Requests out, results in, for any number of threads."""

    __slots__ = (
        "_bells",
        "_fd",
        "_free",
        "_handing",
        "_result",
        "_slots",
        "_tags",
        "_taking",
        "_untold",
        "_watched_until",
        "_watcher",
        "handle",
        "lock",
        "unread",
    )

    def __init__(self, handle: Handle[EngineRef], untold: Untold) -> None:
        self.handle = handle
        #: Guards what the owner counts, and who watches.
        self.lock = threading.RLock()
        #: One of each thread that waits for who watches: a lock that is taken until it is rung.
        #: (Of a condition Python's own code would be interrupted without its lock.)
        self._bells: deque[threading.Lock] = deque()
        self._tags = count(1)
        self._slots: dict[int, Slot] = {}
        self._free = free_function("tv_result_free")
        #: What has come for those who read late.
        self.unread = Unread()
        #: Held while results are taken and handed out, never while anything is waited for. A signal
        #: handler that asks amid that takes them itself.
        self._taking = threading.RLock()
        #: Until when some thread watches for all, and which.
        self._watched_until = 0.0
        self._watcher = 0
        #: Survives an interruption between taking a result and delivering it.
        self._result = ResultRef()
        #: Whose result has come and is being handed over: whoever takes next goes on with it.
        self._handing: Slot | None = None
        #: Notices that were taken.
        self._untold = untold
        self._fd = self.fileno()

    def fileno(self) -> int:
        """The descriptor that is readable while results wait."""
        fd = ctypes.c_int()
        check(library().tv_engine_fd, self.handle.ref, ctypes.byref(fd))
        return fd.value

    def submit(
        self,
        request: Request[Any],
        inbox: Inbox | None,
        *,
        is_patient: bool = False,
        is_late: bool = False,
        arrived: Callable[[Slot], None] | None = None,
        known: Known | None = None,
    ) -> Slot:
        """Submit; ``is_patient``: without a timeout, the wait for the quota does not count;
        ``is_late``: its owner may have other things to do when its result comes; ``known``: where
        its owner has it by its tag, before its result can come."""
        slot = Slot(request, next(self._tags), inbox, arrived, self.unread if is_late else None)
        try:
            return self._submitted(slot, {} if known is None else known, is_patient=is_patient)
        except TraceVaultError as error:
            error.about(request.tenant.name, request.account_id or "", request.message_ref)
            raise

    def _submitted(self, slot: Slot, known: Known, *, is_patient: bool) -> Slot:
        engine, tenant = self.handle.ref, slot.request.tenant._handle.ref
        lib = library()
        made = slot.request._made(lib, is_patient=is_patient)
        free_with(slot, slot.kept, self._free)
        submit = (lib.tv_engine_submit, engine, tenant, made, slot.tag, ctypes.byref(slot.id))
        try:
            known[slot.tag] = self._slots[slot.tag] = slot  # its owner may refuse it
            try:
                check(*submit)
            except QueueFullError:
                # Finished results that nobody waits for take up room: take them, try once more.
                self._take(_DRAIN)
                self._announce()
                check(*submit)
        except BaseException:
            known.pop(slot.tag, None)
            self.abandon(slot)
            raise
        finally:
            lib.tv_request_free(made)
        return slot

    def abandon(self, slot: Slot) -> None:
        """Forget a request: its result is dropped when it comes."""
        if self._slots.pop(slot.tag, None) is None or not slot.id.value:
            return
        if self.handle.usable:
            # Best effort: it may be done already, or the engine be closed by another thread.
            error = ErrorRef()
            lib = library()
            lib.tv_engine_cancel(self.handle.ref_unchecked, slot.id, ctypes.byref(error))
            lib.tv_error_free(error)

    def tenants_of(self, inbox: Inbox) -> set[TenantKey]:
        """Whose answers are to come into an inbox; of very many requests those of the oldest."""
        return {slot.tenant for slot in oldest_of(self._slots) if slot.inbox is inbox}

    def wait(
        self, ready: Callable[[], bool], timeout: float | None, lacking: Callable[[], None]
    ) -> bool:
        """Wait until ``ready``; take results and tell some notices meanwhile.

        ``lacking`` is called now and then where nothing comes.
        """
        now = time.monotonic()
        until, lacks_at = None if timeout is None else now + timeout, now + LACKING_S
        while not ready():
            if not self.handle.usable:
                if not ready():  # close() delivers everything first
                    self.handle.ref  # noqa: B018 - raises: closed, or of the parent process
                break
            left = None if until is None else max(0.0, until - time.monotonic())
            self._await(ready, LACKING_S if left is None else min(LACKING_S, left))
            # Also where the answer has come: else one whose answers come at once would tell none.
            self.tell_some()
            if left == 0:
                return ready()
            if not ready() and time.monotonic() >= lacks_at:
                lacking()
                lacks_at = time.monotonic() + LACKING_S
        return True

    def _await(self, ready: Callable[[], bool], span: float) -> None:
        """Take what has come; where that is nothing, wait so many seconds at most for more."""
        if not span:
            self._take_now(_DRAIN)
            return
        now = time.monotonic()
        with self.lock:
            if ready():
                return
            is_watched = self._is_watched(now)
            if is_watched:
                bell = threading.Lock()
                bell.acquire()
                self._bells.append(bell)
            else:
                self._watched_until, self._watcher = now + span, threading.get_ident()
        if is_watched:
            try:
                bell.acquire(timeout=span)
            finally:
                with contextlib.suppress(ValueError):  # it was rung
                    self._bells.remove(bell)
            return
        is_idle = False
        try:
            if not self._take(_DRAIN) and not ready():
                watched = select.poll()  # its own: one that is waited for serves nobody else
                watched.register(self._fd, select.POLLIN)
                watched.poll(span * 1000)
                is_idle = not self._take(_DRAIN)
        finally:
            self._watched_until = 0.0
            self._announce(is_idle=is_idle)

    def take_some(self, most: int) -> None:
        """Deliver what is there, at most so many, without waiting, and tell some notices: the share
        of an event loop."""
        if not self.handle.usable:
            return  # of the process that this one was forked from, perhaps: with its locks
        self._take_now(most)
        self.tell_some()

    def tell_some(self) -> None:
        """Tell some notices that have come, if it is time."""
        if self._untold:
            self._untold.tell()

    def _take_now(self, most: int) -> None:
        try:
            self._take(most, leaves_to_watcher=True)
        finally:
            self._announce()

    def _take(self, most: int, *, leaves_to_watcher: bool = False) -> int:
        """Deliver what is there, at most so many, without waiting; count it. Who watches takes it
        at once, and would sleep on where another one had taken its own."""
        with self._taking:
            if not self.handle.usable:
                return 0
            if leaves_to_watcher and self._is_watched(time.monotonic()):
                return 0
            return self._take_events(most)

    def _is_watched(self, now: float) -> bool:
        """Whether another thread watches: its own does not while a signal handler asks."""
        return now < self._watched_until and self._watcher != threading.get_ident()

    def _announce(self, *, is_idle: bool = False) -> None:
        """Let all who wait look; where nothing came, another one watches."""
        with self.lock:
            for _ in range(min(1, len(self._bells)) if is_idle else len(self._bells)):
                with contextlib.suppress(IndexError):  # its time was over
                    self._bells.popleft().release()

    def _take_events(self, most: int) -> int:
        """Deliver what is there, without waiting; count it. The caller holds ``_taking``."""
        lib = library()
        engine, result = self.handle.ref_unchecked, self._result
        self._hand_over()
        for taken in range(most):
            if not result:
                error = ErrorRef()
                status = lib.tv_engine_take(engine, 0, ctypes.byref(result), ctypes.byref(error))
                if status in (Status.E_SHUTDOWN, Status.E_HANDLE):
                    lib.tv_error_free(error)
                    return taken
                if status and taken:
                    # What came before is delivered first; the next look finds the reason again.
                    lib.tv_error_free(error)
                    return taken
                if status:
                    raise failure(status, error)
                if not result:
                    return taken
            self._deliver(lib, result)
        return most

    def _deliver(self, lib: ctypes.CDLL, result: ResultRef) -> None:
        """Hand a result to its owner, or free it; then the reference is empty."""
        slot = self._slots.get(lib.tv_result_tag(result))
        if slot is not None and not slot.done:
            # No call in between: an interruption may not leave one without the others.
            self._handing, slot.done = slot, True
            slot.kept.value, result.value = result.value, None
            self._hand_over()
            return
        if slot is None and lib.tv_result_kind(result) == _NOTICE:
            # One that there is no memory for is lost, and holds nothing up.
            with contextlib.suppress(MemoryError):
                self._untold.add(view(lib.tv_result_document, result, b"notice"))
        lib.tv_result_free(result)
        result.value = None

    def _hand_over(self) -> None:
        """Give its owner what has come; once more, where that was interrupted: who has it twice
        passes over the second."""
        slot = self._handing
        if slot is None:
            return
        if slot.late is not None:
            slot.late.add(slot)
        if slot.inbox is not None:
            slot.inbox.append(slot)
            # The inbox has the slot: if each had the other, answers would stay until Python's
            # garbage collector frees many at once, and an event loop would wait for that.
            slot.inbox = None
        self._slots.pop(slot.tag, None)
        if self._handing is slot:
            self._handing = None

    def close(self) -> None:
        """Shut the engine down, deliver every result, free the engine."""
        if not self.handle.usable:
            return
        try:
            check(library().tv_engine_shutdown, self.handle.ref)
        except ClosedError:
            return  # another thread was faster
        # One whose descriptors the host has closed says so; what there was is delivered.
        with contextlib.suppress(ShutdownError):
            while self._take(_DRAIN):  # an event loop has its turn in between
                pass
        with self._taking:
            self.handle.close()
        self._announce()
        self._untold.tell(math.inf)
