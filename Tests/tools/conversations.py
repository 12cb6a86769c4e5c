"""conversations: what happened to a message, and the lines that a log has of it.

The outcome of each recipient is known because the conversation is made from it. Lines of one hop keep
their order, or all lines come the last one first; between hops any order is legal, as each of them logs
for itself, on a host whose clock may be minutes ahead or behind; several steps may share a second; a
filter's hop may end before the hop before has logged that it handed the message on.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

#: From the best to the worst. Told may be a worse one than the truth, never a better.
BADNESS = {
    "expanded": 0,
    "sent": 1,
    "accepted_by_filter": 2,
    "queued": 3,
    "unknown": 4,
    "deferred": 5,
    "refused_for_now": 5,
    "held": 6,
    "deleted": 7,
    "discarded": 7,
    "bounced": 8,
    "expired": 8,
    "rejected": 8,
}
FATES = ("sent", "bounced", "deferred", "expired", "held", "released", "deleted", "discarded")
VOWEL_FREE = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
#: What filters answer that deliver nothing.
KEPT = (
    "250 2.7.0 Ok, discarded, id=7 - INFECTED: E",
    "250 2.7.0 BLOCKED (20A9E5F5B1C2D3)",
    "250 2.5.0 Ok, id=01155-06, BOUNCE",
    "250 2.0.0 Ok, moved to quarantine",
)
FILTER = "127.0.0.1[127.0.0.1]:10024"


@dataclass
class Conversation:
    """The truth, and the lines of each hop in their order: (second, side, text)."""

    truth: dict[str, str] = field(default_factory=dict)
    hops: list[list[tuple[int, str, str]]] = field(default_factory=list)
    #: Every hand-over can be proved from the lines.
    is_linked: bool = True
    #: The lines are true, but nothing proves a better outcome than a worse one: hosts' clocks differ,
    #: people did several things within a second, a filter was refused and came again.
    is_doubtful: bool = False
    #: Cloudflare has more to tell.
    is_pending: bool = False
    #: Of somebody no line tells what became of the copy.
    is_incomplete: bool = False
    #: The beginning of some hop's lines is missing.
    is_cut: bool = False


class Maker:
    """Makes one conversation from a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.made = Conversation()
        self.now = 7200
        #: How far each host's clock is ahead; a hop is on one of them.
        self.clocks = [0, 0, 0]
        if self.dice.random() < 0.2:
            self.clocks = [self.dice.randint(-1800, 1800) for _ in range(3)]
            self.made.is_doubtful = True
        self.hosts: dict[int, int] = {}
        self.is_long = self.dice.random() < 0.7
        self.is_quick = self.dice.random() < 0.4
        self.born = 0
        self.message_id = f"m{seed}@x.example"
        #: A failure at this hop of which the sender may be told.
        self.is_reported = False
        self.hands = self.dice.choice(("reply", "nested", "orig", "message_id", "nothing"))
        self.links = {"nothing": False}.get(self.hands, True)
        #: A hop refused what a filter handed back, and its line may not name all recipients.
        self.is_refused = False
        #: The filter hands the message on as nobody's.
        self.is_nobodys = self.dice.random() < 0.1

    def step(self, most: int = 3) -> None:
        if not self.is_quick:
            self.now += self.dice.randint(0, most)

    def clock(self, hop: int) -> int:
        """What the clock of a hop's host says."""
        return self.now + self.hosts.setdefault(hop, self.dice.choice(self.clocks))

    def new_id(self, hop: int) -> str:
        self.born += 1
        if not self.is_long:
            return f"{self.dice.randrange(0xF4240):05X}{self.born:X}{self.dice.randrange(4096):03X}"
        digits, rest = "", 1_762_992_000 + self.clock(hop)
        for _ in range(6):
            rest, digit = divmod(rest, 52)
            digits = VOWEL_FREE[digit] + digits
        micros = ""
        rest = self.born * 10_000 + self.dice.randrange(10_000)
        for _ in range(4):
            rest, digit = divmod(rest, 52)
            micros = VOWEL_FREE[digit] + micros
        return f"{digits}{micros}z{self.dice.choice('BCDFGH')}{self.born}"

    def is_inbound(self, hop: int) -> bool:
        return hop == 0 or self.dice_side > hop

    def log(self, hop: int, program: str, text: str, later: int = 0) -> None:
        side = "inbound" if self.is_inbound(hop) else "outbound"
        at = self.clock(hop) + later
        self.made.hops[hop].append((at, side, f"postfix/{program}[7]: {text}"))

    def begin(
        self, before: str | None, recipients: list[str], notification_id: str = ""
    ) -> tuple[int, str]:
        """A hop takes the message, or a notification of it; where it is and its id."""
        hop = len(self.made.hops)
        name = self.new_id(hop)
        self.made.hops.append([])
        if before is None and self.dice.random() < 0.2:
            self.log(hop, "pickup", f"{name}: uid=0 from=<s@x.example>")
        elif before is None:
            self.log(hop, "smtpd", f"{name}: client=c.example[192.0.2.9]")
        else:
            orig = f", orig_queue_id={before}" if self.hands == "orig" else ""
            self.log(hop, "smtpd", f"{name}: client=localhost[127.0.0.1]{orig}")
        if self.hands != "nothing":
            self.log(hop, "cleanup", f"{name}: message-id=<{notification_id or self.message_id}>")
        self.step(1)
        count = len(recipients)
        is_nobodys = notification_id or (before is not None and self.is_nobodys)
        sender = "" if is_nobodys else "s@x.example"
        self.log(hop, "qmgr", f"{name}: from=<{sender}>, size=9, nrcpt={count} (queue active)")
        return hop, name

    def deliver(
        self, hop: int, name: str, to: str, status: str, reply: str, relay: str, later: int = 0
    ) -> None:
        program = "lmtp" if relay == FILTER else "smtp"
        self.log(
            hop,
            program,
            f"{name}: to=<{self.spelled(to)}>, relay={relay}, delay=1, delays=0/0/0/1, dsn=2.0.0, "
            f"status={status} ({reply})",
            later,
        )

    def spelled(self, to: str) -> str:
        local, domain = to.split("@")
        return f"{local}@{domain.upper()}" if self.dice.random() < 0.2 else to

    def reply(self, behind: str) -> str:
        if self.hands == "reply":
            return f"250 2.0.0 Ok: queued as {behind}"
        if self.hands == "nested":
            return f"250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {behind}"
        return self.dice.choice(("250 2.5.0 OK (20A9E5F5B1C2D3)", "250 2.0.0 Ok"))

    # What happens at the last hop

    def end(self, hop: int, name: str, recipients: list[str]) -> None:
        waiting = False
        if len(recipients) > 1 and self.dice.random() < 0.1:
            recipients = self.local(hop, name, recipients)
        for to in recipients:
            fate = self.dice.choice(FATES) if len(recipients) == 1 else self.dice.choice(FATES[:3])
            for _ in range(self.dice.choice((0, 0, 0, 1, 2))):
                self.deliver(hop, name, to, "deferred", "connect to mx: timed out", "mx.example")
                self.now += 0 if self.is_quick else 300
            self.fate(hop, name, to, fate)
            waiting = waiting or self.made.truth[to] in ("deferred", "held", "queued")
            self.step()
        if self.is_reported and self.dice.random() < 0.5:
            self.report(hop, name)
            if hop == 0 and len(recipients) > 1 and self.dice.random() < 0.3:
                self.lose(hop)
        self.is_reported = False
        if waiting and len(recipients) == 1 and self.dice.random() < 0.1:
            # It left the queue, and the line that says how is missing.
            self.log(hop, "qmgr", f"{name}: removed")
            self.made.truth[recipients[0]] = "unknown"
        if not waiting and not any(self.made.truth.get(to) == "deleted" for to in recipients[:1]):
            self.log(hop, "qmgr", f"{name}: removed")

    def report(self, hop: int, name: str) -> None:
        """The sender is told of a failure, by a message that may go through the filter as well."""
        there = len(self.made.hops)
        report = self.new_id(there)
        self.made.hops.append([])
        message_id = f"20251113000000.{report}@h.example"
        self.log(there, "cleanup", f"{report}: message-id=<{message_id}>")
        self.log(hop, "bounce", f"{name}: sender non-delivery notification: {report}")
        self.log(there, "qmgr", f"{report}: from=<>, size=9, nrcpt=1 (queue active)")
        if self.dice.random() < 0.4:
            self.made.is_linked &= self.links
            behind, last = self.begin(report, ["s@x.example"], message_id)
            self.deliver(there, report, "s@x.example", "sent", self.reply(last), FILTER)
        else:
            behind, last = there, report
        status = self.dice.choice(("sent", "deferred", "bounced"))
        self.deliver(behind, last, "s@x.example", status, "250 2.0.0 Ok", "mx.x.example")

    def lose(self, hop: int) -> None:
        """The lines of those that bounced are missing, and so is the count of recipients."""
        lost = [to for to, state in self.made.truth.items() if state == "bounced"]
        for to in lost:
            del self.made.truth[to]
        gone = [f"to=<{to}>" for to in lost] + ["nrcpt="]
        lines = self.made.hops[hop]
        lines[:] = [line for line in lines if not any(text in line[2].lower() for text in gone)]
        self.made.is_incomplete = True

    def local(self, hop: int, name: str, recipients: list[str]) -> list[str]:
        """local(8) tells of an alias's members; the line of another recipient is missing."""
        alias, lost = recipients[0], recipients[-1]
        for member in (f"m{n}.{alias}" for n in range(2)):
            self.log(
                hop,
                "local",
                f"{name}: to=<{member}>, orig_to=<{alias}>, relay=local, delay=1, "
                "delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to mailbox)",
            )
            self.made.truth[member] = "sent"
        self.made.truth.pop(lost, None)
        self.made.truth.pop(alias, None)
        self.made.is_incomplete = True
        return recipients[1:-1]

    def fate(self, hop: int, name: str, to: str, fate: str) -> None:
        self.made.truth[to] = fate
        relay = "mx.y.example[192.0.2.25]:25"
        if fate in ("bounced", "expired"):
            self.is_reported = True
        if fate == "sent":
            self.deliver(hop, name, to, "sent", "250 OK id=1ZpCCD-0002J4-Ej", relay)
        elif fate == "discarded":
            self.deliver(hop, name, to, "sent", "y.example", "none")
        elif fate == "bounced":
            self.deliver(hop, name, to, "bounced", "host mx said: 550 5.1.1 no", relay)
        else:
            self.deliver(hop, name, to, "deferred", "host mx said: 450 4.2.0 busy", relay)
        self.step()
        if fate == "expired":
            self.log(hop, "qmgr", f"{name}: from=<s@x.example>, status=expired, returned to sender")
        if fate in ("held", "released"):
            self.log(hop, "postsuper", f"{name}: placed on hold")
        if fate == "released":
            before = self.now
            self.step()
            self.made.is_doubtful |= before == self.now
            self.log(hop, "postsuper", f"{name}: released from hold")
            self.made.truth[to] = "deferred"
            if self.dice.random() < 0.5:
                self.step()
                self.fate(hop, name, to, self.dice.choice(FATES[:3]))
        if fate == "deleted":
            self.log(hop, "postsuper", f"{name}: removed")

    # The way there

    def refuse(self, to: str, is_final: bool) -> None:
        """The client is refused before any queue."""
        code = "550 5.7.1" if is_final else "450 4.7.1"
        self.made.hops.append([])
        who = " sasl_method=PLAIN sasl_username=u" if self.dice.random() < 0.5 else ""
        self.log(
            len(self.made.hops) - 1,
            "smtpd",
            f"NOQUEUE: reject: RCPT from c.example[192.0.2.9]: {code} <{to}>: no; "
            f"from=<s@x.example> to=<{to}> proto=ESMTP helo=<c>{who}",
        )
        self.made.truth[to] = "rejected" if is_final else "refused_for_now"
        self.now += 1 + self.dice.randint(0, 300)

    def hold(self, to: str) -> None:
        """A check holds the message before its queue file is there; then people decide."""
        there = len(self.made.hops)
        self.made.hops.append([])
        name = self.new_id(there)
        rest = f"from=<s@x.example> to=<{to}> proto=ESMTP helo=<c>"
        self.log(
            there, "smtpd", f"NOQUEUE: hold: RCPT from c.example[192.0.2.9]: <{to}>: no; {rest}"
        )
        self.log(there, "smtpd", f"{name}: client=c.example[192.0.2.9]")
        self.log(there, "cleanup", f"{name}: message-id=<{self.message_id}>")
        self.step()
        fate = self.dice.choice(("held", "deleted", "sent"))
        self.made.truth[to] = fate
        if fate == "deleted":
            self.log(there, "postsuper", f"{name}: removed")
        if fate == "sent":
            self.log(there, "postsuper", f"{name}: released from hold")
            self.step()
            self.log(there, "qmgr", f"{name}: from=<s@x.example>, size=9, nrcpt=1 (queue active)")
            self.fate(there, name, to, "sent")
            self.log(there, "qmgr", f"{name}: removed")

    def refuse_back(self, hop: int, name: str, to: str) -> bool:
        """The filter took the message, and is refused where it hands it back; whether for good."""
        self.step()
        is_late = self.dice.random() < 0.5
        took = ("sent", self.dice.choice(("250 2.0.0 Ok", "250 2.5.0 OK (20A9E5F5B1C2D3)")), FILTER)
        if not is_late:
            self.deliver(hop, name, to, *took)
        is_final = self.dice.random() < 0.6
        there = len(self.made.hops)
        self.made.hops.append([])
        rest = f"from=<s@x.example> to=<{to}> proto=ESMTP helo=<localhost>"
        if self.dice.random() < 0.5:
            code = "554 5.7.1" if is_final else "451 4.3.0"
            self.log(
                there,
                "smtpd",
                f"NOQUEUE: reject: RCPT from localhost[127.0.0.1]: {code} <{to}>: no; {rest}",
            )
        else:
            behind = self.new_id(there)
            self.is_refused = True
            self.log(there, "smtpd", f"{behind}: client=localhost[127.0.0.1]")
            if self.hands != "nothing":
                self.log(there, "cleanup", f"{behind}: message-id=<{self.message_id}>")
            code = "5.7.1" if is_final else "4.7.1"
            self.log(
                there,
                "cleanup",
                f"{behind}: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: {code} no; {rest}",
            )
        self.made.truth[to] = "rejected" if is_final else "refused_for_now"
        self.now += 1 + self.dice.randint(0, 3)
        if is_late:
            self.deliver(hop, name, to, *took)
        return is_final

    def refuse_changed(self, hop: int, name: str, recipients: list[str]) -> None:
        """The filter changed the addresses, and each is refused where it hands the message back."""
        there = len(self.made.hops)
        self.made.hops.append([])
        for to in recipients:
            self.deliver(hop, name, to, "sent", "250 2.0.0 Ok", FILTER)
            self.log(
                there,
                "smtpd",
                f"NOQUEUE: reject: RCPT from localhost[127.0.0.1]: 554 5.7.1 <x.{to}>: no; "
                f"from=<s@x.example> to=<x.{to}> proto=ESMTP helo=<localhost>",
            )
            self.made.truth[to] = "accepted_by_filter"
            self.made.truth[f"x.{to}"] = "rejected"

    def filtered(self, hop: int, name: str, recipients: list[str], hops: int) -> None:
        """Hands the message to a filter, which hands it back to a hop behind, or does not."""
        if len(recipients) == 1 and self.dice.random() < 0.1:
            if not self.refuse_back(hop, name, recipients[0]) and self.dice.random() < 0.5:
                # It tries again by itself; no line links what comes.
                self.walk(*self.begin(name, recipients), recipients, hops - 1)
                # Where a filter has it in the end, that filter may be the one that was refused.
                ends = ("accepted_by_filter", "rejected", "refused_for_now")
                self.made.is_doubtful |= self.made.truth[recipients[0]] in ends
            return
        if self.dice.random() < 0.03:
            return self.refuse_changed(hop, name, recipients)
        if self.dice.random() < 0.08:
            for to in recipients:
                self.deliver(hop, name, to, "sent", self.dice.choice(KEPT), FILTER)
                self.made.truth[to] = "accepted_by_filter"
            return
        if self.dice.random() < 0.08:
            self.made.is_pending = True
            for to in recipients:
                self.deliver(hop, name, to, "sent", "250 2.0.0 Ok", FILTER)
                self.made.truth[to] = "accepted_by_filter"
            return
        if self.is_inbound(hop) and self.dice.random() < 0.04:
            # Another host outside has it, and its lines are to come.
            self.made.is_pending = self.made.is_incomplete = True
            for to in recipients:
                self.deliver(hop, name, to, "sent", "250 2.0.0 Ok", "h.y.example[192.0.2.77]:25")
                self.made.truth[to] = "sent"
            return
        self.step()
        groups = [recipients]
        if self.hands == "reply" and self.dice.random() < 0.3:
            groups = [[to] for to in recipients]
        for group in groups:
            start = self.now
            there = list(group)
            chance = self.dice.random()
            if chance < 0.1:
                # The filter changes an address; nothing in a line says so.
                there[0] = f"x{hop}.{group[0]}"
                self.made.truth[group[0]] = "expanded"
            elif chance < 0.2:
                # It keeps one copy, and adds another recipient; nothing in a line says so either.
                there[0] = f"archive{hop}.{group[0]}"
                self.made.truth[group[0]] = "accepted_by_filter"
            elif chance < 0.25 and len(group) > 1:
                self.made.truth[there.pop(0)] = "accepted_by_filter"
            behind = self.begin(name, there)
            self.walk(*behind, there, hops - 1)
            # Logged when the hop behind began, or when it has ended long since.
            later = self.dice.choice((0, 0, 1, 5)) if not self.is_quick else 0
            late = self.dice.random() < 0.6
            for to in group:
                shift = later if late else start - self.now
                self.deliver(hop, name, to, "sent", self.reply(behind[1]), FILTER, shift)
        self.log(hop, "qmgr", f"{name}: removed", 6)

    def walk(self, hop: int, name: str, recipients: list[str], hops: int) -> None:
        if hops == 0:
            return self.end(hop, name, recipients)
        if self.dice.random() < 0.05:
            for to in recipients:
                self.made.truth[to] = "bounced"
                self.deliver(hop, name, to, "bounced", "host h said: 554 5.7.0 spam", FILTER)
            return None
        return self.filtered(hop, name, recipients, hops)

    def make(self) -> Conversation:
        self.dice_side = self.dice.choice((1, 2, 3, 9))
        recipients = [f"r{n}@y.example" for n in range(self.dice.choice((1, 1, 1, 2, 3)))]
        if self.dice.random() < 0.15:
            self.refuse(recipients[0], is_final=False)
            if self.dice.random() < 0.3:
                return self.made
        if len(recipients) == 1 and self.dice.random() < 0.04:
            self.hold(recipients[0])
            return self.made
        hops = self.dice.choice((0, 1, 1, 2, 2))
        self.made.is_linked = self.links or hops == 0
        first, name = self.begin(None, recipients)
        self.walk(first, name, recipients, hops)
        is_kept = "accepted_by_filter" in self.made.truth.values()
        self.made.is_doubtful |= self.is_refused and is_kept
        if self.dice.random() < 0.15:
            self.cut()
        return self.made

    def cut(self) -> None:
        """The log begins late: lines of some hops before their first delivery are missing."""
        for lines in self.made.hops:
            known = next((n for n, line in enumerate(lines) if "to=<" in line[2]), 0)
            if known and self.dice.random() < 0.5:
                del lines[: self.dice.randint(1, known)]
                self.made.is_cut = True


