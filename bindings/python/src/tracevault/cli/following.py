"""``tracevault trace --follow``: asks again until a trace is complete."""

from __future__ import annotations

import time

from ..client import Engine
from ..errors import TraceVaultError
from ..model import LaterError, Trace
from ..request import Request
from . import out
from .options import Options
from .progress import Progress
from .words import plural

#: How long to wait in the library before a look at what came, in seconds, and how long at least
#: before asking again after a failure that may pass.
STEP = 10.0
PAUSE = 5.0
#: A look has so many seconds at least, also where the time is up.
LEAST = 2.0


class Follower:
    """Asks again until a trace is complete, and tells what came meanwhile."""

    def __init__(self, options: Options, timeout: float | None, *, lines: bool) -> None:
        self._options = options
        self._timeout = timeout
        self._lines = lines
        self._until: float | None = None
        #: What came last of the message that is followed; ``None`` while nothing has come.
        self.last: Trace | None = None

    def until_complete(self, engine: Engine, request: Request[Trace]) -> Trace:
        """The complete trace, or the last one before the time was up or asking again was in vain.

        Raises the error when nothing came at all.
        """
        self._until = None if self._timeout is None else time.monotonic() + self._timeout
        self.last = None
        seen = (0, 0)
        with Progress(self._options, unit="looks") as progress:
            while True:
                left = STEP if self._until is None else min(STEP, max(self._left, 0))
                timeout = None if self._until is None else max(self._left, LEAST)
                (result,) = engine.batch([request.__replace__(wait=left, timeout=timeout)])
                trace = result.trace
                if trace is None:
                    assert result.error is not None
                    if not self._rest(result.error, result.error.retry_after, progress):
                        return self._given_up(result.error, progress)
                    continue
                self.last = trace
                if self._lines:
                    progress.clear()
                    seen = _new_lines(trace, seen)
                if trace.complete or self._left <= 0:
                    return trace
                if trace.error is not None and not self._rest_after(trace.error, progress):
                    return trace
                told = f"{plural(len(trace.lines), 'line')} so far"
                progress.step(remark=f"{request.message_ref} is pending, {told}")

    @property
    def _left(self) -> float:
        """How many seconds are left; without --timeout there is no end."""
        return float("inf") if self._until is None else self._until - time.monotonic()

    def _rest_after(self, error: LaterError, progress: Progress) -> bool:
        """Wait after a last look that failed; False when another look is in vain."""
        if error.name == "TV_E_DEADLINE":  # it waited long enough
            return True
        after = error.retry_after_ms
        return self._rest(error, None if after is None else after / 1000, progress)

    def _rest(
        self, error: TraceVaultError | LaterError, after: float | None, progress: Progress
    ) -> bool:
        """Wait after a failure that may pass; False when it does not pass in time."""
        pause = max(PAUSE, after or 0)
        if not error.retriable or pause >= self._left:
            return False
        progress.clear()
        out.note(
            f"{error.name}: {error.message}; asking again in {pause:.0f} s",
            for_programs=self._options.for_programs,
            status=error.name,
        )
        time.sleep(pause)
        return True

    def _given_up(self, error: TraceVaultError, progress: Progress) -> Trace:
        """What came before a failure that does not pass, which is told beside it."""
        if self.last is None:
            raise error
        progress.clear()
        out.problem(error, for_programs=self._options.for_programs)
        return self.last


def _new_lines(trace: Trace, seen: tuple[int, int]) -> tuple[int, int]:
    """Print the lines that were not there the last time; give how many there are."""
    sides = (trace.inbound.lines, trace.outbound.lines)
    for lines, count in zip(sides, seen, strict=True):
        for line in lines[count:]:
            out.line(line.message)
    return len(sides[0]), len(sides[1])
