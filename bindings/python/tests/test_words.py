"""The states and kinds that editors know are those of the schemas; others come through."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

import tracevault as tv
from tracevault import _member, words

from .conftest import REPOSITORY


def schema(name: str) -> Any:
    return json.loads((REPOSITORY / "docs" / f"{name}.schema.json").read_text())


TRACE, CHECK = schema("trace")["$defs"], schema("check")["properties"]
NOTICE = schema("notice")["properties"]


@pytest.mark.parametrize(
    ("known", "member"),
    [
        (words.EventKind, TRACE["event"]["properties"]["kind"]),
        (words.RecipientState, TRACE["recipient"]["properties"]["state"]),
        (words.TraceState, TRACE["summary"]["properties"]["state"]),
        (words.HopState, TRACE["hop"]["properties"]["state"]),
        (words.HopSide, TRACE["hop"]["properties"]["side"]),
        (words.HopPart, TRACE["hop"]["properties"]["slowest"]),
        (words.NextKind, TRACE["next"]["properties"]["kind"]),
        (words.TokenKind, CHECK["token_kind"]),
        (words.TokenStatus, CHECK["status"]),
        (words.NoticeKind, NOTICE["kind"]),
        (words.NoticeLevel, NOTICE["level"]),
    ],
)
def test_the_words_are_those_of_the_schema(known: Any, member: dict[str, Any]) -> None:
    assert set(get_args(known)) == {word for word in member["enum"] if word is not None}


def test_every_type_of_words_is_read_as_text() -> None:
    types = {name for name, value in vars(words).items() if get_args(value)}
    assert types == _member.WORDS - {"CredentialKind"}


def test_a_word_of_a_later_library_comes_through() -> None:
    document = {
        "schema": "tracevault.trace/1",
        "complete": True,
        "inbound": {"lines": []},
        "outbound": {"lines": []},
        "summary": {"state": "teleported", "recipients": [{"address": "a@b", "state": "beamed"}]},
    }
    trace = tv.Trace.from_json(document)
    assert str(trace.summary.state) == "teleported"
    assert [str(one.state) for one in trace.summary.recipients] == ["beamed"]
    assert trace.to_dict()["summary"] == document["summary"]
