"""What there is to say of a command line that cannot be read: what belongs where.

Never what stands there: it may be a secret in the wrong place, and errors are kept and shown. Click
repeats it, so the sentences are made here, of the names of options and of what they take.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

import click

from .failures import Usage
from .times import Duration, Seconds, Time

#: What a word needs before it that stands alone.
_LOOKED_FOR = "say what it is, with --subject, --sender, --recipient, --message-id or --query"
_NAMED = "a vault is named with --vault, a tenant with --tenant, an account with --account"
#: Their sentences have only names of options and arguments in them.
_HARMLESS = (click.MissingParameter, click.BadOptionUsage, click.BadArgumentUsage)


class NoSuchVerb(click.UsageError):
    """There is no such verb; the sentence is ours."""

    def __init__(self, word: str, verbs: Collection[str], context: click.Context) -> None:
        said = "there is no such verb" + did_you_mean(get_close_matches(word, verbs, 1))
        if word == "help":
            said = "there is no such verb; try: tracevault --help, or tracevault VERB --help"
        super().__init__(said, context)


def usage(error: click.ClickException) -> Usage:
    """The error as a sentence of ours."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "tracevault"
    said = _said(error, path.rpartition(" ")[2])
    return Usage(f"{said}{'' if said.endswith('?') else '.'} See: {path} --help")


def did_you_mean(names: Sequence[str]) -> str:
    """Names that there are, and that the word is like."""
    return f"; did you mean {_or(names)}?" if names else ""


def _said(error: click.ClickException, verb: str) -> str:
    if isinstance(error, NoSuchVerb):
        return error.message
    if isinstance(error, _HARMLESS):
        return _harmless(error)
    if isinstance(error, click.NoSuchOption):
        return "there is no such option" + did_you_mean(sorted(error.possibilities or ()))
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_name(error.param)} takes {_taken(error.param)}"
    if "unexpected extra argument" in error.message:
        several = "unexpected extra arguments" in error.message
        many = "there are words too many" if several else "there is a word too many"
        return f"{many}: {_LOOKED_FOR if verb in ('search', 'hunt') else _NAMED}"
    return "the command line cannot be read"


def _harmless(error: click.ClickException) -> str:
    """Click's own sentence, but for one of few words: it has a line for each of them."""
    missing = error.param if isinstance(error, click.MissingParameter) else None
    if missing is not None and isinstance(missing.type, click.Choice):
        return f"{_name(missing)} is missing: {_taken(missing)}"
    return error.format_message().rstrip(".")


def _name(parameter: click.Parameter) -> str:
    """``--format``, or what the help calls an argument."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return (parameter.name or "").upper()


def _taken(parameter: click.Parameter) -> str:
    """What a value must be."""
    kind = parameter.type
    if isinstance(kind, (Time, Duration)):
        return kind.taken
    if isinstance(kind, click.Choice):
        return _or([str(one) for one in kind.choices])
    if isinstance(kind, click.Path):
        return "the name of a file" if kind.file_okay else "the name of a folder"
    number = "a whole number" if isinstance(kind, click.types.IntParamType) else "a number"
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        duration = ""
        if isinstance(kind, Seconds):
            duration = f"{kind.when_least}, or a duration such as 90s"
        return number + _bounds(kind) + duration
    return number if isinstance(kind, (type(click.INT), type(click.FLOAT))) else "another value"


def _bounds(kind: click.IntRange | click.FloatRange) -> str:
    least = f" {'above' if kind.min_open else 'from'} {kind.min}" if kind.min is not None else ""
    return least + (f" to {kind.max}" if kind.max is not None else " on")


def _or(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
