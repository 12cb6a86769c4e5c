"""routes: which endpoint a path names; the only place that knows the API's paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from .accounts import Refusal

PREFIX = "/client/v4"
_ACCOUNT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Route:
    """`kind` is trace, search, results, verify or user; `ref` names a message or a kept result."""

    kind: str
    account_id: str | None = None
    ref: str = ""


def search_path(account_id: str) -> str:
    return f"{PREFIX}/accounts/{account_id}/email-security/investigate"


def results_path(account_id: str, name: str) -> str:
    """Where a search answered by 202 is polled; the real shape is not published."""
    return f"{search_path(account_id)}/results/{name}"


def route(path: str) -> Route:
    parts = path.removeprefix(PREFIX + "/").split("/") if path.startswith(PREFIX + "/") else []
    lost = Refusal(
        404,
        7003,
        f"Could not route to {path}, perhaps your object identifier is invalid?",
        ((7000, "No route for that URI"),),
    )
    if parts in (["user"], ["user", "tokens", "verify"]):
        return Route("verify" if len(parts) > 1 else "user")
    if len(parts) < 2 or parts[0] != "accounts" or not _ACCOUNT.fullmatch(parts[1]):
        raise lost
    account_id, rest = parts[1], parts[2:]
    if rest == ["tokens", "verify"]:
        return Route("verify", account_id)
    if rest[:2] != ["email-security", "investigate"]:
        raise lost
    if len(rest) == 2:
        return Route("search", account_id)
    if len(rest) != 4 or not rest[2] or not rest[3]:
        raise lost
    if rest[3] == "trace":
        return Route("trace", account_id, unquote(rest[2]))
    if rest[2] == "results":
        return Route("results", account_id, rest[3])
    raise lost
