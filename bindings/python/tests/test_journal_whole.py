"""A journal keeps what is whole: a trace that may still grow is asked again, and so is the rest of
a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault import journal

from .conftest import ACME

LONG_AGO = "2000-01-01T00:00:00Z"


@pytest.fixture
def growing(server: Standin) -> str:
    """The reference of a message whose trace is pending for some looks."""
    server.reset()
    mail = server.messages_of(ACME)
    return str(max(mail, key=lambda one: one.pending_requests).postfix_id)


def traced(engine: tv.Engine, acme: tv.Tenant, path: Path, ref: str, **how: Any) -> tv.Result:
    (result,) = engine.batch([tv.Request.trace(acme, ACME, ref, **how)], resume=path)
    return result


def test_a_trace_that_may_still_grow_is_asked_again_until_it_is_complete(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, growing: str
) -> None:
    first = traced(engine, acme, tmp_path / "j", growing)
    assert not first.unwrap().complete
    second = traced(engine, acme, tmp_path / "j", growing, wait=20)
    assert (second.unwrap().complete, second.resumed) == (True, False)
    third = traced(engine, acme, tmp_path / "j", growing)
    assert third.resumed
    assert third.unwrap().to_dict() == second.unwrap().to_dict()


def test_a_journal_of_before_that_kept_one_that_was_growing_is_gone_on_with(
    engine: tv.Engine,
    acme: tv.Tenant,
    tmp_path: Path,
    growing: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as before:
        before.setattr(journal, "_is_whole", lambda *_: True, raising=False)
        assert not traced(engine, acme, tmp_path / "j", growing).unwrap().complete
    again = traced(engine, acme, tmp_path / "j", growing, wait=20)
    assert (again.unwrap().complete, again.resumed) == (True, False)
    assert traced(engine, acme, tmp_path / "j", growing).unwrap().complete


def test_a_search_of_which_a_later_page_did_not_come_is_asked_again(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    word = "standin-page2-fail-404"
    asked = [tv.Request.search(acme, ACME, query=word, per_page=4, start=LONG_AGO)]
    for _ in range(2):
        (result,) = engine.batch(asked, resume=tmp_path / "j")
        assert result.unwrap().error is not None
        assert not result.resumed


def test_what_is_to_be_asked_in_any_case_is_not_told_from_the_journal(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    first = traced(engine, acme, tmp_path / "j", "slow-0").unwrap()
    fresh = traced(engine, acme, tmp_path / "j", "slow-0", fresh=True)
    assert not fresh.resumed
    known = traced(engine, acme, tmp_path / "j", "slow-0")
    assert known.resumed
    assert known.unwrap().fetched_at_text == fresh.unwrap().fetched_at_text, "the newest counts"
    assert first.fetched_at_text != fresh.unwrap().fetched_at_text
