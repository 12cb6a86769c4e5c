"""tokens: what the endpoints about the credential itself answer: token verification, the user.

User tokens are verified at one endpoint and account-owned tokens at another, and each endpoint
knows nothing of the other's.  Global keys have no verification; one asks for their user instead.
"""

from __future__ import annotations

import datetime
import hashlib
import json

from .accounts import Credential, Refusal
from .replies import Reply, envelope

INVALID = Refusal(401, 1000, "Invalid API Token")


class Tokens:
    """Answers about credentials; expiry dates count from `started`."""

    def __init__(self, started: datetime.datetime) -> None:
        self._started = started

    def verified(self, credential: Credential | None, account_id: str | None) -> Reply:
        """The verification of a token, for its user or, with an account, for that account."""
        if credential is None or credential.kind != "api_token":
            raise INVALID
        if (credential.owner == "account") is (account_id is None):
            raise INVALID
        if account_id is not None and account_id not in credential.reach:
            raise INVALID
        result = {"id": _id_of(credential.secret), "status": credential.status}
        for name, days in (
            ("not_before", credential.not_before_in_days),
            ("expires_on", credential.expires_in_days),
        ):
            if days is not None:
                at = self._started + datetime.timedelta(days=days)
                result[name] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        # Code 10000, an authentication error everywhere else, is success here.
        note = {"code": 10000, "message": "This API Token is valid and active", "type": None}
        notes = [note] if credential.status == "active" else []
        document = {"success": True, "errors": [], "messages": notes, "result": result}
        return Reply(200, json.dumps(document).encode())

    def user(self, credential: Credential) -> Reply:
        """The user behind a global key; a token may not read it without a permission of its own."""
        if credential.kind != "global_key":
            raise Refusal(403, 9109, "Unauthorized to access requested resource")
        return Reply(
            200,
            envelope(
                {
                    "id": _id_of(credential.user),
                    "email": credential.email,
                    "username": credential.user,
                    "first_name": None,
                    "last_name": None,
                    "telephone": None,
                    "country": None,
                    "zipcode": None,
                    "two_factor_authentication_enabled": True,
                    "two_factor_authentication_locked": False,
                    "has_enterprise_zones": True,
                    "suspended": False,
                    "created_on": "2020-01-02T03:04:05.000000Z",
                    "modified_on": "2026-01-02T03:04:05.000000Z",
                    "organizations": [],
                }
            ),
        )


def _id_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]
