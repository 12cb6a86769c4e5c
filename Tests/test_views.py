"""The views `ecs` and `ocsf` hold to the real schemas, keep their ids and invent nothing.

OCSF is judged by the schema's own JSON Schema (PyPI `ocsf-json-schema`), ECS by the flat list of its
fields, which is looked for in ../shared.
"""

import functools
import hashlib
import ipaddress
import json
import random
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pytest
import tracevault as tv
import yaml
from jsonschema import Draft202012Validator
from launcher import standin
from ocsf_json_schema import (  # type: ignore[import-untyped]
    OcsfJsonSchemaEmbedded,
    get_ocsf_schema,
)

ROOT = Path(__file__).resolve().parents[1]
FIELDS = ROOT.parent / "shared/data/ecs/ecs_flat-9.4.0.yml"
REPLIES = sorted((ROOT / "Tests/golden/trace").glob("*.reply.json"))
CAPTURED = json.loads((ROOT / "Tests/data/traces.json").read_text(encoding="utf-8"))["messages"]
PROFILES = ["cloud", "datetime"]
Json = dict[str, Any]

needs_fields = pytest.mark.skipif(
    not FIELDS.is_file(), reason=f"the list of ECS fields is not there: {FIELDS}"
)

OCSF = Draft202012Validator(
    OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0")).get_class_schema(
        class_name="email_activity", profiles=PROFILES
    )
)


# ---- Judges -----------------------------------------------------------------------------------


def ocsf_faults(event: Json) -> list[str]:
    """What the schema says, and what it forgets: empty arrays and objects pass it."""
    faults = [f"{error.json_path}: {error.message}" for error in OCSF.iter_errors(event)]
    faults += [f"{path} is empty" for path, value in leaves(event) if value in ([], {})]
    faults += [f"no {name}" for name in ("from", "to") if event.get(name) == []]
    if not event["email"].get("to") and not event["email"].get("from"):
        faults.append("email has no address")
    if event["metadata"]["profiles"] != PROFILES:
        faults.append("other profiles than it was judged by")
    return faults


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf outside of what is ours alone, and every empty array and object."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            if name != "unmapped":
                yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


@functools.cache
def ecs_fields() -> dict[str, Json]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    fields: dict[str, Json] = yaml.load(FIELDS.read_text(encoding="utf-8"), Loader=loader)
    return fields


