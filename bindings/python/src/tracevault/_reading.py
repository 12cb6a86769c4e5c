"""Opens what is read: nothing under a name makes the host wait, no stranger's secret counts."""

from __future__ import annotations

import errno
import os
import stat


def opened(path: str | os.PathLike[str], *, pipe: bool = False) -> int:
    """Open a regular file, or with `pipe` an open pipe of this process: ``<(...)`` of a shell.

    A pipe with a name in a folder waits for whoever writes to it: ``OSError``, as for a device.
    """
    found = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        mode = os.fstat(found).st_mode
        if not stat.S_ISREG(mode) and not (pipe and stat.S_ISFIFO(mode) and _has_no_name(found)):
            raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
        os.set_blocking(found, True)
    except BaseException:
        os.close(found)
        raise
    return found


def _has_no_name(pipe: int) -> bool:
    return os.readlink(f"/proc/self/fd/{pipe}").startswith("pipe:[")


def not_private(status: os.stat_result) -> str:
    """Why a file of a secret is refused, as :class:`KeyFile` does; empty when it may be used."""
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if status.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    if status.st_nlink != 1:
        return "has a second name elsewhere, or none any more: copy it instead"
    if status.st_mode & 0o077:
        return "may be read or written by others: chmod 0400 it"
    return ""


def unfit_table(found: int) -> str:
    """Why no credentials are taken from the open table; empty when they may be.

    What has no name somebody has given to this process: a pipe of a shell, or its file of a ``<<``.
    """
    status = os.fstat(found)
    if stat.S_ISREG(status.st_mode):
        return not_private(status) if status.st_nlink else ""
    is_others = status.st_uid not in (os.geteuid(), 0)
    if stat.S_ISFIFO(status.st_mode) and is_others and not _has_no_name(found):
        return "belongs to another user"
    return ""
