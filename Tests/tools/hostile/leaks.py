"""leaks: whether somebody who reads a text, however often he decodes it, sees a secret there."""

from __future__ import annotations

import re

#: Fewer characters of a secret in a row are no leak.
PART = 16
#: Escapes within escapes.
_DEPTH = 3
_ESCAPE = re.compile(rb"\\u00([0-9a-fA-F]{2})|\\([/\\])|%([0-9a-fA-F]{2})")


def _decoded(text: bytes) -> bytes:
    def letter(found: re.Match[bytes]) -> bytes:
        code = found[1] or found[3]
        return bytes((int(code, 16),)) if code else found[2]

    return _ESCAPE.sub(letter, text)


def shows(text: bytes, secret: bytes) -> bool:
    """Whether a long part of the secret is in the text, or in what the text says."""
    parts = [secret[at : at + PART] for at in range(len(secret) - PART + 1)]
    for _ in range(_DEPTH):
        if any(part in text for part in parts):
            return True
        text = _decoded(text)
    return any(part in text for part in parts)
