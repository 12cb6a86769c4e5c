"""``tracevault collect``: what is new since the last time, for pipelines; a kill costs nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from ... import bulk
from ...collect import Collection, Detection
from .. import out
from ..failures import Interrupted, Usage
from ..forecast import Forecast
from ..group import verb
from ..option import (
    in_a_folder,
    limit_option,
    option,
    require_time_to_wait,
    timeout_option,
    wait_option,
)
from ..options import Options
from ..progress import Progress, in_words
from ..session import opened
from ..streams import Reading
from ..tally import Tally
from ..times import Duration
from ..traces import VIEWS
from ..words import plural, when
from .search import COLUMNS as MESSAGE
from .search import cleaned, csv_row, filters_from, short

FORMATS = ("table", "json", "csv", "ecs", "ocsf")
COLUMNS = ("change", *MESSAGE)


@verb(
    "collect",
    idle={"account": "collect asks all accounts, or those of --tenant"},
    examples=(
        "tracevault collect --checkpoint soc.checkpoint --start 30d --json",
        "tracevault collect --checkpoint ecs.checkpoint --start 30d --format ecs --tenant initech",
    ),
)
@filters_from("The first time: since when, as 7d; default: --look-back.")
@option(
    "--checkpoint",
    required=True,
    metavar="FILE",
    callback=in_a_folder,
    help="What was told already.",
)
@option(
    "--look-back",
    type=Duration(),
    metavar="DURATION",
    help="How long before the last time to look again, as 12h or 2d; default: 1d.",
)
@option("--all", "everything", is_flag=True, help="Clean mail as well.")
@limit_option("How many messages in each account; default: 100000.")
@option("--trace", "traced", is_flag=True, help="With the trace of each message.")
@wait_option("Seconds to wait while a trace is pending.")
@timeout_option("Seconds for each question; default: 120, --wait and the quota's waits.")
@click.pass_obj
def collect(
    options: Options,
    /,
    checkpoint: str,
    look_back: timedelta | None,
    everything: bool,
    limit: int | None,
    traced: bool,
    wait: float,
    timeout: float | None,
    **given: Any,
) -> None:
    """Tell the detections that are new since the last time, and those whose state has changed.

    Run it again and again with the same FILE: each message comes once, and again when its verdict
    or delivery changes, or a trace that was not complete has grown. What was printed when the
    process was killed may come once more. --start counts for the first time only; without it that
    looks back for a day, or for --look-back.
    """
    output = options.output(*FORMATS)
    if everything and given["detections_only"]:
        raise Usage("--detections-only leaves clean mail out, and --all asks for it: give one")
    views = VIEWS[output]
    traced = traced or bool(views)
    if wait and not traced:
        raise Usage("--wait is about traces: give --trace, too")
    require_time_to_wait(wait, timeout)
    chosen = cleaned(given)
    for name, value in (("limit", limit), ("wait", wait), ("timeout", timeout)):
        if value:
            chosen[name] = value
    if look_back is not None:
        chosen["look_back"] = look_back
    chosen |= {"detections_only": not everything, "trace": traced, "views": views}
    with (
        opened(options) as session,
        session.engine(wait=wait) as engine,
        Progress(options, unit="accounts") as progress,
    ):
        tally = Tally(options, progress)

        forecast = Forecast(engine, progress)

        def step(now: bulk.Progress) -> None:
            forecast.tell(now, remark=f"{now.found:,} messages")

        tenant = options.text("tenant")
        where = session.vault if tenant is None else session.tenant_of(tenant)
        collection = Collection(where, checkpoint=checkpoint, progress=step, **chosen)
        try:
            with Reading() as reading:
                for one in engine._campaign(collection):
                    progress.clear()
                    _take(one, output, tally)
        except KeyboardInterrupt:
            raise Interrupted(
                f"to go on: the same command again; {checkpoint} remembers what came"
            ) from None
        progress.clear()
        tally.tell()
        if not options.for_programs and collection.since is not None:
            end = when(collection.until.replace(microsecond=0))
            out.note(f"looked at {when(collection.since.replace(microsecond=0))} to {end} UTC")
        out.note(
            f"{plural(tally.came, 'message')} of {plural(progress.done, 'account')}, "
            f"{plural(tally.failed, 'question')} without an answer"
            f"{tally.may_go_on(whole=reading.whole)}, in {in_words(progress.seconds)}",
            for_programs=options.for_programs,
            messages=tally.came,
            accounts=progress.done,
            start=None if collection.since is None else collection.since.isoformat(),
            end=collection.until.isoformat() if "end" in chosen else None,
            failed=tally.failed,
            last_looks_failed=tally.last_looks_failed,
            incomplete=tally.incomplete,
            whole=reading.whole,
        )
    tally.end(progress.done - progress.failed)


def _take(one: Detection, output: str, tally: Tally) -> None:
    message = one.message
    if one.error is not None:
        tally.add(
            one.error,
            tenant=one.tenant,
            account_id=one.account_id,
            message_ref=message.message_ref if message else None,
        )
    if message is not None:
        tally.take(one.trace)
    if output == "json":
        out.json_lines([one.to_dict()])
    elif output in ("ecs", "ocsf"):
        if one.trace is not None:
            out.rows(one.trace.views[output])
    elif message is not None and output == "csv":
        out.csv_rows([COLUMNS] if tally.came == 1 else [])
        out.csv_rows([(one.change, *csv_row(one.tenant, one.account_id, message))])
    elif message is not None:
        words = (one.change, short(message.scanned_at_text), one.tenant,
                 one.account.label or one.account_id, message.final_disposition, message.sender,
                 message.subject, message.message_ref)  # fmt: skip
        out.line("  ".join(word for word in words if word))
