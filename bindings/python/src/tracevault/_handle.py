"""Ownership of the library's objects: each freed exactly once, and never in a forked child.

Also the two ways Python values go in: text as UTF-8 bytes, secrets as bytes that are wiped. What
the objects mean is not known here.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeAlias, TypeVar

from ._abi import ConfigRef, Ref
from ._lib import check, library
from .errors import ArgumentError, ClosedError, ForkedError, Status

R = TypeVar("R", bound=Ref)

#: A secret going in. A ``bytearray`` or a writable ``memoryview`` is wiped after use.
Secret: TypeAlias = bytearray | memoryview | bytes | str
#: A setting's value; numbers and booleans are written as text.
Setting: TypeAlias = str | int | float | bool | os.PathLike[str]

_forks = 0


def _note_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_note_fork)


def _free(function: Callable[[Any], None], ref: Ref, forks: int) -> None:
    # In a forked child the object belongs to the parent: its thread and locks are not here.
    if forks == _forks:
        function(ref)


class Handle(Generic[R]):
    """One object of the library. Closing it twice does nothing."""

    __slots__ = ("__weakref__", "_finalizer", "_forks", "_ref", "_what")

    def __init__(self, ref: R, free: Callable[[Any], None], what: str) -> None:
        self._ref = ref
        self._what = what
        self._forks = _forks
        self._finalizer = weakref.finalize(self, _free, free, ref, _forks)

    @property
    def ref(self) -> R:
        """The pointer to pass on; raises when it is closed or from before a fork."""
        self.require_own_process()
        if not self._finalizer.alive:
            raise ClosedError(f"this {self._what} is closed", status=Status.E_HANDLE)
        return self._ref

    def require_own_process(self) -> None:
        """Raise when it was made before a fork. Ask first: locks may be held for ever then."""
        if self._forks != _forks:
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
        return self._forks == _forks and self._finalizer.alive

    def close(self) -> None:
        """Free the object."""
        self._finalizer()


def encoded(value: str, what: str) -> bytes:
    """Text as the library takes it."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str, not {type(value).__name__}")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ArgumentError(f"{what} is not valid Unicode", status=Status.E_ARGUMENT) from None


def setting_text(value: Setting) -> str:
    """A setting's value as the text the library reads."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else os.fspath(value)


def new_config(settings: Mapping[str, Setting] | None) -> Handle[ConfigRef]:
    """Settings, checked by the library."""
    lib = library()
    ref = ConfigRef()
    check(lib.tv_config_new, ctypes.byref(ref))
    config = Handle(ref, lib.tv_config_free, "configuration")
    for name, value in (settings or {}).items():
        name_bytes = encoded(name, "a setting's name")
        value_bytes = encoded(setting_text(value), f"the setting {name}")
        check(lib.tv_config_set, ref, name_bytes, len(name_bytes), value_bytes, len(value_bytes))
    return config


@contextmanager
def lent(secret: Secret) -> Iterator[tuple[Any, int]]:
    """Lend a secret's bytes to one call, then wipe them where Python allows it."""
    if isinstance(secret, bytes):
        yield secret, len(secret)
        return
    with _writable(secret) as view:
        area = (ctypes.c_char * len(view)).from_buffer(view)
        try:
            # The address, not the array: a caller's variable must not keep the buffer exported.
            yield ctypes.addressof(area), len(view)
        finally:
            ctypes.memset(area, 0, len(view))
            del area


def _writable(secret: bytearray | memoryview | str) -> memoryview:
    if isinstance(secret, str):
        try:
            return memoryview(bytearray(secret, "utf-8"))
        except UnicodeEncodeError:
            # Not chained: the original error carries the whole secret.
            raise ArgumentError(
                "the secret is not valid Unicode", status=Status.E_CREDENTIAL_FORMAT
            ) from None
    if not isinstance(secret, (bytearray, memoryview)):
        raise TypeError(f"a secret must be bytearray, bytes or str, not {type(secret).__name__}")
    view = memoryview(secret)
    if view.readonly or not view.c_contiguous:
        raise TypeError("a memoryview with a secret must be writable and contiguous")
    return view.cast("B")
