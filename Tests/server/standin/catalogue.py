"""catalogue: which message belongs to which account, in which reply shape, how far pending.

Pure data from the captured traces, the same for the server and for the tests that ask it.
Standard library only, so that any test may import it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .accounts import Directory

# The three shapes the API had over time: `ts` only; `ts` and `pending`; `logged_at`, nullable.
SHAPES = ("2024", "2025", "2026")
# Every n-th message of a shape that can say so starts out pending, for this many requests.
PENDING_EVERY = 7
PENDING_REQUESTS = 2
# Every n-th message lives in the submissions datastore only.
SUBMISSION_EVERY = 13


@dataclass(frozen=True)
class Message:
    account_id: str
    tenant: str
    postfix_id: str
    investigate_id: str
    alert_id: str
    outcome: str
    shape: str
    pending_requests: int
    submission: bool
    inbound: tuple[dict[str, Any], ...]
    outbound: tuple[dict[str, Any], ...]

    @property
    def refs(self) -> tuple[str, str, str]:
        return (self.postfix_id, self.investigate_id, self.alert_id)

    def result(self, seen: int) -> dict[str, Any]:
        """The reply's `result` on the request after `seen` earlier ones."""
        pending = seen < self.pending_requests
        outbound = self.outbound
        if pending:
            outbound = outbound[: len(outbound) * seen // self.pending_requests]
        return {
            "inbound": self._block(self.inbound, False),
            "outbound": self._block(outbound, pending),
        }

    def _block(self, lines: tuple[dict[str, Any], ...], pending: bool) -> dict[str, Any]:
        if self.shape == "2024":
            return {"lines": [_line_2024(line) for line in lines] or None}
        if self.shape == "2025":
            return {"lines": [_line_2024(line) for line in lines], "pending": pending}
        shown = [
            {**line, "logged_at": None} if index % 5 == 4 else dict(line)
            for index, line in enumerate(lines)
        ]
        return {"lines": shown or None, "pending": pending if pending else None}


def _line_2024(line: dict[str, Any]) -> dict[str, Any]:
    return {"lineno": line["lineno"], "message": line["message"], "ts": line["logged_at"]}


def load(traces: Path, directory: Directory) -> tuple[Message, ...]:
    """Deal the captured messages out to the accounts, always in the same way.

    With more accounts than messages the deal goes on, so that every account has one.
    """
    messages = []
    accounts = directory.accounts
    captured = json.loads(traces.read_text(encoding="utf-8"))["messages"]
    for index in range(max(len(captured), len(accounts))):
        raw = captured[index % len(captured)]
        account = accounts[index % len(accounts)]
        # Not `index % 3` alone: the shapes must not line up with outcomes or accounts.
        shape = SHAPES[(index + index // len(SHAPES)) % len(SHAPES)]
        waits = shape != "2024" and index % PENDING_EVERY == 3
        messages.append(
            Message(
                account_id=account.id,
                tenant=account.tenant,
                postfix_id=raw["postfix_id"],
                investigate_id=raw["investigate_id"],
                alert_id=raw["alert_id"],
                outcome=raw["outcome"],
                shape=shape,
                pending_requests=PENDING_REQUESTS if waits else 0,
                submission=index < len(captured)
                and index % SUBMISSION_EVERY == SUBMISSION_EVERY - 1,
                inbound=tuple(raw["inbound"]),
                outbound=tuple(raw["outbound"]),
            )
        )
    return tuple(messages)
