"""Many requests as one piece of work: what is asked next, what is under way, what is done.

Nothing here waits: a thread (``client.py``) or an event loop (``aio.py``) does, and looks in
between.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from . import _loading
from ._exchange import Exchange
from ._frozen import Frozen
from ._given import GivenSource
from ._slot import Slot, oldest_of
from ._sources import SharedSource, Source
from ._unread import TenantKey
from .errors import ArgumentError, QueueFullError, Status, TraceVaultError
from .request import Request, Result

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .journal import Asked, Journal

#: How many requests a batch keeps in the engine at a time.
BATCH_WINDOW = 1024
#: With a journal fewer: what is under way when the process is killed is asked again.
JOURNAL_WINDOW = 128
#: So many results are written down ahead of what is told, where nobody else waits for the thread;
#: and no more than so many bytes of them, which are in memory until then.
_NOTED, _NOTED_BYTES = 64, 64 << 20


class Progress(Frozen):
    """How far a piece of work is; what a progress bar needs."""

    done: int
    """How much is done: results of a batch, those that failed and those from a journal included;
    accounts of a hunt."""
    total: int | None
    """How much there will be, as far as is known. ``None`` while the caller's iterable has no
    length and is not at its end."""
    failed: int = 0
    """How many of ``done`` ended with an error."""
    resumed: int = 0
    """How many of ``done`` came from the journal of an earlier run; of a hunt how many answers."""
    under_way: int = 0
    """How many requests are asked and not yet answered."""
    found: int = 0
    """Of a hunt: how many copies of the message are found."""


class BatchOptions(TypedDict, total=False):
    """What a batch can be told; the same for threads and for asyncio."""

    window: int
    """How many requests to keep in the engine at a time; default 1024, with ``resume`` 128. A
    tenant may have as many of them as are free, or one besides while no more than twice as many are
    there in all."""
    resume: str | os.PathLike[str]
    """A file that remembers each result: what is in it is told again, but not asked again."""
    progress: Callable[[Progress], object]
    """Called at the start and after each result."""


#: Called with each result: the requests that it gives are asked as well. ``None``: no more.
Follow: TypeAlias = Callable[[Result[Any]], Iterable[Request[Any]] | None]


class FollowOptions(BatchOptions, total=False):
    """What a batch with follow-ups can be told."""

    follow: Follow | None
    """Called with each result; the requests that it gives are asked as well."""


def check_function(name: str, given: object) -> None:
    """Refuse what cannot be called where the caller's own function is expected."""
    if given is not None and not callable(given):
        raise TypeError(f"{name} must be a function, not {type(given).__name__}")


def known_options(call: str, given: Mapping[str, object], options: type) -> None:
    """Refuse a keyword that a call does not have, as Python does."""
    names = options.__annotations__.keys()
    unknown = [name for name in given if name not in names]
    if unknown:
        raise TypeError(
            f"{call}() has no option {', '.join(map(repr, unknown))}; there are: "
            f"{', '.join(sorted(names))}"
        )


def window_of(options: Mapping[str, object]) -> int:
    """How many requests to keep in the engine at a time, as a batch's options say it."""
    usual = BATCH_WINDOW if options.get("resume") is None else JOURNAL_WINDOW
    window = options.get("window", usual)
    if not isinstance(window, int):
        raise TypeError(f"window must be a whole number, not {type(window).__name__}")
    if window < 1:
        raise ArgumentError("window must be at least 1", status=Status.E_ARGUMENT)
    return window


