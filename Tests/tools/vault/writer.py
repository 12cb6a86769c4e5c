"""writer.py - writes vaults by docs/vault-format.md, sound ones and ones with a single fault.

Test-only, and deterministic: a draft is taken from a vault that the reader opened, keeps its keys,
nonces and identifiers, and is sealed again after a change. Only what the change touches differs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as aead_seal

from . import reader
from .reader import EPOCH_KEY, HEADER, SLOT, SLOTS, TENANT_KEY, Unlock, digest, kdf

Sealed = Callable[[bytes], bytes]


def unchanged(data: bytes) -> bytes:
    return data


def put(data: bytes, offset: int, value: bytes | int, length: int = 1) -> bytes:
    """`data` with other bytes at an offset; an integer is little-endian."""
    new = value if isinstance(value, bytes) else value.to_bytes(length, "little")
    return data[:offset] + new + data[offset + len(new) :]


def flip(data: bytes, offset: int, bit: int = 0) -> bytes:
    return put(data, offset, data[offset] ^ 1 << bit)


def rehashed(data: bytes) -> bytes:
    """A file whose header was altered by someone without a key: only the hash is right."""
    return data[:4064] + digest(data[:4064]) + data[HEADER:]


def tlv(fields: list[tuple[int, bytes]]) -> bytes:
    return b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in fields)


@dataclass(frozen=True)
class Draft:
    """One record in the clear; `patch` alters it after it was sealed."""

    type: int
    epoch: int
    id: bytes
    version: int
    nonces: tuple[bytes, bytes]
    metadata: bytes
    secret: bytes
    #: The key that seals the secret, where it is not the one that belongs there.
    key: bytes = b""
    #: Whose tenant key seals a credential, where the metadata does not say it.
    tenant: str = ""
    #: What the additional data say, where it is not this record's own head.
    bound: reader.Record | None = None
    patch: Sealed = field(default=unchanged)

    def head(self) -> reader.Record:
        return reader.Record(self.type, self.epoch, self.id, self.version, self.nonces, b"", b"")


@dataclass
class Plan:
    """A vault in the clear, ready to be sealed."""

    head: bytes
    root: bytes
    records: list[Draft]
    epochs: dict[int, bytes]
    tenant_keys: dict[str, bytes]

    def of(self, kind: int) -> list[int]:
        """Places of the records of one type."""
        return [place for place, record in enumerate(self.records) if record.type == kind]

    def changed(self, place: int, **to: object) -> Plan:
        """This plan with one record changed."""
        records = list(self.records)
        records[place] = replace(records[place], **to)  # type: ignore[arg-type]
        return replace(self, records=records)

    def sealed(
        self, *, head: Sealed = unchanged, body: Sealed = unchanged, counts: bool = True
    ) -> bytes:
        """The file. `head` and `body` alter their part before any MAC is made."""
        parts = [self._record(record) for record in self.records]
        whole = body(b"".join(parts))
        start = self.head
        if counts:
            start = put(put(start, 64, len(whole), 8), 84, len(parts), 4)
        return resealed(head(start) + whole, self.root)

    def _record(self, draft: Draft) -> bytes:
        vault_id, bound = self.head[24:40], draft.bound or draft.head()
        epoch = self.epochs.get(draft.epoch, bytes(32))
        metadata = b""
        if draft.type != EPOCH_KEY:
            aad = bound.aad(b"tv1 m", vault_id)
            metadata = aead_seal(draft.metadata, aad, draft.nonces[0], kdf(epoch, b"tv1 meta"))
        aad = bound.aad(b"tv1 s", vault_id) + digest(draft.metadata)
        secret = aead_seal(draft.secret, aad, draft.nonces[1], draft.key or self._key(draft, epoch))
        head = struct.pack(
            "<B3xIII16sQ24s24s",
            draft.type,
            len(metadata),
            len(secret),
            draft.epoch,
            draft.id,
            draft.version,
            *draft.nonces,
        )
        return draft.patch(head + metadata + secret)

    def _key(self, draft: Draft, epoch: bytes) -> bytes:
        if draft.type == EPOCH_KEY:
            return kdf(self.root, b"tv1 wrap")
        if draft.type == TENANT_KEY:
            return kdf(epoch, b"tv1 wrap tenant")
        return self.tenant_keys.get(draft.tenant, bytes(32))


def resealed(content: bytes, root: bytes) -> bytes:
    """Header bytes 0 to 4031 and a body under right MACs and a right hash."""
    head = content[:4032] + kdf(kdf(root, b"tv1 hdr"), content[:4032])
    whole = head + digest(head) + content[4032:]
    return whole + kdf(kdf(kdf(root, b"tv1 body"), content[40:56]), whole)


def planned(vault: reader.Vault) -> Plan:
    """Everything of an opened vault, so that `sealed` gives the same file again."""
    opened = {record.id: (name, data) for name, (record, data) in vault.tenants.items()}
    opened |= {record.id: (name[0], data) for name, (record, data) in vault.accounts.items()}
    keys = {tenant: vault.tenant_key(tenant) for tenant in vault.tenants}
    drafts = []
    for record in vault.records:
        tenant, metadata = opened.get(record.id, ("", b""))
        if record.type == EPOCH_KEY:
            secret = vault.epochs[record.epoch]
        elif record.type == TENANT_KEY:
            secret = keys[tenant]
        else:
            secret = vault.open_secret(record, metadata, keys[tenant])
        place = (record.type, record.epoch, record.id, record.version, record.nonces)
        drafts.append(Draft(*place, metadata, secret, tenant=tenant))
    return Plan(vault.data[:4032], vault.root, drafts, dict(vault.epochs), keys)


def slot(
    unlock: Unlock,
    index: int,
    vault_id: bytes,
    root: bytes,
    *,
    cost: tuple[int, int] = (2, 19 * reader.MIB),
    before: Sealed = unchanged,
    label: bytes = b"",
) -> bytes:
    """A key slot, its salt and nonce made from its place; `before` alters the first 48 bytes."""
    passphrase = unlock.kind == reader.PASSPHRASE
    passes, memory, lanes = (*cost, 1) if passphrase else (0, 0, 0)
    salt, nonce = digest(b"salt %d" % index)[:16], digest(b"nonce %d" % index)[:24]
    first = before(struct.pack("<B3xIQB15x16s", unlock.kind, passes, memory, lanes, salt))
    key = reader.outer_key(first, unlock)
    place = vault_id + bytes([index])
    made = first + kdf(key, b"tv1 commit" + place + first)
    wrapped = aead_seal(root, b"tv1 slot" + place + made, nonce, key)
    return (made + nonce + wrapped + label).ljust(SLOT, b"\0")


def with_slots(head: bytes, slots: list[bytes], count: int | None = None) -> bytes:
    """A header with these slots in the first places and no others; `count` are said to be in use."""
    told = len(slots) if count is None else count
    return put(put(head, 82, told), SLOTS, b"".join(slots).ljust(8 * SLOT, b"\0"))
