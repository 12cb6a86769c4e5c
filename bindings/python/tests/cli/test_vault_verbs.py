"""``tracevault init``, ``vault``, ``account``: an administrator's day, without a secret shown."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit, command
from tests.cli.terminal import Terminal
from tests.conftest import ACME
from tracevault.cli.exits import Exit

TOKEN = "test-token-not-real-acme-01-000000000000"  # noqa: S105
NEW = "ab" * 16


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a token."""
    file = tmp_path / "token.txt"
    file.touch(mode=0o600)
    file.write_text(TOKEN + "\n")
    return file


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


def test_an_account_lives_from_add_to_remove(call: Call, kit: Kit, secret: Path) -> None:
    place = ("--tenant", "globex", "--account", NEW)
    told = call("account", "add", *place, "--token-file", secret, "--label", "New", "--json")
    assert told.code == 0, told.err
    first = told.rows[0]
    assert (first["label"], first["state"], first["origin"]) == ("New", "active", kit.server.origin)
    told = call("account", "add", *place, "--token-file", secret)
    assert told.code == Exit.USAGE
    assert "account rotate" in told.err

    secret.write_text("test-token-not-real-another-000000000000\n")
    told = call("account", "rotate", *place, "--token-file", secret, "--json")
    assert [row["state"] for row in told.rows] == ["active", "retiring"]
    assert told.rows[0]["label"] == "New"
    assert told.rows[0]["origin"] == kit.server.origin
    assert told.rows[1]["fingerprint"] == first["fingerprint"]

    told = call("account", "promote", *place, "--json")
    assert told.rows[0]["fingerprint"] == first["fingerprint"]
    assert [row["state"] for row in call("account", "retire", *place, "--json").rows] == ["active"]
    assert call("account", "retire", *place).code == Exit.NOT_FOUND

    told = call("account", "remove", *place)
    assert told.code == Exit.USAGE
    assert "--yes" in told.err
    assert call("account", "remove", *place, "--yes").code == 0
    assert NEW not in call("account", "list").out
    assert call("account", "remove", "--tenant", "initech", "--whole-tenant", "--yes").code == 0
    assert call("account", "list", "--tenant", "initech").code == Exit.NOT_FOUND


@pytest.mark.parametrize("way_back", [True, False])
def test_the_end_of_a_rotation_says_nothing_of_new_or_old(
    call: Call, kit: Kit, secret: Path, way_back: bool
) -> None:
    place = ("--tenant", "acme", "--account", ACME)
    secret.write_text("test-token-not-real-another-000000000000\n")
    assert call("account", "rotate", *place, "--token-file", secret).code == 0
    if way_back:
        told = call("account", "promote", *place)
        assert "the retiring one is active, the active one retiring" in told.err
    told = call("account", "retire", *place)
    assert "has only its active credential now" in told.err


