"""The way through the servers over time: a table with a bar for each hop, and one for each try.

The bars are SVG with places in per cent, so that they take any width and the words beside them keep
their size. A kind of time has its own height as well as its own colour: it can be told without
colours, on paper too. The table of tries says everything the bars show, in words and numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from .. import words
from ..story import Leg, Story, Try, Way, scale
from .markup import Html, el, ends, gap_row, join, shown, theirs

#: How high the bar of each kind is, of `HEIGHT`.
HEIGHTS = {"arrive": 10, "wait": 4, "queue": 8, "connect": 14, "send": 20, "there": 4}
HEIGHT = 28
#: The least width of a piece, in per cent: the shortest can still be seen.
LEAST = 0.5
#: How far the ends of many tries are apart at least, in per cent; what is nearer is left out.
APART = 2.4
CROWD = 40
#: More tries than this are folded away below the bars.
FOLDED = 12
STEPS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600,
    1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000,
)  # fmt: skip
#: Longer times have marks at whole days, in seconds.
DAY = 86400
#: What a mark may be wrong by the sums of numbers with a point: 0.3 / 0.1 is a little less than 3.
CLOSE = 1e-6


def way_figure(story: Story, way: Way, id_: str, level: str) -> Html:
    """One way: whose it is, its bars, its tries."""
    begin, end = scale(way.legs)
    rows = ends(
        len(way.legs),
        lambda at: hop_row(way.legs[at], begin, end, at + 1),
        gap_row("server", 3),
    )
    head = el(
        "tr",
        el("th", "Server", scope="col"),
        el("th", axis(story.begin, begin, end), scope="col", class_="axis"),
        el("th", "Took", scope="col", class_="number"),
    )
    bars = el(
        "table", el("caption", scale_words(story, begin, end)), el("thead", head),
        el("tbody", rows), class_="bars",
    )  # fmt: skip
    title = el(level, who(way), id=id_)
    return el("section", title, bars, tries_table(way.legs), aria_labelledby=id_, class_="way")


def who(way: Way) -> Html:
    """Whose way it is."""
    first = theirs(way.recipients[0].address)
    more = len(way.recipients) - 1
    return join(first, f" and {words.plural(more, 'other')}" if more else "")


def scale_words(story: Story, begin: float, end: float) -> Html:
    """From when to when the bars reach."""
    took = words.duration(end - begin)
    if story.begin is None:
        return shown(f"{took} by the delays alone: the lines have no times")
    first = moment(story.begin, begin)
    told = f"From {words.when(first)} UTC, {took}"
    return shown(told + (" (the log's times are whole seconds)" if story.coarse else ""))


def moment(begin: datetime, seconds: float) -> datetime:
    """The time of a place in the picture, to the millisecond."""
    at = begin + timedelta(seconds=seconds)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def step_between(whole: float) -> float:
    """How far two marks of the scale are apart: at most six marks, however long a delay is told."""
    step = next((step for step in STEPS if whole / step <= 5 + CLOSE), None)
    return step or math.ceil(whole / 5 / DAY) * DAY


def axis(begin: datetime | None, start: float, end: float) -> Html:
    """The scale above the bars: seconds since its beginning."""
    whole = end - start
    step = step_between(whole)
    marks = []
    for number in range(int(whole / step + CLOSE) + 1 if whole > 0 else 1):
        share = 100 * number * step / whole if whole > 0 else 0.0
        anchor = "start" if number == 0 else "end" if share > 92 else "middle"
        label = words.duration(number * step) if number else "0"
        marks.append(el("line", x1=f"{share:.2f}%", x2=f"{share:.2f}%", y1="15", y2="20"))
        marks.append(el("text", label, x=f"{share:.2f}%", y="11", text_anchor=anchor))
    svg = el("svg", marks, width="100%", height="20", aria_hidden="true")
    return join(el("span", "Time", class_="hidden"), svg)


def hop_row(leg: Leg, begin: float, end: float, number: int) -> Html:
    """One hop: its name, its bar, how long it took."""
    side = "in" if leg.side == "inbound" else "out"
    name: list[Html] = [el("span", f"{number} {side}", class_="side")]
    if leg.hop is None:
        name.append(el("span", "before any queue"))
    else:
        name.append(theirs(leg.hop.queue_id, "mono"))
    if leg.hop is not None and leg.hop.notification:
        name.append(el("span", "notice to the sender", class_="note"))
    took = words.duration(leg.seconds) if leg.parts or leg.still else ""
    return el(
        "tr",
        el("th", Html(" ".join(name)), scope="row"),
        el("td", bar(leg, begin, end)),
        el("td", took + (" so far" if leg.still else ""), class_="number"),
    )


def bar(leg: Leg, begin: float, end: float) -> Html:
    """The bar itself, with a sentence for who cannot see it."""
    whole = end - begin
    drawn: list[Html] = []
    crowded = len(leg.tries) > CROWD
    for part in leg.parts:
        if crowded and (part.end - part.start) / whole * 100 < LEAST / 4:
            continue
        x = 100 * (part.start - begin) / whole if whole > 0 else 0.0
        width = max(LEAST, 100 * (part.end - part.start) / whole if whole > 0 else 100.0)
        high = HEIGHTS[part.kind]
        drawn.append(
            el("rect", x=f"{min(x, 100 - LEAST):.2f}%", width=f"{width:.2f}%",
               y=str((HEIGHT - high) // 2), height=str(high), class_=f"part {part.kind}")
        )  # fmt: skip
    drawn += marks(leg, begin, whole)
    told = bar_words(leg)
    return el("svg", el("title", told), drawn, role="img", aria_label=told, class_="bar",
              width="100%", height=str(HEIGHT))  # fmt: skip


def marks(leg: Leg, begin: float, whole: float) -> list[Html]:
    """The ends of the tries that have room; the last one always has."""
    drawn: list[Html] = []
    apart = APART if len(leg.tries) > CROWD else 0.0
    free = 100.0 + apart
    for one in reversed(leg.tries):
        share = 100 * (one.at - begin) / whole if whole > 0 else 0.0
        if share <= free - apart:
            drawn.append(mark(one, min(max(share, 1.2), 98.8)))
            free = share
    return drawn[::-1]


def mark(one: Try, share: float) -> Html:
    """The end of a try: a disc in the colour of its outcome, with its sign."""
    tone = words.state_of(one.state).tone
    return join(
        el("circle", cx=f"{share:.2f}%", cy=str(HEIGHT // 2), r="8", class_=f"mark {tone}"),
        el("text", words.SIGNS[tone][0], x=f"{share:.2f}%", y=str(HEIGHT // 2 + 4),
           text_anchor="middle", class_="sign", aria_hidden="true"),
    )  # fmt: skip


def bar_words(leg: Leg) -> str:
    """What the bar shows, in one sentence."""
    told = [f"{words.PARTS[part.kind][0]} {words.duration(part.end - part.start)}"
            for part in leg.parts]  # fmt: skip
    told += [words.state_of(one.state).label for one in leg.tries[-1:]]
    told += ["still there"] if leg.still else []
    return ", ".join(told) or "nothing is known of its time"


def tries_table(legs: Sequence[Leg]) -> Html:
    """Every try in words and numbers."""
    tries = [(number, leg, one) for number, leg in enumerate(legs, 1) for one in leg.tries]
    if not tries:
        return el("p", "No try is known yet.", class_="note")
    names = ("Server", "When (UTC)", "Outcome", "Receiving or waiting", "In the queue",
             "Connecting", "Sending", "Next server")  # fmt: skip
    head = el("tr", [el("th", name, scope="col") for name in names])
    rows = ends(len(tries), lambda at: try_row(*tries[at]), gap_row("try", len(names)))
    table = el("table", el("caption", "Every try"), el("thead", head), el("tbody", rows))
    box = el("div", table, class_="scroll tries")
    if len(tries) <= FOLDED:
        return box
    return el("details", el("summary", f"All {words.plural(len(tries), 'try')}"), box)


def try_row(number: int, leg: Leg, one: Try) -> Html:
    """One try."""
    state = words.state_of(one.state)
    numbers = [words.duration(seconds) for seconds in (*one.delays, None, None, None, None)[:4]]
    side = "in" if leg.side == "inbound" else "out"
    relay = one.relay if one.relay and one.relay != "none" else None
    return el(
        "tr",
        el("th", f"{number} {side}", scope="row"),
        el("td", words.when(one.when), class_="at"),
        el("td", outcome(one.state), el("span", f" {one.dsn}", class_="note") if one.dsn else "",
           class_=state.tone),
        [el("td", told, class_="number") for told in numbers],
        el("td", theirs(relay) if relay else ""),
    )  # fmt: skip


def outcome(name: str) -> Html:
    """A state with its sign."""
    return signed(words.state_of(name))


def signed(state: words.State) -> Html:
    """The words of a state with its sign."""
    sign = el("span", words.SIGNS[state.tone][0], class_="sign", aria_hidden="true")
    return el("span", sign, f" {state.label}", class_=f"outcome {state.tone}")


def legend(story: Story) -> Html:
    """What the pieces of the bars stand for, only those that are there."""
    kinds = {part.kind for way in story.ways for leg in way.legs for part in leg.parts}
    shown_kinds = [
        el(
            "li",
            el("svg",
               el("rect", x="0", width="100%", y=str((20 - high) // 2), height=str(high),
                  class_=f"part {kind}"),
               width="26", height="20", aria_hidden="true"),
            f" {words.PARTS[kind][0]}",
        )
        for kind, high in HEIGHTS.items()
        if kind in kinds
    ]  # fmt: skip
    return el("ul", shown_kinds, class_="key", aria_label="The bars") if shown_kinds else Html()
