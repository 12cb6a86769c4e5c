"""One verb's lines are another one's list: ``hunt --json | batch``, through real pipes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Done, Kit, command
from tests.conftest import ACME
from tracevault.cli.exits import Exit

REF = "4jXtPB72Kpz7S8D"
SEARCH = ("search", "--tenant", "acme", "--account", ACME, "--json", "--start", "2026-01-01")


@pytest.fixture
def sender(kit: Kit) -> str:
    return str(kit.server.mail_of(ACME)[0].item["from"])


def piped(
    first: tuple[str, ...], second: tuple[str, ...], environment: dict[str, str], folder: Path
) -> tuple[Done, Done]:
    """``first | second``, as a shell runs it."""
    pipe = subprocess.PIPE
    one = subprocess.Popen(command(*first), env=environment, cwd=folder, stdout=pipe, stderr=pipe)
    assert one.stdout is not None
    two = subprocess.run(command(*second), env=environment, cwd=folder, stdin=one.stdout,
                         capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
    one.stdout.close()
    assert one.stderr is not None
    told = one.stderr.read().decode()
    one.stderr.close()
    return Done(one.wait(60), "", told), Done(two.returncode, two.stdout, two.stderr)


@pytest.mark.parametrize("output", [("--json",), ("--format", "csv")], ids=" ".join)
@pytest.mark.parametrize("verb", ["hunt", "hunt --no-trace", "search", "collect", "batch"])
def test_the_lines_of_a_verb_are_a_list_for_batch(
    call: Call, environment: dict[str, str], tmp_path: Path, kit: Kit, sender: str, verb: str,
    output: tuple[str, ...],
) -> None:  # fmt: skip
    refs = {row["message_ref"] for row in call(*SEARCH, "--sender", sender).rows}
    assert refs
    (tmp_path / "list").write_text("\n".join(refs))
    where = ("--tenant", "acme", "--account", ACME)
    asked = {
        "collect": ("--checkpoint", "c", "--all", "--sender", sender, "--start", "2026-01-01"),
        "batch": (*where, "list"),
        "search": (*where, "--sender", sender, "--start", "2026-01-01"),
    }.get(verb, ("--sender", sender, "--start", "2026-01-01"))
    words = (*verb.split(), *asked, *output)
    first, second = piped(words, ("batch", "--json"), environment, tmp_path)
    assert first.code == 0, first.err
    assert second.code == 0, second.err
    rows = second.rows
    assert all(row["trace"] for row in rows)
    assert {row["message_ref"] for row in rows if row["account_id"] == ACME} == refs


def test_an_account_that_could_not_be_asked_counts_as_a_failure_of_the_batch(
    call: Call, environment: dict[str, str], tmp_path: Path, kit: Kit, sender: str
) -> None:
    wrong = tv.ApiToken(bytearray(b"test-token-not-real-000000000000000"))
    with (
        tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault,
        vault.edit() as edit,
    ):
        edit.put("broken", "ab" * 16, wrong, origin=kit.server.origin)
    words = ("hunt", "--sender", sender, "--start", "2026-01-01", "--no-trace", "--json")
    first, second = piped(words, ("batch", "--json"), environment, tmp_path)
    assert first.code == second.code == Exit.SOME
    assert all(row["trace"] for row in second.rows)
    (failure,) = (
        found["error"] for line in second.err.splitlines() if "error" in (found := json.loads(line))
    )
    assert (failure["status"], failure["exit"]) == ("TV_E_CREDENTIAL", Exit.CREDENTIAL)
    assert failure["account_id"] == "ab" * 16
    refused = {"status": "TV_E_CREDENTIAL", "message": "no"}
    line = {"tenant": "broken", "account_id": "ab" * 16, "message": None, "error": refused}
    only = call("batch", "--json", stdin=json.dumps(line))
    assert only.code == Exit.CREDENTIAL


def test_a_line_without_a_message_names_its_number(call: Call, kit: Kit) -> None:
    told = call("batch", stdin='{"message": {"message_ref": null}, "tenant": "acme"}\n')
    assert told.code == Exit.NOT_FOUND
    assert "line 1 of standard input has no reference that a trace can be asked with" in told.err
    told = call("batch", stdin=f"tenant,account,message_ref\nacme,{ACME},{REF}\nacme,{ACME},\n")
    assert told.code == Exit.SOME
    assert "line 3 of standard input has no reference that" in told.err
    told = call("batch", stdin='{"tenant": "acme"}\n')
    assert told.code == Exit.USAGE
    assert "line 1 of standard input has no reference: name it message_ref" in told.err


@pytest.mark.parametrize("heading", ["ref,tenant", "ID;Tenant", "Number\tCustomer name"])
def test_a_heading_without_a_reference_is_no_list(call: Call, kit: Kit, heading: str) -> None:
    told = call("batch", "--json", stdin=f"{heading}\n{REF},acme\n")
    assert told.code == Exit.USAGE
    (error,) = told.errors
    assert error["status"] == "USAGE"
    assert "line 1 of standard input" in error["message"]
    assert "message_ref, and beside it tenant and account_id" in error["message"]


@pytest.mark.parametrize(
    "heading", ["Message Ref,Tenant,Account ID", "\n# mine\nmessage-ref,TENANT,account"]
)
def test_a_heading_is_understood_however_it_is_written(call: Call, kit: Kit, heading: str) -> None:
    told = call("batch", "--json", stdin=f"{heading}\n{REF},acme,{ACME}\n")
    assert told.code == Exit.OK, told.err
    assert [row["line"] for row in told.rows] == [len(heading.splitlines()) + 1]


def test_comments_and_blank_lines_are_passed_over_in_json_lines(call: Call, kit: Kit) -> None:
    line = f'{{"message_ref":"{REF}","tenant":"acme","account_id":"{ACME}"}}'
    told = call("batch", "--json", stdin=f"\ufeff# mine\n\n{line}\n  # more\n{line}\n")
    assert told.code == Exit.OK, told.err
    assert sorted(row["line"] for row in told.rows) == [3, 5]


def test_a_table_for_people_is_no_list(call: Call, kit: Kit, sender: str) -> None:
    where = ("--tenant", "acme", "--account", ACME)
    for words in (("search", *where, "--start", "2026-01-01"), ("hunt", "--sender", sender),
                  ("account", "list")):  # fmt: skip
        table = call(*words).out
        assert table
        told = call("batch", "--json", stdin=table)
        assert told.code == Exit.USAGE
        (error,) = told.errors
        assert "is a table for people: print it with --json or --format csv" in error["message"]


def test_one_line_that_cannot_be_read_fails_alone(call: Call, kit: Kit) -> None:
    good = f'{{"message_ref":"{REF}","tenant":"acme","account_id":"{ACME}"}}'
    for wrong, said in (
        ("xx", "line 2 of standard input is no JSON object"),
        ('{"tenant":"acme"}', "line 2 of standard input has no reference: name it message_ref"),
        ('{"message_ref":"a@b.example"}', "line 2 of standard input: this looks like"),
    ):
        told = call("batch", "--json", stdin=f"{good}\n{wrong}\n{good}\n")
        assert told.code == Exit.SOME
        assert [row["line"] for row in told.rows] == [1, 3]
        assert said in told.err
    told = call("batch", stdin=f"{REF}\na b\n")
    assert "line 2 of standard input" in told.err
    assert "TV_E_MESSAGE_REF" in told.err, "not that a tenant is missing, which would not help"


def test_a_copy_with_several_recipients_is_asked_once(call: Call, kit: Kit, tmp_path: Path) -> None:
    rows = f"acme,{ACME},{REF},a@x.example\nacme,{ACME},{REF},b@x.example\n"
    told = call("batch", stdin=f"tenant,account_id,message_ref,recipient\n{rows}")
    assert told.code == Exit.OK
    assert told.out.count(REF) == 1
    assert "1 asked: 1 trace" in told.err
    assert "1 row names a message again" in told.err
