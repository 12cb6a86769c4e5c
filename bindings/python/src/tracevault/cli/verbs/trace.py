"""``tracevault trace``: what happened to one message, or to several."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from ...client import Engine
from ...errors import TraceVaultError
from ...model import Trace
from ...request import Request
from .. import out
from ..exits import Exit, exit_of_many
from ..failures import Failed, Interrupted, code_of
from ..group import verb
from ..options import Options
from ..page_file import html_option, views_with_page, write_page
from ..progress import Progress
from ..session import opened
from ..traces import FORMATS, VIEWS, Printer

#: How long `--follow` waits in the library before it looks at what came, in seconds, and how long
#: at least before it asks again after a failure that may pass.
STEP = 10.0
PAUSE = 5.0


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
@click.option("--wait", type=float, default=0, help="Seconds to wait while it is pending.")
@click.option("--timeout", type=float, help="Seconds for the whole of it.")
@click.option("--follow", is_flag=True, help="Wait until it is complete; new lines as they come.")
@click.option("--lines", is_flag=True, help="The raw lines, word for word.")
@html_option
@click.option("--fresh", is_flag=True, help="Ask Cloudflare even when the answer is known.")
@click.option("--submission/--no-submission", default=None, help="Whether it was sent, not got.")
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
    raw = lines and output == "table"
    printer = Printer(output, lines=lines)
    views = views_with_page(VIEWS[output], html)
    found: list[Trace] = []
    failures: list[Exit] = []
    incomplete = False
    with opened(options) as session, session.tenant() as tenant, session.engine() as engine:
        requests = [
            Request.trace(
                tenant,
                session.account,
                reference,
                wait=wait,
                timeout=timeout,
                submission=submission,
                fresh=fresh,
                views=views,
            )
            for reference in references
        ]
        if follow:
            answers = _followed(engine, requests, Follower(options, timeout, lines=raw))
        else:
            answers = _fetched(engine, requests, printer)
        for request, answer in answers:
            if isinstance(answer, Trace):
                found.append(answer)
                incomplete |= follow and not answer.complete
                if not (follow and raw):
                    printer.show(answer)
            elif len(requests) == 1:
                raise answer
            else:
                failures.append(code_of(answer))
                out.problem(
                    answer, for_programs=options.for_programs, message_ref=request.message_ref
                )
    if html is not None and found:
        write_page(options, html, found)
    if failures:
        raise Failed(exit_of_many(failures, len(found)))
    if incomplete:
        raise Failed(Exit.INCOMPLETE)


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
    for request in requests:
        try:
            yield request, follower.until_complete(engine, request)
        except KeyboardInterrupt:
            raise Interrupted(
                f"to go on: tracevault trace --follow {request.message_ref}"
            ) from None
        except TraceVaultError as error:
            yield request, error


class Follower:
    """Asks again until a trace is complete, and tells what came meanwhile."""

    def __init__(self, options: Options, timeout: float | None, *, lines: bool) -> None:
        self._options = options
        self._timeout = timeout
        self._lines = lines

    def until_complete(self, engine: Engine, request: Request[Trace]) -> Trace:
        """The complete trace, or the last one before the time was up."""
        until = None if self._timeout is None else time.monotonic() + self._timeout
        seen = (0, 0)
        with Progress(self._options, unit="looks") as progress:
            while True:
                left = STEP if until is None else min(STEP, max(until - time.monotonic(), 0))
                (result,) = engine.batch([request.__replace__(wait=left, timeout=None)])
                if result.trace is None:
                    assert result.error is not None
                    self._pause(result.error, until, progress)
                    continue
                if self._lines:
                    progress.clear()
                    seen = _new_lines(result.trace, seen)
                count = len(result.trace.lines)
                if result.trace.complete or (until is not None and time.monotonic() >= until):
                    return result.trace
                progress.step(remark=f"{request.message_ref} is pending, {count} lines so far")

    def _pause(self, error: TraceVaultError, until: float | None, progress: Progress) -> None:
        """Wait after a failure that may pass; raise one that does not pass in time."""
        pause = max(PAUSE, error.retry_after or 0)
        if not error.retriable or (until is not None and time.monotonic() + pause >= until):
            raise error
        progress.clear()
        out.note(
            f"{error.name}: {error}; asking again in {pause:.0f} s",
            for_programs=self._options.for_programs,
            status=error.name,
        )
        time.sleep(pause)


def _new_lines(trace: Trace, seen: tuple[int, int]) -> tuple[int, int]:
    """Print the lines that were not there the last time; give how many there are."""
    sides = (trace.inbound.lines, trace.outbound.lines)
    for lines, count in zip(sides, seen, strict=True):
        for line in lines[count:]:
            out.line(line.message)
    return len(sides[0]), len(sides[1])
