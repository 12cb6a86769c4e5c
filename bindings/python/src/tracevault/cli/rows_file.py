"""The file that ``filter --omprog`` writes its rows into, for as long as its host lives."""

from __future__ import annotations

import contextlib
import fcntl
import os

from .._place import Place


class RowsFile:
    """Puts rows at the end of a file: each whole or not at all, in the new file after a rotation.

    The file is this user's or root's, and no link of another user leads there. A full disk takes a
    part of a row, which is taken back. Several processes may write into one file: each waits for
    the other's row.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = self._opened()

    def _opened(self) -> int:
        with Place(self._path) as place:
            return place.opened(os.O_WRONLY | os.O_APPEND)

    def append(self, row: bytes) -> None:
        """Raises ``OSError`` when nothing of the row is in the file."""
        self._follow()
        # Not every file has locks; a single writer needs none.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            self._write(row)
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _follow(self) -> None:
        """Open the file anew where another, or none, has its name by now."""
        with Place(self._path) as place:
            named = place.status()
        if named is None or not os.path.samestat(named, os.fstat(self._descriptor)):
            descriptor = self._opened()
            os.close(self._descriptor)
            self._descriptor = descriptor

    def _write(self, row: bytes) -> None:
        before = os.fstat(self._descriptor).st_size
        written = 0
        try:
            while written < len(row):
                written += os.write(self._descriptor, row[written:])
        except OSError:
            if written:
                with contextlib.suppress(OSError):  # a pipe keeps what it has
                    os.ftruncate(self._descriptor, before)
            raise

    def close(self) -> None:
        os.close(self._descriptor)
