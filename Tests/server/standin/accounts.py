"""accounts: who may ask what, judged as strictly as Cloudflare judges it.

Reads the fixture and decides one request's authentication.  Nothing here knows about traces,
quotas or HTTP framing; what the endpoints for tokens and users say is in tokens.py.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BEARER = re.compile(r"Bearer [A-Za-z0-9_-]{1,512}")
_KEY = re.compile(r"[0-9a-f]{32,45}|cfk_[A-Za-z0-9]{48}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Refusal(Exception):
    """One reply in Cloudflare's words."""

    status: int
    code: int
    message: str
    chain: tuple[tuple[int, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def errors(self) -> list[dict[str, Any]]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.chain:
            error["error_chain"] = [{"code": c, "message": m} for c, m in self.chain]
        return [error]


@dataclass(frozen=True)
class Credential:
    """One token or key; `user` names whose quota its requests spend."""

    kind: str
    user: str
    accounts: tuple[str, ...]
    permission: bool = True
    token: str = ""
    email: str = ""
    key: str = ""
    # How a test asks for this one.
    name: str = ""
    # Whose token it is, "user" or "account": it decides which endpoint verifies it.
    owner: str = "user"
    status: str = "active"
    # Days from the start of the stand-in; negative for the past.
    not_before_in_days: float | None = None
    expires_in_days: float | None = None

    @property
    def usable(self) -> bool:
        """Whether requests with it get an answer at all."""
        return self.permission and self.status == "active"

    @property
    def secret(self) -> str:
        return self.token or self.key

    @functools.cached_property
    def reach(self) -> frozenset[str]:
        """The accounts as a set: one user may have ten thousand."""
        return frozenset(self.accounts)


@dataclass(frozen=True)
class Account:
    id: str
    label: str
    tenant: str


def _malformed(code: int, header: str) -> Refusal:
    return Refusal(
        400, 6003, "Invalid request headers", ((code, f"Invalid format for {header} header"),)
    )


AUTHENTICATION_ERROR = Refusal(403, 10000, "Authentication error")


@dataclass(frozen=True)
class Directory:
    """Every account and credential the stand-in knows."""

    accounts: tuple[Account, ...]
    credentials: tuple[Credential, ...] = field(repr=False)
    # Secrets that a test has revoked; the only thing here that changes while it serves.
    revoked: set[str] = field(default_factory=set, repr=False)

    @functools.cached_property
    def _tokens(self) -> dict[str, Credential]:
        return {c.token: c for c in reversed(self.credentials) if c.kind == "api_token"}

    @functools.cached_property
    def _keys(self) -> dict[tuple[str, str], Credential]:
        return {(c.email, c.key): c for c in reversed(self.credentials) if c.kind == "global_key"}

    @functools.cached_property
    def secrets(self) -> frozenset[str]:
        return frozenset(c.secret for c in self.credentials)

    @classmethod
    def load(cls, path: Path) -> Directory:
        raw = json.loads(path.read_text(encoding="utf-8"))
        accounts = tuple(
            Account(account["id"], account["label"], tenant["name"])
            for tenant in raw["tenants"]
            for account in tenant["accounts"]
        )
        credentials = tuple(
            Credential(**{**entry, "accounts": tuple(entry["accounts"])})
            for entry in raw["credentials"]
        )
        return cls(accounts, credentials)

    def authenticate(self, headers: Headers) -> Credential:
        """The credential a request carries, or the refusal Cloudflare gives.

        A token that is expired, disabled or revoked is refused like one that never was.
        """
        credential = self.identify(headers)
        if credential is None or credential.status != "active":
            raise Refusal(401, 10000, "Authentication error")
        return credential

    def identify(self, headers: Headers) -> Credential | None:
        """Whose credential a request carries, dead or alive; None for a token nobody has.

        Anything worse is the refusal Cloudflare gives.
        Which scheme wins when both are sent is not documented; official clients that sent an
        e-mail beside a token got 9106, so the X-Auth headers are judged first here.
        """
        values: dict[str, list[str]] = {}
        for name, value in headers:
            values.setdefault(name.lower(), []).append(value)
        emails, keys = values.get("x-auth-email", []), values.get("x-auth-key", [])
        bearers = values.get("authorization", [])
        if emails or keys:
            return self._by_key(emails, keys)
        if not bearers:
            raise Refusal(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        if len(bearers) != 1 or not _BEARER.fullmatch(bearers[0]):
            raise _malformed(6111, "Authorization")
        token = bearers[0].removeprefix("Bearer ")
        return None if token in self.revoked else self._tokens.get(token)

    def presented(self, headers: Headers) -> Credential | None:
        """Whose secret is in the headers, whatever is wrong with it or with them."""
        values = {name.lower(): value for name, value in headers}
        token = values.get("authorization", "").removeprefix("Bearer ")
        email, key = values.get("x-auth-email", ""), values.get("x-auth-key", "")
        return self._keys.get((email, key)) or self._tokens.get(token)

    def _by_key(self, emails: list[str], keys: list[str]) -> Credential:
        if not emails or not keys:
            missing = "X-Auth-Key" if emails else "X-Auth-Email"
            raise Refusal(400, 9106, f"Missing {missing} header")
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
            raise _malformed(6103, "X-Auth-Key")
        if len(emails) != 1 or not _EMAIL.fullmatch(emails[0]):
            raise _malformed(6102, "X-Auth-Email")
        credential = self._keys.get((emails[0], keys[0]))
        if credential is None or keys[0] in self.revoked:
            raise Refusal(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")
        return credential

    def authorize(self, credential: Credential, account_id: str) -> None:
        """An account one may not see and an account that does not exist look the same."""
        if not credential.permission or account_id not in credential.reach:
            raise AUTHENTICATION_ERROR
