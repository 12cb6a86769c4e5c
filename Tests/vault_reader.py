"""A second reader of vault files, written from docs/vault-format.md alone, for the tests.

It opens everything: all keys, all metadata, all secrets. Never use it where a library would do.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MAGIC = bytes.fromhex("895456560d0a1a0a")
HEADER = 4096
MAC = 32
EPOCH_KEY, TENANT_KEY, CREDENTIAL = 1, 2, 3
HEAD = struct.Struct("<BB2sIII16sQ24s24s")


class BadVault(Exception):
    """The file breaks a rule of the format."""


def require(held: bool, rule: str) -> None:
    if not held:
        raise BadVault(rule)


def digest(data: bytes) -> bytes:
    """H of the format."""
    return hashlib.blake2b(data, digest_size=32).digest()


def kdf(key: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def _hchacha20(key: bytes, nonce: bytes) -> bytes:
    state = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I4I", key + nonce)]

    def mix(a: int, b: int, c: int, d: int) -> None:
        for one, two, three, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[one] = (state[one] + state[two]) & 0xFFFFFFFF
            word = state[three] ^ state[one]
            state[three] = (word << turn | word >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            mix(column, column + 4, column + 8, column + 12)
        for row in range(4):
            mix(row, (row + 1) % 4 + 4, (row + 2) % 4 + 8, (row + 3) % 4 + 12)
    return struct.pack("<8I", *state[:4], *state[12:])


def unseal(key: bytes, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
    """XChaCha20-Poly1305-IETF; raises cryptography's InvalidTag."""
    inner = ChaCha20Poly1305(_hchacha20(key, nonce[:16]))
    return inner.decrypt(bytes(4) + nonce[16:], sealed, aad)


@dataclass(frozen=True)
class Record:
    start: int
    end: int
    type: int
    epoch: int
    id: bytes
    version: int
    nonces: tuple[bytes, bytes]
    metadata: bytes
    secret: bytes

    def aad(self, label: bytes, vault_id: bytes) -> bytes:
        place = struct.pack("<QIB", self.version, self.epoch, self.type)
        return label + vault_id + self.id + place


@dataclass
class Opened:
    """Everything that is in a vault."""

    vault_id: bytes
    file_id: bytes
    generation: int
    records: list[Record]
    #: Every key, by its name in the format.
    keys: dict[str, bytes] = field(default_factory=dict)
    #: (tenant, account id) to metadata fields and the token or key.
    accounts: dict[tuple[str, str], tuple[dict[int, bytes], bytes]] = field(default_factory=dict)


def records(data: bytes) -> Iterator[Record]:
    """The records of a body, without any key."""
    place, end, last = HEADER, len(data) - MAC, (0, b"")
    while place < end:
        require(place + HEAD.size <= end, "a record's head is cut")
        kind, flags, reserved, meta, secret, epoch, name, version, first, second = HEAD.unpack_from(
            data, place
        )
        require(kind in (1, 2, 3) and flags == 0 and reserved == bytes(2), "a record's head")
        require(last < (kind, name), "the records' order")
        last = (kind, name)
        middle = place + HEAD.size + meta
        require(middle + secret <= end, "a record reaches beyond the body")
        if kind == EPOCH_KEY:
            require(meta == 0 and first == bytes(24), "an epoch key has no metadata")
        yield Record(
            place,
            middle + secret,
            kind,
            epoch,
            name,
            version,
            (first, second),
            data[place + HEAD.size : middle],
            data[middle : middle + secret],
        )
        place = middle + secret


