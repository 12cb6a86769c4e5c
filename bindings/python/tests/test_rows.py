"""Rows for tables: of traces, findings and searches, with the same columns whatever came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

import pytest
from launcher import Standin

import tracevault as tv
from tracevault.model import Rows

from .conftest import ACME, settings

LONG_AGO = "2000-01-01T00:00:00Z"


def test_a_trace_gives_a_row_for_each_recipient_and_for_each_line(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    ref = server.messages_of(ACME)[0].investigate_id
    trace = engine.trace(acme, ACME, ref, views=("ecs", "ocsf"))
    rows = trace.to_rows()
    assert [(row["address"], row["state"], row["at"]) for row in rows] == [
        (one.address, one.state, one.at_text) for one in trace.summary.recipients
    ]
    assert {(row["tenant"], row["account_id"], row["message_ref"]) for row in rows} == {
        ("acme", ACME, ref)
    }
    lines = trace.to_rows("lines")
    assert [(row["message"], row["at"]) for row in lines] == [
        (line.message, line.at_text) for line in trace.lines
    ]
    assert [row["event"] for row in lines] == [
        line.event.kind if line.event else None for line in trace.lines
    ]
    assert [row["side"] for row in lines] == ["inbound"] * len(trace.inbound.lines) + [
        "outbound"
    ] * len(trace.outbound.lines)
    assert trace.to_rows("ecs") == trace.ecs()
    assert trace.to_rows("ocsf") == trace.ocsf()
    json.dumps([*rows, *lines])


@pytest.mark.parametrize("view", ["recipients", "lines"])
def test_all_rows_of_a_hunt_have_the_same_columns_also_for_accounts_that_could_not_be_asked(
    server: Standin, vault: tv.Vault, view: Rows
) -> None:
    revoked = server.credential("1111ec" + "0" * 25 + "1")
    server.revoke(revoked)
    try:
        with tv.Engine(settings(server)) as engine:
            findings = list(engine.hunt(vault, sender="sender.example", start=LONG_AGO))
    finally:
        server.restore(revoked)
    rows = [row for finding in findings for row in finding.to_rows(view)]
    assert len({tuple(row) for row in rows}) == 1
    (failed,) = [row for row in rows if row["error"]]
    assert (failed["tenant"], failed["message_ref"]) == ("initech", None)
    assert "initech" in failed["error"]
    shown = {(row["account_id"], row["message_ref"]) for row in rows if not row["error"]}
    assert shown == {(f.account_id, f.message.message_ref) for f in findings if f.message}
    json.dumps(rows)


def test_a_copy_that_was_hunted_without_its_trace_is_a_row(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    findings = list(engine.hunt(acme, sender="sender.example", start=LONG_AGO, trace=False))
    rows = [row for finding in findings for row in finding.to_rows()]
    assert len(rows) == len(findings) > 0
    assert {(row["address"], row["state"], row["error"]) for row in rows} == {(None, None, None)}
    assert all(finding.to_rows("ecs") == [] for finding in findings)


def test_a_search_gives_a_row_for_each_message(engine: tv.Engine, acme: tv.Tenant) -> None:
    found = engine.search(acme, ACME, start=LONG_AGO, limit=5)
    rows = found.to_rows()
    assert [row["message_ref"] for row in rows] == [one.message_ref for one in found]
    assert [row["scanned_at"] for row in rows] == [one.scanned_at_text for one in found]
    assert {tuple(row)[:2] for row in rows} == {("tenant", "account_id")}
    assert "item" not in rows[0]
    json.dumps(rows)


@pytest.mark.parametrize("view", ["recipients", "lines"])
def test_all_rows_of_a_batch_have_the_columns_of_what_was_asked_also_those_that_failed(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, view: Rows
) -> None:
    ref = server.messages_of(ACME)[0].investigate_id
    asked: dict[str, list[tv.Request]] = {
        "trace": [tv.Request.trace(acme, ACME, one) for one in (ref, "fail-404")],
        "search": [
            tv.Request.search(acme, ACME, start=LONG_AGO, limit=3),
            tv.Request.search(acme, ACME, sender="nobody.example"),
            tv.Request.search(acme, ACME, query="standin-page1-bad-html"),
        ],
        "check": [tv.Request.check(acme, ACME, access=True)],
    }
    for kind, requests in asked.items():
        results = list(engine.batch(requests))
        rows = [row for result in results for row in result.to_rows(view)]
        assert len(rows) >= len(requests)
        assert len({tuple(row) for row in rows}) == 1, kind
        assert {row["account_id"] for row in rows} == {ACME}
        assert sum(bool(row["error"]) for row in rows) == sum(bool(one.error) for one in results)
        json.dumps([rows, [result.to_dict() for result in results]])
    (check,) = engine.batch(asked["check"])
    (row,) = check.to_rows()
    assert (row["valid"], row["granted"], row["reason"]) == (True, True, None)
    assert check.to_rows("ecs") == []


def test_a_round_of_checks_gives_a_row_for_each_account_also_where_it_could_not_be_asked(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    rows = [row for one in engine.check_all(vault) for row in one.to_rows()]
    assert {row["account_id"] for row in rows} == {account.id for account in server.accounts}
    (account,) = vault.tenant("initech").accounts()
    error = tv.TransportError("no answer")
    (failed,) = tv.Checked(tenant="initech", account=account, error=error).to_rows()
    assert {frozenset(row) for row in rows} == {frozenset(failed)}
    assert (failed["valid"], failed["error"]) == (None, "no answer")
    json.dumps([*rows, failed])


def test_what_an_engine_and_an_edit_tell_is_json_as_well(
    server: Standin, engine: tv.Engine, vault: tv.Vault, acme: tv.Tenant
) -> None:
    steps: list[tv.Progress] = []
    list(engine.batch([tv.Request.check(acme, ACME)], progress=steps.append))
    checked = [one.to_dict() for one in engine.check_all(acme)]
    assert all(one["valid"] for one in checked)
    with tv.Vault.in_memory() as made:
        with made.edit() as edit:
            edit.put("acme", ACME, tv.ApiToken('"quoted-token-not-real-000000000000000"'))
        hints = [hint.to_dict() for hint in edit.hints]
    assert hints
    assert hints[0]["tenant"] == "acme"
    assert steps[-1].to_dict()["done"] == 1
    json.dumps([checked, hints, [step.to_dict() for step in steps]])


def test_rows_that_there_are_not_are_an_error_that_names_those_there_are(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    trace = engine.trace(acme, ACME, server.messages_of(ACME)[0].investigate_id)
    with pytest.raises(ValueError, match="recipients, lines, ecs or ocsf"):
        trace.to_rows("own")  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="ask with views"):
        trace.to_rows("ecs")


@pytest.mark.parametrize("limit", [1024, 4096, 65536])
def test_rows_become_lines_within_the_bound_and_stay_json(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, limit: int
) -> None:
    refs = [message.investigate_id for message in server.messages_of(ACME)[:5]]
    for ref in refs:
        trace = engine.trace(acme, ACME, ref, views=("ecs", "ocsf"))
        for rows in (trace.to_rows("lines"), trace.ecs(), trace.ocsf()):
            lines = list(tv.json_lines(rows, limit))
            assert len(lines) == len(rows)
            for line, row in zip(lines, rows, strict=True):
                assert len(line) <= limit
                assert line.find(b"\n") == len(line) - 1
                told = json.loads(line)
                assert set(told) == set(row) or set(told) == {"truncated"}
                if len(json.dumps(row)) < limit:
                    assert told == row


def test_the_longest_strings_are_cut_first_and_at_a_whole_character() -> None:
    row = {"id": "x" * 64, "reply": "é" * 3000, "deep": {"list": ["y" * 200, 7, None, True]}}
    (line,) = tv.json_lines([row], 1024)
    told = json.loads(line)
    assert told == {**row, "reply": "é" * 256 + "…"}
    (line,) = tv.json_lines([{"many": [0] * 5000}], 1024)
    assert json.loads(line) == {"truncated": {"bytes": 10_011, "max_bytes": 1024}}
    (line,) = tv.json_lines([{"half": "\ud800" * 2}])
    assert json.loads(line) == {"half": "??"}


def test_nothing_in_a_line_steers_a_terminal_or_makes_lines_of_it() -> None:
    odd = [0x7F, 0x85, 0x9B, 0x200B, 0x2028, 0x2029, 0x202E, 0x2066, 0xFEFF, 0x3164, 0xE0041]
    text = "".join(f"aé{chr(one)}界" for one in odd) + "e\u0301" + "o" + "\u0336" * 40
    row = {text: [text, {"deep": text}], "plain": "Grüße, 界, 😀"}
    (line,) = tv.json_lines([row])
    assert json.loads(line) == row
    told = line.decode()
    assert len(told.splitlines()) == 1
    assert told.removesuffix("\n").isprintable()
    assert not [one for one in odd if chr(one) in told]
    assert "\u0336" * 5 not in told
    assert '"Grüße, 界, 😀"' in told
    for limit in (1024, 1500):
        (line,) = tv.json_lines([{"text": text * 9}], limit)
        assert len(line) <= limit
        assert line.decode().removesuffix("\n").isprintable()


def test_lines_are_made_one_by_one_and_a_bound_without_room_is_refused_at_once() -> None:
    def endless() -> Iterator[dict[str, int]]:
        yield from ({"number": number} for number in count())

    assert next(tv.json_lines(endless())) == b'{"number":0}\n'
    with pytest.raises(tv.ArgumentError, match="1024 or more, this is 1023"):
        tv.json_lines([], 1023)
