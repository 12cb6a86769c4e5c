"""``--html FILE``: what a verb found, as a page that is attached to a case."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ..hunt import Finding
from ..model import Trace, View
from . import out
from .words import plural

Made = TypeVar("Made", bound=Callable[..., Any])


def html_option(function: Made) -> Made:
    """The option, the same for every verb that has it."""
    return click.option(
        "--html",
        type=click.Path(path_type=str, dir_okay=False),
        metavar="FILE",
        help="Write a page for a case, too: one file, no network.",
    )(function)


def views_with_page(views: tuple[View, ...], html: str | None) -> tuple[View, ...]:
    """The views to ask for: a page marks the fields of each line."""
    return views if html is None or "spans" in views else (*views, "spans")


def write_page(path: str, traces: Sequence[Trace], names: Sequence[str] = ()) -> None:
    """Write the page of these traces; `names` stand for those without a reference."""
    from .html import html_page

    write(path, html_page(traces, names=names))
    out.note(f"{path}: {plural(len(traces), 'message')}, to be opened in a browser")


def write_hunt_page(path: str, found: Sequence[Finding], asked: Mapping[str, str]) -> None:
    """Write the page of a hunt; `asked` is what was hunted for, as names and values."""
    from .html import hunt_page

    write(path, hunt_page(found, asked=asked))
    copies = sum(one.message is not None for one in found)
    out.note(f"{path}: {plural(copies, 'copy')}, to be opened in a browser")


def write(path: str, text: str) -> None:
    """Write the file: all of it or nothing, with the rights any new file would have."""
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")  # a pipe, a terminal
        return
    descriptor, made = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o666 & ~_mask())
        os.replace(made, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(made)
        raise


def _mask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
