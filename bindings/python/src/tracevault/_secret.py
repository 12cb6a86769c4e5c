"""Secrets on their way in: copied once, lent to one call, wiped, and left in no traceback.

Knows bytes and frames; what a secret opens is not known here.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import weakref
from collections.abc import Callable
from typing import ParamSpec, TypeAlias, TypeVar

from .errors import ArgumentError, Status

#: A secret going in. A ``bytearray`` or a writable ``memoryview`` is wiped at once.
Secret: TypeAlias = bytearray | memoryview | bytes | str

P = ParamSpec("P")
T = TypeVar("T")


class HeldSecret:
    """A copy of one secret, until it was lent to a call or nobody has it any more: then wiped.

    What the caller gave is wiped here, where Python allows it.
    """

    __slots__ = ("__weakref__", "_area", "_wipe")

    def __init__(self, secret: Secret) -> None:
        source = secret if isinstance(secret, bytes) else _writable(secret)
        length = len(source)
        self._area = area = (ctypes.c_char * length)()
        self._wipe = weakref.finalize(self, ctypes.memset, area, 0, length)
        if isinstance(source, bytes):
            ctypes.memmove(area, source, length)
            return
        given = (ctypes.c_char * length).from_buffer(source)
        ctypes.memmove(area, given, length)
        ctypes.memset(given, 0, length)

    @property
    def wiped(self) -> bool:
        """Whether it was lent already."""
        return not self._wipe.alive

    def __enter__(self) -> tuple[int, int]:
        """The address and the length, for one call."""
        return ctypes.addressof(self._area), len(self._area)

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Wipe it also where it was lent to nobody."""
        self._wipe()

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret cannot be pickled")


def _writable(secret: bytearray | memoryview | str) -> memoryview:
    if isinstance(secret, str):
        encoded = _utf8(secret)
        if encoded is None:
            raise ArgumentError(
                "the secret is not valid Unicode", status=Status.E_CREDENTIAL_FORMAT
            )
        return memoryview(encoded)
    if secret is None:
        raise TypeError(
            "the secret is None: the variable that it was read from may be empty or not set "
            "(os.environ.get() gives None then)"
        )
    if not isinstance(secret, (bytearray, memoryview)):
        raise TypeError(f"a secret must be bytearray, bytes or str, not {type(secret).__name__}")
    view = memoryview(secret)
    if view.readonly or not view.c_contiguous:
        raise TypeError("a memoryview with a secret must be writable and contiguous")
    return view.cast("B")


def _utf8(text: str) -> bytearray | None:
    """``None`` when it cannot be: Python's own error carries the whole text, and ends here."""
    try:
        return bytearray(text, "utf-8")
    except UnicodeEncodeError:
        return None


def leaves_no_secret(call: Callable[P, T]) -> Callable[P, T]:
    """Make a function that secrets are given to leave none of them in a traceback.

    Those who report errors write down the variables of every frame that an exception passed. The
    frames of this package are emptied before it leaves; those of the caller are the caller's.
    """

    @functools.wraps(call)
    def emptied(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return call(*arguments, **named)
        except BaseException as error:
            _empty_frames(error)
            raise
        finally:
            del arguments, named

    return emptied


def _empty_frames(error: BaseException) -> None:
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        reason = waiting.pop()
        if reason is None or id(reason) in seen:
            continue
        seen.add(id(reason))
        waiting += (reason.__context__, reason.__cause__)
        trace = reason.__traceback__
        while trace is not None:
            frame, trace = trace.tb_frame, trace.tb_next
            if str(frame.f_globals.get("__name__")).partition(".")[0] == __package__:
                # All but the one that asks for this, which empties itself.
                with contextlib.suppress(RuntimeError):
                    frame.clear()
