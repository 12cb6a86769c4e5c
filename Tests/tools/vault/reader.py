"""reader.py - a second, read-only implementation of docs/vault-format.md, for the tests.

Written from the document. It makes every check in the document's order and names each failure by
its status, so that the library can be compared with it. Nothing here wipes what it decrypts: it
must never open a vault of value.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from hmac import compare_digest

from nacl import pwhash
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as aead_open
from nacl.encoding import RawEncoder
from nacl.exceptions import CryptoError
from nacl.hash import blake2b

MAGIC = bytes.fromhex("895456560d0a1a0a")
HEADER, MAC, SLOTS, SLOT, HEAD = 4096, 32, 96, 256, 88
MIB = 1 << 20
#: Format 2 fills metadata up to a multiple of this.
BLOCK = 256
EPOCH_KEY, TENANT_KEY, CREDENTIAL = 1, 2, 3
PASSPHRASE, RAW_KEY, KEY_FILE, CREDENTIAL_FILE = 1, 2, 3, 4
TENANT, ACCOUNT, KIND, EMAIL, ORIGIN, LABEL, STATE = 1, 2, 3, 4, 5, 6, 7
NOT_BEFORE, EXPIRES, CREATED, FINGERPRINT, GROUP = 8, 9, 10, 15, 16
ACTIVE, RETIRING = 1, 2
#: Fields with a fixed length; the others are text, unless a later version added them.
LENGTHS = {2: 32, 3: 1, 7: 1, 8: 8, 9: 8, 10: 8, 11: 16, 13: 8, 15: 8}
TEXTS = (1, 4, 5, 6, 12, 14, 16)


class VaultError(Exception):
    """The vault does not open; `status` is the library's name for the reason."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


def check(held: bool, status: str) -> None:
    if not held:
        raise VaultError(status)


@dataclass(frozen=True)
class Unlock:
    """What opens a vault, by the slot's type; for files the secret is the content."""

    kind: int
    secret: bytes


@dataclass(frozen=True)
class Record:
    """One record's head and its sealed parts; `start` and `end` are places in the file."""

    type: int
    epoch: int
    id: bytes
    version: int
    nonces: tuple[bytes, bytes]
    metadata: bytes
    secret: bytes
    start: int = 0
    end: int = 0

    def aad(self, label: bytes, vault_id: bytes) -> bytes:
        return label + vault_id + self.id + struct.pack("<QIB", self.version, self.epoch, self.type)


@dataclass
class Vault:
    """An opened vault. Tenants' keys and secrets are opened when they are asked for."""

    data: bytes
    root: bytes
    records: list[Record] = field(default_factory=list)
    #: DEK by epoch.
    epochs: dict[int, bytes] = field(default_factory=dict)
    #: Record and metadata by tenant, and by tenant, account id and state.
    tenants: dict[str, tuple[Record, bytes]] = field(default_factory=dict)
    accounts: dict[tuple[str, str, int], tuple[Record, bytes]] = field(default_factory=dict)

    @property
    def vault_id(self) -> bytes:
        return self.data[24:40]

    @property
    def file_id(self) -> bytes:
        return self.data[40:56]

    @property
    def format(self) -> int:
        return number(self.data, 8, 2)

    @property
    def generation(self) -> int:
        return number(self.data, 56, 8)

    def keys(self) -> dict[str, bytes]:
        """Every key there is, by its name in the document."""
        named = {"RK": self.root}
        for name, label in (("hdr", "hdr"), ("wrap", "wrap"), ("file", "body"), ("idx", "idx")):
            named[f"K_{name}"] = kdf(self.root, f"tv1 {label}".encode())
        named["K_body"] = kdf(named["K_file"], self.file_id)
        named["K_fp"] = kdf(named["K_idx"], b"tv1 fingerprint")
        for epoch, key in self.epochs.items():
            named[f"DEK[{epoch}]"] = key
            named[f"K_meta[{epoch}]"] = kdf(key, b"tv1 meta")
            named[f"K_ten[{epoch}]"] = kdf(key, b"tv1 wrap tenant")
        return named | {f"TK[{tenant}]": self.tenant_key(tenant) for tenant in self.tenants}

    def tenant_key(self, tenant: str) -> bytes:
        record, metadata = self.tenants[tenant]
        key = self.open_secret(record, metadata, kdf(self.epochs[record.epoch], b"tv1 wrap tenant"))
        check(len(key) == 32, "TV_E_RECORD_AUTH")
        return key

    def secret(self, tenant: str, account: str, state: int = ACTIVE) -> bytes:
        """A token or key of one account."""
        padded = self.open_secret(*self.accounts[tenant, account, state], self.tenant_key(tenant))
        secret = padded.rstrip(b"\0")
        check(len(padded) % 64 == 0 and len(padded) - len(secret) < 64, "TV_E_RECORD_AUTH")
        check(secret[-1:] == b"\x80", "TV_E_RECORD_AUTH")
        sound = 1 <= len(secret) - 1 <= 512 and all(0x21 <= byte <= 0x7E for byte in secret[:-1])
        check(sound, "TV_E_RECORD_AUTH")
        return secret[:-1]

    def open_secret(self, record: Record, metadata: bytes, key: bytes) -> bytes:
        aad = record.aad(b"tv1 s", self.vault_id) + digest(metadata)
        return unsealed(key, record.nonces[1], aad, record.secret, "TV_E_RECORD_AUTH")

    def fingerprint(self, secret: bytes) -> bytes:
        return kdf(kdf(kdf(self.root, b"tv1 idx"), b"tv1 fingerprint"), secret)[:8]

    def listing(self) -> list[dict[int, bytes]]:
        return [fields(self.accounts[where][1]) for where in sorted(self.accounts)]


