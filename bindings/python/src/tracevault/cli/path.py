"""The path of one message in the terminal: who handed it in, where the time went, who got it.

``console.print(path_lines(trace))`` with rich. It fits any width from 60 columns, needs no colour
to be understood, and nothing in a trace reaches the terminal unescaped: every word of a trace goes
through :func:`outside`, and no text is read as rich's markup.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from ..model import Trace
from ..summary import Recipient
from . import words
from .bars import Bars
from .hanging import COLOURS, hanging, outside, sign
from .story import Story, Way
from .storyteller import tell

#: A recipient list longer than this is cut, and the rest is counted.
RECIPIENTS = 100


def path_lines(trace: Trace, *, name: str | None = None, recipients: int = RECIPIENTS) -> Path:
    """What to print for one trace; ``name`` stands for a trace without a reference of its own."""
    return Path(trace, name, recipients)


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
        yield from self._facts(ascii_only)
        legs = self.story.legs
        if legs:
            yield Text()
            yield from Bars(self.story, options.max_width, ascii_only).lines()
        left = self.recipients
        for way in self.story.ways:
            if left > 0:
                yield Text()
                yield from self._way(way, left, ascii_only)
            left -= len(way.recipients)
        if left < 0:
            yield Text(f"\n  and {words.plural(-left, 'recipient')} more")
        yield from self._next()
        yield from self._remarks()

    def _title(self, ascii_only: bool) -> Iterator[RenderableType]:
        trace = self.trace
        summary = trace.summary
        state = words.state_of_all(trace)
        name = self.name or trace.message_ref or (trace.queue_id and trace.queue_id.value)
        title = sign(state.tone, ascii_only)
        title.append_text(outside(name or "a stored reply", "bold"))
        yield title
        told = outside(words.verdict(trace), COLOURS[state.tone])
        if state.means and not summary.recipients:
            told.append(f" {state.means}")
        yield hanging(Text("  "), told)

    def _facts(self, ascii_only: bool) -> Iterator[RenderableType]:
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
        if trace.error is not None:
            told = outside(f"last look failed: {words.last_look(trace.error)}", "yellow")
            yield hanging(sign("wait", ascii_only), told)

    def _way(self, way: Way, most: int, ascii_only: bool) -> Iterator[RenderableType]:
        """Recipients whose copies went together: their addresses, and what became of them."""
        for one in way.recipients[:most]:
            tone = words.state_of(one.state).tone
            yield hanging(sign(tone, ascii_only), outside(one.address, "bold"))
        yield from self._outcome(way.recipients[0])

    def _outcome(self, one: Recipient) -> Iterator[RenderableType]:
        state = words.state_of(one.state)
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
        if self.story.left_out:
            told = f"{words.plural(self.story.left_out, 'try')} of many left out of the picture"
            yield hanging(Text("  "), Text(told, "dim"))
        if self.story.coarse and self.story.legs:
            yield hanging(
                Text("\n  "),
                Text("The log's times are whole seconds; what is shorter is placed by the delays.",
                     "dim"),
            )  # fmt: skip
        for warning in words.odd(self.trace):
            told = f"odd: {warning.code.replace('_', ' ')} ({warning.count})"
            yield hanging(Text("  "), outside(told, "yellow"))
