"""``tracevault search``: messages of one account, by sender, subject, time and more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import click

from ..._fields import parse_time
from ...errors import TraceVaultError
from ...findings import FoundMessage, SearchResult
from .. import out
from ..exits import Exit
from ..failures import Failed
from ..group import verb
from ..hunted import Scope
from ..option import limit_option, option, time_option, timeout_option
from ..options import Options
from ..session import opened
from ..words import plural

#: The columns of CSV.
COLUMNS = (
    "tenant",
    "account_id",
    "message_ref",
    "scanned_at",
    "from",
    "to",
    "subject",
    "delivery_status",
    "final_disposition",
    "message_id",
)
#: The filters that take any text: the option and what it finds.
TEXTS = (
    ("sender", "An address or a domain it came from."),
    ("recipient", "An address or a domain it went to."),
    ("domain", "A domain of the sender, a recipient or a link."),
    ("subject", "Words of the subject, in any order."),
    ("message-id", "The Message-ID header."),
    ("alert-id", "The alert's id."),
    ("query", "Words in any of these, in attachments' names and hashes."),
    ("smtp-helo-ip", "The address that handed it in."),
    ("delivery-status", "As Cloudflare calls it, such as delivered."),
    ("final-disposition", "As Cloudflare calls it, such as MALICIOUS."),
    ("message-action", "As Cloudflare calls it."),
    ("metric", "As Cloudflare calls it."),
)


def filters(function: Any) -> Any:
    """Add the filters to a verb; it gets them as ``**filters``."""
    return filters_from("Since when, as 7d; default: 30 days ago.")(function)


def filters_from(start: str) -> Callable[[Any], Any]:
    """The same, for a verb that begins elsewhere; ``start`` is the help of ``--start``."""

    def added(function: Any) -> Any:
        for name, text in reversed(TEXTS):
            function = option(f"--{name}", metavar="TEXT", help=text)(function)
        for one in (
            option("--detections-only", is_flag=True, help="Without clean mail."),
            time_option("--end", "Until when, not before --start; default: now."),
            time_option("--start", start),
        ):
            function = one(function)
        return function

    return added


def cleaned(given: dict[str, Any]) -> dict[str, Any]:
    """The filters that were given, as the library takes them."""
    return {name: value for name, value in given.items() if value not in (None, False)}


@verb(
    "search",
    examples=(
        "tracevault search --tenant initech --start 30d --limit 5",
        "tracevault search --tenant initech --sender sender@example.net --json",
    ),
)
@filters
@limit_option("How many messages in all; default: 100.")
@option("--cursor", metavar="TEXT", help="Go on where an earlier search ended.")
@timeout_option("Seconds for the whole of it; default: 120.")
@click.pass_obj
def search(
    options: Options,
    /,
    limit: int | None,
    cursor: str | None,
    timeout: float | None,
    **given: Any,
) -> None:
    """Find messages of one account, newest first; clean mail, too. All filters must fit.

    What the column REFERENCE shows is what `tracevault trace` takes. Exit code 1 when a later page
    did not come.
    """
    output = options.output("table", "json", "csv")
    chosen = cleaned(given)
    if limit is not None:
        chosen["limit"] = limit
    if cursor is not None:
        chosen["cursor"] = cursor
    began = datetime.now(timezone.utc)
    with opened(options) as session, session.tenant() as tenant, session.engine() as engine:
        try:
            found = engine.search(tenant, session.account, timeout=timeout, **chosen)
        except TraceVaultError as error:
            if cursor is not None and error.http_status == 400:
                error.message += "; --cursor takes what the search before told, with its filters"
            raise
    if len(found) or output != "table":
        _show(found, output)
    if found.complete and not len(found):
        start, end = (parse_time(chosen.get(name)) for name in ("start", "end"))
        looked = Scope(began.replace(microsecond=0), start, end, ())
        told = looked.to_dict()
        out.note(
            f"no message; looked for in {looked.time_words}",
            for_programs=options.for_programs,
            **{name: told[name] for name in ("start", "end", "began")},
        )
    _tell_rest(options, found)
    if found.error is not None:
        raise Failed(Exit.SOME)


def as_document(found: SearchResult, message: FoundMessage) -> dict[str, Any]:
    """A message as the object of a JSON line."""
    return {"tenant": found.tenant, "account_id": found.account_id, **message.to_dict()}


def _show(found: SearchResult, output: str) -> None:
    if output == "json":
        out.json_lines(as_document(found, message) for message in found)
    elif output == "csv":
        out.csv_rows([COLUMNS])
        out.csv_rows(csv_row(found.tenant, found.account_id, message) for message in found)
    else:
        out.table(
            ("SCANNED", "FROM", "TO", "SUBJECT", "STATUS", "REFERENCE"),
            [
                (
                    short(message.scanned_at_text),
                    message.sender,
                    ", ".join(message.to),
                    message.subject,
                    ", ".join(message.delivery_status),
                    message.message_ref,
                )
                for message in found
            ],
        )


def csv_row(tenant: str | None, account_id: str | None, one: FoundMessage) -> tuple[object, ...]:
    """A message as a row of CSV."""
    return (
        tenant,
        account_id,
        one.message_ref,
        one.scanned_at_text,
        one.sender,
        " ".join(one.to),
        one.subject,
        " ".join(one.delivery_status),
        one.final_disposition,
        one.message_id,
    )


def short(time: str | None) -> str:
    """A time without the digits that nobody compares."""
    return (time or "")[:19].replace("T", " ")


def _tell_rest(options: Options, found: SearchResult) -> None:
    if found.complete:
        return
    why = f"a later page did not come: {found.error.message}" if found.error else "there is more"
    if found.next_cursor:
        why += f"; go on with --cursor {found.next_cursor}"
    out.note(
        f"{plural(len(found), 'message')}, {why}",
        for_programs=options.for_programs,
        complete=False,
        next_cursor=found.next_cursor,
        error=found.error.to_dict() if found.error else None,
    )
