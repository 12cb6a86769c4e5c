"""The list of a batch: no line is asked of another tenant or account than the one it names."""

from __future__ import annotations

import json

import pytest

import tracevault as tv
from tests.cli.conftest import TOKEN, Call, Kit
from tests.conftest import ACME
from tracevault.cli.batch_input import Asked, read
from tracevault.cli.exits import Exit
from tracevault.cli.failures import Usage

REF = "4jXtPB72Kpz7S8D"
OTHER = "4jXtPC0RYCz7S6r"
ROW = f'{{"message_ref":"{REF}","tenant":"globex","account_id":"{ACME}"}}'
INVISIBLE = ("\ufeff", "\u200b", "\u2060", " \ufeff\t", "\x00", "\u00a0")


def only(text: str) -> Asked:
    """The line behind the first of this list, which is one of plain references."""
    first, *rest = read(f"{OTHER}\n{text}\n", "list.txt")
    assert first.message_ref == OTHER
    (found,) = rest
    return found


@pytest.mark.parametrize("sign", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("first", [f"{OTHER}\n", ""], ids=["reference first", "JSON first"])
def test_json_behind_invisible_signs_keeps_its_tenant(first: str, sign: str) -> None:
    *_, told = read(first + sign + ROW, "list.txt")
    assert (told.message_ref, told.tenant, told.account_id) == (REF, "globex", ACME)


@pytest.mark.parametrize(
    "line",
    [
        f"[{ROW}]",
        f"\ufeff[{ROW}]",
        f'["{REF}"]',
        f'[ "{REF}", "globex"]',
        "[1, 2]",
        "[]",
        f"data: {ROW}",
        f"data: [{ROW}]",
        f'ssage_ref":"{REF}","tenant":"globex"}}',
        f'  , "message_ref" : "{REF}", "tenant": null',
        f"{{'message_ref' : '{REF}', 'tenant': 'globex'}}",
        f'{{ message_ref: "{REF}", "tenant": 1',
        f"'{ROW}'",
        json.dumps(ROW),
        f"\ufe0f{ROW}",
        f"\u3164[{ROW}]",
        f"{{ {ROW}",
        f'  "message_ref": "{REF}",',
        f'"{REF}": {{',
    ],
    ids=ascii,
)
def test_no_reference_is_taken_out_of_json_that_is_no_line_of_it(line: str) -> None:
    told = only(line)
    assert told.message_ref == ""
    assert told.error is not None
    assert "line 2 of list.txt" in told.error.message
    assert "one object a line" in told.error.message


LOG = (
    f"[2026-11-30T10:00:00Z] mx postfix/qmgr[14956]: {REF}: from=<a@x.example>, size=1, nrcpt=1",
    f"[{REF}]",
    f"Nov 30 10:00:00 mx postfix/smtp[5]: {REF}: to=<b@x.example>, status=deferred (host said: "
    '550 5.1.1 "User unknown": try again)',
    f"Nov 30 10:00:00 mx postfix/cleanup[5]: {REF}: warning: header Subject: 'Invoice': overdue",
    f"[mx] [5] {REF}",
)


@pytest.mark.parametrize("line", LOG)
def test_brackets_and_quotes_of_a_log_are_no_json(line: str) -> None:
    told = only(line)
    assert (told.message_ref, told.error) == (REF, None)
    (told,) = read(f"{line}\n", "list.txt")
    assert (told.message_ref, told.error) == (REF, None)


SPELLED = ("Tenant", "TENANT", "tenant ", "Account", "Account-ID", "accountId")


@pytest.mark.parametrize("inside", [False, True], ids=["line", "of a message"])
@pytest.mark.parametrize("name", SPELLED)
def test_a_member_in_another_spelling_says_whom_a_line_asks(name: str, inside: bool) -> None:
    row = {"message": {"Message_Ref": REF}} if inside else {"MessageRef": REF}
    (told,) = read(json.dumps({**row, name: "globex"}), "list.jsonl")
    assert (told.message_ref, told.error) == (REF, None)
    assert (told.tenant if "enant" in name.lower() else told.account_id) == "globex"
    (told,) = read(json.dumps({**row, name: 5}), "list.jsonl")
    assert told.error is not None


@pytest.mark.parametrize(
    "row",
    [
        f'{{"AlertID":"{REF}","alert_id":"{REF}","tenant":"acme"}}',
        f'{{"message_ref":"{REF}","tenant":"acme","Tenant":null}}',
        f'{{"message_ref":"{REF}","tenant":"acme","tenant_2":"globex"}}',
    ],
)
def test_a_member_that_says_the_same_twice_is_none_that_comes_twice(row: str) -> None:
    (told,) = read(row, "list.jsonl")
    assert (told.message_ref, told.tenant, told.error) == (REF, "acme", None)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (f'{{"message_ref":"{REF}","tenant":"acme","Tenant":"globex"}}', "tenant"),
        (f'{{"message_ref":"{REF}","tenant":"acme","tenant":"globex"}}', "tenant"),
        (f'{{"message_ref":"{REF}","message-ref":"{OTHER}"}}', "message_ref"),
        (f'{{"message":{{"message_ref":"{REF}","MessageRef":"{OTHER}"}}}}', "message_ref"),
        (f'{{"message_ref":"{REF}","account_id":"x","accountID":"y"}}', "account_id"),
    ],
)
def test_a_member_that_comes_twice_is_an_error_of_its_line(row: str, name: str) -> None:
    for told in (only(row), read(f"\n{row}", "list.txt")[0]):
        assert told.error is not None
        assert told.error.message == f"line 2 of list.txt has members twice: {name}"
        assert told.message_ref == ""


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"Tenant": "globex"}, "the line names another tenant than"),
        ({"tenant": "acme", "TENANT": "globex"}, "the line has tenant twice"),
        ({"Account-ID": "ab" * 16}, "the line names another account than"),
        ({"AccountID": 5}, "account_id is no text"),
    ],
    ids=str,
)
def test_filter_passes_over_no_spelling_of_a_tenant_or_account(
    call: Call, kit: Kit, members: dict[str, object], said: str
) -> None:
    kit.server.reset()
    sent = json.dumps({"message_ref": REF, **members})
    told = call("filter", "--tenant", "acme", "--account", ACME, stdin=sent)
    assert told.rows[0]["tracevault"]["error"]["message"].startswith(said)
    assert kit.server.requests() == []


