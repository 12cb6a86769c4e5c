"""The trace document (``docs/trace.schema.json``) as frozen dataclasses.

Lossless: times keep their text, what Cloudflare sent beyond its contract is in ``extra``, fields of
later versions of the document are in ``later``, and ``to_dict()`` gives the document back. Nothing
here calls the library or the network. Events and the summary become objects when they are first
asked for: a trace has many lines, and few programs look at them all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ._fields import Fields, filled, parse_time
from .events import Event
from .summary import Summary

SCHEMA = "tracevault.trace/1"
#: The views of a trace for event stores: docs/views.md.
View = Literal["ecs", "ocsf", "spans"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a trace, word for word as Cloudflare gave it."""

    #: Empty when Cloudflare gave no text.
    message: str = ""
    lineno: int | None = None
    #: When it was logged, RFC 3339 with every digit; :attr:`at` is the same as a ``datetime``.
    at_text: str | None = None
    #: Cloudflare's own text, where it is not what :attr:`at_text` says.
    at_raw: str | None = None
    #: The document's object for :attr:`event`.
    event_fields: Mapping[str, Any] | None = field(default=None, hash=False)
    #: Members of Cloudflare's line that have no place of their own.
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)
    _event: Event | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def at(self) -> datetime | None:
        """When it was logged, cut to microseconds."""
        return parse_time(self.at_text)

    @property
    def event(self) -> Event | None:
        """What the line says; ``None`` when it is not understood."""
        if self._event is None and self.event_fields is not None:
            object.__setattr__(self, "_event", Event._read(self.event_fields, "event"))
        return self._event

    @classmethod
    def _read(cls, value: object, path: str, index: int) -> Line:
        fields = Fields(value, path, index)
        return cls(
            message=fields.text("message") or "",
            lineno=fields.integer("lineno"),
            at_text=fields.text("at"),
            at_raw=fields.text("at_raw"),
            event_fields=fields.mapping_or_none("event"),
            extra=fields.mapping("extra"),
            later=fields.rest,
        )

    def to_dict(self) -> dict[str, Any]:
        """The document's object for this line."""
        return {
            **filled(lineno=self.lineno, at=self.at_text, at_raw=self.at_raw),
            "message": self.message,
            **filled(event=self.event_fields, extra=dict(self.extra) or None),
            **self.later,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What happened to the message on its way in, or on its way out."""

    #: Whether more is to come; ``None`` when Cloudflare did not say.
    pending: bool | None = None
    lines: tuple[Line, ...] = ()
    #: Members of Cloudflare's block that have no place of their own.
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def _read(cls, value: object, path: str) -> Side:
        if value is None:
            return cls()
        fields = Fields(value, path)
        where = f"{path}.lines"
        return cls(
            pending=fields.boolean("pending"),
            lines=tuple(
                Line._read(line, where, at) for at, line in enumerate(fields.items("lines"))
            ),
            extra=fields.mapping("extra"),
            later=fields.rest,
        )

    def to_dict(self) -> dict[str, Any]:
        """The document's object for this side."""
        return {
            "pending": self.pending,
            "lines": [line.to_dict() for line in self.lines],
            **filled(extra=dict(self.extra) or None),
            **self.later,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueId:
    """A Postfix queue id; a long one tells when the message was queued."""

    value: str
    time_text: str | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def time(self) -> datetime | None:
        """When the message was queued."""
        return parse_time(self.time_text)

    @classmethod
    def _read(cls, value: object, path: str) -> QueueId:
        fields = Fields(value, path)
        return cls(
            value=fields.required_text("value"), time_text=fields.text("time"), later=fields.rest
        )

    def to_dict(self) -> dict[str, Any]:
        """The document's object for this queue id."""
        return {"value": self.value, **filled(time=self.time_text), **self.later}


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWarning:
    """Something odd about a reply that could be read all the same."""

    #: What was odd, such as ``time_zone_missing``; new codes may come.
    code: str
    count: int = 1
    #: JSON pointer to the first place in the reply.
    path: str = ""
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def _read(cls, value: object, path: str) -> TraceWarning:
        fields = Fields(value, path)
        return cls(
            code=fields.required_text("code"),
            count=fields.integer("count") or 1,
            path=fields.text("path") or "",
            later=fields.rest,
        )

    def to_dict(self) -> dict[str, Any]:
        """The document's object for this warning."""
        return {"code": self.code, "count": self.count, "path": self.path, **self.later}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The delivery trace of one message. A trace decoded offline has no account and no tenant."""

    inbound: Side = Side()
    outbound: Side = Side()
    #: False while Cloudflare says of either side that it is pending.
    complete: bool = True
    account_id: str | None = None
    tenant: str | None = None
    message_ref: str | None = None
    queue_id: QueueId | None = None
    fetched_at_text: str | None = None
    cf_ray: str | None = None
    http_status: int | None = None
    #: How many times the server was asked.
    attempts: int | None = None
    #: Everything odd about the reply; empty for one as Cloudflare documents it.
    warnings: tuple[TraceWarning, ...] = ()
    #: The document's object for :attr:`summary`.
    summary_fields: Mapping[str, Any] | None = field(default=None, hash=False)
    #: Members of Cloudflare's result that have no place of their own.
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)
    #: The views that were asked for, as the library wrote them: one JSON object a line.
    views: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _summary: Summary | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def summary(self) -> Summary:
        """Who got it, when, what the next servers said, where the time went, where to look next."""
        if self._summary is None:
            made = (
                Summary()
                if self.summary_fields is None
                else Summary._read(self.summary_fields, "summary")
            )
            object.__setattr__(self, "_summary", made)
            return made
        return self._summary

    def ecs(self) -> list[dict[str, Any]]:
        """The lines as documents in the Elastic Common Schema; asked for with ``views``."""
        return self._view("ecs")

    def ocsf(self) -> list[dict[str, Any]]:
        """The lines as OCSF events (Email Activity, Trace); asked for with ``views``."""
        return self._view("ocsf")

    def spans(self) -> list[dict[str, Any]]:
        """Where each field of a line's event stands; asked for with ``views``.

        One row for each line with an event: ``side`` ("inbound", "outbound"), ``line`` (its place
        in that side's lines, from 0) and ``spans``: by field, the first byte and the one behind
        the last in ``message.encode()``.
        """
        return self._view("spans")

    def skipped(self, view: Literal["ecs", "ocsf"]) -> tuple[TraceWarning, ...]:
        """How many lines became no event of a view, by reason, with the first of each."""
        return tuple(
            TraceWarning._read(one, f"{view}_warnings[{at}]")
            for at, one in enumerate(json.loads(self._text(f"{view}_warnings")))
        )

    def _view(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._text(name).splitlines()]

    def _text(self, name: str) -> bytes:
        try:
            return self.views[name]
        except KeyError:
            view = name.removesuffix("_warnings")
            raise LookupError(
                f"the trace was fetched without this view: ask with views=({view!r},)"
            ) from None

    @property
    def fetched_at(self) -> datetime | None:
        """When the reply came."""
        return parse_time(self.fetched_at_text)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, the inbound ones first, in the server's order."""
        return self.inbound.lines + self.outbound.lines

    @classmethod
    def from_json(
        cls,
        document: bytes | bytearray | str | Mapping[str, Any],
        *,
        views: Mapping[str, bytes] | None = None,
    ) -> Trace:
        """Read a trace document; ``ValueError`` when it is not one."""
        value = document if isinstance(document, Mapping) else json.loads(document)
        fields = Fields(dict(value) if isinstance(value, Mapping) else value, "")
        schema = fields.text("schema")
        if schema != SCHEMA:
            raise ValueError(f"not a trace document: its schema is {schema!r}, not {SCHEMA!r}")
        queue_id = fields.rest.pop("queue_id", None)
        return cls(
            inbound=Side._read(fields.rest.pop("inbound", None), "inbound"),
            outbound=Side._read(fields.rest.pop("outbound", None), "outbound"),
            complete=fields.boolean("complete") is not False,
            account_id=fields.text("account_id"),
            tenant=fields.text("tenant"),
            message_ref=fields.text("message_ref"),
            queue_id=None if queue_id is None else QueueId._read(queue_id, "queue_id"),
            fetched_at_text=fields.text("fetched_at"),
            cf_ray=fields.text("cf_ray"),
            http_status=fields.integer("http_status"),
            attempts=fields.integer("attempts"),
            warnings=tuple(
                TraceWarning._read(warning, f"warnings[{at}]")
                for at, warning in enumerate(fields.items("warnings"))
            ),
            summary_fields=fields.mapping_or_none("summary"),
            extra=fields.mapping("extra"),
            later=fields.rest,
            views=views or {},
        )

    def to_dict(self) -> dict[str, Any]:
        """The trace document."""
        return {
            "schema": SCHEMA,
            "account_id": self.account_id,
            "tenant": self.tenant,
            "message_ref": self.message_ref,
            "fetched_at": self.fetched_at_text,
            "complete": self.complete,
            "cf_ray": self.cf_ray,
            "http_status": self.http_status,
            "attempts": self.attempts,
            **filled(queue_id=self.queue_id.to_dict() if self.queue_id else None),
            "inbound": self.inbound.to_dict(),
            "outbound": self.outbound.to_dict(),
            **filled(summary=self.summary_fields, extra=dict(self.extra) or None),
            "warnings": [warning.to_dict() for warning in self.warnings],
            **self.later,
        }
