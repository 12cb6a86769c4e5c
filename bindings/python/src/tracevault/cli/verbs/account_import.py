"""``tracevault account import``: many credentials from a file, all of its rows or none."""

from __future__ import annotations

import os

import click

from ..._reading import unfit_table
from ...importing import ImportRowsError, looks_like_token
from .. import out
from ..exits import Exit
from ..failures import Failed, Interrupted, Usage
from ..import_told import tell_gone, tell_hints, tell_met, tell_rows
from ..new_credential import BY_DEFAULT, origin_of, sealed_for
from ..option import option
from ..options import Options
from ..progress import Progress
from ..session import Session, opened
from ..streams import read_from
from ..words import plural
from .account_group import account, identity

_JSON_LINES = (".jsonl", ".ndjson", ".json")


@account.verb(
    "import",
    idle={"account": "each row names its account"},
    examples=(
        "tracevault account import customers.csv --dry-run",
        "tracevault account import customers.csv",
        "tracevault account import customers.jsonl --rotate",
    ),
)
@click.argument("file", type=click.Path(allow_dash=True))
@option("--as", "kind", type=click.Choice(["csv", "jsonl"]), help="Default: by its name.")
@option("--rotate", is_flag=True, help="Keep what the vault has, as the retiring credential.")
@option("--replace", is_flag=True, help="Replace what the vault has: the old one is gone.")
@option(
    "--origin",
    metavar="URL",
    help=f"For rows without one; default: that which --rotate keeps, {BY_DEFAULT}.",
)
@option("--dry-run", is_flag=True, help="Read and check everything, store nothing.")
@click.pass_obj
def import_(
    options: Options,
    file: str,
    kind: str | None,
    rotate: bool,
    replace: bool,
    origin: str | None,
    dry_run: bool,
) -> None:
    """Store the credentials of FILE, all of its rows or none; - is standard input.

    A row whose account has a credential in the vault already ends the import, unless --rotate or
    --replace says what becomes of that; --dry-run tells which they are. With --rotate the same
    secret once more changes nothing.

    With --tenant, also from a variable or the configuration file, rows without a tenant have that
    one, and a row that names another cannot be stored.

    The columns of CSV, or the names in JSON lines: tenant, account_id, and token, or email and
    key; label, origin, budget_group, not_before and expires where there are any. What Excel saves
    is understood. Remove the file afterwards: it holds the secrets.
    """
    output = options.output("table", "json")
    if rotate and replace:
        raise Usage("--rotate keeps what is there, and --replace removes it: give one")
    path = "/dev/stdin" if file == "-" else file
    _require_private(path)
    if file == "-":
        out.note_terminal("rows with secrets")
    chosen = kind or ("jsonl" if file.lower().endswith(_JSON_LINES) else "csv")
    tenant = options.text("tenant")
    with opened(options) as session:
        session.require_possible(tenant)
        edit = session.vault.edit()
        before = _stored(session)
        count: int | None = None
        sealed = ""
        edit._origin = origin_of(options, None)
        try:
            read = edit.import_csv if chosen == "csv" else edit.import_json_lines
            with Progress(options, unit="accounts") as progress:
                with read_from(path):
                    count = read(
                        path,
                        rotate=rotate,
                        replace=replace,
                        origin=origin,
                        tenant=tenant,
                        progress=progress.at,
                    )
                progress.clear()
                tell_hints(options, edit.hints)  # before anything is stored
                sealed = sealed_for(one.get("origin") for one in edit._changed.values())
                if not dry_run:
                    progress.now(f"storing {plural(count, 'account')}")
                    edit.commit()
        except KeyboardInterrupt:
            raise Interrupted(_left(file, storing=count is not None)) from None
        except ImportRowsError as error:
            tell_hints(options, error.hints)
            tell_rows(options, file, chosen, error)
            raise Failed(Exit.USAGE) from None
        finally:
            edit.close()
        after = {} if dry_run else _stored(session)
    met = [whom for whom in edit._met if dry_run or before.get(whom) != after.get(whom)]
    gone = [whom for whom in met if _is_retiring_gone(before.get(whom), after.get(whom))]
    if output == "json":
        names = {"rotated": met if rotate else [], "replaced": met if replace else [],
                 "retiring_removed": gone}  # fmt: skip
        lists = {
            name: [
                {"tenant": None if looks_like_token(tenant) else tenant, "account_id": account_id}
                for tenant, account_id in whose
            ]
            for name, whose in names.items()
        }
        out.json_lines([{"file": file, "accounts": count, "stored": not dry_run, **lists}])
        return
    tell_met(met, len(edit._met), "rotated" if rotate else "replaced", dry_run=dry_run)
    tell_gone(gone, dry_run=dry_run)
    try_next = "" if dry_run else "; try: tracevault account check"
    done = f"{'would be stored' if dry_run else 'stored'}{sealed}{try_next}"
    out.note(f"{plural(count, 'account')} {done}")


def _stored(session: Session) -> dict[tuple[str, str], set[tuple[str, ...]]]:
    """What tells the credentials of each account apart, the retiring one too."""
    found: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for one in session.vault.accounts():
        found.setdefault((one.tenant, one.account_id), set()).add((one.state, *identity(one)))
    return found


def _is_retiring_gone(
    before: set[tuple[str, ...]] | None, after: set[tuple[str, ...]] | None
) -> bool:
    """Whether a retiring credential of before is none of the account's any more."""
    older = {one[1:] for one in before or () if one[0] == "retiring"}
    return bool(older - {one[1:] for one in after or ()})


def _left(file: str, *, storing: bool) -> str:
    """What Ctrl-C leaves behind: all of the file or nothing."""
    if storing:
        return f"all of {file} is stored, or nothing: tracevault account list shows it"
    return f"nothing of {file} is stored"


def _require_private(path: str) -> None:
    """Tell a file that others can use before a passphrase is asked for.

    What counts is the look at the file that is read, once it is open.
    """
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        reason = unfit_table(found)
    finally:
        os.close(found)
    if reason:
        raise Usage(f"{path}, which holds secrets, {reason}")
