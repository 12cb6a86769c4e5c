"""The views `ecs` and `ocsf` hold to the real schemas, whatever they are made of, and keep their ids."""

import hashlib
import json
import random
from datetime import datetime
from pathlib import Path

import pytest
import tracevault as tv
from launcher import standin
from row_schemas import (
    CAPTURED,
    REPLIES,
    TO,
    decoded,
    ecs_faults,
    ecs_fields,
    judged,
    line,
    needs_fields,
    ocsf_faults,
    only,
    reply,
)

# ---- The schemas ------------------------------------------------------------------------------


@needs_fields
def test_the_judge_of_ecs_knows_what_is_wrong() -> None:
    good = json.loads(tv.decode(reply([line("x")], []), views=("ecs",)).views["ecs"])
    assert ecs_faults(good) == []
    for path, value in (
        (("event", "outcome"), "Delivered"),
        (("event", "type"), ["creation"]),
        (("event", "category"), "email"),
        (("email", "to"), {"address": "a@b.example"}),
        (("email", "to"), {"address": []}),
        (("process",), {"pid": "12"}),
        (("related",), {}),
        (("postfix",), {"queue_id": "x"}),
        (("@timestamp",), "2026-11-23T04:33:60Z"),
    ):
        bad = json.loads(json.dumps(good))
        inner = bad
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value
        assert ecs_faults(bad), path


@needs_fields
def test_the_list_of_ecs_fields_is_there() -> None:
    assert len(ecs_fields()) > 2000


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.name)
def test_every_line_of_a_stored_reply_is_valid_in_both_views(path: Path) -> None:
    judged(decoded(path.read_bytes()))


def test_every_line_of_the_real_postfix_is_valid_in_both_views() -> None:
    lines = 0
    for message in CAPTURED:
        trace = decoded(reply(message["inbound"], message["outbound"], pending=None))
        ecs, ocsf = judged(trace)
        assert len(ecs) == len(trace.lines)
        for event, source in zip(ecs, trace.lines, strict=True):
            assert event["message"] == event["event"]["original"] == source.message
        lines += len(ocsf)
    assert lines > 100


def test_what_a_fetch_knows_is_in_every_event() -> None:
    with standin(quota=0) as server:
        account = next(one for one in server.accounts if server.credential(one.id).token)
        vault = tv.Vault.in_memory()
        with vault.edit() as edit:
            token = tv.ApiToken(server.credential(account.id).token)
            edit.put(account.tenant, account.id, token, origin=server.origin)
        settings: dict[str, str | int] = {
            "api.base_url": server.base_url,
            "tls.ca_file": server.ca_file,
        }
        ref = next(
            one.refs[1]
            for one in server.messages
            if one.account_id == account.id and not one.submission
        )
        tenant = vault.tenant(account.tenant)
        with tv.Engine(settings) as engine:
            trace, again = (
                engine.trace(tenant, account.id, ref, wait=30, views=("ecs", "ocsf"), fresh=True)
                for _ in range(2)
            )
            with pytest.raises(LookupError, match="views"):
                engine.trace(tenant, account.id, ref).ecs()
            cached = engine.trace(tenant, account.id, ref, views=("ocsf",))
        ecs, ocsf = judged(trace)
        assert ecs and ocsf
        for event in ecs:
            assert event["cloud"]["account"]["id"] == account.id
            assert event["organization"]["name"] == account.tenant
            assert event["email"]["local_id"] == ref
            assert event["event"]["created"] == trace.fetched_at_text
        for event in ocsf:
            assert event["cloud"]["account"]["uid"] == account.id
            assert event["metadata"]["tenant_uid"] == account.tenant
            assert event["message_trace_uid"] == event["metadata"]["correlation_uid"] == ref
            assert trace.fetched_at is not None
            processed = round(trace.fetched_at.timestamp() * 1000)
            assert event["metadata"]["processed_time"] == processed
        # Another fetch: nothing is different but when it took place.
        for event, other in zip(ocsf, judged(again)[1], strict=True):
            for one in (event, other):
                del one["metadata"]["processed_time"]
            assert event == other
        for document, other in zip(ecs, again.ecs(), strict=True):
            for one in (document, other):
                del one["event"]["created"]
            assert document == other
        assert [event["metadata"]["uid"] for event in cached.ocsf()] == [
            event["metadata"]["uid"] for event in ocsf
        ]


# ---- Ids --------------------------------------------------------------------------------------


def test_an_id_is_half_a_hash_over_what_names_the_line() -> None:
    odd = '"text" \\ with \t and \u00e9, \x7f'
    message = f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent ({odd})"
    ecs, ocsf = only(reply([line(message, 7)], []))
    named = json.dumps(
        [None, None, "inbound", 7, message], ensure_ascii=False, separators=(",", ":")
    )
    expected = hashlib.blake2b(named.encode(), digest_size=32).hexdigest()[:32]
    assert ecs["event"]["id"] == ocsf["metadata"]["uid"] == expected


