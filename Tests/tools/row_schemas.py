"""Judges for the events of the views `ecs` and `ocsf`, and the traces they are made of.

OCSF is judged by the schema's own JSON Schema (PyPI `ocsf-json-schema`), ECS by the flat list of its
fields, which is looked for in ../shared.
"""

import functools
import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import tracevault as tv
import yaml
from jsonschema import Draft202012Validator
from ocsf_json_schema import (  # type: ignore[import-untyped]
    OcsfJsonSchemaEmbedded,
    get_ocsf_schema,
)

ROOT = Path(__file__).resolve().parents[2]
FIELDS = ROOT.parent / "shared/data/ecs/ecs_flat-9.4.0.yml"
REPLIES = sorted((ROOT / "Tests/data/golden/trace").glob("*.reply.json"))
CAPTURED = json.loads((ROOT / "Tests/data/traces.json").read_text(encoding="utf-8"))["messages"]
PROFILES = ["cloud", "datetime"]
Json = dict[str, Any]
#: What a delivery says before its outcome.
TO = "to=<b@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=1.2, delays=0.1/0/0.5/0.6"

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
