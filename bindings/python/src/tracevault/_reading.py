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

    A pipe without a name, a terminal or the like was given to this process by who started it. A
    file without a name, as of a shell's ``<<``, may still be one that its owner has just removed.
    """
    status = os.fstat(found)
    is_pipe = stat.S_ISFIFO(status.st_mode)
    if (is_pipe and _has_no_name(found)) or (not is_pipe and not stat.S_ISREG(status.st_mode)):
        return ""
    if status.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    if is_pipe and status.st_mode & 0o077:
        return "may be read or written by others: chmod 0600 it"
    return "" if is_pipe or not status.st_nlink else not_private(status)
