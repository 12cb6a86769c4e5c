"""How a member of a document becomes a value of a record (``_record.py``), and its check."""

from __future__ import annotations

import sys
from types import MappingProxyType

from ._fields import copied, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

#: The default of a field that is a mapping.
NOTHING: Mapping[str, Any] = MappingProxyType({})
REQUIRED: Any = object()
SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "int": ((int,), "an integer"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "Any": ((object,), "anything"),
}
#: Text with a type of its own: ``words.py``.
WORDS = frozenset(
    (
        "CredentialKind",
        "EventKind",
        "HopPart",
        "HopSide",
        "HopState",
        "NextKind",
        "NoticeKind",
        "NoticeLevel",
        "RecipientState",
        "TokenKind",
        "TokenStatus",
        "TraceState",
    )
)


class Field:
    """One field of a record: its member in the document and what becomes of it."""

    __slots__ = ("default", "found", "kind", "member", "name", "owner")

    def __init__(self, owner: Any, name: str, annotation: str, default: Any) -> None:
        self.owner = owner
        self.name = name
        kind = annotation.removesuffix(" | None")
        self.kind = "str" if kind in WORDS else kind
        plain = name.removesuffix("_text").removesuffix("_fields")
        self.member = owner._renamed.get(name, plain)
        self.default = default
        self.found: Any = None

    @property
    def each(self) -> str:
        """Of a tuple what it holds; otherwise empty."""
        return self.kind[6:-6] if self.kind.startswith("tuple[") else ""

    @property
    def is_mapping(self) -> bool:
        return self.kind.startswith("Mapping[")

    def record(self) -> Any:
        """The class of a record, or of each."""
        if self.found is None:
            self.found = vars(sys.modules[self.owner.__module__])[self.each or self.kind]
        return self.found

    def getter(self) -> Callable[[Any], Any]:
        """What looks the value up; a closure, because it is called for every value."""
        name, default = self.name, self.default
        if name == self.owner._rest_name:
            return lambda record: record._others()
        if name in self.owner._beside:
            return lambda record: record._made.get(name, default)
        if self.each in SCALARS:
            return self._of_tuples()
        if self.is_mapping or self.kind == "Any":
            return self._of_copies()
        return self._of_scalars() if self.kind in SCALARS else self._of_records()

    def _of_scalars(self) -> Callable[[Any], Any]:
        member, default = self.member, self.default
        if default is None or default is REQUIRED:
            return lambda record: record._document.get(member)

        def get(record: Any) -> Any:
            value = record._document.get(member)
            return default if value is None else value

        return get

    def _of_tuples(self) -> Callable[[Any], Any]:
        member = self.member
        return lambda record: tuple(record._document.get(member) or ())

    def _of_copies(self) -> Callable[[Any], Any]:
        member, default, is_late = self.member, self.default, self.member in self.owner._late

        def get(record: Any) -> Any:
            value = (record._whole if is_late else record._document).get(member)
            if value is None:
                return {} if default is NOTHING else default
            return copied(value)

        return get

    def _of_records(self) -> Callable[[Any], Any]:
        name, member, default, each = self.name, self.member, self.default, bool(self.each)
        is_late = member in self.owner._late

        def get(record: Any) -> Any:
            made = record._made
            if name in made:
                return made[name]
            value = (record._whole if is_late else record._document).get(member)
            around = None if is_late else record._rest
            if value is None:
                found = default
            elif each:
                found = self.record()._list(value, around, member)
            else:
                rest = None if around is None else (around, member, None)
                found = self.record()._of(value, rest)
            # Of several threads that make it, all get what the first has made.
            return made.setdefault(name, found)

        return get

    def check(self, value: Any, path: str) -> None:
        """Raise unless the document's value, which is not null, is what the field takes."""
        if self.each:
            check_kind(value, (list,), "an array", path)
            types = SCALARS.get(self.each)
            for at, one in enumerate(value):
                if types is not None:
                    check_kind(one, *types, f"{path}[{at}]")
                else:
                    self.record()._check(one, f"{path}[{at}]")
        elif self.is_mapping:
            check_kind(value, (dict,), "an object", path)
        elif self.kind in SCALARS:
            check_kind(value, *SCALARS[self.kind], path)
        else:
            self.record()._check(value, path)


def check_kind(value: Any, types: tuple[type, ...], wanted: str, path: str) -> None:
    if not isinstance(value, types) or (isinstance(value, bool) and int in types):
        raise wrong(path, wanted, value)
