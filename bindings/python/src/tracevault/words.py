"""The words that documents use for states and kinds, as types: those of ``docs/*.schema.json``.

A later library may tell words that are not here; they come through as they are.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

#: What a line says.
EventKind: TypeAlias = Literal[
    "delivery",
    "connect",
    "disconnect",
    "lost_connection",
    "client",
    "pickup",
    "message_id",
    "queued",
    "removed",
    "skipped",
    "expired",
    "queue_change",
    "policy",
    "content",
    "milter",
    "proxy",
    "notification",
    "notification_failed",
    "reply",
    "refused",
    "connection_lost",
    "conversation_timeout",
    "connect_failed",
    "sasl_failed",
    "tls",
    "tls_reused",
    "tls_error",
    "tls_unverified",
    "pipelining",
    "postscreen",
    "postscreen_violation",
    "dnsbl",
    "warning",
    "workaround",
    "statistics",
    "daemon",
    "tls_report",
]
#: What became of one recipient's copy.
RecipientState: TypeAlias = Literal[
    "queued",
    "sent",
    "deferred",
    "bounced",
    "expired",
    "rejected",
    "discarded",
    "held",
    "expanded",
    "deliverable",
    "undeliverable",
    "unknown",
    "refused_for_now",
    "deleted",
    "accepted_by_filter",
]
#: What became of a message as a whole.
TraceState: TypeAlias = Literal[
    "queued",
    "sent",
    "deferred",
    "bounced",
    "expired",
    "rejected",
    "discarded",
    "held",
    "expanded",
    "deliverable",
    "undeliverable",
    "unknown",
    "refused_for_now",
    "deleted",
    "accepted_by_filter",
    "mixed",
    "incomplete",
    "pending",
]
#: What became of a message in one queue.
HopState: TypeAlias = Literal[
    "received",
    "queued",
    "removed",
    "expired",
    "rejected",
    "refused_for_now",
    "held",
    "discarded",
    "deleted",
]
#: Where the first line of a hop is.
HopSide: TypeAlias = Literal[
    "inbound",
    "outbound",
]
#: Where the time of a delivery went.
HopPart: TypeAlias = Literal[
    "before_qmgr",
    "in_qmgr",
    "conn_setup",
    "transmission",
]
#: Whose id a next queue id is.
NextKind: TypeAlias = Literal[
    "queued_as",
    "exchange_internal_id",
    "google_id",
    "notification_queue_id",
]
#: Whose token it is.
TokenKind: TypeAlias = Literal[
    "user",
    "account",
    "unknown",
]
#: What Cloudflare says of a token.
TokenStatus: TypeAlias = Literal[
    "active",
    "disabled",
    "expired",
    "unknown",
]
#: What the library tells without being asked.
NoticeKind: TypeAlias = Literal[
    "retry",
    "rate_limited",
    "credential_refused",
    "credential_expiring",
    "vault_changed",
    "vault_unfollowed",
    "vault_followed",
    "ledger_not_shared",
    "redis_away",
    "redis_slow",
    "redis_flushed",
    "redis_back",
]
#: How much a notice matters.
NoticeLevel: TypeAlias = Literal[
    "info",
    "warning",
    "error",
]
