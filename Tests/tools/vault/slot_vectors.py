"""slot_vectors.py - which key slots are in use: gaps between them, their number, their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .reader import RAW_KEY, SLOT, SLOTS, Unlock
from .vector import (
    DAMAGED_HEADER,
    HEADER_MAC,
    KDF_BOUNDS,
    KEY,
    OK,
    PHRASE,
    UNLOCK,
    WEAK_KDF,
    Vector,
)
from .writer import Plan, flip, put, rehashed, slot, with_slots

NONE = bytes(SLOT)
OTHER = Unlock(RAW_KEY, bytes(reversed(KEY.secret)))


def placed(head: bytes, slots: list[bytes]) -> bytes:
    """A header that counts those of the slots that are in use."""
    return with_slots(head, slots, sum(one[0] != 0 for one in slots))


def gaps(plan: Plan) -> Iterator[Vector]:
    """A slot is in use when its type is not 0, wherever it is; each opens from its own index."""
    vault_id, root = plan.head[24:40], plan.root
    mine = [slot(KEY, index, vault_id, root) for index in range(8)]
    others = [slot(OTHER, index, vault_id, root) for index in range(8)]
    phrase = slot(PHRASE, 7, vault_id, root)
    table: list[tuple[str, list[bytes], str]] = [
        (f"only the one of index {index}", [NONE] * index + [mine[index]], OK)
        for index in range(1, 8)
    ]
    table += [
        ("a gap between two", [others[0], NONE, mine[2]], OK),
        ("a gap behind the right one", [mine[0], NONE, others[2]], OK),
        ("every second one", [NONE, others[1], NONE, others[3], NONE, mine[5]], OK),
        ("a gap, none opens", [NONE, others[1], NONE, others[3]], UNLOCK),
        ("moved into the gap before it", [NONE, mine[2]], UNLOCK),
        ("moved out of its place", [NONE, NONE, NONE, mine[0]], UNLOCK),
        ("absurd cost behind a gap",
         [mine[0], *[NONE] * 6, put(phrase, 4, 11, 4)], KDF_BOUNDS),
        ("weak cost behind a gap", [mine[0], *[NONE] * 6, put(phrase, 4, 1, 4)], WEAK_KDF),
        ("unknown type behind a gap", [mine[0], NONE, put(mine[2], 0, 6)], DAMAGED_HEADER),
    ]  # fmt: skip
    for name, some, status in table:
        sealed = plan.sealed(head=lambda h: placed(h, some))  # noqa: B023
        yield Vector(f"gaps: {name}", sealed, status)


def unused(plan: Plan) -> Iterator[Vector]:
    """A slot that is not in use is all zero, and the count is the number of the others."""
    vault_id, root = plan.head[24:40], plan.root
    first, third = (slot(KEY, index, vault_id, root) for index in (0, 2))
    head = placed(plan.head, [first, NONE, third])
    for place in (1, 7):
        for offset in (1, 4, 8, 16, 32, 48, 80, 104, 152, 191, 192, 255):
            wrong = flip(head, SLOTS + SLOT * place + offset, 3)
            name = f"unused slot {place}: byte {offset}"
            yield Vector(f"{name} rehashed", rehashed(plan.sealed(head=lambda _: wrong)),  # noqa: B023
                         DAMAGED_HEADER)  # fmt: skip
    for count in (0, 1, 3, 8, 9, 255):
        wrong = put(head, 82, count)
        yield Vector(f"gaps: count {count} of 2", plan.sealed(head=lambda _: wrong), DAMAGED_HEADER)  # noqa: B023
    bare = placed(plan.head, [NONE])
    for count in (0, 1, 8):
        wrong = put(bare, 82, count)
        yield Vector(f"gaps: count {count} of none", plan.sealed(head=lambda _: wrong),  # noqa: B023
                     DAMAGED_HEADER)  # fmt: skip


def labels(plan: Plan) -> Iterator[Vector]:
    """Readers take any bytes; without the vault's key nobody changes them."""
    vault_id, root = plan.head[24:40], plan.root
    for name, label in (
        ("text", b"break glass"),
        ("of 40 bytes", "Überwachung ".encode() * 3 + b"x"),
        ("that is no UTF-8", b"\xff" * 40),
        ("with control characters", b"two\nlines\0\x7f"),
    ):
        made = [slot(KEY, 0, vault_id, root, label=label)]
        sealed = plan.sealed(head=lambda h: placed(h, made))  # noqa: B023
        yield Vector(f"slot label {name}", sealed, OK)
        altered = flip(sealed, SLOTS + 152, 1)
        yield Vector(f"slot label {name}, altered and rehashed", rehashed(altered), HEADER_MAC)


def passphrases_with_gaps(plan: Plan) -> Iterator[Vector]:
    """Empty slots do not count among the two passphrase slots that are tried."""
    vault_id, root = plan.head[24:40], plan.root
    wrong = replace(PHRASE, secret=b"not this one")
    for right, status in ((1, OK), (4, OK), (7, UNLOCK)):
        some = [
            slot(PHRASE if index == right else wrong, index, vault_id, root)
            if index in (1, 4, 7)
            else NONE
            for index in range(8)
        ]
        sealed = plan.sealed(head=lambda h: placed(h, some))  # noqa: B023
        yield Vector(f"gaps: passphrase slot {right} of 1, 4, 7 opens", sealed, status, PHRASE)
