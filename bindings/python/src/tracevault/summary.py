"""What the lines of a trace say together: ``docs/trace.md``, section "Summary".

``sent`` means that the next hop accepted the message, not that it is in the inbox. Nothing here
calls the library or the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ._fields import Fields, parse_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What became of one recipient's copy: the last outcome in the trace."""

    address: str
    #: ``sent`` (the next hop accepted it), ``deferred``, ``bounced``, ``expired``, ``rejected``,
    #: ``refused_for_now``, ``queued``, ``held``, ``discarded``, ``deleted``,
    #: ``accepted_by_filter``, ``expanded``, ...; new words may come.
    state: str
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
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def at(self) -> datetime | None:
        """When that outcome was logged, cut to microseconds."""
        return parse_time(self.at_text)

    @classmethod
    def _read(cls, value: object, path: str) -> Recipient:
        fields = Fields(value, path)
        return cls(
            address=fields.required_text("address"),
            state=fields.required_text("state"),
            attempts=fields.integer("attempts") or 0,
            orig_to=fields.text("orig_to"),
            dsn=fields.text("dsn"),
            relay=fields.text("relay"),
            reply=fields.text("reply"),
            at_text=fields.text("at"),
            delay_s=fields.number("delay_s"),
            queue_id=fields.text("queue_id"),
            later=fields.rest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One queue that the message, or a notification about it, went through."""

    queue_id: str
    #: ``inbound`` or ``outbound``: where its first line is.
    side: str
    #: ``received``, ``queued``, ``removed``, ``expired``, ``rejected``, ``refused_for_now``,
    #: ``held``, ``discarded``, ``deleted``; new words may come.
    state: str
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
    slowest: str | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

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

    @classmethod
    def _read(cls, value: object, path: str) -> Hop:
        fields = Fields(value, path)
        return cls(
            queue_id=fields.required_text("queue_id"),
            side=fields.required_text("side"),
            state=fields.required_text("state"),
            notification=fields.boolean("notification") or False,
            time_text=fields.text("time"),
            inode=fields.integer("inode"),
            first_at_text=fields.text("first_at"),
            last_at_text=fields.text("last_at"),
            previous_queue_id=fields.text("previous_queue_id"),
            client_host=fields.text("client_host"),
            client_ip=fields.text("client_ip"),
            sender=fields.text("sender"),
            message_id=fields.text("message_id"),
            size=fields.integer("size"),
            nrcpt=fields.integer("nrcpt"),
            relay=fields.text("relay"),
            delay_s=fields.number("delay_s"),
            delay_before_qmgr_s=fields.number("delay_before_qmgr_s"),
            delay_in_qmgr_s=fields.number("delay_in_qmgr_s"),
            delay_conn_setup_s=fields.number("delay_conn_setup_s"),
            delay_transmission_s=fields.number("delay_transmission_s"),
            slowest=fields.text("slowest"),
            later=fields.rest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NextQueueId:
    """An id under which somebody else knows the message: where to look next."""

    id: str
    #: ``queued_as``, ``exchange_internal_id``, ``google_id``, ``notification_queue_id``.
    kind: str
    #: The id is a hop of this trace: there is nothing more to look for.
    in_trace: bool = False
    #: The hop that told it.
    from_queue_id: str | None = None
    time_text: str | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def time(self) -> datetime | None:
        """When the message got the id, where that is in it."""
        return parse_time(self.time_text)

    @classmethod
    def _read(cls, value: object, path: str) -> NextQueueId:
        fields = Fields(value, path)
        return cls(
            id=fields.required_text("id"),
            kind=fields.required_text("kind"),
            in_trace=fields.boolean("in_trace") or False,
            from_queue_id=fields.text("from_queue_id"),
            time_text=fields.text("time"),
            later=fields.rest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What happened to the message, as far as the trace tells."""

    #: The one state of all recipients, ``mixed``, or ``incomplete`` when some are unaccounted for;
    #: without any what is known of the message: ``rejected``, ``queued``, ``pending``, ``unknown``.
    state: str = "unknown"
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
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def first_at(self) -> datetime | None:
        """The earliest line of the trace."""
        return parse_time(self.first_at_text)

    @property
    def last_at(self) -> datetime | None:
        """The latest line of the trace."""
        return parse_time(self.last_at_text)

    @classmethod
    def _read(cls, value: object, path: str) -> Summary:
        fields = Fields(value, path)
        return cls(
            state=fields.required_text("state"),
            recipients=tuple(
                Recipient._read(one, f"{path}.recipients[{at}]")
                for at, one in enumerate(fields.items("recipients"))
            ),
            sender=fields.text("sender"),
            message_id=fields.text("message_id"),
            size=fields.integer("size"),
            client_host=fields.text("client_host"),
            client_ip=fields.text("client_ip"),
            first_at_text=fields.text("first_at"),
            last_at_text=fields.text("last_at"),
            hops=tuple(
                Hop._read(one, f"{path}.hops[{at}]") for at, one in enumerate(fields.items("hops"))
            ),
            next_queue_ids=tuple(
                NextQueueId._read(one, f"{path}.next_queue_ids[{at}]")
                for at, one in enumerate(fields.items("next_queue_ids"))
            ),
            later=fields.rest,
        )
