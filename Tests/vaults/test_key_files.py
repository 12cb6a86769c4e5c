"""Key files and systemd credentials as unlock secrets."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import tracevault as tv

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
CONTENT = b"test key file, not a real one, 01234"


def key_file(folder: Path, content: bytes = CONTENT, mode: int = 0o400) -> Path:
    path = folder / "soc.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def sealed(folder: Path, unlock: tv.Unlock) -> Path:
    path = folder / "soc.vault"
    with tv.Vault.create(path, unlock) as vault, vault.edit() as edit:
        edit.put("acme", ACCOUNT, tv.ApiToken(b"test-token-not-real"))
    return path


def status_of(call: Callable[[], object]) -> str:
    with pytest.raises(tv.TraceVaultError) as caught:
        call()
    return caught.value.name


def test_a_key_file_opens_what_it_sealed_and_another_does_not(tmp_path: Path) -> None:
    path = sealed(tmp_path, tv.KeyFile(key_file(tmp_path)))
    with tv.Vault.open(path, tv.KeyFile(tmp_path / "soc.key")) as vault:
        assert [row.tenant for row in vault.accounts()] == ["acme"]
    (tmp_path / "soc.key").chmod(0o600)
    other = key_file(tmp_path, CONTENT[:-1] + b"5")
    assert status_of(lambda: tv.Vault.open(path, tv.KeyFile(other))) == "TV_E_UNLOCK"


@pytest.mark.parametrize("size", [32, 2048, 2049, 65_536])
def test_every_allowed_size_works(tmp_path: Path, size: int) -> None:
    content = bytes(index * 7 & 0xFF for index in range(size))
    path = sealed(tmp_path, tv.KeyFile(key_file(tmp_path, content)))
    tv.Vault.open(path, tv.KeyFile(tmp_path / "soc.key")).close()
    # The last byte counts too.
    (tmp_path / "soc.key").chmod(0o600)
    last = content[:-1] + bytes([content[-1] ^ 1])
    changed = key_file(tmp_path, last)
    assert status_of(lambda: tv.Vault.open(path, tv.KeyFile(changed))) == "TV_E_UNLOCK"


@pytest.mark.parametrize("size", [0, 31, 65_537])
def test_sizes_beyond_the_bounds_are_refused(tmp_path: Path, size: int) -> None:
    path = key_file(tmp_path, bytes(index * 7 & 0xFF for index in range(size)))
    assert status_of(lambda: tv.KeyFile(path)) == "TV_E_ARGUMENT"


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o620, 0o602, 0o644])
def test_a_key_file_others_could_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)
    assert status_of(lambda: tv.KeyFile(path)) == "TV_E_UNSAFE_FILE"


@pytest.mark.parametrize("content", [b"a" * 32, bytes(64), b"12345" * 100])
def test_a_few_characters_again_and_again_are_no_key(tmp_path: Path, content: bytes) -> None:
    assert status_of(lambda: tv.KeyFile(key_file(tmp_path, content))) == "TV_E_ARGUMENT"


def test_a_link_to_a_key_file_is_followed_and_what_it_leads_to_is_looked_at(tmp_path: Path) -> None:
    # As Kubernetes mounts secrets: key -> ..data/key, ..data -> a folder of this version.
    folder = tmp_path / "..2026"
    folder.mkdir()
    path = sealed(tmp_path, tv.KeyFile(key_file(folder)))
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "key").symlink_to("..data/soc.key")
    tv.Vault.open(path, tv.KeyFile(tmp_path / "key")).close()
    (folder / "soc.key").chmod(0o444)
    assert status_of(lambda: tv.KeyFile(tmp_path / "key")) == "TV_E_UNSAFE_FILE"


def test_folders_pipes_and_missing_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o400)
    (tmp_path / "nowhere").symlink_to(tmp_path / "none")
    assert status_of(lambda: tv.KeyFile(tmp_path / "nowhere")) == "TV_E_IO"
    assert status_of(lambda: tv.KeyFile(tmp_path / "pipe")) == "TV_E_UNSAFE_FILE"
    assert status_of(lambda: tv.KeyFile(tmp_path)) == "TV_E_UNSAFE_FILE"
    assert status_of(lambda: tv.KeyFile(tmp_path / "none")) == "TV_E_IO"
    assert status_of(lambda: tv.KeyFile("")) == "TV_E_ARGUMENT"


def test_a_credential_opens_what_its_key_file_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sealed(tmp_path, tv.KeyFile(key_file(tmp_path)))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    tv.Vault.open(path, tv.SystemdCredential("soc.key")).close()
    # The access list that systemd adds for a service's user shows as group read.
    (tmp_path / "soc.key").chmod(0o440)
    tv.Vault.open(path, tv.SystemdCredential("soc.key")).close()
    (tmp_path / "soc.key").chmod(0o460)
    assert status_of(lambda: tv.SystemdCredential("soc.key")) == "TV_E_UNSAFE_FILE"


@pytest.mark.parametrize("name", ["", ".", "..", "../soc.key", "/etc/passwd", "n" * 256])
def test_a_credential_s_name_leads_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert status_of(lambda: tv.SystemdCredential(name)) == "TV_E_ARGUMENT"


def test_without_systemd_a_credential_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert status_of(lambda: tv.SystemdCredential("soc.key")) == "TV_E_NOT_FOUND"


@pytest.mark.skipif(shutil.which("systemd-creds") is None, reason="systemd-creds is not installed")
def test_a_credential_encrypted_by_systemd_opens_the_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sealed(tmp_path, tv.KeyFile(key_file(tmp_path)))
    encrypted = tmp_path / "soc.cred"
    handed_over = tmp_path / "credentials"
    handed_over.mkdir(mode=0o700)
    command = ["systemd-creds", "--name=soc.key"]
    done = subprocess.run(
        [*command, "--with-key=host", "encrypt", tmp_path / "soc.key", encrypted],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip(f"systemd-creds cannot encrypt here: {done.stderr.strip()}")
    subprocess.run([*command, "decrypt", encrypted, handed_over / "soc.key"], check=True)
    (handed_over / "soc.key").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed_over))
    with tv.Vault.open(path, tv.SystemdCredential("soc.key")) as vault:
        assert len(vault.accounts()) == 1
