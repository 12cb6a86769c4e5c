"""``--html FILE``: what a verb found, as a page that is attached to a case."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..model import Trace, View
from . import out
from .failures import Usage
from .option import option
from .options import Options

if TYPE_CHECKING:
    from ..hunt import Finding

Made = TypeVar("Made", bound=Callable[..., Any])


def html_option(function: Made) -> Made:
    """The option, the same for every verb that has it."""
    return option(
        "--html",
        type=click.Path(path_type=str, dir_okay=False, writable=True),
        metavar="FILE",
        callback=_can_be_written,
        help="Write a page for a case, too: one file, no network.",
    )(function)


def _can_be_written(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Tell a wrong place before the work, not behind it."""
    if value is not None:
        _refuse_foreign_link(value)
        folder = os.path.dirname(os.path.realpath(value))
        if not os.path.isdir(folder):
            raise click.BadParameter(f"there is no folder {folder}")
        if not os.path.exists(value) and not os.access(folder, os.W_OK):
            raise click.BadParameter(f"nothing may be written in {folder}")
    return value


def views_with_page(views: tuple[View, ...], html: str | None) -> tuple[View, ...]:
    """The views to ask for: a page marks the fields of each line."""
    return views if html is None or "spans" in views else (*views, "spans")


def write_page(
    options: Options, path: str, traces: Sequence[Trace], names: Sequence[str] = ()
) -> None:
    """Write the page of these traces; `names` stand for those without a reference."""
    from .html import html_page
    from .words import plural

    _write(options, path, html_page(traces, names=names), plural(len(traces), "message"))


def write_hunt_page(
    options: Options,
    path: str,
    found: Sequence[Finding],
    asked: Mapping[str, str],
    *,
    whole: bool = True,
) -> None:
    """Write the page of a hunt; `asked` is what was hunted for, as names and values."""
    from .html import hunt_page
    from .words import plural

    named = {name.replace("_", " ").capitalize(): value for name, value in asked.items()}
    copies = sum(one.message is not None for one in found)
    _write(options, path, hunt_page(found, asked=named, whole=whole), plural(copies, "copy"))


def _write(options: Options, path: str, text: str, holds: str) -> None:
    replace_file(path, text)
    told = f"{path}: {holds}, to be opened in a browser"
    out.note(told, for_programs=options.for_programs, html=path)


def replace_file(path: str, text: str) -> None:
    """Write the file: all of it or nothing, for its owner alone.

    It holds addresses and subjects of a case. A file of the owner's that is there already keeps its
    rights: somebody has let others read it.
    """
    import tempfile

    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8") as pipe:  # or a terminal
            pipe.write(text)
        return
    _refuse_foreign_link(path)
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    descriptor, made = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            os.fchmod(file.fileno(), _rights(target))
        os.replace(made, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(made)
        raise


def _refuse_foreign_link(path: str) -> None:
    """As the kernel does where others may write: no link is followed that somebody else put there.

    Otherwise a link in /tmp would put a page in the place of any file of this user.
    """
    if os.path.islink(path) and os.lstat(path).st_uid not in (os.geteuid(), 0):
        raise Usage(f"{path} is a link of another user: name another file")


def _rights(target: str) -> int:
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return 0o600
    return status.st_mode & 0o777 if status.st_uid == os.geteuid() else 0o600
