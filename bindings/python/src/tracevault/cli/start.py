"""How the command starts quickly: what it rarely needs is loaded late, garbage is collected seldom.

A first trace is mostly imports. Both measures are for the process of the command; a host that
imports the library gets neither. Nothing that a module gives is changed.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

#: Garbage is looked for after so many new objects: about what a first trace makes.
COLLECT_EVERY = 50_000


def _as_it_is(message: str) -> str:
    return message


def _by_number(one: str, several: str, number: int) -> str:
    return one if number == 1 else several


#: Modules that click imports, and that a verb which shows no help never looks into; with the names
#: that click takes from them while it is imported. It has no texts in other languages, so what it
#: asks ``gettext`` for comes back as it is. ``UUID`` it names as a type.
LATE: Mapping[str, Mapping[str, object]] = {
    "inspect": {},
    "gettext": {"gettext": _as_it_is, "ngettext": _by_number},
    "uuid": {"UUID": object},
}


class Late(ModuleType):
    """Stands in for a module until somebody looks into it.

    ``importlib.util.LazyLoader`` does not do it: an ``import`` statement loads its modules.
    """

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":  # what an import of a name asks first; none of them is a package
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = import_module(self.__name__)
        self.__dict__.update(real.__dict__)
        return getattr(real, name)


def quickly() -> None:
    """Prepare the import of click."""
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    for name, lent in LATE.items():
        if name not in sys.modules:
            sys.modules[name] = late = Late(name)
            late.__dict__.update(lent)


def loaded() -> None:
    """Click is imported: from now on nobody is given what was lent to it."""
    for name, lent in LATE.items():
        late = sys.modules.get(name)
        if lent and isinstance(late, Late):
            del sys.modules[name]
            for one in lent:
                del late.__dict__[one]
