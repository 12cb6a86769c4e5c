"""vectors.py - all vectors in one list, made from the golden vaults, and a second judgement."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from . import body_vectors, header_vectors, reader, slot_vectors
from .reader import HEADER, Unlock, VaultError
from .vector import DAMAGED_BODY, DAMAGED_HEADER, KEY, NOT_VAULT, OK, PHRASE, VERSION, Vector
from .writer import flip, planned


def golden(folder: Path, name: str, unlock: Unlock = KEY) -> reader.Vault:
    return reader.open_vault((folder / f"{name}.vault").read_bytes(), unlock)


def vectors(folder: Path) -> list[Vector]:
    """All vectors, in an order that never changes."""
    vault = golden(folder, "raw")
    plan, other = planned(vault), golden(folder, "utf8")
    phrase = golden(folder, "passphrase", PHRASE)
    return [
        *header_vectors.truncations(vault.data),
        *header_vectors.magics(vault.data),
        *header_vectors.versions(vault.data, plan),
        *header_vectors.header_damage(vault.data, plan),
        *header_vectors.header_forgery(vault.data, plan),
        *header_vectors.costs(phrase.data, plan),
        *header_vectors.slots(vault.data, plan),
        *header_vectors.passphrases(phrase.data, plan),
        *slot_vectors.gaps(plan),
        *slot_vectors.unused(plan),
        *slot_vectors.labels(plan),
        *slot_vectors.passphrases_with_gaps(plan),
        *body_vectors.body_damage(vault.data, other.data, plan),
        *body_vectors.heads(plan),
        *body_vectors.binding(plan, planned(other)),
        *body_vectors.structure(plan),
        *body_vectors.metadata(plan),
        *body_vectors.padding(plan, planned(golden(folder, "padded"))),
        *flips(vault.data),
    ]


def flips(data: bytes) -> Iterator[Vector]:
    """A seeded sample of single bits; what each says follows from where it is."""
    chance = random.Random(20261123)
    for _ in range(200):
        place, bit = chance.randrange(len(data)), chance.randrange(8)
        if place < 8:
            status = NOT_VAULT
        elif place in (8, 9) or 12 <= place < 16:
            status = VERSION
        else:
            status = DAMAGED_HEADER if place < HEADER else DAMAGED_BODY
        yield Vector(f"bit {place}.{bit}", flip(data, place, bit), status)


def judged(vector: Vector) -> str:
    """What the second implementation says."""
    try:
        vault = reader.open_vault(vector.data, vector.unlock)
        if vector.tenant:
            vault.tenant_key(vector.tenant)
    except VaultError as error:
        return error.status
    return OK
