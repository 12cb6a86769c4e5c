"""What `account import` tells: what looks wrong, rows by the kind of what is wrong with them."""

from __future__ import annotations

import json
import pickle
import uuid
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit

NEW = "acae0000000000000000000000000077"
TOKEN = "test-token-not-real-import-told-0000000"  # noqa: S105 - of nobody


def table(tmp_path: Path, rows: str, heading: str = "tenant,account_id,token,expires") -> Path:
    path = tmp_path / "rows.csv"
    path.touch(mode=0o600)
    path.write_text(f"{heading}\n{rows}")
    return path


def account(number: int) -> str:
    return f"{number:032x}"


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["", "dry"])
def test_what_looks_wrong_about_a_row_is_told(
    call: Call, kit: Kit, tmp_path: Path, dry: tuple[str, ...]
) -> None:
    rows = table(tmp_path, f"new,{NEW},'{TOKEN}',2020-01-01\nnew,{account(1)},$CF_TOKEN,\n")
    told = call("account", "import", rows, *dry)
    assert told.code == 0, told.err
    assert f"look again: row 2: {NEW} of new: there are quotes around it" in told.err
    assert f'look again: row 2: {NEW} of new: "expires" is in the past' in told.err
    assert (
        f"look again: row 3: {account(1)} of new: this looks like the name of a variable"
        in told.err
    )
    assert TOKEN not in told.err
    assert "CF_TOKEN" not in told.err


