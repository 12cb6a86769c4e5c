"""Each object of the library is freed when nobody has it any more, whatever happens meanwhile."""

from __future__ import annotations

import ctypes
import os
import weakref

import pytest
from launcher import Standin

import tracevault as tv
from tracevault._lib import library

from .conftest import settings

#: As Ctrl-C does, from C alone; takes the dead weak reference and does not look at it.
interrupt = ctypes.pythonapi["PyErr_SetInterrupt"]
interrupt.argtypes, interrupt.restype = (ctypes.py_object,), None


def is_open(engine: ctypes.c_void_p) -> bool:
    fd = ctypes.c_int()
    return bool(library().tv_engine_fd(engine, ctypes.byref(fd), None) == 0)


def drop(holders: list[tv.Engine]) -> None:
    holders.clear()
    for _ in range(1000):  # Python looks for an interruption here
        pass


def test_ctrl_c_in_the_middle_of_a_finalizer_leaks_no_engine(server: Standin) -> None:
    engine = tv.Engine(settings(server))
    ref = engine._exchange.handle.ref
    # Asked later, so called earlier: the interruption is there when the engine is to be freed.
    watch = weakref.ref(engine._exchange.handle, interrupt)
    assert is_open(ref)
    holders = [engine]
    del engine
    with pytest.raises(KeyboardInterrupt):
        drop(holders)
    assert watch() is None
    assert not is_open(ref)


def test_closing_twice_does_nothing(server: Standin) -> None:
    handle = tv.Engine(settings(server))._exchange.handle
    handle.close()
    handle.close()
    with pytest.raises(tv.ClosedError):
        handle.ref  # noqa: B018 - raises


def test_a_child_frees_nothing_of_its_parent(server: Standin) -> None:
    engine = tv.Engine(settings(server))
    ref = engine._exchange.handle.ref
    child = os.fork()
    if child == 0:
        del engine
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert is_open(ref)
    engine.close()
