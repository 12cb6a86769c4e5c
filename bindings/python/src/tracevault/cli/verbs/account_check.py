"""``tracevault account check``: does Cloudflare still take the credentials, and how long?"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click

from ..._fields import parse_time
from ...checks import store_ends
from ...client import Engine
from ...errors import NotFoundError, Status
from ...findings import CHECK_SCHEMA
from ...request import Request
from ...vault import Account, Vault
from .. import out
from ..exits import Exit, exit_of_many
from ..failures import Failed, Interrupted, Usage
from ..forecast import Forecast
from ..option import in_a_folder, option, time_option, timeout_option
from ..options import Options
from ..progress import Progress
from ..session import Session, opened
from ..tally import Tally
from .account_group import account

COLUMNS = (
    "tenant",
    "account_id",
    "label",
    "valid",
    "status",
    "expires_on",
    "expires_in_vault",
    "expiring",
    "reason",
    "warnings",
)


@account.verb(
    "check",
    examples=(
        "tracevault account check --tenant globex",
        "tracevault account check --expiring 14d --access --json",
        "tracevault account check --resume check.journal",
    ),
)
@time_option("--expiring", "Only what ends before, as 14d, or does not work.", ahead=True)
@option("--store", is_flag=True, help="Store the ends that Cloudflare tells in the vault.")
@option("--access", is_flag=True, help="Ask for one message too: is a permission missing?")
@timeout_option("Seconds for each account; default: 120 and the quota's waits.")
@option(
    "--resume",
    metavar="FILE",
    callback=in_a_folder,
    help="Remember the answers for an hour, and go on there.",
)
@click.pass_obj
def check(
    options: Options,
    expiring: str | None,
    store: bool,
    access: bool,
    timeout: float | None,
    resume: str | None,
) -> None:
    """Ask Cloudflare whether the credentials work: all, those of --tenant, or one --account.

    Exit code 5 when all are refused, 1 when some are, or when one ends within --expiring: then only
    those and the refused ones are shown. With --access one that lacks the permission counts as
    refused, and always one that the vault knows as ended, which is not asked. --resume survives
    Ctrl-C and a crash without asking twice; a credential that was rotated is asked again.
    """
    output = options.output("table", "json", "csv")
    before = parse_time(expiring)
    if before is not None and before <= datetime.now(timezone.utc):
        raise Usage("--expiring takes a time that is to come, such as 14d: is the year right?")
    with opened(options) as session, session.engine() as engine:
        active = [one for one in session.chosen if one.state == "active"]
        if not active:
            raise NotFoundError("there is no account to check", status=Status.E_NOT_FOUND)
        rows, tally, resumed = _checked(
            session, engine, active, before, resume, timeout=timeout, access=access
        )
        failures = list(tally.codes)
        try:
            if store:
                _store(session.vault, active, rows, tally)
        finally:
            tally.tell()
            shown = [one for one in rows if before is None or one["expiring"] or _is_refused(one)]
            _show(shown, output, (*COLUMNS, "access") if access else COLUMNS)
    refused = sum(map(_is_refused, rows))
    soon = sum(bool(row["expiring"]) for row in rows)
    known = f", {resumed} known from before" if resume is not None else ""
    out.note(
        f"{len(active)} checked: {len(rows) - refused} work, {refused} are refused, "
        f"{soon} end soon, {len(failures)} could not be asked{known}",
        for_programs=options.for_programs,
        checked=len(active),
        refused=refused,
        expiring=soon,
        failed=len(failures),
        resumed=resumed,
    )
    codes = failures + [Exit.CREDENTIAL] * refused
    if codes:
        raise Failed(exit_of_many(codes, len(active) - len(codes)))
    if soon or tally.failed:
        raise Failed(Exit.SOME)


def _store(vault: Vault, active: list[Account], rows: list[dict[str, Any]], tally: Tally) -> None:
    """Write the ends into the vault; those that it cannot hold count as failures."""
    ends = {(row["tenant"], row["account_id"]): row["expires_on"] for row in rows}
    told = [(one, ends.get((one.tenant, one.account_id))) for one in active]
    for one, error in store_ends(vault, told):
        tally.add(error, tenant=one.tenant, account_id=one.account_id)


def _show(rows: list[dict[str, Any]], output: str, columns: tuple[str, ...]) -> None:
    if output == "json":
        out.json_lines(rows)
    elif rows:
        cells = [[_cell(one.get(name)) for name in columns] for one in rows]
        if output == "csv":
            out.csv_rows([columns, *cells])
        else:
            out.table([name.upper().replace("_", " ") for name in columns], cells)


def _checked(
    session: Session,
    engine: Engine,
    active: list[Account],
    before: datetime | None,
    resume: str | None,
    **how: Any,
) -> tuple[list[dict[str, Any]], Tally, int]:
    """The rows in the order of the list, those that could not be asked, and how many answers are
    from before."""
    options = session.options
    tenants = {name: session.vault.tenant(name) for name in {one.tenant for one in active}}
    requests = [
        Request.check(tenants[one.tenant], one.account_id, tag=one, **how) for one in active
    ]
    found: dict[str, dict[str, Any]] = {}
    resumed = 0
    more: dict[str, Any] = {} if resume is None else {"resume": resume}
    with Progress(options, total=len(active), unit="checked") as progress:
        tally = Tally(options, progress)
        forecast = Forecast(engine, progress)
        try:
            for result in engine.batch(requests, progress=forecast.tell, **more):
                one: Account = result.tag
                resumed += result.resumed
                if result.check is not None:
                    tally.take()
                    told = result.check.to_dict()
                    found[one.tenant + one.account_id] = _row(one, told, before)
                elif result.error is not None and result.error.status is Status.E_EXPIRED:
                    told = _of_the_vault(one, result.error.message)
                    found[one.tenant + one.account_id] = _row(one, told, before)
                elif result.error is not None:
                    tally.add(result.error, tenant=one.tenant, account_id=one.account_id)
        except KeyboardInterrupt:
            raise Interrupted(_go_on(resume)) from None
    order = [one.tenant + one.account_id for one in active]
    return [found[key] for key in order if key in found], tally, resumed


def _go_on(resume: str | None) -> str:
    if resume is not None:
        return f"to go on: the same command again; {resume} remembers what came"
    return "nothing was changed; to be able to go on the next time: --resume FILE"


def _row(one: Account, told: dict[str, Any], before: datetime | None) -> dict[str, Any]:
    """What is known of one account's credential: the check document, and what the vault says."""
    ends = [when for when in (parse_time(told.get("expires_on")), one.expires) if when]
    soon = None
    if before is not None:
        soon = bool(ends) and min(ends) <= before
    return {
        **told,
        "tenant": one.tenant,
        "account_id": one.account_id,
        "label": one.label,
        "expires_in_vault": one.expires_text,
        "expiring": soon,
    }