def test_what_looks_wrong_is_told_beside_the_rows_that_cannot_be(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    good = [f"new,{account(n)},'{TOKEN}',2020-01-01\n" for n in (1, 2)]
    bad = ["new,bad,x,\n", f"acme,{ACME},x,\n", f"new,{NEW},x,never\n"]
    rows = table(tmp_path, good[0] + "".join(bad) + good[1])
    told = call("account", "import", rows)
    assert told.code == Exit.USAGE
    for n, row in ((1, 2), (2, 6)):
        whose = f"look again: row {row}: {account(n)} of new: "
        assert whose + "there are quotes around it" in told.err
        assert whose + '"expires" is in the past' in told.err
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault:
        edit = vault.edit()
        with pytest.raises(tv.ImportRowsError) as raised:
            edit.import_csv(rows)
    assert {one.account_id for one in raised.value.hints} == {account(1), account(2)}
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own
    assert (copy.rows, copy.hints) == (raised.value.rows, raised.value.hints)


def test_what_looks_wrong_is_told_to_programs_with_whom_it_is_about(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    rows = table(tmp_path, "".join(f"new,{account(n)},{TOKEN}{n},2020-01-01\n" for n in range(30)))
    told = call("account", "import", rows, "--json")
    notes = [json.loads(line)["note"] for line in told.err.splitlines()]
    assert [one["account_id"] for one in notes] == [account(n) for n in range(30)]
    assert {(one["tenant"], one["code"]) for one in notes} == {("new", "has_expired")}


#: What stands in the column of the tenant where columns were swapped.
SWAPPED = ("NOTxREALx" + "x" * 31, "cfut_notReal", "Bearer not.real", "x" * 37)


@pytest.mark.parametrize("way", [("--dry-run",), (), ("--json",)], ids=str)
@pytest.mark.parametrize("secret", SWAPPED)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_secret_in_the_column_of_the_tenant_is_not_shown(
    call: Call, kit: Kit, tmp_path: Path, secret: str, way: tuple[str, ...], kind: str
) -> None:
    rows = table(tmp_path, f"{secret},{NEW},'acme',2020-01-01\nnew,{account(1)},{TOKEN},\n")
    if kind == "jsonl":
        row = {"tenant": secret, "account_id": NEW, "token": "'acme'", "expires": "2020-01-01"}
        rows = rows.rename(tmp_path / "rows.jsonl")
        rows.write_text("\n" + json.dumps(row) + "\n")
    told = call("account", "import", rows, *way)
    assert told.code == 0, told.err
    assert secret not in told.err + told.out
    if "--json" in way:
        notes = [json.loads(line)["note"] for line in told.err.splitlines()]
        assert {(one["row"], one["tenant"], one["account_id"]) for one in notes} == {(2, None, NEW)}
        assert notes[0]["code"] == "tenant_looks_like_token"
        return
    assert f"look again: row 2: {NEW}: the tenant looks like a token" in told.err
    assert f'look again: row 2: {NEW}: "expires" is in the past' in told.err
    assert told.err.index("look again") < told.err.index("stored"), "before it is stored"


@pytest.mark.parametrize("tenant", ["new", "a tenant with a name", "x" * 36, str(uuid.UUID(int=7))])
def test_the_name_of_a_tenant_is_no_token(
    call: Call, kit: Kit, tmp_path: Path, tenant: str
) -> None:
    told = call("account", "import", table(tmp_path, f"{tenant},{NEW},{TOKEN},\n"))
    assert told.code == 0, told.err
    assert "look again" not in told.err


@pytest.mark.parametrize("good", [True, False])
def test_hints_show_no_more_of_a_row_than_what_is_told_of_a_bad_one(
    tmp_path: Path, good: bool
) -> None:
    secret = SWAPPED[0]
    bad = "" if good else f"{secret},{account(1)},x,never\n"
    rows = table(tmp_path, f"{secret},{NEW},'acme',2020-01-01\n{bad}")
    with tv.Vault.in_memory() as vault:
        edit = vault.edit()
        if good:
            edit.import_csv(rows)
            hints = edit.hints
        else:
            with pytest.raises(tv.ImportRowsError) as raised:
                edit.import_csv(rows)
            hints = list(raised.value.hints)
            assert [one.tenant for one in raised.value.rows] == [""]
    assert len(hints) >= 3
    assert {(one.tenant, one.row) for one in hints if one.account_id == NEW} == {("", 2)}
    assert secret not in repr(hints)


def test_a_hint_names_the_row_that_was_stored(call: Call, kit: Kit, tmp_path: Path) -> None:
    rows = table(tmp_path, f"new,{NEW},'{TOKEN}',\n" + f"new,{NEW},{TOKEN},\n" * 2)
    told = call("account", "import", rows)
    assert told.code == Exit.USAGE
    assert f"look again: row 2: {NEW} of new: there are quotes" in told.err


def test_many_rows_that_look_alike_are_told_by_kind(call: Call, kit: Kit, tmp_path: Path) -> None:
    rows = table(tmp_path, "".join(f"new,{account(n)},'{TOKEN}{n}',\n" for n in range(1, 120)))
    told = call("account", "import", rows)
    assert told.err.count("look again: ") == 10
    assert "    and 109 more: there are quotes around it" in told.err


def test_many_rows_that_cannot_be_are_told_by_kind_with_the_way_out(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    rows = table(tmp_path, "".join(f"many,{account(n)},{TOKEN}{n},\n" for n in range(120)))
    assert call("account", "import", rows).code == 0
    rows.write_text(rows.read_text() + f"many,bad,{TOKEN},\n")
    told = call("account", "import", rows)
    assert told.code == Exit.USAGE
    assert told.err.count("the vault has a credential for it") == 11
    assert "    and 110 more: the vault has a credential for it" in told.err
    assert "row 122: " in told.err, "another kind is told, too"
    assert told.err.splitlines()[-1].startswith("tracevault: --rotate keeps a credential")
    lines = call("account", "import", rows, "--json").err.splitlines()
    assert sum("error" in json.loads(line) for line in lines) == 121


def test_a_table_that_is_read_as_json_lines_is_told_so(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    rows = table(tmp_path, f"new,{NEW},{TOKEN},\n")
    told = call("account", "import", rows, "--as", "jsonl")
    assert told.code == Exit.USAGE
    assert "no row is JSON: --as csv reads a table" in told.err
    lines = tmp_path / "rows.txt"
    lines.touch(mode=0o600)
    lines.write_text(json.dumps({"tenant": "new", "account_id": NEW, "token": TOKEN}))
    told = call("account", "import", lines)
    assert told.code == Exit.USAGE
    assert "it is JSON lines, as it seems: --as jsonl" in told.err
    assert TOKEN not in told.err


def test_a_replacement_leaves_no_credential_that_was_there(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    for token, way in ((TOKEN + "2", "--rotate"), (TOKEN + "3", "--replace")):
        rows = table(tmp_path, f"acme,{ACME},{token},\n")
        assert call("account", "import", rows, way).code == 0
    place = ("--tenant", "acme", "--account", ACME)
    states = [row["state"] for row in call("account", "list", *place, "--json").rows]
    assert states == ["active"]


def test_an_origin_that_is_asked_for_counts_in_a_rotation(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    place = ("--tenant", "acme", "--account", ACME)
    rows = table(tmp_path, f"acme,{ACME},{TOKEN}2,\n")
    assert call("account", "import", rows, "--rotate", "--origin", "https://gw.example").code == 0
    active, retiring = call("account", "list", *place, "--json").rows
    assert (active["origin"], retiring["origin"]) == ("https://gw.example", kit.server.origin)
    rows = table(tmp_path, f"acme,{ACME},{TOKEN}3,\nnew,{NEW},{TOKEN}4,\n")
    assert call("account", "import", rows, "--rotate").code == 0
    kept = {row["fingerprint"]: row for row in call("account", "list", "--json").rows}
    found = [r["origin"] for r in kept.values() if r["account_id"] in (ACME, NEW)]
    assert sorted(found) == sorted(["https://gw.example"] * 2 + [kit.server.origin])


@pytest.mark.parametrize("secret", [SWAPPED[0], SWAPPED[1]])
def test_a_secret_that_is_stored_as_a_tenant_is_not_shown_when_it_is_met_again(
    call: Call, kit: Kit, tmp_path: Path, secret: str
) -> None:
    rows = table(tmp_path, f"{secret},{NEW},{TOKEN},\n")
    assert call("account", "import", rows).code == 0
    for number, more in enumerate((("--dry-run",), (), ("--json",))):
        rows.write_text(rows.read_text().replace(TOKEN, f"{TOKEN}{number}"))
        told = call("account", "import", rows, "--rotate", *more)
        assert told.code == 0, told.err
        assert secret not in told.out + told.err
        if more != ("--json",):
            assert f"    {NEW} {'would be' if more else 'is'} rotated\n" in told.err
    met = [{"tenant": None, "account_id": NEW}]
    assert (told.rows[0]["rotated"], told.rows[0]["retiring_removed"]) == (met, met)
    assert secret not in call("account", "import", rows, "--replace").err


def test_a_long_name_of_a_tenant_is_shown_when_it_is_met_again(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    tenant = str(uuid.UUID(int=7))
    rows = table(tmp_path, f"{tenant},{NEW},{TOKEN},\n")
    assert call("account", "import", rows).code == 0
    told = call("account", "import", rows, "--replace", "--dry-run", "--json")
    assert told.rows[0]["replaced"] == [{"tenant": tenant, "account_id": NEW}]


@pytest.mark.parametrize("secret", [SWAPPED[0], SWAPPED[1]])
def test_a_secret_as_the_tenant_of_an_account_is_told(call: Call, kit: Kit, secret: str) -> None:
    words = ("account", "add", "--account", NEW, "--token-file", "token.txt")
    file = kit.vault.parent / "token.txt"
    file.touch(mode=0o600)
    file.write_text(TOKEN)
    told = call(*words, "--tenant", secret)
    assert told.code == 0, told.err
    assert "look again: the tenant looks like a token, and a tenant's name is shown" in told.err
    assert secret not in told.out + told.err
    told = call(*words, "--tenant", f"{secret}1", "--json")
    (line,) = told.err.splitlines()
    assert json.loads(line)["note"]["code"] == "tenant_looks_like_token"
