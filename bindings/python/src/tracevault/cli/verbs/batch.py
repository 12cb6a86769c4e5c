"""``tracevault batch``: the traces of many messages, from a list; it can go on where it ended."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import click

from ... import bulk
from ...errors import TraceVaultError
from ...model import Trace
from ...request import Request, Result
from ...vault import Tenant
from .. import out
from ..batch_input import Asked, read
from ..failures import Interrupted, Usage
from ..forecast import Forecast
from ..group import verb
from ..option import in_a_folder, option, require_time_to_wait, timeout_option, wait_option
from ..options import Options
from ..progress import Progress, in_words
from ..session import Session, opened
from ..streams import Reading, read_from
from ..tally import Tally
from ..traces import COLUMNS, FORMATS, VIEWS, csv_of
from ..words import plural, state_of_all, unfinished

#: Whom a line asks.
_Place = tuple[Tenant, str | None]


@verb(
    "batch",
    examples=(
        "tracevault batch --tenant acme --account acae0000000000000000000000000001 list.txt",
        "tracevault batch --json --resume work.journal list.csv > traces.jsonl",
        "tracevault search --tenant initech --json | tracevault batch --json > traces.jsonl",
    ),
)
@click.argument("file", default="-", type=click.Path(allow_dash=True), metavar="[FILE]")
@wait_option("Seconds to wait while a trace is pending.")
@timeout_option("Seconds for each; default: 120, --wait and the quota's waits.")
@option("--fresh", is_flag=True, help="Ask Cloudflare even when the answer is known.")
@option(
    "--resume",
    metavar="FILE",
    callback=in_a_folder,
    help="Remember what came, and go on there next time.",
)
@click.pass_obj
def batch(
    options: Options,
    file: str,
    wait: float,
    timeout: float | None,
    fresh: bool,
    resume: str | None,
) -> None:
    """Fetch the traces of a list, in the order in which they come.

    FILE, or standard input, has one reference a line; or JSON lines or CSV with message_ref, and
    tenant and account_id, or the account's label, where --tenant and --account do not say it for
    all: what search, hunt and collect print with --json or --format csv. A line that names another
    than those fails. With --json each line out has the number of the line in, and a trace or an
    error. The quota is kept; --resume survives Ctrl-C and a crash without asking twice. What is not
    complete yet is asked again.
    """
    output = options.output(*FORMATS)
    require_time_to_wait(wait, timeout)
    if fresh and resume is not None:
        raise Usage(
            "--fresh asks for what is known, and --resume does not: leave --fresh out, and to ask "
            "for all of it again give --resume the name of a new file"
        )
    asked = [] if file == "-" else _list(file)
    with (
        opened(options) as session,
        session.engine(wait=wait) as engine,
        Progress(options, unit="traces") as progress,
    ):
        if file == "-":
            asked = _list(file)  # the passphrase of the vault may stand before it
        again = sum(one.again for one in asked)
        asked = [one for one in asked if not one.again]
        progress.total = len(asked)
        tally = Tally(options, progress)
        requests, left = _requests(session, asked, tally, wait=wait, timeout=timeout, fresh=fresh,
                                   views=VIEWS[output])  # fmt: skip
        forecast = Forecast(engine, progress)
        resumed = 0
        more: dict[str, Any] = {} if resume is None else {"resume": resume}

        def step(now: bulk.Progress) -> None:
            forecast.tell(now, left)

        try:
            with Reading() as reading:
                for result in engine.batch(requests, progress=step, **more):
                    left[result.request.tenant, result.request.account_id] -= 1
                    resumed += result.resumed
                    progress.clear()
                    _show(result, output, tally)
        except KeyboardInterrupt:
            raise Interrupted(_go_on(resume, tally)) from None
        progress.clear()
        tally.tell()
        out.note(
            f"{len(asked):,} asked: {plural(tally.came, 'trace')}, {tally.failed:,} failed, "
            f"{resumed:,} known from before{tally.may_go_on(whole=reading.whole)}, "
            f"{_told_again(again)}in {in_words(progress.seconds)}",
            for_programs=options.for_programs,
            asked=len(asked),
            traces=tally.came,
            failed=tally.failed,
            resumed=resumed,
            last_looks_failed=tally.last_looks_failed,
            incomplete=tally.incomplete,
            repeated=again,
            whole=reading.whole,
        )
    tally.end()


def _told_again(rows: int) -> str:
    """How many rows of CSV tell of another recipient of a message, which is asked once."""
    if not rows:
        return ""
    return f"{plural(rows, 'row')} {'names' if rows == 1 else 'name'} a message again, "


def _list(file: str) -> list[Asked]:
    if file == "-":
        out.note_terminal("references, one a line")
        with read_from(file):
            data = sys.stdin.buffer.read()
        return read(data.decode("utf-8", "replace"), "standard input")
    with (
        read_from(file),
        open(file, encoding="utf-8", errors="replace", newline="") as opened_file,
    ):
        text = opened_file.read()
    return read(text, file)


def _requests(
    session: Session, asked: list[Asked], tally: Tally, **how: Any
) -> tuple[list[Request[Trace]], Counter[tuple[Tenant, str | None]]]:
    """The questions; a tenant that is not there is a failure of its lines."""
    places: dict[tuple[str | None, str | None], _Place | TraceVaultError] = {}
    requests = []
    left: Counter[tuple[Tenant, str | None]] = Counter()
    for one in asked:
        if one.error is not None:
            tally.add(one.error, **session.shown(one.tenant, one.account_id))
            continue
        named = (one.tenant, one.account_id)
        if named not in places:
            try:
                places[named] = session.place_of(*named)
            except TraceVaultError as error:
                places[named] = error
        found = places[named]
        if isinstance(found, TraceVaultError):
            whose = session.shown(one.tenant, None).get("tenant")
            tally.add(found, tenant=whose, message_ref=one.message_ref)
            continue
        requests.append(Request.trace(*found, one.message_ref, priority="bulk", tag=one, **how))
        left[found] += 1
    return requests, left


def _show(result: Result[Trace], output: str, tally: Tally) -> None:
    """Count one result, then print it, as far as the format has a place for it."""
    asked: Asked = result.tag
    request, trace = result.request, result.trace
    if trace is not None:
        tally.take(trace)
    else:
        assert result.error is not None
        tally.add(
            result.error,
            tenant=request.tenant.name,
            account_id=request.account_id,
            message_ref=asked.message_ref,
        )
    if output == "json":
        out.json_lines([_document(result)])
    elif trace is None:
        return
    elif output in ("ecs", "ocsf"):
        out.rows(trace.views[output])
    elif output == "csv":
        out.csv_rows([COLUMNS] if tally.came == 1 else [])
        out.csv_rows(csv_of(trace))
    else:
        who = ", ".join(one.address for one in trace.summary.recipients)
        state = state_of_all(trace).label + unfinished(trace)
        out.line(f"{asked.message_ref}  {state}  {who}".rstrip())


def _document(result: Result[Trace]) -> dict[str, Any]:
    """One line out: which line in it was, and what came of it."""
    return {
        "line": result.tag.line,
        "tenant": result.request.tenant.name,
        "account_id": result.request.account_id
        or (result.trace.account_id if result.trace else None),
        "message_ref": result.tag.message_ref,
        "trace": result.trace.to_dict() if result.trace else None,
        "error": result.error.to_dict() if result.error else None,
    }


def _go_on(resume: str | None, tally: Tally) -> str:
    if resume is not None:
        return f"to go on: the same command again; {resume} remembers what came"
    return f"{plural(tally.came, 'trace')} came; to be able to go on the next time: --resume FILE"
