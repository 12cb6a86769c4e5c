"""How the command starts quickly: what it rarely needs is loaded late, garbage is collected seldom.

A first trace is mostly imports. Both measures are for the process of the command; a host that
imports the library gets neither. Nothing that a module gives is changed.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

#: Modules that click imports, and that a verb which shows no help never looks into.
LATE = ("inspect",)
#: So many new objects before garbage is looked for: about what a first trace makes.
COLLECT_EVERY = 50_000


class Late(ModuleType):
    """Stands in for a module until somebody looks into it.

    ``importlib.util.LazyLoader`` does not do it: an ``import`` statement loads its modules.
    """

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = import_module(self.__name__)
        self.__dict__.update(real.__dict__)
        return getattr(real, name)


def quickly() -> None:
    """Prepare the imports that follow."""
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    for name in LATE:
        sys.modules.setdefault(name, Late(name))
