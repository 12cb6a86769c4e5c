"""``tracevault trace`` and ``decode``: what analysts and their programs get."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit

REF = "4jXtPB72Kpz7S8D"
WHERE = ("--tenant", "acme", "--account", ACME)


def test_a_trace_tells_who_got_it(call: Call, kit: Kit) -> None:
    told = call("trace", *WHERE, REF)
    assert (told.code, told.err) == (0, "")
    assert "ok1@example.com" in told.out
    assert "\x1b" not in told.out


def test_json_lines_are_trace_documents_in_the_order_asked(call: Call, kit: Kit) -> None:
    refs = [message.postfix_id for message in kit.server.messages_of(ACME)][:5]
    told = call("trace", *WHERE, "--json", *refs)
    assert (told.code, told.err) == (0, "")
    assert [row["message_ref"] for row in told.rows] == refs
    assert all(row["schema"] == "tracevault.trace/1" for row in told.rows)
    assert tv.Trace.from_json(told.rows[0]).lines


@pytest.mark.parametrize("view", ["ecs", "ocsf"])
def test_rows_for_event_stores_are_the_librarys_own(
    call: Call, kit: Kit, engine: tv.Engine, acme: tv.Tenant, view: str
) -> None:
    told = call("trace", *WHERE, "--format", view, REF)
    trace = engine.trace(acme, ACME, REF, views=(view,))  # type: ignore[arg-type]
    assert told.code == 0
    assert len(told.rows) == len(trace.views[view].splitlines()) > 0


def test_csv_has_a_row_for_each_recipient_and_calculates_nothing(
    call: Call, tmp_path: Path
) -> None:
    line = "postfix/smtp[1]: 4jXtPB72Kpz7S8D: to=<=cmd|x@example.com>, relay=mx[192.0.2.1]:25, "
    line += 'delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 "ok" \u202e)'
    reply = {"success": True, "result": {"outbound": {"pending": False, "lines": [
        {"lineno": 1, "logged_at": "2026-11-23T04:33:50Z", "message": line}]}}}  # fmt: skip
    (tmp_path / "reply.json").write_text(json.dumps(reply))
    told = call("decode", "--format", "csv", "reply.json", "reply.json")
    assert (told.code, told.err) == (0, "")
    title, first, second = csv.reader(told.out.splitlines())
    row = dict(zip(title, first, strict=True))
    assert first == second
    assert row["recipient"] == "'=cmd|x@example.com"
    assert row["recipient_state"] == "sent"
    assert row["reply"] == '250 "ok" \\u202e'


def test_a_message_that_is_not_there_has_its_own_exit_code(call: Call, kit: Kit) -> None:
    told = call("trace", *WHERE, "4jXtPB72Kpz7S8E")
    assert (told.code, told.out) == (Exit.NOT_FOUND, "")
    assert "TV_E_NO_MESSAGE" in told.err
    told = call("trace", *WHERE, "--json", "4jXtPB72Kpz7S8E", REF)
    assert told.code == Exit.SOME
    assert [row["message_ref"] for row in told.rows] == [REF]
    (error,) = told.errors
    assert (error["status"], error["message_ref"]) == ("TV_E_NO_MESSAGE", "4jXtPB72Kpz7S8E")
    assert error["http_status"] == 404


def test_following_ends_when_the_trace_is_complete(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracevault.cli.following.STEP", 0.01)
    kit.server.reset()
    message = next(m for m in kit.server.messages if m.pending_requests)
    where = ("--tenant", message.tenant, "--account", message.account_id)
    told = call("trace", *where, "--follow", "--lines", message.postfix_id)
    assert told.code == 0
    complete = call("trace", *where, "--lines", message.postfix_id)
    assert sorted(told.out.splitlines()) == sorted(complete.out.splitlines())


def test_following_that_runs_out_of_time_says_so(call: Call, kit: Kit) -> None:
    kit.server.reset()
    message = next(m for m in kit.server.messages if m.pending_requests)
    where = ("--tenant", message.tenant, "--account", message.account_id)
    told = call("trace", *where, "--follow", "--timeout", "0", "--json", message.postfix_id)
    assert told.code == Exit.INCOMPLETE
    assert told.rows[0]["complete"] is False


@pytest.mark.parametrize("how", [(), ("--lines",), ("--json",), ("--format", "csv"),
                                 ("--format", "ecs")], ids=" ".join)  # fmt: skip
def test_following_that_runs_out_of_time_tells_how_much_is_missing(
    call: Call, kit: Kit, how: tuple[str, ...]
) -> None:
    kit.server.reset()
    growing = next(m for m in kit.server.messages if m.pending_requests)
    whole = next(m for m in kit.server.messages_of(growing.account_id) if not m.pending_requests)
    where = ("--tenant", growing.tenant, "--account", growing.account_id)
    told = call("trace", *where, "--follow", "--timeout", "0", *how, growing.postfix_id,
                whole.postfix_id)  # fmt: skip
    assert told.code == Exit.INCOMPLETE
    said = "1 of 2 not complete when the time was up; the same command goes on"
    if how == ("--json",):
        (note,) = (json.loads(line)["note"] for line in told.err.splitlines())
        assert note == {"message": said, "asked": 2, "incomplete": 1}
    else:
        assert told.err == f"tracevault: {said}\n"
    told = call("trace", *where, "--follow", "--timeout", "0", *how, whole.postfix_id)
    assert (told.code, told.err) == (Exit.OK, "")


def test_following_keeps_to_its_time_also_while_the_server_says_nothing(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracevault.cli.following.LEAST", 0.05)
    told = call("trace", *WHERE, "--follow", "--timeout", "0", "slow-20000")
    assert "TV_E_DEADLINE" in told.err
    assert told.out == ""


def test_following_outlives_a_failure_that_passes(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.server.reset()
    monkeypatch.setattr("tracevault.cli.following.PAUSE", 0.0)
    once = ("--set", "retry.max_attempts=1")
    told = call("trace", *WHERE, "--follow", "fail-503-once", "--json", *once)
    assert told.code == 0, told.err
    assert told.rows[0]["complete"] is True
    assert json.loads(told.err)["note"]["status"] == "TV_E_SERVER"
    told = call("trace", *WHERE, "--follow", "fail-503", "--timeout", "0", "--json", *once)
    assert (told.code, told.out) == (Exit.NO_ANSWER, "")
    told = call("trace", *WHERE, "--follow", "4jXtPB72Kpz7S8E")
    assert told.code == Exit.NOT_FOUND


def test_a_quota_that_does_not_allow_it_in_time_says_when_to_come_back(
    call: Call, kit: Kit
) -> None:
    kit.server.reset()
    told = call("trace", *WHERE, "--timeout", "5", "--json", "fail-429-30")
    assert (told.code, told.out) == (Exit.QUOTA, "")
    *_, last = [json.loads(line) for line in told.err.splitlines()]
    assert last["error"]["status"] == "TV_E_RATE_LIMITED"
    assert 5_000 < last["error"]["retry_after_ms"] <= 300_000
    assert last["error"]["do"]
    kit.server.reset()
    people = call("trace", *WHERE, "--timeout", "5", "fail-429-30")
    assert people.code == Exit.QUOTA
    assert "try again then" in people.err


def test_decode_reads_files_and_standard_input(call: Call, tmp_path: Path) -> None:
    reply = b'{"success":true,"result":{"inbound":{"pending":false,"lines":[]}}}'
    (tmp_path / "reply.json").write_bytes(reply)
    assert call("decode", "--json", "reply.json").out == call("decode", "--json", stdin=reply).out
    (tmp_path / "page.json").write_bytes(b"<html>")
    told = call("decode", "--json", "reply.json", "page.json", "nothing.json")
    assert told.code == Exit.SOME
    assert len(told.rows) == 1
    # A name that is not there may be a secret in the wrong place.
    assert [error.get("file") for error in told.errors[:2]] == ["page.json", None]
    assert call("decode", stdin="<html>").code == Exit.NO_ANSWER
    assert call("decode", "nothing.json").code == Exit.NOT_FOUND


def test_raw_lines_do_not_act_upon_the_terminal(call: Call) -> None:
    line = "postfix/x[1]: \x1b[31m\u202e\x9b \x1b]8;;http://e.example\x07[bold]x[/bold]"
    reply = {"success": True, "result": {"inbound": {"lines": [{"message": line}]}}}
    told = call("decode", "--lines", stdin=json.dumps(reply))
    assert told.out == (
        "postfix/x[1]: \\x1b[31m\\u202e\\x9b \\x1b]8;;http://e.example\\x07[bold]x[/bold]\n"
    )


def test_a_key_file_of_32_bytes_opens_a_vault_of_that_raw_key(
    call: Call, tmp_path: Path, environment: dict[str, str], kit: Kit
) -> None:
    with tv.Vault.create(tmp_path / "raw.vault", tv.RawKey.from_file(kit.key_file)):
        pass
    told = call("trace", "--vault", "raw.vault", REF)
    assert told.code == Exit.NOT_FOUND
    assert "the vault is empty" in told.err


def test_an_account_may_be_named_by_its_label_as_a_hunt_shows_it(call: Call, kit: Kit) -> None:
    label = next(one.label for one in kit.server.accounts if one.id == ACME)
    for named in ((*WHERE[:2], "--account", label), ("--account", label.upper())):
        told = call("trace", *named, REF)
        assert told.code == 0, told.err
        assert f"acme / {ACME}" in told.out
    unknown = call("trace", "--account", "No such label", REF)
    assert unknown.code == Exit.NOT_FOUND
    assert "no account has this name" in unknown.err


def test_the_tenant_follows_from_the_account(call: Call, kit: Kit) -> None:
    told = call("trace", "--account", ACME, REF)
    assert told.code == 0, told.err
    elsewhere = call("trace", "--tenant", "globex", "--account", ACME, REF)
    assert elsewhere.code == Exit.NOT_FOUND


def test_a_label_that_two_accounts_have_names_none(call: Call, kit: Kit) -> None:
    with (
        tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault,
        vault.edit() as edit,
    ):
        for account in kit.server.accounts[:2]:
            edit.set(account.tenant, account.id, label="Twins")
    told = call("trace", "--account", "twins", REF)
    assert told.code == Exit.NOT_FOUND
    assert "2 accounts have the label 'twins'" in told.err
