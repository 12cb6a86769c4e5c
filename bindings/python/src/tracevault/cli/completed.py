"""What a shell completes that is not a verb, an option or a file: profiles and settings.

A completion has no way to tell an error: where something is wrong there is nothing to complete.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

import click

from .failures import Usage
from .options import Options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: What means nothing to any shell; a setting is offered with its "=".
_PLAIN = re.compile(r"[\w.@+][\w.@+-]*=?")


def profiles(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """The sections of the configuration file that the line, a variable or nobody names.

    Bash takes what is offered into the line as it is: of a file that others may write, and of names
    with a sign that means something to a shell, nothing is.
    """
    import configparser

    from .._reading import opened
    from .profile import check_owner, default_path

    line = context.ensure_object(Options).line
    path = line.get("config") or os.environ.get("TRACEVAULT_CONFIG") or default_path(os.environ)
    parser = configparser.ConfigParser(interpolation=None, default_section="", strict=False)
    with contextlib.suppress(OSError, ValueError, configparser.Error, Usage):
        with open(opened(path), encoding="utf-8") as file:
            check_owner(os.fstat(file.fileno()), path)
            parser.read_file(file)
        return _items([one for one in parser.sections() if one.startswith(begun)])
    return []


def settings(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Settings, and what stands before the dot of several."""
    names = _settings()
    groups = dict.fromkeys(one.partition(".")[0] for one in names)
    return _items([one for one in (*groups, *names) if one.startswith(begun)])


def setting_pairs(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Settings with their "=": the value stands behind it, without a blank."""
    return _items([f"{one}=" for one in _settings() if one.startswith(begun)])


def _settings() -> tuple[str, ...]:
    from .._setting_names import setting_names
    from ..errors import LibraryLoadError, TraceVaultError

    with contextlib.suppress(LibraryLoadError, TraceVaultError, OSError):
        return setting_names()
    return ()


def _items(words: list[str]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(one) for one in words if _PLAIN.fullmatch(one)]