def _of_the_vault(one: Account, reason: str) -> dict[str, Any]:
    """The check document of a credential that the vault lends to nobody: it has ended, or is not
    valid yet. Cloudflare was not asked."""
    has_ended = one.expires is not None and one.expires <= datetime.now(timezone.utc)
    nobody_told = ("checked_at", "attempts", "http_status", "cf_ray", "token_id", "not_before",
                   "expires_on", "expires_on_unix")  # fmt: skip
    code = "expired" if has_ended else "not_yet_valid"
    return {
        "schema": CHECK_SCHEMA,
        **dict.fromkeys(nobody_told),
        "valid": False,
        "kind": one.kind,
        "token_kind": "unknown" if one.kind == "api_token" else None,
        "status": "expired" if has_ended else "unknown",
        "reason": {"code": None, "message": reason},
        "warnings": [{"code": code, "count": 1, "path": ""}],
    }


def _is_refused(row: dict[str, Any]) -> bool:
    """Whether the credential does not work, or may not read what is asked with it."""
    return not row["valid"] or row.get("access", {}).get("granted") is False


def _cell(value: object) -> object:
    """A value of the row as a table shows it."""
    if isinstance(value, dict) and "granted" in value:
        return {True: "yes", False: "no"}.get(value["granted"], "unknown")
    if isinstance(value, dict):
        return value.get("message") or value.get("code")
    if isinstance(value, list):
        return " ".join(str(one.get("code")) for one in value if isinstance(one, dict))
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
