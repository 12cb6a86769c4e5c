"""What is made when it is asked for behaves as if it had been there all the time."""

from __future__ import annotations

import copy
import dataclasses
import gc
import json
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault import _record

from .conftest import ACME, REPOSITORY

REPLIES = sorted((REPOSITORY / "Tests/data/golden/trace").glob("*.reply.json"))
SEARCHES = sorted((REPOSITORY / "Tests/data/golden/search").glob("*.search.json"))


def fresh() -> tv.Trace:
    return tv.decode(RICH.read_bytes())


def full() -> tv.Trace:
    """The same trace, read at once."""
    return tv.Trace.from_json(fresh().to_dict())


RICH = max(REPLIES, key=lambda path: path.stat().st_size)


def look_at(value: Any) -> None:
    """Ask for everything there is in a record."""
    if isinstance(value, _record.Record):
        for name in dir(value):
            if not name.startswith("_") and not callable(getattr(value, name)):
                look_at(getattr(value, name))
    elif isinstance(value, tuple):
        for one in value:
            look_at(one)


def test_nothing_is_read_before_somebody_looks_and_events_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []
    loads = json.loads

    def counting(text: bytes) -> Any:
        read.append(len(text))
        return loads(text)

    trace = fresh()
    monkeypatch.setattr(json, "loads", counting)
    assert trace.summary.state
    assert all(line.message for line in trace.lines)
    assert all(one.address for one in trace.summary.recipients)
    (brief,) = read
    assert any(line.event for line in trace.lines)
    assert trace.summary.hops
    assert len(read) == 2
    assert read[1] > 2 * brief


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.name)
def test_a_trace_says_the_same_whatever_was_looked_at_before(path: Path) -> None:
    body = path.read_bytes()
    looked, untouched = tv.decode(body), tv.decode(body)
    look_at(looked)
    whole = tv.Trace.from_json(looked.to_dict())
    assert looked == untouched == whole
    assert hash(looked) == hash(tv.decode(body)) == hash(whole)
    assert repr(looked) == repr(tv.decode(body)) == repr(whole)
    assert looked.lines == tv.decode(body).lines == whole.lines
    assert looked.summary == tv.decode(body).summary == whole.summary
    assert [line.event for line in looked.lines] == [line.event for line in whole.lines]
    assert looked.to_dict() == tv.decode(body).to_dict()


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.name)
def test_a_search_says_the_same_whatever_was_looked_at_before(path: Path) -> None:
    def lazy() -> tv.SearchResult:
        brief = tv.SearchResult.from_json(path.read_bytes()).to_dict()
        for message in brief["messages"]:
            del message["item"]
        return tv.SearchResult._of_view(path.read_bytes(), json.dumps(brief).encode())

    whole, looked = tv.SearchResult.from_json(path.read_bytes()), lazy()
    look_at(looked)
    assert whole == looked == lazy()
    assert hash(whole) == hash(lazy())
    assert repr(whole) == repr(lazy())
    assert [one.item for one in whole] == [one.item for one in lazy()]
    assert pickle.loads(pickle.dumps(lazy())) == whole  # noqa: S301


@pytest.mark.parametrize(
    "part",
    [
        lambda trace: trace,
        lambda trace: trace.inbound,
        lambda trace: trace.lines[0],
        lambda trace: next(line.event for line in trace.lines if line.event),
        lambda trace: trace.summary,
        lambda trace: trace.summary.recipients[0],
    ],
)
def test_every_part_can_be_pickled_and_copied_alone(part: Callable[[tv.Trace], Any]) -> None:
    for again in (
        pickle.loads(pickle.dumps(part(fresh()))),  # noqa: S301
        copy.copy(part(fresh())),
        copy.deepcopy(part(fresh())),
    ):
        assert again == part(full())
        assert hash(again) == hash(part(full()))
        assert again.to_dict() == part(full()).to_dict()
    assert pickle.loads(pickle.dumps(fresh().lines[0])).event == fresh().lines[0].event  # noqa: S301


def test_views_survive_pickling_and_do_not_count_for_equality() -> None:
    trace = tv.decode(RICH.read_bytes(), views=("ecs",))
    again = pickle.loads(pickle.dumps(trace))  # noqa: S301
    assert again.views == trace.views
    assert again.ecs() == trace.ecs()
    assert trace == fresh()


def changing(value: Any) -> None:
    """Change everything that can be changed."""
    if isinstance(value, dict):
        for part in value.values():
            changing(part)
        value["changed"] = 1
    elif isinstance(value, list):
        for part in value:
            changing(part)
        value.append("changed")


def test_nothing_that_is_given_out_changes_the_trace() -> None:
    for trace in (fresh(), full()):
        look_at(trace)
        before = trace.to_dict()
        changing(trace.to_dict())
        changing(trace.summary_fields)
        for line in trace.lines:
            changing(line.to_dict())
            changing(line.event_fields)
            changing(line.extra)
            changing(line.later)
        changing(trace.later)
        changing(trace.extra)
        assert trace.to_dict() == before
        assert trace == fresh()
    with pytest.raises(TypeError):
        fresh().views["ecs"] = b""  # type: ignore[index]


