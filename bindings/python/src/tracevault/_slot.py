"""One request under way, and what becomes of its result: kept, read, told as objects.

A result is read by its owner, or before its turn by whoever waits for another of the same tenant.
How it comes is in ``_exchange.py``.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

from ._abi import ErrorRef, ResultRef, TextRef
from ._lib import check, failure, library, view
from ._unread import TenantKey, Unread
from .errors import LimitError, NotFoundError, ReplyError, Status, TraceVaultError
from .findings import CheckResult, SearchResult
from .model import Trace
from .request import Request, Result

#: A reply of so many bytes takes some milliseconds to read; each view takes as long as so many.
_LARGE, _VIEW = 256 << 10, 4
#: What a result takes beside its documents, about.
_BESIDE = 4 << 10


class Inbox(Protocol):
    """Where a finished request is put: a deque, or what wakes an event loop."""

    def append(self, slot: Slot, /) -> None: ...


class Known(Protocol):
    """Where its owner has a request by its tag: a dictionary, or what counts as well."""

    def __setitem__(self, tag: int, slot: Slot, /) -> None: ...
    def pop(self, tag: int, default: None, /) -> object: ...


def _no_memory() -> TraceVaultError:
    return LimitError("not enough memory for the result", status=Status.E_NO_MEMORY, retriable=True)


class Slot:
    """One request under way, and its outcome once there is one."""

    __slots__ = (
        "__weakref__",
        "_is_read",
        "_is_reading",
        "_reading",
        "arrived",
        "brief",
        "document",
        "done",
        "error",
        "id",
        "inbox",
        "is_claimed",
        "kept",
        "late",
        "request",
        "tag",
        "views",
    )

    def __init__(
        self,
        request: Request[Any],
        tag: int,
        inbox: Inbox | None,
        arrived: Callable[[Slot], None] | None = None,
        late: Unread | None = None,
    ) -> None:
        #: Called with the slot once an answer is read; twice, where that was interrupted.
        self.arrived = arrived
        #: Where it stands until it is told, if its owner may read it late.
        self.late = late
        self.request = request
        self.tag = tag
        self.inbox = inbox
        self.id: ctypes.c_uint64 = ctypes.c_uint64()
        self.done: bool = False
        #: Whether somebody is about to give its result to a caller.
        self.is_claimed: bool = False
        #: The library's result, until it is read.
        self.kept: ResultRef = ResultRef()
        self._is_read = False
        #: Who waits for another answer of the tenant may read it as well; a signal handler that
        #: asks may come while its own thread reads.
        self._reading = threading.RLock()
        self._is_reading = False
        self.document: bytes = b""
        #: Its brief view: the library gave both. Without it the document may come from anywhere.
        self.brief: bytes = b""
        self.views: dict[str, bytes] = {}
        self.error: TraceVaultError | None = None

    @property
    def tenant(self) -> TenantKey:
        """Whose result counts it."""
        return self.request.tenant._key

    @property
    def is_kept(self) -> bool:
        """Whether the library has its result."""
        return bool(self.kept)

    @property
    def is_large(self) -> bool:
        """Whether it takes long to read: an event loop has that done in another thread."""
        return self._document_length * (1 + _VIEW * len(self.request.views)) > _LARGE

    @property
    def length(self) -> int:
        """About how many bytes it will have once it is read."""
        return _BESIDE + self._document_length * (1 + len(self.request.views))

    @property
    def _document_length(self) -> int:
        if not self.kept or self.request.kind == "check":
            return 0
        # A search has an answer of its own, made of many replies; a trace is one reply.
        name = b"search" if self.request.kind == "search" else b"raw"
        data, length = TextRef(), ctypes.c_size_t()
        with contextlib.suppress(TraceVaultError):  # reading it tells
            out = (ctypes.byref(data), ctypes.byref(length))
            check(library().tv_result_document, self.kept, name, len(name), *out)
        return length.value

    @property
    def size(self) -> int:
        """Bytes of what was read, be it the reply of an error."""
        reply = self.error.reply if isinstance(self.error, ReplyError) else b""
        documents = (self.document, self.brief, reply or b"", *self.views.values())
        return sum(map(len, documents))

    def read(self) -> None:
        """Have the library's result as documents, or as an error; nothing where that is done."""
        if not self.kept:
            return
        # In a forked child the other thread that reads it may be missing.
        self.request.tenant._handle.require_own_process()
        with self._reading:
            if self._is_reading:
                return
            self._is_reading = True
            try:
                self._read()
            finally:
                self._is_reading = False

    def _read(self) -> None:
        if not self.kept:
            return
        if self._is_read:  # interrupted before it was let go
            self.drop()
            return
        lib = library()
        try:
            self.document, self.brief = _documents(lib, self.kept, self.request.kind)
            for name in self.request.views:
                self.views[name] = view(lib.tv_result_document, self.kept, name.encode())
            if self.arrived is not None:
                self.arrived(self)
        except TraceVaultError as error:
            # Where it was made leads back to the slot, and says nothing to who asked.
            self.error = error.with_traceback(None)
        except MemoryError:
            # Raised here, it would take the other results of a batch with it.
            self.document, self.brief, self.views = b"", b"", {}
            self.error = _no_memory()
        self._is_read = True
        self.drop()

    def drop(self) -> None:
        """Let the library's result go."""
        library().tv_result_free(self.kept)
        self.kept.value = self.arrived = None

    def leave(self) -> None:
        """Its owner has it, or does not want it any more."""
        if self.late is not None:
            self.late.remove(self)

    def result(self, *, resumed: bool = False) -> Result[Any]:
        """What came, as objects; the error names tenant, account and message. To be asked once,
        but for who has claimed it: an interruption may come before it is given."""
        self.read()
        self.leave()
        trace, search, checked, error = None, None, None, self.error
        if not self.is_claimed:
            self.error = None  # raised, it leads to frames that have the slot: no way back there
        if error is None:
            try:
                if self.request.kind == "search":
                    search = SearchResult._of_view(self.document, self.brief)
                    search._document  # noqa: B018 - whoever gets it looks at it: read, or an error
                elif self.request.kind == "check":
                    checked = CheckResult.from_json(self.document)
                else:
                    trace = Trace._of_view(self.document, self.brief, self.views)
            except TraceVaultError as reason:
                # Where it was made leads back to the slot, and says nothing to who asked.
                search, error = None, reason.with_traceback(None)
            except ValueError as reason:
                error = TraceVaultError(f"the library's document cannot be read: {reason}")
                error.__cause__ = reason
            except MemoryError:
                # Raised here, it would take the other results of a batch with it.
                error = _no_memory()
        if error is not None:
            request = self.request
            error.about(request.tenant.name, request.account_id or "", request.message_ref)
        return Result(
            request=self.request,
            id=self.id.value,
            trace=trace,
            search=search,
            check=checked,
            error=error,
            resumed=resumed,
        )


def oldest_of(slots: dict[int, Slot]) -> list[Slot]:
    """The oldest of very many. One call of C's: other threads may change the dictionary."""
    return list(islice(slots.values(), 1024))


def _documents(lib: ctypes.CDLL, result: ResultRef, kind: str) -> tuple[bytes, bytes]:
    """The document and its brief view; raises the result's error."""
    status = lib.tv_result_status(result)
    if status == 0:
        get = lib.tv_result_document
        document = view(get, result, kind.encode())
        return document, b"" if kind == "check" else view(get, result, b"brief")
    reason = ErrorRef()
    check(lib.tv_result_error, result, ctypes.byref(reason))
    error = failure(status, reason)
    if isinstance(error, ReplyError) and status != Status.E_REPLY_TOO_LARGE:
        with contextlib.suppress(NotFoundError):
            error.reply = view(lib.tv_result_document, result, b"raw")
    raise error