@pytest.mark.parametrize("text", ["", "removed", '"quoted" \\ \t é 😀 \x00', "x" * 5000])
def test_the_hash_of_a_line_is_over_its_own_words_alone(text: str) -> None:
    trace = decoded(reply([line(text, 7)], [line(text, 8)]))
    first, second = (event["event"] for event in trace.ecs())
    expected = hashlib.blake2b(text.encode(), digest_size=32).hexdigest()
    assert first["hash"] == second["hash"] == expected
    assert first["original"] == text


def ids(body: bytes) -> list[str]:
    return [event["event"]["id"] for event in judged(decoded(body))[0]]


def test_a_line_keeps_its_id_when_its_trace_grows_or_its_time_is_written_differently() -> None:
    lines = [line(f"line {number}", number) for number in range(3, 30, 3)]
    grown = [line("line 0", 0), *lines, line("line 40", 40)]
    assert ids(reply(lines, [])) == ids(reply(grown, []))[1:-1]
    later = [{**one, "logged_at": "2026-11-23 05:33:50+01:00"} for one in lines]
    assert ids(reply(lines, [])) == ids(reply(later, []))


def test_lines_that_say_the_same_have_ids_of_their_own() -> None:
    same = [line("the same", number) for number in (None, None, 3, 3, 2, 3, None, 9)]
    assert len(set(ids(reply(same, same)))) == 16


# ---- Hostile traces ---------------------------------------------------------------------------


def test_a_pending_side_marks_its_events_as_partial() -> None:
    trace = decoded(
        json.dumps(
            {
                "success": True,
                "result": {
                    "inbound": {
                        "pending": True,
                        "lines": [line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)")],
                    },
                    "outbound": {"pending": False, "lines": [line("x")]},
                },
            }
        ).encode()
    )
    ecs, ocsf = judged(trace)
    assert [event.get("tags") for event in ecs] == [["partial"], None]
    assert [event["unmapped"]["cloudflare"]["pending"] for event in ocsf] == [True, False]


def mutated(made: random.Random) -> bytes:
    """A captured trace with lines that were damaged, moved, retyped."""
    lines = [dict(one) for side in ("inbound", "outbound") for one in made.choice(CAPTURED)[side]]
    for one in lines:
        text = one["message"]
        for _ in range(made.randrange(4)):
            at = made.randrange(len(text) + 1)
            piece = made.choice(
                [
                    '"',
                    "\\",
                    "\n",
                    "\0",
                    "\u2028",
                    "é",
                    "<",
                    ">",
                    "@",
                    "[",
                    "]",
                    "(",
                    ",",
                    ": ",
                    "=",
                    "\ud800",
                    text[: at // 2],
                    "status=",
                    "relay=",
                    "]:99",
                    "ESMTP",
                    "0",
                    "{}",
                    "],[",
                ]
            )
            text = text[:at] + piece + text[at + made.randrange(3) :]
        one["message"] = text
        for name in list(one):
            chance = made.random()
            if chance < 0.05:
                del one[name]
            elif chance < 0.1:
                one[name] = made.choice(
                    [None, 1, -5, 10**30, 1.5, "", "7", [], {"a": [1, "]"]}, True]
                )
        if made.random() < 0.1:
            one[made.choice(["event", "kind", "at", 'x"y'])] = made.choice([1, "{", {"lines": []}])
    split = made.randrange(len(lines) + 1)
    return reply(lines[:split], lines[split:], made.choice([True, False, None]))


def test_damaged_traces_are_valid_in_both_views() -> None:
    for seed in range(150):
        try:
            judged(decoded(mutated(random.Random(seed))))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_ten_thousand_lines_are_ten_thousand_events() -> None:
    text = f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)"
    trace = decoded(reply([line(text, number) for number in range(10_000)], []))
    ecs, ocsf = trace.ecs(), trace.ocsf()
    assert len(ecs) == len(ocsf) == 10_000
    assert len({event["metadata"]["uid"] for event in ocsf}) == 10_000
    assert ocsf_faults(ocsf[-1]) == []


def test_a_view_is_json_lines() -> None:
    trace = decoded(reply([line("a\nb\u2028c@d.example"), line("x", 2)], []))
    assert trace.views["ecs"].count(b"\n") == 2 and trace.views["ecs"].endswith(b"\n")
    assert trace.views["ocsf"] == b""
    assert datetime.fromisoformat(trace.ecs()[0]["@timestamp"].replace("Z", "+00:00"))
