"""An account of a vault: what may be known of its credential. No secret is here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from ._fields import parse_time
from ._frozen import Frozen
from ._member import NOTHING

CredentialKind = Literal["api_token", "global_key"]
CredentialState = Literal["active", "retiring"]


class Account(Frozen):
    """One account of a vault: what may be known about its credential, never the secret."""

    _unhashed = frozenset({"later"})

    tenant: str
    """The tenant's name."""
    account_id: str
    """Cloudflare's id: 32 hexadecimal digits."""
    kind: CredentialKind
    """``api_token`` or ``global_key``."""
    label: str = ""
    """The administrator's own words; empty when there are none."""
    origin: str = ""
    """Scheme, host and port that the secret may be sent to."""
    email: str | None = None
    """The user's e-mail address, of a global key."""
    state: CredentialState = "active"
    """``active``: the one in use; ``retiring``: the one before it, used while the new one is
    refused."""
    budget_group: str | None = None
    """Whose quota its requests spend, where it was set."""
    not_before_text: str | None = None
    """The credential's validity, RFC 3339, where it was set."""
    expires_text: str | None = None
    """When its validity ends, RFC 3339, where it was set."""
    created_text: str | None = None
    """When this credential was stored, RFC 3339."""
    fingerprint: str = ""
    """Tells two secrets apart without showing either."""
    later: Mapping[str, Any] = NOTHING
    """Whatever else a later library tells."""

    def to_dict(self) -> dict[str, Any]:
        """What a program stores or sends: JSON values only, no secret."""
        return {
            "tenant": self.tenant,
            "account_id": self.account_id,
            "kind": self.kind,
            "label": self.label,
            "origin": self.origin,
            "email": self.email,
            "state": self.state,
            "budget_group": self.budget_group,
            "not_before": self.not_before_text,
            "expires": self.expires_text,
            "created": self.created_text,
            "fingerprint": self.fingerprint,
            **self.later,
        }

    def __repr__(self) -> str:
        label = f", {self.label!r}" if self.label else ""
        return f"Account({self.tenant!r}, {self.account_id!r}{label}, {self.state})"

    @property
    def created(self) -> datetime | None:
        """When this credential was stored."""
        return parse_time(self.created_text)

    @property
    def not_before(self) -> datetime | None:
        """When the credential's validity begins."""
        return parse_time(self.not_before_text)

    @property
    def expires(self) -> datetime | None:
        """When the credential's validity ends."""
        return parse_time(self.expires_text)


def accounts_of(listed: Any) -> list[Account]:
    found = []
    for entry in listed["accounts"]:
        rest = dict(entry)
        found.append(
            Account(
                tenant=rest.pop("tenant"),
                account_id=rest.pop("account_id"),
                kind=rest.pop("kind"),
                label=rest.pop("label", None) or "",
                origin=rest.pop("origin", None) or "",
                email=rest.pop("email", None),
                state=rest.pop("state", None) or "active",
                budget_group=rest.pop("budget_group", None),
                not_before_text=rest.pop("not_before", None),
                expires_text=rest.pop("expires", None),
                created_text=rest.pop("created", None),
                fingerprint=rest.pop("fingerprint", None) or "",
                later=rest,
            )
        )
    return found