def flat(value: Json, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        full = f"{path}.{name}" if path else name
        if full == "cloudflare":
            continue
        known = ecs_fields().get(full)
        if isinstance(inner, dict) and (known is None or known["type"] == "group"):
            if not inner:
                yield full, inner
            yield from flat(inner, full)
        else:
            yield full, inner


def ecs_faults(document: Json) -> list[str]:
    faults = []
    values = dict(flat(document))
    for name, value in values.items():
        known = ecs_fields().get(name)
        if known is None:
            faults.append(f"{name} is no field")
            continue
        is_array = "array" in known.get("normalize", [])
        if isinstance(value, list) != is_array or value == []:
            faults.append(f"{name}: {value!r}")
            continue
        for one in value if is_array else [value]:
            if one == "" and name in ("message", "event.original"):
                continue  # a line without a text, as it came
            faults += [f"{name}: {fault}" for fault in ecs_value_faults(known, one)]
    categories, types = values.get("event.category", []), values.get("event.type", [])
    if len(categories) == 1:
        allowed = next(
            item["expected_event_types"]
            for item in ecs_fields()["event.category"]["allowed_values"]
            if item["name"] == categories[0]
        )
        faults += [f"event.type {type_}" for type_ in types if type_ not in allowed]
    faults += [f"no {name}" for name in ("@timestamp", "ecs.version") if name not in values]
    return faults


def ecs_value_faults(known: Json, value: Any) -> Iterator[str]:
    kind = known["type"]
    if kind == "date":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(\.\d{1,9})?Z", str(value)):
            yield f"no date: {value!r}"
    elif kind == "ip":
        ipaddress.ip_address(value)
    elif kind == "long":
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
            yield f"no long: {value!r}"
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"no boolean: {value!r}"
    elif not isinstance(value, str) or not value:
        yield f"no text: {value!r}"
    named = {item["name"] for item in known.get("allowed_values", [])}
    expected = named or set(known.get("expected_values", []))
    if expected and value not in expected:
        yield f"{value!r} is not among the expected values"


# ---- Traces -----------------------------------------------------------------------------------


def reply(inbound: list[Any], outbound: list[Any], pending: bool | None = False) -> bytes:
    sides = {
        "inbound": {"lines": inbound, "pending": pending},
        "outbound": {"lines": outbound, "pending": pending},
    }
    return json.dumps({"success": True, "errors": [], "messages": [], "result": sides}).encode()


def line(message: str, number: int | None = 1, at: str | None = "2026-11-23T04:33:50Z") -> Json:
    made: Json = {"message": message}
    if number is not None:
        made["lineno"] = number
    if at is not None:
        made["logged_at"] = at
    return made


def decoded(body: bytes) -> tv.Trace:
    return tv.decode(body, views=("ecs", "ocsf"))


def judged(trace: tv.Trace) -> tuple[list[Json], list[Json]]:
    """Both views, after every event of them was judged."""
    ecs, ocsf = trace.ecs(), trace.ocsf()
    for event in ocsf:
        assert ocsf_faults(event) == [], json.dumps(event)
    if FIELDS.is_file():
        for event in ecs:
            assert ecs_faults(event) == [], json.dumps(event)
    views: tuple[tuple[Literal["ecs", "ocsf"], list[Json]], ...] = (("ecs", ecs), ("ocsf", ocsf))
    for view, events in views:
        skipped = sum([warning.count for warning in trace.skipped(view)])
        assert len(events) + skipped == len(trace.lines)
    for ids in (
        [event["event"]["id"] for event in ecs],
        [event["metadata"]["uid"] for event in ocsf],
    ):
        assert len(set(ids)) == len(ids)
    return ecs, ocsf


def only(body: bytes) -> tuple[Json, Json]:
    """The one line's event in both views."""
    ecs, ocsf = judged(decoded(body))
    assert len(ecs) == len(ocsf) == 1
    return ecs[0], ocsf[0]


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


# ---- What a line says -------------------------------------------------------------------------

TO = "to=<b@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=1.2, delays=0.1/0/0.5/0.6"


def test_a_delivery_says_who_where_and_what_was_answered() -> None:
    ecs, ocsf = only(
        reply(
            [], [line(f"postfix/smtp[9]: 4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (250 Ok)")]
        )
    )
    assert ocsf["to"] == ocsf["email"]["to"] == ["b@example.net"]
    assert ocsf["dst_endpoint"] == {"hostname": "mx.example.net", "ip": "198.51.100.7", "port": 25}
    assert (ocsf["status_id"], ocsf["status"], ocsf["severity_id"]) == (1, "Success", 1)
    assert (ocsf["status_code"], ocsf["status_detail"]) == ("2.0.0", "250 Ok")
    assert ocsf["message"] == (
        "Accepted by the next hop, for b@example.net, next hop mx.example.net"
    )
    assert (ocsf["direction_id"], ocsf["unmapped"]["cloudflare"]["block"]) == (2, "outbound")
    assert ocsf["unmapped"]["postfix"]["delay_s"] == 1.2
    assert {item["value"]: item["type_id"] for item in ocsf["observables"]} == {
        "b@example.net": 5,
        "mx.example.net": 1,
        "198.51.100.7": 2,
    }
    event, mail = ecs["event"], ecs["email"]
    assert (event["action"], event["outcome"], event["code"]) == ("delivered", "success", "2.0.0")
    assert (event["reason"], event["duration"]) == ("250 Ok", 1_200_000_000)
    assert mail["to"] == {"address": ["b@example.net"]}
    assert mail["delivery_timestamp"] == ecs["@timestamp"] == "2026-11-23T04:33:50Z"
    assert ecs["process"] == {"name": "smtp", "pid": 9}
    assert ecs["related"] == {
        "ip": ["198.51.100.7"],
        "hosts": ["mx.example.net"],
        "user": ["b@example.net"],
    }


@pytest.mark.parametrize(
    ("text", "action", "outcome", "status", "severity"),
    [
        (f"4Njp3P0STMz2c02Q: {TO}, dsn=4.4.1, status=deferred (x)", "deferred", "unknown", 99, 1),
        (f"4Njp3P0STMz2c02Q: {TO}, dsn=5.1.1, status=SOFTBOUNCE (x)", "deferred", "unknown", 99, 1),
        (f"4Njp3P0STMz2c02Q: {TO}, dsn=5.1.1, status=bounced (x)", "bounced", "failure", 2, 2),
        (
            f"4Njp3P0STMz2c02Q: {TO}, dsn=2.1.5, status=deliverable (x)",
            "delivery",
            "unknown",
            99,
            1,
        ),
        (
            "4Njp3P0STMz2c02Q: from=<a@b.example>, status=expired, returned to sender",
            "expired",
            "failure",
            2,
            2,
        ),
        (
            "NOQUEUE: reject: RCPT from h[192.0.2.1]: 550 5.1.1 <x@y.example>: no; "
            "from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<mail.b.example>",
            "rejected",
            "failure",
            2,
            2,
        ),
        (
            "4Njp3P0STMz2c02Q: hold: header Subject: Urgent from h[192.0.2.1]; from=<a@b.example>"
            " to=<x@y.example> proto=ESMTP helo=<h>: suspicious",
            "held",
            "unknown",
            99,
            1,
        ),
        (
            "4Njp3P0STMz2c02Q: warning: header X: y from h[192.0.2.1]; from=<a@b.example>"
            " to=<x@y.example> proto=ESMTP helo=<h>",
            "content",
            None,
            None,
            1,
        ),
        ("4Njp3P0STMz2c02Q: removed", "removed", None, None, 1),
    ],
)
def test_an_outcome_is_what_the_line_says_and_no_more(
    text: str, action: str, outcome: str | None, status: int | None, severity: int
) -> None:
    seen = line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)", 2)
    ecs, ocsf = judged(decoded(reply([line(text), seen], [])))
    assert ecs[0]["event"]["action"] == action
    assert ecs[0]["event"].get("outcome") == outcome
    assert ocsf[0].get("status_id") == status
    assert ocsf[0]["severity_id"] == severity


