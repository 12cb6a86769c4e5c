"""What is said of a whole message: by what is not known, not only that something is not."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import tracevault as tv
from tracevault.cli import out, words
from tracevault.cli.html.page import html_page
from tracevault.cli.path import path_lines
from tracevault.cli.verbs import batch

BEHIND = "what became of it behind the filter is not known yet"
SOME = "of some nothing is known"
SENT = "accepted by the next server"
GATHERING = "Cloudflare is still gathering lines"


def trace(
    *states: str,
    complete: bool = False,
    unaccounted: bool = False,
    hop: str = "removed",
    action: str = "pass",
    notified: bool = False,
) -> tv.Trace:
    event = {"kind": "policy", "action": action}
    following = [{"id": "N", "kind": "notification_queue_id"}] if notified else []
    people = [{"address": f"{at}@b.example", "state": one} for at, one in enumerate(states)]
    codes = ["recipients_unaccounted"] if unaccounted else []
    return tv.Trace.from_json(
        {
            "schema": "tracevault.trace/1",
            "complete": complete,
            "inbound": {"lines": [{"message": "", "event": event}]},
            "outbound": {"lines": []},
            "summary": {
                "state": "incomplete",
                "recipients": people,
                "hops": [{"queue_id": "H", "side": "inbound", "state": hop}],
                "next_queue_ids": following,
            },
            "warnings": [{"code": code, "count": 1, "path": ""} for code in codes],
        }
    )


FILTER = "accepted_by_filter"


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (trace(FILTER), f"Taken over by a filter; {BEHIND}."),
        (trace(FILTER, FILTER), f"2 recipients: taken over by a filter; {BEHIND}."),
        (trace(FILTER, complete=True), f"1 recipient: 1 taken over by a filter, and {SOME}."),
        (trace(FILTER, unaccounted=True), f"1 recipient: 1 taken over by a filter, and {SOME}."),
        (trace("sent"), f"Accepted by the next server so far; {GATHERING}."),
        (trace("sent", "sent"), f"2 recipients: accepted by the next server so far; {GATHERING}."),
        (trace("sent", complete=True), f"1 recipient: 1 {SENT}, and {SOME}."),
        (trace("sent", unaccounted=True), f"1 recipient: 1 {SENT}, and {SOME}."),
        (trace("sent", hop="expired"), f"1 recipient: 1 {SENT}, and {SOME}."),
        (trace("sent", action="reject"), f"1 recipient: 1 {SENT}, and {SOME}."),
        (trace("sent", notified=True), f"1 recipient: 1 {SENT}, and {SOME}."),
    ],
)
def test_what_a_filter_has_is_told_from_recipients_of_whom_nothing_is_known(
    one: tv.Trace, said: str
) -> None:
    assert words.verdict(one) == said


def test_terminal_page_and_batch_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    one = trace(FILTER)
    file = io.StringIO()
    Console(file=file, width=200).print(path_lines(one))
    assert BEHIND in file.getvalue()
    for page in (html_page([one]), html_page([one, one])):
        assert BEHIND in page
        assert "not tell of every recipient" not in page
        assert page.count("not known of all recipients") == 0
    lines: list[Any] = []
    monkeypatch.setattr(out, "line", lines.append)
    result: Any = SimpleNamespace(
        tag=SimpleNamespace(message_ref="R"), request=None, trace=one, error=None
    )
    batch._show(result, "table", SimpleNamespace(take=lambda trace: None))  # type: ignore[arg-type]
    assert lines == [f"R  taken over by a filter; {BEHIND} (not complete yet)  0@b.example"]
