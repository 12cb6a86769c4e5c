"""Events, summary and views as objects: every name of the schema, lossless, made when asked for."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tracevault.model import Trace

ROOT = Path(__file__).resolve().parents[3]
DEFINED = json.loads((ROOT / "docs/trace.schema.json").read_text(encoding="utf-8"))["$defs"]
GOLDEN = sorted((ROOT / "Tests/data/golden/trace").glob("*.trace.json"))
#: What the document calls otherwise than the object.
RENAMED = {"from": "sender"}


def names_of(made: type) -> set[str]:
    own = {"extra", "later"}
    return {name.removesuffix("_text") for name in made.__annotations__ if name not in own}


def document(line: dict[str, Any] | None = None, summary: object = None) -> dict[str, Any]:
    made: dict[str, Any] = {"schema": "tracevault.trace/1", "complete": True}
    if line is not None:
        made["inbound"] = {"pending": False, "lines": [line]}
    if summary is not None:
        made["summary"] = summary
    return made


@pytest.mark.parametrize(
    ("made", "schema"),
    [
        (tv.Event, "event"),
        (tv.Summary, "summary"),
        (tv.Recipient, "recipient"),
        (tv.Hop, "hop"),
        (tv.NextQueueId, "next"),
    ],
)
def test_an_object_has_exactly_the_fields_of_the_schema(made: type, schema: str) -> None:
    wanted = {RENAMED.get(name, name) for name in DEFINED[schema]["properties"]}
    assert names_of(made) == wanted


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_every_value_of_an_expected_document_is_in_the_objects(path: Path) -> None:
    text = json.loads(path.read_text(encoding="utf-8"))
    trace = Trace.from_json(text)
    lines = text["inbound"]["lines"] + text["outbound"]["lines"]
    for line, written in zip(trace.lines, lines, strict=True):
        assert (line.event is None) == ("event" not in written)
        for name, value in written.get("event", {}).items():
            assert getattr(line.event, RENAMED.get(name, name)) == value
        assert line.event is None or line.event.extra == {}
    summary = text["summary"]
    assert trace.summary.state == summary["state"]
    assert trace.summary.sender == summary.get("sender")
    for name in ("recipients", "hops", "next_queue_ids"):
        for one, written in zip(getattr(trace.summary, name), summary[name], strict=True):
            for key, value in written.items():
                own = f"{key}_text" if key in ("at", "time", "first_at", "last_at") else key
                assert getattr(one, own) == value, (name, key)
            assert one.later == {}


def test_names_of_later_versions_are_kept() -> None:
    line = {"message": "m", "event": {"kind": "future", "from": "a", "flavour": [1]}}
    event = Trace.from_json(document(line)).inbound.lines[0].event
    assert event == tv.Event(
        kind="future",  # type: ignore[arg-type]
        sender="a",
        extra={"flavour": [1]},
    )
    summary = {
        "state": "new",
        "mood": 1,
        "hops": [{"queue_id": "q", "side": "s", "state": "t", "x": 2}],
    }
    made = Trace.from_json(document(summary=summary)).summary
    assert made.later == {"mood": 1}
    assert made.hops[0].later == {"x": 2}


def test_a_document_without_a_summary_knows_nothing() -> None:
    assert Trace.from_json(document()).summary == tv.Summary()
    assert tv.Summary().state == "unknown"


def test_objects_are_made_once_and_traces_stay_values() -> None:
    trace = Trace.from_json(json.loads(GOLDEN[0].read_text(encoding="utf-8")))
    fresh = copy.deepcopy(trace)
    assert trace.summary is trace.summary
    assert trace.lines[0].event is trace.lines[0].event
    assert trace == fresh
    assert hash(trace) == hash(fresh)
    for again in (pickle.loads(pickle.dumps(trace)), copy.copy(trace)):  # noqa: S301
        assert again == trace
        assert again.summary == trace.summary
    with pytest.raises(AttributeError):
        trace.summary.state = "sent"  # type: ignore[misc]


REPLY = (
    b'{"success":true,"result":{"inbound":{"lines":[{"lineno":1,"message":"x",'
    b'"logged_at":"2026-11-23T04:33:50Z"}],"pending":false},"outbound":{"lines":[]}}}'
)


def test_a_view_is_there_when_it_was_asked_for() -> None:
    trace = tv.decode(REPLY, views=("ecs",))
    assert [event["event"]["original"] for event in trace.ecs()] == ["x"]
    assert trace.skipped("ecs") == ()
    assert set(trace.views) == {"ecs", "ecs_warnings"}
    with pytest.raises(LookupError, match="views="):
        trace.ocsf()
    with pytest.raises(LookupError, match="ocsf"):
        trace.skipped("ocsf")
    assert tv.decode(REPLY).views == {}
    assert trace == tv.decode(REPLY)


def test_a_span_is_where_the_value_stands_in_the_message() -> None:
    """All fields of every golden trace; numbers may have lost leading zeros, not their place."""
    seen = 0
    for path in sorted((ROOT / "Tests/data/golden/trace").glob("*.reply.json")):
        trace = tv.decode(path.read_bytes(), views=("spans",))
        rows = {(row["side"], row["line"]): row["spans"] for row in trace.spans()}
        for side in ("inbound", "outbound"):
            for place, line in enumerate(getattr(trace, side).lines):
                event = line.event_fields or {}
                spans = rows.pop((side, place), {})
                assert set(spans) == set(event) - {"kind"}
                message = line.message.encode()
                for name, (start, end) in spans.items():
                    text, value = message[start:end].decode(), event[name]
                    seen += 1
                    assert text == value if isinstance(value, str) else float(text) == value
        assert rows == {}
    assert seen > 500


def test_what_became_no_event_is_counted() -> None:
    trace = tv.decode(REPLY, views=["ocsf", "ocsf"])
    assert trace.ocsf() == []
    assert [(one.code, one.count) for one in trace.skipped("ocsf")] == [("line_without_address", 1)]


def test_an_unknown_view_is_refused_with_those_there_are() -> None:
    for views in (("cef",), "cef"):
        with pytest.raises(ValueError, match=r"'cef'; there are: 'ecs', 'ocsf', 'spans'"):
            tv.decode(REPLY, views=views)  # type: ignore[arg-type]
