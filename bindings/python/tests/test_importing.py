"""Credentials from CSV and JSON lines, and rotations: all rows or none, errors that name them."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracevault as tv

ONE, TWO = "a" * 32, "b" * 32
TOKEN = "test-token-not-real-000000000000"  # noqa: S105 - of nobody
#: Where frames of ours come from; the folder of a checkout may have any name.
PACKAGE = str(Path(tv.__file__).parent)
TABLE = f"""tenant,account_id,token,label,budget_group,expires
acme,{ONE},{TOKEN}1,"Acme, Europe",one user,2099-12-31T00:00:00Z
globex,{TWO},{TOKEN}2,,,
"""


@pytest.fixture
def vault() -> Iterator[tv.Vault]:
    with tv.Vault.in_memory() as made:
        yield made


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "tokens"
    path.touch(mode=0o600)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_progress_of_an_import_is_told(vault: tv.Vault, tmp_path: Path) -> None:
    counts: list[int] = []
    with vault.edit() as edit:
        count = edit.import_csv(written(tmp_path, TABLE), progress=counts.append)
    assert counts == list(range(1, count + 1))
    assert count > 1


def test_what_unicode_calls_the_end_of_a_line_ends_no_row(vault: tv.Vault, tmp_path: Path) -> None:
    label = "a\u2028b"
    row = {"tenant": "new", "token": "test-token-not-real", "label": label}
    table = f"tenant,account_id,token,label\nnew,{'ab' * 16},test-token-not-real,{label}\n"
    lines = json.dumps({**row, "account_id": "cd" * 16}, ensure_ascii=False) + "\n"
    with vault.edit() as edit:
        assert edit.import_csv(written(tmp_path, table)) == 1
        assert edit.import_json_lines(written(tmp_path, lines)) == 1
    assert [one.label for one in vault.accounts()] == [label] * 2


def imported(vault: tv.Vault, path: Path, **options: bool) -> int:
    with vault.edit() as edit:
        return edit.import_csv(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        TABLE.replace("\n", "\r\n").encode("utf-8-sig"),
        TABLE.replace('"Acme, Europe"', "#")
        .replace(",", ";")
        .replace("#", "Acme, Europe")
        .encode(),
        ("sep=,\r\n" + TABLE).encode(),
        TABLE.replace("account_id", "Account ID").replace("tenant", " Tenant ").encode(),
        (TABLE + ",,,,,\n\n").encode(),
    ],
    ids=["plain", "bom", "utf16", "crlf", "semicolons", "sep", "headings", "empty rows"],
)
def test_a_table_is_stored_however_a_spreadsheet_saves_it(
    vault: tv.Vault, tmp_path: Path, content: bytes
) -> None:
    assert imported(vault, written(tmp_path, content)) == 2
    first, second = vault.accounts()
    assert (first.tenant, first.account_id, first.label) == ("acme", ONE, "Acme, Europe")
    assert (first.budget_group, first.expires_text) == ("one user", "2099-12-31T00:00:00.000Z")
    assert (second.tenant, second.account_id, second.label) == ("globex", TWO, "")


def test_json_lines_are_stored_as_a_table_is(vault: tv.Vault, tmp_path: Path) -> None:
    rows = [
        {"tenant": "acme", "account_id": ONE, "token": TOKEN, "label": "Acme"},
        {"tenant": "acme", "account_id": TWO, "email": "a@b.example", "key": "0" * 37},
    ]
    text = "\n".join(map(json.dumps, rows)) + "\n\n"
    with vault.edit() as edit:
        assert edit.import_json_lines(written(tmp_path, text.encode("utf-8-sig"))) == 2
    assert [(one.kind, one.label, one.email) for one in vault.accounts()] == [
        ("api_token", "Acme", None),
        ("global_key", "", "a@b.example"),
    ]


def test_every_bad_row_is_named_with_tenant_and_account_and_nothing_is_stored(
    vault: tv.Vault, tmp_path: Path
) -> None:
    table = TABLE + (
        f"acme,not-an-account,{TOKEN},,,\n"
        f"acme,{ONE},{TOKEN},,,\n"
        f",{TWO},{TOKEN},,,\n"
        f"acme,{TWO},,,,\n"
        f"acme,{TWO[1:]}c,{TOKEN},,,2026-99-99\n"
        f"acme,{TWO[1:]}d,{TOKEN},,,,,\n"
    )
    with pytest.raises(tv.ImportRowsError) as caught:
        imported(vault, written(tmp_path, table))
    assert [(bad.row, bad.tenant, bad.account_id) for bad in caught.value.rows] == [
        # What is no account id may be anything, a secret among it.
        (4, "acme", ""),
        (5, "acme", ONE),
        (6, "", TWO),
        (7, "acme", TWO),
        (8, "acme", TWO[1:] + "c"),
        (9, "acme", TWO[1:] + "d"),
    ]
    words = ("hexadecimal", "row 2", "no tenant", "token", "", "8 cells")
    for bad, word in zip(caught.value.rows, words, strict=True):
        assert word in bad.reason
    assert "row 4 ('acme')" in str(caught.value)
    assert vault.accounts() == []


#: As Cloudflare makes them, and as nobody's.
SECRETS = {
    "token": "test_token-not-real_0123456789abcdefGHIJ",
    "key": "0badc0de" * 4 + "0badc",
}
COLUMNS = [
    "tenant",
    "account_id",
    "email",
    "label",
    "origin",
    "budget_group",
    "not_before",
    "expires",
]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_secret_in_another_column_is_not_told(
    vault: tv.Vault, tmp_path: Path, kind: str, column: str, form: str
) -> None:
    row = {"tenant": "acme", "account_id": ONE, kind: SECRETS[kind]}
    if kind == "key":
        row["email"] = "a@b.example"
    # The two columns have each other's values.
    row[column], row[kind] = row[kind], row.get(column, "x")
    # And something that is refused in any case.
    bad = {**row, "not_before" if column == "expires" else "expires": "soon"}
    if form == "csv":
        lines = [",".join(bad), ",".join(bad.values())]
        path = written(tmp_path, "\n".join(lines) + "\n")
    else:
        path = written(tmp_path, json.dumps(bad) + "\n")
    with pytest.raises(tv.ImportRowsError) as caught, vault.edit() as edit:
        (edit.import_csv if form == "csv" else edit.import_json_lines)(path)
    for told in (str(caught.value), repr(caught.value.rows), repr(caught.value.to_dict())):
        assert SECRETS[kind] not in told


@pytest.mark.parametrize("form", ["Bearer {}", "'{}'", "<{}>", " {}.x"])
def test_a_secret_in_the_tenants_column_is_not_told_whatever_stands_around_it(
    vault: tv.Vault, tmp_path: Path, form: str
) -> None:
    bad = {"tenant": form.format(TOKEN), "account_id": ONE, "token": "x", "expires": "soon"}
    path = written(tmp_path, json.dumps(bad) + "\n")
    with pytest.raises(tv.ImportRowsError) as caught, vault.edit() as edit:
        edit.import_json_lines(path)
    for told in (str(caught.value), repr(caught.value.rows), repr(caught.value.to_dict())):
        assert TOKEN not in told


@pytest.mark.parametrize("secret", SECRETS.values())
def test_a_secret_in_the_place_of_an_account_id_is_not_told(vault: tv.Vault, secret: str) -> None:
    def put(edit: tv.Edit) -> None:
        edit.put("acme", secret, tv.ApiToken("x"))

    for call in (
        put,
        lambda edit: edit.set("acme", secret, label="x"),
        lambda edit: edit.remove("acme", secret),
        lambda edit: edit.retire("acme", secret),
    ):
        with pytest.raises(tv.TraceVaultError) as caught, vault.edit() as edit:
            call(edit)
        assert secret not in str(caught.value) + repr(caught.value.to_dict())
        assert caught.value.account_id == ""


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ("", "empty"),
        (TABLE.replace("token", "secret"), "columns nobody knows"),
        (TABLE.replace("account_id", "label", 1), "lacks"),
        (TABLE.partition("\n")[2], "columns nobody knows"),
        (b"tenant,account_id,token\nacme," + ONE.encode() + b",\xff\xfe" + TOKEN.encode(), "UTF-8"),
        (TABLE + f'acme,{TWO},"{TOKEN}\n', "no row of a table"),
    ],
    ids=["empty", "column", "missing", "no headings", "latin", "quote"],
)
def test_a_file_that_is_no_table_is_refused_and_no_secret_is_told(
    vault: tv.Vault, tmp_path: Path, table: str | bytes, word: str
) -> None:
    with pytest.raises(tv.ArgumentError, match=word) as caught:
        imported(vault, written(tmp_path, table))
    assert TOKEN not in str(caught.value)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [str(frame.locals) for frame in told.stack if "src/tracevault/" in frame.filename]
    assert [variables for variables in ours if TOKEN in variables] == []
    chained = caught.value.__context__
    assert chained is None or TOKEN not in repr(chained.args)
    assert vault.accounts() == []


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('{"tenant": "acme", "token": "' + TOKEN, "no JSON at column"),
        ('["' + TOKEN + '"]', "no JSON object"),
        ('{"tenant": "acme", "secret": "' + TOKEN + '"}', "names nobody knows"),
        ('{"tenant": "acme", "account_id": 5, "token": "' + TOKEN + '"}', "not text: account_id"),
        ("[" * 100_000, "no"),
    ],
)
def test_a_line_that_is_no_account_is_named_by_its_number(
    vault: tv.Vault, tmp_path: Path, line: str, word: str
) -> None:
    with pytest.raises(tv.ImportRowsError, match=word) as caught, vault.edit() as edit:
        edit.import_json_lines(written(tmp_path, "\n" + line))
    assert [bad.row for bad in caught.value.rows] == [2]
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert not [f for f in told.stack if f.filename.startswith(PACKAGE) and TOKEN in str(f.locals)]
    assert TOKEN not in str(caught.value)


def test_a_missing_file_is_a_file_not_found_error(vault: tv.Vault, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        imported(vault, missing)
    with pytest.raises(FileNotFoundError, match="nowhere") as caught:
        tv.KeyFile(missing)
    assert (caught.value.filename, type(caught.value)) == (str(missing), tv.KeyFileMissingError)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tv.Vault.open(missing, tv.RawKey(bytes(range(32))))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tv.RawKey.from_file(missing)


def test_a_key_file_that_is_refused_is_named(tmp_path: Path) -> None:
    path = tmp_path / "soc.key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o644)
    with pytest.raises(tv.VaultError, match=r"chmod 0400.*soc\.key"):
        tv.KeyFile(path)


def test_a_heading_that_nobody_knows_is_told_by_its_place_and_the_name_it_is_like(
    vault: tv.Vault, tmp_path: Path
) -> None:
    table = TABLE.replace("account_id", "acount_id").replace("label", TOKEN)
    with pytest.raises(tv.ArgumentError) as caught:
        imported(vault, written(tmp_path, table))
    assert "columns nobody knows: 2 (did you mean account_id?), 4" in str(caught.value)
    assert TOKEN not in str(caught.value)
    line = json.dumps({"tenant": "acme", "acount_id": ONE, TOKEN: TOKEN})
    with pytest.raises(tv.ImportRowsError) as refused, vault.edit() as edit:
        edit.import_json_lines(written(tmp_path, line))
    assert "names nobody knows: 2 (did you mean account_id?), 3" in str(refused.value)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("time", ["31.12.2027", "2027-13-01", "soon"])
def test_a_time_that_is_none_is_told_with_all_that_is_one(
    vault: tv.Vault, tmp_path: Path, time: str
) -> None:
    table = f"tenant,account_id,token,expires\nacme,{ONE},{TOKEN},{time}\n"
    with pytest.raises(tv.ImportRowsError) as caught:
        imported(vault, written(tmp_path, table))
    said = "expires must be a date such as 2027-01-31, a time such as 2027-01-31T00:00:00Z"
    assert said in str(caught.value)
    assert "or a duration from now on such as 90d" in str(caught.value)


# ---- Rotations ---------------------------------------------------------------------------------


def test_a_rotation_keeps_label_group_and_origin_and_the_old_token_as_the_retiring_one(
    vault: tv.Vault, tmp_path: Path
) -> None:
    with vault.edit() as edit:
        edit.put(
            "acme",
            ONE,
            tv.ApiToken(TOKEN + "1"),
            label="Acme Europe",
            origin="https://gateway.example",
            budget_group="one user",
            expires="2027-01-01T00:00:00Z",
        )
    with vault.edit() as edit:
        edit.rotate("acme", ONE, tv.ApiToken(TOKEN + "2"), expires="2028-01-01T00:00:00Z")
    active, retiring = vault.accounts()
    kept = ("Acme Europe", "https://gateway.example", "one user")
    assert (active.label, active.origin, active.budget_group) == kept
    assert (active.state, retiring.state) == ("active", "retiring")
    assert active.expires_text == "2028-01-01T00:00:00.000Z"
    assert active.fingerprint != retiring.fingerprint
    with vault.edit() as edit:  # what the same edit has set counts
        edit.set("acme", ONE, label="Acme EU")
        edit.rotate("acme", ONE, tv.ApiToken(TOKEN + "3"))
    assert [one.label for one in vault.accounts() if one.state == "active"] == ["Acme EU"]
    table = f"tenant,account_id,token,label\nacme,{ONE},{TOKEN}4,\nacme,{TWO},{TOKEN}5,New\n"
    assert imported(vault, written(tmp_path, table), rotate=True) == 2
    found = [(one.account_id, one.label, one.state, one.origin) for one in vault.accounts()]
    assert found == [
        (ONE, "Acme EU", "active", "https://gateway.example"),
        (ONE, "Acme EU", "retiring", "https://gateway.example"),
        (TWO, "New", "active", "https://api.cloudflare.com"),
    ]


def test_a_rotation_that_is_done_twice_keeps_the_way_back(vault: tv.Vault, tmp_path: Path) -> None:
    with vault.edit() as edit:
        edit.put("acme", ONE, tv.ApiToken(TOKEN + "old"), label="Acme Europe")
        edit.put("acme", TWO, tv.GlobalKey("one@acme.example", "a" * 37))
    table = written(tmp_path, f"tenant,account_id,token,label\nacme,{ONE},{TOKEN}new,\n")
    assert imported(vault, table, rotate=True) == 1
    once = vault.accounts()
    table = written(tmp_path, f"tenant,account_id,token,label\nacme,{ONE},{TOKEN}new,Acme EU\n")
    assert imported(vault, table, rotate=True) == 1
    twice = vault.accounts()
    assert [one.fingerprint for one in twice] == [one.fingerprint for one in once]
    assert [one.state for one in twice] == ["active", "retiring", "active"]
    assert [one.label for one in twice[:2]] == ["Acme EU", "Acme Europe"]
    for _ in range(2):  # where nothing was retiring, the same one is: `remove_retiring` finds it
        with vault.edit() as edit:
            edit.rotate("acme", TWO, tv.GlobalKey("one@acme.example", "a" * 37))
            edit.remove_retiring("acme", TWO)
    assert [one.state for one in vault.accounts()] == ["active", "retiring", "active"]
    with vault.edit() as edit:
        edit.rotate("acme", ONE, tv.ApiToken(TOKEN + "newer"))
    found = {one.state: one.fingerprint for one in vault.accounts() if one.account_id == ONE}
    assert found["retiring"] == once[0].fingerprint
    assert found["active"] not in (once[0].fingerprint, once[1].fingerprint)
    vault.verify()


@pytest.mark.parametrize("retiring", [False, True])
def test_a_rotation_to_the_secret_that_is_there_changes_nothing(
    vault: tv.Vault, tmp_path: Path, retiring: bool
) -> None:
    with vault.edit() as edit:
        edit.put("acme", ONE, tv.ApiToken(TOKEN + "0"), label="Acme")
    if retiring:
        with vault.edit() as edit:
            edit.rotate("acme", ONE, tv.ApiToken(TOKEN + "1"))
    with vault.edit() as edit:
        edit.set("acme", ONE, not_before="2020-01-01T00:00:00Z", expires="2099-01-01T00:00:00Z")
    before = [vars_of(one) for one in vault.accounts()]
    secret = TOKEN + ("1" if retiring else "0")
    with vault.edit() as edit:
        edit.rotate("acme", ONE, tv.ApiToken(secret))
    assert [vars_of(one) for one in vault.accounts()] == before
    table = f"tenant,account_id,token\nacme,{ONE},{secret}\n"
    assert imported(vault, written(tmp_path, table), rotate=True) == 1
    assert [vars_of(one) for one in vault.accounts()] == before
    with vault.edit() as edit:  # an end that is given counts
        edit.rotate("acme", ONE, tv.ApiToken(secret), expires="2098-01-01T00:00:00Z")
    assert len(vault.accounts()) == len(before)
    assert vault.accounts()[0].expires_text == "2098-01-01T00:00:00.000Z"
    assert vault.accounts()[0].not_before_text == "2020-01-01T00:00:00.000Z"


def vars_of(account: tv.Account) -> dict[str, object]:
    """All of it but when it was put."""
    return {**account.to_dict(), "created": None}


def test_a_rotation_of_an_account_that_is_not_there_names_it(vault: tv.Vault) -> None:
    with vault.edit() as edit:
        edit.put("acme", ONE, tv.ApiToken(TOKEN))
    with pytest.raises(tv.NotFoundError, match=f"acme.*{TWO}"), vault.edit() as edit:
        edit.rotate("acme", TWO, tv.ApiToken(TOKEN))
    with pytest.raises(tv.NotFoundError, match="globex"), vault.edit() as edit:
        edit.rotate("globex", TWO, tv.ApiToken(TOKEN))


def test_a_vault_lists_its_tenants(vault: tv.Vault) -> None:
    with vault.edit() as edit:
        for name in ("globex", "acme"):
            edit.put(name, ONE, tv.ApiToken(TOKEN))
            edit.put(name, TWO, tv.ApiToken(TOKEN))
    assert [tenant.name for tenant in vault.tenants()] == ["acme", "globex"]
    assert [len(tenant.accounts()) for tenant in vault.tenants()] == [2, 2]
