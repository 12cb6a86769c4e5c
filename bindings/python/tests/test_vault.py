"""Vault files through the real library: what goes in, what is listed, what is refused."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv

ACME = "acae0000000000000000000000000001"
OTHER = "acae0000000000000000000000000002"
TOKEN = b"test-token-not-real-acme-01"
KEY = bytes(range(32))
CHEAP = {"vault.kdf_memory_kib": 19456, "vault.kdf_passes": 2}


@pytest.fixture
def path(library_path: Path, tmp_path: Path) -> Path:
    assert library_path
    tmp_path.chmod(0o700)
    return tmp_path / "soc.vault"


@pytest.fixture
def vault(path: Path) -> Iterator[tv.Vault]:
    with tv.Vault.create(path, tv.RawKey(KEY)) as made:
        yield made


def put(vault: tv.Vault, tenant: str = "acme", account: str = ACME, **more: str) -> None:
    with vault.edit() as edit:
        edit.put(tenant, account, tv.ApiToken(bytearray(TOKEN)), **more)


def test_what_was_put_is_listed_after_reopening_without_the_secret(
    vault: tv.Vault, path: Path
) -> None:
    with vault.edit() as edit:
        edit.put("acme", ACME, tv.ApiToken(bytearray(TOKEN)), label="Acme EU")
        edit.put(
            "globex",
            OTHER,
            tv.GlobalKey("soc@globex.example", bytearray(b"test-key-not-real-globex")),
            origin="https://gateway.example:8443",
        )
    with tv.Vault.open(path, tv.RawKey(KEY)) as again:
        acme, globex = again.accounts()
    assert (acme.tenant, acme.account_id, acme.kind, acme.label) == (
        "acme",
        ACME,
        "api_token",
        "Acme EU",
    )
    assert (acme.origin, acme.email) == ("https://api.cloudflare.com", None)
    assert acme.created is not None
    assert (globex.kind, globex.email) == ("global_key", "soc@globex.example")
    assert globex.origin == "https://gateway.example:8443"
    assert acme.later == globex.later == {}
    assert "not-real" not in repr([acme, globex])


def test_the_file_holds_neither_secret_nor_names(vault: tv.Vault, path: Path) -> None:
    put(vault, label="Acme Europe")
    sealed = path.read_bytes()
    assert TOKEN not in sealed
    assert b"Acme Europe" not in sealed
    assert b"acme" not in sealed


def test_a_token_is_wiped_at_once_and_good_once(vault: tv.Vault) -> None:
    secret = bytearray(TOKEN)
    token = tv.ApiToken(secret)
    assert secret == bytes(len(TOKEN))
    edit = vault.edit()
    edit.put("acme", ACME, token)
    with pytest.raises(tv.ArgumentError, match="used already"):
        edit.put("acme", OTHER, token)


def test_keys_and_passphrases_are_wiped_when_they_are_read(library_path: Path) -> None:
    key, passphrase = bytearray(KEY), bytearray(b"correct horse")
    tv.RawKey(key).close()
    tv.Passphrase(passphrase).close()
    assert not any(key)
    assert not any(passphrase)


def test_a_raw_key_file_must_hold_exactly_32_bytes(library_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "soc.key"
    file.write_bytes(KEY)
    file.chmod(0o600)
    tv.RawKey.from_file(file).close()
    for wrong in (b"", KEY[:31], KEY + b"\n"):
        file.write_bytes(wrong)
        with pytest.raises(tv.ArgumentError, match="exactly 32 bytes"):
            tv.RawKey.from_file(file)


@pytest.mark.parametrize("mode", [0o666, 0o644, 0o640, 0o604, 0o601])
def test_a_raw_key_file_that_others_could_use_is_refused(
    library_path: Path, tmp_path: Path, mode: int
) -> None:
    file = tmp_path / "soc.key"
    file.write_bytes(KEY)
    file.chmod(mode)
    with pytest.raises(tv.VaultError, match="chmod 0400") as caught:
        tv.RawKey.from_file(file)
    assert caught.value.status is tv.Status.E_UNSAFE_FILE
    file.chmod(0o400)
    (tmp_path / "again").hardlink_to(file)
    with pytest.raises(tv.VaultError, match="second name"):
        tv.RawKey.from_file(file)
    os.mkfifo(tmp_path / "pipe", 0o400)
    with pytest.raises(tv.VaultError, match="no regular file"):
        tv.RawKey.from_file(tmp_path / "pipe")
    (tmp_path / "again").unlink()
    (tmp_path / "link").symlink_to(file)
    tv.RawKey.from_file(tmp_path / "link").close()


def test_a_passphrase_opens_what_it_created_and_another_does_not(path: Path) -> None:
    tv.Vault.create(path, tv.Passphrase("correct horse"), settings=CHEAP).close()
    before = path.read_bytes()
    tv.Vault.open(path, tv.Passphrase(b"correct horse")).close()
    for wrong in (tv.Passphrase("correct donkey"), tv.RawKey(KEY)):
        with pytest.raises(tv.UnlockError) as caught:
            tv.Vault.open(path, wrong)
        assert caught.value.status is tv.Status.E_UNLOCK
        assert "donkey" not in str(caught.value)
    assert path.read_bytes() == before


def test_an_unlock_secret_opens_any_number_of_times(path: Path) -> None:
    unlock = tv.RawKey(KEY)
    tv.Vault.create(path, unlock).close()
    for _ in range(3):
        tv.Vault.open(path, unlock).close()
    unlock.close()
    with pytest.raises(tv.ClosedError):
        tv.Vault.open(path, unlock)


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        (lambda _: b"not a vault at all", tv.Status.E_NOT_VAULT),
        (lambda _: b"", tv.Status.E_NOT_VAULT),
        (lambda b: b[:-1], tv.Status.E_DAMAGED_BODY),
    ],
)
def test_a_foreign_or_damaged_file_is_a_vault_error_and_stays_as_it_is(
    vault: tv.Vault, path: Path, damage: object, status: tv.Status
) -> None:
    put(vault)
    assert callable(damage)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(tv.VaultError) as caught:
        tv.Vault.open(path, tv.RawKey(KEY))
    assert caught.value.status is status
    assert path.read_bytes() == damaged


def test_a_missing_file_and_a_taken_path_have_their_own_errors(vault: tv.Vault, path: Path) -> None:
    with pytest.raises(tv.VaultError) as missing:
        tv.Vault.open(path.with_name("gone"), tv.RawKey(KEY))
    assert missing.value.status is tv.Status.E_NO_VAULT
    assert isinstance(missing.value, tv.VaultMissingError)
    assert isinstance(missing.value, FileNotFoundError)
    assert (missing.value.errno, missing.value.filename) == (errno.ENOENT, missing.value.path)
    with pytest.raises(FileExistsError) as taken:
        tv.Vault.create(path, tv.RawKey(KEY))
    assert isinstance(taken.value, tv.VaultExistsError)
    assert (taken.value.errno, taken.value.strerror) == (errno.EEXIST, taken.value.message)
    assert pickle.loads(pickle.dumps(taken.value)).errno == errno.EEXIST  # noqa: S301
    with pytest.raises(FileNotFoundError) as keyless:
        tv.KeyFile(path.with_name("gone"))
    assert keyless.value.errno == errno.ENOENT


def test_a_vault_and_its_tenants_say_whether_they_are_closed(vault: tv.Vault) -> None:
    with vault.edit() as edit:
        edit.put("acme", ACME, tv.ApiToken(TOKEN))
    with vault, vault.tenant("acme") as acme:
        assert not vault.closed
        assert not acme.closed
    assert vault.closed
    assert acme.closed


def test_an_exception_in_the_block_commits_nothing(vault: tv.Vault, path: Path) -> None:
    before, generation = path.read_bytes(), vault.generation

    def fail_after_a_put() -> None:
        with vault.edit() as edit:
            edit.put("acme", ACME, tv.ApiToken(TOKEN))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_a_put()
    assert vault.accounts() == []
    assert (path.read_bytes(), vault.generation) == (before, generation)


def test_every_commit_is_one_generation_and_an_edit_is_good_once(vault: tv.Vault) -> None:
    before = vault.generation
    edit = vault.edit()
    edit.put("acme", ACME, tv.ApiToken(TOKEN))
    edit.put("acme", OTHER, tv.ApiToken(TOKEN))
    edit.commit()
    assert vault.generation == before + 1
    with pytest.raises(tv.ClosedError):
        edit.commit()
    with pytest.raises(tv.ClosedError):
        edit.remove("acme", ACME)


@pytest.mark.parametrize(
    "refused",
    [
        {"label": "two\nlines"},
        {"origin": "not an origin"},
        {"expires": datetime(2099, 1, 31)},
        {"label": 7},
    ],
)
def test_a_step_that_fails_ends_the_edit_also_for_who_goes_on(
    vault: tv.Vault, refused: dict[str, Any]
) -> None:
    edit = vault.edit()
    with pytest.raises((tv.ArgumentError, TypeError)) as first:
        edit.put("acme", ACME, tv.ApiToken(TOKEN), **refused)
    steps: tuple[Callable[[], object], ...] = (
        lambda: edit.put("acme", OTHER, tv.ApiToken(TOKEN)),
        lambda: edit.remove("acme", ACME),
        edit.commit,
        edit.commit,
    )
    for later in steps:
        with pytest.raises(tv.ArgumentError, match="an earlier step") as again:
            later()
        assert getattr(first.value, "message", str(first.value)) in again.value.message
    assert vault.accounts() == []


def test_leaving_the_block_of_an_edit_that_ended_raises(vault: tv.Vault) -> None:
    def careless() -> None:
        with vault.edit() as edit:
            edit.put("acme", ACME, tv.ApiToken(TOKEN))
            with contextlib.suppress(tv.NotFoundError):
                edit.remove_tenant("nobody")

    with pytest.raises(tv.NotFoundError, match="an earlier step"):
        careless()
    assert vault.accounts() == []


def test_removing_the_last_account_removes_the_tenant(vault: tv.Vault) -> None:
    put(vault)
    with vault.edit() as edit:
        edit.remove("acme", ACME)
    assert vault.accounts() == []
    with pytest.raises(tv.NotFoundError):
        vault.tenant("acme")


def test_a_tenant_lists_only_its_own_accounts(vault: tv.Vault) -> None:
    put(vault, "acme", ACME)
    put(vault, "globex", OTHER)
    with vault.tenant("globex") as globex:
        assert [account.account_id for account in globex.accounts()] == [OTHER]
    with pytest.raises(tv.ClosedError):
        globex.accounts()


def test_a_tenant_outlives_its_vault(path: Path) -> None:
    with tv.Vault.create(path, tv.RawKey(KEY)) as vault:
        put(vault)
        acme = vault.tenant("acme")
    assert len(acme.accounts()) == 1
    with pytest.raises(tv.ClosedError):
        vault.accounts()


def test_refresh_shows_what_another_writer_committed(vault: tv.Vault, path: Path) -> None:
    with tv.Vault.open(path, tv.RawKey(KEY)) as other:
        put(other)
    vault.refresh()
    assert [account.tenant for account in vault.accounts()] == ["acme"]


def test_an_in_memory_vault_leaves_no_file(
    library_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with tv.Vault.in_memory() as vault:
        put(vault)
        assert len(vault.accounts()) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("account", ["", "ACAE0000000000000000000000000001", "12", ACME + "0"])
def test_a_malformed_account_id_is_an_argument_error(vault: tv.Vault, account: str) -> None:
    with pytest.raises(tv.ArgumentError) as caught, vault.edit() as edit:
        edit.put("acme", account, tv.ApiToken(TOKEN))
    assert caught.value.status is tv.Status.E_ACCOUNT_ID


@pytest.mark.parametrize("secret", [b"", b"with space", b"line\nbreak", b"x" * 513, b"\xff\xfe"])
def test_a_malformed_token_is_refused_without_being_shown(vault: tv.Vault, secret: bytes) -> None:
    with pytest.raises(tv.ArgumentError) as caught, vault.edit() as edit:
        edit.put("acme", ACME, tv.ApiToken(secret))
    assert caught.value.status is tv.Status.E_CREDENTIAL_FORMAT
    assert not secret or secret.decode("latin-1") not in str(caught.value)


def test_unknown_settings_and_values_out_of_range_are_argument_errors(path: Path) -> None:
    with pytest.raises(tv.ArgumentError) as unknown:
        tv.Vault.create(path, tv.RawKey(KEY), settings={"vault.no_such": 1})
    assert unknown.value.status is tv.Status.E_CONFIG_NAME
    with pytest.raises(tv.ArgumentError) as outside:
        tv.Vault.create(path, tv.RawKey(KEY), settings={"vault.kdf_passes": 0})
    assert outside.value.status is tv.Status.E_CONFIG_VALUE
    assert not path.exists()


def test_an_empty_path_is_refused_instead_of_making_a_vault_in_memory(
    library_path: Path,
) -> None:
    with pytest.raises(tv.ArgumentError, match="in_memory"):
        tv.Vault.create("", tv.RawKey(KEY))


def test_wrong_types_are_type_errors(vault: tv.Vault, path: Path) -> None:
    with pytest.raises(TypeError, match="Passphrase, RawKey"):
        tv.Vault.open(path, KEY)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes, not str"):
        tv.RawKey("0" * 32)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ApiToken or a GlobalKey"), vault.edit() as edit:
        edit.put("acme", ACME, TOKEN)  # type: ignore[arg-type]


def test_many_threads_may_commit_to_one_vault(vault: tv.Vault) -> None:
    def commit(number: int) -> None:
        put(vault, f"tenant-{number}", f"{number:032x}")

    threads = [threading.Thread(target=commit, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(vault.accounts()) == 8


def test_closing_twice_does_nothing(vault: tv.Vault) -> None:
    vault.close()
    vault.close()
    with pytest.raises(tv.ClosedError):
        vault.edit()


@pytest.mark.parametrize("commits", [True, False])
def test_ctrl_c_amid_a_step_ends_the_edit(monkeypatch: pytest.MonkeyPatch, commits: bool) -> None:
    """Nobody knows then whether the step counts: half of a change is never stored."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with tv.Vault.in_memory() as vault:
        edit = vault.edit()
        edit.put("acme", ACME, tv.ApiToken(b"test-token-not-real-step"))
        monkeypatch.setattr("tracevault.edit.interruptible", interrupted)
        with pytest.raises(KeyboardInterrupt):
            edit.rekey(tv.RawKey(bytes(range(32))))
        monkeypatch.undo()
        with pytest.raises(tv.CancelledError, match="KeyboardInterrupt"):
            edit.commit() if commits else edit.remove("acme", ACME)
        assert vault.tenants() == []
