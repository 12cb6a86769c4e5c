"""Ownership of the library's objects: each is freed when nobody has it any more.

Also how text goes in. What the objects mean is not known here.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import partial
from itertools import count
from typing import Any, Generic, TypeAlias, TypeVar

from . import _loading
from ._abi import ConfigRef, Ref
from ._lib import check, free_function, library
from .errors import ArgumentError, ClosedError, ForkedError, Status

R = TypeVar("R", bound=Ref)

#: A setting's value; numbers and booleans are written as text.
Setting: TypeAlias = str | int | float | bool | os.PathLike[str]

_forks = 0


def _note_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_note_fork)

#: What frees each open handle, by its number in the library.
_open: dict[int, tuple[weakref.ref[Any], weakref.ref[Any]]] = {}


class Handle(Generic[R]):
    """One object of the library. Closing it twice does nothing.

    When nobody has the handle any more, C code alone frees the object: Ctrl-C interrupts Python
    code anywhere, in a finalizer too, and what it was about to free would stay for ever. The
    library ignores a second ``free``, and one in a forked child.
    """

    __slots__ = ("__weakref__", "_forks", "_free", "_is_closed", "_key", "_ref", "_what")

    def __init__(self, ref: R, free: str, what: str) -> None:
        self._ref = ref
        self._what = what
        self._forks = _forks
        self._is_closed = False
        self._key = ref.value or 0
        self._free = partial(free_function(free), ref)
        # Both are called with the dead reference as one argument more: what ``pop`` gives when it
        # finds nothing, and what ``free`` does not look at.
        forget = partial(_open.pop, self._key)
        _open[self._key] = (weakref.ref(self, forget), weakref.ref(self, self._free))

    @property
    def ref(self) -> R:
        """The pointer to pass on; raises when it is closed or from before a fork."""
        self.require_own_process()
        if self._is_closed or self._key not in _open:
            raise ClosedError(f"this {self._what} is closed", status=Status.E_HANDLE)
        return self._ref

    @property
    def is_of_this_process(self) -> bool:
        """Whether it was made here, and not before a fork."""
        return self._forks == _forks

    def require_own_process(self) -> None:
        """Raise when it was made before a fork. Ask first: locks may be held for ever then."""
        if not self.is_of_this_process:
            raise ForkedError(
                f"this {self._what} was made before fork(): make a new one in the child",
                status=Status.E_FORKED,
            )

    @property
    def ref_unchecked(self) -> R:
        """The pointer, also of a closed object: the library answers with a status then."""
        return self._ref

    @property
    def usable(self) -> bool:
        """Whether it is open and of this process."""
        return self._forks == _forks and not self._is_closed and self._key in _open

    def close(self) -> None:
        """Free the object; may be repeated where an exception of a signal handler came behind."""
        if self._key in _open:
            self._is_closed = True
            self._free(self)
            _open.pop(self._key, None)


#: What frees what each owner has, by a number of its own.
_owned: dict[int, tuple[weakref.ref[Any], weakref.ref[Any]]] = {}
_numbers = count(1)


def free_with(owner: object, ref: object, free: Callable[..., object]) -> None:
    """Have C code alone free what ``ref`` is, or points to by then, when nobody has the owner any
    more.

    ``free`` is of :func:`free_function`, or ``pop`` of a dictionary with such a key: it is called
    with one argument more. See :class:`Handle`.
    """
    number = next(_numbers)
    forget = partial(_owned.pop, number)
    _owned[number] = (weakref.ref(owner, forget), weakref.ref(owner, partial(free, ref)))


@atexit.register
def _close_all() -> None:
    for alive, _ in list(_open.values()):
        handle = alive()
        if handle is not None:
            handle.close()


def encoded(value: str, what: str) -> bytes:
    """Text as the library takes it."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str, not {type(value).__name__}")
    try:
        return value.encode()
    except UnicodeEncodeError:
        pass  # it carries the whole text, which may be a secret: it ends here
    raise ArgumentError(f"{what} is not valid Unicode", status=Status.E_ARGUMENT)


def time_text(name: str, value: date) -> str:
    """A time as the library reads it; one without a zone or an hour is refused in plain words."""
    if not isinstance(value, datetime):
        raise TypeError(
            f"{name} cannot be a date, which has no hour and no time zone: give "
            f"datetime({value.year}, {value.month}, {value.day}, tzinfo=timezone.utc) or RFC 3339 "
            "text"
        )
    if value.tzinfo is None:
        raise ArgumentError(
            f"{name} must say its time zone: datetime(..., tzinfo=timezone.utc)",
            status=Status.E_ARGUMENT,
        )
    return value.isoformat()


def _no_such_setting(name: str, given: Iterable[str]) -> str:
    """What there is to say of a setting that is not there: which of those given it is."""
    with _loading:
        from ._setting_names import none_such, setting_names

    number = list(given).index(name) + 1
    said = none_such(name, setting_names())
    return f"{said}; it is number {number} of those given; config_properties() lists them all"


def setting_text(value: Setting) -> str:
    """A setting's value as the text the library reads."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else os.fspath(value)


def new_config(
    settings: Mapping[str, Setting] | None, defaults: Mapping[str, Setting] | None = None
) -> Handle[ConfigRef]:
    """Settings, checked by the library.

    ``defaults`` are this package's own; an older library may not have them.
    """
    with _loading:
        from ._setting_names import in_words

    lib = library()
    ref = ConfigRef()
    check(lib.tv_config_new, ctypes.byref(ref))
    config = Handle(ref, "tv_config_free", "configuration")
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(
            'settings are a mapping of names to values, {"tls.ca_file": "ca.pem"}, '
            f"not {type(settings).__name__}"
        )
    for name, value in {**(defaults or {}), **(settings or {})}.items():
        what = in_words(name)
        if not isinstance(value, (str, int, float, os.PathLike)):
            raise TypeError(
                f"{what} must be str, a number, bool or a path, not {type(value).__name__}"
            )
        name_bytes = encoded(name, "a setting's name")
        value_bytes = encoded(setting_text(value), what)
        try:
            check(
                lib.tv_config_set, ref, name_bytes, len(name_bytes), value_bytes, len(value_bytes)
            )
        except ArgumentError as error:
            if error.status != Status.E_CONFIG_NAME:
                raise
            if name in (settings or {}):
                told = _no_such_setting(name, settings or {})
                raise ArgumentError(told, status=error.status) from None
    return config