def test_a_rejection_tells_the_client_and_what_it_called_itself() -> None:
    ecs, ocsf = only(
        reply(
            [
                line(
                    "postfix/smtpd[7]: NOQUEUE: reject: RCPT from mail.b.example[192.0.2.1]: 554 "
                    "5.7.1 <x@y.example>: Access denied; from=<a@b.example> to=<x@y.example> "
                    "proto=ESMTP helo=<mail.b.example>"
                )
            ],
            [],
        )
    )
    assert ocsf["src_endpoint"] == {"hostname": "mail.b.example", "ip": "192.0.2.1"}
    assert (ocsf["command"], ocsf["protocol_name"]) == ("EHLO mail.b.example", "SMTP")
    assert (ocsf["from"], ocsf["to"]) == ("a@b.example", ["x@y.example"])
    assert ocsf["status_code"] == "5.7.1"
    assert ecs["source"]["ip"] == "192.0.2.1"
    assert ecs["email"]["sender"] == {"address": "a@b.example"}


def test_a_header_check_gives_the_subject() -> None:
    ecs, ocsf = only(
        reply(
            [
                line(
                    "4Njp3P0STMz2c02Q: warning: header Subject: =?utf-8?q?R=C3=A9?= now from "
                    "h[192.0.2.1]; from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<h>"
                )
            ],
            [],
        )
    )
    assert ecs["email"]["subject"] == ocsf["email"]["subject"] == "=?utf-8?q?R=C3=A9?= now"


def test_tls_lines_say_what_was_negotiated() -> None:
    ecs, _ = judged(
        decoded(
            reply(
                [
                    line(
                        "postfix/smtp[1]: Trusted TLS connection established to mx.example.net"
                        "[198.51.100.7]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 "
                        "bits) key-exchange X25519MLKEM768"
                    )
                ],
                [],
            )
        )
    )
    assert ecs[0]["tls"] == {
        "established": True,
        "version_protocol": "tls",
        "version": "1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
    }


# ---- Addresses --------------------------------------------------------------------------------

REFUSED = [
    "",
    "postmaster",
    '"a b"@example.net',
    '"a\\"b"@example.net',
    "grüße@example.net",
    "a@例え.example",
    "a@localhost",
    "a@.example",
    "a@example.",
    "@example.net",
    "a b@example.net",
    "a@b@example.net",
    "a(c)@example.net",
    "a" * 400 + "@example.net",
]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_ocsf_refuses_is_kept_unmapped_and_none_is_invented(address: str) -> None:
    text = f"4Njp3P0STMz2c02Q: from=<{address}>, size=10, nrcpt=1 (queue active)"
    alone = decoded(reply([line(text)], []))
    assert len(alone.ocsf()) == 0
    assert [(one.code, one.count, one.path) for one in alone.skipped("ocsf")] == [
        ("line_without_address", 1, "/result/inbound/lines/0")
    ]
    assert alone.skipped("ecs") == ()
    sender = alone.ecs()[0]["email"].get("sender")
    assert sender == ({"address": address} if address else None)
    known = line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)", 2)
    _, ocsf = judged(decoded(reply([line(text)], [known])))
    assert "from" not in ocsf[0] and "from" not in ocsf[0]["email"]
    assert ocsf[0]["email"]["to"] == ["b@example.net"] and "to" not in ocsf[0]
    assert ocsf[0]["unmapped"]["postfix"]["from"] == address
    assert ocsf[0]["unmapped"]["cloudflare"]["addresses_of_the_trace"] is True


