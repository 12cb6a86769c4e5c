"""The command's frame: verbs that are imported when they are used, and options that work anywhere.

``tracevault --vault V trace REF`` and ``tracevault trace REF --vault V`` are the same.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import completed
from .failures import Usage
from .option import Option, help_option
from .options import FORMATS, WHOM, Options
from .profile import default_path
from .times import ABOUT, Time

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Where each verb is, and what it does, so that the list of verbs imports none of them.
VERBS: Mapping[str, tuple[str, str]] = {
    "init": (".verbs.init:init", "Make a vault."),
    "vault": (".verbs.vault:vault", "Look after the vault: info, unlocks, keys, copies."),
    "account": (".verbs.account:account", "Add, rotate, list and check credentials."),
    "trace": (".verbs.trace:trace", "Show a message's path."),
    "search": (".verbs.search:search", "Find messages of one account."),
    "hunt": (".verbs.hunt:hunt", "Find every copy of a message, in all accounts."),
    "batch": (".verbs.batch:batch", "Fetch many traces, from a list."),
    "collect": (".verbs.collect:collect", "Fetch what is new since the last time."),
    "filter": (".verbs.filter:filter_", "Answer JSON lines with JSON lines, for log hosts."),
    "decode": (".verbs.decode:decode", "Show a stored reply, offline."),
    "demo": (".verbs.demo:demo", "Show all this, with invented mail."),
    "settings": (".verbs.settings:settings", "List the settings of the library."),
    "doctor": (".verbs.doctor:doctor", "Tell what is wrong here, and what to do."),
    "completion": (".verbs.completion:completion", "Print a shell's completion script."),
}

#: Why the options that say whom a call is about would count for nothing at some verbs.
NOBODY = dict.fromkeys(WHOM, "nobody is asked here")
WHOLE_VAULT = dict.fromkeys(WHOM, "this is about the whole vault")

Made = TypeVar("Made", bound=Callable[..., Any])


@cache
def shared() -> tuple[click.Parameter, ...]:
    """The global options; those of a verb count over those before it."""
    path = click.Path(path_type=str)
    return (
        _shared("vault", "The sealed vault.", metavar="FILE", type=path),
        _shared("key-file", "Unlock with a key file.", metavar="FILE", type=path),
        _shared("passphrase-file", "Unlock with a file's first line.", metavar="FILE", type=path),
        _shared("passphrase-stdin", "Unlock with a line of standard input.", is_flag=True),
        _shared("passphrase-fd", "Unlock with a line of a descriptor.", metavar="N", type=int),
        _shared("credential", "Unlock with a credential of systemd.", metavar="NAME"),
        _shared("tenant", "Whose accounts.", metavar="NAME"),
        _shared(
            "account", "Which account, by id or label; needed when there are several.", metavar="ID"
        ),
        _shared(
            "set",
            "A setting of the library.",
            metavar="NAME=VALUE",
            multiple=True,
            shell_complete=completed.setting_pairs,
        ),
        _shared(
            "profile",
            "A section of the configuration file.",
            metavar="NAME",
            shell_complete=completed.profiles,
        ),
        _shared("config", "The configuration file.", metavar="FILE", type=path),
        _shared("json", "JSON lines, errors too.", is_flag=True),
        _shared("format", "How data is printed.", type=click.Choice(FORMATS)),
        _shared("no-progress", "No progress line.", is_flag=True),
    )


def _shared(name: str, text: str, **details: Any) -> Option:
    default = None if not details.get("multiple") else ()
    return Option(
        [f"--{name}"], help=text, expose_value=False, callback=_keep, default=default, **details
    )


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is None or value is False or value == ():  # not on the line: there is no other source
        return
    line = context.ensure_object(Options).line
    if isinstance(value, tuple):
        value = (*line.get(parameter.name or "", ()), *value)
    line[parameter.name or ""] = value


class Helped(click.Command):
    """What has a help option of ours."""

    _help: Option | None = None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words. Click does not say of which verb an option is that lacks its value."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The help option: one and the same for each parse, as click compares it."""
        if self._help is None:
            self._help = help_option(self.get_help_option_names(ctx))
        return self._help


