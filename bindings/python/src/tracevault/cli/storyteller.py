"""Makes the story of a trace, of its lines' events and its summary.

Lines without times keep their order: each bar begins where the one before it ended. Postfix counts
a try's delay from the message's arrival and writes two digits of it; the log's times may be whole
seconds. So a bar begins where the delay says, unless the first line about the hop says something
quite different. A way ends as its recipients' outcome in the summary: the story concludes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..events import Event
from ..model import Trace
from ..summary import Hop, Recipient, Summary
from .story import Leg, Part, Story, Try, Way

#: How far the delay and the first line of a hop may be apart, and mean the same moment.
WHOLE_SECONDS = 1.5
TWO_DIGITS = 0.05

#: All ways together have about so many tries, each recipient's copy as many as any other's.
MOST_TRIES = 50_000
LEAST_TRIES = 20

#: Statuses of deliveries in the words of a recipient's state.
STATUS = {"softbounce": "deferred", "undeliverable-but-not-cached": "undeliverable"}
#: A hop in one of these states has the message.
STILL = {"queued", "received", "held"}
#: What Postfix calls sent, too.
NOT_REALLY_SENT = {"discarded", "accepted_by_filter"}


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A delivery's event with the moment of its line, in seconds of the picture."""

    event: Event
    at: float
    when: datetime | None


def tell(trace: Trace) -> Story:
    """Make the story of a trace."""
    return _Teller(trace).story()


