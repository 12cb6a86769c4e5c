"""A process with a pseudo-terminal of its own: the command unless another program is named."""

from __future__ import annotations

import os
import pty
import selectors
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cli.conftest import command


class Terminal:
    """A process with a pseudo-terminal of its own as its controlling terminal."""

    def __init__(
        self,
        environment: dict[str, str],
        folder: Path,
        *arguments: object,
        program: Sequence[str] = (),
    ) -> None:
        self.seen = ""
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            words = [*program, *map(str, arguments)] if program else command(*arguments)
            os.execve(words[0], words, environment)  # noqa: S606

    def until(self, wanted: Callable[[str], object]) -> str:
        """Read until what was seen fits; the end of the process ends it as well."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._master, selectors.EVENT_READ)
            while not wanted(self.seen):
                assert selector.select(60), f"nothing more came: {self.seen!r}"
                try:
                    piece = os.read(self._master, 65536)
                except OSError:  # the process has ended
                    break
                self.seen += piece.decode()
        return self.seen

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Read to the end; give the exit code."""
        self.until(lambda _: False)
        _, status = os.waitpid(self.pid, 0)
        os.close(self._master)
        return os.waitstatus_to_exitcode(status)
