"""The name of a file, as an error may show it.

Where a file is named, a secret may stand in its place. So a name is repeated only where something
has it, or nearly has it; otherwise the error says where it was looked for.
"""

from __future__ import annotations

import itertools
import os

from .._setting_names import none_such

#: How many names of a folder are looked at, for one that is nearly the one that was given.
_MOST = 10_000


def named(path: str) -> str:
    """The path where something has it, also in an object store; otherwise words about it."""
    if os.path.lexists(path) or path.startswith("s3://"):
        return path
    return f"({not_there(path)})"


def said_of(path: str, said: str) -> str:
    """What is wrong with a path, as an error may say it."""
    return f"{path}: {said}" if named(path) == path else f"{said} ({not_there(path)})"


def not_there(path: str) -> str:
    """What there is to say of a path that leads to nothing."""
    folder, name = os.path.split(path)
    if os.path.isdir(folder or "."):
        return f"in {_whole(folder)}: {none_such(name, _names(folder or '.'), 'file')}"
    while folder and not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return (
        f"below {_whole(folder)}: no folder has this name, which is not shown: it may be a secret"
    )


def _whole(folder: str) -> str:
    """A folder that is there, from the root on; as it was given where that cannot be known."""
    try:
        return os.path.abspath(folder)
    except OSError:
        return folder or "the working directory, which is gone"


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as found:
            return [one.name for one in itertools.islice(found, _MOST)]
    except OSError:
        return []
