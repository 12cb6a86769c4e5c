"""What the picture of a trace says, in words that promise no more than the log does.

One place for the terminal and the HTML page: what each state means, where time can go, who knows
an id, and how times, durations and sizes are written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from ..model import LaterError, Trace, TraceWarning
from ..summary import NextQueueId, Recipient

#: How an outcome is meant, for colours and signs: it went on, it may yet, it did not, neither.
Tone = Literal["good", "wait", "bad", "calm", "unsure"]


@dataclass(frozen=True, slots=True)
class State:
    """One state in words: a few, and a sentence with what it does not mean."""

    tone: Tone
    label: str
    means: str


STATES = {
    "sent": State(
        "good",
        "accepted by the next server",
        "That is not yet the inbox: the next server may still filter it.",
    ),
    "queued": State(
        "wait", "in a queue, no outcome yet", "A server has it, and nothing more is known."
    ),
    "deferred": State(
        "wait", "put off, will be tried again", "The next server refused it for now."
    ),
    "bounced": State(
        "bad", "not delivered", "The next server refused it for good; the sender is told."
    ),
    "expired": State(
        "bad", "not delivered, given up on", "The server gave it up; the sender is told."
    ),
    "rejected": State(
        "bad", "refused before it was taken over", "Whoever handed it in has to tell the sender."
    ),
    "refused_for_now": State(
        "wait",
        "refused for now before it was taken over",
        "Whoever handed it in may come again with it.",
    ),
    "discarded": State("bad", "thrown away on purpose", "Nobody is told."),
    "accepted_by_filter": State(
        "unsure", "taken over by a filter", "What the filter did with it is not in this trace."
    ),
    "held": State("wait", "held until somebody decides", "It was neither delivered nor refused."),
    "deleted": State(
        "bad", "deleted from the queue by hand", "It was not delivered; nobody is told."
    ),
    "expanded": State("calm", "an alias", "Other recipients of this trace stand for it."),
    "deliverable": State("calm", "a probe: would be accepted", "No message was sent."),
    "undeliverable": State("calm", "a probe: would be refused", "No message was sent."),
    "unknown": State("unsure", "outcome not known", "The lines do not tell how it ended."),
    # Of a whole message only.
    "mixed": State("unsure", "different for each recipient", "See each recipient."),
    "incomplete": State(
        "unsure",
        "not known of all recipients",
        "The lines do not tell of every recipient how it ended.",
    ),
    "pending": State(
        "wait", "not known yet", "Cloudflare is still gathering lines: ask again later."
    ),
    "removed": State("unsure", "left the queue", "The lines do not tell how it ended."),
    "received": State("wait", "taken in", "A server has it, and nothing more is known."),
}
#: Of a message that only a filter has, as far as lines tell, while Cloudflare has more to tell.
BEHIND_A_FILTER = State(
    "unsure",
    "taken over by a filter; what became of it behind the filter is not known yet",
    "Cloudflare is still gathering lines: ask again later.",
)
#: Of a message that all who are known to get it have got, before Cloudflare has told all of it.
SENT_SO_FAR = State(
    "wait",
    "accepted by the next server so far; Cloudflare is still gathering lines",
    "What became of it then, or of others, may come: ask again later.",
)
#: The sign of each tone, and its letter where only ASCII can be shown.
SIGNS: dict[Tone, tuple[str, str]] = {
    "good": ("✔", "+"),
    "wait": ("◷", "~"),
    "bad": ("✘", "x"),
    "calm": ("·", "-"),
    "unsure": ("?", "?"),
}
#: What a piece of a bar stands for: on the key, and in a sentence.
PARTS = {
    "arrive": ("arriving", "receiving it"),
    "wait": ("waiting", "waiting for another try"),
    "queue": ("in the queue", "in the queue, waiting for its turn"),
    "connect": ("connecting", "connecting to the next server"),
    "send": ("sending", "sending it to the next server"),
    "there": ("still there", "in the queue, no outcome yet"),
}
#: The warning that stands beside the error of a last look.
LAST_LOOK_FAILED = "last_look_failed"
#: The warning that a hop has more recipients than lines tell of, and the one that there were more
#: than are listed.
RECIPIENTS_UNACCOUNTED = "recipients_unaccounted"
RECIPIENTS_NOT_LISTED = "recipients_not_listed"
#: What a hop's state may be where its lines prove no end of their own.
_GOES_ON = ("received", "queued", "removed")
#: What a decision is called with which a recipient is not taken, for now or for good.
_REFUSALS = ("reject", "hangup")
#: Who knows an id, by its kind.
IDS = {
    "queued_as": ("queue id", "in the next server's own log"),
    "exchange_internal_id": ("Exchange InternalId", "in Exchange's message trace"),
    "google_id": ("Google's id", "in Google's email log search"),
    "notification_queue_id": ("notification", "the notice to the sender has this queue id"),
}


def state_of(name: str) -> State:
    """The words for a state; a word of a later version stands for itself."""
    return STATES.get(name) or State("unsure", name.replace("_", " "), "")


def id_words(one: NextQueueId) -> tuple[str, str]:
    """What kind of id it is, and where to look for it."""
    return IDS.get(one.kind) or (one.kind.replace("_", " "), "")


def plural(count: int, word: str) -> str:
    """``1 copy``, ``3 accounts``: the word with its count."""
    if count == 1:
        return f"{count:,} {word}"
    several = re.sub("(?<![aeiou])y$", "ie", word)
    return f"{count:,} {several}s"


def left_out(count: int, word: str) -> str:
    """Where some of many are not shown."""
    return f"{plural(count, word)} {'is' if count == 1 else 'are'} left out here"


def state_of_all(trace: Trace) -> State:
    """The words for the state of the whole message."""
    summary = trace.summary
    states = {one.state for one in summary.recipients if one.state != "expanded"}
    warned = {one.code for one in trace.warnings}
    if summary.state == "incomplete" and not trace.complete:
        if states == {"accepted_by_filter"} and RECIPIENTS_UNACCOUNTED not in warned:
            return BEHIND_A_FILTER
        is_all = not warned & {RECIPIENTS_UNACCOUNTED, RECIPIENTS_NOT_LISTED}
        if states == {"sent"} and is_all and not _is_worse_told(trace):
            return SENT_SO_FAR
    return state_of(summary.state)


def _is_worse_told(trace: Trace) -> bool:
    """Whether a line tells of an end, or of a refusal, that no recipient is known to have had."""
    summary = trace.summary
    if any(one.kind == "notification_queue_id" for one in summary.next_queue_ids):
        return True
    if any(not one.notification and one.state not in _GOES_ON for one in summary.hops):
        return True
    events = (line.event for line in trace.lines)
    return any(one is not None and one.action in _REFUSALS and one.to is None for one in events)


def verdict(trace: Trace) -> str:
    """The whole message in one sentence."""
    summary, known = trace.summary, state_of_all(trace).label
    people = [one for one in summary.recipients if one.state != "expanded"]
    if not people:
        return sentence(known)
    if known in (BEHIND_A_FILTER.label, SENT_SO_FAR.label):
        return sentence(known if len(people) == 1 else f"{len(people)} recipients: {known}")
    if len({one.state for one in people}) == 1 and summary.state == people[0].state:
        return sentence(known if len(people) == 1 else f"{known}: all {len(people)} recipients")
    told = ", ".join(f"{count} {label}" for label, count in counted(people))
    missing = ", and of some nothing is known" if summary.state == "incomplete" else ""
    return f"{plural(len(people), 'recipient')}: {told}{missing}."


def counted(people: Iterable[Recipient]) -> list[tuple[str, int]]:
    """How many recipients have each outcome, the commonest first."""
    return Counter(state_of(one.state).label for one in people).most_common()


def last_look(error: LaterError) -> str:
    """Why the last look at a growing trace failed, and what that means for what is shown."""
    details = [error.name]
    details += [f"HTTP {error.http_status}"] if error.http_status else []
    details += [f"code {code}" for code in error.codes]
    said = f"{error.message} ({', '.join(one for one in details if one not in error.message)})"
    if error.retriable:
        after = error.retry_after_ms
        said += "; ask again" + (f" in {duration(after / 1000)}" if after else "")
    return f"{said}; what is shown came before it"


def unfinished(trace: Trace | None) -> str:
    """What stands behind an outcome that may not be the last."""
    if trace is None or trace.complete:
        return ""
    return " (last look failed)" if trace.error is not None else " (not complete yet)"


def odd(trace: Trace) -> list[TraceWarning]:
    """What was odd about the reply; a last look that failed is told by :func:`last_look`."""
    return [one for one in trace.warnings if trace.error is None or one.code != LAST_LOOK_FAILED]


def sentence(words: str) -> str:
    """The words as a sentence."""
    return words[:1].upper() + words[1:] + "."


def duration(seconds: float | None) -> str:
    """``40 ms``, ``1.9 s``, ``5 min 4 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds is None:
        return ""
    if seconds < 0.0005:
        return "0 s"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    for size, name, below, smaller in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def when(at: datetime | None, *, day: bool = True) -> str:
    """A time in UTC, with milliseconds where it has any."""
    if at is None:
        return ""
    at = at.astimezone(timezone.utc)
    text = at.strftime("%Y-%m-%d %H:%M:%S" if day else "%H:%M:%S")
    return text + (f".{at.microsecond // 1000:03d}" if at.microsecond else "")


def size_words(count: int | None) -> str:
    """``996 bytes``, ``48.2 kB``, ``3.1 MB``."""
    if count is None:
        return ""
    if count < 1000:
        return plural(count, "byte")
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
