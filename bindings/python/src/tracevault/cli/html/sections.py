"""One trace as the sections of a page: what came of it, who got it, its way, its lines."""

from __future__ import annotations

from collections.abc import Sequence

from ...model import Trace
from ...summary import Recipient
from .. import words
from ..storyteller import tell
from .chart import legend, outcome, way_figure
from .lines import lines_section
from .markup import ROOM, Html, el, ends, gap_row, join, theirs

#: So many recipients have each their outcome's meaning beside it.
FEW = 5
#: How much markup the recipients may take in a notebook.
LEAST_ROOM = 256 << 10


def name_of(trace: Trace, name: str | None = None) -> str:
    """What to call a trace."""
    found = name or trace.message_ref or (trace.queue_id.value if trace.queue_id else None)
    return found or "A stored reply"


def trace_sections(trace: Trace, prefix: str = "", depth: int = 2, *, folded: bool = False) -> Html:
    """Everything about one trace; `prefix` keeps its ids apart from those of other traces."""
    level, below = f"h{depth}", f"h{depth + 1}"
    story = tell(trace)
    made = [last_look(trace), facts(trace), recipients_section(trace, prefix, level)]
    if any(way.legs for way in story.ways):
        ways = ends(
            len(story.ways),
            lambda at: way_figure(story, story.ways[at], f"{prefix}way{at}", below),
            lambda count: el("p", words.left_out(count, "way"), ".", class_="note"),
        )
        title = el(level, "The way through the servers", id=f"{prefix}ways")
        told = f"{words.left_out(story.left_out, 'try')}." if story.left_out else ""
        less = el("p", told, class_="note") if told else ""
        section = (title, legend(story), less, ways)
        made.append(el("section", *section, aria_labelledby=f"{prefix}ways"))
    made += [next_section(trace, prefix, level), warnings_section(trace, prefix, level)]
    lines = lines_section(trace, prefix, level)
    if folded:
        count = words.plural(len(trace.lines), "line")
        lines = el("details", el("summary", f"{count} of the log, word for word"), lines)
    return join(made, lines)


def trace_fragment(trace: Trace) -> Html:
    """A trace in a notebook: what came of it, and who got it; the notebook has a style."""
    told = el("p", el("strong", theirs(name_of(trace))), ": ", words.verdict(trace))
    people = trace.summary.recipients
    return el("div", told, last_look(trace), recipients_table(people, LEAST_ROOM) if people else "")


def last_look(trace: Trace) -> Html:
    """Why the trace is not as new as it might be, if its last look failed."""
    if trace.error is None:
        return Html()
    sign = el("span", words.SIGNS["wait"][0], class_="sign", aria_hidden="true")
    told = (el("strong", "The last look failed: "), theirs(words.last_look(trace.error)), ".")
    return el("p", sign, " ", *told, class_="verdict wait")


def verdict(trace: Trace) -> Html:
    """The whole message in one sentence, in the colour of its outcome."""
    state = words.state_of_all(trace)
    sign = el("span", words.SIGNS[state.tone][0], class_="sign", aria_hidden="true")
    people = {one.state for one in trace.summary.recipients}
    means = state.means if len(people) <= 1 else ""
    return el(
        "p", sign, el("strong", words.verdict(trace)), f" {means}" if means else "",
        class_=f"verdict {state.tone}",
    )  # fmt: skip


def facts(trace: Trace) -> Html:
    """Who, when, which: as a list of names and values."""
    summary = trace.summary
    client = [theirs(summary.client_host)] if summary.client_host else []
    client += [theirs(f" [{summary.client_ip}]")] if summary.client_ip else []
    sender = "<> (a notification)" if summary.sender == "" else summary.sender
    state = "complete" if trace.complete else "not complete: more lines may come"
    told: list[tuple[str, Html | str | None]] = [
        ("Envelope sender", theirs(sender) if sender else None),
        ("Handed in by", join(client) if client else None),
        ("First line", f"{words.when(summary.first_at)} UTC" if summary.first_at else None),
        ("Last line", f"{words.when(summary.last_at)} UTC" if summary.last_at else None),
        ("Message-ID", theirs(summary.message_id) if summary.message_id else None),
        ("Size", words.size_words(summary.size) or None),
        ("Tenant", theirs(trace.tenant) if trace.tenant else None),
        ("Account", theirs(trace.account_id) if trace.account_id else None),
        ("Fetched", f"{words.when(trace.fetched_at)} UTC" if trace.fetched_at else None),
        ("The trace is", state),
        ("Cloudflare's request id", theirs(trace.cf_ray) if trace.cf_ray else None),
    ]
    rows = [el("div", el("dt", name), el("dd", value)) for name, value in told if value]
    return el("dl", rows, class_="facts")