class Verb(Helped):
    """A verb: its own options, the global ones in a section of their own, and an example.

    ``idle``: which of the options that say whom a call is about would count for nothing, and why.
    """

    def __init__(
        self,
        *arguments: Any,
        examples: Sequence[str] = (),
        idle: Mapping[str, str] | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self.examples: tuple[str, ...] = tuple(examples)
        self.shared: tuple[click.Parameter, ...] = shared()
        self.idle: Mapping[str, str] = idle or {}

    def invoke(self, ctx: click.Context) -> Any:
        """Do it; not where the line says what would count for nothing.

        What a variable or the configuration file says counts for other verbs.
        """
        line = ctx.ensure_object(Options).line
        for name, why in self.idle.items():
            if line.get(name) is not None:
                raise Usage(f"{why}: leave --{name} out")
        return super().invoke(ctx)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters and the global options."""
        return [*super().get_params(ctx), *self.shared]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may stand there; no option that would be refused."""
        idle = {f"--{name}" for name in self.idle}
        return [one for one in super().shell_complete(ctx, incomplete) if one.value not in idle]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The sections of options."""
        own = super().get_params(ctx)
        _section(ctx, formatter, "Options", own)
        if any(isinstance(one.type, Time) for one in own):
            formatter.write_paragraph()
            formatter.write_text(ABOUT)
        counting = [one for one in self.shared if one.name not in self.idle]
        _section(ctx, formatter, "Global options", counting)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, word for word."""
        _examples(formatter, self.examples)


class Group(Helped, click.Group):
    """A verb with verbs of its own."""

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **named: Any) -> None:
        named.setdefault("subcommand_metavar", "VERB ...")
        super().__init__(*arguments, **named)
        self.examples: tuple[str, ...] = tuple(examples)
        self.shared: tuple[click.Parameter, ...] = shared()

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters and the global options."""
        return [*super().get_params(ctx), *self.shared]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb of the first word; where there is none, the nearest is told."""
        unknown = not args[0].startswith("-") and self.get_command(ctx, args[0]) is None
        if unknown and not ctx.resilient_parsing:
            from .misread import NoSuchVerb

            raise NoSuchVerb(args[0], self.list_commands(ctx), ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Its verbs, then the global options."""
        self.format_commands(ctx, formatter)
        _section(ctx, formatter, "Global options", self.get_params(ctx))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs, each with the first sentence of its help, uncut."""
        with formatter.section("Verbs"):
            rows = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
            formatter.write_dl([(name, _first_sentence(one)) for name, one in rows if one])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, word for word."""
        _examples(formatter, self.examples)

    def verb(self, name: str, **named: Any) -> Callable[[Callable[..., Any]], Verb]:
        """Make a function a verb of this group."""

        def made(function: Callable[..., Any]) -> Verb:
            command = click.command(name, cls=Verb, **named)(function)
            self.add_command(command)
            return command

        return made


class Root(Group):
    """The command itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which people meet them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module, __package__), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs and the global options, without an import of any verb."""
        from click.shell_completion import CompletionItem

        verbs = [
            CompletionItem(name, help=text)
            for name, (_, text) in VERBS.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Where values may come from, and the examples."""
        formatter.write_paragraph()
        formatter.write_text(
            "Most global options may stand in a variable, such as TRACEVAULT_VAULT, "
            "TRACEVAULT_KEY_FILE and TRACEVAULT_TENANT, or in the configuration file:"
        )
        formatter.write(f"  {default_path(os.environ)}\n")
        formatter.write_text(
            "Exit codes: 0 all came, 1 some of it failed or the answer is no, 2 a wrong call, "
            "3 the vault, 4 not found, 5 the credential, 6 the quota, 7 no answer, 8 not complete "
            "in time, 9 something else on this host, 130 Ctrl-C."
        )
        formatter.write_paragraph()
        formatter.write_text(
            "`tracevault doctor` tells what came from where. More: `tracevault VERB --help`, "
            "`man tracevault`."
        )
        super().format_epilog(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without an import of any."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


def _first_sentence(command: click.Command) -> str:
    text = " ".join((command.help or "").partition("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".:") + "."


def verb(name: str, **named: Any) -> Callable[[Callable[..., Any]], Verb]:
    """Make a function a verb."""
    return click.command(name, cls=Verb, **named)


def _section(
    ctx: click.Context,
    formatter: click.HelpFormatter,
    title: str,
    parameters: Sequence[click.Parameter],
) -> None:
    options = [one for one in parameters if isinstance(one, click.Option)]
    rows = [row for one in options if (row := one.get_help_record(ctx)) is not None]
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def _examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    if examples:
        formatter.write_paragraph()
        formatter.write("Examples:\n")
        for line in examples:
            formatter.write(f"  $ {line}\n")


def _version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from .. import __version__

        click.echo(f"tracevault {__version__}")
        context.exit()


ROOT = Root(
    "tracevault",
    params=[
        Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Tell the version.",
        ),
    ],
    help="Cloudflare Email Security delivery traces, for many accounts at once.",
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=(
        "tracevault demo",
        "tracevault init new.vault --key-file new.key",
        "tracevault account add --vault new.vault --key-file new.key --tenant acme "
        "--account acae0000000000000000000000000001 --token-file token.txt",
        "tracevault trace --vault new.vault --key-file new.key --tenant acme 4jXtPB72Kpz7S8D",
    ),
)
