"""failures: the replies a test asks for by the message ref it requests.

The list is in ../README.md.  Every ref here also passes the library's own check of message refs,
so a test needs no back door.  Failures of the connection itself live in raw.py.
"""

from __future__ import annotations

import email.utils
import gzip
import json
import re
import time
from functools import lru_cache

from .accounts import AUTHENTICATION_ERROR, Refusal
from .replies import HTML_TYPE, JSON_TYPE, Reply, edge_page, envelope, refused

LARGE_BYTES = 48 * 1024 * 1024
BOMB_BYTES = 256 * 1024 * 1024
DEPTH = 10_000

_FAIL = re.compile(
    r"fail-(?P<status>[45]\d\d)"
    r"(?:-(?!(?:once|x\d+)$)(?P<how>[a-z0-9-]+?))?"
    r"(?:-(?P<times>once|x\d+))?"
)
_SLOW = re.compile(r"slow-(?P<ms>\d{1,6})")

_MESSAGES = {
    401: (10000, "Authentication error"),
    403: (10000, "Authentication error"),
    404: (10404, "Message not found"),
    429: (971, "Please wait and consider throttling your request speed"),
}


def limited_times(ref: str) -> int | None:
    """How often this failure strikes before the trace is served; None means always."""
    match = _FAIL.fullmatch(ref)
    times = match["times"] if match else None
    if ref == "should-retry-true-once" or times == "once":
        return 1
    return int(times[1:]) if times else None


def injected(ref: str, ok: bytes, elsewhere: str) -> Reply | None:
    """The failure `ref` asks for, or None when it names none.

    `ok` is a good trace body to spoil or to delay; `elsewhere` another origin for redirects.
    """
    if match := _SLOW.fullmatch(ref):
        return Reply(200, ok, delay_s=int(match["ms"]) / 1000)
    if ref in ("fail-redirect", "bad-202"):
        status = 302 if ref == "fail-redirect" else 202
        return Reply(status, b"", (("location", f"{elsewhere}/client/v4/elsewhere"),))
    if ref in ("should-retry-false", "should-retry-true-once"):
        wanted = ref.split("-")[2]
        status = 503 if wanted == "false" else 400
        refusal = Refusal(status, 10001, "Try as told", headers=(("x-should-retry", wanted),))
        return refused(refusal)
    if match := _FAIL.fullmatch(ref):
        return _failed(int(match["status"]), match["how"] or "")
    return _spoilt(ref, ok)


def _failed(status: int, how: str) -> Reply | None:
    code, message = _MESSAGES.get(status, (10001, "Unable to process the request"))
    waits: dict[str, tuple[tuple[str, str], ...]] = {
        "retry-after-ms": (("retry-after-ms", "150"),),
        "retry-after-date": (
            ("retry-after", email.utils.formatdate(time.time() + 2, usegmt=True)),
        ),
        "retry-after-absurd": (("retry-after", "99999999999999999999"),),
    }
    if how == "html" or (status >= 520 and how == ""):
        return edge_page(status)
    if how == "empty":
        return Reply(status, b"", ())
    if how in waits:
        return refused(Refusal(status, code, message, headers=waits[how]))
    if how.isdigit() and status in (429, 503):
        return refused(Refusal(status, code, message, headers=(("retry-after", how),)))
    if status == 403 and how == "permission":
        return refused(AUTHENTICATION_ERROR)
    if how.isdigit():
        return refused(Refusal(status, int(how), "Injected error"))
    return refused(Refusal(status, code, message)) if how in ("", "json") else None


def _spoilt(ref: str, ok: bytes) -> Reply | None:
    """Replies whose status says nothing bad, or whose body is not what the type says."""
    problem = {
        "type": "https://developers.cloudflare.com/support/error-1010/",
        "title": "Error 1010: Access denied",
        "status": 403,
        "detail": "The owner has banned this client.",
        "instance": "8a1b2c3d4e5f6789",
        "error_code": 1010,
        "error_name": "browser_signature_banned",
        "error_category": "access_denied",
        "retryable": False,
        "owner_action_required": True,
        "ray_id": "8a1b2c3d4e5f6789",
    }
    refusal = Refusal(200, 1001, "Unable to read the trace")
    plain: dict[str, Reply] = {
        "bad-html": Reply(200, edge_page(200).body, HTML_TYPE),
        "bad-empty": Reply(200, b""),
        "bad-truncated": Reply(200, ok[: len(ok) // 2]),
        "bad-type": Reply(200, envelope([])),
        "bad-type-lines": Reply(200, envelope({"inbound": {"lines": "no"}, "outbound": {}})),
        "bad-utf8": Reply(200, ok.replace(b'"message":"', b'"message":"\xff\xfe', 1)),
        "bad-success-false": refused(refusal),
        "bad-problem-json": Reply(
            403, json.dumps(problem).encode(), (("content-type", "application/problem+json"),)
        ),
        "odd-null-result": Reply(200, envelope(None)),
        "odd-null-blocks": Reply(200, envelope({"inbound": None, "outbound": {"lines": None}})),
        "odd-empty-blocks": Reply(200, envelope({"inbound": {}, "outbound": {}})),
        "odd-lines": Reply(200, envelope({"inbound": _odd_lines(), "outbound": {}})),
        "slow-body": Reply(200, ok, byte_pause_s=0.02),
    }
    if ref in plain:
        return plain[ref]
    if ref == "bad-deep":
        nested = b'{"success":true,"errors":[],"messages":[],"result":'
        return Reply(200, nested + b"[" * DEPTH + b"]" * DEPTH + b"}")
    if ref == "bad-large":
        return Reply(200, _padded(LARGE_BYTES), encoded=True)
    if ref == "bad-gzip-bomb":
        return Reply(200, _bomb(), (*JSON_TYPE, ("content-encoding", "gzip")), encoded=True)
    return None


def _odd_lines() -> dict[str, object]:
    """Every line the contract allows and no client expects."""
    return {
        "pending": None,
        "lines": [
            {},
            {"message": None, "ts": None, "logged_at": None, "lineno": None},
            {"message": "no time at all"},
            {"lineno": 0, "message": "number zero", "logged_at": "2026-11-23T04:05:06Z"},
            {"lineno": "7", "message": "number as a string", "ts": "2026-11-23 04:05:06.123456"},
            {"lineno": 9007199254740993, "message": "int64", "ts": "not a time"},
            {"message": "both", "logged_at": "2026-11-23T04:05:06+02:00", "ts": "ts", "new": [1]},
        ],
    }


def _padded(size: int) -> bytes:
    head, tail = b'{"success":true,"errors":[],"messages":[],"result":{"pad":"', b'"}}'
    return head + b" " * (size - len(head) - len(tail)) + tail


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(_padded(BOMB_BYTES), compresslevel=9)
