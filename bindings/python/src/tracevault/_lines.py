"""Files of one JSON object a line that survive a kill at any moment.

One process at a time holds such a file. A line is written with one call; what a kill left of a last
one is cut off when the file is opened. What the lines mean is not known here.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import weakref
from collections.abc import Generator, Iterable

from ._place import FULL, Foreign, Place
from .errors import ForkedError, JournalError, Opening, Status

_PIECE = 1 << 20
#: Why less was written than there is.
_NO_ROOM = "no room is left"


#: The open ones.
_open: dict[int, weakref.ref[LineFile]] = {}


def _leave_to_parent() -> None:
    """What the parent has open is locked as long as a child has it, too."""
    for alive in list(_open.values()):
        file = alive()
        if file is not None:
            file.close()


os.register_at_fork(after_in_child=_leave_to_parent)


class LineFile:
    """An open file of lines, locked for this process; the first line says what it is."""

    def __init__(self, path: str | os.PathLike[str], schema: str) -> None:
        self._fd = -1
        self._process = os.getpid()
        self.path = os.fspath(path)
        self._first = json.dumps({"schema": schema}).encode() + b"\n"
        try:
            with Opening(self.path):
                self._place = Place(self.path)
        except Foreign as error:
            raise _unsafe(f"{self.path}: {error.strerror}") from None
        try:
            with Opening(self.path):
                self._fd = self._locked()
            _open[id(self)] = weakref.ref(self)
            self._heal()
        except OSError as error:
            self.close()
            if error.errno not in FULL:
                raise
            raise self._unwritten(str(error.strerror)) from None
        except BaseException:
            self.close()
            raise

    def _locked(self) -> int:
        while True:
            try:
                fd = self._place.opened(os.O_RDWR | os.O_APPEND | os.O_NONBLOCK)
            except Foreign as error:
                raise _unsafe(f"{self.path}: {error.strerror}") from None
            try:
                self._check(os.fstat(fd))
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it before may have put a new file in its place.
                named = self._place.status()
                if named is not None and os.path.samestat(os.fstat(fd), named):
                    return fd
            except BlockingIOError:
                os.close(fd)
                raise JournalError(
                    f"{self.path} is in use by another process or another batch",
                    status=Status.E_BUSY,
                    retriable=True,
                ) from None
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    def _check(self, status: os.stat_result) -> None:
        """Refuse a file that somebody else could read, write or take the place of."""
        if not stat.S_ISREG(status.st_mode) or self._place.descriptor is not None:
            raise _unsafe(f"{self.path} is no regular file")
        if status.st_uid != os.geteuid():
            raise _unsafe(f"{self.path} belongs to another user")
        if status.st_mode & 0o077:
            raise _unsafe(f"others may read or write {self.path}: chmod 600 it")

    def _heal(self) -> None:
        """Cut off what a kill left of a last line."""
        size = os.fstat(self._fd).st_size
        start = os.pread(self._fd, len(self._first), 0)
        if not self._first.startswith(start):
            raise JournalError(
                f"{self.path} is not a file of this kind: its first line is not "
                f"{self._first.decode().strip()}; name another file",
                status=Status.E_ARGUMENT,
            )
        if len(start) < len(self._first):
            os.ftruncate(self._fd, 0)
            if os.write(self._fd, self._first) < len(self._first):
                raise self._unwritten(_NO_ROOM)
            return
        end = size
        while end > 0:
            begin = max(0, end - _PIECE)
            found = os.pread(self._fd, end - begin, begin).rfind(b"\n")
            if found >= 0:
                end = begin + found + 1
                break
            end = begin
        if end < size:
            os.ftruncate(self._fd, end)

    def lines(self) -> Generator[tuple[int, bytes]]:
        """Each line behind the first, with the place where it begins."""
        self._require_own_process()
        with Opening(self.path):
            own = os.dup(self._fd)
        with open(own, "rb") as file:
            at = file.seek(len(self._first))
            for line in file:
                yield at, line
                at += len(line)

    def read(self, at: int, length: int) -> bytes:
        """The bytes at a place."""
        self._require_own_process()
        return os.pread(self._fd, length, at)

    def free(self) -> int | None:
        """How many bytes its file system has room for; ``None``: it does not say."""
        self._require_own_process()
        status = os.fstatvfs(self._fd)
        return status.f_bavail * status.f_frsize if status.f_blocks else None

    def append(self, line: bytes) -> None:
        """Write one line, given without its end."""
        self._require_own_process()
        data = line + b"\n"
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise self._unwritten(str(error.strerror)) from None
        if written < len(data):
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise self._unwritten(_NO_ROOM)

    def _require_own_process(self) -> None:
        """A forked child has the file, but its parent goes on writing it."""
        if os.getpid() != self._process:
            raise ForkedError(
                f"{self.path} is the parent's: a forked child writes nothing into it",
                status=Status.E_FORKED,
            )

    def _unwritten(self, why: str) -> JournalError:
        return _failed(f"{self.path} cannot be written to: {why}")

    def replace(self, lines: Iterable[bytes]) -> None:
        """Put these lines in the place of all; a kill leaves the old ones or the new ones."""
        self._require_own_process()
        try:
            with Opening(self.path):
                beside, fd = self._place.beside(os.O_RDWR | os.O_APPEND)
            try:
                with Opening(self.path):
                    self._fill(fd, lines)
                self._place.take(beside)
            except BaseException:
                os.close(fd)
                with contextlib.suppress(OSError):
                    self._place.remove(beside)
                raise
        except OSError as error:
            raise _failed(
                f"{self.path} stays as it was, and cannot be written anew: {error.strerror}"
            ) from None
        before, self._fd = self._fd, fd
        self._let_go(before)

    def _fill(self, fd: int, lines: Iterable[bytes]) -> None:
        """Write a new file whole. It is locked before it has the name."""
        with open(os.dup(fd), "wb") as file:
            file.write(self._first)
            file.writelines(line + b"\n" for line in lines)
        os.fsync(fd)

    def close(self) -> None:
        """Let the file go."""
        _open.pop(id(self), None)
        self._place.close()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._let_go(fd)

    def _let_go(self, fd: int) -> None:
        """Close it. A child that another thread forks just now has it, too: as long as it runs the
        lock would last."""
        try:
            if os.getpid() == self._process:
                fcntl.flock(fd, fcntl.LOCK_UN)
        finally:
            os.close(fd)

    def __del__(self) -> None:
        if self._fd >= 0:  # of work that was never ended, as in a loop that was closed
            self.close()


def _unsafe(said: str) -> JournalError:
    """The file may not be used as it is."""
    return JournalError(said, status=Status.E_UNSAFE_FILE)


def _failed(said: str) -> JournalError:
    """The file cannot be written."""
    return JournalError(said, status=Status.E_IO)