def test_nothing_that_was_handed_in_changes_the_trace() -> None:
    document = fresh().to_dict()
    views = {"ecs": b"{}\n"}
    trace = tv.Trace.from_json(document, views=views)
    extra = {"a": [1]}
    line = tv.Line(message="m", extra=extra)
    changing(document)
    changing(extra)
    views["ecs"] = b""
    assert trace == fresh()
    assert trace.views["ecs"] == b"{}\n"
    assert line.extra == {"a": [1]}


def test_items_of_a_search_are_copies() -> None:
    found = tv.SearchResult.from_json((SEARCHES[0].parent / "documented.search.json").read_bytes())
    changing(found.messages[0].item)
    changing(found.to_dict())
    assert "changed" not in found.messages[0].item
    assert found == tv.SearchResult.from_json(found.to_dict())


def test_no_part_can_be_changed() -> None:
    trace = fresh()
    for part in (trace, trace.inbound, trace.lines[0], trace.summary, trace.summary.recipients[0]):
        for name in ("message", "state", "tenant", "new", "_document"):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(part, name, 1)
            with pytest.raises(dataclasses.FrozenInstanceError):
                delattr(part, name)
    with pytest.raises(AttributeError):
        trace.nothing  # type: ignore[attr-defined] # noqa: B018 - the look is the test


def test_many_threads_see_one_trace() -> None:
    for _ in range(20):
        trace = fresh()
        seen: list[Any] = []
        start = threading.Barrier(8)

        def look(trace: tv.Trace = trace, seen: list[Any] = seen, start: Any = start) -> None:
            start.wait()
            events = [line.event for line in trace.lines]
            seen.append((trace.lines, events, trace.summary, trace.summary.hops))

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for lines, events, summary, hops in seen:
            assert summary is trace.summary
            assert hops is trace.summary.hops
            assert all(a is b for a, b in zip(lines, trace.lines, strict=True))
            assert all(a is b.event for a, b in zip(events, trace.lines, strict=True))


def test_a_trace_needs_neither_library_nor_parent_process() -> None:
    trace, wanted = fresh(), full()
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        same = trace == wanted and [x.event for x in trace.lines] == [x.event for x in wanted.lines]
        os.write(writer, b"same" if same else b"other")
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 16) == b"same"
    os.close(reader)
    assert os.waitpid(child, 0)[1] == 0


def test_a_kept_line_keeps_its_event() -> None:
    line = next(line for line in fresh().lines if line.event)
    gc.collect()
    assert line.event is not None
    assert line.event in [other.event for other in full().lines]


def test_objects_can_be_made_by_hand_and_say_what_is_wrong_with_the_call() -> None:
    line = tv.Line(message="m", at_text="2026-01-01T00:00:00Z", event_fields={"kind": "removed"})
    assert line.event == tv.Event(kind="removed")
    trace = tv.Trace(inbound=tv.Side(lines=(line,)), complete=False, attempts=2)
    assert tv.Trace.from_json(trace.to_dict()) == trace
    assert trace.lines == (line,)
    assert trace.to_dict()["outbound"] == {"pending": None, "lines": []}
    assert (
        tv.Line()
        == tv.Line(message="")
        == tv.Trace.from_json(
            {"schema": "tracevault.trace/1", "inbound": {"lines": [{"lineno": None}]}}
        ).lines[0]
    )
    assert tv.Line() != tv.Line(message="x")
    assert tv.Line() != tv.Side()
    with pytest.raises(TypeError, match="kind"):
        tv.Event()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="mesage"):
        tv.Line(mesage="m")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        tv.Line("m")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "member",
    [
        {"summary": {"recipients": [{"address": "a"}], "state": "s"}},
        {"summary": {"recipients": {}, "state": "s"}},
        {"inbound": {"lines": [{"event": {}}]}},
        {"inbound": {"lines": [{"event": {"kind": "x", "pid": "7"}}]}},
        {"inbound": {"lines": [{"event": {"kind": "x", "delay_s": True}}]}},
    ],
)
def test_what_is_wrong_is_told_at_once_however_late_it_would_be_looked_at(
    member: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="not a TraceVault document: "):
        tv.Trace.from_json({"schema": "tracevault.trace/1", **member})


def test_a_trace_is_read_when_somebody_looks_and_like_a_search_first_its_brief_form(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    loads = json.loads

    def counting(text: Any, **options: Any) -> Any:
        read.append(len(text))
        return loads(text, **options)

    monkeypatch.setattr(json, "loads", counting)
    trace = engine.trace(acme, ACME, server.messages_of(ACME)[0].investigate_id)
    assert read == []
    found = engine.search(acme, ACME, start="2000-01-01T00:00:00Z", limit=5)
    assert len(read) == 1
    assert trace.summary.state
    assert all(line.message for line in trace.lines)
    assert all(one.message_ref for one in found)
    brief = [*read]
    assert len(brief) == 2
    assert any(line.event for line in trace.lines)
    assert all(one.item for one in found)
    assert len(read) == 4
    assert all(whole > short for whole, short in zip(read[2:], reversed(brief), strict=True))
