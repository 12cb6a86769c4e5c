"""accounts: who may ask what, judged as strictly as Cloudflare judges it.

Reads the fixture and decides one request's authentication.  Nothing here knows about traces,
quotas or HTTP framing.
"""

from __future__ import annotations

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
    kind: str
    user: str
    accounts: tuple[str, ...]
    permission: bool = True
    token: str = ""
    email: str = ""
    key: str = ""


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
        for credential in self.credentials:
            if credential.kind == "api_token" and credential.token == token:
                return credential
        raise Refusal(401, 10000, "Authentication error")

    def _by_key(self, emails: list[str], keys: list[str]) -> Credential:
        if not emails or not keys:
            missing = "X-Auth-Key" if emails else "X-Auth-Email"
            raise Refusal(400, 9106, f"Missing {missing} header")
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
            raise _malformed(6103, "X-Auth-Key")
        if len(emails) != 1 or not _EMAIL.fullmatch(emails[0]):
            raise _malformed(6102, "X-Auth-Email")
        for credential in self.credentials:
            if credential.kind == "global_key" and (credential.email, credential.key) == (
                emails[0],
                keys[0],
            ):
                return credential
        raise Refusal(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")

    def authorize(self, credential: Credential, account_id: str) -> None:
        """An account one may not see and an account that does not exist look the same."""
        if not credential.permission or account_id not in credential.accounts:
            raise AUTHENTICATION_ERROR
