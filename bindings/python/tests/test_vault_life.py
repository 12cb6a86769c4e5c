"""A vault's life through the binding: rotation, validity, unlocks, lock, export, rollback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import tracevault as tv

ACME = "acae0000000000000000000000000001"
OTHER = "acae0000000000000000000000000002"
KEY = bytes(range(32))
CHEAP = {"vault.kdf_memory_kib": 19456, "vault.kdf_passes": 2}


def token(text: str = "acme-01") -> tv.ApiToken:
    return tv.ApiToken(bytearray(f"test-token-not-real-{text}".encode()))


@pytest.fixture
def path(library_path: Path, tmp_path: Path) -> Path:
    assert library_path
    tmp_path.chmod(0o700)
    return tmp_path / "soc.vault"


@pytest.fixture
def vault(path: Path) -> Iterator[tv.Vault]:
    with tv.Vault.create(path, tv.RawKey(KEY), settings=CHEAP) as made:
        with made.edit() as edit:
            edit.put("acme", ACME, token(), label="Acme")
            edit.put("globex", OTHER, token("globex"))
        yield made


def opened(path: Path, key: bytes = KEY) -> tv.Vault:
    return tv.Vault.open(path, tv.RawKey(key))


def states(vault: tv.Vault) -> list[tuple[str, str]]:
    return [(account.tenant, account.state) for account in vault.accounts()]


def test_a_rotation_has_two_credentials_and_ends_with_one(vault: tv.Vault) -> None:
    with vault.edit() as edit:
        edit.retire("acme", ACME)
        edit.put("acme", ACME, token("acme-02"))
    assert states(vault) == [("acme", "active"), ("acme", "retiring"), ("globex", "active")]
    before = [account.fingerprint for account in vault.accounts()]
    with vault.edit() as edit:
        edit.promote("acme", ACME)
    assert [account.fingerprint for account in vault.accounts()] == [
        before[1],
        before[0],
        before[2],
    ]
    with vault.edit() as edit:
        edit.remove_retiring("acme", ACME)
    assert states(vault) == [("acme", "active"), ("globex", "active")]
    assert vault.accounts()[0].fingerprint == before[1]
    with pytest.raises(tv.NotFoundError), vault.edit() as edit:
        edit.promote("acme", ACME)


def test_properties_change_without_the_secret_and_bounds_are_times(vault: tv.Vault) -> None:
    until = datetime(2099, 1, 31, tzinfo=timezone(timedelta(hours=1)))
    with vault.edit() as edit:
        edit.set("acme", ACME, label="Acme EU", budget_group="msp", expires=until)
        edit.set("acme", ACME, not_before="2026-01-01T00:00:00Z")
    acme = vault.accounts()[0]
    assert (acme.label, acme.budget_group, acme.expires) == ("Acme EU", "msp", until)
    assert acme.not_before == datetime(2026, 1, 1, tzinfo=timezone.utc)
    with vault.edit() as edit:
        edit.set("acme", ACME, label="", budget_group="", expires="", not_before="")
    acme = vault.accounts()[0]
    assert (acme.label, acme.budget_group, acme.expires, acme.not_before) == ("", None, None, None)
    with pytest.raises(tv.ArgumentError, match="zone"), vault.edit() as edit:
        edit.set("acme", ACME, expires=datetime(2099, 1, 31))


def test_a_stored_secret_is_never_pointed_elsewhere(vault: tv.Vault) -> None:
    with pytest.raises(tv.CredentialError) as caught, vault.edit() as edit:
        edit._set("acme", ACME, "origin", "https://evil.example")
    assert caught.value.status is tv.Status.E_ORIGIN


def test_an_expired_credential_is_not_sent(vault: tv.Vault) -> None:
    with vault.edit() as edit:
        edit.set("acme", ACME, expires="2020-01-01T00:00:00Z")
    with tv.Engine() as engine, pytest.raises(tv.CredentialError, match="expired") as caught:
        engine.trace(vault.tenant("acme"), ACME, "4Njp3P0STMz2c02Q")
    assert caught.value.status is tv.Status.E_EXPIRED


def test_a_shredded_tenant_is_gone_and_so_is_the_previous_generation(
    vault: tv.Vault, path: Path
) -> None:
    assert path.with_name("soc.vault.prev").exists()
    with vault.edit() as edit:
        edit.remove_tenant("acme")
    with pytest.raises(tv.NotFoundError), vault.edit() as edit:
        edit.remove_tenant("initech")
    assert states(vault) == [("globex", "active")]
    assert not path.with_name("soc.vault.prev").exists()


def test_unlocks_are_added_listed_and_removed(vault: tv.Vault, path: Path) -> None:
    first, phrase = tv.RawKey(KEY), tv.Passphrase("correct horse, not a real one")
    with vault.edit() as edit:
        edit.add_unlock(phrase, known=first, label="recovery")
    assert vault.describe()["unlocks"] == [
        {"slot": 0, "type": "key", "label": ""},
        {
            "slot": 1,
            "type": "passphrase",
            "label": "recovery",
            "kdf_memory_kib": 19456,
            "kdf_passes": 2,
        },
    ]
    tv.Vault.open(path, phrase).close()
    with vault.edit() as edit:
        edit.remove_unlock(0)
    with pytest.raises(tv.UnlockError):
        opened(path)
    with pytest.raises(tv.UnlockError), vault.edit() as edit:
        edit.add_unlock(first, known=first)
    with pytest.raises(tv.ArgumentError), vault.edit() as edit:
        edit.remove_unlock(8)
    with pytest.raises(tv.NotFoundError), vault.edit() as edit:
        edit.remove_unlock(0)
    with pytest.raises(TypeError), vault.edit() as edit:
        edit.add_unlock(b"bytes", known=phrase)  # type: ignore[arg-type]


def test_after_a_rekey_only_the_new_secret_opens(vault: tv.Vault, path: Path) -> None:
    other = opened(path)
    with vault.edit() as edit:
        edit.rekey(tv.RawKey(bytes(range(1, 33))))
    with pytest.raises(tv.UnlockError):
        opened(path)
    with opened(path, bytes(range(1, 33))) as again:
        assert states(again) == [("acme", "active"), ("globex", "active")]
        assert again.verify()["credentials"] == 2
    with pytest.raises(tv.UnlockError, match="rekeyed"):
        other.refresh()
    assert len(other.accounts()) == 2


def test_an_export_holds_what_was_asked_for(vault: tv.Vault, path: Path) -> None:
    target = path.with_name("acme.vault")
    vault.export(target, tv.RawKey(bytes(range(1, 33))), tenant="acme")
    with opened(target, bytes(range(1, 33))) as copy:
        assert [(a.tenant, a.label) for a in copy.accounts()] == [("acme", "Acme")]
        assert copy.generation == 1
        assert copy.describe()["vault_id"] != vault.describe()["vault_id"]
    with pytest.raises(tv.VaultExistsError):
        vault.export(target, tv.RawKey(bytes(range(1, 33))))
    vault.export(path.with_name("all.vault"), tv.RawKey(bytes(range(1, 33))))
    with opened(path.with_name("all.vault"), bytes(range(1, 33))) as copy:
        assert states(copy) == states(vault)
    with pytest.raises(tv.ArgumentError):
        vault.export(path.with_name("none.vault"), tv.RawKey(bytes(range(1, 33))), tenant="")


def test_a_locked_vault_says_so_until_it_is_unlocked(vault: tv.Vault) -> None:
    tenant = vault.tenant("acme")
    edit = vault.edit()
    edit.put("acme", ACME, token())
    vault.lock()
    for attempt in (vault.accounts, vault.verify, vault.describe, tenant.accounts, edit.commit):
        with pytest.raises(tv.LockedError):
            attempt()
    with pytest.raises(tv.UnlockError):
        vault.unlock(tv.RawKey(bytes(range(1, 33))))
    vault.unlock(tv.RawKey(KEY))
    assert len(tenant.accounts()) == 1


def test_an_old_copy_that_was_put_back_is_refused(vault: tv.Vault, path: Path) -> None:
    old, generation = path.read_bytes(), vault.generation
    with vault.edit() as edit:
        edit.remove("acme", ACME)
    path.write_bytes(old)
    with pytest.raises(tv.RollbackError):
        vault.refresh()
    with pytest.raises(tv.RollbackError, match="min_generation"):
        tv.Vault.open(path, tv.RawKey(KEY), settings={"vault.min_generation": generation + 1})
    tv.Vault.open(path, tv.RawKey(KEY), settings={"vault.min_generation": generation}).close()


def test_a_damaged_file_is_told_and_harms_nobody_who_has_it_open(
    vault: tv.Vault, path: Path
) -> None:
    sound = path.read_bytes()
    assert vault.verify()["credentials"] == 2
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(tv.VaultError) as caught:
        vault.verify()
    assert caught.value.status is tv.Status.E_DAMAGED_BODY
    assert len(vault.accounts()) == 2


def test_a_directory_that_is_a_link_is_followed_to_where_it_leads_now(
    library_path: Path, tmp_path: Path
) -> None:
    assert library_path
    for name in ("one", "two"):
        (tmp_path / name).mkdir(mode=0o700)
    current = tmp_path / "current"
    current.symlink_to("one")
    with tv.Vault.create(current / "soc.vault", tv.RawKey(KEY), settings=CHEAP) as made:
        with made.edit() as edit:
            edit.put("acme", ACME, token())
            edit.put("globex", OTHER, token("globex"))
        shutil.copy(tmp_path / "one" / "soc.vault", tmp_path / "two" / "soc.vault")
        with opened(tmp_path / "two" / "soc.vault") as next_one, next_one.edit() as edit:
            edit.remove_tenant("globex")
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(current)
        made.refresh()
        assert [one.tenant for one in made.accounts()] == ["acme"]
        with made.edit() as edit:
            edit.remove_tenant("acme")
        with opened(tmp_path / "two" / "soc.vault") as seen:
            assert seen.accounts() == []


@pytest.fixture
def mounted(vault: tv.Vault, path: Path) -> Iterator[Path]:
    """The vault's file, mounted by itself at another path: edits give its name to a new file."""
    place = path.with_name("mounted.vault")
    place.touch(0o600)
    if os.geteuid() != 0 or subprocess.call(["mount", "--bind", path, place]):
        pytest.skip("only root mounts")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_file_that_is_mounted_by_itself_is_no_vault_that_can_be_followed(
    mounted: Path,
) -> None:
    with pytest.raises(tv.VaultError, match="mount its directory") as caught:
        opened(mounted)
    assert caught.value.status is tv.Status.E_UNSAFE_FILE


def test_who_need_not_follow_a_vault_may_mount_its_file(mounted: Path) -> None:
    settings = {"vault.max_stale_ms": 0}
    with tv.Vault.open(mounted, tv.RawKey(KEY), settings=settings) as other:
        assert [one.tenant for one in other.accounts()] == ["acme", "globex"]


def test_a_vault_that_is_mounted_over_is_not_followed_any_more(
    vault: tv.Vault, path: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old.vault"
    shutil.copy(path, old)
    if os.geteuid() != 0 or subprocess.call(["mount", "--bind", old, path]):
        pytest.skip("only root mounts")
    try:
        with pytest.raises(tv.VaultError, match="mount its directory"):
            vault.refresh()
    finally:
        subprocess.run(["umount", path], check=True)
    vault.refresh()
