"""What the lines of a trace say together: ``docs/trace.md``, section "Summary".

``sent`` means that the next hop accepted the message, not that it is in the inbox. Nothing here
calls the library or the network.
"""

from __future__ import annotations

from ._fields import parse_time
from ._member import NOTHING
from ._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from .words import HopPart, HopSide, HopState, NextKind, RecipientState, TraceState


class Recipient(Record):
    """What became of one recipient's copy: the last outcome in the trace."""

    address: str
    #: ``sent`` (the next hop accepted it), ``deferred``, ``bounced``, ``expired``, ``rejected``,
    #: ``refused_for_now``, ``queued``, ``held``, ``discarded``, ``deleted``,
    #: ``accepted_by_filter``, ``expanded``, ...; new words may come.
    state: RecipientState
    #: Deliveries at the hop that made most of them: a way through a filter is no second try.
    attempts: int = 0
    #: The recipient before aliases.
    orig_to: str | None = None
    dsn: str | None = None
    #: The next hop, as Postfix wrote it.
    relay: str | None = None
    #: What it said: other people's words.
    reply: str | None = None
    at_text: str | None = None
    #: Seconds since the message arrived at the hop that tried.
    delay_s: float | None = None
    queue_id: str | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = NOTHING

    @property
    def at(self) -> datetime | None:
        """When that outcome was logged, cut to microseconds."""
        return parse_time(self.at_text)


class Hop(Record):
    """One queue that the message, or a notification about it, went through."""

    queue_id: str
    #: ``inbound`` or ``outbound``: where its first line is.
    side: HopSide
    #: ``received``, ``queued``, ``removed``, ``expired``, ``rejected``, ``refused_for_now``,
    #: ``held``, ``discarded``, ``deleted``; new words may come.
    state: HopState
    #: A bounce or another notification, not the message itself.
    notification: bool = False
    #: From a long queue id: when the message entered the queue.
    time_text: str | None = None
    inode: int | None = None
    first_at_text: str | None = None
    last_at_text: str | None = None
    previous_queue_id: str | None = None
    client_host: str | None = None
    client_ip: str | None = None
    sender: str | None = None
    message_id: str | None = None
    size: int | None = None
    nrcpt: int | None = None
    relay: str | None = None
    #: Seconds, of the slowest delivery; the parts tell where they went.
    delay_s: float | None = None
    delay_before_qmgr_s: float | None = None
    delay_in_qmgr_s: float | None = None
    delay_conn_setup_s: float | None = None
    delay_transmission_s: float | None = None
    #: The longest part: ``before_qmgr``, ``in_qmgr``, ``conn_setup``, ``transmission``.
    slowest: HopPart | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = NOTHING

    @property
    def time(self) -> datetime | None:
        """When the message entered the queue, by its id."""
        return parse_time(self.time_text)

    @property
    def first_at(self) -> datetime | None:
        """The first line about it."""
        return parse_time(self.first_at_text)

    @property
    def last_at(self) -> datetime | None:
        """The last line about it."""
        return parse_time(self.last_at_text)


class NextQueueId(Record):
    """An id under which somebody else knows the message: where to look next."""

    id: str
    #: ``queued_as``, ``exchange_internal_id``, ``google_id``, ``notification_queue_id``.
    kind: NextKind
    #: The id is a hop of this trace: there is nothing more to look for.
    in_trace: bool = False
    #: The hop that told it.
    from_queue_id: str | None = None
    time_text: str | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = NOTHING

    @property
    def time(self) -> datetime | None:
        """When the message got the id, where that is in it."""
        return parse_time(self.time_text)


class Summary(Record):
    """What happened to the message, as far as the trace tells."""

    _late = frozenset({"hops", "next_queue_ids"})

    #: The one state of all recipients, ``mixed``, or ``incomplete`` when some are unaccounted for;
    #: without any what is known of the message: ``rejected``, ``queued``, ``pending``, ``unknown``.
    state: TraceState = "unknown"
    recipients: tuple[Recipient, ...] = ()
    #: Envelope sender, not the From header; empty for a notification.
    sender: str | None = None
    message_id: str | None = None
    size: int | None = None
    #: Who handed the message in.
    client_host: str | None = None
    client_ip: str | None = None
    first_at_text: str | None = None
    last_at_text: str | None = None
    hops: tuple[Hop, ...] = ()
    next_queue_ids: tuple[NextQueueId, ...] = ()
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = NOTHING

    @property
    def first_at(self) -> datetime | None:
        """The earliest line of the trace."""
        return parse_time(self.first_at_text)

    @property
    def last_at(self) -> datetime | None:
        """The latest line of the trace."""
        return parse_time(self.last_at_text)
