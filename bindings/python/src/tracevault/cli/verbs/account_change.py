"""``tracevault account list``, and the changes of single accounts."""

from __future__ import annotations

from typing import Any

import click

from ...edit import Edit
from ...errors import NotFoundError, Status
from ...importing import LIKE_TOKEN, LIKE_TOKEN_CODE, looks_like_token
from .. import out
from ..asked import confirm
from ..failures import TABLES, Usage
from ..import_told import gone, whose
from ..new_credential import (
    BY_DEFAULT,
    credential_options,
    new_credential,
    origin_of,
    sealed_for,
)
from ..option import option, time_option
from ..options import Options
from ..printable import printable
from ..session import Session, opened
from .account_group import FIELDS, account, as_document, identity, place, stored_place

#: What a change prints. Each asks for it first: a wrong one changes nothing.
FORMATS = ("table", "json")
#: An account of the examples.
ID = "acae0000000000000000000000000009"


@account.verb(
    "list", examples=("tracevault account list", "tracevault account list --tenant acme --json")
)
@click.pass_obj
def list_(options: Options) -> None:
    """List the accounts: of all tenants, or of --tenant."""
    output = options.output("table", "json", "csv")
    with opened(options) as session:
        found = session.chosen
    if output == "json":
        out.json_lines(map(as_document, found))
    elif output == "csv":
        out.csv_rows([FIELDS])
        out.csv_rows([tuple(as_document(one).values()) for one in found])
    else:
        names = ["tenant", "account_id", "label", "kind", "state", "expires", "fingerprint"]
        if sealed_for(one.origin for one in found):
            names.insert(names.index("expires"), "origin")
        rows = [[as_document(one)[name] for name in names] for one in found]
        out.table([name.removesuffix("_id").upper() for name in names], rows)


@account.verb(
    "add",
    examples=(
        f"tracevault account add --tenant acme --account {ID} --token-file token.txt --expires 90d",
    ),
)
@credential_options
@option("--label", help="A name for people.")
@option("--origin", metavar="URL", help=f"Where it may be sent to; default: {BY_DEFAULT}.")
@option("--budget-group", metavar="NAME", help="Whose quota it spends.")
@time_option("--not-before", "When it begins to be valid; default: now.", ahead=True)
@time_option("--expires", "When it ends, as 90d; default: not known.", ahead=True)
@click.pass_obj
def add(
    options: Options,
    /,
    label: str | None,
    origin: str | None,
    budget_group: str | None,
    not_before: str | None,
    expires: str | None,
    **secret: Any,
) -> None:
    """Store the credential of an account; --tenant and --account name it.

    The secret is asked for at the terminal, or comes from a file, standard input or a descriptor:
    never from the command line, where other users see it.
    """
    output = options.output(*FORMATS)
    tenant, account_id = place(options)
    with opened(options) as session:
        session.require_possible(tenant)
        if any((tenant, account_id) == (o.tenant, o.account_id) for o in session.vault.accounts()):
            raise Usage(
                f"{tenant} has a credential for {account_id}: tracevault account rotate puts a "
                "new one in its place"
            )
        if looks_like_token(tenant):
            told = f"look again: {LIKE_TOKEN}"
            out.note(told, for_programs=options.for_programs, code=LIKE_TOKEN_CODE)
        credential = new_credential(**secret)
        with session.vault.edit() as edit:
            edit.put(
                tenant,
                account_id,
                credential,
                label=label,
                origin=origin_of(options, origin),
                budget_group=budget_group,
                not_before=not_before,
                expires=expires,
            )
        _hint(options, edit)
        sealed = sealed_for(_origins(session, tenant, account_id))
        done = f"is stored{sealed}; try: tracevault account check --access"
        _told(session, output, tenant, account_id, done)


@account.verb(
    "rotate",
    examples=(
        "tracevault account rotate --tenant acme --account acae0000000000000000000000000001 "
        "--token-file token.txt",
    ),
)
@credential_options
@time_option("--expires", "When the new one ends, as 90d; default: not known.", ahead=True)
@option("--yes", is_flag=True, help="Do not ask, also where a retiring one goes.")
@click.pass_obj
def rotate(options: Options, /, expires: str | None, yes: bool, **secret: Any) -> None:
    """Put a new credential in the place of the active one, which stays as the retiring one.

    Label, origin and budget group stay. Requests that Cloudflare refuses with the new one go
    through the old one, until `tracevault account retire` removes it. `promote` goes back. The
    secret that is there already changes nothing, but for --expires. A retiring one of an earlier
    rotation goes for good, and may be the last that works: you are asked before.
    """
    output = options.output(*FORMATS)
    with opened(options) as session:
        tenant, account_id = stored_place(session)
        before = _active(session, tenant, account_id)
        # What changes between the question and the commit is a conflict of this edit.
        with session.vault.edit() as edit:
            older = _retiring(session, tenant, account_id)
            if older:
                back = "tracevault account promote makes it active again"
                confirm(f"Rotate? Then {_goes(tenant, account_id)} ({back}).", yes=yes)
            edit.rotate(tenant, account_id, new_credential(**secret), expires=expires)
        _hint(options, edit)
        active = _active(session, tenant, account_id)
        if older - {active, *_retiring(session, tenant, account_id)}:
            whom = {"tenant": tenant, "account_id": account_id}
            out.note(gone(tenant, account_id), for_programs=options.for_programs, **whom)
        sealed = sealed_for(_origins(session, tenant, account_id))
        done = f"has a new credential{sealed}; the old one is retiring; "
        done += "try: tracevault account check, then tracevault account retire"
        if active == before:
            done = "has this credential already: "
            done += "nothing is changed" if expires is None else "only its end is changed"
        _told(session, output, tenant, account_id, done)


