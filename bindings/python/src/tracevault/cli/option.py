"""Options of verbs. Their help needs no cleaning, so ``inspect`` is not loaded for them.

Click takes the indentation out of each help text with ``inspect``, which costs as much to import
as all of click's own modules. Our texts are one line each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Made = TypeVar("Made", bound=Callable[..., Any])


class Option(click.Option):
    """An option with a help text of one line, taken as it is."""

    def __init__(self, *arguments: Any, help: str | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.help: str | None = help


def option(*names: str, **named: Any) -> Callable[[Made], Made]:
    """Add an option to a verb; the arguments are those of ``click.option``."""
    return click.option(*names, cls=Option, **named)


def help_option(names: list[str]) -> Option:
    """What shows the help of a verb."""
    return Option(
        names,
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_help,
        help="Show this message and exit.",
    )


def _show_help(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        click.echo(context.get_help(), color=context.color)
        context.exit()
