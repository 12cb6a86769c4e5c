"""A vault is what docs/vault-format.md says: a second reader opens it, whatever was done to it."""

import os
import random
from datetime import datetime, timezone
from pathlib import Path

import pytest
import tracevault as tv
from vault.reader import (
    ACTIVE,
    BLOCK,
    CREDENTIAL,
    EPOCH_KEY,
    PASSPHRASE,
    RAW_KEY,
    Unlock,
    Vault,
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


GOLDEN = Path(__file__).parents[1] / "data/golden/vault"


def padded(found: Vault) -> set[bool]:
    """Whether the metadata, tenants' and credentials', are whole blocks."""
    opened = [data for _, data in [*found.tenants.values(), *found.accounts.values()]]
    return {len(data) % BLOCK == 0 for data in opened}


def test_a_vault_of_format_1_keeps_it_until_it_is_rekeyed(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes((GOLDEN / "raw.vault").read_bytes())
    with tv.Vault.open(path, tv.RawKey(bytearray(KEY))) as vault:
        assert vault.describe()["format"] == 1
        with vault.edit() as edit:
            edit.put("new", account(9), tv.ApiToken(bytearray(b"test-token-not-real-new")))
        with vault.edit() as edit:
            edit.set("acme", account(1), label="another")
        found = open_vault(path.read_bytes(), Unlock(RAW_KEY, KEY))
        assert (found.format, padded(found)) == (1, {False})
        vault.export(path.with_name("copy.vault"), tv.RawKey(bytearray(KEY)))
        before = {row.account_id: (row.tenant, row.label) for row in vault.accounts()}
        with vault.edit() as edit:
            edit.rekey(tv.RawKey(bytearray(KEY)))
        assert vault.describe()["format"] == 2
        assert {row.account_id: (row.tenant, row.label) for row in vault.accounts()} == before
    for name in (path, path.with_name("copy.vault")):
        found = open_vault(name.read_bytes(), Unlock(RAW_KEY, KEY))
        assert (found.format, padded(found)) == (2, {True})
        assert found.secret("new", account(9)) == b"test-token-not-real-new"
        # A later process edits it further.
        with tv.Vault.open(name, tv.RawKey(bytearray(KEY))) as vault, vault.edit() as edit:
            edit.set("acme", account(1), label="l" * 128)
        found = open_vault(name.read_bytes(), Unlock(RAW_KEY, KEY))
        assert (found.format, padded(found)) == (2, {True})


def test_lengths_do_not_tell_a_tenant_s_name(path: Path) -> None:
    lengths = set()
    for length in (1, 2, 60, 100, 128):
        path.unlink(missing_ok=True)
        with create(path) as vault, vault.edit() as edit:
            edit.put("t" * length, account(1), tv.ApiToken(bytearray(b"test-token-not-real")))
        records = open_vault(path.read_bytes(), Unlock(RAW_KEY, KEY)).records
        lengths.add(tuple((record.type, record.end - record.start) for record in records[:2]))
    assert len(lengths) == 1


@pytest.mark.parametrize("umask", [0o777, 0o700, 0o000])
def test_a_umask_changes_no_mode(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with create(path) as vault:
            for _ in range(2):
                with vault.edit() as edit:
                    edit.put("acme", account(1), tv.ApiToken(bytearray(b"test-token-not-real")))
    finally:
        os.umask(before)
    for name in ("", ".lock", ".prev"):
        assert path.with_name(path.name + name).stat().st_mode & 0o777 == 0o600, name


def test_bounds_from_python_keep_their_milliseconds(path: Path) -> None:
    start = datetime(2999, 1, 1, 0, 0, 0, 900_000, timezone.utc)
    with create(path) as vault:
        with vault.edit() as edit:
            token = tv.ApiToken(bytearray(b"test-token-not-real"))
            edit.put("acme", account(1), token, not_before=start, expires=start)
        (row,) = vault.accounts()
        assert (row.not_before, row.expires) == (start, start)
        finer = start.replace(microsecond=900_001)
        with vault.edit() as edit:
            edit.set("acme", account(1), not_before=finer, expires=finer)
        (row,) = vault.accounts()
        assert row.not_before == start.replace(microsecond=901_000)
        assert row.expires == start


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
