"""leaks: whether somebody who reads a text, however often he decodes it, sees a secret there."""

from __future__ import annotations

import re

#: Fewer characters of a secret in a row are no leak.
PART = 16
#: Escapes within escapes.
_DEPTH = 3
_JSON = re.compile(rb'\\u00([0-9a-fA-F]{2})|\\([/"\\])')
_URL = re.compile(rb"%([0-9a-fA-F]{2})")


def _json(text: bytes) -> bytes:
    return _JSON.sub(lambda found: bytes((int(found[1], 16),)) if found[1] else found[2], text)


def _url(text: bytes) -> bytes:
    return _URL.sub(lambda found: bytes((int(found[1], 16),)), text)


def shows(text: bytes, secret: bytes) -> bool:
    """Whether a long part of the secret is in the text, or in what the text says.

    Readers differ: what one takes for an escape, with digits that are the secret's own, is plain
    text to another. So each reading may be that of JSON or that of a URL.
    """
    parts = [secret[at : at + PART] for at in range(len(secret) - PART + 1)]
    said = {text}
    for _ in range(_DEPTH):
        if any(part in one for one in said for part in parts):
            return True
        said = {read(one) for one in said for read in (_json, _url)}
    return any(part in one for one in said for part in parts)