# ---- Primitives -------------------------------------------------------------------------------


def digest(data: bytes) -> bytes:
    """H of the document."""
    return blake2b(data, digest_size=32, encoder=RawEncoder)


def kdf(key: bytes, data: bytes) -> bytes:
    return blake2b(data, digest_size=32, key=key, encoder=RawEncoder)


def unsealed(key: bytes, nonce: bytes, aad: bytes, sealed: bytes, status: str) -> bytes:
    try:
        return aead_open(sealed, aad, nonce, key)
    except CryptoError:
        raise VaultError(status) from None


def number(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "little")


# ---- Header and slots -------------------------------------------------------------------------


def open_vault(data: bytes, unlock: Unlock) -> Vault:
    """Open a vault; raises VaultError with the first check's status that fails."""
    check_header(data)
    slots = slots_in_use(data)
    for slot in slots.values():
        check_cost(slot)
    root = unlocked(data, slots, unlock)
    check(compare_digest(kdf(kdf(root, b"tv1 hdr"), data[:4032]), data[4032:4064]),
          "TV_E_HEADER_MAC")  # fmt: skip
    check(number(data, 64, 8) == len(data) - HEADER - MAC, "TV_E_DAMAGED_BODY")
    body_key = kdf(kdf(root, b"tv1 body"), data[40:56])
    check(compare_digest(kdf(body_key, data[:-MAC]), data[-MAC:]), "TV_E_DAMAGED_BODY")
    vault = Vault(data, root)
    read_body(vault)
    return vault


def check_header(data: bytes) -> None:
    check(len(data) >= HEADER + MAC and data[:8] == MAGIC, "TV_E_NOT_VAULT")
    check(number(data, 8, 2) in (1, 2) and number(data, 12, 4) == 0, "TV_E_VAULT_VERSION")
    check(digest(data[:4064]) == data[4064:4096], "TV_E_DAMAGED_HEADER")
    check(data[80] == 1 and data[81] == 1, "TV_E_VAULT_VERSION")
    sound = number(data, 20, 4) == HEADER and 1 <= data[82] <= 8 and data[83] == 0
    check(sound and not any(data[2148:4032]), "TV_E_DAMAGED_HEADER")
    check(len(slots_in_use(data)) == data[82], "TV_E_DAMAGED_HEADER")


def slots_in_use(data: bytes) -> dict[int, bytes]:
    """The slots that are not zero throughout, by their place."""
    found = {}
    for index in range(8):
        slot = data[SLOTS + SLOT * index : SLOTS + SLOT * (index + 1)]
        if any(slot):
            reserved = slot[1:4] + slot[17:32] + slot[192:]
            check(1 <= slot[0] <= 5 and not any(reserved), "TV_E_DAMAGED_HEADER")
            found[index] = slot
    return found