def reply(conversation: Conversation, dice: random.Random, has_times: bool) -> dict[str, Any]:
    """The trace, with the hops' lines woven into each other by chance."""
    queues = [list(hop) for hop in conversation.hops if hop]
    if dice.random() < 0.3:
        lines = sorted((line for queue in queues for line in queue), key=lambda line: line[0])
    else:
        lines = []
        while queues:
            queue = dice.choice(queues)
            lines.append(queue.pop(0))
            queues = [queue for queue in queues if queue]
    if dice.random() < 0.15:
        lines.reverse()
    sides: dict[str, Any] = {
        side: {"pending": conversation.is_pending and side == "outbound", "lines": []}
        for side in ("inbound", "outbound")
    }
    for second, side, message in lines:
        line: dict[str, Any] = {"message": message}
        if has_times:
            hours, rest = divmod(max(0, second), 3600)
            line["logged_at"] = f"2025-11-13T{hours:02}:{rest // 60:02}:{rest % 60:02}Z"
        sides[side]["lines"].append(line)
    return {"success": True, "result": sides}


def faults(conversation: Conversation, summary: dict[str, Any], has_times: bool) -> list[str]:
    """Where the summary tells a better outcome than the truth; or a worse one without need."""
    found = []
    is_told = conversation.is_linked and has_times
    is_told = is_told and not conversation.is_incomplete and not conversation.is_cut
    is_told = is_told and not conversation.is_doubtful
    told = {part["address"].lower(): part["state"] for part in summary["recipients"]}
    for to, truth in conversation.truth.items():
        state = told.get(to, "absent")
        if BADNESS.get(state, -1) < BADNESS[truth]:
            found.append(f"{to}: {state}, in truth {truth}")
        # A filter that changes an address looks like one that keeps the copy.
        elif truth != "expanded" and state != truth and is_told:
            found.append(f"{to}: {state}, though the lines prove {truth}")
    if is_told and set(told) - set(conversation.truth):
        found.append(f"no recipients of the message: {set(told) - set(conversation.truth)}")
    others = set(conversation.truth.values()) - {"sent", "expanded"}
    # Where the hop's count of recipients is cut off as well, nothing tells of the missing one.
    is_lacking = conversation.is_incomplete and not conversation.is_cut
    if summary["state"] == "sent" and (others or is_lacking):
        found.append("the message is sent, but not all recipients are")
    return found
