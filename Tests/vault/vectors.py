"""vectors.py - vaults with one fault each, made from the golden ones, and what opening them says.

A vector's status is what docs/vault-format.md demands, written here by hand. Altered files come in
three strengths: as they are (nothing recomputed), rehashed (no key needed) and resealed (every MAC
right: only someone with the vault's key could have made them).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from . import reader
from .reader import CREDENTIAL_FILE, KEY_FILE, PASSPHRASE, RAW_KEY, Unlock, VaultError, digest, kdf
from .writer import (
    CREDENTIAL,
    EPOCH_KEY,
    HEADER,
    MAC,
    TENANT_KEY,
    Draft,
    Plan,
    flip,
    number,
    planned,
    put,
    rehashed,
    slot,
    tlv,
    with_slots,
)

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


@dataclass(frozen=True)
class Vector:
    name: str
    data: bytes
    status: str
    unlock: Unlock = KEY
    #: A tenant to open after the vault; its status is the vector's.
    tenant: str = ""


def golden(folder: Path, name: str, unlock: Unlock = KEY) -> reader.Vault:
    return reader.open_vault((folder / f"{name}.vault").read_bytes(), unlock)


def vectors(folder: Path) -> list[Vector]:
    """All vectors, in an order that never changes."""
    vault = golden(folder, "raw")
    plan, other = planned(vault), golden(folder, "utf8")
    phrase = golden(folder, "passphrase", PHRASE)
    return [
        *truncations(vault.data),
        *magics(vault.data),
        *versions(vault.data, plan),
        *header_damage(vault.data, plan),
        *header_forgery(vault.data, plan),
        *costs(phrase.data, plan),
        *slots(vault.data, plan),
        *passphrases(phrase.data, plan),
        *body_damage(vault.data, other.data, plan),
        *heads(plan),
        *binding(plan, planned(other)),
        *structure(plan),
        *metadata(plan),
        *flips(vault.data),
    ]


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
    for major in (0, 2, 3, 255, 256, 257, 65535):
        newer = put(data, 8, major, 2)
        yield Vector(f"major {major}", newer, VERSION)
        yield Vector(f"major {major} rehashed", rehashed(newer), VERSION)
    for bit in range(32):
        changed = rehashed(put(data, 12, 1 << bit, 4))
        yield Vector(f"required flag {bit} rehashed", changed, VERSION)
    yield Vector("newer major, cut", put(data, 8, 2, 2)[:4128], VERSION)
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
    yield Vector("key of zeros", data, UNLOCK, Unlock(RAW_KEY, bytes(32)))
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


# ---- Body ----------------------------------------------------------------------------------------


def body_damage(data: bytes, other: bytes, plan: Plan) -> Iterator[Vector]:
    places = {0: "type", 4: "meta_len", 8: "secret_len", 12: "epoch", 16: "id", 32: "version",
              40: "first nonce", 64: "second nonce", 88: "sealed bytes"}  # fmt: skip
    starts = [HEADER]
    for draft in plan.records:
        size = 88 + len(draft.secret) + 16 + (len(draft.metadata) + 16 if draft.metadata else 0)
        starts.append(starts[-1] + size)
    for index, start in enumerate(starts[:-1]):
        for offset, name in places.items():
            changed = flip(data, start + offset, 2)
            yield Vector(f"record {index}: {name} flipped", changed, DAMAGED_BODY)
    for offset in (1, 16, 32):
        yield Vector(f"body MAC byte -{offset}", flip(data, len(data) - offset), DAMAGED_BODY)
    yield Vector("no body MAC", data[:-MAC] + bytes(MAC), DAMAGED_BODY)
    yield Vector("another vault's body", data[:HEADER] + other[HEADER:], DAMAGED_BODY)
    yield Vector("another vault's header", other[:HEADER] + data[HEADER:], DAMAGED_BODY)
    yield Vector("body MAC without file_id", put(data, len(data) - MAC, digest(data[:-MAC])),
                 DAMAGED_BODY)  # fmt: skip
    file_key = kdf(plan.root, b"tv1 body")
    for name, key in (("K_file", file_key), ("another file_id's key", kdf(file_key, bytes(16)))):
        yield Vector(f"body MAC by {name}", data[:-MAC] + kdf(key, data[:-MAC]), DAMAGED_BODY)
    for order in ((1, 0, 2, 3, 4), (0, 2, 1, 3, 4), (0, 1, 2, 4, 3), (0, 3, 4, 1, 2)):
        parts = [data[starts[place] : starts[place + 1]] for place in order]
        changed = data[:HEADER] + b"".join(parts) + data[-MAC:]
        yield Vector(f"order {order} not resealed", changed, DAMAGED_BODY)


def heads(plan: Plan) -> Iterator[Vector]:
    """Record heads that break a rule, every MAC right."""
    lengths = {EPOCH_KEY: (1, 16, 17, 2**32 - 1), TENANT_KEY: (0, 15, 16, 4113, 2**32 - 1),
               CREDENTIAL: (0, 15, 16, 4113, 2**32 - 1)}  # fmt: skip
    for kind in (EPOCH_KEY, TENANT_KEY, CREDENTIAL):
        place = plan.of(kind)[-1]
        table = [("type", 0, value, 1) for value in (0, 4, 255)]
        table += [("reserved", offset, 1, 1) for offset in (1, 2, 3)]
        table += [("meta_len", 4, value, 4) for value in lengths[kind]]
        table += [("secret_len", 8, value, 4) for value in (0, 1, 15, 16, 16401, 2**31, 2**32 - 1)]
        if kind == EPOCH_KEY:
            table += [("metadata nonce", 40, 1, 1), ("metadata nonce", 63, 1, 1)]
        for name, offset, value, length in table:
            changed = plan.changed(place, patch=lambda d: put(d, offset, value, length))  # noqa: B023
            yield Vector(f"type {kind}: {name} {offset}={value}", changed.sealed(), DAMAGED_BODY)
    for count in (1, 3, 87, 88):
        sealed = plan.sealed(body=lambda b: b + bytes(count))  # noqa: B023
        yield Vector(f"{count} zeros behind the records, resealed", sealed, DAMAGED_BODY)
    for count in (1, 16, 80, 200):
        sealed = plan.sealed(body=lambda b: b[:-count])  # noqa: B023
        yield Vector(f"last record short by {count}, resealed", sealed, DAMAGED_BODY)


def binding(plan: Plan, other: Plan) -> Iterator[Vector]:
    """Sealed parts in the wrong place, every MAC right."""
    for kind in (EPOCH_KEY, TENANT_KEY, CREDENTIAL):
        place = plan.of(kind)[-1]
        record = plan.records[place]
        own = record.head()
        bounds = {
            "epoch": replace(own, epoch=own.epoch + 1),
            "version": replace(own, version=own.version + 1),
            "id": replace(own, id=flip(own.id, 15)),
            "type": replace(own, type=kind % 3 + 1),
        }
        for name, bound in bounds.items():
            yield Vector(f"type {kind} sealed for another {name}",
                         plan.changed(place, bound=bound).sealed(), RECORD_AUTH)  # fmt: skip
        if kind == EPOCH_KEY:
            for at in (64, 87, 88, 135):
                changed = plan.changed(place, patch=lambda d: flip(d, at))  # noqa: B023
                yield Vector(f"epoch key: byte {at} resealed", changed.sealed(), RECORD_AUTH)
            for size in (1, 31, 33, 64):
                changed = plan.changed(place, secret=bytes(size))
                yield Vector(f"epoch key of {size} bytes", changed.sealed(), RECORD_AUTH)
            continue
        meta_end = 88 + len(record.metadata) + 16
        for at in (40, 63, 88, meta_end - 1):
            changed = plan.changed(place, patch=lambda d: flip(d, at))  # noqa: B023
            yield Vector(f"type {kind}: metadata byte {at} resealed", changed.sealed(), RECORD_AUTH)
        for at in (64, meta_end, -1):
            changed = plan.changed(place, patch=lambda d: flip(d, at % len(d)))  # noqa: B023
            yield Vector(f"type {kind}: secret byte {at} is opened later", changed.sealed(), OK)
    vault_id = replace(plan, head=put(plan.head, 24, other.head[24:40]))
    moved = vault_id.sealed(head=lambda h: put(h, 24, plan.head[24:40]))
    yield Vector("records sealed for another vault_id", moved, RECORD_AUTH)
    tenant = plan.of(TENANT_KEY)[0]
    name = reader.fields(plan.records[tenant].metadata)[reader.TENANT].decode()
    wrong = {
        "a flipped key": plan.changed(tenant, patch=lambda d: flip(d, len(d) - 20)),
        "a flipped nonce": plan.changed(tenant, patch=lambda d: flip(d, 64)),
        "the epoch key itself": plan.changed(tenant, key=plan.epochs[1]),
        "the right key, 31 bytes": plan.changed(tenant, secret=bytes(31)),
        "K_wrap": plan.changed(tenant, key=kdf(plan.root, b"tv1 wrap")),
        "K_meta": plan.changed(tenant, key=kdf(plan.epochs[1], b"tv1 meta")),
    }
    for fault, changed in wrong.items():
        yield Vector(f"tenant key by {fault}", changed.sealed(), OK)
        yield Vector(f"tenant key by {fault}, used", changed.sealed(), RECORD_AUTH, tenant=name)
    used = {"unchanged": plan, "another's broken": wrong["a flipped key"]}
    for fault, changed in used.items():
        other_name = name if fault == "unchanged" else {"acme": "globex", "globex": "acme"}[name]
        yield Vector(f"tenant key used, {fault}", changed.sealed(), OK, tenant=other_name)


def structure(plan: Plan) -> Iterator[Vector]:
    """Whole records missing, doubled or in the wrong order, every MAC and every seal right."""
    tenants, credentials = plan.of(TENANT_KEY), plan.of(CREDENTIAL)
    records = plan.records

    def having(some: list[Draft]) -> bytes:
        return replace(plan, records=some).sealed()

    def reordered(*order: int) -> bytes:
        return having([records[place] for place in order])

    yield Vector("tenants' order", reordered(0, 2, 1, 3, 4), DAMAGED_BODY)
    yield Vector("credentials' order", reordered(0, 1, 2, 4, 3), DAMAGED_BODY)
    yield Vector("credentials before tenants", reordered(0, 3, 4, 1, 2), DAMAGED_BODY)
    yield Vector("a tenant last", reordered(0, 1, 3, 4, 2), DAMAGED_BODY)
    yield Vector("epoch key second", reordered(1, 0, 2, 3, 4), DAMAGED_BODY)
    for place in range(5):
        twice = sorted([*range(5), place])
        yield Vector(f"record {place} twice", reordered(*twice), DAMAGED_BODY)
    yield Vector("no epoch key", reordered(1, 2, 3, 4), DAMAGED_BODY)
    yield Vector("no record at all", reordered(), DAMAGED_BODY)
    yield Vector("no tenant keys", reordered(0, 3, 4), RECORD_AUTH)
    for place in tenants:
        rest = [at for at in range(5) if at != place]
        yield Vector(f"tenant key {place} missing", reordered(*rest), RECORD_AUTH)
    for place in credentials:
        rest = [at for at in range(5) if at != place]
        yield Vector(f"credential {place} away", reordered(*rest), OK)
    yield Vector("tenants without credentials", reordered(0, 1, 2), OK)
    yield Vector("only the epoch key", reordered(0), OK)

    def more_epochs(count: int, first: int = 2) -> list[Draft]:
        made = [
            replace(
                records[0],
                epoch=first + n,
                id=digest(b"id %d" % n)[:16],
                nonces=(bytes(24), digest(b"nonce %d" % n)[:24]),
            )
            for n in range(count)
        ]
        return sorted([records[0], *made], key=lambda one: one.id) + records[1:]

    yield Vector("64 epochs", having(more_epochs(63)), OK)
    yield Vector("65 epochs", having(more_epochs(64)), DAMAGED_BODY)
    yield Vector("an epoch twice", having(more_epochs(1, first=1)), DAMAGED_BODY)
    for kind, place in ((TENANT_KEY, tenants[-1]), (CREDENTIAL, credentials[-1])):
        changed = plan.changed(place, epoch=7)
        yield Vector(f"type {kind} of an epoch without a key", changed.sealed(), RECORD_AUTH)
        again = replace(records[place], id=b"\xff" * 16)
        some = sorted([*records, again], key=lambda one: (one.type, one.id))
        name = "tenant" if kind == TENANT_KEY else "account"
        yield Vector(f"{name} twice under two ids", having(some), DAMAGED_BODY)
        versioned = plan.changed(place, version=0)
        yield Vector(f"type {kind} of version 0", versioned.sealed(), OK)
    broken = plan.changed(0, patch=lambda d: flip(d, 90))
    unsorted = replace(broken, records=[broken.records[place] for place in (0, 1, 2, 4, 3)])
    yield Vector("order, and an epoch key that does not open", unsorted.sealed(), DAMAGED_BODY)
    short = broken.sealed(head=lambda h: put(h, 84, 4, 4))
    yield Vector("count, and an epoch key that does not open", short, DAMAGED_BODY)
    strange = Draft(4, 1, bytes(16), 1, (bytes(24), bytes(24)), b"x" * 9, bytes(32), key=bytes(32))
    yield Vector("a fourth kind of record", having([*records, strange]), DAMAGED_BODY)
    zero = replace(strange, type=0)
    yield Vector("a record of type 0", having([zero, *records]), DAMAGED_BODY)


# ---- Metadata ------------------------------------------------------------------------------------


def metadata(plan: Plan) -> Iterator[Vector]:
    """Fields that break a rule, sealed by someone with every key."""
    place = plan.of(CREDENTIAL)[0]
    base = dict(reader.fields(plan.records[place].metadata))
    base = {1: base[1], 2: base[2], 3: b"\x01", 5: base[5], 7: b"\x01", 10: bytes(8), 15: bytes(8)}

    def sealed(plain: bytes, at: int = place) -> bytes:
        return plan.changed(at, metadata=plain).sealed()

    def brief(change: dict[int, bytes | None]) -> str:
        return ", ".join(
            f"{tag} absent" if value is None else f"{tag}: {len(value)} bytes {value[:9].hex()}"
            for tag, value in change.items()
        )

    def having(change: dict[int, bytes | None]) -> bytes:
        merged: dict[int, bytes | None] = {**base, **change}
        return sealed(tlv([(tag, merged[tag] or b"") for tag in sorted(merged)
                           if merged[tag] is not None]))  # fmt: skip

    bad: list[dict[int, bytes | None]] = [{tag: None} for tag in (1, 2, 3, 5)]
    bad += [{1: b""}, {1: b"t" * 129}, {1: b"\xff"}, {1: b"\xc0\x80"}, {1: b"\xed\xa0\x80"}]
    bad += [{2: value} for value in (b"", b"a" * 31, b"a" * 33, b"A" * 32, b"g" * 32, b"\0" * 32)]
    bad += [{3: value} for value in (b"", b"\0", b"\x02", b"\x03", b"\x01\x01", b"1")]
    bad += [{7: value} for value in (b"", b"\0", b"\x04", b"\x01\0")]
    bad += [{tag: bytes(size)} for tag in (8, 9, 10, 13, 15) for size in (0, 7, 9)]
    bad += [{11: bytes(15)}, {11: bytes(17)}, {11: b""}, {0: b"x"}]
    bad += [{tag: b"\xff\xfe"} for tag in (4, 5, 6, 12, 14, 16)]
    for change in bad:
        yield Vector(f"metadata, bad {brief(change)}", having(change), RECORD_AUTH)
    good: list[dict[int, bytes | None]] = [
        {7: None}, {10: None}, {15: None}, {6: b""}, {6: b"l" * 3000}, {4: b"not needed"},
        {3: b"\x02", 4: b"soc@acme.example"}, {7: b"\x02"}, {7: b"\x03"}, {8: bytes(8)},
        {9: bytes(8)}, {11: bytes(16)}, {12: b"id"}, {13: bytes(8)}, {14: "☂".encode()},
        {16: b"g"}, {17: b"\xff\xfe"}, {200: b""}, {255: bytes(9)}, {17: b"", 18: b"", 254: b"z"},
    ]  # fmt: skip
    for change in good:
        yield Vector(f"metadata, good {brief(change)}", having(change), OK)
    twice = sorted(base.items())
    whole = tlv(twice)
    broken = {
        "out of order": tlv(twice[::-1]),
        "two exchanged": tlv([twice[1], twice[0], *twice[2:]]),
        "tenant twice": tlv([twice[0], *twice]),
        "an unknown tag twice": tlv([*twice, (99, b"a"), (99, b"a")]),
        "an unknown tag out of order": tlv([(99, b"a"), *twice]),
        "one byte behind": whole + b"\xff",
        "two bytes behind": whole + b"\xff\0",
        "a field without its value": whole + b"\xff\x01\0",
        "a length beyond the end": whole + b"\xff\xff\xff" + b"x",
        "last byte lost": whole[:-1],
        "a single byte": b"\x01",
        "zeros": bytes(64),
    }
    for name, plain in broken.items():
        yield Vector(f"metadata: {name}", sealed(plain), RECORD_AUTH)
    for size, status in ((4096, OK), (4097, DAMAGED_BODY)):
        long = tlv([*twice, (255, bytes(size - len(whole) - 3))])
        yield Vector(f"metadata of {size} bytes", sealed(long), status)
    for size, status in ((16384, OK), (16385, DAMAGED_BODY)):
        changed = plan.changed(place, secret=bytes(size))
        yield Vector(f"secret of {size} bytes", changed.sealed(), status)
    tenant = plan.of(TENANT_KEY)[0]
    owner = reader.fields(plan.records[tenant].metadata)[1]
    for label, plain, status in (
        ("without created", tlv([(1, owner)]), OK),
        ("with an unknown tag", tlv([(1, owner), (10, bytes(8)), (77, b"?")]), OK),
        ("without a tenant", tlv([(10, bytes(8))]), RECORD_AUTH),
        ("with a short created", tlv([(1, owner), (10, bytes(7))]), RECORD_AUTH),
        ("with a wrong account", tlv([(1, owner), (2, b"x")]), RECORD_AUTH),
        ("renamed", tlv([(1, b"initech"), (10, bytes(8))]), RECORD_AUTH),
    ):
        yield Vector(f"tenant key {label}", sealed(plain, tenant), status)


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
