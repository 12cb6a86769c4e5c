"""The progress of long work: one line on standard error, only where a person looks at it."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from . import out
from .options import Options
from .printable import printable

#: How often the line is written, in seconds.
_EVERY = 0.1


class Progress:
    """``with Progress(options, total=1200) as progress: progress.step("...")``."""

    def __init__(self, options: Options, *, total: int | None = None, unit: str = "done") -> None:
        self.shown: bool = out.can_erase(sys.stderr) and not options.line.get("no_progress")
        self.total = total
        self.done: int = 0
        self.failed: int = 0
        self._unit = unit
        self._began = time.monotonic()
        self._written = 0.0
        self._line = ""

    def step(self, *, failed: bool = False, remark: str = "") -> None:
        """One more came."""
        self.done += 1
        self.failed += failed
        self.tell(remark)

    def at(self, count: int) -> None:
        """So many have come by now."""
        self.done = count
        self.tell()

    def now(self, text: str) -> None:
        """Tell at once what is done in one piece."""
        if self.shown:
            self._write(text)

    def tell(self, remark: str = "") -> None:
        """Write the line, not too often."""
        now = time.monotonic()
        if self.shown and now - self._written >= _EVERY:
            self._written = now
            self._write(self._text(now, remark))

    def _text(self, now: float, remark: str) -> str:
        seconds = max(now - self._began, 0.001)
        of = f"{self.done:,} of {self.total:,}" if self.total is not None else f"{self.done:,}"
        parts = [f"{of} {self._unit}", f"{self.done / seconds:,.1f}/s"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        return ", ".join([*parts, *([remark] if remark else [])])

    def _write(self, text: str) -> None:
        wide = max(out.width(sys.stderr) - 1, 0)
        self._line = printable(text)[:wide]
        sys.stderr.write(f"\r{self._line}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away, before something else is written to the terminal."""
        if self._line:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._line = ""

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self._began

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()


def in_words(seconds: float) -> str:
    """A time in words: ``49 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
