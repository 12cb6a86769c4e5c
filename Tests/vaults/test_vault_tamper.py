"""No changed vault file is accepted: every bit, every cut, every exchange of parts.

Each change is judged twice: as an attacker without keys leaves it, and, where it says "resealed",
as one who holds the MAC keys but not the records' would.
"""

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from vault.reader import (
    EPOCH_KEY,
    HEADER,
    MAC,
    RAW_KEY,
    Unlock,
    VaultError,
    digest,
    heads,
    kdf,
    open_vault,
)

KEY = bytes(range(32))
#: `make test-long` asks for everything.
LONG = "TRACEVAULT_LONG" in os.environ
HEADER_BYTES = 512
ACCOUNTS = [f"{number:032x}" for number in range(4)]


class Target:
    """One path whose content changes; `opens` says what the library thinks of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unlock = tv.RawKey(bytearray(KEY))
        self.statuses: Counter[str] = Counter()

    def opens(self) -> bool:
        try:
            vault = tv.Vault.open(self.path, self.unlock)
        except tv.TraceVaultError as error:
            self.statuses[error.status.name] += 1
            return False
        vault.close()
        return True

    def accepts(self, data: bytes) -> bool:
        self.path.write_bytes(data)
        return self.opens()


@pytest.fixture
def target(tmp_path: Path) -> Target:
    tmp_path.chmod(0o700)
    return Target(tmp_path / "t.vault")


def generations(path: Path) -> list[bytes]:
    """Some snapshots of one vault: two tenants, then one token replaced, then one more."""
    found = []
    with tv.Vault.create(path, tv.RawKey(bytearray(KEY))) as vault:
        for round_number in range(3):
            with vault.edit() as edit:
                for number, account in enumerate(ACCOUNTS[: 2 + round_number]):
                    token = f"test-token-not-real-{round_number}{number}".encode()
                    edit.put(("acme", "globex")[number % 2], account, tv.ApiToken(bytearray(token)))
            found.append(path.read_bytes())
    return found


def whole(path: Path) -> bytes:
    """A vault of 12 KiB: three tenants, one of them with a retiring credential."""
    with tv.Vault.create(path, tv.RawKey(bytearray(KEY))) as vault, vault.edit() as edit:
        for number in range(26):
            token = tv.ApiToken(bytearray(b"test-token-not-real-%d" % number))
            tenant = ("acme", "globex", "initech")[number % 3]
            edit.put(tenant, f"{number:032x}", token, label=f"No {number}")
        edit.retire("acme", f"{0:032x}")
        edit.put("acme", f"{0:032x}", tv.ApiToken(bytearray(b"test-token-not-real-new")))
    return path.read_bytes()


def resealed(data: bytes, keys: dict[str, bytes]) -> bytes:
    """The same records under right counts, MACs and hashes."""
    body = data[HEADER:-MAC]
    count = sum(1 for _ in heads(data))
    head = bytearray(data[:4032])
    head[64:72] = len(body).to_bytes(8, "little")
    head[84:88] = count.to_bytes(4, "little")
    head += kdf(keys["K_hdr"], bytes(head))
    head += digest(bytes(head))
    whole = bytes(head) + body
    return whole + kdf(kdf(keys["K_file"], data[40:56]), whole)


def flipped(place: int) -> range:
    """Every bit of the header; of the other bytes one each, and every bit in the long run."""
    return range(8) if place < HEADER_BYTES or LONG else range(place % 8, place % 8 + 1)


def test_every_flipped_bit_is_refused(target: Target) -> None:
    sound = whole(target.path)
    accepted = []
    target.path.write_bytes(sound)
    with open(target.path, "r+b", buffering=0) as file:
        for place, value in enumerate(sound):
            for bit in flipped(place):
                file.seek(place)
                file.write(bytes([value ^ 1 << bit]))
                if target.opens():
                    accepted.append((place, bit))
            file.seek(place)
            file.write(bytes([value]))
    assert accepted == []
    assert target.opens()
    flips = sum(len(flipped(place)) for place in range(len(sound)))
    assert sum(target.statuses.values()) == flips > len(sound)
    print(f"{flips} flipped bits refused")
    assert set(target.statuses) == {
        "E_NOT_VAULT",
        "E_VAULT_VERSION",
        "E_DAMAGED_HEADER",
        "E_DAMAGED_BODY",
    }
    # The first eight bytes, the version and the required flags; no more.
    assert target.statuses["E_NOT_VAULT"] == 8 * 8
    assert target.statuses["E_VAULT_VERSION"] == 6 * 8


def test_every_cut_is_refused(target: Target) -> None:
    sound = whole(target.path)
    target.path.write_bytes(sound)
    with open(target.path, "r+b", buffering=0) as file:
        for length in reversed(range(len(sound))):
            file.truncate(length)
            assert not target.opens(), f"cut at {length}"
    assert target.statuses["E_NOT_VAULT"] == HEADER + MAC
    assert target.statuses["E_DAMAGED_BODY"] == len(sound) - HEADER - MAC
    print(f"{len(sound)} cuts refused")


def exchanges(sound: bytes, others: list[bytes]) -> Iterator[bytes]:
    """Records permuted, dropped, doubled, taken from other snapshots, in any order."""
    own = [sound[r.start : r.end] for r in heads(sound)]
    foreign = [o[r.start : r.end] for o in others for r in heads(o)]
    for order in itertools.permutations(own):
        yield b"".join(order)
    for count in range(len(own)):
        for chosen in itertools.combinations(own, count):
            yield b"".join(chosen)
    for place, record in itertools.product(range(len(own)), [*own, *foreign]):
        yield b"".join([*own[:place], record, *own[place + 1 :]])
        yield b"".join([*own[:place], record, *own[place:]])


def test_no_exchange_of_records_is_accepted(target: Target) -> None:
    mine = generations(target.path)
    other = Target(target.path.with_name("other.vault"))
    foreign = generations(other.path)
    sound = mine[0]
    tried = 0
    for body in set(exchanges(sound, [*mine[1:], foreign[0]])) - {sound[HEADER:-MAC]}:
        tried += 1
        assert not target.accepts(sound[:HEADER] + body + sound[-MAC:])
    assert tried > 200
    print(f"{tried} exchanges of records refused")
    assert set(target.statuses) == {"E_DAMAGED_BODY"}


def test_no_part_of_one_snapshot_fits_another(target: Target) -> None:
    mine = generations(target.path)
    other = Target(target.path.with_name("other.vault"))
    files = [*mine, *generations(other.path)]
    for head, body, mac in itertools.product(files, repeat=3):
        if head is body is mac:
            continue
        assert not target.accepts(head[:HEADER] + body[HEADER:-MAC] + mac[-MAC:])


def test_a_sealed_part_fits_no_other_record_version_epoch_or_vault(target: Target) -> None:
    """The attacker holds the MAC keys: each part's own seal must still hold."""
    tried = 0
    mine = generations(target.path)
    other = Target(target.path.with_name("other.vault"))
    foreign = generations(other.path)[0]
    sound = mine[-1]
    keys = open_vault(sound, Unlock(RAW_KEY, KEY)).keys()
    assert target.accepts(resealed(sound, keys)), "resealing alone must change nothing"
    own = list(heads(sound))
    for record in own:
        # One bit in each byte of every field of the head but the type and the lengths.
        for place in range(record.start + 12, record.start + 88):
            changed = bytearray(sound)
            changed[place] ^= 1
            if record.type != EPOCH_KEY and place >= record.start + 64:
                continue  # tenants' keys and secrets are opened when they are used: below
            try:
                changed_whole = resealed(bytes(changed), keys)
            except VaultError:
                continue  # out of order now
            tried += 1
            assert not target.accepts(changed_whole), (
                f"byte {place - record.start} of {record.type}"
            )
    donors = [(sound, r) for r in own] + [(foreign, r) for r in heads(foreign)]
    for record, (data, donor) in itertools.product(own, donors):
        if donor.type == record.type and (data is foreign or donor.id != record.id):
            # Another record's sealed parts under this record's head.
            parts = data[donor.start + 88 : donor.end]
            head = sound[record.start : record.start + 4] + data[donor.start + 4 : donor.start + 12]
            head += sound[record.start + 12 : record.start + 40]
            head += data[donor.start + 40 : donor.start + 88]
            spliced = sound[: record.start] + head + parts + sound[record.end :]
            tried += 1
            assert not target.accepts(resealed(spliced, keys))
    print(f"{tried} parts under another record's head refused")
    assert set(target.statuses) <= {"E_RECORD_AUTH", "E_DAMAGED_BODY"}


