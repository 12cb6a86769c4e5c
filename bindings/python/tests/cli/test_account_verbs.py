"""``tracevault account``: credentials from add to remove, and what a check tells of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import TOKEN, Call, Kit
from tests.conftest import ACME, REPOSITORY
from tracevault.cli.exits import Exit

NEW = "ab" * 16


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
    assert [row["state"] for row in call("account", "retire", *place, "--yes", "--json").rows] == [
        "active"
    ]
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
    told = call("account", "retire", *place, "--yes")
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


def test_the_same_key_with_another_address_is_a_new_credential(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    place = ("--tenant", "acme", "--account", ACME)
    key = tmp_path / "key.txt"
    key.touch(mode=0o600)
    key.write_text("a" * 37)
    for name in ("first", "second"):
        email = ("--email", f"{name}@acme.example", "--yes")
        told = call("account", "rotate", *place, "--token-file", key, *email)
        assert "has a new credential, sealed for https://localhost:" in told.err
        assert "; the old one is retiring; try: tracevault account check" in told.err
    rows = call("account", "list", *place, "--json").rows
    assert [row["email"] for row in rows] == ["second@acme.example", "first@acme.example"]


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


def test_another_origin_than_cloudflares_is_named(
    call: Call, kit: Kit, secret: Path, tmp_path: Path
) -> None:
    where, sealed = ("--tenant", "new", "--account", NEW), f"sealed for {kit.server.origin}"
    secret_of = ("--token-file", secret)
    told = call("account", "add", *where, *secret_of)
    assert sealed in told.err
    secret.write_text(TOKEN + "x")
    assert sealed in call("account", "rotate", *where, *secret_of).err
    rows = tmp_path / "rows.csv"
    rows.touch(mode=0o600)
    rows.write_text(f"tenant,account_id,token\nlast,{NEW},{TOKEN}\nlast,{'cd' * 16},{TOKEN}\n")
    for dry in (("--dry-run",), ()):
        assert call("account", "import", rows, *dry).err.count(sealed) == 1
    title, *lines = call("account", "list").out.splitlines()
    assert "ORIGIN" in title
    assert all(kit.server.origin in line for line in lines)
    cloudflares = ("--replace", "--origin", "https://api.cloudflare.com")
    assert "sealed" not in call("account", "import", rows, *cloudflares).err
    title, *lines = call("account", "list", "--tenant", "last").out.splitlines()
    assert "ORIGIN" not in title
    assert "https://api.cloudflare.com" in call("account", "list").out, "beside another"


def test_the_help_says_where_a_secret_may_go_by_default(call: Call) -> None:
    for verb in ("add", "import"):
        told = " ".join(call("account", verb, "--help").out.split())
        assert "where api.base_url points, otherwise Cloudflare" in told


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
        assert call("account", "rotate", *where, "--token-file", file, "--yes").code == 0
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
    assert call("account", "retire", "--account", "Acme Europe", "--yes").code == 0
    assert call("account", "remove", "--account", "Acme Europe", "--yes").code == 0
    assert ACME not in call("account", "list").out


def test_an_account_that_is_not_there_has_the_exit_code_of_that(call: Call, kit: Kit) -> None:
    nowhere = ("--tenant", "acme", "--account", "0" * 32)
    for words in (("check",), ("rotate", "--token-file", "x"), ("retire",), ("promote",)):
        told = call("account", *words, *nowhere)
        assert told.code == Exit.NOT_FOUND, words
    assert call("account", "check", "--tenant", "nobody").code == Exit.NOT_FOUND


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
    assert f"is sealed for {kit.server.base_url.removesuffix('/client/v4')}, and" in told.err
    assert "api.base_url is at https://localhost:9" in told.err
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
    for output in ("json", "table"):  # a filter by the end hides nothing that does not work
        told = call("account", "check", *of, "--access", "--expiring", "14d", "--format", output)
        assert told.code == Exit.CREDENTIAL
        assert min(lacking.reach) in told.out
    doctor = call("doctor", "--json", *of)
    (found,) = (row for row in doctor.rows if row["name"] == "credential")
    assert (doctor.code, found["state"]) == (Exit.SOME, "fault")
    assert "may not read" in found["told"]
    assert "permission" in found["do"]


def test_a_credential_that_the_vault_knows_as_ended_is_a_row(call: Call, kit: Kit) -> None:
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.set("acme", ACME, expires="2020-01-01T00:00:00Z")
    told = call("account", "check", "--expiring", "14d", "--json")
    assert told.code == Exit.SOME
    (row,) = told.rows
    assert (row["account_id"], row["valid"], row["expiring"]) == (ACME, False, True)
    assert (row["status"], row["expires_in_vault"]) == ("expired", "2020-01-01T00:00:00.000Z")
    assert "expired at 2020-01-01" in row["reason"]["message"]
    assert [one["code"] for one in row["warnings"]] == ["expired"]
    (note,) = [json.loads(line)["note"] for line in told.err.splitlines()]
    assert (note["refused"], note["expiring"], note["failed"]) == (1, 1, 0)
    schema = json.loads((REPOSITORY / "docs/check.schema.json").read_text())
    assert set(schema["required"]) <= row.keys()
    alone = call("account", "check", "--account", ACME)
    assert alone.code == Exit.CREDENTIAL
    assert "put a new one" in alone.out
    assert "1 are refused" in alone.err


def test_a_credential_that_is_not_valid_yet_is_a_row(call: Call, kit: Kit) -> None:
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.set("acme", ACME, not_before="2099-01-01T00:00:00Z")
    told = call("account", "check", "--account", ACME, "--json")
    assert told.code == Exit.CREDENTIAL
    (row,) = told.rows
    assert (row["valid"], row["status"], row["expiring"]) == (False, "unknown", None)
    assert "not valid before 2099" in row["reason"]["message"]
    assert [one["code"] for one in row["warnings"]] == ["not_yet_valid"]


def test_lift_ends_the_rest_of_a_quota(call: Call, kit: Kit) -> None:
    told = call("account", "lift", "--tenant", "acme", "--account", ACME, "--json")
    assert told.code == 0
    assert told.rows == [{"tenant": "acme", "account_id": ACME, "rested_ms": 0}]
    assert "did not rest" in told.err
    assert call("account", "lift").code == Exit.USAGE
    for named in (ACME, "Acme Europe"):  # the tenant follows from it
        told = call("account", "lift", "--account", named, "--json")
        assert told.rows == [{"tenant": "acme", "account_id": ACME, "rested_ms": 0}]
    assert call("account", "lift", "--tenant", "acme", "--account", "0" * 32).code == Exit.NOT_FOUND
