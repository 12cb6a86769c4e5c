"""What a search found, what a check said: ``docs/search.schema.json``, ``check.schema.json``.

As frozen objects, lossless like those of :mod:`tracevault.model`: ``to_dict()`` gives the document
back. Nothing here calls the library or the network.
"""

from __future__ import annotations

from types import MappingProxyType

from ._fields import parse_time
from ._member import NOTHING
from ._record import Record, Source
from .model import LaterError, TraceWarning, opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import Any

    from typing_extensions import Self

    from .accounts import CredentialKind
    from .words import TokenKind, TokenStatus

SEARCH_SCHEMA = "tracevault.search/1"
CHECK_SCHEMA = "tracevault.check/1"


class FoundMessage(Record):
    """One message that a search found. Cloudflare's members, where they have their own type."""

    _renamed = MappingProxyType({"sender": "from", "sender_name": "from_name"})
    _late = frozenset({"item"})
    _optional = frozenset(
        {
            "alert_id",
            "postfix_id",
            "postfix_id_outbound",
            "message_id",
            "subject",
            "from",
            "from_name",
            "envelope_from",
            "final_disposition",
            "delivery_mode",
            "is_quarantined",
            "scanned_at",
            "sent_at",
        }
    )

    #: What a trace can be asked with; ``None`` when Cloudflare gave no usable id.
    message_ref: str | None = None
    alert_id: str | None = None
    postfix_id: str | None = None
    #: The queue id of the delivery hop.
    postfix_id_outbound: str | None = None
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
    #: Cloudflare's item, word for word: a copy.
    item: Any = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = NOTHING

    @property
    def scanned_at(self) -> datetime | None:
        """When Cloudflare looked at it, cut to microseconds."""
        return parse_time(self.scanned_at_text)

    @property
    def sent_at(self) -> datetime | None:
        """When it was sent, cut to microseconds."""
        return parse_time(self.sent_at_text)


class SearchResult(Record):
    """What a search found; iterating over it gives its messages."""

    _optional = frozenset({"error"})
    _constant = MappingProxyType({"schema": SEARCH_SCHEMA})

    messages: tuple[FoundMessage, ...] = ()
    #: False when there is more, or may be: the limit was reached, or see ``error``, ``warnings``.
    complete: bool = True
    #: The ``cursor`` of a search that goes on from here.
    next_cursor: str | None = None
    #: How many pages the messages came in.
    pages: int = 1
    #: Why a later page did not come.
    error: LaterError | None = None
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
    later: Mapping[str, Any] = NOTHING

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

    def to_rows(self) -> list[dict[str, Any]]:
        """As rows for a table, one for each message; times are RFC 3339 text."""
        from ._rows import of_message

        about = {"tenant": self.tenant, "account_id": self.account_id}
        return [about | of_message(message) for message in self.messages]

    @classmethod
    def from_json(cls, document: bytes | bytearray | str | Mapping[str, Any]) -> Self:
        """Read a search document; ``ValueError`` when it is not one."""
        value = opened(document, "search", SEARCH_SCHEMA)
        cls._check(value, "")
        return cls._of(value)

    @classmethod
    def _of_view(cls, whole: bytes, brief: bytes) -> Self:
        """What the library gave, with its brief view: nothing is read before somebody looks."""
        return cls._of_source(Source(brief, whole)) if brief else cls.from_json(whole)


class CheckReason(Record):
    """Why a credential is not valid."""

    _optional = frozenset()

    message: str = ""
    #: Cloudflare's error code, if it gave one.
    code: int | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = NOTHING


class CheckAccess(Record):
    """Whether a valid credential may read what is asked with it."""

    _optional = frozenset({"reason"})

    #: ``False``: a permission is missing, or the account has no Email Security. ``None``: the
    #: server did not say.
    granted: bool | None = None
    http_status: int | None = None
    #: Why not, or why nothing is known.
    reason: CheckReason | None = None
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = NOTHING


class CheckResult(Record):
    """Whether a credential works, and until when."""

    _optional = frozenset({"reason", "access"})
    _constant = MappingProxyType({"schema": CHECK_SCHEMA})

    #: Cloudflare accepts it. Says nothing of the permission to read traces: ``access`` does.
    valid: bool
    #: ``api_token`` or ``global_key``.
    kind: CredentialKind
    #: ``user``, ``account`` or ``unknown``; ``None`` for a global key.
    token_kind: TokenKind | None = None
    #: ``active``, ``disabled``, ``expired`` or ``unknown``.
    status: TokenStatus = "unknown"
    #: Cloudflare's id of the token, which is no secret.
    token_id: str | None = None
    not_before_text: str | None = None
    expires_on_text: str | None = None
    #: ``expires_on`` in seconds since 1970, without its fraction.
    expires_on_unix: int | None = None
    #: Why it is not valid.
    reason: CheckReason | None = None
    #: Whether it may read traces, where that was asked (``access=True``).
    access: CheckAccess | None = None
    account_id: str | None = None
    tenant: str | None = None
    checked_at_text: str | None = None
    attempts: int | None = None
    http_status: int | None = None
    cf_ray: str | None = None
    #: Such as ``expires_within_7_days``.
    warnings: tuple[TraceWarning, ...] = ()
    #: Fields of a later version of the document.
    later: Mapping[str, Any] = NOTHING

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
        value = opened(document, "check", CHECK_SCHEMA)
        cls._check(value, "")
        return cls._of(value)
