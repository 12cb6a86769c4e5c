"""Runs the command and turns every end into an exit code and, on stderr, what there is to say."""

from __future__ import annotations

import os
import sys

import click

from . import secret_input, streams
from .exits import Exit
from .failures import NO_ROOM, Failed, Interrupted, Unwritten, as_document, as_text, code_of
from .group import ROOT
from .options import Options
from .printable import json_line, printable

#: A group without a verb. Click 8.1, that of Debian 12, has no such error and prints the help.
_HELP_INSTEAD: tuple[type[click.UsageError], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)


def run(arguments: list[str]) -> int:  # noqa: PLR0911 - each end has its exit code
    """Run it; give the exit code."""
    secret_input.forget_stdin()
    _open_what_is_closed()
    options = Options()
    try:
        _complete()
        # Not ROOT.main(): it gives a closed pipe and Ctrl-C ends of its own.
        with ROOT.make_context("tracevault", list(arguments), obj=options) as context:
            ROOT.invoke(context)
        sys.stdout.flush()
        return Exit.OK
    except click.exceptions.Exit as end:
        return _flushed(end.exit_code, arguments)
    except BrokenPipeError:
        streams.to_nowhere(sys.stdout)
        return Exit.OK
    except Failed as end:
        return _flushed(end.code, arguments)
    except KeyboardInterrupt as error:
        _say_interrupted(error, arguments)
        return Exit.INTERRUPTED
    except _HELP_INSTEAD as error:
        sys.stdout.write(error.format_message() + "\n")
        return _flushed(Exit.OK, arguments)
    except click.ClickException as error:
        from .misread import usage

        _say(usage(error), arguments)
        return Exit.USAGE
    except Exception as error:
        if os.environ.get("TRACEVAULT_DEBUG"):
            _show_place(error)
        if isinstance(error, OSError) and error.filename is None and error.errno in NO_ROOM:
            # Of click, or of what was left to write. Other errors may be about what was read.
            error = Unwritten("standard output", error)
        if isinstance(error, Unwritten):
            error.done = options.done
        _say(error, arguments)
        return _flushed(code_of(error), arguments)


def _complete() -> None:
    """Answer a shell that asks for completions."""
    name = "_TRACEVAULT_COMPLETE"
    asked = os.environ.get(name)
    if asked:
        from click.shell_completion import shell_complete

        from .shells import known

        known()
        raise click.exceptions.Exit(shell_complete(ROOT, {}, "tracevault", name, asked))


def _open_what_is_closed() -> None:
    """A host may start us without standard input, output or error (``>&-``).

    Otherwise the next file that is opened has its number: the vault's would be read as a
    passphrase, or written to by whatever complains.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null == number:
                os.set_inheritable(null, True)
            else:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _flushed(code: int, arguments: list[str]) -> int:
    """What was printed before a failure may still meet a closed pipe, or a full disk once more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        streams.to_nowhere(sys.stdout)
    except OSError as error:
        streams.to_nowhere(sys.stdout)
        if code == Exit.OK:
            _say(Unwritten("standard output", error), arguments)
            return Exit.OTHER
    return code


def _say(error: BaseException, arguments: list[str]) -> None:
    line = (
        json_line(as_document(error))
        if for_programs(arguments)
        else f"tracevault: {as_text(error)}"
    )
    streams.complain(line)


def _say_interrupted(error: BaseException, arguments: list[str]) -> None:
    go_on = str(error) if isinstance(error, Interrupted) else ""
    said = f"interrupted{f'; {go_on}' if go_on else ''}"
    line = (
        json_line({"error": {"status": "INTERRUPTED", "message": said, "exit": Exit.INTERRUPTED}})
        if for_programs(arguments)
        else f"tracevault: {printable(said)}"
    )
    # The terminal has written ^C where the cursor stood.
    streams.complain("\n" + line if sys.stderr.isatty() else line)


def for_programs(arguments: list[str]) -> bool:
    """Whether errors are JSON lines, also when the command line could not be read to its end."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    pairs = zip(before, [*before[1:], ""], strict=True)
    return any(
        one in ("--json", "--format=json") or (one == "--format" and value == "json")
        for one, value in pairs
    )


def _show_place(error: BaseException) -> None:
    """Where in the program it was raised. Not its words: these may repeat a secret that was given
    in the wrong place, and are said once, as always."""
    import traceback

    print("Traceback (most recent call last):", file=sys.stderr)
    traceback.print_tb(error.__traceback__)
