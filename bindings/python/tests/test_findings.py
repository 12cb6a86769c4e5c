"""The objects keep everything that search and check documents say."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tracevault import CheckResult, SearchResult

from .conftest import REPOSITORY

SEARCHES = sorted((REPOSITORY / "Tests" / "data" / "golden" / "search").glob("*.search.json"))
CHECKS = sorted((REPOSITORY / "Tests" / "data" / "golden" / "check").glob("*.check.json"))


def golden(kind: str, name: str) -> dict[str, Any]:
    path = REPOSITORY / "Tests" / "data" / "golden" / kind / f"{name}.{kind}.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.name)
def test_a_search_document_survives_the_way_in_and_out(path: Path) -> None:
    text = path.read_bytes()
    assert SearchResult.from_json(text).to_dict() == json.loads(text)


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.name)
def test_a_check_document_survives_the_way_in_and_out(path: Path) -> None:
    text = path.read_bytes()
    assert CheckResult.from_json(text).to_dict() == json.loads(text)


def test_a_found_message_is_typed() -> None:
    (message,) = found = SearchResult.from_json(golden("search", "documented"))
    assert (len(found), found.complete, found.pages, found.attempts) == (1, True, 1, 1)
    assert found.fetched_at == datetime(2026, 9, 21, 14, 13, 20, tzinfo=timezone.utc)
    assert message.message_ref == "4Njp3P0STMz2c02Q-2024-01-05T10:00:00-12345678"
    assert (message.sender, message.to) == ("a@example.net", ("b@example.org", "c@example.org"))
    assert message.delivery_status == ("quarantined",)
    assert message.is_quarantined is True
    assert message.scanned_at == datetime(2024, 1, 5, 10, 0, 1, 250000, tzinfo=timezone.utc)
    assert message.item["validation"]["spf"] == "pass"
    hash(message)


def test_a_search_says_where_it_ended_and_why() -> None:
    ended = SearchResult.from_json(golden("search", "failure_of_a_later_page"))
    assert (ended.complete, ended.next_cursor) == (False, "c1")
    assert ended.error is not None
    assert (ended.error.name, ended.error.codes) == ("TV_E_SERVER", (1234,))
    assert (ended.error.retriable, ended.error.retry_after_ms) == (True, 7000)
    repeated = SearchResult.from_json(golden("search", "repeated_cursor"))
    assert [warning.code for warning in repeated.warnings] == ["cursor_repeated"]


def test_a_search_without_messages_is_not_false() -> None:
    empty = SearchResult.from_json(golden("search", "nothing_found"))
    assert len(empty) == 0
    assert empty


def test_the_messages_of_a_search_have_places() -> None:
    found = SearchResult.from_json(golden("search", "several_pages"))
    assert len(found) >= 2
    assert found[0] == found.messages[0]
    assert found[-1] == found.messages[-1]
    assert found[:2] == found.messages[:2]
    with pytest.raises(IndexError):
        found[len(found)]


def test_a_check_is_typed() -> None:
    good = CheckResult.from_json(golden("check", "ends_soon"))
    assert (good.valid, good.kind, good.token_kind) == (True, "api_token", "account")
    assert good.expires_on == datetime(2026, 9, 23, tzinfo=timezone.utc)
    assert good.not_before == datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert [warning.code for warning in good.warnings] == ["expires_within_7_days"]
    assert good.checked_at is not None
    bad = CheckResult.from_json(golden("check", "invalid"))
    assert (bad.valid, bad.status, bad.expires_on) == (False, "unknown", None)
    assert bad.reason is not None
    assert (bad.reason.code, bad.reason.message) == (1000, "Invalid API Token")


def test_fields_of_a_later_version_are_kept() -> None:
    search = golden("search", "failure_of_a_later_page") | {"new": [1]}
    search["messages"][0]["newer"] = {"a": 1}
    search["error"]["hint"] = "x"
    read = SearchResult.from_json(search)
    assert read.later == {"new": [1]}
    assert read.messages[0].later == {"newer": {"a": 1}}
    assert read.to_dict() == search
    check = golden("check", "invalid") | {"scopes": []}
    check["reason"]["chain"] = [1]
    assert CheckResult.from_json(check).to_dict() == check


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "tracevault.search/2"},
        {"schema": None},
        {"messages": {}},
        {"messages": [1]},
        {"messages": [{"to": "a"}]},
        {"messages": [{"to": [1]}]},
        {"messages": [{"is_quarantined": "yes"}]},
        {"complete": 1},
        {"error": "broken"},
        {"error": {"status": "TV_E_SERVER", "codes": ["1"]}},
        {"pages": True},
    ],
    ids=str,
)
def test_what_is_no_search_document_is_a_value_error(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a "):
        SearchResult.from_json(golden("search", "documented") | change)


@pytest.mark.parametrize(
    "change",
    [{"schema": "tracevault.trace/1"}, {"valid": None}, {"valid": 1}, {"kind": 2}, {"reason": []}],
    ids=str,
)
def test_what_is_no_check_document_is_a_value_error(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a "):
        CheckResult.from_json(golden("check", "invalid") | change)
