"""Frozen objects over the JSON objects of a document: a value is made when it is asked for.

A class says its fields as a dataclass would, with annotations and defaults; here they become
properties that look into the document's object. What an object is, what it equals and what becomes
of it when it is pickled does not depend on what somebody has looked at. Nothing of the document
itself ever gets out: whoever asks for a mapping has a copy. What documents mean is not known here.
"""

from __future__ import annotations

import json
from types import MappingProxyType

from . import _loading
from ._fields import copied, wrong
from ._frozen import frozen_error
from ._member import NOTHING, REQUIRED, SCALARS, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar

    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_):
        return lambda made: made


#: A longer text is cut where a record shows itself.
_LONG = 60


def _read(document: bytes) -> Any:
    """What the library wrote; one that is no JSON is a failure of its request, and of no other."""
    try:
        return json.loads(document.decode())  # bytes of unknown encoding take longer
    except ValueError as reason:
        with _loading:
            from ._error import TraceVaultError  # whoever only reads stored traces never needs it

        raise TraceVaultError(f"the library's document cannot be read: {reason}") from reason


class Source:
    """A document that the library wrote, and its brief view; read when they are asked for."""

    __slots__ = ("_brief", "_whole")

    def __init__(self, brief: bytes, whole: bytes) -> None:
        self._brief = brief
        self._whole: Any = whole

    def brief(self) -> Any:
        return _read(self._brief)

    def whole(self) -> Any:
        whole = self._whole
        if isinstance(whole, bytes):
            # Several threads may read it; what any of them keeps is the same.
            self._whole = whole = _read(whole)
        return whole


