"""api: the endpoints, as one ASGI application.

Decides what a request gets: route, authentication, quota, account, message or search, in
Cloudflare's order.  No sockets, no certificates, no process matters.
"""

from __future__ import annotations

import asyncio
import datetime
import gzip
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from . import control, mail
from .accounts import Credential, Directory, Refusal
from .catalogue import Message
from .counts import Counts
from .failures import injected, limited_times
from .quota import AddressLimit, Quota
from .replies import Pairs, Reply, envelope, refused
from .routes import Route, route
from .searching import Searching
from .tokens import Tokens

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SLOW_DOWN = "Please wait and consider throttling your request speed"


class Api:
    """The stand-in's whole state and behaviour."""

    def __init__(
        self,
        directory: Directory,
        messages: tuple[Message, ...],
        quota: Quota,
        address_limit: AddressLimit,
        log: control.RequestLog,
    ) -> None:
        self._directory = directory
        self._quota = quota
        self._address_limit = address_limit
        everything = messages + mail.archive(messages)
        self._served = {(m.account_id, ref): m for m in everything for ref in m.refs}
        # What delayed and spoilt replies are made of: a complete trace of the same account.
        self._sample = {m.account_id: m for m in reversed(messages) if not m.submission}
        self._accounts = frozenset(account.id for account in directory.accounts)
        self._searching = Searching(
            mail.of_messages(everything, len(directory.accounts)), self._accounts
        )
        self._tokens = Tokens(datetime.datetime.now(datetime.timezone.utc))
        self._seen: Counter[tuple[str, str]] = Counter()
        self._rays = 0
        self.log = log
        self._counts = Counts(quota.window_s)
        # Origins by name: `https` and `plain` are here, `host` is here under another name,
        # `elsewhere` is another server.
        self.origins: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path = scope["raw_path"].decode("ascii", "replace").partition("?")[0]
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        extra: Pairs = ()
        if path.startswith(control.PREFIX):
            reply = await self._control(scope["method"], path, receive)
        else:
            query = scope["query_string"].decode("latin-1")
            self.log.record(
                scope["method"], path, query, scope["http_version"], headers, scope["scheme"]
            )
            reply, extra = self._answer(scope, path, query, headers)
        await self._send(scope, send, headers, reply, extra)

    def _answer(
        self, scope: Scope, path: str, query: str, headers: list[tuple[str, str]]
    ) -> tuple[Reply, Pairs]:
        now = time.monotonic()
        credential: Credential | None = None
        account_id: str | None = None
        spent: Pairs = ()
        try:
            address = self._address_limit.spend((scope.get("client") or ("",))[0], now)
            if not address.allowed:
                raise Refusal(429, 971, SLOW_DOWN, headers=address.headers)
            found = route(path)
            account_id = found.account_id
            if scope["method"] != "GET":
                raise Refusal(
                    405,
                    7001,
                    f"Method {scope['method']} not available for that URI.",
                    headers=(("allow", "GET"),),
                )
            if found.kind == "verify":
                # Which status a dead token has is what its verification tells.
                credential = self._directory.identify(headers)
            else:
                credential = self._directory.authenticate(headers)
            if credential is not None:
                verdict = self._quota.spend(credential.user, now)
                spent = verdict.headers
                if not verdict.allowed:
                    raise Refusal(429, 971, SLOW_DOWN)
            reply = self._served_by(found, credential, query, scope["scheme"])
        except Refusal as refusal:
            reply = refused(refusal)
        self._count(headers, account_id, reply.status, now)
        return reply, spent

    def _count(
        self, headers: list[tuple[str, str]], account_id: str | None, status: int, now: float
    ) -> None:
        # By what was presented: how often a dead credential is tried is worth knowing.
        credential = self._directory.presented(headers)
        user = secret = None
        if credential is not None:
            user, secret = credential.user, credential.email or credential.token
        known = account_id if account_id in self._accounts else None
        self._counts.note(user, secret, known, status, now)

    def _served_by(
        self, found: Route, credential: Credential | None, query: str, scheme: str
    ) -> Reply:
        if found.kind == "verify":
            return self._tokens.verified(credential, found.account_id)
        if credential is None:
            raise Refusal(401, 10000, "Authentication error")
        if found.account_id is None:
            return self._tokens.user(credential)
        self._directory.authorize(credential, found.account_id)
        if found.kind == "search":
            return self._searching.answer(found.account_id, query, scheme, self.origins)
        if found.kind == "results":
            return self._searching.polled(found.account_id, found.ref, scheme, self.origins)
        return self._trace(found.account_id, found.ref, _submission(query))

    def _trace(self, account_id: str, ref: str, submission: bool) -> Reply:
        key = (account_id, ref)
        seen = self._seen[key]
        self._seen[key] += 1
        sample = self._sample[account_id]
        ok = envelope(sample.result(sample.pending_requests))
        failure = injected(ref, ok, self.origins["elsewhere"])
        if failure is not None:
            times = limited_times(ref)
            return failure if times is None or seen < times else Reply(200, ok)
        message = self._served.get(key)
        if message is None or message.submission != submission:
            raise Refusal(404, 10404, "Message not found")
        return Reply(200, envelope(message.result(seen)))

    async def _control(self, method: str, path: str, receive: Receive) -> Reply:
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body", False):
                break
        verb = path.removeprefix(control.PREFIX)
        if (method, verb) == ("POST", "reset"):
            self.log.entries.clear()
            self._counts.reset()
            self._seen.clear()
            self._searching.reset()
            self._quota.reset()
            self._address_limit.reset()
            self._directory.revoked.clear()
            return Reply(200, b"{}")
        return control.controlled(
            method, verb, body, self.log, self._counts, self._directory, self._searching
        )

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
