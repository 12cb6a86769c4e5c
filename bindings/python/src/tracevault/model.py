"""The trace document (``docs/trace.schema.json``) as frozen objects.

Lossless: times keep their text, what Cloudflare sent beyond its contract is in ``extra``, fields of
later versions of the document are in ``later``, and ``to_dict()`` gives the document back. Nothing
here calls the library or the network. Everything becomes an object when it is first asked for: a
trace has many lines, and few programs look at them all (``_record.py``).
"""

from __future__ import annotations

import json
from types import MappingProxyType

from . import _loading
from ._fields import DOCUMENT_DEPTH, copied, parse_time, parsed, within, wrong
from ._member import NOTHING
from ._record import Record, Source
from .events import Event
from .summary import Summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any, Literal

    from typing_extensions import Self

    #: The views of a trace for event stores: docs/views.md.
    View = Literal["ecs", "ocsf", "spans"]
    #: What a trace gives as rows: one for each recipient, each line, each event of a view.
    Rows = Literal["recipients", "lines", "ecs", "ocsf"]
else:
    View = Rows = str

SCHEMA = "tracevault.trace/1"


class Line(Record):
    """One line of a trace, word for word as Cloudflare gave it."""

    _late = frozenset({"event"})
    _optional = frozenset({"lineno", "at", "at_raw", "event", "extra"})

    message: str = ""
    """Empty when Cloudflare gave no text."""
    lineno: int | None = None
    """Cloudflare's number of the line; may be 0, may have gaps."""
    at_text: str | None = None
    """When it was logged, RFC 3339 with every digit; :attr:`at` is the same as a ``datetime``."""
    at_raw: str | None = None
    """Cloudflare's own text, where it is not what :attr:`at_text` says."""
    event_fields: Mapping[str, Any] | None = None
    """The document's object for :attr:`event`: a copy."""
    extra: Mapping[str, Any] = NOTHING
    """Members of Cloudflare's line that have no place of their own."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    @property
    def at(self) -> datetime | None:
        """When it was logged, cut to microseconds."""
        return parse_time(self.at_text)

    @property
    def event(self) -> Event | None:
        """What the line says; ``None`` when it is not understood."""
        made: Event | None = self._made.get("event")
        if made is None:
            document = self._whole.get("event")
            if document is not None:
                made = self._made.setdefault("event", Event._of(document))
        return made


class Side(Record):
    """What happened to the message on its way in, or on its way out."""

    _optional = frozenset({"extra"})

    pending: bool | None = None
    """Whether more is to come; ``None`` when Cloudflare did not say."""
    lines: tuple[Line, ...] = ()
    """In Cloudflare's order."""
    extra: Mapping[str, Any] = NOTHING
    """Members of Cloudflare's block that have no place of their own."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""


class QueueId(Record):
    """A Postfix queue id; a long one tells when the message was queued."""

    _optional = frozenset({"time"})

    value: str
    """The id itself."""
    time_text: str | None = None
    """When the message was queued, RFC 3339; :attr:`time` is the same as a ``datetime``."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    @property
    def time(self) -> datetime | None:
        """When the message was queued."""
        return parse_time(self.time_text)


class TraceWarning(Record):
    """Something odd about a reply that could be read all the same."""

    _optional = frozenset()

    code: str
    """What was odd, such as ``time_zone_missing``; new codes may come."""
    count: int = 1
    """How many times it came up."""
    path: str = ""
    """JSON pointer to the first place in the reply."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""


class LaterError(Record):
    """Why a later page of a search, or a later look at a growing trace, brought nothing.

    What came before it is all there.
    """

    _renamed = MappingProxyType({"name": "status"})
    _optional = frozenset()

    name: str
    """Such as ``TV_E_SERVER``."""
    message: str = ""
    """What failed, in a sentence."""
    retriable: bool = False
    """Whether asking again, or going on from ``next_cursor``, may succeed later."""
    retry_after_ms: int | None = None
    """How long to wait before asking again; ``None`` when not known."""
    http_status: int = 0
    """0 when no reply came."""
    codes: tuple[int, ...] = ()
    """Cloudflare's."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""


