"""control: what tests ask the stand-in itself: the log, counts, a reset, a revocation, a change.

Not part of the API that is stood in for; served on the same ports, which are loopback only.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from .accounts import Directory
from .counts import Counts
from .replies import Reply
from .searching import Searching

PREFIX = "/__standin/"
LOG_LIMIT = 10_000

Entry = dict[str, Any]


class RequestLog:
    """The newest requests received; older ones leave when `limit` is reached."""

    def __init__(self, limit: int = LOG_LIMIT) -> None:
        self.entries: deque[Entry] = deque(maxlen=limit)

    def record(
        self,
        method: str,
        path: str,
        query: str,
        version: str,
        headers: list[tuple[str, str]],
        scheme: str,
        server: str = "api",
    ) -> None:
        self.entries.append(
            {
                "method": method,
                "path": path,
                "query": query,
                "http_version": version,
                "scheme": scheme,
                "server": server,
                "headers": headers,
            }
        )


def controlled(
    method: str,
    verb: str,
    body: bytes,
    log: RequestLog,
    counts: Counts,
    directory: Directory,
    searching: Searching,
) -> Reply:
    """The answer to every verb but `reset`, which concerns the whole API."""
    if (method, verb) == ("POST", "amend"):
        document = _object(body)
        known = searching.amend(str(document.get("id")), document.get("set"))
        return _json(200, {}) if known else _json(404, {"error": "no mail has this id"})
    if (method, verb) == ("GET", "requests"):
        return _json(200, list(log.entries))
    if (method, verb) == ("GET", "counts"):
        return _json(200, counts.shown())
    if method == "POST" and verb in ("revoke", "restore"):
        secret = _secret(body)
        if secret not in directory.secrets:
            return _json(404, {"error": "no credential has this token or key"})
        if verb == "revoke":
            directory.revoked.add(secret)
        else:
            directory.revoked.discard(secret)
        return _json(200, {})
    return _json(404, {"error": "no such verb"})


def _secret(body: bytes) -> str:
    """The `token`, or the key, that the body names."""
    secret = _object(body).get("token")
    return secret if isinstance(secret, str) else ""


def _object(body: bytes) -> Entry:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _json(status: int, document: Any) -> Reply:  # noqa: ANN401
    return Reply(status, json.dumps(document).encode())
