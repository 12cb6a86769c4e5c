"""Failures of long work: each as a line for programs, by kind with what to do for people."""

from __future__ import annotations

from ..errors import TraceVaultError
from ..model import Trace
from . import out
from .exits import Exit, exit_of_many
from .failures import Failed, code_of, next_step
from .options import Options
from .progress import Progress
from .words import plural

#: How many failures of one kind are told one by one.
EXAMPLES = 3
#: Why work ended early, unless it was ended by hand.
ENOUGH = ", as the reader of the output had enough"


class Tally:
    """Counts what came and what did not."""

    def __init__(self, options: Options, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        #: How each that did not come ended.
        self.codes: list[Exit] = []
        self._kinds: dict[str, list[tuple[Exception, dict[str, str | None]]]] = {}
        self._counts: dict[str, int] = {}
        self.came = 0
        #: Traces that came and may go on, because their last look failed.
        self.last_looks_failed = 0
        #: Traces that came and that Cloudflare was still gathering.
        self.incomplete = 0

    @property
    def failed(self) -> int:
        """How many did not come."""
        return len(self.codes)

    def take(self, trace: Trace | None = None) -> None:
        """One that came, with its trace if it has one."""
        self.came += 1
        if trace is not None:
            self.last_looks_failed += trace.error is not None
            self.incomplete += trace.error is None and not trace.complete

    def add(self, error: Exception, **about: str | None) -> None:
        """One that did not come."""
        self.codes.append(code_of(error))
        kind = error.name if isinstance(error, TraceVaultError) else type(error).__name__
        self._counts[kind] = self._counts.get(kind, 0) + 1
        examples = self._kinds.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append((error, about))
        if self._options.for_programs:
            self._progress.clear()
            out.problem(error, for_programs=True, **about)

    def tell(self) -> None:
        """For people: how many of each kind, what it was, what to do."""
        if self._options.for_programs:
            return
        for kind, examples in self._kinds.items():
            count = self._counts[kind]
            do = next_step(examples[0][0])
            out.note(f"{count} x {kind}{f': {do}' if do else ''}")
            for error, about in examples:
                where = " ".join(value for value in about.values() if value)
                out.note(f"    {where}: {error}" if where else f"    {error}")
            if count > len(examples):
                out.note(f"    and {count - len(examples)} more")

    def may_go_on(self, *, whole: bool, ended: str = ENOUGH) -> str:
        """What a summary says of traces that may go on, and of work that is not whole and why."""
        failed, more = self.last_looks_failed, self.incomplete
        told = f", {plural(failed, 'trace')} whose last look failed" if failed else ""
        if more:
            told += f", {plural(more, 'trace')} not complete yet (--wait SECONDS waits)"
        return told if whole else f"{told}, ended early{ended}"

    def end(self, answered: int = 0) -> None:
        """End the call with the exit code of what failed, if anything did.

        `answered` is how many accounts had nothing to tell, or no more: that is an answer, too.
        """
        if self.codes:
            raise Failed(exit_of_many(self.codes, self.came + answered))
