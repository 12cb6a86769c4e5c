"""Asks before something cannot be taken back."""

from __future__ import annotations

import sys

from .failures import Usage


def confirm(question: str, *, yes: bool) -> None:
    """Go on only when a person says so, or said so with ``--yes``."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Usage(f"{question} Nobody can be asked here: give --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Usage("nothing was done")
