"""Pieces of a picture in the terminal: strangers' words, signs, texts that hang beside a label."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.style import Style
from rich.text import Text

from . import words
from .printable import beginning, run_written_out, runs

COLOURS: dict[words.Tone, str] = {
    "good": "green",
    "wait": "yellow",
    "bad": "red",
    "calm": "dim",
    "unsure": "magenta",
}
#: With less room than this beside its label a text begins below it, so far in.
ROOM = 20
FAR = 4
ODD: Style = Style(reverse=True)


def outside(text: str, style: str = "") -> Text:
    """Words of the trace as rich may print them: only the beginning of many, spelt out where they
    would steer the terminal."""
    shown = Text(style=style, overflow="fold")
    short, left = beginning(text)
    for run, odd in runs(short):
        shown.append(run_written_out(run) if odd else run, ODD if odd else None)
    if left:
        shown.append(f" ... {words.plural(left, 'more character')}", "dim")
    return shown


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
        if indent > FAR and options.max_width - indent < ROOM:
            self.label.rstrip()
            yield self.label
            yield Hanging(Text(" " * FAR), self.value)
            return
        lines = self.value.wrap(console, max(1, options.max_width - indent), overflow="fold")
        for number, line in enumerate(lines):
            line.rstrip()
            yield Text.assemble(self.label if number == 0 else " " * indent, line)
