"""Searches over many accounts, page by page, and the traces of what they find.

What a hunt and a collection have in common. Each account is asked once, also when several tenants
have it: through the first whose search succeeds, whose quota rests last. Nothing here waits.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, cast

from ._options import SearchFilters, check_window
from ._reach import Where
from ._room import Room
from ._searched import Copy, Page, Place, Search
from ._slot import Slot
from ._sources import Turns
from .bulk import FollowOptions, Progress, check_function, window_of
from .campaign import Campaign, Told
from .errors import LimitError, ReplyError, Status, TraceVaultError, error_class
from .findings import FoundMessage, SearchResult
from .model import LaterError, View
from .request import Priority, Request, Result

#: No further search is made in an account after so many in a row without anything new.
_MOST_EMPTY = 5
#: How many messages a search brings at a time, of which traces are asked, or none: what was found
#: and waits for its turn is held in memory, and read at once.
_TRACED, _TOLD = 250, 1000
#: Larger pages are read beside an event loop.
_LONG_PAGE = 1 << 20
#: Names of messages are kept: of one without an id no longer text.
_LONGEST_KEY = 200
#: What was found goes before what may be found: messages, further searches, further accounts.
_COPIES, _FURTHER, _FIRST = range(3)


class SweepOptions(SearchFilters, total=False):
    """What to look for in each account, and how."""

    trace: bool
    """Whether to fetch the trace of each message that is found."""
    wait: float | timedelta
    """As for :meth:`Engine.trace`."""
    timeout: float | timedelta
    """Seconds that each request may take in all; ``None``: ``request.deadline_ms``."""
    views: Iterable[View]
    """As for :meth:`Engine.trace`."""
    priority: Priority
    """Default ``bulk``: what the same tenants ask one by one goes first."""
    window: int
    """As for a batch; each tenant may have one request besides."""
    progress: Callable[[Progress], object]
    """Called with each step: ``done`` and ``total`` count accounts, ``found`` counts messages."""


class Sweep(Campaign[Told]):
    """One search for each account, and what follows from it."""

    limit: int
    """How many messages to look for in one account."""

    def __init__(self, where: Where, options: SweepOptions, *, trace: bool, limit: int) -> None:
        super().__init__(where)
        self._sort(dict(options), trace=trace, limit=limit)
        #: What was found and is not told yet.
        self._room = Room()
        self._source = Turns(
            self._request,
            window=window_of(self._batch),
            waits=self._lacks_room,
            arrived=self._arrived,
        )
        #: A page that is left for :meth:`catch_up`.
        self._left: tuple[Search, Result[Any]] | None = None
        self.places: list[Place] = []
        self._done = self._failed = self._found = self._open = 0
        #: How many answers are from a journal, and how many came now.
        self.resumed = self.answered = 0
        # Wrong values are told at the call, not for each account.
        how = {"timeout": self._how.get("timeout"), "priority": self._priority}
        check_window(self._filters)  # the library tells it of a search, when that is submitted
        asked = {**self._filters, "start": self.first_start(), "cursor": None}
        Request._validate_search(**cast("Any", {**how, **asked}))
        self.limit = int(self._filters["limit"])
        at_a_time = max(_TRACED if self._traces else _TOLD, int(self._filters.get("per_page") or 0))
        self._filters["limit"] = min(self.limit, at_a_time)

    def find(self) -> None:
        """List the accounts, each with all tenants that have it."""
        super().find()
        places: dict[str, Place] = {}
        for tenant, account in self.accounts:
            places.setdefault(account.account_id, Place([])).ways.append((tenant, account))
        self.places = list(places.values())
        self._open = len(self.places)

    def _sort(self, options: dict[str, Any], *, trace: bool, limit: int) -> None:
        """What of the options is for traces, for the batch, for the caller; filters are left."""
        self._progress: Callable[[Progress], object] | None = options.pop("progress", None)
        self._traces = options.pop("trace", trace) is not False
        check_function("progress", self._progress)
        how, how_many = ("wait", "timeout", "views"), ("window", "resume")
        self._how = {name: options.pop(name) for name in how if name in options}
        if not isinstance(self._how.get("views", ""), str):
            self._how["views"] = tuple(self._how["views"])  # asked for with each trace
        self._priority: Priority = options.pop("priority", "bulk")
        self._batch = {name: options.pop(name) for name in how_many if name in options}
        if options.get("limit") is None:
            options["limit"] = limit
        self._filters: dict[str, Any] = options

    @property
    def batch_options(self) -> FollowOptions:
        """How the batch is made that asks for this."""
        own = {"follow": self.follow, "window": self._source.window}
        return cast("FollowOptions", {**self._batch, **own})

    def ask_all(self) -> None:
        """One search for each account. With thousands that takes longer than a loop may be held."""
        for place in self.places:
            reason = self.refused(place)
            if reason is None:
                self._source.add(place.tenant, [Search(place)], _FIRST)
            else:
                self._trouble(place, reason)
                self._answered(place)

    def begin(self) -> None:
        """Show the bar."""
        self._report()

    @property
    def source(self) -> Turns[Search | Copy]:
        """What to ask, tenants in turns."""
        return self._source

    # ---- What a hunt and a collection see differently -------------------------------------------

    def is_wanted(self, place: Place, key: str, message: FoundMessage) -> bool:
        """Whether a message that was found is to be told; ``key`` is its name in the account."""
        return True

    def first_start(self) -> object:
        """From when to search an account of which nothing is known."""
        return self._filters.get("start")

    def start_of(self, place: Place) -> object:
        """From when to search an account."""
        return self.first_start()

    def refused(self, place: Place) -> TraceVaultError | None:
        """Why an account is not asked at all, where that is so."""
        return None

    @abstractmethod
    def tell(
        self,
        place: Place,
        message: FoundMessage | None,
        result: Result[Any] | None = None,
        error: TraceVaultError | None = None,
    ) -> None:
        """Keep for the caller what was found, with its trace; or what went wrong."""

    def ended(self, place: Place) -> None:
        """An account is asked no more; it was searched to the end unless it has failed."""

    # ---- What results mean ----------------------------------------------------------------------

    def follow(self, result: Result[Any]) -> None:
        """Keep what a result says, and what else is to be asked."""
        asked: Search | Copy = result.tag
        self.resumed += result.resumed
        self.answered += not result.resumed
        if isinstance(asked, Copy):
            self.tell(asked.place, asked.message, result, result.error)
            asked.page.left -= 1
            if not asked.page.left:
                self._room.free(asked.page.tenant, asked.page.size)
        else:
            self._room.answered(result.request.tenant, asked.expected)
            if self.in_loop and asked.came > _LONG_PAGE:
                self._left = asked, result
                return
            self._searched(asked, result)
            self._room.free(result.request.tenant, asked.came)
        self._go_on(asked.place)

    @property
    def takes_long(self) -> bool:
        """Whether a large page is left."""
        return self._left is not None

    def catch_up(self) -> None:
        """Keep what that page says."""
        if self._left is not None:
            self._searched(*self._left)

    def caught_up(self) -> None:
        """It counts no more."""
        if self._left is not None:
            (asked, result), self._left = self._left, None
            self._room.free(result.request.tenant, asked.came)
            self._go_on(asked.place)

    def _go_on(self, place: Place) -> None:
        """Behind an answer: whoever has room now may ask."""
        if self._room.gave_back():
            self._source.look_again()
        self._answered(place)
        self._report()

    def _searched(self, asked: Search, result: Result[Any]) -> None:
        """Keep what a search says; where it failed, ask it again or through another tenant."""
        place = asked.place
        if result.search is not None:
            try:
                self._take(asked, result.search)
            except TraceVaultError as error:  # Cloudflare's own item cannot be read
                self._trouble(place, error.with_traceback(None))
        elif 0 < asked.lacked <= self._room.largest:
            self._ask(place, [Search(place, asked.cursor)], _FURTHER)
        elif not asked.lacked and not place.seen and self._may_ask_another(place, result):
            self._ask(place, [Search(place)], _FURTHER)
        else:
            self._trouble(place, result.error or TraceVaultError("no answer"))

    def _may_ask_another(self, place: Place, result: Result[Any]) -> bool:
        is_own = result.request.timeout == self._how.get("timeout")
        return place.next_way(result.error, was_patient=is_own)

    # ---- What waits ------------------------------------------------------------------------------

    def _lacks_room(self, asked: Search | Copy) -> bool:
        """Whether a page waits until more was told."""
        return isinstance(asked, Search) and not self._room.has_room_for_page(asked.place.tenant)

    def _arrived(self, slot: Slot) -> None:
        """Count a page that is read, in whatever thread; let one go that has no room."""
        asked: Search | Copy = slot.request.tag
        if isinstance(asked, Copy) or slot.error is not None or asked.came:
            return
        size = slot.size
        if self._room.takes(slot.request.tenant, size):
            asked.came = size
            return
        asked.lacked = size
        slot.document = slot.brief = b""
        slot.error = LimitError(
            "a page of this account is larger than what is free for its tenant",
            status=Status.E_LIMIT,
            retriable=True,
        )

    # ---- Asking ----------------------------------------------------------------------------------

    def _answered(self, place: Place) -> None:
        """One question of an account is open no more."""
        place.open -= 1
        self._open -= 1
        if not place.open:
            self._done += 1
            self._failed += place.failed
            self.ended(place)

    def _ask(self, place: Place, items: list[Search | Copy], rank: int) -> None:
        place.open += len(items)
        self._open += len(items)
        self._source.add(place.tenant, items, rank)

    def _request(self, asked: Search | Copy) -> Request[Any]:
        place = asked.place
        if isinstance(asked, Copy):
            return Request.trace(
                place.tenant,
                place.account.account_id,
                asked.message_ref,
                priority=self._priority,
                tag=asked,
                **cast("Any", self._how),
            )
        filters = {**self._filters, "start": self.start_of(place), "cursor": asked.cursor}
        timeout = self._how.get("timeout")
        if timeout is None and asked.cursor is None:
            timeout = place.patience(self.deadline)
        asked.expected = self._room.expect(place.tenant)
        return Request.search(
            place.tenant,
            place.account.account_id,
            timeout=timeout,
            priority=self._priority,
            tag=asked,
            **cast("Any", filters),
        )

    def _take(self, asked: Search, found: SearchResult) -> None:
        place = asked.place
        known, page = len(place.seen), Page(place.tenant)
        copies: list[Search | Copy] = []
        try:
            is_over = self._sift(asked, found, copies, page)
        finally:  # what was found before an item that cannot be read is asked all the same
            self._room.hold(page.tenant, page.size)
            self._ask(place, copies, _COPIES)
        place.empty = place.empty + 1 if len(place.seen) == known else 0
        if is_over or not found.complete:
            self._ask_on(place, found)

    def _sift(
        self, asked: Search, found: SearchResult, copies: list[Search | Copy], page: Page
    ) -> bool:
        """Tell what needs no trace, gather the rest; whether there is more than the limit."""
        place = asked.place
        for message in found.messages:
            key = key_of(message)
            if key in place.seen:
                continue
            if len(place.seen) >= self.limit:
                return True
            place.seen.add(key)
            if not self.is_wanted(place, key, message):
                continue
            self._found += 1
            if not self._traces:
                self.tell(place, message)
            elif message.message_ref is None:
                self.tell(place, message, error=_nameless())
            else:
                ref = message.message_ref
                copies.append(Copy.of(message, ref, place, page, asked.came))
        return False

    def _ask_on(self, place: Place, found: SearchResult) -> None:
        """Ask on where a search was not complete; tell where that cannot be."""
        cursor = found.next_cursor
        if found.error is not None:
            self._trouble(place, _exception(found.error))
        elif len(place.seen) >= self.limit:
            self._trouble(
                place,
                LimitError(
                    f"this account has more than {self.limit} such messages: narrow the search, or "
                    "ask with a higher limit",
                    status=Status.E_LIMIT,
                ),
            )
        elif cursor is None or cursor in place.cursors or place.empty >= _MOST_EMPTY:
            reasons = ", ".join(warning.code for warning in found.warnings) or "no reason given"
            self._trouble(
                place,
                ReplyError(
                    f"the search of this account has not come to its end: {reasons}",
                    status=Status.E_REPLY_SHAPE,
                ),
            )
        else:
            place.cursors.add(cursor)
            self._ask(place, [Search(place, cursor)], _FURTHER)

    def _trouble(self, place: Place, error: TraceVaultError) -> None:
        place.failed = True
        error.about(place.tenant.name, place.account.account_id)
        self.tell(place, None, error=error)

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(
                Progress(
                    done=self._done,
                    total=len(self.places),
                    failed=self._failed,
                    resumed=self.resumed,
                    found=self._found,
                    under_way=self._open,
                )
            )


def key_of(message: FoundMessage) -> str:
    """The message's name in its account; of one without an id a text or digest of what it is."""
    if message.message_ref:
        return message.message_ref
    text = json.dumps(message._whole.get("item"), sort_keys=True)  # not a copy: it may be long
    if len(text) <= _LONGEST_KEY:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _nameless() -> TraceVaultError:
    return ReplyError(
        "Cloudflare gave no id that a trace of this message can be asked with",
        status=Status.E_REPLY_SHAPE,
    )


def _exception(error: LaterError) -> TraceVaultError:
    status = getattr(Status, error.name.removeprefix("TV_"), Status.E_OTHER)
    return error_class(status)(
        error.message,
        status=status,
        retriable=error.retriable,
        http_status=error.http_status,
        codes=error.codes,
        retry_after=None if error.retry_after_ms is None else error.retry_after_ms / 1000,
    )