def _resolved(rest: Any) -> Any:
    """The whole of what a record stands for: where it is in the document of its source."""
    if isinstance(rest, Source):
        return rest.whole()
    parent, member, at = rest
    found = _resolved(parent)[member]
    return found if at is None else found[at]


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Record:
    """A frozen object over one JSON object; compared, hashed and copied by its values."""

    if TYPE_CHECKING:
        #: The document's object, or of a source its brief form.
        _document: dict[str, Any]
        #: The records that were made of it.
        _made: dict[str, Any]
        #: Where the whole of it is: ``None``, a source, or the record around, member and place.
        _rest: Any
    else:
        __slots__ = ("_document", "_made", "_rest")

    #: Fields by name, in their order; by member.
    _fields: ClassVar[dict[str, Field]] = {}
    _members: ClassVar[dict[str, Field]] = {}
    #: Fields whose member has another name than the usual.
    _renamed: ClassVar[Mapping[str, str]] = NOTHING
    #: Members that the brief view leaves out.
    _late: ClassVar[frozenset[str]] = frozenset()
    #: Members that the document leaves out when they are nothing; ``None``: all of them.
    _optional: ClassVar[frozenset[str] | None] = None
    #: The field that has the members without a field.
    _rest_name: ClassVar[str] = "later"
    #: Fields that are no value of the document.
    _beside: ClassVar[frozenset[str]] = frozenset()
    #: Members of every document of this kind.
    _constant: ClassVar[Mapping[str, Any]] = NOTHING

    def __init_subclass__(cls) -> None:
        cls._fields, cls._members = {}, {}
        for name, annotation in cls.__annotations__.items():
            if name.startswith("_"):
                continue
            default = vars(cls).get(name, REQUIRED)
            field = Field(cls, name, annotation, default)
            cls._fields[name] = field
            if name != cls._rest_name and name not in cls._beside:
                cls._members[field.member] = field
            setattr(cls, name, property(field.getter()))

    if not TYPE_CHECKING:

        def __init__(self, **values):
            document, made = dict(self._constant), {}
            for name, field in self._fields.items():
                value = values.pop(name, field.default)
                if value is REQUIRED:
                    raise TypeError(f"{type(self).__name__}() needs the keyword argument {name!r}")
                if name == self._rest_name:
                    document.update(_plain(value))
                elif name in self._beside:
                    made[name] = value
                elif not self._left_out(field.member, value):
                    document[field.member] = _plain(value)
            if values:
                raise TypeError(f"{type(self).__name__}() has no field {min(values)!r}")
            _fill(self, document, None, made)

        def __getattr__(self, name):
            # The slot is empty until somebody asks for a value.
            if name != "_document":
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            document = self._rest.brief()
            _set_document(self, document)
            return document

        def __setattr__(self, name, value):
            raise frozen_error(f"cannot assign to field {name!r}")

        def __delattr__(self, name):
            raise frozen_error(f"cannot delete field {name!r}")

    @classmethod
    def _left_out(cls, member: str, value: Any) -> bool:
        is_optional = cls._optional is None or member in cls._optional
        is_empty = isinstance(value, (tuple, dict, MappingProxyType)) and not value
        return is_optional and (value is None or is_empty)

    @classmethod
    def _of(cls, document: Any, rest: Any = None) -> Self:
        made: Self = _fill(_new(cls), document, rest)
        return made

    @classmethod
    def _again(cls, document: Any, beside: dict[str, Any]) -> Self:
        made: Self = _fill(_new(cls), document, None, beside)
        return made

    @classmethod
    def _of_source(cls, source: Source, **beside: Any) -> Self:
        """Of a document that the library wrote: it is right, and read when it is looked at."""
        made: Self = _new(cls)
        _set_made(made, beside)
        _set_rest(made, source)
        return made

    @classmethod
    def _list(cls, values: list[Any], around: Any, member: str) -> tuple[Self, ...]:
        """A record for each; ``around``: where the whole of the record with the list is."""
        found = []
        at = 0
        for value in values:
            made = _new(cls)
            _set_document(made, value)
            _set_made(made, {})
            _set_rest(made, None if around is None else (around, member, at))
            found.append(made)
            at += 1  # noqa: SIM113 - a trace has many lines, and enumerate() makes a tuple for each
        return tuple(found)

    @classmethod
    def _check(cls, value: Any, path: str) -> None:
        """Raise ``ValueError`` with the place, unless the object is one of these."""
        if not isinstance(value, dict):
            raise wrong(path, "an object", value)
        before = f"{path}." if path else ""
        for member, part in value.items():
            field = cls._members.get(member)
            if field is not None and part is not None:
                field.check(part, before + member)
        for member, field in cls._members.items():
            if field.default is REQUIRED and value.get(member) is None:
                raise wrong(before + member, SCALARS[field.kind][1], None)

    @property
    def _whole(self) -> dict[str, Any]:
        found: dict[str, Any] = self._document if self._rest is None else _resolved(self._rest)
        return found

    def _others(self) -> dict[str, Any]:
        known = self._members
        return {
            name: copied(value)
            for name, value in self._document.items()
            if name not in known and name not in self._constant
        }

    def to_dict(self) -> dict[str, Any]:
        """The document's object: a copy, yours to change."""
        made: dict[str, Any] = copied(self._whole)
        return made

    def _values(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._fields if name not in self._beside)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self):
            return NotImplemented
        mine, others = self._whole, other._whole
        return mine == others or tuple(self._values()) == tuple(other._values())

    def __hash__(self) -> int:
        fields = self._fields.items()
        return hash(
            tuple(
                getattr(self, name)
                for name, field in fields
                if not (field.is_mapping or field.kind == "Any")
            )
        )

    def __repr__(self) -> str:
        """What there is, short: long texts are cut, of lists the length is told."""
        shown = []
        for name, field in self._fields.items():
            if name in self._beside or name.endswith("_fields") or field.kind == "Any":
                continue  # the same as another field, or Cloudflare's own
            value = getattr(self, name)
            if value != field.default:
                shown.append(f"{name}={shortly(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._again, (self._whole, {name: self._made[name] for name in self._beside})

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


_new = object.__new__
_set_document, _set_made, _set_rest = (
    vars(Record)[name].__set__ for name in ("_document", "_made", "_rest")
)


def _fill(record: Any, document: Any, rest: Any, made: dict[str, Any] | None = None) -> Any:
    _set_document(record, document)
    _set_made(record, {} if made is None else made)
    _set_rest(record, rest)
    return record


def shortly(value: Any) -> str:
    """A field's value as people want to see it among others."""
    if isinstance(value, tuple) and value and isinstance(value[0], Record):
        return f"<{len(value)}>"
    if isinstance(value, str) and len(value) > _LONG:
        return repr(value[: _LONG - 1] + "\N{HORIZONTAL ELLIPSIS}")
    return repr(value)


def _plain(value: Any) -> Any:
    """A field's value as the document has it."""
    if isinstance(value, Record):
        return value._whole
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return copied(dict(value)) if hasattr(value, "keys") else copied(value)
