"""header_vectors.py - faults of the file as a whole, its header, its key slots; no records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from . import reader
from .reader import CREDENTIAL_FILE, KEY_FILE, MAC, PASSPHRASE, RAW_KEY, Unlock, digest, kdf, number
from .vector import (
    DAMAGED_BODY,
    DAMAGED_HEADER,
    HEADER_MAC,
    KDF_BOUNDS,
    KEY,
    NOT_VAULT,
    OK,
    PHRASE,
    UNLOCK,
    VERSION,
    WEAK_KDF,
    Vector,
)
from .writer import Plan, flip, put, rehashed, slot, with_slots

#: Offset and name of each header field, and of each of slot 0's.
FIELDS = {
    "minor": 10, "optional flags": 16, "file_id": 40, "file_id's end": 55, "generation": 56,
    "body_len": 64, "body_len's end": 71, "created": 72, "records": 84, "saved": 88,
    "current epoch": 2144, "slot label": 96 + 152, "slot label's end": 96 + 191,
}  # fmt: skip
SLOT_FIELDS = {
    "vault_id": 24, "vault_id's end": 39, "t": 100, "m": 104, "lanes": 112, "salt": 128,
    "commitment": 144, "commitment's end": 175, "nonce": 176, "wrapped": 200, "tag": 247,
}  # fmt: skip
RESERVED = [83, 97, 98, 99, 113, 127, 288, 351, 352, 400, 2143, 2148, 2149, 3000, 4031]


# ---- The file as a whole ------------------------------------------------------------------------


def truncations(data: bytes) -> Iterator[Vector]:
    for length in (0, 1, 7, 8, 9, 95, 96, 97, 2144, 4032, 4064, 4095, 4096, 4097, 4127):
        yield Vector(f"cut to {length}", data[:length], NOT_VAULT)
    for length in (4128, 4129, 4160, 4184, 4216, 4217, len(data) - 33, len(data) - 32,
                   len(data) - 31, len(data) - 1):  # fmt: skip
        yield Vector(f"cut to {length}", data[:length], DAMAGED_BODY)
    for count in (1, 16, 31, 32, 33, 88, 4096):
        yield Vector(f"{count} zeros appended", data + bytes(count), DAMAGED_BODY)
    yield Vector("itself appended", data + data, DAMAGED_BODY)
    yield Vector("its MAC appended", data + data[-MAC:], DAMAGED_BODY)
    yield Vector("a byte before it", b"\0" + data, NOT_VAULT)
    yield Vector("first byte lost", data[1:], NOT_VAULT)


def magics(data: bytes) -> Iterator[Vector]:
    mangled = {
        "CR LF became LF": data.replace(b"\r\n", b"\n"),
        "LF became CR LF": data.replace(b"\n", b"\r\n"),
        "CR LF became CR": data.replace(b"\r\n", b"\r"),
        "seven bits": bytes(byte & 0x7F for byte in data),
        "UTF-8 from Latin-1": data.decode("latin-1").encode(),
        "byte order mark": b"\xef\xbb\xbf" + data,
        "zeros": bytes(len(data)),
        "text": b"# not a vault\n" * 400,
        "PNG": put(data, 0, bytes.fromhex("89504e470d0a1a0a")),
        "lower case": put(data, 1, b"tvv"),
    }
    for name, changed in mangled.items():
        yield Vector(f"magic: {name}", changed, NOT_VAULT)
    for offset in range(8):
        yield Vector(f"magic: byte {offset} rehashed", rehashed(flip(data, offset)), NOT_VAULT)


def versions(data: bytes, plan: Plan) -> Iterator[Vector]:
    for major in (0, 3, 4, 255, 256, 257, 65535):
        newer = put(data, 8, major, 2)
        yield Vector(f"major {major}", newer, VERSION)
        yield Vector(f"major {major} rehashed", rehashed(newer), VERSION)
    for bit in range(32):
        changed = rehashed(put(data, 12, 1 << bit, 4))
        yield Vector(f"required flag {bit} rehashed", changed, VERSION)
    yield Vector("newer major, cut", put(data, 8, 3, 2)[:4128], VERSION)
    yield Vector("format 2 rehashed", rehashed(put(data, 8, 2, 2)), HEADER_MAC)
    yield Vector("format 2 not rehashed", put(data, 8, 2, 2), DAMAGED_HEADER)
    for name, offset in (("AEAD", 80), ("PRF", 81)):
        for known in (0, 2, 255):
            changed = put(data, offset, known)
            yield Vector(f"{name} {known}", changed, DAMAGED_HEADER)
            yield Vector(f"{name} {known} rehashed", rehashed(changed), VERSION)
            sealed = plan.sealed(head=lambda h, o=offset, k=known: put(h, o, k))  # type: ignore[misc]
            yield Vector(f"{name} {known} resealed", sealed, VERSION)
    for name, offset, value, length in (
        ("minor 65535", 10, 65535, 2),
        ("all optional flags", 16, 2**32 - 1, 4),
        ("generation 0", 56, 0, 8),
        ("the last generation", 56, 2**64 - 1, 8),
        ("created at the end of time", 72, 2**64 - 1, 8),
        ("saved before created", 88, 0, 8),
        ("slot label that is no text", 248, int.from_bytes(b"\xff" * 40, "little"), 40),
    ):
        sealed = plan.sealed(head=lambda h: put(h, offset, value, length))  # noqa: B023
        yield Vector(f"{name} resealed", sealed, OK)


# ---- Header --------------------------------------------------------------------------------------


def header_damage(data: bytes, plan: Plan) -> Iterator[Vector]:
    for name, offset in (FIELDS | SLOT_FIELDS).items():
        yield Vector(f"{name} flipped", flip(data, offset, 3), DAMAGED_HEADER)
    for offset in (4032, 4063, 4064, 4095):
        yield Vector(f"header byte {offset} flipped", flip(data, offset), DAMAGED_HEADER)
    for offset in RESERVED:
        changed = rehashed(flip(data, offset))
        yield Vector(f"reserved byte {offset} rehashed", changed, DAMAGED_HEADER)
        sealed = plan.sealed(head=lambda h: flip(h, offset))  # noqa: B023
        yield Vector(f"reserved byte {offset} resealed", sealed, DAMAGED_HEADER)
    shapes = [("header length", 20, value, 4) for value in (0, 4095, 4097, 8192, 2**32 - 1)]
    shapes += [("slot count", 82, value, 1) for value in (0, 2, 8, 9, 255)]
    shapes += [("slot type", 96, value, 1) for value in (0, 6, 255)]
    for name, offset, value, length in shapes:
        wrong = put(data, offset, value, length)
        yield Vector(f"{name} {offset}={value} rehashed", rehashed(wrong), DAMAGED_HEADER)
        sealed = plan.sealed(head=lambda h: put(h, offset, value, length))  # noqa: B023
        yield Vector(f"{name} {offset}={value} resealed", sealed, DAMAGED_HEADER)


def header_forgery(data: bytes, plan: Plan) -> Iterator[Vector]:
    for name, offset in FIELDS.items():
        yield Vector(f"{name} rehashed", rehashed(flip(data, offset, 3)), HEADER_MAC)
    for name, offset in SLOT_FIELDS.items():
        yield Vector(f"{name} rehashed", rehashed(flip(data, offset, 3)), UNLOCK)
    for offset in (4032, 4047, 4063):
        yield Vector(f"header MAC byte {offset} rehashed", rehashed(flip(data, offset)), HEADER_MAC)
    yield Vector("no header MAC", rehashed(put(data, 4032, bytes(32))), HEADER_MAC)
    for add in (-4128, -88, -1, 1, 32, 2**40):
        size = number(data, 64, 8) + add
        sealed = plan.sealed(head=lambda h: put(h, 64, size % 2**64, 8))  # noqa: B023
        yield Vector(f"body_len {add:+} resealed", sealed, DAMAGED_BODY)
    for count in (0, 4, 6, 2**32 - 1):
        sealed = plan.sealed(head=lambda h: put(h, 84, count, 4))  # noqa: B023
        yield Vector(f"{count} records resealed", sealed, DAMAGED_BODY)
    for epoch in (0, 2, 2**32 - 1):
        sealed = plan.sealed(head=lambda h: put(h, 2144, epoch, 4))  # noqa: B023
        yield Vector(f"current epoch {epoch} resealed", sealed, DAMAGED_BODY)


def costs(data: bytes, plan: Plan) -> Iterator[Vector]:
    gib, floor = 1 << 30, 19 << 20
    table = [(0, floor, 1, WEAK_KDF), (1, floor, 1, WEAK_KDF), (2, 0, 1, WEAK_KDF),
             (2, 1024, 1, WEAK_KDF), (10, floor - 1024, 1, WEAK_KDF), (0, 0, 1, WEAK_KDF),
             (2, floor - 1, 1, KDF_BOUNDS), (2, floor + 1, 1, KDF_BOUNDS), (2, 1, 1, KDF_BOUNDS),
             (2, floor + 512, 1, KDF_BOUNDS), (11, floor, 1, KDF_BOUNDS),
             (2**32 - 1, floor, 1, KDF_BOUNDS), (2, gib + 1024, 1, KDF_BOUNDS),
             (2, 2 * gib, 1, KDF_BOUNDS), (2, 2**63, 1, KDF_BOUNDS),
             (2, 2**64 - 1024, 1, KDF_BOUNDS), (5, gib, 1, KDF_BOUNDS), (10, gib, 1, KDF_BOUNDS),
             (9, 512 << 20, 1, KDF_BOUNDS), (2, floor, 0, KDF_BOUNDS), (2, floor, 2, KDF_BOUNDS),
             (2, floor, 255, KDF_BOUNDS), (1, floor, 2, KDF_BOUNDS), (11, 1024, 1, KDF_BOUNDS),
             (0, 2**63, 0, KDF_BOUNDS)]  # fmt: skip
    for passes, memory, lanes, status in table:
        changed = put(put(put(data, 100, passes, 4), 104, memory, 8), 112, lanes)
        name = f"t={passes} m={memory} p={lanes}"
        yield Vector(f"{name} rehashed", rehashed(changed), status, PHRASE)
        yield Vector(f"{name} not rehashed", changed, DAMAGED_HEADER, PHRASE)
        # A second slot that nobody asks for; the first one would open.
        first, second = plan.head[96:352], put(changed[96:352], 152, bytes(40))
        sealed = plan.sealed(head=lambda h: with_slots(h, [first, second]))  # noqa: B023
        yield Vector(f"{name} in another slot, resealed", sealed, status)
    weak, absurd = put(data, 100, 0, 4)[96:352], put(data, 112, 2)[96:352]
    for name, both, status in (
        ("weak, then absurd", [weak, absurd], WEAK_KDF),
        ("absurd, then weak", [absurd, weak], KDF_BOUNDS),
        ("absurd, then no slot", [absurd, bytes(256)], DAMAGED_HEADER),
        ("no slot, then absurd", [bytes(256), absurd], DAMAGED_HEADER),
    ):
        yield Vector(f"slots: {name}", plan.sealed(head=lambda h: with_slots(h, both)), status)  # noqa: B023


# ---- Unlocking -----------------------------------------------------------------------------------


def slots(data: bytes, plan: Plan) -> Iterator[Vector]:
    vault_id, root = plan.head[24:40], plan.root
    wrong = Unlock(RAW_KEY, bytes(reversed(KEY.secret)))
    yield Vector("wrong key", data, UNLOCK, wrong)
    yield Vector("key counted down", data, UNLOCK, Unlock(RAW_KEY, bytes(range(31, -1, -1))))
    yield Vector("passphrase for a raw key's vault", data, UNLOCK, PHRASE)
    yield Vector("the key as a passphrase", data, UNLOCK, Unlock(PASSPHRASE, KEY.secret))
    content = Unlock(KEY_FILE, b"test key file, not a real one, " * 3)
    for kind in (KEY_FILE, CREDENTIAL_FILE):
        made = [slot(replace(content, kind=kind), 0, vault_id, root)]
        sealed = plan.sealed(head=lambda h: with_slots(h, made))  # noqa: B023
        yield Vector(f"a slot of type {kind} by a key file", sealed, OK, content)
        yield Vector(f"a slot of type {kind} by a raw key", sealed, UNLOCK)
        yield Vector(f"a slot of type {kind} by its raw key", sealed, UNLOCK,
                     Unlock(RAW_KEY, digest(content.secret)))  # fmt: skip
        longer = replace(content, secret=content.secret + b"\n")
        yield Vector(f"a slot of type {kind} by a longer file", sealed, UNLOCK, longer)
    yield Vector("key file for a raw key's vault", data, UNLOCK, Unlock(KEY_FILE, KEY.secret))
    for kind in (3, 4, 5):
        changed = rehashed(put(data, 96, kind))
        yield Vector(f"slot type {kind} rehashed", changed, UNLOCK)
    made = [slot(KEY, index, vault_id, root) for index in range(8)]
    others = [slot(wrong, index, vault_id, root) for index in range(8)]
    foreign = slot(KEY, 0, vault_id, bytes(32))
    reserved = put(made[0], 0, 5)

    def recommitted(changed: bytes) -> bytes:
        key = reader.outer_key(changed, KEY)
        return put(changed, 48, kdf(key, b"tv1 commit" + vault_id + b"\0" + changed[:48]))

    table: list[tuple[str, list[bytes], str]] = [
        ("one", made[:1], OK),
        ("eight", others[:7] + made[7:], OK),
        ("the second opens", [others[0], made[1]], OK),
        ("the second of an unknown kind", [made[0], reserved], OK),
        ("an unknown kind with a cost", [made[0], put(reserved, 4, bytes([9]) * 13)], OK),
        ("the second in the first place", [made[1]], UNLOCK),
        ("the first in both places, other first", [others[0], made[0]], UNLOCK),
        ("eight wrong ones", others, UNLOCK),
        ("another root key", [foreign], HEADER_MAC),
        ("another root key before the right one", [foreign, made[1]], HEADER_MAC),
        ("forged commitment over an altered salt", [recommitted(flip(made[0], 32))], UNLOCK),
        ("forged commitment over a cost", [recommitted(put(made[0], 4, 1))], UNLOCK),
        ("commitment of zeros", [put(made[0], 48, bytes(32))], UNLOCK),
        ("wrapped key of zeros", [put(made[0], 104, bytes(48))], UNLOCK),
        ("another nonce", [flip(made[0], 80)], UNLOCK),
        ("wrapped key altered, the next is right", [flip(made[0], 104), made[1]], OK),
        ("bound cost in a raw slot",
         [slot(KEY, 0, vault_id, root, before=lambda s: put(s, 4, bytes([9]) * 13))], OK),
    ]  # fmt: skip
    for name, some, status in table:
        yield Vector(f"slots: {name}", plan.sealed(head=lambda h: with_slots(h, some)), status)  # noqa: B023
    none = bytes(256)
    for name, some, count, status in (
        ("a gap before", [none, made[1]], 1, OK),
        ("a gap between", [others[0], none, made[2]], 2, OK),
        ("only the last", [none] * 7 + [made[7]], 1, OK),
        ("a gap that is counted", [none, made[1]], 2, DAMAGED_HEADER),
        ("one more than counted", [made[0], others[1]], 1, DAMAGED_HEADER),
        ("none, one counted", [none], 1, DAMAGED_HEADER),
        ("none, none counted", [none], 0, DAMAGED_HEADER),
        ("a gap that is not zero", [put(none, 255, 1), made[1]], 1, DAMAGED_HEADER),
        ("a gap with a salt", [put(none, 32, 1), made[1]], 1, DAMAGED_HEADER),
        ("moved into a gap", [none, made[0]], 1, UNLOCK),
    ):
        sealed = plan.sealed(head=lambda h: with_slots(h, some, count))  # noqa: B023
        yield Vector(f"slots with gaps: {name}", sealed, status)


def passphrases(data: bytes, plan: Plan) -> Iterator[Vector]:
    yield Vector("wrong passphrase", data, UNLOCK, Unlock(PASSPHRASE, b"correct donkey"))
    yield Vector("key for a passphrase's vault", data, UNLOCK, KEY)
    yield Vector(
        "passphrase with a space", data, UNLOCK, replace(PHRASE, secret=PHRASE.secret + b" ")
    )
    for name, offset in (("salt", 128), ("commitment", 144), ("tag", 247), ("vault_id", 24)):
        yield Vector(f"passphrase's {name} rehashed", rehashed(flip(data, offset)), UNLOCK, PHRASE)
    wrong = Unlock(PASSPHRASE, b"not this one")
    for places, status in (((0,), OK), ((1,), OK), ((2,), UNLOCK)):
        made = [
            slot(PHRASE if index in places else wrong, index, plan.head[24:40], plan.root)
            for index in range(3)
        ]
        sealed = plan.sealed(head=lambda h: with_slots(h, made))  # noqa: B023
        yield Vector(f"passphrase slot {places[0]} of 3 opens", sealed, status, PHRASE)
    mixed = [
        slot(KEY, 0, plan.head[24:40], plan.root),
        *made[:1],
        slot(KEY, 2, bytes(16), bytes(32)),
    ]
    sealed = plan.sealed(head=lambda h: with_slots(h, mixed))
    yield Vector("a raw key's slot before a passphrase's", sealed, OK)
