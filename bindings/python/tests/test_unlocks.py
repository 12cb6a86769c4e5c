"""Who may open a vault: slots come and go, a rekey shuts out the old key, an export is its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracevault as tv

ACME = "acae0000000000000000000000000001"
OTHER = "acae0000000000000000000000000002"
KEY, NEXT = bytes(range(32)), bytes(reversed(range(32)))
CHEAP = {"vault.kdf_memory_kib": 19456, "vault.kdf_passes": 2}
PHRASE = "correct horse, not a real one"


@pytest.fixture
def path(library_path: Path, tmp_path: Path) -> Path:
    assert library_path
    tmp_path.chmod(0o700)
    return tmp_path / "soc.vault"


@pytest.fixture
def vault(path: Path) -> Iterator[tv.Vault]:
    with tv.Vault.create(path, tv.RawKey(KEY), settings=CHEAP) as made:
        with made.edit() as edit:
            edit.put("acme", ACME, tv.ApiToken(b"test-token-not-real-acme"), label="Acme EU")
            edit.put("globex", OTHER, tv.ApiToken(b"test-token-not-real-globex"))
        yield made


def opens(path: Path, unlock: tv.Unlock) -> bool:
    try:
        tv.Vault.open(path, unlock).close()
    except tv.VaultError as error:
        if error.status != tv.Status.E_UNLOCK:
            raise
        return False
    return True


def test_a_recovery_passphrase_opens_the_vault_until_it_is_removed(
    vault: tv.Vault, path: Path
) -> None:
    with vault.edit() as edit:
        edit.add_unlock(tv.Passphrase(PHRASE), known=tv.RawKey(KEY), label="break glass")
    assert opens(path, tv.Passphrase(PHRASE))
    assert opens(path, tv.RawKey(KEY))
    assert b"break glass" in path.read_bytes()
    with vault.edit() as edit:
        edit.remove_unlock(1)
    assert not opens(path, tv.Passphrase(PHRASE))
    assert opens(path, tv.RawKey(KEY))
    assert not path.with_name(path.name + ".prev").exists()


def test_the_last_slot_and_an_index_out_of_range_are_refused(vault: tv.Vault) -> None:
    for index in (-1, 8, 2**31, -(2**31) - 1, 2**40):
        with pytest.raises(tv.ArgumentError), vault.edit() as edit:
            edit.remove_unlock(index)
    with pytest.raises(tv.ArgumentError, match="last unlock"), vault.edit() as edit:
        edit.remove_unlock(0)
    assert vault.generation == 2


def test_the_wrong_current_unlock_adds_nothing(vault: tv.Vault) -> None:
    with pytest.raises(tv.VaultError) as refused, vault.edit() as edit:
        edit.add_unlock(tv.RawKey(NEXT), known=tv.RawKey(NEXT))
    assert refused.value.status == tv.Status.E_UNLOCK
    assert vault.generation == 2


def test_a_rekey_shuts_out_the_old_key_and_keeps_what_is_stored(
    vault: tv.Vault, path: Path
) -> None:
    before = vault.accounts()
    with tv.Vault.open(path, tv.RawKey(KEY)) as other:
        with vault.edit() as edit:
            edit.rekey(tv.RawKey(NEXT))
        assert not opens(path, tv.RawKey(KEY))
        assert opens(path, tv.RawKey(NEXT))
        with pytest.raises(tv.VaultError, match="rekeyed") as refused:
            other.refresh()
        assert refused.value.status == tv.Status.E_UNLOCK
        assert other.accounts() == before
    after = vault.accounts()
    assert [(a.account_id, a.label, a.created_text) for a in after] == [
        (a.account_id, a.label, a.created_text) for a in before
    ]
    assert all(a.fingerprint != b.fingerprint for a, b in zip(after, before, strict=True))


def test_an_exported_tenant_is_alone_in_a_vault_of_its_own(vault: tv.Vault, path: Path) -> None:
    made = path.with_name("acme.vault")
    vault.export(made, tv.Passphrase(PHRASE), tenant="acme", settings=CHEAP)
    with tv.Vault.open(made, tv.Passphrase(PHRASE)) as opened:
        assert [(a.tenant, a.label) for a in opened.accounts()] == [("acme", "Acme EU")]
        assert opened.generation == 1
    with pytest.raises(tv.VaultExistsError):
        vault.export(made, tv.RawKey(KEY), tenant="acme")


def test_every_tenant_is_exported_unless_one_is_named(vault: tv.Vault, path: Path) -> None:
    made = path.with_name("all.vault")
    vault.export(made, tv.RawKey(NEXT))
    with tv.Vault.open(made, tv.RawKey(NEXT)) as opened:
        assert [a.tenant for a in opened.accounts()] == ["acme", "globex"]
    with pytest.raises(tv.ArgumentError, match="tenant"):
        vault.export(path.with_name("none.vault"), tv.RawKey(NEXT), tenant="")
    with pytest.raises(tv.ArgumentError, match="empty"):
        vault.export("", tv.RawKey(NEXT))


def test_no_function_of_c_is_named_to_who_calls_none(
    vault: tv.Vault, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "soc"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(48))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    ways = (tv.Passphrase(PHRASE), tv.RawKey(NEXT), tv.KeyFile(key), tv.SystemdCredential("soc"))
    for way in ways:
        with pytest.raises(tv.UnlockError) as raised:
            tv.Vault.open(path, way)
        assert "tv_" not in raised.value.message
        said = "wrong passphrase or key" if isinstance(way, tv.RawKey) else "sealed with a raw key"
        assert said in raised.value.message
    texts = {one["name"]: one["text"] for one in tv.config_properties()}
    assert not [name for name, text in texts.items() if "tv_" in text]
    assert "Keep the vault's generation where an attacker" in texts["vault.min_generation"]
    assert "Empty: from the program itself" in texts["s3.keys"]
