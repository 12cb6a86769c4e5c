"""What the library tells without being asked, and how it gets into Python's ``logging``.

The logger is ``tracevault``. Each record has the notice itself as ``record.notice``.
"""

from __future__ import annotations

from types import MappingProxyType

from . import _loading
from ._fields import parse_time
from ._marks import escaped
from ._member import NOTHING
from ._record import Record
from .model import opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from logging import Logger
    from typing import Any

    from .words import NoticeKind, NoticeLevel

SCHEMA = "tracevault.notice/1"


class Notice(Record):
    """Something that the library told without being asked: ``docs/notices.md``."""

    _optional = frozenset()
    _constant = MappingProxyType({"schema": SCHEMA})

    number: int
    """Counts an engine's notices from 1; a gap says how many were lost."""
    kind: NoticeKind
    """Such as ``rate_limited``."""
    level: NoticeLevel
    """``info``, ``warning`` or ``error``."""
    message: str
    """In the library's own words."""
    at_text: str | None = None
    """When it was told, RFC 3339; :attr:`at` is the same as a ``datetime``."""
    tenant: str | None = None
    """The vault's tenant, where it is about one."""
    account_id: str | None = None
    """The account, where it is about one."""
    message_ref: str | None = None
    """The trace that met it."""
    vault_id: str | None = None
    """The vault, where it is about one or about a tenant of one."""
    status: str | None = None
    """Such as ``TV_E_SERVER``."""
    http_status: int | None = None
    """Of the reply; ``None`` when none came."""
    until_text: str | None = None
    """RFC 3339; :attr:`until` is the same as a ``datetime``."""
    later: Mapping[str, Any] = NOTHING
    """Fields of a later version of the document."""

    @property
    def at(self) -> datetime | None:
        """When it was told."""
        return parse_time(self.at_text)

    @property
    def until(self) -> datetime | None:
        """When the next try is made, the quota or the credential rests no more, or ends."""
        return parse_time(self.until_text)

    def __str__(self) -> str:
        """One line for a log; what steers a terminal or hides is escaped."""
        about = (
            ("tenant", self.tenant and repr(self.tenant)),
            ("account", self.account_id),
            ("message", self.message_ref and repr(self.message_ref)),
            ("vault", self.vault_id),
            ("until", self.until_text),
        )
        named = ", ".join(f"{what} {name}" for what, name in about if name)
        return escaped(f"{self.kind}: {self.message}" + (f" ({named})" if named else ""))

    @classmethod
    def from_json(cls, document: bytes | str | Mapping[str, Any]) -> Notice:
        """Read a notice document; ``ValueError`` when it is not one."""
        value = opened(document, "notice", SCHEMA)
        cls._check(value, "")
        return cls._of(value)


def tell(document: bytes, listener: Callable[[Notice], object] | None = None) -> None:
    """Hand a notice to the listener, otherwise to the logger ``tracevault``."""
    notice = Notice.from_json(document)
    if listener is None:
        levels = {"info": 20, "error": 40}
        _logger().log(levels.get(notice.level, 30), "%s", notice, extra={"notice": notice})
        return
    try:
        listener(notice)
    except Exception:
        # Whoever waits for an answer has nothing to do with it.
        _logger().exception("the listener of notices failed", extra={"notice": notice})


def _logger() -> Logger:
    with _loading:
        import logging  # loaded when there is something to tell

    logger = logging.getLogger("tracevault")
    if not logger.handlers:
        # Where the program has set up no logging, Python would print it to standard error.
        logger.addHandler(logging.NullHandler())
    return logger