def test_a_rotation_to_the_same_secret_changes_nothing_and_says_so(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    place = ("--tenant", "acme", "--account", ACME)
    same = tmp_path / "same.txt"
    same.touch(mode=0o600)
    same.write_text(kit.server.credential(ACME).secret)
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.set("acme", ACME, expires="2099-01-01T00:00:00Z")
    told = call("account", "rotate", *place, "--token-file", same)
    assert told.code == 0, told.err
    assert "has this credential already: nothing is changed" in told.err
    (row,) = call("account", "list", *place, "--json").rows
    assert row["expires"] == "2099-01-01T00:00:00.000Z"
    rows = tmp_path / "rows.csv"
    rows.touch(mode=0o600)
    rows.write_text(f"tenant,account_id,token\nacme,{ACME},{same.read_text()}\n")
    told = call("account", "import", rows, "--rotate", "--dry-run")
    assert "where the secret is the one that is there, nothing is rotated" in told.err
    told = call("account", "import", rows, "--rotate")
    assert "1 account had the same secret already" in told.err
    assert len(call("account", "list", *place, "--json").rows) == 1


def test_accounts_are_listed_for_people_and_programs(call: Call, kit: Kit) -> None:
    rows = call("account", "list", "--json").rows
    assert {row["account_id"] for row in rows} == {one.id for one in kit.server.accounts}
    assert {
        row["tenant"] for row in call("account", "list", "--tenant", "acme", "--json").rows
    } == {"acme"}
    table = call("account", "list").out.splitlines()
    assert table[0].startswith("TENANT")
    assert len(table) == len(rows) + 1
    title, *cells = csv.reader(call("account", "list", "--format", "csv").out.splitlines())
    assert title[:2] == ["tenant", "account_id"]
    assert len(cells) == len(rows)


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


def test_checks_tell_what_is_refused_and_what_ends_soon(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    told = call("account", "check", "--tenant", "acme", "--json", "--expiring", "14d")
    assert (told.code, told.out) == (0, "")
    assert call("account", "check", "--expiring", "14d").out == ""
    told = call("account", "check", "--tenant", "acme", "--json")
    assert told.code == 0
    assert all(row["valid"] and row["schema"] == "tracevault.check/1" for row in told.rows)
    for name, code in (("expiring", Exit.SOME), ("expired", Exit.CREDENTIAL)):
        file = tmp_path / name
        file.touch(mode=0o600)
        file.write_text(kit.server.named(name).secret)
        where = ("--tenant", "acme", "--account", ACME)
        assert call("account", "rotate", *where, "--token-file", file).code == 0
        told = call("account", "check", *where, "--expiring", "14d", "--json")
        assert told.code == code
        assert told.rows[0]["expiring"] is True
        assert told.rows[0]["valid"] is (code is Exit.SOME)
    told = call("account", "check")
    assert told.code == Exit.SOME
    assert "1 are refused" in told.err


def test_a_stored_account_goes_by_its_label_too(call: Call, kit: Kit, secret: Path) -> None:
    where = ("--account", "acme europe", "--token-file", secret)
    told = call("account", "rotate", *where)  # the file has the token that is stored
    assert told.code == 0, told.err
    assert "has this credential already" in told.err
    secret.write_text(TOKEN + "x")
    told = call("account", "rotate", *where, "--json")
    assert told.code == 0, told.err
    assert {(row["tenant"], row["account_id"]) for row in told.rows} == {("acme", ACME)}
    assert call("account", "retire", "--account", "Acme Europe").code == 0
    assert call("account", "remove", "--account", "Acme Europe", "--yes").code == 0
    assert ACME not in call("account", "list").out


def test_an_account_that_is_not_there_has_the_exit_code_of_that(call: Call, kit: Kit) -> None:
    nowhere = ("--tenant", "acme", "--account", "0" * 32)
    for words in (("check",), ("rotate", "--token-file", "x"), ("retire",), ("promote",)):
        told = call("account", *words, *nowhere)
        assert told.code == Exit.NOT_FOUND, words
    assert call("account", "check", "--tenant", "nobody").code == Exit.NOT_FOUND


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


def test_many_accounts_come_from_a_file_all_or_none(call: Call, kit: Kit, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.touch(mode=0o600)
    file.write_text(f"\ufefftenant;account_id;token;label\nnew;{NEW};{TOKEN};Ü\nnew;bad;{TOKEN};\n")
    told = call("account", "import", file, "--json")
    assert told.code == Exit.USAGE
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert lines[0]["error"]["message"].startswith("row 3: ")
    assert lines[0]["error"]["tenant"] == "new"
    assert lines[-1]["note"]["wrong"] == 1
    assert TOKEN not in told.err
    assert NEW not in call("account", "list").out

    file.write_text(f"tenant,account_id,token\nnew,{NEW},{TOKEN}\n")
    assert call("account", "import", file, "--dry-run", "--json").rows[0]["stored"] is False
    assert NEW not in call("account", "list").out
    assert call("account", "import", file, "--json").rows == [
        {"file": str(file), "accounts": 1, "stored": True, "rotated": [], "replaced": []}
    ]
    (row,) = call("account", "list", "--tenant", "new", "--json").rows
    assert row["origin"] == kit.server.origin
    lines_file = tmp_path / "customers.jsonl"
    lines_file.touch(mode=0o600)
    lines_file.write_text(json.dumps({"tenant": "new", "account_id": NEW, "token": TOKEN + "x"}))
    assert call("account", "import", lines_file, "--rotate").code == 0
    states = [row["state"] for row in call("account", "list", "--tenant", "new", "--json").rows]
    assert states == ["active", "retiring"]
    file.chmod(0o644)
    assert "chmod" in call("account", "import", file).err


def test_the_ends_that_a_check_finds_can_be_stored(call: Call, kit: Kit, tmp_path: Path) -> None:
    file = tmp_path / "expiring"
    file.touch(mode=0o600)
    file.write_text(kit.server.named("expiring").secret)
    where = ("--tenant", "acme", "--account", ACME)
    assert call("account", "rotate", *where, "--token-file", file).code == 0
    told = call("account", "check", *where, "--store", "--json")
    assert told.code == 0
    active = call("account", "list", *where, "--json").rows[0]
    assert active["expires"]
    assert active["expires"][:16] == told.rows[0]["expires_on"][:16]


def test_accounts_come_from_standard_input_as_well(process: Call, kit: Kit) -> None:
    rows = f"tenant,account_id,token\nnew,{NEW},{TOKEN}\n"
    told = process("account", "import", "-", "--json", stdin=rows)
    assert told.code == 0, told.err
    assert told.rows == [
        {"file": "-", "accounts": 1, "stored": True, "rotated": [], "replaced": []}
    ]


def test_an_import_shows_how_far_it_is(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    rows = "".join(f"many,{number:032x},{TOKEN}\n" for number in range(20_000))
    (tmp_path / "many.csv").touch(mode=0o600)
    (tmp_path / "many.csv").write_text(f"tenant,account_id,token\n{rows}")
    environment |= {"TERM": "xterm", "COLUMNS": "100"}
    run = Terminal(environment, tmp_path, "account", "import", "many.csv", "--dry-run")
    assert run.end() == 0, run.seen
    assert re.search(r"\r[\d,]+ accounts, [\d,.]+/s\x1b\[K", run.seen)
    assert run.seen.endswith("20,000 accounts would be stored\r\n")


@pytest.fixture
def two_rows(kit: Kit, tmp_path: Path) -> Path:
    """A table with an account that the vault has, and with one that it has not."""
    table = tmp_path / "rows.csv"
    table.touch(mode=0o600)
    token = TOKEN.replace("acme-01", "other-9")
    table.write_text(f"tenant,account_id,token\nacme,{ACME},{token}\nacme,{NEW},{token}\n")
    return table


def states(call: Call) -> list[str]:
    """How the account that the vault has from the beginning stands."""
    place = ("--tenant", "acme", "--account", ACME)
    return [row["state"] for row in call("account", "list", *place, "--json").rows]


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["", "dry"])
def test_an_import_replaces_no_credential_unless_it_is_told_to(
    call: Call, kit: Kit, two_rows: Path, dry: tuple[str, ...]
) -> None:
    before = kit.vault.read_bytes()
    told = call("account", "import", two_rows, *dry)
    assert told.code == Exit.USAGE
    assert (
        f"acme {ACME}: row 2: the vault has a credential for it, which this row would" in told.err
    )
    assert NEW not in told.err
    assert "--rotate keeps a credential that is there" in told.err
    assert "--replace removes it" in told.err
    told = call("account", "import", two_rows, *dry, "--json")
    assert json.loads(told.err.splitlines()[0])["error"]["account_id"] == ACME
    assert kit.vault.read_bytes() == before


@pytest.mark.parametrize("way", ["rotate", "replace"])
def test_an_import_says_what_becomes_of_credentials_that_were_there(
    call: Call, kit: Kit, two_rows: Path, way: str
) -> None:
    before = kit.vault.read_bytes()
    told = call("account", "import", two_rows, f"--{way}", "--dry-run")
    assert f"    {ACME} of acme would be {way}d\n" in told.err
    assert kit.vault.read_bytes() == before
    told = call("account", "import", two_rows, f"--{way}")
    assert told.code == 0, told.err
    assert f"    {ACME} of acme is {way}d\n" in told.err
    assert f"{NEW} of acme is" not in told.err
    assert states(call) == (["active", "retiring"] if way == "rotate" else ["active"])
    again = call("account", "import", two_rows, f"--{way}", "--json")
    assert (again.code, again.rows[0]["accounts"]) == (0, 2)
    assert again.rows[0]["rotated"] == again.rows[0]["replaced"] == [], "the secrets are the same"
    assert states(call) == (["active", "retiring"] if way == "rotate" else ["active"])


def test_ctrl_c_in_an_import_stores_nothing_and_says_so(
    environment: dict[str, str], tmp_path: Path, kit: Kit, call: Call
) -> None:
    os.mkfifo(tmp_path / "rows", 0o600)
    child = subprocess.Popen(
        command("account", "import", "rows"), env=environment, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with open(tmp_path / "rows", "w") as pipe:  # the command reads it by now
        pipe.write(f"tenant,account_id,token\nnew,{NEW},{TOKEN}\n")
        pipe.flush()
        child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == Exit.INTERRUPTED
    assert said == "tracevault: interrupted; nothing of rows is stored\n"
    assert NEW not in call("account", "list").out


# ---- What looks wrong, permissions, parkings ----------------------------------------------------


def test_a_secret_that_looks_wrong_is_stored_and_told(call: Call, kit: Kit, tmp_path: Path) -> None:
    file = tmp_path / "quoted.txt"
    file.touch(mode=0o600)
    file.write_text('"not-a-real-token"\n')
    where = ("--tenant", "acme", "--account", NEW)
    told = call("account", "add", *where, "--token-file", file, "--origin", kit.server.origin)
    assert told.code == 0
    assert "quotes" in told.err
    assert "not-a-real" not in told.err
    assert NEW in call("account", "list").out


def test_check_with_access_tells_whether_a_permission_is_missing(call: Call, kit: Kit) -> None:
    told = call("account", "check", "--tenant", "acme", "--account", ACME, "--access", "--json")
    assert told.code == 0
    assert [row["access"]["granted"] for row in told.rows] == [True]
    table = call("account", "check", "--tenant", "acme", "--account", ACME, "--access")
    assert "ACCESS" in table.out


def test_a_credential_for_another_server_is_told_with_what_to_do(call: Call, kit: Kit) -> None:
    elsewhere = ("--set", "api.base_url=https://localhost:9/client/v4")
    told = call("account", "check", "--tenant", "initech", *elsewhere)
    assert told.code == Exit.CREDENTIAL
    assert "TV_E_ORIGIN: mend api.base_url (tracevault settings api.base_url shows it)" in told.err
    assert "account import --replace --origin URL" in told.err
    assert "account rotate stores" not in told.err
    told = call("doctor", "--tenant", "initech", *elsewhere, "--json")
    (row,) = [row for row in told.rows if row["name"] == "credential"]
    assert row["do"].startswith("mend api.base_url")


def test_a_credential_without_the_permission_counts_as_refused(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    lacking = next(one for one in kit.server.directory.credentials if not one.permission)
    (tmp_path / "token").write_text(lacking.token)
    (tmp_path / "token").chmod(0o600)
    of = ("--tenant", "new", "--account", min(lacking.reach))
    origin = ("--origin", kit.server.origin)
    assert call("account", "add", *of, "--token-file", tmp_path / "token", *origin).code == 0
    assert call("account", "check", *of).code == Exit.OK
    told = call("account", "check", *of, "--access", "--json")
    assert told.code == Exit.CREDENTIAL
    assert [row["access"]["granted"] for row in told.rows] == [False]
    doctor = call("doctor", "--json", *of)
    (found,) = (row for row in doctor.rows if row["name"] == "credential")
    assert (doctor.code, found["state"]) == (Exit.SOME, "fault")
    assert "may not read" in found["told"]
    assert "permission" in found["do"]


def test_lift_ends_the_rest_of_a_quota(call: Call, kit: Kit) -> None:
    told = call("account", "lift", "--tenant", "acme", "--account", ACME, "--json")
    assert told.code == 0
    assert told.rows == [{"tenant": "acme", "account_id": ACME, "rested_ms": 0}]
    assert "did not rest" in told.err
    assert call("account", "lift").code == Exit.USAGE
    assert call("account", "lift", "--tenant", "acme", "--account", "0" * 32).code == Exit.NOT_FOUND


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
