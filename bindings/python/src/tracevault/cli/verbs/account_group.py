"""The group of ``tracevault account``, and what its verbs share."""

from __future__ import annotations

from typing import Any

from ...errors import is_account_id
from ...vault import Account
from ..failures import Usage
from ..group import Group
from ..options import Options
from ..session import Session

account: Group = Group(
    "account",
    help="The credentials in the vault. Nothing here shows a secret.",
    examples=("tracevault account list", "tracevault account check --expiring 14d"),
)

#: The columns of CSV, and the names in JSON lines.
FIELDS = (
    "tenant",
    "account_id",
    "label",
    "kind",
    "state",
    "origin",
    "email",
    "budget_group",
    "not_before",
    "expires",
    "created",
    "fingerprint",
)


def identity(one: Account) -> tuple[str, str]:
    """What tells an account's credentials apart: one secret with two addresses is two of them."""
    return one.fingerprint, one.email or ""


def as_document(one: Account) -> dict[str, Any]:
    """An account as the object of a JSON line."""
    return {
        "tenant": one.tenant,
        "account_id": one.account_id,
        "label": one.label,
        "kind": one.kind,
        "state": one.state,
        "origin": one.origin,
        "email": one.email,
        "budget_group": one.budget_group,
        "not_before": one.not_before_text,
        "expires": one.expires_text,
        "created": one.created_text,
        "fingerprint": one.fingerprint,
    }


def place(options: Options) -> tuple[str, str]:
    """The tenant and the account that a new credential is for; both must be named."""
    tenant = options.required("tenant", "which tenant")
    account_id = options.required("account", "which account")
    given = options.get("account")
    if given is not None and not is_account_id(account_id):
        raise Usage(
            f"{given.placed('account')} takes the id of the account here: 32 digits of 0-9 and a-f"
        )
    return tenant, account_id


def stored_place(session: Session) -> tuple[str, str]:
    """The tenant and the account that a change is about; the account by its id or its label."""
    session.options.required("account", "which account (tracevault account list shows them)")
    account_id = session.account
    assert account_id is not None
    with session.tenant() as one:
        return one.name, account_id
