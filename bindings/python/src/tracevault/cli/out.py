"""Data on standard output: tables for people, JSON lines and CSV for programs.

Everything else goes to standard error (:func:`note`, ``progress.py``, ``run.py``). Whatever comes
from outside passes :func:`printable` or is ASCII JSON here.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from . import streams
from .failures import Unwritten, as_document, as_text
from .printable import json_line, printable, safe_json, short_printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

#: The columns of a table with words that people copy: none of them is broken.
COPIED = ("TENANT", "ACCOUNT", "ACCOUNT ID", "REFERENCE")
#: How far other columns give way. Where that is not enough, the rows stand below each other.
NARROW = 12
#: What stands between two columns.
_GAP = 2
#: What a terminal calls itself that shows escapes instead of acting upon them.
DUMB = ("dumb", "unknown")
#: Where a formula begins, at the start of a cell or behind what may end one; a tab is written out.
_FORMULA = re.compile('(^|[;,])("*)(?=[-=+@\uff0d\uff1d\uff0b\uff20])')
#: How far a line goes where no terminal says it.
PIPE_WIDTH = 100


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def can_erase(stream: TextIO) -> bool:
    """Whether a line that stands on the stream can be taken away again."""
    return stream.isatty() and os.environ.get("TERM") not in DUMB


def has_colours() -> bool:
    """Whether standard output may have colours: never in a pipe, and https://no-color.org."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in DUMB


def width(stream: TextIO | None = None) -> int:
    """The columns of a stream's terminal, standard output's unless said; COLUMNS counts first."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and 0 < len(columns) < 5 and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size((stream or sys.stdout).fileno()).columns or PIPE_WIDTH
    except (OSError, ValueError):
        return PIPE_WIDTH


def write(text: str) -> None:
    """Write text that is safe already, and let it go at once."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        streams.gone()
    except OSError as error:
        raise Unwritten("standard output", error) from None


def line(text: object = "") -> None:
    """Write one line."""
    write(printable(text) + "\n")


def json_lines(values: Iterable[Any]) -> None:
    """Write each value as one line of JSON."""
    for value in values:
        write(json_line(value) + "\n")


def rows(view: bytes) -> None:
    """Write the rows of a view, as the library wrote them; escaped for a terminal."""
    text = view.decode("utf-8", "backslashreplace")
    write(safe_json(text) if text.endswith("\n") or not text else safe_json(text) + "\n")


def csv_rows(rows: Iterable[Sequence[object]]) -> None:
    """Write rows of CSV. What a spreadsheet would calculate gets a ``'`` before it.

    Many read a semicolon, too, as the end of a cell, and not all heed quotes in the middle of one.
    """
    import csv
    import io

    for row in rows:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow([_cell(value) for value in row])
        write(buffer.getvalue())


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return _FORMULA.sub(r"\1\2'", printable(value))


def table(titles: Sequence[str], found: Iterable[Sequence[object]]) -> None:
    """Write a table: as wide as the terminal, in a pipe as wide as it must be. Of a long cell only
    the beginning is there, since all rows are as wide as the longest."""
    titles = [printable(title) for title in titles]
    cells = [["" if value is None else short_printable(value) for value in row] for row in found]
    if not is_terminal():
        for text in aligned([list(titles), *cells]):
            write(text + "\n")
        return
    widths = _widths([titles, *cells], width())
    if widths is None:
        for at, row in enumerate(cells):
            write("\n" if at else "")
            pairs(dict(zip((title.lower() for title in titles), row, strict=True)))
        return
    show(_drawn(titles, cells, widths))


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column is, where its widest ones give way until all have room; ``None`` where
    one would have to break what people copy, or be too narrow to be read."""
    titles = rows[0]
    room -= _GAP * (len(titles) - 1)
    widths, least = [], []
    for title, cells in zip(titles, zip(*rows, strict=True), strict=True):
        wide = max(map(columns, cells))
        words = [word for cell in cells for word in cell.split()] if title in COPIED else []
        least.append(max(map(columns, words), default=min(wide, NARROW)))
        widths.append(max(least[-1], min(wide, room)))
    if sum(least) > room:
        return None
    while sum(widths) > room:
        at = max(range(len(widths)), key=lambda at: (widths[at] > least[at], widths[at]))
        widths[at] -= 1
    return widths


def pairs(told: Mapping[str, object]) -> None:
    """Write names and their values below each other."""
    for text in aligned([[name.replace("_", " "), printable(told[name])] for name in told]):
        write(text + "\n")


def _drawn(
    titles: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int]
) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for title, wide in zip(titles, widths, strict=True):
        drawn.add_column(Text(title), overflow="fold", width=wide)
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def show(drawn: RenderableType) -> None:
    """Write something of rich; its text must be safe already."""
    made = console()
    with made.capture() as captured:
        made.print(drawn, markup=False, highlight=False, emoji=False)
    write(captured.get())


def console() -> Console:
    """rich's console for standard output, with colours only where they may be."""
    from rich.console import Console

    colours = has_colours()
    return Console(
        file=sys.stdout,
        force_terminal=colours,
        no_color=not colours,
        width=width(),
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )


def aligned(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns below each other, two blanks between them."""
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)] if cells else []
    for row in cells:
        yield "  ".join(
            cell + " " * (wide - columns(cell)) for cell, wide in zip(row, widths, strict=True)
        ).rstrip()


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def note(text: object, *, for_programs: bool = False, **facts: Any) -> None:
    """Tell something on standard error: a line for people, with facts an object for programs."""
    line = json_line({"note": {"message": str(text), **facts}}) if for_programs else None
    streams.complain(line or f"tracevault: {printable(text)}")


def note_terminal(what: str) -> None:
    """Tell a person who waits for the command that it waits for them."""
    if sys.stdin.isatty():
        note(f"reading {what} from the terminal; Ctrl-D ends it")


def problem(error: BaseException, *, for_programs: bool, **about: str | None) -> None:
    """Tell on standard error that one of several answers did not come."""
    text = (
        json_line(as_document(error, **about))
        if for_programs
        else f"tracevault: {as_text(error, **about)}"
    )
    streams.complain(text)