class Trace(Record):
    """The delivery trace of one message. A trace decoded offline has no account and no tenant."""

    _late = frozenset({"summary"})
    _optional = frozenset({"queue_id", "summary", "extra", "error"})
    _beside = frozenset({"views"})
    _constant = MappingProxyType({"schema": SCHEMA})

    inbound: Side = Side()
    """The message's way in."""
    outbound: Side = Side()
    """Its way out."""
    complete: bool = True
    """False while Cloudflare says of either side that it is pending."""
    account_id: str | None = None
    """Cloudflare's account id."""
    tenant: str | None = None
    """The vault's tenant."""
    message_ref: str | None = None
    """What was asked for: investigate id, postfix id or alert id."""
    queue_id: QueueId | None = None
    """The Postfix long queue id at the beginning of ``message_ref``; ``None`` when
    there is none."""
    fetched_at_text: str | None = None
    """When the reply came, RFC 3339; :attr:`fetched_at` is the same as a ``datetime``."""
    cf_ray: str | None = None
    """Cloudflare's name for the exchange, for its support."""
    http_status: int | None = None
    """Of the reply."""
    attempts: int | None = None
    """How many times the server was asked."""
    error: LaterError | None = None
    """Why a later look at a trace that was still growing brought nothing; ``None``: none failed."""
    warnings: tuple[TraceWarning, ...] = ()
    """Everything odd about the reply; empty for one as Cloudflare documents it."""
    summary_fields: Mapping[str, Any] | None = None
    """The document's object for :attr:`summary`: a copy."""
    extra: Mapping[str, Any] = NOTHING
    """Members of Cloudflare's result that have no place of their own."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""
    views: Mapping[str, bytes] = NOTHING
    """The views that were asked for, as the library wrote them: one JSON object a line."""

    @property
    def summary(self) -> Summary:
        """Who got it, when, what the next servers said, where the time went, where to look next."""
        made: Summary | None = self._made.get("summary")
        if made is None:
            document = self._document.get("summary")
            rest = None if self._rest is None else (self._rest, "summary", None)
            fresh = Summary() if document is None else Summary._of(document, rest)
            made = self._made.setdefault("summary", fresh)
        return made

    def _repr_html_(self) -> str:
        """What a notebook shows: what came of the message, and who got it."""
        with _loading:
            from .cli.html import trace_fragment

        return trace_fragment(self)

    def to_rows(self, view: Rows = "recipients") -> list[dict[str, Any]]:
        """As rows for a table: ``DataFrame(trace.to_rows())`` has one for each recipient.

        ``lines``: one for each line; ``ecs``, ``ocsf``: those views. All rows of ``recipients``,
        and all of ``lines``, have the same columns; times are RFC 3339 text.
        """
        with _loading:
            from ._rows import of_trace

        return of_trace(self, view)

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
        return tuple(TraceWarning._of(one) for one in json.loads(self._text(f"{view}_warnings")))

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

    def __repr__(self) -> str:
        whom = (self.tenant, self.account_id, self.message_ref)
        named = "".join(f"{one!r}, " for one in whom if one is not None)
        counts = f"recipients={len(self.summary.recipients)}, lines={len(self.lines)}"
        return f"Trace({named}{self.summary.state}, {counts})"

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
    ) -> Self:
        """Read a trace document; ``ValueError`` when it is not one."""
        value = opened(document, "trace", SCHEMA)
        cls._check(value, "")
        return cls._again(value, {"views": MappingProxyType(dict(views or {}))})

    @classmethod
    def _check(cls, value: Any, path: str) -> None:
        super()._check(value, path)
        if value.get("summary") is not None:
            Summary._check(value["summary"], "summary")
        for side in ("inbound", "outbound"):
            for at, line in enumerate((value.get(side) or {}).get("lines") or ()):
                if line.get("event") is not None:
                    Event._check(line["event"], f"{side}.lines[{at}].event")

    @classmethod
    def _of_view(cls, whole: bytes, brief: bytes, views: dict[str, bytes]) -> Self:
        """What the library gave, with its brief view: nothing is read before somebody looks."""
        if not brief:
            return cls.from_json(whole, views=views)
        return cls._of_source(Source(brief, whole), views=MappingProxyType(views))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._unpickled, (self._whole, dict(self.views))

    @classmethod
    def _unpickled(cls, document: Any, views: dict[str, bytes]) -> Self:
        return cls._again(document, {"views": MappingProxyType(views)})


def opened(document: object, kind: str, wanted: str) -> dict[str, Any]:
    """A document of the wanted schema, which nobody else can change; ``ValueError`` when not."""
    if isinstance(document, (bytes, bytearray, str)):
        value = parsed(document, DOCUMENT_DEPTH)
    else:
        value = document
        if hasattr(document, "keys"):
            value = within(DOCUMENT_DEPTH, lambda: copied(dict(document)))  # type: ignore[call-overload]
    if not isinstance(value, dict):
        raise wrong("", "an object", value)
    schema = value.get("schema")
    if schema != wanted:
        raise ValueError(f"not a {kind} document: its schema is {schema!r}, not {wanted!r}")
    return value
