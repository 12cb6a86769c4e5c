"""What a search found, what a check said: ``docs/search.schema.json``, ``check.schema.json``.

As frozen dataclasses, lossless like those of :mod:`tracevault.model`: ``to_dict()`` gives the
document back. Nothing here calls the library or the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ._fields import Fields, filled, parse_time, wrong
from .model import TraceWarning

SEARCH_SCHEMA = "tracevault.search/1"
CHECK_SCHEMA = "tracevault.check/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMessage:
    """One message that a search found. Cloudflare's members, where they have their own type."""

    #: What a trace can be asked with; ``None`` when Cloudflare gave no usable id.
    message_ref: str | None = None
    alert_id: str | None = None
    postfix_id: str | None = None
    #: The queue id of the delivery hop.
    postfix_id_outbound: str | None = None
    #: The Message-ID header.
    #: The Message-ID header without its brackets, as in a trace's summary.
    message_id: str | None = None
    subject: str | None = None
    #: The document's ``from``.
    sender: str | None = None
    #: The document's ``from_name``.
    sender_name: str | None = None
    envelope_from: str | None = None
    to: tuple[str, ...] = ()
    envelope_to: tuple[str, ...] = ()
    delivery_status: tuple[str, ...] = ()
    final_disposition: str | None = None
    delivery_mode: str | None = None
    is_quarantined: bool | None = None
    #: RFC 3339 with every digit; :attr:`scanned_at` is the same as a ``datetime``.
    scanned_at_text: str | None = None
    sent_at_text: str | None = None
    #: Cloudflare's item, word for word.
    item: Any = field(default=None, hash=False)
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def scanned_at(self) -> datetime | None:
        """When Cloudflare looked at it, cut to microseconds."""
        return parse_time(self.scanned_at_text)

    @property
    def sent_at(self) -> datetime | None:
        """When it was sent, cut to microseconds."""
        return parse_time(self.sent_at_text)

    @classmethod
    def _read(cls, value: object, path: str) -> FoundMessage:
        fields = Fields(value, path)
        return cls(
            message_ref=fields.text("message_ref"),
            alert_id=fields.text("alert_id"),
            postfix_id=fields.text("postfix_id"),
            postfix_id_outbound=fields.text("postfix_id_outbound"),
            message_id=fields.text("message_id"),
            subject=fields.text("subject"),
            sender=fields.text("from"),
            sender_name=fields.text("from_name"),
            envelope_from=fields.text("envelope_from"),
            to=_texts(fields, "to"),
            envelope_to=_texts(fields, "envelope_to"),
            delivery_status=_texts(fields, "delivery_status"),
            final_disposition=fields.text("final_disposition"),
            delivery_mode=fields.text("delivery_mode"),
            is_quarantined=fields.boolean("is_quarantined"),
            scanned_at_text=fields.text("scanned_at"),
            sent_at_text=fields.text("sent_at"),
            item=fields.rest.pop("item", None),
            later=fields.rest,
        )

    def to_dict(self) -> dict[str, Any]:
        """The document's object for this message."""
        return {
            "message_ref": self.message_ref,
            **filled(
                alert_id=self.alert_id,
                postfix_id=self.postfix_id,
                postfix_id_outbound=self.postfix_id_outbound,
                message_id=self.message_id,
                subject=self.subject,
                **{"from": self.sender},
                from_name=self.sender_name,
                envelope_from=self.envelope_from,
            ),
            "to": list(self.to),
            "envelope_to": list(self.envelope_to),
            "delivery_status": list(self.delivery_status),
            **filled(
                final_disposition=self.final_disposition,
                delivery_mode=self.delivery_mode,
                is_quarantined=self.is_quarantined,
                scanned_at=self.scanned_at_text,
                sent_at=self.sent_at_text,
            ),
            "item": self.item,
            **self.later,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchError:
    """Why a later page of a search did not come. The pages before it are all there."""

    #: Such as ``TV_E_SERVER``.
    name: str
    message: str = ""
    #: Whether going on from ``next_cursor`` may succeed later.
    retriable: bool = False
    retry_after_ms: int | None = None
    #: 0 when no reply came.
    http_status: int = 0
    #: Cloudflare's.
    codes: tuple[int, ...] = ()
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def _read(cls, value: object, path: str) -> SearchError:
        fields = Fields(value, path)
        codes = fields.items("codes")
        for at, code in enumerate(codes):
            if not isinstance(code, int) or isinstance(code, bool):
                raise wrong(f"{path}.codes[{at}]", "an integer", code)
        return cls(
            name=fields.required_text("status"),
            message=fields.text("message") or "",
            retriable=fields.boolean("retriable") is True,
            retry_after_ms=fields.integer("retry_after_ms"),
            http_status=fields.integer("http_status") or 0,
            codes=tuple(codes),
            later=fields.rest,
        )

    def to_dict(self) -> dict[str, Any]:
        """The document's object for this error."""
        return {
            "status": self.name,
            "message": self.message,
            "retriable": self.retriable,
            "retry_after_ms": self.retry_after_ms,
            "http_status": self.http_status,
            "codes": list(self.codes),
            **self.later,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search found; iterating over it gives its messages."""

    messages: tuple[FoundMessage, ...] = ()
    #: False when there is more, or may be: the limit was reached, or see ``error``, ``warnings``.
    complete: bool = True
    #: The ``cursor`` of a search that goes on from here.
    next_cursor: str | None = None
    #: How many pages the messages came in.
    pages: int = 1
    #: Why a later page did not come.
    error: SearchError | None = None
    account_id: str | None = None
    tenant: str | None = None
    fetched_at_text: str | None = None
    #: How many times the server was asked.
    attempts: int | None = None
    http_status: int | None = None
    cf_ray: str | None = None
    #: Everything odd about the replies.
    warnings: tuple[TraceWarning, ...] = ()
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def fetched_at(self) -> datetime | None:
        """When the last reply came."""
        return parse_time(self.fetched_at_text)

    def __iter__(self) -> Iterator[FoundMessage]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    def __bool__(self) -> bool:
        """A search without messages is a result as well: use ``len()``."""
        return True

    @classmethod
    def from_json(cls, document: bytes | bytearray | str | Mapping[str, Any]) -> SearchResult:
        """Read a search document; ``ValueError`` when it is not one."""
        fields = _opened(document, "search", SEARCH_SCHEMA)
        error = fields.rest.pop("error", None)
        return cls(
            messages=tuple(
                FoundMessage._read(message, f"messages[{at}]")
                for at, message in enumerate(fields.items("messages"))
            ),
            complete=fields.boolean("complete") is not False,
            next_cursor=fields.text("next_cursor"),
            pages=fields.integer("pages") or 1,
            error=None if error is None else SearchError._read(error, "error"),
            fetched_at_text=fields.text("fetched_at"),
            **_origin(fields),
        )

    def to_dict(self) -> dict[str, Any]:
        """The search document."""
        return {
            "schema": SEARCH_SCHEMA,
            "account_id": self.account_id,
            "tenant": self.tenant,
            "fetched_at": self.fetched_at_text,
            "attempts": self.attempts,
            "http_status": self.http_status,
            "cf_ray": self.cf_ray,
            "complete": self.complete,
            "next_cursor": self.next_cursor,
            "pages": self.pages,
            "messages": [message.to_dict() for message in self.messages],
            **filled(error=self.error.to_dict() if self.error else None),
            "warnings": [warning.to_dict() for warning in self.warnings],
            **self.later,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReason:
    """Why a credential is not valid."""

    message: str = ""
    #: Cloudflare's error code, if it gave one.
    code: int | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def _read(cls, value: object, path: str) -> CheckReason:
        fields = Fields(value, path)
        return cls(
            message=fields.text("message") or "", code=fields.integer("code"), later=fields.rest
        )

    def to_dict(self) -> dict[str, Any]:
        """The document's object for this reason."""
        return {"code": self.code, "message": self.message, **self.later}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Whether a credential works, and until when."""

    #: Cloudflare accepts it. Says nothing of the permission to read traces.
    valid: bool
    #: ``api_token`` or ``global_key``.
    kind: str
    #: ``user``, ``account`` or ``unknown``; ``None`` for a global key.
    token_kind: str | None = None
    #: ``active``, ``disabled``, ``expired`` or ``unknown``.
    status: str = "unknown"
    #: Cloudflare's id of the token, which is no secret.
    token_id: str | None = None
    not_before_text: str | None = None
    expires_on_text: str | None = None
    #: Why it is not valid.
    reason: CheckReason | None = None
    account_id: str | None = None
    tenant: str | None = None
    checked_at_text: str | None = None
    attempts: int | None = None
    http_status: int | None = None
    cf_ray: str | None = None
    #: Such as ``expires_within_7_days``.
    warnings: tuple[TraceWarning, ...] = ()
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def not_before(self) -> datetime | None:
        """From when the token is valid."""
        return parse_time(self.not_before_text)

    @property
    def expires_on(self) -> datetime | None:
        """Until when the token is valid; ``None`` when Cloudflare says no end."""
        return parse_time(self.expires_on_text)

    @property
    def checked_at(self) -> datetime | None:
        """When Cloudflare answered."""
        return parse_time(self.checked_at_text)

    @classmethod
    def from_json(cls, document: bytes | bytearray | str | Mapping[str, Any]) -> CheckResult:
        """Read a check document; ``ValueError`` when it is not one."""
        fields = _opened(document, "check", CHECK_SCHEMA)
        valid, reason = fields.boolean("valid"), fields.rest.pop("reason", None)
        if valid is None:
            raise wrong("valid", "true or false", None)
        return cls(
            valid=valid,
            kind=fields.required_text("kind"),
            token_kind=fields.text("token_kind"),
            status=fields.text("status") or "unknown",
            token_id=fields.text("token_id"),
            not_before_text=fields.text("not_before"),
            expires_on_text=fields.text("expires_on"),
            reason=None if reason is None else CheckReason._read(reason, "reason"),
            checked_at_text=fields.text("checked_at"),
            **_origin(fields),
        )

    def to_dict(self) -> dict[str, Any]:
        """The check document."""
        return {
            "schema": CHECK_SCHEMA,
            "account_id": self.account_id,
            "tenant": self.tenant,
            "checked_at": self.checked_at_text,
            "attempts": self.attempts,
            "http_status": self.http_status,
            "cf_ray": self.cf_ray,
            "valid": self.valid,
            "kind": self.kind,
            "token_kind": self.token_kind,
            "status": self.status,
            "token_id": self.token_id,
            "not_before": self.not_before_text,
            "expires_on": self.expires_on_text,
            **filled(reason=self.reason.to_dict() if self.reason else None),
            "warnings": [warning.to_dict() for warning in self.warnings],
            **self.later,
        }


def _opened(
    document: bytes | bytearray | str | Mapping[str, Any], kind: str, wanted: str
) -> Fields:
    value = document if isinstance(document, Mapping) else json.loads(document)
    fields = Fields(dict(value) if isinstance(value, Mapping) else value, "")
    schema = fields.text("schema")
    if schema != wanted:
        raise ValueError(f"not a {kind} document: its schema is {schema!r}, not {wanted!r}")
    return fields


def _origin(fields: Fields) -> dict[str, Any]:
    """The members that both documents have; the last to be read, as they take the rest."""
    return {
        "account_id": fields.text("account_id"),
        "tenant": fields.text("tenant"),
        "attempts": fields.integer("attempts"),
        "http_status": fields.integer("http_status"),
        "cf_ray": fields.text("cf_ray"),
        "warnings": tuple(
            TraceWarning._read(warning, f"warnings[{at}]")
            for at, warning in enumerate(fields.items("warnings"))
        ),
        "later": fields.rest,
    }


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    values = fields.items(name)
    for at, value in enumerate(values):
        if not isinstance(value, str):
            raise wrong(f"{fields.at(name)}[{at}]", "text", value)
    return tuple(values)
