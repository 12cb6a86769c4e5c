"""Files that the command reads: no secret of a stranger counts, no pipe makes it wait."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit, command
from tests.conftest import ACME
from tracevault.cli.exits import Exit
from tracevault.cli.failures import Usage
from tracevault.cli.secret_input import line_of_file
from tracevault.cli.verbs import account_import

STRANGER = 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user")


@pytest.fixture
def phrase(tmp_path: Path) -> Path:
    file = tmp_path / "phrase"
    file.touch(mode=0o600)
    file.write_text("not a real passphrase\n")
    return file


@only_root
def test_no_secret_is_taken_from_a_file_of_another_user(phrase: Path) -> None:
    assert bytes(line_of_file(str(phrase))) == b"not a real passphrase"
    os.chown(phrase, STRANGER, STRANGER)
    with pytest.raises(Usage, match="belongs to another user"):
        line_of_file(str(phrase))
    (phrase.parent / "link").symlink_to(phrase)
    with pytest.raises(Usage, match="belongs to another user"):
        line_of_file(str(phrase.parent / "link"))


@only_root
def test_no_table_of_credentials_is_taken_from_another_user(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    table = tmp_path / "accounts.csv"
    table.write_text(f"tenant,account_id,token\nacme,{ACME},test-token-of-a-stranger\n")
    os.chown(table, STRANGER, STRANGER)
    table.chmod(0o600)
    told = call("account", "import", table, "--rotate")
    assert told.code == Exit.USAGE
    assert "belongs to another user" in told.err
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault:
        with pytest.raises(tv.VaultError, match="belongs to another user"), vault.edit() as edit:
            edit.import_csv(table)
        with pytest.raises(tv.VaultError, match="belongs to another user"), vault.edit() as edit:
            edit.import_json_lines(table)


ROWS = f"tenant,account_id,token\nnew,{ACME},test-token-not-real\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "accounts.csv"
    file.touch(mode=0o600)
    file.write_text(ROWS)
    return file


@pytest.mark.parametrize("looks", ["once", "twice"])
@pytest.mark.parametrize("words", ["second name", "chmod 0400"])
def test_no_table_of_credentials_is_taken_from_where_others_can_use_it(
    call: Call, kit: Kit, table: Path, monkeypatch: pytest.MonkeyPatch, words: str, looks: str
) -> None:
    if words == "second name":
        os.link(table, table.with_name("second"))
    else:
        table.chmod(0o640)
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault:
        for read in (tv.Edit.import_csv, tv.Edit.import_json_lines):
            with pytest.raises(tv.VaultError, match=words) as told, vault.edit() as edit:
                read(edit, table)
            assert told.value.status is tv.Status.E_UNSAFE_FILE
    if looks == "once":  # it was exchanged behind the first look
        monkeypatch.setattr(account_import, "_require_private", lambda _: None)
    assert words in call("account", "import", table).err


@only_root
def test_no_table_of_credentials_comes_from_a_pipe_of_another_user_and_nobody_waits_for_it(
    process: Call, kit: Kit, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "rows")
    os.chown(tmp_path / "rows", STRANGER, STRANGER)
    refused = pytest.raises(tv.VaultError, match="belongs to another user")
    opened = tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file))
    with opened as vault, refused, vault.edit() as edit:
        edit.import_csv(tmp_path / "rows")
    told = process("account", "import", "rows")
    assert told.code == Exit.USAGE
    assert "belongs to another user" in told.err


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o606])
def test_no_table_of_credentials_comes_from_a_pipe_that_others_may_use(
    call: Call, kit: Kit, tmp_path: Path, mode: int
) -> None:
    os.mkfifo(tmp_path / "rows")
    (tmp_path / "rows").chmod(mode)
    refused = pytest.raises(tv.VaultError, match="chmod 0600")
    opened = tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file))
    with opened as vault, refused, vault.edit() as edit:
        edit.import_csv(tmp_path / "rows")
    assert "chmod 0600" in call("account", "import", "rows").err


def test_a_table_comes_from_a_pipe_of_ones_own(call: Call, kit: Kit, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows", 0o600)
    writer = threading.Thread(target=lambda: (tmp_path / "rows").write_text(ROWS))
    writer.start()
    told = call("account", "import", "rows")
    writer.join()
    assert told.code == Exit.OK, told.err


@only_root
def test_a_file_that_another_user_removes_meanwhile_is_still_his(kit: Kit, table: Path) -> None:
    os.chown(table, STRANGER, STRANGER)
    found = os.open(table, os.O_RDONLY)
    table.unlink()
    refused = pytest.raises(tv.VaultError, match="belongs to another user")
    opened = tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file))
    with opened as vault, refused, vault.edit() as edit:
        edit.import_csv(f"/dev/fd/{found}")
    os.close(found)


def test_a_table_that_is_none_is_named(kit: Kit, tmp_path: Path) -> None:
    opened = tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file))
    with opened as vault:
        for name, kind in (("none", FileNotFoundError), (".", IsADirectoryError)):
            with pytest.raises(kind) as told, vault.edit() as edit:
                edit.import_csv(tmp_path / name)
            assert told.value.filename == str(tmp_path / name)


@pytest.mark.parametrize("given", ["pipe", "file"])
def test_a_table_without_a_name_is_taken_from_who_gave_it(
    kit: Kit, table: Path, given: str
) -> None:
    """A shell makes the one of ``<(...)`` and the other of a long ``<<``."""
    found = os.open(table, os.O_RDONLY)
    if given == "pipe":
        os.close(found)
        found, writer = os.pipe()
        os.write(writer, ROWS.encode())
        os.close(writer)
    table.unlink()
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        assert edit.import_csv(f"/dev/fd/{found}") == 1
    os.close(found)


def test_a_file_without_a_name_is_refused_wherever_a_key_is_read(phrase: Path) -> None:
    found = os.open(phrase, os.O_RDONLY)
    phrase.unlink()
    path = f"/dev/fd/{found}"
    refused = pytest.raises(tv.VaultError, match="second name")
    with refused:
        tv.KeyFile(path)
    with refused:
        tv.RawKey.from_file(path)
    with pytest.raises(Usage, match="second name"):
        line_of_file(path)
    os.close(found)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_no_secret_is_taken_from_a_file_that_others_may_use(phrase: Path, mode: int) -> None:
    phrase.chmod(mode)
    with pytest.raises(Usage, match="chmod 0400"):
        line_of_file(str(phrase))


def test_no_secret_is_taken_from_a_file_with_a_second_name(phrase: Path) -> None:
    os.link(phrase, phrase.parent / "second")
    with pytest.raises(Usage, match="second name"):
        line_of_file(str(phrase))


@pytest.mark.usefixtures("library_path")
def test_a_pipe_with_a_name_makes_nobody_wait(process: Call, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for words, code in (
        (("vault", "info", "--vault", "v", "--passphrase-file", "pipe"), Exit.USAGE),
        (("account", "add", "--vault", "v", "--tenant", "t", "--account", ACME, "--token-file",
          "pipe", "--key-file", "k"), None),
        (("settings", "--config", "pipe"), Exit.USAGE),
        (("doctor", "--offline", "--config", "pipe"), Exit.SOME),
    ):  # fmt: skip
        told = process(*words)
        assert told.code == code or (code is None and told.code != 0), words


@pytest.mark.usefixtures("library_path")
@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "."])
def test_doctor_does_not_wait_for_what_is_no_file(
    process: Call, tmp_path: Path, environment: dict[str, str], name: str
) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    told = process("doctor", "--json", "--set", f"tls.ca_file={name}",
                   "--set", "api.base_url=https://127.0.0.1:9/client/v4")  # fmt: skip
    (found,) = (row for row in told.rows if row["name"] == "authorities")
    assert found["state"] == "fault"
    assert "no regular file" in found["told"]


def test_a_shells_own_pipe_serves_as_a_file_of_a_secret(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    told: list[memoryview] = []
    waiting = threading.Thread(target=lambda: told.append(line_of_file(f"/dev/fd/{reader}")))
    waiting.start()
    os.write(writer, b"not a real passphrase\n")
    waiting.join()
    os.close(writer)
    os.close(reader)
    assert told == [b"not a real passphrase"]


@pytest.mark.usefixtures("library_path")
def test_a_shells_own_pipe_serves_as_a_configuration_file(
    environment: dict[str, str], tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"[default]\nretry.max_attempts = 3\n")
    os.close(writer)
    words = command("settings", "retry.max_attempts", "--config", f"/dev/fd/{reader}")
    done = subprocess.run(words, pass_fds=[reader], env=environment, cwd=tmp_path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    os.close(reader)
    assert "here: 3" in done.stdout, done.stderr
