"""The names of settings, and what may be said of a word that is none of them.

Such a word may be a secret that slipped into the wrong place: it is repeated only where it nearly
is a name.
"""

from __future__ import annotations

import functools
from collections.abc import Collection

from . import _loading

#: How alike two names are where one is meant as the other; a random word is never so near.
_NEAR = 0.75


@functools.cache
def setting_names() -> tuple[str, ...]:
    """What the library takes."""
    with _loading:
        from .offline import config_properties

    return tuple(str(one["name"]) for one in config_properties())


def in_words(word: str) -> str:
    """The setting of this name."""
    return f"the setting {word}" if word in setting_names() else "what is given for no setting"


def none_such(word: str, names: Collection[str], what: str = "setting") -> str:
    """What there is to say of a word in the place of one of the names."""
    with _loading:
        from difflib import get_close_matches

    near = get_close_matches(word, names, 1, _NEAR)
    if not near:
        return f"no {what} has this name, which is not shown: it may be a secret"
    return f"no {what} has this name: {word!r}; did you mean {near[0]}?"