def check_cost(slot: bytes) -> None:
    if slot[0] == PASSPHRASE:
        passes, memory = number(slot, 4, 4), number(slot, 8, 8)
        bounded = memory <= 1024 * MIB and passes <= 10 and memory * passes <= 4096 * MIB
        check(slot[16] == 1 and memory % 1024 == 0 and bounded, "TV_E_KDF_BOUNDS")
        check(memory >= 19 * MIB and passes >= 2, "TV_E_WEAK_KDF")


def unlocked(data: bytes, slots: dict[int, bytes], unlock: Unlock) -> bytes:
    """The root key from the first slot that opens."""
    kinds = (3, 4) if unlock.kind in (KEY_FILE, CREDENTIAL_FILE) else (unlock.kind,)
    mine = [(i, slot) for i, slot in slots.items() if slot[0] in kinds]
    for index, slot in mine[:2] if unlock.kind == PASSPHRASE else mine:
        key = outer_key(slot, unlock)
        place = data[24:40] + bytes([index])
        if compare_digest(kdf(key, b"tv1 commit" + place + slot[:48]), slot[48:80]):
            try:
                return aead_open(slot[104:152], b"tv1 slot" + place + slot[:80], slot[80:104], key)
            except CryptoError:
                continue
    raise VaultError("TV_E_UNLOCK")


def outer_key(slot: bytes, unlock: Unlock) -> bytes:
    """KEK of the document."""
    if unlock.kind != PASSPHRASE:
        key = unlock.secret if unlock.kind == RAW_KEY else digest(unlock.secret)
        return kdf(key, b"tv1 raw" + slot[32:48])
    passes, memory = number(slot, 4, 4), number(slot, 8, 8)
    return pwhash.argon2id.kdf(32, unlock.secret, slot[32:48], opslimit=passes, memlimit=memory)


# ---- Records ----------------------------------------------------------------------------------


def heads(data: bytes) -> Iterator[Record]:
    """The records in turn, each checked by its head; nothing is opened."""
    place, end, last = HEADER, len(data) - MAC, (0, b"")
    while place < end:
        check(place + HEAD <= end, "TV_E_DAMAGED_BODY")
        head = data[place : place + HEAD]
        kind, meta, secret = head[0], number(head, 4, 4), number(head, 8, 4)
        middle, after = place + HEAD + meta, place + HEAD + meta + secret
        if kind == EPOCH_KEY:
            check(meta == 0 and not any(head[40:64]), "TV_E_DAMAGED_BODY")
        else:
            check(17 <= meta <= 4096 + 16, "TV_E_DAMAGED_BODY")
        check(kind in (EPOCH_KEY, TENANT_KEY, CREDENTIAL), "TV_E_DAMAGED_BODY")
        check(not any(head[1:4]) and 17 <= secret <= 16384 + 16, "TV_E_DAMAGED_BODY")
        check(after <= end and last < (kind, head[16:32]), "TV_E_DAMAGED_BODY")
        last = (kind, head[16:32])
        yield Record(kind, number(head, 12, 4), head[16:32], number(head, 32, 8),
                     (head[40:64], head[64:88]), data[place + HEAD : middle],
                     data[middle:after], place, after)  # fmt: skip
        place = after