@pytest.mark.parametrize("first", ["", "\ufeff", "# mine\n\n"], ids=ascii)
def test_a_list_that_is_an_array_is_refused_with_what_to_do(first: str) -> None:
    for array in (f"[{ROW}]", f"[\n  {ROW}\n]", "[]"):
        with pytest.raises(Usage, match=r"array.*one object a line.*jq -c '\.\[\]'"):
            read(first + array, "list.json")


@pytest.mark.parametrize("value", [5, ["globex"], {"name": "globex"}, True], ids=str)
@pytest.mark.parametrize("name", ["tenant", "account_id", "account"])
@pytest.mark.parametrize("inside", [False, True], ids=["line", "of a message"])
def test_a_tenant_or_account_that_is_no_text_is_an_error_of_its_line(
    name: str, value: object, inside: bool
) -> None:
    row = {"message": {"message_ref": REF}} if inside else {"message_ref": REF}
    (told,) = read(json.dumps({**row, name: value}), "list.jsonl")
    assert told.error is not None
    assert told.error.message == f"line 1 of list.jsonl: {name} is no text"
    assert told.message_ref == ""
    (told,) = read(json.dumps({**row, name: None}), "list.jsonl")
    assert (told.message_ref, told.error) == (REF, None)


@pytest.mark.parametrize("sign", "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e", ids=ascii)
def test_no_sign_of_a_subject_begins_a_line(sign: str) -> None:
    row = json.dumps({"message_ref": REF, "tenant": "globex", "subject": f"x{sign}{OTHER}"},
                     ensure_ascii=False)  # fmt: skip
    told = only(row)
    assert (told.message_ref, told.tenant) == (REF, "globex")
    told = only(f"{REF}{sign}{OTHER}")
    assert told.error is not None
    table = f"message_ref,tenant,subject\n{REF},globex,x{sign}{OTHER}\n"
    (told,) = read(table, "list.csv")
    assert (told.line, told.message_ref, told.tenant) == (2, REF, "globex")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=ascii)
