"""A vault is what docs/vault-format.md says: a second reader opens it, whatever was done to it."""

import random
from pathlib import Path

import pytest
import tracevault as tv
from vault.reader import (
    ACTIVE,
    CREDENTIAL,
    EPOCH_KEY,
    PASSPHRASE,
    RAW_KEY,
    Unlock,
    fields,
    open_vault,
)

KEY = bytes(range(32))
WEAK: dict[str, str | int] = {"vault.kdf_memory_kib": 19456, "vault.kdf_passes": 2}


def account(number: int) -> str:
    return f"{number:032x}"


def create(path: Path) -> tv.Vault:
    return tv.Vault.create(path, tv.RawKey(bytearray(KEY)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "t.vault"


def test_a_second_reader_opens_everything_after_any_row_of_edits(path: Path) -> None:
    chance = random.Random(4)
    kept: dict[tuple[str, str], bytes] = {}
    with create(path) as vault:
        for number in range(40):
            with vault.edit() as edit:
                for _ in range(chance.randrange(1, 6)):
                    where = (f"tenant-{chance.randrange(4)}", account(chance.randrange(6)))
                    if where in kept and chance.random() < 0.4:
                        edit.remove(*where)
                        del kept[where]
                        continue
                    token = f"test-token-not-real-{number}".encode() + b"x" * chance.randrange(450)
                    kept[where] = token
                    edit.put(*where, tv.ApiToken(bytearray(token)), label=f"No {number}")
            found = open_vault(path.read_bytes(), Unlock(RAW_KEY, KEY))
            assert {where[:2]: found.secret(*where) for where in found.accounts} == kept
            assert set(found.tenants) == {tenant for tenant, _ in kept}


def test_a_passphrase_slot_and_a_global_key_are_as_written(path: Path) -> None:
    phrase = b"correct horse, not a real one"
    vault = tv.Vault.create(path, tv.Passphrase(bytearray(phrase)), settings=WEAK)
    with vault, vault.edit() as edit:
        key = tv.GlobalKey("soc@example.com", bytearray(b"test-key-not-real"))
        edit.put("acme", account(1), key, origin="https://a.example:8443")
    found = open_vault(path.read_bytes(), Unlock(PASSPHRASE, phrase))
    metadata = fields(found.accounts["acme", account(1), ACTIVE][1])
    assert found.secret("acme", account(1)) == b"test-key-not-real"
    assert (metadata[3], metadata[4], metadata[5]) == (
        b"\x02",
        b"soc@example.com",
        b"https://a.example:8443",
    )


def test_no_nonce_file_id_or_version_comes_twice(path: Path) -> None:
    nonces: dict[bytes, bytes] = {}
    files, versions = set(), []
    with create(path) as vault:
        for generation in range(60):
            with vault.edit() as edit:
                for number in range(3):
                    edit.put("acme", account(number), tv.ApiToken(bytearray(b"same-token")))
            found = open_vault(path.read_bytes(), Unlock(RAW_KEY, KEY))
            files.add(found.file_id)
            assert found.generation == generation + 2
            for record in found.records:
                parts = [(record.nonces[1], record.secret)]
                if record.type != EPOCH_KEY:
                    parts.append((record.nonces[0], record.metadata))
                for nonce, sealed in parts:
                    # The same nonce only with the same bytes: a record that was copied.
                    assert nonces.setdefault(nonce, sealed) == sealed
            versions.append([r.version for r in found.records if r.type == CREDENTIAL])
    assert len(files) == 60
    assert len(nonces) == 3 + 60 * 3 * 2
    assert versions == [[number + 1] * 3 for number in range(60)]
