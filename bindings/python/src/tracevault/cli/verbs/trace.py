"""``tracevault trace``: what happened to one message, or to several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ...client import Engine
from ...errors import TraceVaultError
from ...model import Trace
from ...request import Request
from .. import out
from ..exits import Exit, exit_of_many
from ..failures import Failed, Interrupted, Usage, code_of
from ..group import verb
from ..option import option, require_time_to_wait, timeout_option, wait_option
from ..options import Options
from ..page_file import PageError, html_option, views_with_page, write_page
from ..pasted import taken
from ..session import opened
from ..streams import Reading
from ..traces import FORMATS, VIEWS, Printer, require_one_form

if TYPE_CHECKING:
    from ..following import Follower


@verb(
    "trace",
    examples=(
        "tracevault trace --tenant acme --account acae0000000000000000000000000001 4jXtPB72Kpz7S8D",
        "tracevault trace --tenant acme --account acae0000000000000000000000000001 "
        "--html case.html 4jXtPB72Kpz7S8D",
        "tracevault trace --tenant acme --account acae0000000000000000000000000001 --json "
        "4jXtPB72Kpz7S8D 4jXtPC0RYCz7S6r",
    ),
)
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@wait_option("Seconds to wait while it is pending.")
@timeout_option(
    "Seconds for the whole of it; default: 120 and --wait, with --follow none. With it each "
    "message has so many.",
    least=0,
)
@option(
    "--follow",
    is_flag=True,
    help="Look every 2 seconds until it is complete; --lines shows what each look brings, Ctrl-C "
    "what came so far.",
)
@option("--lines", is_flag=True, help="The raw lines, word for word.")
@html_option
@option("--fresh", is_flag=True, help="Ask Cloudflare even when the answer is known.")
@option("--submission/--no-submission", default=None, help="Whether it was sent, not got.")
@click.pass_obj
def trace(
    options: Options,
    references: tuple[str, ...],
    wait: float,
    timeout: float | None,
    follow: bool,
    lines: bool,
    html: str | None,
    fresh: bool,
    submission: bool | None,
) -> None:
    """Show the path of messages: who handed them in, each hop, who got them, where to look next.

    REFERENCE is an investigate id, a Postfix id or an alert id, as `tracevault search` shows it.
    "Accepted by the next server" does not mean that it is in the inbox.
    """
    output = options.output(*FORMATS)
    require_one_form(options, lines=lines)
    if follow and wait:
        raise Usage("--follow waits until the trace is complete: leave --wait out")
    require_time_to_wait(wait, timeout)
    if timeout == 0 and not follow:
        raise Usage("--timeout 0 leaves no time to ask; with --follow it is one look")
    raw = lines and output == "table"
    asked = _taken(options, references)
    printer = Printer(output, lines=lines)
    views = views_with_page(VIEWS[output], html)
    found: list[Trace] = []
    failures: list[Exit] = []
    with (
        opened(options) as session,
        session.tenant() as tenant,
        session.engine(wait=wait) as engine,
    ):
        requests = [
            Request.trace(
                tenant,
                session.account,
                message_ref,
                wait=wait,
                timeout=None if follow else timeout,  # the follower's own, for all of them
                submission=submission,
                fresh=fresh,
                views=views,
            )
            for message_ref in asked
        ]
        if follow:
            from ..following import Follower

            answers = _followed(engine, requests, Follower(options, timeout, lines=raw))
        else:
            answers = _fetched(engine, requests, printer)
        reading = Reading(to_the_end=html is not None)
        page_error = PageError()
        try:
            with reading:
                for request, answer in answers:
                    if isinstance(answer, Trace):
                        found.append(answer)
                        if not (follow and raw):
                            printer.show(answer)
                    elif len(requests) == 1:
                        raise answer
                    else:
                        failures.append(code_of(answer))
                        about = {"message_ref": request.message_ref}
                        out.problem(answer, for_programs=options.for_programs, **about)
        finally:
            if html is not None and found:
                with page_error:
                    write_page(options, html, found, left_out=len(requests) - len(found))
            page_error.tell(now=not reading.whole)
    if timeout is not None or not follow:
        _tell_incomplete(options, found, len(requests), follow=follow)
    page_error.tell()
    _end(found, failures, follow=follow)


def _taken(options: Options, references: tuple[str, ...]) -> list[str]:
    """The references in what was given; one that stood in more than that is told."""
    found = []
    for at, given in enumerate(references, 1):
        try:
            one = taken(given)
        except TraceVaultError as error:
            if len(references) > 1:
                error.message = f"reference {at} of {len(references)}: {error.message}"
            raise
        found.append(one.reference)
        if one.inside:
            told = f"{one.reference} is taken out of what was given"
            out.note(told, for_programs=options.for_programs, message_ref=one.reference)
    return found


def _end(found: list[Trace], failures: list[Exit], *, follow: bool) -> None:
    """End the call with the exit code of what did not come, or not to its end."""
    if failures:
        raise Failed(exit_of_many(failures, len(found)))
    if follow and not all(one.complete for one in found):
        raise Failed(Exit.INCOMPLETE)


def _tell_incomplete(options: Options, found: list[Trace], asked: int, *, follow: bool) -> None:
    """Tell that Cloudflare was still gathering lines, and when; a look that failed says its own."""
    growing = sum(one.error is None and not one.complete for one in found)
    if growing and follow:
        out.note(
            f"{growing} of {asked} not complete when the time was up; the same command goes on",
            for_programs=options.for_programs,
            asked=asked,
            incomplete=growing,
        )
    elif growing and options.output(*FORMATS) == "table":
        out.note("not complete yet; --follow waits for the rest")


Answer = tuple[Request[Trace], "Trace | Exception"]


def _fetched(engine: Engine, requests: list[Request[Trace]], printer: Printer) -> Iterator[Answer]:
    """The answers in the order of the questions, which are asked at the same time."""
    if len(requests) == 1:
        engine.submit(requests[0])
        printer.prepare()  # while Cloudflare answers
        only = engine.take()
        assert only is not None
        told = only.trace or only.error
        assert told is not None
        yield requests[0], told
        return
    order = {id(request): at for at, request in enumerate(requests)}
    waiting: dict[int, Answer] = {}
    next_one = 0
    for result in engine.batch(requests):
        answer = result.trace or result.error
        assert answer is not None
        waiting[order[id(result.request)]] = (result.request, answer)
        while next_one in waiting:
            yield waiting.pop(next_one)
            next_one += 1


def _followed(
    engine: Engine, requests: list[Request[Trace]], follower: Follower
) -> Iterator[Answer]:
    """One message after the other, each until it is complete or its time is up."""
    for at, request in enumerate(requests):
        try:
            yield request, follower.until_complete(engine, request)
        except KeyboardInterrupt:
            if follower.last is not None:
                yield request, follower.last
            left = " ".join(str(one.message_ref) for one in requests[at:])
            raise Interrupted(f"to go on: the same command again, with {left}") from None
        except TraceVaultError as error:
            yield request, error
