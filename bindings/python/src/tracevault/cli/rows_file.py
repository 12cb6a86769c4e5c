"""The file that ``filter --omprog`` writes its rows into, for as long as its host lives."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator

from .._place import Exchanged, Place

#: Seconds that a row waits for another process's row. rsyslog waits ten for an answer.
WAIT = 5.0
_PAUSE = 0.005
#: How often a file is opened that another one takes the place of.
_TRIES = 8
#: What each row has, and how far it may stand behind the line that came.
_MEMBER = re.compile(rb'\{[^\n]*"tracevault" ?:')
_FIRST_ROW = 8 * 1024 * 1024


class NoRows(OSError):
    """Something else is in the file than rows."""


class RowsFile:
    """Puts rows at the end of a file: each whole or not at all, in the new file after a rotation.

    The file is this user's or root's, is empty or begins with such a row, and no link of another
    user leads there. A full disk takes a part of a row, which is taken back. Several processes may
    write into one file: each waits for the other's row, at the lock of a file beside it that nobody
    else can open. Whoever may read the rows could lock them for ever.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = self._opened()

    def _opened(self) -> int:
        with Place(self._path) as place:
            for _ in range(_TRIES):
                found = place.opened(os.O_WRONLY | os.O_APPEND)
                try:
                    _require_rows(place, found)
                except BaseException as error:
                    os.close(found)
                    if isinstance(error, (Exchanged, FileNotFoundError)):
                        continue  # it is just rotated
                    raise
                return found
        raise OSError(errno.EBUSY, "the file is exchanged again and again", self._path)

    def append(self, row: bytes) -> None:
        """Raises ``OSError`` when nothing of the row is in the file."""
        with Place(self._path) as place:
            self._follow(place)
            with self._alone(place):
                self._follow(place)  # it may have been rotated while we waited
                self._write(row)

    def _follow(self, place: Place) -> None:
        """Open the file anew where another, or none, has its name by now."""
        named = place.status()
        if named is None or not os.path.samestat(named, os.fstat(self._descriptor)):
            descriptor = self._opened()
            before, self._descriptor = self._descriptor, descriptor
            os.close(before)

    @contextlib.contextmanager
    def _alone(self, place: Place) -> Iterator[None]:
        """Have no other process write meanwhile. A single writer does without a lock."""
        lock = -1
        if place.descriptor is None and stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            # The folder may be another's, or somebody's file may have the name.
            with contextlib.suppress(OSError):
                lock = place.private(f".{place.name}.lock")
        try:
            if lock >= 0:
                _wait_for(lock)
            yield
        finally:
            if lock >= 0:
                os.close(lock)

    def _write(self, row: bytes) -> None:
        written = 0
        try:
            while written < len(row):
                written += os.write(self._descriptor, row[written:])
        except OSError:
            if written:
                self._take_back(written)
            raise

    def _take_back(self, length: int) -> None:
        """Cut off a part of a row, unless somebody's row stands behind it."""
        with contextlib.suppress(OSError):  # a pipe keeps what it has
            end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            if os.fstat(self._descriptor).st_size == end:
                os.ftruncate(self._descriptor, end - length)

    def close(self) -> None:
        os.close(self._descriptor)


def _require_rows(place: Place, opened: int) -> None:
    """Refuse a file of another kind: a row at the end of a vault would be its damage.

    What is judged is the file that is open, whatever has its name by now.
    """
    begins = place.beginning(_FIRST_ROW, opened)
    if begins and not _MEMBER.match(begins):
        raise NoRows(errno.EEXIST, "it is there and holds no rows of tracevault filter", place.path)


def _wait_for(lock: int) -> None:
    """Lock a file for this process; closing it lets go."""
    end = time.monotonic() + WAIT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise TimeoutError(
                    errno.ETIMEDOUT, "another process has been writing for too long"
                ) from None
            time.sleep(_PAUSE)
        except OSError:  # not every file system has locks
            return
        else:
            return