def fields(metadata: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place, last = 0, 0
    while place < len(metadata):
        tag, length = struct.unpack_from("<BH", metadata, place)
        require(tag > last, "the metadata's order")
        last = tag
        found[tag] = metadata[place + 3 : place + 3 + length]
        require(len(found[tag]) == length, "a metadata field is cut")
        place += 3 + length
    return found


def _root_key(data: bytes, key: bytes | None, passphrase: bytes | None) -> bytes:
    slot, vault_id = data[96:352], data[24:40]
    salt = slot[32:48]
    if passphrase is not None:
        passes, memory = struct.unpack_from("<IQ", slot, 4)
        require(slot[0] == 1 and slot[16] == 1, "a passphrase slot with one lane")
        stretch = Argon2id(
            salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory // 1024
        )
        outer = stretch.derive(passphrase)
    else:
        require(slot[0] == 2 and key is not None, "a raw key's slot")
        outer = kdf(key or b"", b"tv1 raw" + salt)
    place = vault_id + b"\x00"
    require(kdf(outer, b"tv1 commit" + place + slot[:48]) == slot[48:80], "the commitment")
    return unseal(outer, slot[80:104], b"tv1 slot" + place + slot[:80], slot[104:152])


def _check_header(data: bytes) -> None:
    require(len(data) >= HEADER + MAC and data[:8] == MAGIC, "the magic")
    require(data[8:10] == b"\x01\x00" and data[12:16] == bytes(4), "the version")
    require(digest(data[:4064]) == data[4064:4096], "the header's hash")
    require(data[20:24] == struct.pack("<I", HEADER), "the header's length")
    require(data[80:84] == b"\x01\x01\x01\x00", "one slot, the known algorithms")
    require(not any(data[352:2144]) and not any(data[2148:4032]), "reserved bytes are zero")


def read(data: bytes, *, key: bytes | None = None, passphrase: bytes | None = None) -> Opened:
    """Open a vault with one slot, and everything in it."""
    _check_header(data)
    root = _root_key(data, key, passphrase)
    header_key, wrap, file_key = (kdf(root, b"tv1 " + name) for name in (b"hdr", b"wrap", b"body"))
    index = kdf(root, b"tv1 idx")
    require(kdf(header_key, data[:4032]) == data[4032:4064], "the header's MAC")
    require(struct.unpack_from("<Q", data, 64)[0] == len(data) - HEADER - MAC, "body_len")
    body_key = kdf(file_key, data[40:56])
    require(kdf(body_key, data[:-MAC]) == data[-MAC:], "the body's MAC")
    opened = Opened(
        vault_id=data[24:40],
        file_id=data[40:56],
        generation=struct.unpack_from("<Q", data, 56)[0],
        records=list(records(data)),
        keys={
            "RK": root,
            "K_hdr": header_key,
            "K_wrap": wrap,
            "K_file": file_key,
            "K_body": body_key,
            "K_idx": index,
            "K_fp": kdf(index, b"tv1 fingerprint"),
        },
    )
    require(struct.unpack_from("<I", data, 84)[0] == len(opened.records), "the record count")
    _open_records(opened)
    return opened


def _open_records(opened: Opened) -> None:
    keys, vault_id = opened.keys, opened.vault_id
    for record in opened.records:
        aad = record.aad(b"tv1 s", vault_id)
        if record.type == EPOCH_KEY:
            epoch = unseal(keys["K_wrap"], record.nonces[1], aad + digest(b""), record.secret)
            keys[f"DEK[{record.epoch}]"] = epoch
            keys[f"K_meta[{record.epoch}]"] = kdf(epoch, b"tv1 meta")
            keys[f"K_ten[{record.epoch}]"] = kdf(epoch, b"tv1 wrap tenant")
            continue
        metadata = unseal(
            keys[f"K_meta[{record.epoch}]"],
            record.nonces[0],
            record.aad(b"tv1 m", vault_id),
            record.metadata,
        )
        found = fields(metadata)
        tenant = found[1].decode()
        outer = f"K_ten[{record.epoch}]" if record.type == TENANT_KEY else f"TK[{tenant}]"
        secret = unseal(keys[outer], record.nonces[1], aad + digest(metadata), record.secret)
        if record.type == TENANT_KEY:
            keys[f"TK[{tenant}]"] = secret
            continue
        require(len(secret) % 64 == 0, "the padding's length")
        token = secret.rstrip(b"\x00")
        require(token[-1:] == b"\x80" and len(secret) - len(token) < 64, "the padding")
        require(kdf(keys["K_fp"], token[:-1])[:8] == found[15], "the fingerprint")
        opened.accounts[tenant, found[2].decode()] = (found, token[:-1])
