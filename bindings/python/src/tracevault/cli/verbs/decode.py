"""``tracevault decode``: a stored reply of Cloudflare's trace endpoint, shown without a network."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

import click

from ... import offline
from ...errors import LimitError, Status, TraceVaultError
from ...model import Trace, View
from .. import out
from ..exits import Exit
from ..failures import Failed, code_of
from ..group import NOBODY, verb
from ..option import option
from ..options import Options
from ..page_file import html_option, views_with_page, write_page
from ..streams import Reading, read_from
from ..traces import FORMATS, VIEWS, Printer, require_one_form

#: The library decodes no more; a byte more is enough to be told so.
LIMIT = 64 * 1024 * 1024
#: How a document begins that the command has printed, of a trace or around one.
OURS = re.compile(rb'\s*\{"(schema":"tracevault\.|line":\d|tenant":)')


@verb(
    "decode",
    idle=NOBODY,
    examples=(
        "tracevault decode reply.json",
        "tracevault decode --html case.html reply.json",
        "tracevault decode --json < reply.json",
    ),
)
@click.argument("files", nargs=-1, type=click.Path(allow_dash=True), metavar="[FILE]...")
@option("--lines", is_flag=True, help="The raw lines, word for word.")
@html_option
@click.pass_obj
def decode(options: Options, files: tuple[str, ...], lines: bool, html: str | None) -> None:
    """Show stored replies of Cloudflare's trace endpoint, of any age. Asks nobody.

    FILE is a reply as it came, JSON; without one, or with -, it is standard input.
    """
    output = options.output(*FORMATS)
    require_one_form(options, lines=lines)
    printer = Printer(output, lines=lines)
    failures = []
    traces = []
    names = []
    with Reading(to_the_end=html is not None):
        for name in files or ("-",):
            try:
                trace = decoded(read(name), views_with_page(VIEWS[output], html))
            except Exception as error:
                if len(files) < 2:
                    raise
                failures.append(code_of(error))
                about = {"file": name} if name == "-" or os.path.lexists(name) else {}
                out.problem(error, for_programs=options.for_programs, **about)
            else:
                traces.append(trace)
                names.append("standard input" if name == "-" else name)
                printer.show(trace, names[-1])
    if html is not None and traces:
        write_page(options, html, traces, names, left_out=len(failures))
    if failures:
        raise Failed(failures[0] if not traces and len(set(failures)) == 1 else Exit.SOME)


def decoded(body: bytes, views: Sequence[View]) -> Trace:
    """The trace of a stored reply. A document of ours looks like one to people."""
    try:
        return offline.decode(body, views=views)
    except TraceVaultError as error:
        if OURS.match(body):
            error.message = (
                "this is what tracevault prints with --json; decode takes Cloudflare's reply as it "
                "came"
            )
        raise


def read(name: str) -> bytes:
    """The file's bytes, or those of standard input."""
    if name == "-":
        out.note_terminal("a reply")
        with read_from(name):
            body = sys.stdin.buffer.read(LIMIT + 1)
    else:
        with read_from(name), open(name, "rb") as file:
            body = file.read(LIMIT + 1)
    if len(body) > LIMIT:
        raise LimitError("a stored reply has at most 64 MiB", status=Status.E_LIMIT)
    return body
