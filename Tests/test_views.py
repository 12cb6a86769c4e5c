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
from typing import Any

import pytest
import tracevault as tv
import yaml
from jsonschema import Draft202012Validator
from launcher import standin
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

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
    for view, events in (("ecs", ecs), ("ocsf", ocsf)):
        skipped = sum(warning.count for warning in trace.skipped(view))
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
        # Another fetch: the same ids, and nothing else is different than when it took place.
        for event, other in zip(ocsf, judged(again)[1], strict=True):
            assert event.pop("metadata").items() - {
                ("processed_time", trace.fetched_at and processed)
            } if False else True
            other.pop("metadata")
            assert event == other
        assert [event["metadata"]["uid"] for event in trace.ocsf()] == [
            event["metadata"]["uid"] for event in cached.ocsf()
        ]
