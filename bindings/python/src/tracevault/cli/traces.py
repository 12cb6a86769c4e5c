"""Prints traces: as a picture, as raw lines, as JSON lines, as rows of ECS, OCSF or CSV."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import LaterError, Trace, View
from ..summary import Recipient
from . import out
from .failures import Usage
from .options import Options

FORMATS = ("table", "json", "csv", "ecs", "ocsf")
#: The views that each format needs.
VIEWS: dict[str, tuple[View, ...]] = {
    "table": (),
    "json": (),
    "csv": (),
    "ecs": ("ecs",),
    "ocsf": ("ocsf",),
}
#: The columns of CSV: one row for each recipient.
COLUMNS = (
    "tenant",
    "account_id",
    "message_ref",
    "complete",
    "state",
    "sender",
    "message_id",
    "recipient",
    "recipient_state",
    "at",
    "dsn",
    "relay",
    "reply",
    "delay_s",
    "attempts",
    "last_look_error",
)


def require_one_form(options: Options, *, lines: bool) -> None:
    """Refuse raw lines in a form that is none of theirs: it would count, and nobody be told."""
    if lines and options.output(*FORMATS) != "table":
        raise Usage(f"--lines and {options.format_given} are two forms of output: give one")


class Printer:
    """Prints one trace after the other."""

    def __init__(self, output: str, *, lines: bool = False) -> None:
        self._output = output
        self._lines = lines
        self._count = 0

    def prepare(self) -> None:
        """Load what the first trace will need."""
        if self._output == "table" and not self._lines:
            from . import path  # noqa: F401 - it brings rich, which takes its time

    def show(self, trace: Trace, name: str | None = None) -> None:
        """Print one trace; `name` stands for one without a reference of its own."""
        self._count += 1
        raw = self._lines and self._output == "table"
        if trace.error is not None and (raw or self._output in ("ecs", "ocsf")):
            _tell_last_look(trace, trace.error, name)
        if self._output == "json":
            out.json_lines([trace.to_dict()])
        elif self._output in ("ecs", "ocsf"):
            out.rows(trace.views[self._output])
        elif self._output == "csv":
            out.csv_rows([COLUMNS] if self._count == 1 else [])
            out.csv_rows(csv_of(trace))
        elif self._lines:
            show_lines(trace)
        else:
            if self._count > 1:
                out.line()
            show_path(trace, name)


def csv_of(trace: Trace) -> list[tuple[object, ...]]:
    """The rows of one trace: one for each recipient, one without where none is known."""
    from .._rows import last_look

    summary = trace.summary
    recipients: Sequence[Recipient | None] = summary.recipients or (None,)
    return [
        (
            trace.tenant,
            trace.account_id,
            trace.message_ref,
            trace.complete,
            summary.state,
            summary.sender,
            summary.message_id,
            *((one.address, one.state, one.at_text, one.dsn, one.relay, one.reply, one.delay_s,
               one.attempts) if one else (None,) * 8),
            last_look(trace),
        )
        for one in recipients
    ]  # fmt: skip


def show_path(trace: Trace, name: str | None = None) -> None:
    """Print who got it, where the time went and where to look next."""
    from .path import path_lines

    out.show(path_lines(trace, name=name))


def _tell_last_look(trace: Trace, error: LaterError, name: str | None) -> None:
    """Tell beside lines and rows, which have no place for it, that the last look failed."""
    from .words import last_look

    called = name or trace.message_ref or "a stored reply"
    out.note(f"{called}: the last look failed: {last_look(error)}")


def show_lines(trace: Trace) -> None:
    """Print the lines word for word, but for what a terminal would act upon."""
    for line in trace.lines:
        out.line(line.message)