def test_a_line_ends_as_in_any_file(end: str) -> None:
    told = read(end.join([REF, "", OTHER, ROW]), "list.txt")
    assert [(one.line, one.message_ref) for one in told] == [(1, REF), (3, OTHER), (4, REF)]
    told = read(end.join([ROW, "", ROW]), "list.jsonl")
    assert [(one.line, one.message_ref) for one in told] == [(1, REF), (3, REF)]
    told = read(end.join(["message_ref,tenant", "", f"{REF},acme"]), "list.csv")
    assert [(one.line, one.message_ref) for one in told] == [(3, REF)]


@pytest.mark.parametrize(
    "heading", ["message_ref,tenant,tenant", "message_ref,tenant,Tenant ", "account,message_ref,x,"
                "ACCOUNT", "message_ref,Message-Ref,tenant"],
)  # fmt: skip
def test_a_heading_with_a_column_twice_is_refused(heading: str) -> None:
    with pytest.raises(Usage, match=r"line 1 of list\.csv has columns twice: "):
        read(f"{heading}\n{REF},acme,globex,x\n", "list.csv")
    assert read(f"message_ref,x,x,,\n{REF},1,2,,\n", "list.csv")[0].error is None


def test_no_such_line_is_asked_of_the_tenant_of_the_call(call: Call, kit: Kit) -> None:
    account = next(one.id for one in kit.server.accounts if one.tenant == "initech")
    lines = [
        f"\ufeff{ROW}",
        f"[{ROW}]",
        json.dumps({"message_ref": REF, "tenant": 5}),
        json.dumps({"message_ref": REF, "account_id": 7}),
        json.dumps({"message_ref": REF, "tenant": ["globex"]}),
    ]
    kit.server.reset()
    told = call("batch", "--tenant", "initech", "--account", account, "--json",
                stdin="\n".join([lines[0], *lines]))  # fmt: skip
    assert told.code == Exit.USAGE, told.err
    assert kit.server.requests() == []
    told = call("batch", "--tenant", "initech", "--account", account, "--json", stdin=lines[1])
    assert told.code == Exit.USAGE
    assert kit.server.requests() == []


@pytest.mark.parametrize("value", [5, ["globex"], {"name": "globex"}, True, 0], ids=str)
@pytest.mark.parametrize("name", ["tenant", "account_id"])
def test_filter_does_not_pass_over_a_tenant_or_account_that_is_no_text(
    call: Call, kit: Kit, name: str, value: object
) -> None:
    kit.server.reset()
    sent = json.dumps({"message_ref": REF, name: value})
    told = call("filter", "--tenant", "acme", "--account", ACME, stdin=sent)
    (row,) = told.rows
    error = row["tracevault"]["error"]
    assert (error["message"], error["exit"]) == (f"{name} is no text", Exit.USAGE)
    assert kit.server.requests() == []
    dotted = json.dumps({"message_ref": REF, "where": {"it": value}})
    told = call("filter", "--tenant", "acme", "--account", ACME,
                f"--{name.removesuffix('_id')}-field", "where.it", stdin=dotted)  # fmt: skip
    assert told.rows[0]["tracevault"]["error"]["message"] == "where.it is no text"
    assert kit.server.requests() == []
    sent = json.dumps({"message_ref": REF, name: None})
    told = call("filter", "--tenant", "acme", "--account", ACME, stdin=sent)
    assert told.rows[0]["tracevault"]["trace"]["message_ref"] == REF