def _goes(tenant: str, account_id: str) -> str:
    """What a question says of a credential that cannot be taken back."""
    return printable(f"the retiring credential of {account_id} of {tenant} goes for good")


def _hint(options: Options, edit: Edit) -> None:
    """Tell what looks wrong about what was stored."""
    for hint in edit.hints:
        more = f"; {TABLES}" if hint.code == "is_table_row" else ""
        told = f"look again: {hint.message}{more}"
        out.note(told, for_programs=options.for_programs, code=hint.code)


def _active(session: Session, tenant: str, account_id: str) -> tuple[str, str]:
    """Which credential is the active one; where there is none, that is told before the
    secret is asked for."""
    with session.tenant_of(tenant) as one:
        for found in one.accounts():
            if (found.account_id, found.state) == (account_id, "active"):
                return identity(found)
    raise NotFoundError(
        f"{tenant} has no active credential for {account_id}: tracevault account add stores one",
        status=Status.E_NOT_FOUND,
    )


def _origins(session: Session, tenant: str, account_id: str) -> list[str]:
    """Where the account's active credential may be sent to."""
    with session.tenant_of(tenant) as one:
        return [
            found.origin
            for found in one.accounts()
            if (found.account_id, found.state) == (account_id, "active")
        ]


def _retiring(session: Session, tenant: str, account_id: str) -> set[tuple[str, str]]:
    """Which credential of the account is the retiring one, if any."""
    with session.tenant_of(tenant) as one:
        return {
            identity(found)
            for found in one.accounts()
            if (found.account_id, found.state) == (account_id, "retiring")
        }


def _require_retiring(session: Session, tenant: str, account_id: str) -> None:
    """Tell an account without a retiring credential from one that is not there."""
    with session.tenant_of(tenant) as one:
        states = {found.state for found in one.accounts() if found.account_id == account_id}
    if states and "retiring" not in states:
        raise NotFoundError(
            f"{account_id} of {tenant} has no retiring credential", status=Status.E_NOT_FOUND
        )


@account.verb(
    "retire",
    examples=("tracevault account retire --tenant acme --account ACCOUNT_ID --yes",),
)
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def retire(options: Options, yes: bool) -> None:
    """Remove the retiring credential: the end of a rotation."""
    output = options.output(*FORMATS)
    with opened(options) as session:
        tenant, account_id = stored_place(session)
        # What changes between the question and the commit is a conflict of this edit.
        with session.vault.edit() as edit:
            _require_retiring(session, tenant, account_id)
            works = "tracevault account check tells whether the active one works"
            confirm(f"Retire? Then {_goes(tenant, account_id)} ({works}).", yes=yes)
            edit.remove_retiring(tenant, account_id)
        _told(session, output, tenant, account_id, "has only its active credential now")


@account.verb(
    "promote", examples=("tracevault account promote --tenant acme --account ACCOUNT_ID",)
)
@click.pass_obj
def promote(options: Options) -> None:
    """Make the retiring credential active again, and the active one retiring: a way back."""
    output = options.output(*FORMATS)
    with opened(options) as session:
        tenant, account_id = stored_place(session)
        _require_retiring(session, tenant, account_id)
        with session.vault.edit() as edit:
            edit.promote(tenant, account_id)
        _told(
            session,
            output,
            tenant,
            account_id,
            "has exchanged its credentials: the retiring one is active, the active one retiring",
        )


@account.verb(
    "remove",
    examples=(
        "tracevault account remove --tenant acme --account ACCOUNT_ID --yes",
        "tracevault account remove --tenant initech --whole-tenant --yes",
    ),
)
@option("--whole-tenant", is_flag=True, help="Shred the tenant with all its accounts.")
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(options: Options, whole_tenant: bool, yes: bool) -> None:
    """Remove an account and its secrets, or a whole tenant."""
    output = options.output(*FORMATS)
    if whole_tenant and options.line.get("account") is not None:  # one of a profile counts not
        raise Usage("--whole-tenant and --account are two things to remove: give one")
    with opened(options) as session:
        account_id: str | None = None
        if whole_tenant:
            with session.tenant_of(options.required("tenant", "which tenant")) as one:
                tenant = one.name
        else:
            tenant, account_id = stored_place(session)
        what = f"the tenant {tenant}" if account_id is None else f"{account_id} of {tenant}"
        confirm(f"Remove {printable(what)} with all secrets?", yes=yes)
        with session.vault.edit() as edit:
            if account_id is None:
                edit.remove_tenant(tenant)
            else:
                edit.remove(tenant, account_id)
    if output == "json":
        out.json_lines([{"removed": True, "tenant": tenant, "account_id": account_id}])
    else:
        out.note(f"{what} is removed")


def _told(session: Session, output: str, tenant: str, account_id: str, said: str) -> None:
    """What a change says: a line for people, the account as it is now for programs."""
    if output == "json":
        with session.vault.tenant(tenant) as one:
            out.json_lines(
                as_document(found) for found in one.accounts() if found.account_id == account_id
            )
    else:
        out.note(f"{whose(tenant, account_id)} {said}")
