"""``--html FILE``: what a verb found, as a page that is attached to a case."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .._place import FULL, Foreign, Place
from ..model import Trace, View
from . import out
from .failures import Unwritten, Usage
from .missing import not_there, said_of
from .option import option
from .options import Options

if TYPE_CHECKING:
    from ..hunt import Finding
    from .hunted import Scope

Made = TypeVar("Made", bound=Callable[..., Any])
#: How each page of ours begins, and what stands in its head, which is shorter than this.
_FIRST = b"<!doctype html>"
_TITLE = " · TraceVault</title>".encode()
_HEAD = 64 * 1024


def html_option(function: Made) -> Made:
    """The option, the same for every verb that has it."""
    return option(
        "--html",
        metavar="FILE",
        callback=_can_be_written,
        help="Write a page for a case, too: one file, no network.",
    )(function)


def _can_be_written(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Tell a wrong place before the work, not behind it: asks what the writing will ask."""
    if value is None:
        return None
    try:
        with _place(value) as place:
            if _is_replaced(place, place.status()):
                _require_page(place)
                _require_no_output(place)
                place.require_taking()
            else:
                place.require_opening()
    except FileNotFoundError:
        raise Usage(f"--html: there is no such folder, {not_there(value)}") from None
    except IsADirectoryError:
        raise Usage(f"--html takes the name of a file, and {value} is a folder") from None
    except OSError as error:
        raise Usage(f"--html: {said_of(value, str(error.strerror))}; name another file") from None
    return value


def _require_page(place: Place) -> bool:
    """Refuse to replace what is no page: one wrong word, and the only key of a vault was gone.

    Say whether there is a page; there may be nothing, or an empty file.
    """
    there = place.status()
    if there is None or not there.st_size:  # nothing is lost, also where it cannot be read
        return False
    begins = place.beginning(_HEAD)
    if begins and not (begins.startswith(_FIRST) and _TITLE in begins):
        raise Usage(
            f"--html: {place.path} is there and is no page of tracevault, which alone is replaced; "
            "name another file, or remove that one"
        )
    return bool(begins)


def _require_no_output(place: Place) -> None:
    """Refuse the file that a stream goes into: its rows would lose their name to the page."""
    there = place.status()
    for number in (1, 2):
        with contextlib.suppress(OSError):  # a closed stream is no file
            if there is not None and os.path.samestat(there, os.fstat(number)):
                raise Usage("--html and the output are one file: name another file for the page")


def require_apart(html: str | None, option: str, path: str | None) -> None:
    """Refuse one file for the page and for what another option writes."""
    if html is None or path is None:
        return
    with contextlib.suppress(OSError), Place(html) as page, Place(path) as other:
        if page.is_same(other):
            raise Usage(f"--html and {option} are one file: name two")


class PageError:
    """What went wrong with a page, within ``with``: told behind the numbers, which it leaves."""

    _error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        self._error = error
        return isinstance(error, Exception)

    def tell(self, *, now: bool = True) -> None:
        """Raise it, if there is one."""
        if now and self._error is not None:
            raise self._error


def views_with_page(views: tuple[View, ...], html: str | None) -> tuple[View, ...]:
    """The views to ask for: a page marks the fields of each line."""
    return views if html is None or "spans" in views else (*views, "spans")


def write_page(
    options: Options,
    path: str,
    traces: Sequence[Trace],
    names: Sequence[str] = (),
    *,
    left_out: int = 0,
) -> None:
    """Write the page of these traces; `names` stand for those without a reference.

    `left_out` is how many were asked for and are not among them.
    """
    from .html import html_page
    from .words import plural

    page = html_page(traces, names=names, left_out=left_out)
    _write(options, path, page, plural(len(traces), "message"))


def write_hunt_page(
    options: Options,
    path: str,
    found: Sequence[Finding],
    asked: Mapping[str, str],
    scope: Scope,
    *,
    whole: bool = True,
) -> None:
    """Write the page of a hunt; `asked` is what was hunted for, as names and values."""
    from .html import hunt_page
    from .words import plural

    named = {name.replace("_", " ").capitalize(): value for name, value in asked.items()}
    page = hunt_page(found, asked=named, scope=scope, whole=whole)
    _write(options, path, page, plural(scope.copies, "copy"))


def _write(options: Options, path: str, text: str, holds: str) -> None:
    try:
        replace_file(path, text)
    except BrokenPipeError:  # a pipe whose reader has enough
        return
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise Unwritten(f"the page {path}", error) from None
    told = f"{path}: {holds}, to be opened in a browser"
    out.note(told, for_programs=options.for_programs, html=path)


def replace_file(path: str, text: str) -> None:
    """Write the file: all of it or nothing, for its owner alone.

    It holds addresses and subjects of a case. A page of the owner's that is there already keeps its
    rights: its owner has let others read it. A pipe or a terminal takes the text as it is.
    """
    data = text.encode()
    with _place(path) as place:
        there = place.status()
        if _is_replaced(place, there):
            is_page = _require_page(place)  # the work may have taken hours
            _replace(place, data, there if is_page and not place.is_shared else None)
        else:
            with open(place.opened(os.O_WRONLY), "wb") as pipe:
                pipe.write(data)


def _is_replaced(place: Place, there: os.stat_result | None) -> bool:
    """Whether a new file takes the place; what is no regular file is opened and written into."""
    return there is None or (stat.S_ISREG(there.st_mode) and place.descriptor is None)


def _replace(place: Place, data: bytes, before: os.stat_result | None) -> None:
    """Put a new file in the place, with the rights of the page that was there `before`."""
    beside, descriptor = place.beside(os.O_WRONLY)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            # Not of a file with a second name: somebody else may have given it that one.
            if before is not None and before.st_uid == os.geteuid() and before.st_nlink == 1:
                os.fchmod(descriptor, before.st_mode & 0o777)
            place.take(beside)
    except BaseException:
        with contextlib.suppress(OSError):
            place.remove(beside)
        raise


@contextlib.contextmanager
def _place(path: str) -> Iterator[Place]:
    """The place of the page; one that another user chose is a wrong argument."""
    try:
        with Place(path) as place:
            yield place
    except Foreign as error:
        raise Usage(f"{said_of(path, str(error.strerror))}; name another file") from None
