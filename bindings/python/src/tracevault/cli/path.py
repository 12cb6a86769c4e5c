"""The path of one message in the terminal: who handed it in, where the time went, who got it.

``console.print(path_lines(trace))`` with rich. It fits any width from 60 columns, needs no colour
to be understood, and nothing in a trace reaches the terminal unescaped: every word of a trace goes
through :func:`outside`, and no text is read as rich's markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.style import Style
from rich.text import Text

from ..model import Trace
from ..summary import Recipient
from . import words
from .printable import pieces, written_out
from .story import Leg, Story, scale, tell

COLOURS: dict[words.Tone, str] = {
    "good": "green",
    "wait": "yellow",
    "bad": "red",
    "calm": "dim",
    "unsure": "magenta",
}
#: Each kind of time: its sign, the sign where only ASCII can be shown, its colour. The signs
#: grow darker towards the end, so that they tell apart without colours.
FILLS = {
    "arrive": ("▒", "a", "blue"),
    "wait": ("░", ".", "yellow"),
    "queue": ("▤", "q", "magenta"),
    "connect": ("▓", "c", "cyan"),
    "send": ("█", "#", "green"),
    "there": ("░", ".", "yellow"),
}
#: What the sign at the end of a try means.
MARKS: dict[words.Tone, str] = {
    "good": "accepted",
    "wait": "put off",
    "bad": "refused or dropped",
    "unsure": "not known",
}
#: A recipient list longer than this is cut, and the rest is counted.
RECIPIENTS = 100
#: Below this width a bar gets a line of its own.
NARROW = 84
ODD = Style(reverse=True)


def path_lines(trace: Trace, *, name: str | None = None, recipients: int = RECIPIENTS) -> Path:
    """What to print for one trace; ``name`` stands for a trace without a reference of its own."""
    return Path(trace, name, recipients)


def outside(text: str, style: str = "") -> Text:
    """Words of the trace as rich may print them: spelt out where they would steer the terminal."""
    shown = Text(style=style, overflow="fold")
    for piece, odd in pieces(text):
        shown.append(written_out(piece) if odd else piece, ODD if odd else None)
    return shown


class Path:
    """The picture of one trace, for rich to render at the width of the console."""

    def __init__(self, trace: Trace, name: str | None, recipients: int) -> None:
        self.trace = trace
        self.name = name
        self.recipients = recipients
        self.story: Story = tell(trace)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ascii_only = options.ascii_only
        yield from self._title(ascii_only)
        yield from self._facts()
        legs = self.story.legs
        if legs:
            yield Text()
            yield from Bars(self.story, options.max_width, ascii_only).lines()
        shown = self.trace.summary.recipients[: self.recipients]
        for one in shown:
            yield Text()
            yield from self._recipient(one, ascii_only)
        more = len(self.trace.summary.recipients) - len(shown)
        if more > 0:
            yield Text(f"\n  and {words.plural(more, 'recipient')} more")
        yield from self._next()
        yield from self._remarks()

    def _title(self, ascii_only: bool) -> Iterator[RenderableType]:
        trace = self.trace
        summary = trace.summary
        state = words.state_of(summary.state)
        name = self.name or trace.message_ref or (trace.queue_id and trace.queue_id.value)
        title = sign(state.tone, ascii_only)
        title.append_text(outside(name or "a stored reply", "bold"))
        yield title
        told = outside(words.verdict(summary), COLOURS[state.tone])
        if state.means and not summary.recipients:
            told.append(f" {state.means}")
        yield hanging(Text("  "), told)

    def _facts(self) -> Iterator[RenderableType]:
        trace, summary = self.trace, self.trace.summary
        client = summary.client_host or ""
        if summary.client_ip:
            client = f"{client} [{summary.client_ip}]".strip()
        message = f"<{summary.message_id}>" if summary.message_id else ""
        size = words.size_words(summary.size)
        account = " / ".join(part for part in (trace.tenant, trace.account_id) if part)
        state = "complete" if trace.complete else "not complete yet: more lines may come"
        if trace.fetched_at:
            state = f"{state}, fetched {words.when(trace.fetched_at)} UTC"
        facts = (
            ("from", "<> (a notification)" if summary.sender == "" else summary.sender or ""),
            ("handed in by", client or ("not told" if summary.hops else "")),
            ("first seen", f"{words.when(summary.first_at)} UTC" if summary.first_at else ""),
            ("message", ", ".join(part for part in (message, size) if part)),
            ("account", account),
            ("trace", state),
        )
        yield Text()
        for label, value in facts:
            if value:
                yield hanging(Text(f"  {label:<13}", style="dim"), outside(value))

    def _recipient(self, one: Recipient, ascii_only: bool) -> Iterator[RenderableType]:
        state = words.state_of(one.state)
        yield hanging(sign(state.tone, ascii_only), outside(one.address, "bold"))
        if one.orig_to is not None:
            yield hanging(Text("  addressed to ", style="dim"), outside(one.orig_to))
        yield hanging(Text("  "), outside(f"{words.sentence(state.label)} {state.means}".strip()))
        told = [f"{words.when(one.at)} UTC"] if one.at else []
        if one.delay_s is not None:
            told.append(f"{words.duration(one.delay_s)} after this server had it")
        told += [f"at try {one.attempts}"] if one.attempts > 1 else []
        server = one.relay if one.relay != "none" else None
        for label, value in (
            ("when", ", ".join(told)),
            ("next server", server),
            ("it said" if server else "reason", one.reply),
        ):
            if value:
                yield hanging(Text(f"  {label:<13}", style="dim"), outside(value))

    def _next(self) -> Iterator[RenderableType]:
        wanted = [one for one in self.trace.summary.next_queue_ids if not one.in_trace]
        if not wanted:
            return
        yield Text("\n  look next for", style="bold")
        for one in wanted:
            kind, where = words.id_words(one)
            label = outside(one.id)
            label.append(f"  {kind}" + (f": {where}" if where else ""), "dim")
            yield hanging(Text("    "), label)

    def _remarks(self) -> Iterator[RenderableType]:
        if self.story.coarse and self.story.legs:
            yield hanging(
                Text("\n  "),
                Text("The log's times are whole seconds; what is shorter is placed by the delays.",
                     "dim"),
            )  # fmt: skip
        for warning in self.trace.warnings:
            told = f"odd: {warning.code.replace('_', ' ')} ({warning.count})"
            yield hanging(Text("  "), outside(told, "yellow"))


class Bars:
    """One line for each hop, over one scale of time."""

    def __init__(self, story: Story, width: int, ascii_only: bool) -> None:
        self.story = story
        self.ascii_only = ascii_only
        self.width = width
        self.own_line = width < NARROW
        self.begin, self.end = scale(story.legs)
        names = [cell_len(leg_name(leg).plain) for leg in story.legs]
        self.label = 0 if self.own_line else min(max(names, default=0), 28) + 8
        self.tail = 20
        self.bar = max(20, min(100, width - self.label - self.tail - 4))

    def lines(self) -> Iterator[RenderableType]:
        """The scale, the bars and the key."""
        yield self._scale()
        kinds: set[str] = set()
        marks: set[words.Tone] = set()
        for number, leg in enumerate(self.story.legs, 1):
            yield from self._leg(number, leg)
            kinds |= {part.kind for part in leg.parts}
            marks |= {words.state_of(one.state).tone for one in leg.tries}
        yield from self._key(kinds, marks)

    def _scale(self) -> Text:
        begin, seconds = self.story.begin, self.end - self.begin
        took = words.duration(seconds) or "0 s"
        text = Text(" " * (self.label + 2), style="dim")
        if begin is None:
            return text.append("the lines have no times: bars by the delays alone")
        left = words.when(begin + timedelta(seconds=self.begin), day=False)[:8]
        right = words.when(begin + timedelta(seconds=self.end), day=False)[:8]
        line = "-" if self.ascii_only else "─"
        fill = self.bar - len(left) - len(right) - 2
        if fill < 2:
            return text.append(f"{left} + {took}")
        return text.append(f"{left} {line * fill} {right} {took}")

    def _leg(self, number: int, leg: Leg) -> Iterator[RenderableType]:
        name = leg_name(leg)
        side = "in " if leg.side == "inbound" else "out"
        label = Text(f"  {number:>2} {side} ", style="dim")
        took = words.duration(leg.seconds) if leg.parts or leg.still else ""
        took += " so far" if leg.still else ""
        if self.own_line:
            yield hanging(label, name)
            row = Text("  ")
        else:
            name.truncate(self.label - 8, overflow="ellipsis")
            row = label.append_text(name)
            row.pad_right(max(0, self.label + 2 - cell_len(row.plain)))
        row.append_text(self._bar(leg))
        row.append(f" {took}")
        row.no_wrap = True
        yield row
        for words_of in remarks(leg):
            yield hanging(Text(" " * (2 if self.own_line else self.label + 2)), words_of)

    def _bar(self, leg: Leg) -> Text:
        cells = [" "] * self.bar
        styles = [""] * self.bar
        for part in sorted(leg.parts, key=lambda part: part.end - part.start, reverse=True):
            fill, plain, colour = FILLS[part.kind]
            first, last = self._cell(part.start), self._cell(part.end)
            for at in range(first, max(first + 1, last)):
                cells[at], styles[at] = plain if self.ascii_only else fill, colour
        for one in leg.tries:
            tone = words.state_of(one.state).tone
            at = min(self.bar - 1, self._cell(one.at))
            cells[at] = words.SIGNS[tone][1 if self.ascii_only else 0]
            styles[at] = f"bold {COLOURS[tone]}"
        if leg.still:
            cells[-1] = ">" if self.ascii_only else "▸"
        text = Text()
        for cell, style in zip(cells, styles, strict=True):
            text.append(cell, style)
        return text

    def _cell(self, seconds: float) -> int:
        whole = self.end - self.begin
        share = (seconds - self.begin) / whole if whole > 0 else 0.0
        return max(0, min(self.bar - 1, int(share * self.bar)))

    def _key(self, kinds: set[str], marks: set[words.Tone]) -> Iterator[Text]:
        """What the signs stand for, only those that are there; as many on a line as fit."""
        told = [
            (plain if self.ascii_only else fill, colour, words.PARTS[kind][0])
            for kind, (fill, plain, colour) in FILLS.items()
            if kind in kinds
        ]
        told += [
            (words.SIGNS[tone][1 if self.ascii_only else 0], COLOURS[tone], label)
            for tone, label in MARKS.items()
            if tone in marks
        ]
        margin = " " * (2 if self.own_line else self.label + 2)
        line = Text(margin, style="dim")
        for mark, colour, label in told:
            if cell_len(line.plain) + len(label) + 3 > self.width and line.plain.strip():
                line.rstrip()
                yield line
                line = Text(margin, style="dim")
            line.append(mark, colour).append(f" {label}   ")
        line.rstrip()
        yield line


def leg_name(leg: Leg) -> Text:
    """The queue id of a hop, or what happened before there was one."""
    if leg.hop is None:
        return Text("not taken in")
    return outside(leg.hop.queue_id)


def remarks(leg: Leg) -> Iterator[Text]:
    """What a bar does not say by itself."""
    hop = leg.hop
    if hop is not None and hop.notification:
        yield Text("a notice to the sender, not the message itself", style="dim")
    if leg.longest is not None:
        kind, seconds = leg.longest
        yield Text(f"{words.duration(seconds)} of it {words.PARTS[kind][1]}", style="dim")


def sign(tone: words.Tone, ascii_only: bool) -> Text:
    """The sign of an outcome, two columns."""
    return Text(f"{words.SIGNS[tone][1 if ascii_only else 0]} ", style=COLOURS[tone])


def hanging(label: Text, value: Text) -> RenderableType:
    """The value behind its label; what does not fit goes on below the value, not the label."""
    return Hanging(label, value)


class Hanging:
    """A label and a text that wraps beside it."""

    def __init__(self, label: Text, value: Text) -> None:
        self.label = label
        self.value = value

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        indent = cell_len(self.label.plain)
        room = max(20, options.max_width - indent)
        lines = self.value.wrap(console, room, overflow="fold")
        for number, line in enumerate(lines):
            line.rstrip()
            yield Text.assemble(self.label if number == 0 else " " * indent, line)
