"""Frozen objects with named fields: what a dataclass is, without its import.

``dataclasses`` and what it imports are a third of what a program pays for a first trace. A class
says its fields as a dataclass would; they are given by name.
"""

from __future__ import annotations

from . import _loading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_):
        return lambda made: made


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Frozen:
    """Compared, hashed and shown by its fields; a change makes another one."""

    #: In their order.
    _fields: ClassVar[tuple[str, ...]] = ()
    #: The same, to look one up; and those without a default.
    _names: ClassVar[frozenset[str]] = frozenset()
    _needed: ClassVar[frozenset[str]] = frozenset()
    #: Those that neither equality nor hash looks at.
    _apart: ClassVar[frozenset[str]] = frozenset()
    #: Those that only the hash does not look at: mappings.
    _unhashed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()  # a generic one has parameters
        cls._fields = tuple(name for name in cls.__annotations__ if name[0] != "_")
        cls._names = frozenset(cls._fields)
        cls._needed = frozenset(name for name in cls._fields if not hasattr(cls, name))

    if not TYPE_CHECKING:

        def __init__(self, **values):
            kind, names = type(self), values.keys()
            if not names <= kind._names:
                raise TypeError(f"{kind.__name__}() has no field {min(names - kind._names)!r}")
            if not names >= kind._needed:
                missing = min(kind._needed - names)
                raise TypeError(f"{kind.__name__}() needs the keyword argument {missing!r}")
            self.__dict__.update(values)

        def __setattr__(self, name, value):
            raise frozen_error(f"cannot assign to field {name!r}")

        def __delattr__(self, name):
            raise frozen_error(f"cannot delete field {name!r}")

    def __replace__(self, **changes: Any) -> Self:
        """The same with other values of some fields: ``copy.replace()`` of Python 3.13."""
        return type(self)(**{**self.__dict__, **changes})

    def to_dict(self) -> dict[str, Any]:
        """The fields by name: what a program stores or sends."""
        return {name: getattr(self, name) for name in self._fields}

    def _values(self, but: frozenset[str]) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields if name not in but)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values(self._apart) == other._values(self._apart)

    def __hash__(self) -> int:
        return hash(self._values(self._apart | self._unhashed))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({fields})"


def frozen_error(message: str) -> Exception:
    """What a dataclass raises; loaded when somebody tries."""
    with _loading:
        from dataclasses import FrozenInstanceError

    return FrozenInstanceError(message)