@pytest.fixture
def twice(kit: Kit) -> Kit:
    """A vault in which two tenants of three have one account."""
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        token = tv.ApiToken(bytearray(TOKEN.encode()))
        edit.put("beside", ACME, token, origin=kit.server.origin, label="Beside")
    return kit


def test_a_line_with_the_account_of_several_tenants_is_asked_for_its_tenant(
    call: Call, twice: Kit
) -> None:
    sent = json.dumps({"message_ref": REF, "account_id": ACME})
    for verb in ("filter", "batch"):
        told = call(verb, "--account", ACME, "--json", stdin=sent)
        assert "2 tenants have this account: give the tenant beside it" in told.out + told.err
    told = call("filter", "--account", ACME, "--tenant", "acme", stdin=sent)
    assert told.rows[0]["tracevault"]["trace"]["message_ref"] == REF
    sent = json.dumps({"message_ref": REF, "account_id": "beside"})
    told = call("filter", "--account", ACME, stdin=sent)
    assert told.rows[0]["tracevault"].get("trace"), told.out


def test_an_account_of_several_tenants_names_those_that_have_it(call: Call, twice: Kit) -> None:
    told = call("trace", "--account", ACME, REF)
    assert told.code == Exit.NOT_FOUND
    said = "2 tenants have this account (acme, beside): name one with --tenant"
    assert said in told.err
    told = call("filter", "--account", ACME, stdin=json.dumps({"message_ref": REF}))
    assert said in told.out


SECRET = "cfut_notARealSecretNotARealSecretNotARealSe0"  # noqa: S105


@pytest.mark.parametrize("members", [{}, {"account_id": ACME}, {"account_id": SECRET}], ids=str)
def test_a_tenant_that_the_vault_does_not_hold_is_not_shown(
    call: Call, kit: Kit, members: dict[str, str]
) -> None:
    sent = json.dumps({"message_ref": REF, "tenant": SECRET, **members})
    told = call("filter", stdin=sent)
    error = told.rows[0].pop("tracevault")["error"]
    assert SECRET not in json.dumps(error)
    assert "which is not shown: it may be a secret" in error["message"]
    for row in (sent, json.dumps({"message_ref": "not one", "tenant": SECRET, **members})):
        for more in ((), ("--json",)):
            told = call("batch", *more, stdin=row)
            assert told.code != 0
            assert SECRET not in told.out + told.err


def test_what_can_be_no_tenants_name_is_not_shown_either(call: Call, kit: Kit) -> None:
    sent = json.dumps({"message_ref": REF, "tenant": SECRET * 5})
    for verb in ("filter", "batch"):
        told = call(verb, "--json", stdin=sent)
        row = (
            told.rows[0].pop("tracevault")
            if verb == "filter"
            else json.loads(told.err.splitlines()[0])
        )
        assert SECRET not in json.dumps(row)


def test_lines_that_are_refused_list_the_accounts_of_the_vault_once(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[tv.Vault] = []
    accounts = tv.Vault.accounts

    def counted(vault: tv.Vault) -> list[tv.Account]:
        listed.append(vault)
        return accounts(vault)

    monkeypatch.setattr(tv.Vault, "accounts", counted)
    rows = [json.dumps({"message_ref": "not one", "tenant": f"t{n}"}) for n in range(9)]
    rows += [json.dumps({"message_ref": REF, "tenant": f"t{n}"}) for n in range(9)]
    assert call("batch", stdin="\n".join(rows)).code == Exit.SOME
    assert len(listed) <= 2
    del listed[:]
    assert len(call("filter", stdin="\n".join(rows[9:])).rows) == 9
    assert len(listed) <= 2
