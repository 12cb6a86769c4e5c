"""vector.py - what a vector is; the vectors themselves are in header_vectors.py, body_vectors.py.

A vector's status is what docs/vault-format.md demands, written by hand. Altered files come in three
strengths: as they are (nothing recomputed), rehashed (no key needed) and resealed (every MAC right:
only someone with the vault's key could have made them).
"""

from __future__ import annotations

from dataclasses import dataclass

from .reader import PASSPHRASE, RAW_KEY, Unlock

OK = "TV_OK"
NOT_VAULT = "TV_E_NOT_VAULT"
VERSION = "TV_E_VAULT_VERSION"
DAMAGED_HEADER = "TV_E_DAMAGED_HEADER"
KDF_BOUNDS = "TV_E_KDF_BOUNDS"
WEAK_KDF = "TV_E_WEAK_KDF"
UNLOCK = "TV_E_UNLOCK"
HEADER_MAC = "TV_E_HEADER_MAC"
DAMAGED_BODY = "TV_E_DAMAGED_BODY"
RECORD_AUTH = "TV_E_RECORD_AUTH"

KEY = Unlock(RAW_KEY, bytes(range(32)))
PHRASE = Unlock(PASSPHRASE, b"correct horse, not a real one")


@dataclass(frozen=True)
class Vector:
    name: str
    data: bytes
    status: str
    unlock: Unlock = KEY
    #: A tenant to open after the vault; its status is the vector's.
    tenant: str = ""
