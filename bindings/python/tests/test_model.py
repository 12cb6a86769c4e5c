"""The objects keep everything a trace document says."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tracevault import Trace
from tracevault._fields import parse_time

from .conftest import REPOSITORY

GOLDEN = REPOSITORY / "Tests" / "data" / "golden" / "trace"

DOCUMENT: dict[str, Any] = {
    "schema": "tracevault.trace/1",
    "account_id": "023e105f4ecef8ad9ca31a8372d0c353",
    "tenant": "acme",
    "message_ref": "4Njp3P0STMz2c02Q",
    "fetched_at": "2026-11-23T04:00:00.123456789Z",
    "complete": False,
    "cf_ray": "8f00000000000000-FRA",
    "http_status": 200,
    "attempts": 2,
    "queue_id": {"value": "4Njp3P0STMz2c02Q", "time": "2022-12-30T01:44:49.066215Z"},
    "inbound": {
        "pending": False,
        "lines": [
            {
                "lineno": 0,
                "at": "2022-12-30T01:44:49.123456789Z",
                "at_raw": "2022-12-30 01:44:49.123456789",
                "message": "postfix/smtpd[1]: connect",
                "extra": {"host": "mx1"},
            },
            {"message": "no time, no number"},
        ],
    },
    "outbound": {"pending": True, "lines": []},
    "warnings": [{"code": "time_zone_missing", "count": 1, "path": "/inbound/lines/0"}],
}


def changed(**values: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(DOCUMENT)), **values}


def test_a_document_survives_the_way_in_and_out() -> None:
    assert Trace.from_json(json.dumps(DOCUMENT).encode()).to_dict() == DOCUMENT


def test_a_later_look_that_failed_is_told() -> None:
    error = {
        "status": "TV_E_SERVER",
        "message": "Cloudflare failed",
        "retriable": True,
        "retry_after_ms": 2000,
        "http_status": 500,
        "codes": [7],
    }
    trace = Trace.from_json(changed(error=error))
    assert trace.error is not None
    assert (trace.error.name, trace.error.retriable) == ("TV_E_SERVER", True)
    assert (trace.error.retry_after_ms, trace.error.http_status) == (2000, 500)
    assert trace.error.codes == (7,)
    assert trace.to_dict() == changed(error=error)
    assert Trace.from_json(DOCUMENT).error is None


def test_every_field_is_typed() -> None:
    trace = Trace.from_json(DOCUMENT)
    assert trace.account_id == "023e105f4ecef8ad9ca31a8372d0c353"
    assert trace.complete is False
    assert trace.attempts == 2
    assert trace.queue_id is not None
    assert trace.queue_id.time == datetime(2022, 12, 30, 1, 44, 49, 66215, timezone.utc)
    assert trace.fetched_at == datetime(2026, 11, 23, 4, 0, 0, 123456, timezone.utc)
    assert [line.message for line in trace.lines] == [
        "postfix/smtpd[1]: connect",
        "no time, no number",
    ]
    assert trace.outbound.pending is True


def test_nanoseconds_stay_in_the_text_when_datetime_cannot_hold_them() -> None:
    line = Trace.from_json(DOCUMENT).inbound.lines[0]
    assert line.at_text == "2022-12-30T01:44:49.123456789Z"
    assert line.at_raw == "2022-12-30 01:44:49.123456789"
    assert line.at == datetime(2022, 12, 30, 1, 44, 49, 123456, timezone.utc)


def test_a_line_without_time_and_number_survives() -> None:
    line = Trace.from_json(DOCUMENT).inbound.lines[1]
    assert (line.at, line.at_text, line.lineno, line.message) == (
        None,
        None,
        None,
        "no time, no number",
    )


@pytest.mark.parametrize("pending", [True, False, None])
def test_pending_is_kept_in_all_three_states(pending: bool | None) -> None:
    trace = Trace.from_json(changed(inbound={"pending": pending, "lines": []}))
    assert trace.inbound.pending is pending


@pytest.mark.parametrize("side", [None, {}, {"lines": None}, {"pending": None, "lines": []}])
def test_missing_and_null_sides_are_empty_sides(side: object) -> None:
    trace = Trace.from_json(changed(inbound=side))
    assert trace.inbound.lines == ()
    assert trace.inbound.pending is None


def test_fields_of_later_versions_are_kept_at_every_level() -> None:
    document = changed(outlook={"state": "sent"})
    document["inbound"]["hops"] = 3
    document["inbound"]["lines"][0]["weather"] = {"kind": "delivery"}
    document["queue_id"]["inode"] = 17775358
    document["warnings"][0]["note"] = "n"
    trace = Trace.from_json(document)
    assert trace.later == {"outlook": {"state": "sent"}}
    assert trace.inbound.later == {"hops": 3}
    assert trace.inbound.lines[0].later == {"weather": {"kind": "delivery"}}
    assert trace.inbound.lines[0].extra == {"host": "mx1"}
    assert trace.to_dict() == document


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.trace.json")), ids=lambda p: p.name)
def test_every_golden_document_survives_the_way_in_and_out(path: Path) -> None:
    text = path.read_bytes()
    trace = Trace.from_json(text)
    assert trace.to_dict() == json.loads(text)
    assert trace.later == trace.inbound.later == trace.outbound.later == {}
    assert all(line.later == {} for line in trace.lines)
    assert all((line.at is None) == (line.at_text is None) for line in trace.lines)


def test_there_are_golden_documents() -> None:
    assert len(list(GOLDEN.glob("*.trace.json"))) > 20


def test_a_trace_cannot_be_changed_and_can_be_compared_and_hashed() -> None:
    trace = Trace.from_json(DOCUMENT)
    with pytest.raises(dataclasses.FrozenInstanceError):
        trace.tenant = "other"  # type: ignore[misc]
    assert trace == Trace.from_json(DOCUMENT)
    assert len({trace, Trace.from_json(DOCUMENT)}) == 1


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "the document is list, not an object"),
        ({}, "its schema is None"),
        (changed(schema="tracevault.trace/2"), "its schema is 'tracevault.trace/2'"),
        (changed(complete="yes"), "complete is str, not true or false"),
        (changed(attempts=True), "attempts is bool, not an integer"),
        (changed(inbound=7), "inbound is int, not an object"),
        (changed(inbound={"lines": {}}), "inbound.lines is dict, not an array"),
        (changed(inbound={"lines": ["x"]}), r"inbound.lines\[0\] is str, not an object"),
        (
            changed(inbound={"lines": [{"message": 1}]}),
            r"inbound.lines\[0\].message is int, not text",
        ),
        (changed(queue_id={}), "queue_id.value is NoneType, not text"),
    ],
)
def test_what_is_not_a_trace_document_is_refused_with_the_place(document: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Trace.from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, 0, timezone.utc)),
        ("2026-01-02t03:04:05.5z", datetime(2026, 1, 2, 3, 4, 5, 500000, timezone.utc)),
        (
            "2026-01-02T03:04:05-05:30",
            datetime(2026, 1, 2, 3, 4, 5, 0, timezone(-timedelta(hours=5, minutes=30))),
        ),
        ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5, 0, timezone.utc)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, 0, 0, 0, 0, timezone.utc)),
        ("9999-12-31T23:59:60Z", None),
        ("2026-02-30T03:04:05Z", None),
        ("2026-01-02T03:04:05Z\n", None),
        ("2026-01-02T03:04:05+99:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_or_none_but_never_an_error(
    text: str | None, moment: datetime | None
) -> None:
    assert parse_time(text) == moment
