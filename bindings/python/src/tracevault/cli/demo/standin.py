"""A stand-in for Cloudflare on loopback: search, traces and the check of a token, for the demo.

It is no proof of anything: `Tests/server` has the strict one. This one has only what the tour and a
curious user need, and the standard library is enough for it.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .mail import ACCOUNTS, Account, Mail, all_mail

API = "/client/v4"
SEARCH = re.compile(rf"{API}/accounts/([^/]+)/email-security/investigate")
TRACE = re.compile(rf"{SEARCH.pattern}/([^/]+)/trace")
VERIFY = re.compile(rf"{API}/user/tokens/verify")
PAGE = 20


class Refused(Exception):
    """A reply that is no result: its HTTP status, Cloudflare's code, what it says."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Standin:
    """What it knows: the mail, the tokens, and how often each trace was looked at."""

    def __init__(self, now: datetime) -> None:
        self.mail: list[Mail] = all_mail(now)
        self.tokens: dict[str, Account] = {account.token: account for account in ACCOUNTS}
        self._looks: Counter[str] = Counter()
        self._lock = threading.Lock()

    def answer(self, target: str, token: str) -> dict[str, Any]:
        """The reply to one request."""
        parts = urlsplit(target)
        account = self.tokens.get(token)
        if account is None:
            raise Refused(401, 10000, "Authentication error")
        if VERIFY.fullmatch(parts.path):
            return {"result": {"id": account.id, "status": "active"}}
        if found := TRACE.fullmatch(parts.path):
            self._allow(account, found[1])
            return {"result": self._trace(account, unquote(found[2]))}
        if found := SEARCH.fullmatch(parts.path):
            self._allow(account, found[1])
            return self._search(account, {k: v[0] for k, v in parse_qs(parts.query).items()})
        raise Refused(404, 7003, "Could not route to this path")

    def _allow(self, account: Account, account_id: str) -> None:
        if account.id != account_id:
            raise Refused(403, 10000, "Authentication error")

    def _trace(self, account: Account, ref: str) -> dict[str, Any]:
        for mail in self.mail:
            if mail.account == account and ref in {mail.ref, mail.ids[0], mail.item()["alert_id"]}:
                with self._lock:
                    self._looks[mail.ref] += 1
                    return mail.trace(self._looks[mail.ref] - 1)
        raise Refused(404, 10404, "Message not found")

    def _search(self, account: Account, asked: dict[str, str]) -> dict[str, Any]:
        found = [m for m in self.mail if m.account == account and matches(m, asked)]
        size = int(asked.get("per_page", PAGE))
        begin = int(asked.get("cursor", "0"))
        more = str(begin + size) if begin + size < len(found) else None
        page = [mail.item() for mail in found[begin : begin + size]]
        info = {"count": len(page), "per_page": size, "total_count": 0, "next": more}
        return {"result": page, "result_info": info}


def matches(mail: Mail, asked: dict[str, str]) -> bool:
    """Whether a search finds a message."""
    item = mail.item()
    words = " ".join([mail.sender, *mail.to, mail.subject, mail.message_id]).lower()
    since = moment(asked.get("start")) or mail.log.begin - timedelta(days=1)
    until = moment(asked.get("end")) or mail.log.begin + timedelta(days=1)
    return (
        since <= mail.log.begin <= until
        and (asked.get("detections_only", "true") == "false" or mail.verdict != "NONE")
        and all(word in words for word in asked.get("query", "").lower().split())
        and all(word in mail.subject.lower() for word in asked.get("subject", "").lower().split())
        and _address(asked.get("sender"), [mail.sender])
        and _address(asked.get("recipient"), mail.to)
        and _address(asked.get("domain"), [mail.sender, *mail.to])
        and asked.get("message_id", mail.message_id).strip("<>") == mail.message_id
        and asked.get("alert_id", item["alert_id"]) == item["alert_id"]
        and asked.get("delivery_status", mail.status) == mail.status
        and asked.get("final_disposition", mail.verdict) == mail.verdict
    )


def _address(wanted: str | None, there: list[str] | tuple[str, ...]) -> bool:
    if wanted is None:
        return True
    return any(one == wanted or one.endswith("@" + wanted.lstrip("@")) for one in there)


def moment(text: str | None) -> datetime | None:
    """A time of a query."""
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00"))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "tracevault-demo"
    standin: Standin

    def do_GET(self) -> None:
        """Answer as Cloudflare's envelope has it."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        envelope: dict[str, Any] = {"success": True, "errors": [], "messages": [], "result": None}
        status = 200
        try:
            envelope |= self.standin.answer(self.path, token)
        except Refused as refused:
            status = refused.status
            envelope["success"] = False
            envelope["errors"] = [{"code": refused.code, "message": str(refused)}]
        except ValueError:
            status = 400
            envelope["success"] = False
            envelope["errors"] = [{"code": 10400, "message": "Bad request"}]
        body = json.dumps(envelope).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        """Be there, with the time."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the terminal is the tour's."""


class Server(ThreadingHTTPServer):
    """The connections. A client that goes away is none of the terminal's business."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what is a fault of the stand-in's own."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serving(now: datetime | None = None, port: int = 0) -> Iterator[tuple[str, Standin]]:
    """Serve on loopback, on this port if it is free; gives the origin and what is served."""
    standin = Standin(now or datetime.now(timezone.utc))
    handler = type("DemoHandler", (Handler,), {"standin": standin})
    with _bound(port, handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", standin
        finally:
            server.shutdown()
            thread.join()


def _bound(port: int, handler: type[Handler]) -> Server:
    """A server on this port; on another one where somebody else has it."""
    try:
        return Server(("127.0.0.1", port), handler)
    except OSError:
        if port == 0:
            raise
        return Server(("127.0.0.1", 0), handler)
