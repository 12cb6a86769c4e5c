"""``tracevault vault``: what there is to know and to do about the vault itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import click

from ...credentials import KeyFile, Passphrase, RawKey, SystemdCredential, Unlock
from ...errors import ArgumentError, Status, TraceVaultError
from ...vault import Vault
from .. import out
from ..asked import confirm
from ..failures import Usage
from ..group import WHOLE_VAULT, Group
from ..new_unlock import new_unlock, new_unlock_options, require_free
from ..option import option
from ..options import Options
from ..printable import printable
from ..session import Session, opened, raw_key, some
from ..words import plural

#: What a verb that changes the vault prints. Each asks for it first: a wrong one changes nothing.
FORMATS = ("table", "json")

#: How a vault's report calls the ways to unlock it.
_TYPES = {Passphrase: "passphrase", RawKey: "key", KeyFile: "keyfile",
          SystemdCredential: "credential"}  # fmt: skip

vault: Group = Group(
    "vault",
    help="Look after the vault. Nothing here shows a secret.",
    examples=("tracevault vault info", "tracevault vault verify --json"),
)


@vault.verb("info", idle=WHOLE_VAULT, examples=("tracevault vault info",))
@click.pass_obj
def info(options: Options) -> None:
    """Tell the vault's identity, generation, times, counts and unlocks."""
    output = options.output(*FORMATS)
    with opened(options) as session:
        told = _told(session)
    if output == "json":
        out.json_lines([told])
        return
    unlocks = told.pop("unlocks", [])
    out.pairs(told)
    out.line()
    _show_unlocks(unlocks)


@vault.verb("verify", idle=WHOLE_VAULT, examples=("tracevault vault verify",))
@click.pass_obj
def verify(options: Options) -> None:
    """Read the stored file afresh and open every record; tell the counts, or the first fault."""
    output = options.output(*FORMATS)
    with opened(options) as session:
        told = {"vault": session.path, **session.vault.verify()}
    if output == "json":
        out.json_lines([told])
    else:
        out.pairs(told)
        out.note("every record opens")


@vault.verb("unlocks", idle=WHOLE_VAULT, examples=("tracevault vault unlocks",))
@click.pass_obj
def unlocks(options: Options) -> None:
    """List the ways to unlock the vault: slot, type, label."""
    output = options.output("table", "json", "csv")
    with opened(options) as session:
        found = session.vault.describe()["unlocks"]
    if output == "json":
        out.json_lines(found)
    elif output == "csv":
        out.csv_rows([("slot", "type", "label"), *_unlock_rows(found)])
    else:
        _show_unlocks(found)


def _show_unlocks(found: list[dict[str, Any]]) -> None:
    out.table(("SLOT", "TYPE", "LABEL"), _unlock_rows(found))


