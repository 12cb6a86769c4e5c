"""Standard output and error when nobody reads them any more, as behind ``| head``.

Nothing that is known already is lost with the reader: what is printed goes nowhere from then on,
and notes, pages and the exit code are as ever. Only work that is asked for piece by piece ends
there (:class:`Reading`), since nobody would see what it still brings.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO


class HasEnough(BrokenPipeError):
    """The reader of standard output has enough; raised once, and only within a ``Reading``."""


#: Whether a reader that has enough ends what is under way.
_ends_the_work = False


class Reading:
    """Work whose results are printed as they come: it ends when their reader has enough.

    With ``to_the_end`` it does not: something beside the output needs all of it.
    """

    def __init__(self, *, to_the_end: bool = False) -> None:
        self._to_the_end = to_the_end
        #: Whether the work came to its end.
        self.whole = False

    def __enter__(self) -> Reading:
        global _ends_the_work
        _ends_the_work = not self._to_the_end
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        global _ends_the_work
        _ends_the_work = False
        self.whole = error is None
        return isinstance(error, HasEnough)


@contextlib.contextmanager
def read_from(name: str) -> Iterator[None]:
    """Let an error name what is read where it names no file; ``-`` is standard input."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = "/dev/stdin" if name == "-" else name
        raise


def gone() -> None:
    """The reader of standard output has left; ends the work that is only for it."""
    to_nowhere(sys.stdout)
    if _ends_the_work:
        raise HasEnough


def to_nowhere(stream: TextIO) -> None:
    """Nobody reads the stream any more; the interpreter must not complain at its end either."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def complain(line: str) -> None:
    """Write a line on standard error. That it cannot be told ends nothing that can be done."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        to_nowhere(sys.stderr)