def read_body(vault: Vault) -> None:
    """What the heads of all records tell, then record by record what is sealed."""
    vault.records = list(heads(vault.data))
    epochs = [record.epoch for record in vault.records if record.type == EPOCH_KEY]
    check(number(vault.data, 84, 4) == len(vault.records), "TV_E_DAMAGED_BODY")
    check(len(epochs) == len(set(epochs)) <= 64, "TV_E_DAMAGED_BODY")
    check(number(vault.data, 2144, 4) in epochs, "TV_E_DAMAGED_BODY")
    twice = False
    for record in vault.records:
        if record.type == EPOCH_KEY:
            key = vault.open_secret(record, b"", kdf(vault.root, b"tv1 wrap"))
            check(len(key) == 32, "TV_E_RECORD_AUTH")
            vault.epochs[record.epoch] = key
            continue
        metadata = open_metadata(vault, record)
        found = fields(metadata)
        check(is_padded(metadata, vault.format), "TV_E_RECORD_AUTH")
        tenant = found[TENANT].decode()
        if record.type == TENANT_KEY:
            check(tenant not in vault.tenants, "TV_E_DAMAGED_BODY")
            vault.tenants[tenant] = (record, metadata)
        else:
            check({ACCOUNT, KIND, ORIGIN} <= found.keys(), "TV_E_RECORD_AUTH")
            check(tenant in vault.tenants, "TV_E_RECORD_AUTH")
            where = (tenant, found[ACCOUNT].decode(), found.get(STATE, b"\x01")[0])
            twice = twice or where in vault.accounts
            vault.accounts[where] = (record, metadata)
    check(not twice, "TV_E_DAMAGED_BODY")


def open_metadata(vault: Vault, record: Record) -> bytes:
    check(record.epoch in vault.epochs, "TV_E_RECORD_AUTH")
    key = kdf(vault.epochs[record.epoch], b"tv1 meta")
    aad = record.aad(b"tv1 m", vault.vault_id)
    return unsealed(key, record.nonces[0], aad, record.metadata, "TV_E_RECORD_AUTH")


def is_padded(metadata: bytes, form: int) -> bool:
    """Whether the zeros behind the fields are those of this format."""
    zeros = len(metadata) - end_of_fields(metadata)
    return zeros == 0 if form == 1 else zeros < BLOCK and len(metadata) % BLOCK == 0


def end_of_fields(metadata: bytes) -> int:
    """Where the first zero is in the place of a tag; no tag is 0."""
    place = 0
    while place < len(metadata) and metadata[place] != 0:
        place += 3 + number(metadata, place + 1, 2)
    return place


def fields(metadata: bytes) -> dict[int, bytes]:
    """Metadata by tag; every field that the document knows has its form."""
    found: dict[int, bytes] = {}
    place, last = 0, 0
    while place < len(metadata) and any(metadata[place:]):
        tag, start = metadata[place], place + 3
        place = start + number(metadata, place + 1, 2)
        check(tag > last and start <= place <= len(metadata), "TV_E_RECORD_AUTH")
        check_field(tag, metadata[start:place])
        found[tag] = metadata[start:place]
        last = tag
    check(len(found.get(TENANT, b"")) > 0, "TV_E_RECORD_AUTH")
    check(found.get(KIND) != b"\x02" or EMAIL in found, "TV_E_RECORD_AUTH")
    return found


def check_field(tag: int, value: bytes) -> None:
    sound = len(value) == LENGTHS.get(tag, len(value))
    if tag == TENANT:
        sound = len(value) <= 128
    elif tag == ACCOUNT:
        sound = sound and all(digit in b"0123456789abcdef" for digit in value)
    elif tag in (KIND, STATE):
        sound = value in (b"\x01", b"\x02")
    if tag in TEXTS:
        try:
            sound = sound and is_text(tag, value.decode())
        except UnicodeDecodeError:
            sound = False
    check(sound, "TV_E_RECORD_AUTH")


#: Atoms with single dots between them, and a name of two labels at least.
EMAIL_FORM = re.compile(
    r"(?=[^@]{1,64}@)[\w!#$%&'*+\-/=?^`{|}~]+(?:\.[\w!#$%&'*+\-/=?^`{|}~]+)*"
    r"@(?:(?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(?!-)[A-Za-z0-9-]{1,63}(?<!-)",
    re.ASCII,
)
ORIGIN_FORM = re.compile(r"https?://[a-z0-9.:\[\]-]+")


def is_text(tag: int, text: str) -> bool:
    """Whether a text is one that a writer may put into this field."""
    size = len(text.encode())
    if tag == EMAIL:
        return size <= 254 and EMAIL_FORM.fullmatch(text) is not None
    if tag == ORIGIN:
        return size <= 255 and ORIGIN_FORM.fullmatch(text) is not None
    short = size <= 128 or tag not in (TENANT, LABEL, GROUP)
    return short and not any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text)
