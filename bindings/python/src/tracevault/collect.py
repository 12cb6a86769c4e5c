"""Detections since the last time, for pipelines: new ones, and those that changed.

The checkpoint remembers what the caller has taken. It is written when the caller asks for the next
one, so a kill costs no message; the one that was being worked on comes again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

from ._checkpoint import EACH, Checkpoint, Known, State
from ._fields import copied, parse_time
from ._options import before, filter_text
from ._reach import Where
from ._searched import Place
from .accounts import Account
from .bulk import known_options
from .errors import ArgumentError, LimitError, Status, TraceVaultError
from .findings import FoundMessage
from .model import Trace
from .request import Result
from .sweep import Sweep, SweepOptions, key_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: How far back a collection looks for messages that came late or changed.
LOOK_BACK = timedelta(days=1)
#: How many detections a collection takes of one account at a time.
COLLECT_LIMIT = 100_000

#: What the API says of a message itself: it has no trace, or none that can be read. After anything
#: else the trace may be had later.
_SETTLED = frozenset(
    {
        Status.E_NO_MESSAGE,
        Status.E_MESSAGE_REF,
        Status.E_HTTP,
        Status.E_NOT_JSON,
        Status.E_REPLY_SHAPE,
        Status.E_REPLY_DEPTH,
        Status.E_REPLY_TOO_LARGE,
        Status.E_REPLY_REFUSED,
    }
)
_NO_SUCH_PATH = 404
#: Where the calendar begins.
_FIRST = datetime.min.replace(tzinfo=timezone.utc)

Change = Literal["new", "changed", "none"]


class CollectOptions(SweepOptions, total=False):
    """What to collect. Filters are those of a search; ``detections_only`` is ``True`` unless set.

    ``start`` counts in the first run only, which is kept for an account until it was asked to its
    end once. An account is not asked, and told with an error, where ``end`` lies before the time
    from which on it would be. ``limit`` is for each account and 100000 unless set; ``trace`` is
    ``True`` where ``views`` are asked for.
    """

    look_back: timedelta
    """How long before the last run to look again; default one day. What changes later than that is
    not noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One message that is new or that changed, or an account that could not be asked."""

    tenant: str
    """The tenant's name."""
    account: Account
    """The account, as the vault knows it."""
    change: Change
    """``new``; ``changed`` in its state or in a trace that was growing; or ``none`` for an account
    that could not be asked, and a growing trace that could not be asked for again."""
    message: FoundMessage | None = None
    """``None`` when the account could not be asked, or not to the end: see ``error``."""
    before: State = field(default_factory=dict, hash=False)
    """The state before the change, by name; as :attr:`state` where only the trace has changed. A
    value of more than 200 characters is ``sha256:`` and a digest: more is not remembered."""
    trace: Trace | None = None
    """Its trace, where ``views`` or ``trace`` asked for it; otherwise ``None``, or see
    ``error``."""
    error: TraceVaultError | None = None
    """Why the account was not asked to the end, or why there is no trace."""

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.account.account_id

    @property
    def state(self) -> State:
        """What may change later: verdict, delivery, quarantine, what was done afterwards."""
        return state_of(self.message) if self.message is not None else {}

    def to_dict(self) -> dict[str, Any]:
        """What a program stores or sends: JSON values only."""
        return {
            "tenant": self.tenant,
            "account_id": self.account_id,
            "label": self.account.label,
            "change": self.change,
            "before": dict(self.before),
            "message": self.message.to_dict() if self.message else None,
            "trace": self.trace.to_dict() if self.trace else None,
            "error": self.error.to_dict() if self.error else None,
        }

    def to_rows(self, view: Literal["own", "ecs", "ocsf"] = "own") -> list[dict[str, Any]]:
        """As rows for a store: the message itself, or its trace's lines as ECS or OCSF."""
        if view == "own":
            return [] if self.message is None else [self.to_dict()]
        if self.trace is None:
            return []
        return self.trace.ecs() if view == "ecs" else self.trace.ocsf()

    def __repr__(self) -> str:
        what = self.message.message_ref if self.message else None
        ended = f", {self.error.name}" if self.error else ""
        return f"Detection({self.tenant!r}, {self.account_id!r}, {what!r}, {self.change}{ended})"


def state_of(message: FoundMessage) -> State:
    """What of a message may change after it was found."""
    whole = message._whole.get("item")  # not its copy: it may be long
    item = whole if isinstance(whole, dict) else {}
    state = {
        "final_disposition": message.final_disposition,
        "delivery_status": list(message.delivery_status),
        "delivery_mode": message.delivery_mode,
        "is_quarantined": message.is_quarantined,
        "post_delivery_operations": copied(item.get("post_delivery_operations")),
    }
    return {name: value for name, value in state.items() if value not in (None, [])}