class Batch:
    """One batch, for whoever waits for it."""

    def __init__(
        self,
        exchange: Exchange,
        source: Source,
        inbox: deque[Slot],
        **options: Unpack[FollowOptions],
    ) -> None:
        known_options("batch", options, FollowOptions)
        resume = options.get("resume")
        for name in ("follow", "progress"):
            check_function(name, options.get(name))
        self._exchange, self._inbox = exchange, inbox
        self._window = window_of(options)
        if isinstance(source, SharedSource):
            self._source = source
        else:
            self._source = GivenSource(source, self._window)
            self._window = self._source.window
        self._follow, self._progress = options.get("follow"), options.get("progress")
        self._under_way: dict[int, Slot] = {}
        #: With a journal: which account each of them asks, as it was when that was submitted.
        self._asked_of: dict[int, Asked | None] = {}
        #: Finished, and not yet told.
        self._ended: deque[Slot | Result[Any]] = deque()
        #: Drawn, and not asked before its tenant's accounts are listed.
        self._held: Request[Any] | None = None
        #: What the caller's own code raised: it is raised when all that was drawn has been told.
        self._fault: Exception | None = None
        #: Whether the journal takes what comes.
        self._is_written: bool = True
        #: Whether there is room for more than was asked at a time.
        self.is_filling: bool = False
        self._drawn = 0
        self._done = self._failed = self._resumed = 0
        self._resume = resume
        self._journal: Journal | None = None

    # ---- Asking -------------------------------------------------------------------------------

    @property
    def waits_for_disk(self) -> bool:
        """Whether :meth:`open` has something to read."""
        return self._resume is not None

    def open(self) -> None:
        """Read the journal."""
        if self._resume is not None:
            with _loading:
                from .journal import Journal  # loaded by those who use it

            self._journal = Journal(self._resume)

    def begin(self) -> None:
        """Show the bar."""
        self._report()

    def fill(self, most: int | None = None) -> bool:
        """Ask as much as there is room for, at most so many, and nobody whose accounts must be
        listed first; false when all is done."""
        until = None if most is None else self._drawn + most
        if not self.is_filling:
            self._source.offer_again()
        self.is_filling = False
        while len(self._under_way) + len(self._ended) < self._window:
            if until is not None and self._drawn >= until:
                self.is_filling = True
                break
            self._held = self._held or self._next()
            if self._held is None or (until is not None and self.must_look):
                break
            request, self._held = self._held, None
            if not self._asked(request):
                break
        self.is_filling = self.is_filling or self._source.is_drawing
        return bool(self._ended or self._held or self._under_way or self.may_draw)

    @property
    def must_look(self) -> bool:
        """Whether the accounts are to be listed of who asks next, because of the journal."""
        return self._held is not None and self._must_look(self._held)

    def _must_look(self, request: Request[Any]) -> bool:
        return self._journal is not None and not self._journal.has_looked(request.tenant)

    def look(self) -> None:
        """List them, in whatever thread: of some tenants that takes long."""
        if self._held is not None and self._journal is not None:
            self._journal.look(self._held.tenant)

    @property
    def has_ended(self) -> bool:
        """Whether results wait to be told."""
        return bool(self._ended)

    @property
    def lacks_room(self) -> bool:
        """Whether the engine had no room for something that was to be asked."""
        return self._source.lacks_room

    @property
    def may_draw(self) -> bool:
        """Whether there may be more to ask."""
        return (self._fault is None or self._exchange.handle.usable) and not self._source.over

    def _next(self) -> Request[Any] | None:
        while self._fault is None or self.may_draw:
            try:
                request = self._source.draw()
            except Exception as fault:
                self.fail(fault)  # what was drawn before may be asked now
            else:
                self._drawn += request is not None
                return request
        return None

    def _asked(self, request: Request[Any]) -> bool:
        """Ask it; false where its result is there already, which is told before more is asked."""
        asked: Asked | None = None
        known: Result[Any] | None = None
        if self._journal is not None:
            asked = self._journal.asked(request)
            known = self._journal.known(request, asked)
        if known is not None:
            self._ended.append(known)
            return False
        try:
            slot = self._exchange.submit(
                request,
                self._inbox,
                is_patient=True,
                is_late=True,
                arrived=self._source.arrived,
                known=self._under_way,
            )
        except QueueFullError:
            self._source.give_back(request)
            return True
        except TraceVaultError as error:
            if not self._exchange.handle.usable:
                self.fail(error)  # the engine is closed: no other request fares better
                return False
            self._ended.append(Result(request=request, id=0, error=error))
            return False
        if self._journal is not None:
            self._asked_of[slot.tag] = asked
        return True

    # ---- Telling ------------------------------------------------------------------------------

    def results(self) -> Iterator[Result[Any]]:
        """What is finished; one of it while there may be more to ask, so that whose requests stand
        behind many others are found however fast results come."""
        while True:
            self.take_in(_NOTED)
            if not self.collect(_NOTED):
                return
            yield self.tell()
            if self.is_filling:
                return

    def take_in(self, most: int) -> None:
        """Take what has come, at most so many, where it is to be written down before it is told."""
        if self._journal is not None:
            self._exchange.take_some(most)

    def large(self, most: int) -> Slot | None:
        """What takes long to read of what is told or written down next, at most so many."""
        firsts = self._first(most)
        return next((s for s in firsts if s.is_large or self._must_look(s.request)), None)

    def read(self, most: int) -> None:
        """Read what is told or written down next, at most so many, in whatever thread."""
        for slot in self._first(most):
            slot.read()
            if self._journal is not None and self._must_look(slot.request):
                self._journal.look(slot.request.tenant)

    def _first(self, most: int) -> list[Slot]:
        """The first of both lines. By their places: results may come in meanwhile."""
        lines = (self._ended, self._inbox)
        firsts = [line[place] for line in lines for place in range(min(most, len(line)))]
        return [one for one in firsts if isinstance(one, Slot)]

    def tenants(self) -> set[TenantKey]:
        """Whose answers it waits for; of very many those of the oldest."""
        return {slot.tenant for slot in oldest_of(self._under_way)}

    def collect(self, most: int) -> bool:
        """Have something to tell, if anything is finished. With a journal it is written down before
        any of it is told, at most so many results ahead."""
        if self._journal is None:
            while self._inbox:
                slot = self._inbox.popleft()
                if self._under_way.pop(slot.tag, None) is not None:  # not handed over twice
                    self._ended.append(slot)
            return bool(self._ended)
        while self._inbox and len(self._ended) < most and self._noted_bytes() < _NOTED_BYTES:
            self._note(self._journal, self._inbox[0])
        return bool(self._ended)

    def _noted_bytes(self) -> int:
        return sum(one.size for one in self._ended if isinstance(one, Slot))

    def _note(self, journal: Journal, slot: Slot) -> None:
        if slot.tag not in self._under_way:  # handed over twice
            self._inbox.popleft()
            return
        if self._is_written:
            try:
                journal.note(slot, self._asked_of.get(slot.tag))
            except (OSError, TraceVaultError) as fault:
                self._is_written = False
                self.fail(fault)
        # Only now: Ctrl-C may come in between, and close() looks at the inbox once more.
        self._ended.append(self._inbox.popleft())
        self._under_way.pop(slot.tag, None)
        self._asked_of.pop(slot.tag, None)

    def tell(self) -> Result[Any]:
        """The next result, after :meth:`collect`."""
        ended = self._ended.popleft()
        result = ended if isinstance(ended, Result) else ended.result()
        self._count(result)
        return result

    def _count(self, result: Result[Any]) -> None:
        self._done += 1
        self._failed += result.error is not None
        self._resumed += result.resumed
        self._source.answered(result.request.tenant)
        try:
            more = None if self._follow is None else self._follow(result)
            if more is not None:
                self._source.follow(more)
        except Exception as fault:
            self.fail(fault)
        self._report()

    def _report(self) -> None:
        if self._progress is None:
            return
        try:
            self._progress(
                Progress(
                    done=self._done,
                    total=self._source.total,
                    failed=self._failed,
                    resumed=self._resumed,
                    under_way=len(self._under_way),
                )
            )
        except Exception as fault:
            self.fail(fault)

    # ---- The end ------------------------------------------------------------------------------

    def fail(self, fault: Exception) -> None:
        """Draw nothing more; tell what is under way and was drawn, then raise this."""
        if self._fault is None:
            self._fault = fault
            self._source.end()

    def end(self) -> None:
        """Raise what the caller's own code raised."""
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """Cancel what is under way; what has come is written down, by its own process."""
        is_own = self._exchange.handle.is_of_this_process
        if self._journal is not None:
            if is_own:
                self._exchange.take_some(_NOTED)
            while self._inbox and is_own:
                self._note(self._journal, self._inbox[0])
            self._journal.close()
        if is_own:
            for slot in self._under_way.values():
                self._exchange.abandon(slot)
            for untold in (*self._ended, *self._inbox):
                if isinstance(untold, Slot):
                    untold.leave()
        self._under_way.clear()
