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
    """The recipient after rewriting."""
    state: RecipientState
    """``sent`` (the next hop accepted it), ``deferred``, ``bounced``, ``expired``, ``rejected``,
    ``refused_for_now``, ``queued``, ``held``, ``discarded``, ``deleted``,
    ``accepted_by_filter``, ``expanded``, ...; new words may come."""
    attempts: int = 0
    """Deliveries at the hop that made most of them: a way through a filter is no second try."""
    orig_to: str | None = None
    """The recipient before aliases."""
    dsn: str | None = None
    """Enhanced status code of that outcome, such as ``5.1.1``."""
    relay: str | None = None
    """The next hop, as Postfix wrote it."""
    reply: str | None = None
    """What it said: other people's words."""
    at_text: str | None = None
    """When that outcome was logged, RFC 3339; :attr:`at` is the same as a ``datetime``."""
    delay_s: float | None = None
    """Seconds since the message arrived at the hop that tried."""
    queue_id: str | None = None
    """The hop that told it."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    @property
    def at(self) -> datetime | None:
        """When that outcome was logged, cut to microseconds."""
        return parse_time(self.at_text)


class Hop(Record):
    """One queue that the message, or a notification about it, went through."""

    queue_id: str
    """Its Postfix queue id."""
    side: HopSide
    """``inbound`` or ``outbound``: where its first line is."""
    state: HopState
    """``received``, ``queued``, ``removed``, ``expired``, ``rejected``, ``refused_for_now``,
    ``held``, ``discarded``, ``deleted``; new words may come."""
    notification: bool = False
    """A bounce or another notification, not the message itself."""
    time_text: str | None = None
    """From a long queue id: when the message entered the queue."""
    inode: int | None = None
    """From a long queue id: of the queue file."""
    first_at_text: str | None = None
    """The first line about it, RFC 3339; :attr:`first_at` is the same as a ``datetime``."""
    last_at_text: str | None = None
    """The last line about it, RFC 3339; :attr:`last_at` is the same as a ``datetime``."""
    previous_queue_id: str | None = None
    """The hop before, where a line says so."""
    client_host: str | None = None
    """The name of who handed the message in."""
    client_ip: str | None = None
    """The address of who handed the message in."""
    sender: str | None = None
    """Envelope sender, empty for a notification."""
    message_id: str | None = None
    """The Message-ID header without its brackets."""
    size: int | None = None
    """Bytes."""
    nrcpt: int | None = None
    """Recipients in the queue file."""
    relay: str | None = None
    """The next hop of its last delivery, as Postfix wrote it."""
    delay_s: float | None = None
    """Seconds, of the slowest delivery; the parts tell where they went."""
    delay_before_qmgr_s: float | None = None
    """Seconds: receiving the message, or waiting after a deferral."""
    delay_in_qmgr_s: float | None = None
    """Seconds in the active queue."""
    delay_conn_setup_s: float | None = None
    """Seconds for DNS, connecting, TLS and HELO."""
    delay_transmission_s: float | None = None
    """Seconds for sending the message."""
    slowest: HopPart | None = None
    """The longest part: ``before_qmgr``, ``in_qmgr``, ``conn_setup``, ``transmission``."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    def __repr__(self) -> str:
        kind = ", notification" if self.notification else ""
        delay = "" if self.delay_s is None else f", delay_s={self.delay_s}"
        return f"Hop({self.queue_id!r}, {self.side}, {self.state}{kind}{delay})"

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
    """The id itself."""
    kind: NextKind
    """``queued_as``, ``exchange_internal_id``, ``google_id``, ``notification_queue_id``."""
    in_trace: bool = False
    """The id is a hop of this trace: there is nothing more to look for."""
    from_queue_id: str | None = None
    """The hop that told it."""
    time_text: str | None = None
    """When the message got it, RFC 3339; :attr:`time` is the same as a ``datetime``."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    @property
    def time(self) -> datetime | None:
        """When the message got the id, where that is in it."""
        return parse_time(self.time_text)


class Summary(Record):
    """What happened to the message, as far as the trace tells."""

    _late = frozenset({"hops", "next_queue_ids"})

    state: TraceState = "unknown"
    """The one state of all recipients, ``mixed``, or ``incomplete`` when some are unaccounted for;
    without any what is known of the message: ``rejected``, ``queued``, ``pending``,
    ``unknown``."""
    recipients: tuple[Recipient, ...] = ()
    """One for each address, at most 1000."""
    sender: str | None = None
    """Envelope sender, not the From header; empty for a notification."""
    message_id: str | None = None
    """The Message-ID header without its brackets."""
    size: int | None = None
    """Bytes."""
    client_host: str | None = None
    """The name of who handed the message in."""
    client_ip: str | None = None
    """The address that the message was handed in from."""
    first_at_text: str | None = None
    """The earliest line, RFC 3339; :attr:`first_at` is the same as a ``datetime``."""
    last_at_text: str | None = None
    """The latest line, RFC 3339; :attr:`last_at` is the same as a ``datetime``."""
    hops: tuple[Hop, ...] = ()
    """One for each queue id, at most 64."""
    next_queue_ids: tuple[NextQueueId, ...] = ()
    """Under which ids others know the message, at most 256."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    @property
    def first_at(self) -> datetime | None:
        """The earliest line of the trace."""
        return parse_time(self.first_at_text)

    @property
    def last_at(self) -> datetime | None:
        """The latest line of the trace."""
        return parse_time(self.last_at_text)