class Collection(Sweep[Detection]):
    """What one collection asks, and what it gives."""

    waits_for_disk = True

    def __init__(
        self,
        where: Where,
        *,
        checkpoint: str | os.PathLike[str],
        **options: Unpack[CollectOptions],
    ) -> None:
        known_options("collect", options, CollectOptions)
        look_back = options.pop("look_back", LOOK_BACK)
        if not isinstance(look_back, timedelta):
            raise TypeError(f"look_back must be a timedelta, not {type(look_back).__name__}")
        self._now = datetime.now(timezone.utc)
        if not timedelta() <= look_back <= self._now - _FIRST:
            raise ArgumentError(
                "look_back must be a duration of 0 or more that begins within the calendar",
                status=Status.E_ARGUMENT,
            )
        self._look_back = look_back
        self._checkpoint = Checkpoint(checkpoint)
        #: From when on accounts are asked in this run, the earliest of them.
        self.since: datetime | None = None
        #: Asked no more in this run.
        self._ended: dict[str, Place] = {}
        #: Accounts with a message whose trace is to be had later.
        self._waiting: set[str] = set()
        #: Accounts of which more is to be remembered than there is room for.
        self._full: set[str] = set()
        #: Of each that is ready: its message's name, and what is to be remembered of it.
        self._facts: deque[tuple[str, Known] | None] = deque()
        if options.get("detections_only") is None:
            options["detections_only"] = True
        super().__init__(where, options, trace=bool(options.get("views")), limit=COLLECT_LIMIT)
        for name in ("start", "end"):  # one moment for all accounts
            length = self._filters.get(name)
            if isinstance(length, timedelta):
                self._filters[name] = before(self._now, name, length)
        end = self._filters.get("end")
        self._end = None if end is None else parse_time(filter_text("end", end))

    # ---- The checkpoint -------------------------------------------------------------------------

    def open(self) -> None:
        """Read what the last run knew; keep where each account begins that none has asked yet."""
        owners = {place.account.account_id: place.tenant._key for place in self.places}
        self._checkpoint.open(owners, EACH * max(self.limit, COLLECT_LIMIT))
        first = filter_text("start", self.first_start())
        for place in self.places:
            self._checkpoint.begin(place.account.account_id, first)
        starts = [parse_time(filter_text("start", self.start_of(place))) for place in self.places]
        self.since = min((one for one in starts if one is not None), default=None)
        self.ask_all()

    @property
    def until(self) -> datetime:
        """Up to when accounts are asked in this run; an ``end`` may lie ahead."""
        return self._now if self._end is None else min(self._now, self._end)

    def first_start(self) -> str | datetime:
        """What the caller says, otherwise a look-back before now."""
        given: str | datetime | None = self._filters.get("start")
        return self._a_while_before(self._now) if given is None else given

    def _a_while_before(self, then: datetime) -> datetime:
        """By the time to look back; an ``end`` may lie near the begin of the calendar."""
        return then - min(self._look_back, then - _FIRST)

    def start_of(self, place: Place) -> object:
        """A while before the last complete run; until there is one, where the first run began."""
        account_id = place.account.account_id
        until = self._known_until(account_id)
        if until is not None:
            return self._a_while_before(until)
        return self._checkpoint.start(account_id) or self.first_start()

    def _known_until(self, account_id: str) -> datetime | None:
        """Up to when an account was asked; not beyond now, where the clock was ahead then."""
        until = self._checkpoint.until(account_id)
        return None if until is None else min(until, self._now)

    def refused(self, place: Place) -> TraceVaultError | None:
        """Between its own start and an earlier end nothing would be found."""
        start = parse_time(filter_text("start", self.start_of(place)))
        if start is None or self._end is None or start <= self._end:
            return None
        return ArgumentError(
            f"this account is asked from {start.isoformat(timespec='seconds')} on, and end lies "
            "before that: it was not asked; leave end out, or give a later one",
            status=Status.E_ARGUMENT,
        )

    def is_wanted(self, place: Place, key: str, message: FoundMessage) -> bool:
        """Whether it is new or another than it was."""
        # Read in any case: what cannot be read is told here, as the trouble of this account.
        state = state_of(message)
        known = self._checkpoint.known(place.account.account_id, key)
        now = Known.of(state, message.scanned_at_text)
        if known is None or known.state != now.state:
            return self._has_room(place, key, now)
        return self._traces and known.growing is not None

    def _has_room(self, place: Place, key: str, known: Known) -> bool:
        """Whether a message can be remembered; what cannot be is not told, and comes later."""
        account_id = place.account.account_id
        forgotten = self._checkpoint.make_room(account_id, key, known, place.seen)
        if forgotten == 0:
            return True
        is_first = account_id not in self._full
        self._full.add(account_id)
        if forgotten is None and (is_first or not place.failed):
            self._trouble(place, _no_room("what is new or has changed beyond that is not told"))
        elif forgotten and is_first:  # it goes on, and may come to its end
            error = _no_room("what it has not shown for longest is forgotten, and new if it comes")
            error.about(place.tenant.name, account_id)
            self.tell(place, None, error=error)
        return forgotten is not None

    def ended(self, place: Place) -> None:
        """Its place is written when all of its detections are taken."""
        self._ended[place.account.account_id] = place

    def tell(
        self,
        place: Place,
        message: FoundMessage | None,
        result: Result[Any] | None = None,
        error: TraceVaultError | None = None,
    ) -> None:
        """Keep one detection for the caller."""
        account = place.account
        known = facts = None
        if message is not None:
            now = Known.of(state_of(message), message.scanned_at_text)
            facts = key_of(message), now
            known = self._checkpoint.known(account.account_id, facts[0])
        trace = result.trace if result is not None else None
        change: Change = "none" if message is None else "new" if known is None else "changed"
        if facts is not None and known is not None and known.state == facts[1].state:
            if trace is not None and _growing(trace) == known.growing:
                return  # as it was told
            change = "none" if trace is None else "changed"
        self._facts.append(facts)
        self.ready.append(
            Detection(
                tenant=place.tenant.name,
                account=account,
                change=change,
                message=message,
                before=copied(known.state) if known else {},
                trace=trace,
                error=error,
            )
        )

    def told(self) -> Iterator[Detection]:
        """What is ready; each is written down when the caller comes back for the next."""
        while self.ready:
            one, facts = self.ready.popleft(), self._facts.popleft()
            yield one
            if facts is not None:
                self._taken(one, *facts)
        while self._ended:
            self._done_with(*self._ended.popitem())

    def _taken(self, one: Detection, key: str, now: Known) -> None:
        if one.error is not None and not _settles(one.error):
            self._waiting.add(one.account_id)  # the message comes again, with its trace
            return
        growing = None if one.trace is None else _growing(one.trace)
        before = self._checkpoint.known(one.account_id, key)
        if not self._traces and before is not None:
            growing = before.growing  # a run with traces asks for it
        self._checkpoint.learn(one.account_id, key, now.with_growing(growing))

    def _done_with(self, account_id: str, place: Place) -> None:
        """The next search begins where this one did, or where it ended if ``end`` was earlier.

        What was known up to a later time stays known. An account that was not asked to its end, or
        with a trace to come, begins where it did before: no message from before that comes again.
        """
        if place.failed or account_id in self._waiting:
            began = parse_time(filter_text("start", self.start_of(place)))
            now = None if place.failed else self._now
            self._checkpoint.forget(account_id, place.seen, began or _FIRST, now)
            return
        until = max(self.until, self._known_until(account_id) or self.until)
        start = self._a_while_before(until)
        self._checkpoint.complete(account_id, until, place.seen, start, self._now)

    def finish(self) -> None:
        """Write the checkpoint anew, without what is forgotten."""
        self._checkpoint.rewrite()

    def close(self) -> None:
        """Let the checkpoint go."""
        self._checkpoint.close()


def _no_room(what: str) -> TraceVaultError:
    return LimitError(
        f"a checkpoint has no room for more messages of this account: {what}; a look_back that is "
        "shorter, a narrower search or a checkpoint for each tenant makes room",
        status=Status.E_LIMIT,
    )


def _settles(error: TraceVaultError) -> bool:
    """Whether a message is done with, though there is no trace of it."""
    if error.status is Status.E_HTTP and error.http_status == _NO_SUCH_PATH:
        return False  # the way to the API is wrong, not the message
    return not error.retriable and error.status in _SETTLED


def _growing(trace: Trace) -> str | None:
    """A digest of what a trace says that may still grow; ``None`` of any other."""
    try:
        if trace.complete and trace.error is None:
            return None
        said = [
            [side.pending, [(line.at_text, line.message) for line in side.lines]]
            for side in (trace.inbound, trace.outbound)
        ]
    except TraceVaultError:  # it cannot be read, as whoever looks at it is told
        return None
    return hashlib.sha256(json.dumps(said).encode("utf-8", "surrogatepass")).hexdigest()[:32]