class _Teller:
    def __init__(self, trace: Trace) -> None:
        self.summary: Summary = trace.summary
        self.hops = {hop.queue_id: hop for hop in self.summary.hops}
        lines = [line for line in trace.lines if line.at is not None]
        self.begin = self.summary.first_at or min(
            (line.at for line in lines if line.at), default=None
        )
        self.coarse = bool(lines) and not any("." in (line.at_text or "") for line in lines)
        self.last = self._seconds(self.summary.last_at) or 0.0
        self.deliveries: dict[str, list[_Delivery]] = {}
        clock = 0.0
        for line in trace.lines:
            event = line.event
            if event is None or event.kind != "delivery" or event.to is None:
                continue
            clock += event.delay_s or 0.0
            seconds = self._seconds(line.at)
            told = _Delivery(event, clock if seconds is None else seconds, line.at)
            self.deliveries.setdefault(address_key(event.to), []).append(told)
        self.left_out = self._leave_out()

    def _leave_out(self) -> int:
        """Keeps the first and the last of many tries: one address may have its tries in the way of
        each of the others. Gives how many are left out."""
        most = max(LEAST_TRIES, MOST_TRIES // max(1, len(self.summary.recipients)))
        count = 0
        for told in self.deliveries.values():
            if len(told) > most:
                count += len(told) - most
                del told[most // 2 : len(told) - (most - most // 2)]
        return count

    def story(self) -> Story:
        """The whole of it."""
        together: dict[object, tuple[list[Recipient], tuple[Leg, ...]]] = {}
        for one in self.summary.recipients:
            legs = self._legs(one)
            same = tuple((_id(leg), leg.start, leg.end, leg.tries) for leg in legs)
            together.setdefault((one.state, one.orig_to, same), ([], legs))[0].append(one)
        ways = tuple(Way(tuple(group), legs) for group, legs in together.values())
        return Story(ways, self._slowest(ways), self.begin, self.coarse, self.left_out)

    def _slowest(self, ways: Sequence[Way]) -> tuple[Leg, ...]:
        """One bar for each hop, and one for each decision that came before any hop."""
        by_hop: dict[str, Leg] = {}
        others: dict[tuple[object, ...], Leg] = {}
        for leg in (leg for way in ways for leg in way.legs):
            if leg.hop is None:
                others.setdefault((leg.start, leg.tries[0].state), leg)
                continue
            known = by_hop.get(leg.hop.queue_id)
            if known is None or (leg.end, leg.seconds) > (known.end, known.seconds):
                by_hop[leg.hop.queue_id] = leg
        for queue_id, hop in self.hops.items():
            if queue_id not in by_hop:
                by_hop[queue_id] = self._leg(hop, self._at_hop(queue_id))
        order = {queue_id: at for at, queue_id in enumerate(self.hops)}
        first = sorted(others.values(), key=lambda leg: leg.start)
        return (
            *first,
            *sorted(by_hop.values(), key=lambda leg: order.get(_id(leg) or "", -1)),
        )

    def _at_hop(self, queue_id: str) -> list[_Delivery]:
        return [
            one
            for told in self.deliveries.values()
            for one in told
            if one.event.queue_id == queue_id
        ]

    def _legs(self, one: Recipient) -> tuple[Leg, ...]:
        """The hops this recipient's copy went through."""
        here: dict[str, list[_Delivery]] = {}
        for told in self.deliveries.get(address_key(one.address), []):
            here.setdefault(told.event.queue_id or "", []).append(told)
        if one.orig_to is not None:
            before: dict[str, list[_Delivery]] = {}
            for told in self.deliveries.get(address_key(one.orig_to), []):
                before.setdefault(told.event.queue_id or "", []).append(told)
            here = {**{id: told for id, told in before.items() if id not in here}, **here}
        legs = [self._leg(self.hops.get(queue_id), told, one) for queue_id, told in here.items()]
        waiting = self._waiting(one, here)
        if waiting is not None:
            legs.append(self._leg(waiting, []))
        elif one.queue_id not in here:
            legs.append(self._decision(one))

        def place(leg: Leg) -> tuple[bool, float, float]:
            # Times may be whole seconds: the hop of the outcome is the last all the same.
            return (_id(leg) == one.queue_id) if waiting is None else leg.still, leg.start, leg.end

        return tuple(sorted(legs, key=place))

    def _waiting(self, one: Recipient, here: dict[str, list[_Delivery]]) -> Hop | None:
        """The hop that has the copy and has not tried yet: one that a reply names, else any."""
        if one.state != "queued":
            return None
        told = [d.event.queued_as for deliveries in here.values() for d in deliveries]
        for name in (*told, one.queue_id, *self.hops):
            hop = self.hops.get(name or "")
            if hop is not None and not hop.notification and name not in here and hop.state in STILL:
                return hop
        return None

    def _decision(self, one: Recipient) -> Leg:
        """A refusal or a hold: a moment, no bar."""
        hop = self.hops.get(one.queue_id or "")
        at = self._seconds(one.at) or 0.0
        made = Try(one.state, at, one.at, one.relay, one.reply, one.dsn)
        return Leg(hop, hop.side if hop else "inbound", at, at, (), (made,), one.state == "held")

    def _leg(self, hop: Hop | None, told: list[_Delivery], one: Recipient | None = None) -> Leg:
        told = sorted(told, key=lambda delivery: delivery.at)
        start = self._start(hop, told)
        parts: list[Part] = []
        edge = start
        for number, delivery in enumerate(told):
            parts += _parts(delivery, edge, "wait" if number else "arrive")
            edge = max(edge, delivery.at)
        tries = tuple(self._try(delivery, one) for delivery in told)
        last = edge if hop is None else max(edge, self._seconds(hop.last_at) or edge)
        ending = self._ending(hop, one, tries, last)
        still = hop is not None and not hop.notification and hop.state in STILL
        still = still and (not tries or (ending or tries[-1]).state in {"deferred", "held"})
        if still:
            last = max(edge, self.last)
        if last > edge and (still or ending):
            parts.append(Part("wait" if tries else "there", edge, last))
        if still or ending or not told:
            edge = last
        side = hop.side if hop is not None else "inbound"
        tries = (*tries, ending) if ending else tries
        return Leg(hop, side, start, edge, tuple(parts), tries, still)

    def _ending(
        self, hop: Hop | None, one: Recipient | None, tries: tuple[Try, ...], at: float
    ) -> Try | None:
        """What ended it behind the last try: too old, held, or deleted by hand."""
        if hop is None or one is None or not tries or hop.queue_id != one.queue_id:
            return None
        if one.state in {tries[-1].state, "queued", "unknown"}:
            return None
        return Try(one.state, at, hop.last_at)

    def _start(self, hop: Hop | None, told: list[_Delivery]) -> float:
        seen = self._seconds(hop.first_at) if hop is not None else None
        counted = [one.at - one.event.delay_s for one in told[:1] if one.event.delay_s is not None]
        if not counted:
            return seen if seen is not None else (told[0].at if told else 0.0)
        apart = WHOLE_SECONDS + TWO_DIGITS * (told[0].event.delay_s or 0.0)
        return counted[0] if seen is None or abs(counted[0] - seen) <= apart else seen

    def _try(self, told: _Delivery, one: Recipient | None) -> Try:
        event = told.event
        state = STATUS.get((event.status or "unknown").lower(), (event.status or "unknown").lower())
        if state == "sent" and one is not None and one.state in NOT_REALLY_SENT:
            same = event.queue_id == one.queue_id and event.reply == one.reply
            state = one.state if same and told.when == one.at else state
        delays = (
            event.delay_before_qmgr_s,
            event.delay_in_qmgr_s,
            event.delay_conn_setup_s,
            event.delay_transmission_s,
        )
        return Try(
            state, told.at, told.when, event.relay, event.reply, event.dsn, event.delay_s, delays
        )

    def _seconds(self, at: datetime | None) -> float | None:
        return None if at is None or self.begin is None else (at - self.begin).total_seconds()


def _parts(told: _Delivery, edge: float, before: str) -> list[Part]:
    """The pieces of one try, laid back from its end, none before `edge`."""
    event = told.event
    taken = (
        ("send", event.delay_transmission_s),
        ("connect", event.delay_conn_setup_s),
        ("queue", event.delay_in_qmgr_s),
    )
    parts: list[Part] = []
    end = told.at
    for kind, seconds in taken:
        start = max(edge, end - (seconds or 0.0))
        if start < end:
            parts.append(Part(kind, start, end))
            end = start
    if edge < end:
        parts.append(Part(before, edge, end))
    return parts[::-1]


def _id(leg: Leg) -> str | None:
    return leg.hop.queue_id if leg.hop is not None else None


def address_key(address: str) -> str:
    """Two addresses are one recipient when they differ only in the case of the domain."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"