def first_use(path: Path, engine: tv.Engine, tenant: str, account: str) -> str:
    """How far a credential gets that is sealed for a port nobody listens on."""
    with tv.Vault.open(path, tv.RawKey(bytearray(KEY))) as vault:
        try:
            with vault.tenant(tenant) as opened:
                engine.trace(opened, account, "4Njp3P0STMz2c02Q", timeout=20)
        except tv.TraceVaultError as error:
            return error.status.name
    return "OK"


def test_a_changed_secret_is_refused_at_its_first_use(target: Target) -> None:
    origin = "https://127.0.0.1:9"
    with tv.Vault.create(target.path, tv.RawKey(bytearray(KEY))) as vault, vault.edit() as edit:
        for tenant in ("acme", "globex"):
            token = tv.ApiToken(bytearray(f"test-token-not-real-{tenant}".encode()))
            edit.put(tenant, ACCOUNTS[0], token, origin=origin)
    sound = target.path.read_bytes()
    opened = open_vault(sound, Unlock(RAW_KEY, KEY))
    lazy = [r for r in opened.records if r.type != EPOCH_KEY]
    refused = tried = 0
    settings: dict[str, str | int] = {
        "api.base_url": f"{origin}/client/v4",
        "retry.max_attempts": 1,
        "budget.quota": 0,
    }
    with tv.Engine(settings) as engine:
        assert first_use(target.path, engine, "acme", ACCOUNTS[0]) == "E_TRANSPORT"
        for record in lazy:
            secret = record.start + 88 + len(record.metadata)
            changes = []
            for place in [*range(record.start + 64, record.start + 88), *range(secret, record.end)]:
                changed = bytearray(sound)
                changed[place] ^= 0x10
                changes.append(bytes(changed))
            # The other tenant's sealed secret, nonce and all.
            (donor,) = (r for r in lazy if r.type == record.type and r.id != record.id)
            changed = bytearray(sound)
            changed[record.start + 64 : record.start + 88] = donor.nonces[1]
            changed[secret : record.end] = donor.secret
            changes.append(bytes(changed))
            stopped: set[str] = set()
            for data in changes:
                target.path.write_bytes(resealed(data, opened.keys()))
                # The first change tells whose record it is; the other tenant goes on.
                for tenant in stopped or ("acme", "globex"):
                    if first_use(target.path, engine, tenant, ACCOUNTS[0]) == "E_RECORD_AUTH":
                        stopped.add(tenant)
                        refused += 1
            assert len(stopped) == 1
            tried += len(changes)
    assert refused == tried > 300