def _unlock_rows(found: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    return ((one.get("slot"), one.get("type"), one.get("label")) for one in found)


@vault.verb(
    "add-unlock",
    idle=WHOLE_VAULT,
    examples=("tracevault vault add-unlock --new-key-file recovery.key --label recovery",),
)
@new_unlock_options
@option("--label", default="", help="What it is for; whoever has the file can read it.")
@click.pass_obj
def add_unlock(options: Options, /, label: str, **new: Any) -> None:
    """Add a way to unlock the vault, beside the one that opens it now."""
    output = options.output(*FORMATS)
    with opened(options) as session:
        with new_unlock(options, new) as unlock:
            _require_new(session, unlock, new)
            with session.vault.edit() as edit:
                edit.add_unlock(unlock, known=session.unlock, label=label)
        _done(output, _told(session), "the new unlock is added")


def _require_new(session: Session, unlock: Unlock, new: dict[str, Any]) -> None:
    """Refuse what opens the vault already: a second slot of it would outlive the first, and after
    a rekey it would open the vault still.

    A file that is a key file for one may be a raw key for another.
    """
    _refuse_if_it_opens(session, unlock)
    for key in raw_key(new["new_key_file"]):
        with contextlib.closing(key):
            _refuse_if_it_opens(session, key)


def _refuse_if_it_opens(session: Session, unlock: Unlock) -> None:
    with contextlib.suppress(TraceVaultError):
        Vault.open(session.path, unlock, settings=session.settings).close()
        raise Usage("this opens the vault already: tracevault vault unlocks shows what does")


@vault.verb("remove-unlock", idle=WHOLE_VAULT, examples=("tracevault vault remove-unlock 1 --yes",))
@click.argument("slot", type=int)
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove_unlock(options: Options, slot: int, yes: bool) -> None:
    """Remove the unlock in a slot; `tracevault vault unlocks` shows them."""
    output = options.output(*FORMATS)
    with opened(options) as session:
        found: list[dict[str, Any]] = session.vault.describe()["unlocks"]
        with session.vault.edit() as edit:
            edit.remove_unlock(slot)  # where there is none, that is told unasked
            if len(found) == 1:
                raise ArgumentError(
                    "the last unlock cannot be removed: add another one first",
                    status=Status.E_ARGUMENT,
                )
            what = f"the unlock in slot {slot}{_words(found, slot)}"
            confirm(f"Remove {what}?{_opening(session, found, slot)}", yes=yes)
        _done(output, _told(session), f"{what} is removed")


def _words(found: list[dict[str, Any]], slot: int) -> str:
    """The type and the label of an unlock, in brackets."""
    told = [one.get(name) for one in found if one.get("slot") == slot for name in ("type", "label")]
    return f" ({printable(', '.join(filter(None, told)))})" if any(told) else ""


def _opening(session: Session, found: list[dict[str, Any]], slot: int) -> str:
    """Whether an unlock is what opened the vault for this call, as far as its type says it."""
    types = {one.get("slot"): one.get("type") for one in found}
    mine = _TYPES.get(type(session.unlock))
    alike = sum(one == mine for one in types.values())
    if types.get(slot) != mine:
        return ""
    if alike == 1:
        return " It is what opens the vault now."
    return f" It may be what opens the vault now: {alike} unlocks are of its type."


@vault.verb(
    "rekey", idle=WHOLE_VAULT, examples=("tracevault vault rekey --new-key-file next.key --yes",)
)
@new_unlock_options
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rekey(options: Options, /, yes: bool, **new: Any) -> None:
    """Seal everything under new keys, after somebody may have seen the old one.

    Only the new unlock opens the vault afterwards; what opens it now is refused. Processes
    that have it open must open it again.
    """
    output = options.output(*FORMATS)
    with opened(options) as session:
        confirm("Seal everything anew? No unlock of now opens it afterwards.", yes=yes)
        with new_unlock(options, new) as unlock:
            _require_new(session, unlock, new)
            with session.vault.edit() as edit:
                edit.rekey(unlock)
        _done(output, _told(session), "the vault is sealed anew")


@vault.verb(
    "export",
    idle={"account": "an export has all accounts, or those of --tenant"},
    examples=("tracevault vault export acme.vault --tenant acme --new-key-file acme.key",),
)
@click.argument("file", type=click.Path())
@new_unlock_options
@click.pass_obj
def export(options: Options, /, file: str, **new: Any) -> None:
    """Write one tenant (--tenant) or all into a new vault FILE with keys of its own.

    FILE may be s3://BUCKET/KEY.
    """
    output = options.output(*FORMATS)
    with opened(options) as session:
        given = options.get("tenant")
        tenant = None if given is None else str(given.value)
        if tenant is not None:
            session.tenant_of(tenant).close()
        require_free(file)
        accounts = session.vault.accounts()
        with new_unlock(options, new) as unlock:
            session.vault.export(file, unlock, tenant=tenant, settings=session.settings)
        options.done = f"{file} is written"
        everybody = {one.tenant for one in accounts}
        if given is not None and not given.source.startswith("--"):
            who = f"only the tenant {tenant} of {len(everybody)} is written"
            told = f"{who}, as {given.placed('tenant')} says"
            out.note(told, for_programs=options.for_programs, tenant=tenant)
        tenants = everybody if tenant is None else {tenant}
        credentials = sum(one.tenant in tenants for one in accounts)
        counts = {"tenants": len(tenants), "credentials": credentials}
        whose = f"the tenant {tenant}"
        if tenant is None:
            whose = (
                f"all {plural(len(tenants), 'tenant')} ({some(tenants)})"
                if tenants
                else "no tenant"
            )
        said = f"{file} is written with {whose}, {plural(credentials, 'credential')}"
        _done(output, {"vault": file, "tenant": tenant, **counts}, said)


@vault.verb("refresh", idle=WHOLE_VAULT, examples=("tracevault vault refresh",))
@click.pass_obj
def refresh(options: Options) -> None:
    """Look at the stored vault again and tell its generation, or why it cannot be looked at."""
    output = options.output(*FORMATS)
    with opened(options) as session:
        session.vault.refresh()
        told = _told(session)
        _done(output, told, f"generation {told['generation']}, saved {told.get('saved')}")


def _told(session: Session) -> dict[str, Any]:
    return {"vault": session.path, **session.vault.describe()}


def _done(output: str, told: dict[str, Any], said: str) -> None:
    """What a change says: a line for people, the vault as it is now for programs."""
    if output == "json":
        out.json_lines([told])
    else:
        out.note(said)
