"""api: the routes, as one ASGI application.

Decides what a request gets: route, authentication, quota, account, message, in Cloudflare's order.
No sockets, no certificates, no process matters.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from .accounts import Directory, Refusal
from .catalogue import Message
from .failures import injected, limited_times
from .quota import Quota
from .replies import Pairs, Reply, envelope, refused

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_ACCOUNT = re.compile(r"[0-9a-f]{32}")
PREFIX = "/client/v4"
LOG_LIMIT = 100_000


class Api:
    """The stand-in's whole state and behaviour."""

    def __init__(self, directory: Directory, messages: tuple[Message, ...], quota: Quota) -> None:
        self._directory = directory
        self._quota = quota
        self._served = {(m.account_id, ref): m for m in messages for ref in m.refs}
        # What delayed and spoilt replies are made of: a complete trace of the same account.
        self._sample = {m.account_id: m for m in reversed(messages) if not m.submission}
        self._seen: Counter[tuple[str, str]] = Counter()
        self._rays = 0
        self.log: list[dict[str, Any]] = []
        self.elsewhere = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path = scope["raw_path"].decode("ascii", "replace").partition("?")[0]
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        extra: Pairs = ()
        if path.startswith("/__standin/"):
            reply = self._control(scope["method"], path)
        else:
            self.record(
                scope["method"],
                path,
                scope["query_string"].decode("latin-1"),
                scope["http_version"],
                headers,
                scope["scheme"],
            )
            reply, extra = self._answer(scope, path, headers)
        await self._send(scope, send, headers, reply, extra)

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
        if len(self.log) < LOG_LIMIT:
            self.log.append(
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

    def _answer(
        self, scope: Scope, path: str, headers: list[tuple[str, str]]
    ) -> tuple[Reply, Pairs]:
        spent: Pairs = ()
        try:
            route = _route(path)
            if scope["method"] != "GET":
                raise Refusal(
                    405,
                    7001,
                    f"Method {scope['method']} not available for that URI.",
                    headers=(("allow", "GET"),),
                )
            credential = self._directory.authenticate(headers)
            verdict = self._quota.spend(credential.user, time.monotonic())
            spent = verdict.headers
            if not verdict.allowed:
                raise Refusal(429, 971, "Please wait and consider throttling your request speed")
            if route is None:
                return self._verified(), spent
            account_id, ref = route
            self._directory.authorize(credential, account_id)
            query = scope["query_string"].decode("latin-1")
            return self._trace(account_id, ref, _submission(query)), spent
        except Refusal as refusal:
            return refused(refusal), spent

    def _verified(self) -> Reply:
        """A token's verification; code 10000 means success here and nowhere else."""
        note = {"code": 10000, "message": "This API Token is valid and active", "type": None}
        body = {
            "success": True,
            "errors": [],
            "messages": [note],
            "result": {"id": "0" * 32, "status": "active"},
        }
        return Reply(200, json.dumps(body).encode())

    def _trace(self, account_id: str, ref: str, submission: bool) -> Reply:
        key = (account_id, ref)
        seen = self._seen[key]
        self._seen[key] += 1
        sample = self._sample[account_id]
        ok = envelope(sample.result(sample.pending_requests))
        failure = injected(ref, ok, self.elsewhere)
        if failure is not None:
            times = limited_times(ref)
            return failure if times is None or seen < times else Reply(200, ok)
        message = self._served.get(key)
        if message is None or message.submission != submission:
            raise Refusal(404, 10404, "Message not found")
        return Reply(200, envelope(message.result(seen)))

    def _control(self, method: str, path: str) -> Reply:
        if (method, path) == ("GET", "/__standin/requests"):
            return Reply(200, json.dumps(self.log).encode())
        if (method, path) == ("POST", "/__standin/reset"):
            self.log.clear()
            self._seen.clear()
            self._quota.reset()
            return Reply(200, b"{}")
        return Reply(404, b"{}")

    async def _send(
        self, scope: Scope, send: Send, headers: list[tuple[str, str]], reply: Reply, extra: Pairs
    ) -> None:
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        self._rays += 1
        body, fields = (
            reply.body,
            [
                *reply.headers,
                *extra,
                ("server", "cloudflare"),
                ("cf-ray", f"{0x8A1B2C3D4E500000 + self._rays:016x}-SYD"),
            ],
        )
        accepted = ",".join(v for n, v in headers if n.lower() == "accept-encoding")
        plain = reply.encoded or reply.byte_pause_s
        if body and not plain and "gzip" in accepted:
            body = gzip.compress(body, compresslevel=1)
            fields += [("content-encoding", "gzip"), ("vary", "accept-encoding")]
        fields.append(("content-length", str(len(body))))
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [(n.encode(), v.encode()) for n, v in fields],
            }
        )
        if reply.byte_pause_s:
            for index in range(len(body)):
                await asyncio.sleep(reply.byte_pause_s)
                await send(
                    {
                        "type": "http.response.body",
                        "body": body[index : index + 1],
                        "more_body": True,
                    }
                )
            body = b""
        await send({"type": "http.response.body", "body": body})


def _route(path: str) -> tuple[str, str] | None:
    """(account, message ref) of a trace, None for a token check; all else is not routed."""
    parts = path.removeprefix(PREFIX + "/").split("/") if path.startswith(PREFIX + "/") else []
    lost = Refusal(
        404,
        7003,
        f"Could not route to {path}, perhaps your object identifier is invalid?",
        ((7000, "No route for that URI"),),
    )
    if parts == ["user", "tokens", "verify"]:
        return None
    if len(parts) < 2 or parts[0] != "accounts" or not _ACCOUNT.fullmatch(parts[1]):
        raise lost
    if parts[2:] == ["tokens", "verify"]:
        return None
    if len(parts) != 6 or parts[2:4] != ["email-security", "investigate"] or parts[5] != "trace":
        raise lost
    ref = unquote(parts[4])
    if not ref:
        raise lost
    return parts[1], ref


def _submission(query: str) -> bool:
    value = dict(parse_qsl(query, keep_blank_values=True)).get("submission", "false")
    if value not in ("true", "false"):
        raise Refusal(400, 10400, "Invalid value for query parameter submission")
    return value == "true"


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        if event["type"] == "lifespan.shutdown":
            return
