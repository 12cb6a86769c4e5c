"""What a search found, what a check said: ``docs/search.schema.json``, ``check.schema.json``.

As frozen objects, lossless like those of :mod:`tracevault.model`: ``to_dict()`` gives the document
back. Nothing here calls the library or the network.
"""

from __future__ import annotations

from types import MappingProxyType

from . import _loading
from ._fields import parse_time
from ._member import NOTHING
from ._record import Record, Source, shortly
from .model import LaterError, TraceWarning, opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import Any, overload

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

    message_ref: str | None = None
    """What a trace can be asked with; ``None`` when Cloudflare gave no usable id."""
    alert_id: str | None = None
    """Cloudflare's id of the alert."""
    postfix_id: str | None = None
    """The queue id of the first hop."""
    postfix_id_outbound: str | None = None
    """The queue id of the delivery hop."""
    message_id: str | None = None
    """The Message-ID header without its brackets, as in a trace's summary."""
    subject: str | None = None
    """The Subject header."""
    sender: str | None = None
    """The document's ``from``."""
    sender_name: str | None = None
    """The document's ``from_name``."""
    envelope_from: str | None = None
    """Envelope sender."""
    to: tuple[str, ...] = ()
    """Addresses of the To header."""
    envelope_to: tuple[str, ...] = ()
    """Envelope recipients."""
    delivery_status: tuple[str, ...] = ()
    """Such as ``delivered``; the words are Cloudflare's."""
    final_disposition: str | None = None
    """Cloudflare's verdict, such as ``MALICIOUS``; the words are Cloudflare's."""
    delivery_mode: str | None = None
    """How Cloudflare saw it, such as ``DIRECT``; the words are Cloudflare's."""
    is_quarantined: bool | None = None
    """Whether Cloudflare keeps it back."""
    scanned_at_text: str | None = None
    """RFC 3339 with every digit; :attr:`scanned_at` is the same as a ``datetime``."""
    sent_at_text: str | None = None
    """RFC 3339; :attr:`sent_at` is the same as a ``datetime``."""
    item: Any = None
    """Cloudflare's item, word for word: a copy."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    def __repr__(self) -> str:
        return f"FoundMessage({self.message_ref!r}, {self.sender!r}, {shortly(self.subject)})"

    @property
    def scanned_at(self) -> datetime | None:
        """When Cloudflare looked at it, cut to microseconds."""
        return parse_time(self.scanned_at_text)

    @property
    def sent_at(self) -> datetime | None:
        """When it was sent, cut to microseconds."""
        return parse_time(self.sent_at_text)


class SearchResult(Record):
    """What a search found; iterating over it gives its messages, ``found[0]`` the first."""

    _optional = frozenset({"error"})
    _constant = MappingProxyType({"schema": SEARCH_SCHEMA})

    messages: tuple[FoundMessage, ...] = ()
    """In Cloudflare's order; each ``message_ref`` once."""
    complete: bool = True
    """False when there is more, or may be: the limit was reached, or see ``error``,
    ``warnings``."""
    next_cursor: str | None = None
    """The ``cursor`` of a search that goes on from here."""
    pages: int = 1
    """How many pages the messages came in."""
    error: LaterError | None = None
    """Why a later page did not come."""
    account_id: str | None = None
    """The account that was asked."""
    tenant: str | None = None
    """The tenant that asked."""
    fetched_at_text: str | None = None
    """When the answer was complete, RFC 3339; :attr:`fetched_at` is the same as a ``datetime``."""
    attempts: int | None = None
    """How many times the server was asked."""
    http_status: int | None = None
    """Of the last reply; ``None`` when the last try brought none."""
    cf_ray: str | None = None
    """Cloudflare's name for the last exchange, for its support."""
    warnings: tuple[TraceWarning, ...] = ()
    """Everything odd about the replies."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    @property
    def fetched_at(self) -> datetime | None:
        """When the last reply came."""
        return parse_time(self.fetched_at_text)

    def __iter__(self) -> Iterator[FoundMessage]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, at: int) -> FoundMessage: ...

        @overload
        def __getitem__(self, at: slice) -> tuple[FoundMessage, ...]: ...

        def __getitem__(self, at: int | slice) -> FoundMessage | tuple[FoundMessage, ...]: ...
    else:

        def __getitem__(self, at):
            return self.messages[at]

    def __repr__(self) -> str:
        whom = f"{self.tenant!r}, {self.account_id!r}"
        return f"SearchResult({whom}, messages={len(self)}, complete={self.complete})"

    def __bool__(self) -> bool:
        """A search without messages is a result as well: use ``len()``."""
        return True

    def to_rows(self) -> list[dict[str, Any]]:
        """As rows for a table, one for each message; times are RFC 3339 text."""
        with _loading:
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
        """What the library gave, with its brief view; neither is read before somebody looks."""
        return cls._of_source(Source(brief, whole)) if brief else cls.from_json(whole)


class CheckReason(Record):
    """Why a credential is not valid."""

    _optional = frozenset()

    message: str = ""
    """In Cloudflare's words, or the library's."""
    code: int | None = None
    """Cloudflare's error code, if it gave one."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""


class CheckAccess(Record):
    """Whether a valid credential may read what is asked with it."""

    _optional = frozenset({"reason"})

    granted: bool | None = None
    """``False``: a permission is missing, or the account has no Email Security. ``None``: the
    server did not say."""
    http_status: int | None = None
    """Of the reply to that question; ``None`` when none came."""
    reason: CheckReason | None = None
    """Why not, or why nothing is known."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""


class CheckResult(Record):
    """Whether a credential works, and until when."""

    _optional = frozenset({"reason", "access"})
    _constant = MappingProxyType({"schema": CHECK_SCHEMA})

    valid: bool
    """Cloudflare accepts it. Says nothing of the permission to read traces: ``access`` does."""
    kind: CredentialKind
    """``api_token`` or ``global_key``."""
    token_kind: TokenKind | None = None
    """``user``, ``account`` or ``unknown``; ``None`` for a global key."""
    status: TokenStatus = "unknown"
    """``active``, ``disabled``, ``expired`` or ``unknown``."""
    token_id: str | None = None
    """Cloudflare's id of the token, which is no secret."""
    not_before_text: str | None = None
    """As Cloudflare wrote it; :attr:`not_before` is the same as a ``datetime``."""
    expires_on_text: str | None = None
    """As Cloudflare wrote it; :attr:`expires_on` is the same as a ``datetime``."""
    expires_on_unix: int | None = None
    """``expires_on`` in seconds since 1970, without its fraction."""
    reason: CheckReason | None = None
    """Why it is not valid."""
    access: CheckAccess | None = None
    """Whether it may read traces, where that was asked (``access=True``)."""
    account_id: str | None = None
    """The account that was checked."""
    tenant: str | None = None
    """The tenant that asked."""
    checked_at_text: str | None = None
    """When the answer was complete, RFC 3339; :attr:`checked_at` is the same as a ``datetime``."""
    attempts: int | None = None
    """How many times the server was asked."""
    http_status: int | None = None
    """Of the last reply; ``None`` when the last try brought none."""
    cf_ray: str | None = None
    """Cloudflare's name for the last exchange, for its support."""
    warnings: tuple[TraceWarning, ...] = ()
    """Such as ``expires_within_7_days``."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

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