def recipients_section(trace: Trace, prefix: str, level: str) -> Html:
    """Who got it: the outcome, when, and what the next server said."""
    people = trace.summary.recipients
    title = el(level, "Who got it", id=f"{prefix}who")
    if not people:
        told = el("p", "No recipient is known.", class_="note")
        return el("section", title, told, aria_labelledby=f"{prefix}who")
    return el("section", title, recipients_table(people), aria_labelledby=f"{prefix}who")


def recipients_table(people: Sequence[Recipient], room: int = ROOM) -> Html:
    """The table of recipients."""
    names = ("Recipient", "Outcome", "When (UTC)", "Next server, and what it said")
    head = el("tr", [el("th", name, scope="col") for name in names])
    caption = el("caption", words.plural(len(people), "recipient"))
    rows = recipient_rows(people, room)
    table = el("table", caption, el("thead", head), el("tbody", rows))
    return el("div", table, class_="scroll recipients")


def recipient_rows(people: Sequence[Recipient], room: int) -> list[Html]:
    """A row for each; what a state means stands at each of a few, at the first of many."""
    first = {one.state: at for at, one in reversed([*enumerate(people)])}
    few = len(people) <= FEW
    return ends(
        len(people),
        lambda at: recipient_row(people[at], explained=few or first[people[at].state] == at),
        gap_row("recipient", 4),
        room,
    )


def recipient_row(one: Recipient, *, explained: bool) -> Html:
    """One recipient."""
    state = words.state_of(one.state)
    address = [theirs(one.address, "mono")]
    if one.orig_to is not None:
        address.append(el("span", "addressed to ", theirs(one.orig_to), class_="note block"))
    told = [outcome(one.state)]
    if state.means and explained:
        told.append(el("span", state.means, class_="note block"))
    after = [f"{words.duration(one.delay_s)} in this queue"] if one.delay_s is not None else []
    after += [f"at try {one.attempts}"] if one.attempts > 1 else []
    said: list[Html] = []
    if one.relay and one.relay != "none":
        said.append(theirs(one.relay, "mono block"))
    if one.reply:
        said.append(el("q", theirs(one.reply)))
    return el(
        "tr",
        el("th", address, scope="row"),
        el("td", told),
        el("td", words.when(one.at),
           el("span", ", ".join(after), class_="note block") if after else "", class_="at"),
        el("td", said),
    )  # fmt: skip


def next_section(trace: Trace, prefix: str, level: str) -> Html:
    """The ids under which somebody else knows the message."""
    wanted = [one for one in trace.summary.next_queue_ids if not one.in_trace]
    if not wanted:
        return Html()
    rows = []
    for one in wanted:
        kind, where = words.id_words(one)
        told = el("td", theirs(one.from_queue_id, "mono") if one.from_queue_id else "")
        rows.append(
            el("tr", el("th", theirs(one.id, "mono"), scope="row"), el("td", kind),
               el("td", where), told)
        )  # fmt: skip
    names = ("Id", "What it is", "Where to look", "Told by queue")
    head = el("tr", [el("th", name, scope="col") for name in names])
    caption = el("caption", f"{words.plural(len(rows), 'id')} that is not in this trace"
                 if len(rows) == 1 else f"{len(rows)} ids that are not in this trace")  # fmt: skip
    table = el("table", caption, el("thead", head), el("tbody", rows))
    title = el(level, "Where to look next", id=f"{prefix}next")
    box = el("div", table, class_="scroll")
    return el("section", title, box, aria_labelledby=f"{prefix}next")


def warnings_section(trace: Trace, prefix: str, level: str) -> Html:
    """What was odd about the reply."""
    warnings = words.odd(trace)
    if not warnings:
        return Html()
    rows = [
        el("li", theirs(one.code.replace("_", " ")), f", {words.plural(one.count, 'time')}",
           join(", first at ", theirs(one.path, "mono")) if one.path else "")
        for one in warnings
    ]  # fmt: skip
    title = el(level, "What was odd about the reply", id=f"{prefix}odd")
    return el("section", title, el("ul", rows), aria_labelledby=f"{prefix}odd")
