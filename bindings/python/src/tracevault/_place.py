"""Where a file is written: a folder that is held open, and a name in it.

No link that another user made leads there, at no step of the path: otherwise a link in a folder
that others may write to would have this process write into any file of its user. What was looked at
is what is opened, whoever exchanges names meanwhile. Where others may do that, nothing goes into a
file that they may open, and none gives its rights to the next: its owner did not choose this name.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import re
import stat
from collections.abc import Iterator

#: As many links as the kernel follows in one path.
_LINKS = 40
#: How often a name may change between the look at it and its opening.
_TRIES = 100
#: What a new file is called until it takes its place, and what a kill leaves.
_BESIDE = ".tracevault."
_LEFT = re.compile(r"\.tracevault\.[0-9a-f]{16}")
#: How many names of a folder are looked at for such a one.
_LOOKED_AT = 10_000
#: What a host says where the call is right, and there is no room or a disk that fails.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
#: Makes a file that has no name yet, where the system can.
_NAMELESS: int | None = getattr(os, "O_TMPFILE", None)
#: What a file system says that has no second names.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Foreign(PermissionError):
    """Another user could have put it there, or would read what is written."""


class Exchanged(OSError):
    """Another file has the name than the one that is open."""


class Place:
    """The place that a path leads to through folders, and links of this user's or root's.

    Holds a descriptor until it is closed; a context manager closes it. Raises ``OSError`` with the
    whole path, for what belongs to another user :class:`Foreign`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.folder = os.open("/" if self.path.startswith("/") else ".", _FOLDER)
        self.name = "."
        #: The number, where the path names a descriptor of this process: ``/dev/stdout``.
        self.descriptor: int | None = None
        #: Whether another user may give the name, or one on the way, to another file.
        self.is_shared = _is_shared(self.folder)
        try:
            with self._telling():
                self._walk(self.path.split("/")[::-1])
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """What fails is told of the whole path, not of a step of it or of a name beside it."""
        try:
            yield
        except OSError as error:
            raise type(error)(error.errno, error.strerror, self.path) from None

    def _walk(self, ahead: list[str]) -> None:
        """Go through the steps; the last one of the list comes first."""
        links = 0
        while ahead:
            step = ahead.pop()
            if not any(ahead) and step.isdecimal() and self._holds_own_descriptors():
                self.descriptor = int(step)
                return
            if step in ("", "."):
                continue
            target = None if step == ".." else self._link(step)
            if target is not None:
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self.path)
                if target.startswith("/"):
                    self._enter("/")
                ahead += target.split("/")[::-1]
            elif ahead or step == "..":
                self._enter(step)
            else:
                self.name = step

    def _holds_own_descriptors(self) -> bool:
        try:
            return os.readlink(f"/proc/self/fd/{self.folder}") == f"/proc/{os.getpid()}/fd"
        except OSError:
            return False

    def _link(self, step: str) -> str | None:
        """Where a link leads, ``None`` for what is none; one of another user's is refused."""
        try:
            found = os.open(step, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.folder)
        except FileNotFoundError:
            return None
        try:
            status = os.fstat(found)
            if not stat.S_ISLNK(status.st_mode):
                return None
            if not _ours(status):
                raise Foreign(errno.EPERM, f"{step} is a link of another user", self.path)
            return os.readlink("", dir_fd=found)
        finally:
            os.close(found)

    def _enter(self, step: str) -> None:
        # O_NOFOLLOW: a link that came here since the look is refused.
        entered = os.open(step, _FOLDER, dir_fd=self.folder)
        # Never closed twice, wherever an exception comes in between: the number may be another's.
        left, self.folder = self.folder, entered
        os.close(left)
        self.is_shared = self.is_shared or _is_shared(entered)

    def status(self) -> os.stat_result | None:
        """What is there, ``None`` when nothing is."""
        with self._telling():
            if self.descriptor is not None:
                return os.fstat(self.descriptor)
            with contextlib.suppress(FileNotFoundError):
                return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        return None

    def require_taking(self) -> None:
        """Raise where a file could not be made beside and put in the place."""
        there, folder = self.status(), os.fstat(self.folder)
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=self.folder, effective_ids=True):
            raise PermissionError(errno.EACCES, "nothing may be written in its folder", self.path)
        if there is None or not folder.st_mode & stat.S_ISVTX:
            return
        if os.geteuid() not in (0, folder.st_uid, there.st_uid):
            raise Foreign(errno.EPERM, "the file belongs to another user", self.path)

    def require_opening(self) -> None:
        """Raise where what is there could not be opened for writing; waits for no reader."""
        there = self.status()
        if self.descriptor is not None:
            if fcntl.fcntl(self.descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                raise OSError(errno.EBADF, "it is open for reading only", self.path)
        elif there is not None and stat.S_ISFIFO(there.st_mode):
            self._check(there)
            if not os.access(
                self.name, os.W_OK, dir_fd=self.folder, effective_ids=True, follow_symlinks=False
            ):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self.path)
        else:
            os.close(self.opened(os.O_WRONLY | os.O_NONBLOCK))

    def beginning(self, length: int, opened: int | None = None) -> bytes:
        """What a regular file begins with; of anything else, and of none, nothing.

        With `opened` what that descriptor of the place is, which may be for writing only:
        :class:`Exchanged` where another file has the name by now.
        """
        there = self.status() if opened is None else os.fstat(opened)
        if there is None or self.descriptor is not None or not stat.S_ISREG(there.st_mode):
            return b""
        with self._telling():
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
            found = os.open(self.name, flags, dir_fd=self.folder)
        with open(found, "rb") as file:
            if opened is not None and not os.path.samestat(there, os.fstat(found)):
                raise Exchanged(errno.EBUSY, "another file has the name by now", self.path)
            return file.read(length)

    def is_same(self, other: Place) -> bool:
        """Whether both lead to one file, or would make one."""
        if not os.path.samestat(os.fstat(self.folder), os.fstat(other.folder)):
            return False
        return (self.name, self.descriptor) == (other.name, other.descriptor)

    def opened(self, flags: int) -> int:
        """Open the file for writing, or make it, for its owner alone; give the descriptor.

        What is there must belong to this user or root, and have no second name; others may open it
        only where they cannot have put it there.
        """
        if self.descriptor is not None:
            return os.dup(self.descriptor)
        with self._telling():
            return self._opened(flags | os.O_CLOEXEC | os.O_NOCTTY)

    def _opened(self, flags: int) -> int:
        looked_at = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        for _ in range(_TRIES):
            try:
                there = os.open(self.name, looked_at, dir_fd=self.folder)
            except FileNotFoundError:
                with contextlib.suppress(FileExistsError):
                    return self.made(flags)
                continue
            try:
                self._check(os.fstat(there))
                # Not by its name, which another user's pipe may have by now: that would wait.
                return os.open(f"/proc/self/fd/{there}", flags)
            finally:
                os.close(there)
        raise OSError(errno.EBUSY, "the file is exchanged again and again", self.path)

    def made(self, flags: int, name: str | None = None) -> int:
        """Make a new file, for its owner alone: of the place's name, or of another beside it."""
        flags |= os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._telling():
            return os.open(name or self.name, flags, 0o600, dir_fd=self.folder)

    def put(self, data: bytes) -> None:
        """Make a new file, for its owner alone: whoever sees its name sees all of it, also after a
        kill or on a full disk. ``FileExistsError`` where something has the name."""
        with self._telling():
            name, found = self._unnamed()
            try:
                _write_whole(found, data)
                self._name(name, found)
            finally:
                os.close(found)
                if name is not None:
                    with contextlib.suppress(OSError):
                        self.remove(name)
            with contextlib.suppress(OSError):  # a folder that may not be read
                folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC,
                                 dir_fd=self.folder)  # fmt: skip
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)

    def _unnamed(self) -> tuple[str | None, int]:
        """A new file without a name, or with one that nobody knows."""
        if _NAMELESS is not None:
            with contextlib.suppress(OSError):
                found = os.open(".", _NAMELESS | os.O_WRONLY | os.O_CLOEXEC, 0o600,
                                dir_fd=self.folder)  # fmt: skip
                if os.path.lexists(f"/proc/self/fd/{found}"):
                    return None, found
                os.close(found)
        return self.beside(os.O_WRONLY)

    def _name(self, name: str | None, found: int) -> None:
        """Give such a file the name of the place, which nothing may have."""
        if name is None:
            os.link(f"/proc/self/fd/{found}", self.name, dst_dir_fd=self.folder)
            return
        try:
            os.link(name, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder,
                    follow_symlinks=False)  # fmt: skip
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.close(self.made(os.O_WRONLY))  # nobody else has the name from here on
            self.take(name)

    def beside(self, flags: int) -> tuple[str, int]:
        """Make a new file of this folder that shall take the place; give its name and descriptor.

        It is locked for as long as it is written, which :meth:`take` must end. So what a process
        that was killed has left is told from what another one is writing, and goes. Where the file
        system has no locks, it stays.
        """
        self._clear()
        for _ in range(_TRIES):
            # A name that nobody can know, and that no file of the user has.
            name = f"{_BESIDE}{os.urandom(8).hex()}"
            found = self.made(flags, name)
            try:
                if _is_not_taken(found) and os.fstat(found).st_nlink:
                    return name, found
            except BaseException:
                os.close(found)
                self.remove(name)
                raise
            os.close(found)  # somebody who clears was faster
        raise OSError(errno.EBUSY, "new files are taken away again and again", self.path)

    def _clear(self) -> None:
        """Remove what killed processes of this user have left beside the place."""
        with contextlib.suppress(OSError):
            folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
            try:
                with os.scandir(folder) as found:
                    names = [one.name for one in itertools.islice(found, _LOOKED_AT)]
                for name in names:
                    if _LEFT.fullmatch(name):
                        self._clear_one(name)
            finally:
                os.close(folder)

    def _clear_one(self, name: str) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        with contextlib.suppress(OSError):
            found = os.open(name, flags, dir_fd=self.folder)
            try:
                status = os.fstat(found)
                is_own = status.st_uid == os.geteuid() and status.st_nlink == 1
                if is_own and stat.S_ISREG(status.st_mode) and _is_locked(found):
                    now = os.stat(name, dir_fd=self.folder, follow_symlinks=False)
                    if os.path.samestat(status, now):
                        self.remove(name)
            finally:
                os.close(found)

    def private(self, name: str) -> int:
        """Open another file of this folder, or make it, that nobody else can open; not to be read.

        It is no link and no pipe, is this user's or root's, and has no second name.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        found = os.open(name, flags, 0o600, dir_fd=self.folder)
        try:
            status = os.fstat(found)
            self._check(status)
            if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
                raise Foreign(errno.EPERM, "others may open it", name)
        except BaseException:
            os.close(found)
            raise
        return found

    def take(self, name: str) -> None:
        """Put the file of another name in this folder in the place; all at once."""
        with self._telling():
            os.rename(name, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)

    def remove(self, name: str) -> None:
        """Remove another name in this folder."""
        with self._telling():
            os.unlink(name, dir_fd=self.folder)

    def _check(self, status: os.stat_result) -> None:
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
        if not _ours(status):
            raise Foreign(errno.EPERM, "the file belongs to another user", self.path)
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            raise Foreign(errno.EPERM, "the file has a second name elsewhere", self.path)
        if self.is_shared and status.st_mode & 0o066:
            raise Foreign(
                errno.EPERM,
                "others may open it, and rename files in its folder: chmod go= it, or choose a "
                "folder that is yours alone",
                self.path,
            )

    def close(self) -> None:
        """Let the folder go; may be called again."""
        folder, self.folder = self.folder, -1
        if folder >= 0:
            os.close(folder)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_shared(folder: int) -> bool:
    """Whether another user may rename files of this user's there."""
    status = os.fstat(folder)
    may_write = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    return bool(may_write) or not _ours(status)


def _write_whole(found: int, data: bytes) -> None:
    """Write all of it, through to the disk."""
    while data:
        data = data[os.write(found, data) :]
    os.fsync(found)


def _is_not_taken(found: int) -> bool:
    """Lock a new file unless somebody who clears up has it, as far as its file system has locks.

    Where it has none, nobody clears up there either: that needs the lock.
    """
    try:
        return _is_locked(found)
    except OSError:
        return True


def _is_locked(found: int) -> bool:
    """Lock a file for this process; false where another one has it."""
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ours(status: os.stat_result) -> bool:
    """Whether it belongs to this user, or to root, who may do what he likes anyway."""
    return status.st_uid in (os.geteuid(), 0)