def test_an_address_is_taken_exactly_when_the_schema_takes_it() -> None:
    schema = OCSF.schema
    assert isinstance(schema, dict)
    pattern = schema["properties"]["from"]["pattern"]
    made = random.Random(7)
    alphabet = [chr(code) for code in range(33, 127) if chr(code) not in '<>"\\'] + ["é", ".", "@"]
    seen = {True: 0, False: 0}
    for _ in range(40):
        addresses = []
        for _ in range(50):
            text = "".join(made.choices(alphabet, k=made.randrange(1, 6)))
            tail = "".join(made.choices("aZ9-._@", k=made.randrange(1, 6)))
            addresses.append(made.choice((f"{text}@{tail}", f"{text}@{tail}.b", f"{text}{tail}")))
        lines = [
            line(f"4Njp3P0STMz2c02Q: from=<{one}>, size=1, nrcpt=1 (queue active)", number)
            for number, one in enumerate(addresses)
        ]
        known = line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)")
        for one, event in zip(addresses, decoded(reply(lines, [known])).ocsf(), strict=False):
            fits = re.search(pattern, one) is not None
            assert (event.get("from") == one) == fits, one
            seen[fits] += 1
    assert min(seen.values()) > 150


def test_many_recipients_stand_in_for_those_a_line_does_not_name() -> None:
    lines = [line("connect from h[192.0.2.1]")] + [
        line(
            f"4Njp3P0STMz2c02Q: to=<r{number}@example.net>, relay=none, delay=1, "
            f"delays=0/0/0/1, dsn=4.0.0, status=deferred (x)",
            number,
        )
        for number in range(2, 42)
    ]
    event = judged(decoded(reply(lines, [])))[1][0]
    assert event["email"]["to"] == [f"r{number}@example.net" for number in range(2, 18)]


def test_ends_of_connections_are_only_what_typed_fields_take() -> None:
    for peer, expected in (
        ("unknown[192.0.2.1]", {"ip": "192.0.2.1"}),
        ("unknown[unknown]", None),
        ("h.example[2001:db8::1]", {"hostname": "h.example", "ip": "2001:db8::1"}),
        ("h.example[unknown]", {"hostname": "h.example"}),
        ("127.0.0.1[127.0.0.1]:99", {"ip": "127.0.0.1", "port": 99}),
        ("h.example[999.1.1.1]", {"hostname": "h.example"}),
        ("h<x>.example[192.0.2.1]:99999", {"ip": "192.0.2.1"}),
        (
            "unknown.example[::ffff:192.0.2.1]",
            {"hostname": "unknown.example", "ip": "::ffff:192.0.2.1"},
        ),
    ):
        known = line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)", 2)
        ecs, ocsf = judged(decoded(reply([line(f"connect from {peer}")], [known])))
        assert ocsf[0].get("src_endpoint") == expected, peer
        assert ("source" in ecs[0]) == (expected is not None)


# ---- Times ------------------------------------------------------------------------------------


def test_a_line_without_a_time_has_a_neighbours_and_says_so() -> None:
    text = f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)"
    lines = [
        line(text, 1, None),
        line(text, 2, "2026-11-23T04:33:50.123456789123Z"),
        line(text, 3, "yesterday"),
    ]
    ecs, ocsf = judged(decoded(reply(lines, [line(text, 1, None)])))
    assert {event["time"] for event in ocsf} == {1795408430123}
    assert [event["@timestamp"] for event in ecs] == ["2026-11-23T04:33:50.123Z"] * 4
    marks = [event["unmapped"]["cloudflare"].get("time_of_another_line") for event in ocsf]
    assert marks == [True, None, True, True]
    assert [event["metadata"].get("original_time") for event in ocsf] == [
        None,
        "2026-11-23T04:33:50.123456789123Z",
        "yesterday",
        None,
    ]


def test_without_any_time_nothing_is_dated_and_all_is_counted() -> None:
    text = f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)"
    trace = decoded(reply([line(text, 1, None)] * 2, [line(text, 1, "soon")]))
    assert trace.ecs() == trace.ocsf() == []
    for skipped in (trace.skipped("ecs"), trace.skipped("ocsf")):
        assert [(one.code, one.count) for one in skipped] == [("line_without_time", 3)]


@pytest.mark.parametrize(
    ("at", "milliseconds", "stamp"),
    [
        ("1969-12-31T23:59:59.5Z", -500, "1969-12-31T23:59:59.5Z"),
        ("2016-12-31T23:59:60Z", 1483228800000, "2017-01-01T00:00:00.000Z"),
        ("2026-11-23T05:33:50.5+01:00", 1795408430500, "2026-11-23T04:33:50.5Z"),
        ("0000-01-01T00:00:00Z", -62167219200000, "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", 253402300799999, "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_is_the_same_instant_in_milliseconds(at: str, milliseconds: int, stamp: str) -> None:
    text = f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)"
    ecs, ocsf = only(reply([line(text, 1, at)], []))
    assert (ocsf["time"], ocsf["time_dt"], ecs["@timestamp"]) == (milliseconds, stamp, stamp)
    assert ocsf["metadata"]["original_time"] == at


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
