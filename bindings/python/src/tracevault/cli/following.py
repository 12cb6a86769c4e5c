"""``tracevault trace --follow``: asks again until a trace is complete."""

from __future__ import annotations

import time

from ..client import Engine
from ..errors import TraceVaultError
from ..model import Trace
from ..request import Request
from . import out
from .options import Options
from .progress import Progress
from .words import LAST_LOOK_FAILED, plural

#: How long from an answer to the next look, in seconds: 30 requests a minute, where the quota of a
#: user lets through some 240. And how long at least after a failure that may pass.
STEP = 2.0
PAUSE = 5.0
#: What a trace tells of the failure of a later look.
_REASON = ("status", "message", "retriable", "retry_after_ms", "http_status", "codes")
#: A look has so many seconds at least, also where the time is up.
LEAST = 2.0


class Follower:
    """Asks again until a trace is complete, and tells what came meanwhile."""

    def __init__(self, options: Options, timeout: float | None, *, lines: bool) -> None:
        self._options = options
        self._timeout = timeout
        self._lines = lines
        self._until: float | None = None
        #: What came last of the message that is followed, with the reason where the look after it
        #: failed; ``None`` while nothing has come.
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
                timeout = None if self._until is None else max(self._left, LEAST)
                (result,) = engine.batch([request.__replace__(timeout=timeout)])
                trace = result.trace
                if trace is None:
                    assert result.error is not None
                    if self.last is not None:
                        self.last = _with_reason(self.last, result.error)
                    if not self._rest(result.error, progress):
                        return self._given_up(result.error, progress)
                    continue
                self.last = trace
                if self._lines:
                    progress.clear()
                    seen = _new_lines(trace, seen)
                if trace.complete or self._left <= 0:
                    return trace
                told = f"{plural(len(trace.lines), 'line')} so far"
                progress.step(remark=f"{request.message_ref} is pending, {told}")
                time.sleep(min(STEP, max(self._left, 0)))

    @property
    def _left(self) -> float:
        """How many seconds are left; without --timeout there is no end."""
        return float("inf") if self._until is None else self._until - time.monotonic()

    def _rest(self, error: TraceVaultError, progress: Progress) -> bool:
        """Wait after a failure that may pass; False when it does not pass in time."""
        pause = max(PAUSE, error.retry_after or 0)
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
        """What came before a failure that does not pass; what cannot hold the reason has it told
        beside."""
        if self.last is None:
            raise error
        progress.clear()
        if self._lines or self._options.for_programs:
            out.problem(error, for_programs=self._options.for_programs)
        return self.last


def _with_reason(trace: Trace, error: TraceVaultError) -> Trace:
    """What came, and why the look after it brought nothing, as the library tells it of a wait."""
    told = trace.to_dict()
    warnings = [one for one in told.get("warnings", []) if one.get("code") != LAST_LOOK_FAILED]
    told["warnings"] = [*warnings, {"code": LAST_LOOK_FAILED, "count": 1, "path": ""}]
    of_error = error.to_dict()
    told["error"] = {name: of_error[name] for name in _REASON}
    return Trace.from_json(told, views=trace.views)


def _new_lines(trace: Trace, seen: tuple[int, int]) -> tuple[int, int]:
    """Print the lines that were not there the last time; give how many there are."""
    sides = (trace.inbound.lines, trace.outbound.lines)
    for lines, count in zip(sides, seen, strict=True):
        for line in lines[count:]:
            out.line(line.message)
    return len(sides[0]), len(sides[1])
