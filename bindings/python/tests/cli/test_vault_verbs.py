"""``tracevault init`` and ``vault``: vaults, keys, unlocks, exports, without a secret shown."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tests.cli.conftest import TOKEN, Call, Kit, command
from tests.conftest import ACME
from tracevault.cli.exits import Exit

NEW = "ab" * 16


def test_init_makes_a_vault_and_a_key_file_of_its_own(call: Call, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    told = call("init", "--vault", "v", "--key-file", "k")
    assert (told.code, told.out) == (0, "")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "k").read_bytes()) == 32
    told = call("vault", "info", "--vault", "v", "--key-file", "k", "--json")
    assert told.rows[0]["credentials"] == 0
    assert told.rows[0]["unlocks"] == [{"slot": 0, "type": "keyfile", "label": ""}]


def test_init_overwrites_nothing_and_leaves_nothing(call: Call, tmp_path: Path, kit: Kit) -> None:
    key = kit.key_file.read_bytes()
    told = call("init")
    assert told.code == Exit.VAULT
    assert str(kit.vault) in told.err
    assert kit.key_file.read_bytes() == key
    told = call("init", "--key-file", "new.key")
    assert told.code == Exit.VAULT
    assert not (tmp_path / "new.key").exists()


@pytest.mark.parametrize("way", ["file", "stdin", "fd"])
def test_a_passphrase_comes_from_a_file_stdin_or_a_descriptor(
    tmp_path: Path, environment: dict[str, str], way: str
) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "phrase"
    file.touch(mode=0o600)
    file.write_bytes(b"not a real passphrase\r\nmore\n")
    cheap = ("--set", "vault.kdf_memory_kib=19456", "--set", "vault.kdf_passes=3")
    option = {"file": f"--passphrase-file={file}", "stdin": "--passphrase-stdin"}
    for verb in (("init",), ("vault", "info")):
        with file.open("rb", buffering=0) as opened:
            number = opened.fileno()
            done = subprocess.run(
                command(
                    *verb, "--vault", "v", *cheap, option.get(way, f"--passphrase-fd={number}")
                ),
                stdin=opened if way == "stdin" else subprocess.DEVNULL,
                pass_fds=[number],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr
    tv.Vault.open(tmp_path / "v", tv.Passphrase("not a real passphrase")).close()


def test_a_secret_file_that_others_can_read_is_refused(call: Call, kit: Kit, secret: Path) -> None:
    secret.chmod(0o644)
    told = call("account", "add", "--tenant", "x", "--account", NEW, "--token-file", secret)
    assert told.code == Exit.USAGE
    assert "chmod" in told.err


def test_two_secrets_do_not_both_come_from_stdin(process: Call, kit: Kit, tmp_path: Path) -> None:
    told = process(
        "account", "add", "--passphrase-stdin", "--token-stdin", "--tenant", "x", "--account", NEW,
        stdin="one\ntwo\n",
    )  # fmt: skip
    assert told.code in (Exit.USAGE, Exit.VAULT)
    with tv.Vault.create(tmp_path / "w", tv.Passphrase("one"),
                         settings={"vault.kdf_memory_kib": 19456}):  # fmt: skip
        pass
    told = process(
        "account", "add", "--vault", "w", "--passphrase-stdin", "--token-stdin",
        "--tenant", "x", "--account", NEW, stdin="one\ntwo\n",
    )  # fmt: skip
    assert told.code == Exit.USAGE
    assert "both come from standard input" in told.err


def test_unlocks_come_and_go_and_a_rekey_leaves_one(call: Call, kit: Kit, tmp_path: Path) -> None:
    told = call("vault", "add-unlock", "--new-key-file", "other.key", "--label", "safe")
    assert told.code == 0, told.err
    assert [row["label"] for row in call("vault", "unlocks", "--json").rows] == ["", "safe"]
    assert call("vault", "verify", "--key-file", "other.key").code == 0
    assert call("vault", "remove-unlock", "1", "--yes").code == 0
    told = call("vault", "verify", "--key-file", "other.key")
    assert told.code == Exit.VAULT
    assert "TV_E_UNLOCK" in told.err
    assert call("vault", "rekey", "--new-key-file", "next.key").code == Exit.USAGE
    assert call("vault", "rekey", "--new-key-file", "next.key", "--yes").code == 0
    assert call("vault", "verify").code == Exit.VAULT
    told = call("vault", "verify", "--key-file", "next.key", "--json")
    assert told.rows[0]["credentials"] == len(kit.server.accounts)


def test_the_question_says_which_unlock_goes_and_whether_it_opens_the_vault_now(
    call: Call, kit: Kit
) -> None:
    assert "last unlock cannot" in call("vault", "remove-unlock", "0", "--yes").err
    phrase = kit.vault.parent / "phrase"
    phrase.touch(mode=0o600)
    phrase.write_text("not a real passphrase\n")
    cheap = ("--set", "vault.kdf_memory_kib=19456", "--set", "vault.kdf_passes=3")
    new = ("--new-passphrase-file", phrase, "--label", "safe")
    assert call("vault", "add-unlock", *new, *cheap).code == 0
    before = kit.vault.read_bytes()
    asked = {slot: call("vault", "remove-unlock", slot) for slot in ("0", "1", "5")}
    assert "slot 0 (keyfile)? It is what opens the vault now." in asked["0"].err
    assert "slot 1 (passphrase, safe)? Nobody can" in asked["1"].err
    assert (asked["0"].code, asked["1"].code) == (Exit.USAGE, Exit.USAGE)
    assert asked["5"].code == Exit.NOT_FOUND
    assert kit.vault.read_bytes() == before
    assert call("vault", "add-unlock", "--new-key-file", "other.key").code == 0
    for slot in ("0", "2"):
        told = call("vault", "remove-unlock", slot)
        assert "It may be what opens the vault now: 2 unlocks are of its type." in told.err
    told = call("vault", "remove-unlock", "0", "--yes")
    assert told.code == 0
    assert "the unlock in slot 0 (keyfile) is removed" in told.err
    assert call("vault", "info").code == Exit.VAULT
    other = ("--key-file", "other.key", "--yes")
    told = call("vault", "remove-unlock", "1", *other)
    assert "the unlock in slot 1 (passphrase, safe) is removed" in told.err


@pytest.mark.parametrize("verb", [("rekey", "--yes"), ("add-unlock",)], ids=["rekey", "add"])
def test_what_opens_the_vault_now_is_no_new_way(
    call: Call, kit: Kit, tmp_path: Path, environment: dict[str, str], verb: tuple[str, ...]
) -> None:
    phrase = tmp_path / "phrase"
    phrase.touch(mode=0o600)
    phrase.write_text("not a real passphrase\n")
    (tmp_path / "soc").touch(mode=0o600)
    (tmp_path / "soc").write_bytes(os.urandom(48))
    environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    environment["TRACEVAULT_SET"] += " vault.kdf_memory_kib=19456 vault.kdf_passes=3"
    ways = [("--new-key-file", kit.key_file), ("--new-passphrase-file", phrase),
            ("--new-credential", "soc")]  # fmt: skip
    for way in ways[1:]:
        assert call("vault", "add-unlock", *way).code == 0
    before = kit.vault.read_bytes()
    for way in ways:
        told = call("vault", *verb, *way)
        assert told.code == Exit.USAGE, way
        assert "this opens the vault already" in told.err
        assert kit.vault.read_bytes() == before


@pytest.mark.parametrize("verb", [("rekey", "--yes"), ("add-unlock",)], ids=["rekey", "add"])
def test_a_key_file_that_opens_the_vault_as_a_raw_key_is_no_new_way(
    call: Call, kit: Kit, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    raw = tmp_path / "raw.vault"
    with tv.Vault.create(raw, tv.RawKey.from_file(kit.key_file)):
        pass
    told = call("vault", *verb, "--vault", raw, "--new-key-file", kit.key_file)
    assert told.code == Exit.USAGE
    assert "this opens the vault already" in told.err


def test_a_tenant_is_exported_into_a_vault_of_its_own(call: Call, kit: Kit) -> None:
    told = call("vault", "export", "a.vault", "--tenant", "acme", "--new-key-file", "a.key")
    assert told.code == 0, told.err
    told = call("account", "list", "--vault", "a.vault", "--key-file", "a.key", "--json")
    assert {row["tenant"] for row in told.rows} == {"acme"}
    assert call("vault", "refresh", "--json").rows[0]["generation"] > 0


@pytest.mark.parametrize("file", ["soc.vault", "soc.key", "no/new.vault", "soc.key/new.vault"])
def test_an_export_into_a_place_that_is_none_makes_no_key_file(
    call: Call, kit: Kit, tmp_path: Path, file: str
) -> None:
    before = sorted(one.name for one in tmp_path.iterdir())
    told = call("vault", "export", file, "--new-key-file", "new.key")
    assert told.code == Exit.VAULT, told.err
    assert "keep a copy" not in told.err
    assert sorted(one.name for one in tmp_path.iterdir()) == before


@pytest.mark.parametrize("way", ["folder", "library"])
def test_an_export_that_fails_removes_no_key_file_of_another_one(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    export = tv.Vault.export

    def failing(*given: Any, **named: Any) -> None:
        monkeypatch.setattr(tv.Vault, "export", export)
        # Another one succeeds meanwhile, with the same key file.
        assert call("vault", "export", "good.vault", "--new-key-file", "x.key").code == 0
        raise tv.VaultError("no room is left", status=tv.Status.E_IO)

    if way == "library":
        monkeypatch.setattr(tv.Vault, "export", failing)
    else:
        assert call("vault", "export", "good.vault", "--new-key-file", "x.key").code == 0
    file = "this.vault" if way == "library" else "no/this.vault"
    told = call("vault", "export", file, "--new-key-file", "x.key")
    assert told.code == Exit.VAULT, told.err
    assert ("the key file x.key is made, and stays" in told.err) == (way == "library")
    assert "keep a copy" not in told.err
    assert call("account", "list", "--vault", "good.vault", "--key-file", "x.key").code == 0


def test_no_secret_of_a_call_is_ever_shown(call: Call, kit: Kit, secret: Path) -> None:
    place = ("--tenant", "acme", "--account", ACME, "--token-file", secret)
    for arguments in (
        ("account", "add", *place),
        ("account", "rotate", *place, "--json"),
        ("account", "rotate", *place, "--expires", "nonsense"),
        ("account", "list", "--json"),
        ("vault", "info"),
        ("doctor",),
    ):
        told = call(*arguments)
        assert TOKEN not in told.out + told.err


def test_a_prompt_without_a_terminal_says_what_to_give(
    tmp_path: Path, environment: dict[str, str], kit: Kit
) -> None:
    done = subprocess.run(
        command("account", "rotate", "--tenant", "acme", "--account", ACME),
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == Exit.USAGE
    assert "--token-file" in done.stderr


def test_an_export_to_a_path_that_is_taken_makes_no_key(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    told = call("vault", "export", kit.vault, "--new-key-file", "n.key")
    assert told.code == Exit.VAULT
    assert "TV_E_EXISTS" in told.err
    assert "is made" not in told.err
    assert not (tmp_path / "n.key").exists()
    assert call("account", "list").code == 0


@pytest.mark.parametrize(
    "verb", [("add-unlock",), ("rekey", "--yes"), ("export", "other.vault")], ids=" ".join
)
def test_a_vault_is_taken_for_no_key(call: Call, kit: Kit, verb: tuple[str, ...]) -> None:
    """It changes with the very edit that would make it one."""
    before = kit.vault.read_bytes()
    told = call("vault", *verb, "--new-key-file", kit.vault)
    assert told.code == Exit.USAGE
    assert "is a vault, which changes with each edit and can be no key" in told.err
    assert kit.vault.read_bytes() == before
    assert call("init", "new.vault", "--key-file", kit.vault).code == Exit.USAGE


def test_an_unlock_that_opens_the_vault_already_is_not_added_again(call: Call, kit: Kit) -> None:
    told = call("vault", "add-unlock", "--new-key-file", kit.key_file)
    assert told.code == Exit.USAGE
    assert "opens the vault already" in told.err
    assert len(call("vault", "unlocks", "--json").rows) == 1
    assert call("vault", "add-unlock", "--new-key-file", "next.key").code == 0
    assert call("vault", "add-unlock", "--new-key-file", "next.key").code == Exit.USAGE
    assert len(call("vault", "unlocks", "--json").rows) == 2


def test_init_says_what_it_seals_with_where_the_call_does_not(call: Call, kit: Kit) -> None:
    told = call("init", "new.vault")
    assert told.code == 0
    assert f"it is sealed with {kit.key_file}, which $TRACEVAULT_KEY_FILE names" in told.err
    told = call("init", "other.vault", "--key-file", kit.key_file)
    assert "which" not in told.err


def test_the_last_unlock_is_kept_before_anybody_is_asked(call: Call, kit: Kit) -> None:
    told = call("vault", "remove-unlock", "0")
    assert told.code == Exit.USAGE
    assert "the last unlock cannot be removed: add another one first" in told.err
