"""Options of verbs. Their help needs no cleaning, so ``inspect`` is not loaded for them.

Click takes the indentation out of each help text with ``inspect``, which costs as much to import
as all of click's own modules. Our texts are one line each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .failures import Usage
from .times import Seconds, Time

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Made = TypeVar("Made", bound=Callable[..., Any])
#: The longest that the library waits, in seconds.
DAY = 86400


def in_a_folder(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Of a file that is made where it is not: tell a wrong folder before the work."""
    if value is not None and not os.path.isdir(os.path.dirname(value) or "."):
        from .missing import not_there

        raise Usage(f"{option.opts[0]}: there is no such folder, {not_there(value)}")
    return value


class Option(click.Option):
    """An option with a help text of one line, taken as it is."""

    _file = click.Path()

    def __init__(self, *arguments: Any, help: str | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        default = named.get("default")
        if help and not self.is_flag and isinstance(default, (str, int, float)) and default != "":
            help = f"{help.rstrip('.')}; default: {default}."
        if help and self.required:
            help = f"{help.rstrip('.')}; required."
        #: For the help and for the manual page: with what counts when it is not given.
        self.help: str | None = help

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Have each value of an option that takes one, so that a second one is seen."""
        if self.is_flag or self.multiple:
            super().add_to_parser(parser, ctx)
        else:
            parser.add_option(self, self.opts, self.name, action="append", nargs=self.nargs)

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Refuse a second value: click would take the last one, and the first would not count."""
        values = opts.get(self.name or "")
        if not self.multiple and isinstance(values, list):
            if len(values) > 1 and not ctx.resilient_parsing:
                name = max(self.opts, key=len)
                raise click.BadOptionUsage(name, f"{name} is given twice: give one", ctx)
            opts = {**opts, self.name or "": values[-1]}
        return super().handle_parse_result(ctx, opts, args)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option and its text; click would add what the text says already, and ranges."""
        record = super().get_help_record(ctx)
        return record and (record[0], self.help or "")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may stand here: a file where the help says FILE, otherwise what its type knows."""
        if self.metavar == "FILE":
            return self._file.shell_complete(ctx, self, incomplete)
        return super().shell_complete(ctx, incomplete)


def option(*names: str, **named: Any) -> Callable[[Made], Made]:
    """Add an option to a verb; the arguments are those of ``click.option``."""
    return click.option(*names, cls=Option, **named)


def wait_option(text: str) -> Callable[[Made], Made]:
    """``--wait``: how long to wait while a trace is pending."""
    return option("--wait", type=Seconds(0, DAY), default=0, metavar="SECONDS", help=text)


def timeout_option(text: str, least: float = 0.001, **more: Any) -> Callable[[Made], Made]:
    """``--timeout``: how long an answer may take."""
    seconds = Seconds(least, DAY)
    seconds.when_least = "" if least else " (0 only with --follow)"
    return option("--timeout", type=seconds, metavar="SECONDS", help=text, **more)


def time_option(name: str, text: str, *, ahead: bool = False) -> Callable[[Made], Made]:
    """An option that takes a TIME; a duration counts back from now, or on where it is ``ahead``."""
    return option(name, type=Time(ahead=ahead), metavar="TIME", help=text)


def limit_option(text: str) -> Callable[[Made], Made]:
    """``--limit``: how many messages."""
    return option("--limit", type=click.IntRange(1, 100_000), metavar="N", help=text)


def require_time_to_wait(wait: float, timeout: float | None) -> None:
    """Refuse to wait longer than an answer may take: the wait would be cut, and nobody told.

    Without a timeout the deadline of the settings counts, and the wait is added to that.
    """
    if timeout is not None and wait > timeout:
        raise Usage(f"--wait {wait:g} is longer than --timeout {timeout:g} allows")


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
