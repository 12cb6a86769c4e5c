"""``tracevault hunt``: every copy of a message, in all accounts, and what happened to each."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from ... import bulk
from ..._rows import last_look
from ...hunt import Finding, Hunt
from .. import out
from ..copies import got, in_order
from ..failures import Interrupted, Usage
from ..forecast import Forecast
from ..group import verb
from ..hunted import Scope, scope_of
from ..option import (
    in_a_folder,
    limit_option,
    option,
    require_time_to_wait,
    timeout_option,
    wait_option,
)
from ..options import Options
from ..page_file import (
    PageError,
    html_option,
    require_apart,
    views_with_page,
    write_hunt_page,
)
from ..progress import Progress, in_words
from ..session import Session, opened
from ..streams import Reading
from ..tally import ENOUGH, Tally
from ..traces import VIEWS
from ..words import plural, state_of, unfinished
from .search import cleaned, filters, short

FORMATS = ("table", "json", "csv", "ecs", "ocsf")
#: The columns of CSV: one row for each recipient of each copy.
COLUMNS = (
    "tenant",
    "account_id",
    "label",
    "recipient",
    "outcome",
    "at",
    "message_ref",
    "relay",
    "reply",
    "from",
    "subject",
    "message_id",
    "last_look_error",
)
#: Options that say what is hunted for.
SOUGHT = ("message_id", "sender", "recipient", "domain", "subject", "query", "hash", "alert_id")
#: Options that say how to hunt, not for what.
UNASKED = ("resume", "wait", "timeout", "limit", "start", "end")


@verb(
    "hunt",
    idle={"account": "a hunt asks all accounts, or those of --tenant"},
    examples=(
        "tracevault hunt --sender sender@example.net --start 30d",
        "tracevault hunt --sender sender@example.net --html case.html",
        "tracevault hunt --tenant acme --subject report --json --resume hunt.journal",
    ),
)
@filters
@option("--hash", "hash_", metavar="TEXT", help="The hash of an attachment.")
@limit_option("How many copies in each account; default: 1000.")
@option("--trace/--no-trace", "traced", default=True, help="Without the traces: faster.")
@wait_option("Seconds to wait while a trace is pending.")
@timeout_option("Seconds for each question; default: 120, --wait and the quota's waits.")
@option(
    "--resume",
    metavar="FILE",
    callback=in_a_folder,
    help="Remember what came, and go on there next time.",
)
@html_option
@click.pass_obj
def hunt(
    options: Options,
    /,
    hash_: str | None,
    limit: int | None,
    traced: bool,
    wait: float,
    timeout: float | None,
    resume: str | None,
    html: str | None,
    **given: Any,
) -> None:
    """Ask every account, or those of --tenant: who received this message, and what became of it?

    Copies are told as they are found. The table at the end has a line for each recipient. Accounts
    that could not be asked are told as well, and so are the time that was looked at and how many
    accounts were asked: nothing is left out silently. Exit code 0 when all were asked, also where
    nothing was found; 1 when something could not be asked, or the code of the failures where
    nothing came and all failed alike.

    With --resume each run looks at the time of the first one, up to when that began, and says when
    that was and how many answers are from before. A new file looks anew.
    """
    output = options.output(*FORMATS)
    if not traced and (wait or output in ("ecs", "ocsf")):
        needs = "--wait" if wait else f"--format {output}"
        raise Usage(f"{needs} is about traces: leave --no-trace out")
    require_time_to_wait(wait, timeout)
    require_apart(html, "--resume", resume)
    # A duration counts from the begin of the hunt, and of one that is gone on with from that.
    chosen = {name: getattr(value, "back", value) for name, value in cleaned(given).items()}
    for name, value in (("hash", hash_), ("limit", limit), ("resume", resume), ("wait", wait),
                        ("timeout", timeout)):  # fmt: skip
        if value:
            chosen[name] = value
    asked = {name: str(value) for name, value in chosen.items() if name not in UNASKED}
    if not chosen.keys() & set(SOUGHT):
        options_of = ", ".join(f"--{name.replace('_', '-')}" for name in SOUGHT)
        raise Usage(f"say what to hunt for, one or more of {options_of}")
    chosen |= {"trace": traced, "views": views_with_page(VIEWS[output], html)}
    found: list[Finding] = []
    hunted = _Hunted()
    everything: list[Finding] = []
    with opened(options) as session, Progress(options, unit="accounts") as progress:
        tally = Tally(options, progress)
        reading = Reading(to_the_end=html is not None)
        is_interrupted = False
        page_error = PageError()
        try:
            with reading:
                for finding in _findings(session, progress, hunted, chosen):
                    everything += [finding] if html is not None else []
                    _take(finding, tally, found, output, progress)
        except KeyboardInterrupt:
            is_interrupted = True
            raise Interrupted(_go_on(resume)) from None
        finally:  # what came is shown, however the hunt ended
            progress.clear()
            try:
                if output == "table":
                    _show_table(found)
            finally:
                if html is not None and hunted.hunt and progress.total is not None:  # it has begun
                    scope = scope_of(hunted.hunt, found)
                    with page_error:
                        write_hunt_page(options, html, in_order(everything), asked, scope,
                                        whole=reading.whole)  # fmt: skip
            if is_interrupted and hunted.hunt and progress.total is not None:
                scope = scope_of(hunted.hunt, found)
                _summary(options, tally, progress, scope, whole=False, ended=" by Ctrl-C")
            page_error.tell(now=not reading.whole)
        assert hunted.hunt is not None
        _summary(options, tally, progress, scope_of(hunted.hunt, found), whole=reading.whole)
        page_error.tell()
    tally.end(progress.done - progress.failed)


class _Hunted:
    """The hunt, once its accounts are listed."""

    hunt: Hunt | None = None


def _findings(
    session: Session, progress: Progress, hunted: _Hunted, chosen: Mapping[str, Any]
) -> Iterator[Finding]:
    tenant = session.options.text("tenant")
    where = session.vault if tenant is None else session.tenant_of(tenant)
    with session.engine(wait=chosen.get("wait", 0)) as engine:
        forecast = Forecast(engine, progress)

        def step(now: bulk.Progress) -> None:
            forecast.tell(now, remark=f"{now.found:,} copies found")

        hunt = Hunt(where, progress=step, **chosen)
        findings = engine._campaign(hunt)
        hunted.hunt = hunt
        yield from findings


def _take(
    finding: Finding, tally: Tally, found: list[Finding], output: str, progress: Progress
) -> None:
    """Print one finding at once, as far as the format has a place for it."""
    if finding.error is not None:
        reference = finding.message.message_ref if finding.message else None
        tally.add(
            finding.error,
            tenant=finding.tenant,
            account_id=finding.account_id,
            message_ref=reference,
        )
    if finding.message is not None:
        tally.take(finding.trace)
        found.append(finding)
    progress.clear()
    if output == "json":
        out.json_lines([finding.to_dict()])
    elif output in ("ecs", "ocsf"):
        if finding.trace is not None:
            out.rows(finding.trace.views[output])
    elif output == "csv":
        out.csv_rows([COLUMNS] if tally.came == 1 and finding.message else [])
        out.csv_rows(_csv(finding))
    elif finding.message is not None and sys.stderr.isatty():
        who = ", ".join(one.address for one in finding.recipients) or ", ".join(finding.message.to)
        out.note(f"found in {finding.tenant}: {who} ({finding.message.message_ref})")


def _csv(finding: Finding) -> list[tuple[object, ...]]:
    message = finding.message
    return [
        (
            finding.tenant,
            finding.account_id,
            finding.account.label,
            one.recipient,
            one.state,
            one.at_text,
            message.message_ref,
            one.relay,
            one.reply,
            message.sender,
            message.subject,
            message.message_id,
            last_look(finding.trace),
        )
        for one in got(finding)
        if message is not None
    ]


def _show_table(found: list[Finding]) -> None:
    rows = [
        (
            finding.tenant,
            finding.account.label or finding.account_id,
            one.recipient,
            state_of(one.state).label + unfinished(finding.trace),
            short(one.at_text),
            finding.message.message_ref if finding.message else None,
        )
        for finding in in_order(found)
        for one in got(finding)
    ]
    if rows:
        out.table(("TENANT", "ACCOUNT", "RECIPIENT", "OUTCOME", "TIME", "REFERENCE"), rows)


def _summary(
    options: Options,
    tally: Tally,
    progress: Progress,
    scope: Scope,
    *,
    whole: bool,
    ended: str = ENOUGH,
) -> None:
    tally.tell()
    if not options.for_programs:
        out.note(f"looked for in {scope.time_words}")
        if scope.before_words:
            anew = "; to look again, give --resume the name of a new file"
            out.note(scope.before_words + anew)
    out.note(
        f"{scope.found_words}; {plural(tally.failed, 'question')} without an answer"
        f"{tally.may_go_on(whole=whole, ended=ended)}, in {in_words(progress.seconds)}",
        for_programs=options.for_programs,
        copies=tally.came,
        accounts=progress.done,
        failed=tally.failed,
        last_looks_failed=tally.last_looks_failed,
        incomplete=tally.incomplete,
        whole=whole,
        **scope.to_dict(),
    )


def _go_on(resume: str | None) -> str:
    if resume is not None:
        return f"to go on: the same command again; {resume} remembers what came"
    return "to be able to go on the next time: --resume FILE"
