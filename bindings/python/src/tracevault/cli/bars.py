"""The bars of a path in the terminal: one line for each hop, over one scale of time.

What a bar is made of is in :mod:`.story`. The signs tell apart without colours, and where only
ASCII can be shown they are letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from . import words
from .hanging import COLOURS, hanging, outside
from .story import Leg, Story, scale

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
#: More bars than this are counted.
MOST = 200
#: Below this width a bar gets a line of its own.
NARROW = 84


class Bars:
    """One line for each hop, over one scale of time."""

    def __init__(self, story: Story, width: int, ascii_only: bool) -> None:
        self.story = story
        self.ascii_only = ascii_only
        self.width = width
        self.own_line: bool = width < NARROW
        self.begin: float
        self.end: float
        self.begin, self.end = scale(story.legs)
        names = [cell_len(leg_name(leg).plain) for leg in story.legs]
        self.label: int = 0 if self.own_line else min(max(names, default=0), 28) + 8
        self.tail = 20
        self.bar: int = max(8, min(100, width - self.label - self.tail - 4))

    def lines(self) -> Iterator[RenderableType]:
        """The scale, the bars and the key."""
        yield self._scale()
        kinds: set[str] = set()
        marks: set[words.Tone] = set()
        for number, leg in enumerate(self.story.legs[:MOST], 1):
            yield from self._leg(number, leg)
            kinds |= {part.kind for part in leg.parts}
            marks |= {words.state_of(one.state).tone for one in leg.tries}
        if len(self.story.legs) > MOST:
            left = words.plural(len(self.story.legs) - MOST, "server")
            yield Text(f"  and {left} more", style="dim")
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
