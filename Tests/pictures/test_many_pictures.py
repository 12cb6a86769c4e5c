"""Every trace has a picture and a page: all golden ones, and conversations in any order of lines."""

from __future__ import annotations

import html.parser
import json
import os
import random
from collections.abc import Iterator

import pytest
import tracevault as tv
from conversations import Maker, reply
from pictures import GOLDEN, decoded, golden, many_recipients
from rich.cells import cell_len
from rich.console import Console
from tracevault.cli.html import html_page
from tracevault.cli.path import path_lines
from tracevault.cli.printable import printable
from tracevault.cli.storyteller import tell

#: How many conversations; `make test-story` asks for 100,000 of its own.
CONVERSATIONS = min(2000, int(os.environ.get("TRACEVAULT_CONVERSATIONS", "150")))


def golden_names() -> list[str]:
    return sorted(path.name.removesuffix(".reply.json") for path in GOLDEN.glob("*.reply.json"))


def conversations() -> Iterator[tv.Trace]:
    for seed in range(CONVERSATIONS):
        dice = random.Random(-1 - seed)
        has_times = dice.random() < 0.85
        made = reply(Maker(seed).make(), dice, has_times)
        yield decoded(json.dumps(made).encode())


class Balance(html.parser.HTMLParser):
    """Complains of an end tag that ends something else."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Shapes of a drawing."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def printed(trace: tv.Trace, width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(path_lines(trace))
    return captured.get()


def has_a_picture_and_a_page(trace: tv.Trace) -> None:
    story = tell(trace)
    shown = [one for way in story.ways for one in way.recipients]
    assert sorted(one.address for one in shown) == sorted(
        one.address for one in trace.summary.recipients
    )
    for leg in (leg for way in story.ways for leg in way.legs):
        edges = [edge for part in leg.parts for edge in (part.start, part.end)]
        assert edges == sorted(edges)
    for way in story.ways:
        state, last = way.recipients[0].state, way.legs[-1]
        if state == "queued":
            assert last.still, "what is in a queue is still there"
        elif state != "unknown" and (state != "expanded" or last.tries):
            assert last.tries[-1].state == state, "a way ends as its recipients are told to"
    for width in (60, 120):
        text = printed(trace, width)
        assert max(map(cell_len, text.splitlines())) <= width
        assert all(printable(line) == line for line in text.splitlines())
    checked = Balance()
    checked.feed(html_page([trace]))
    assert checked.wrong == [] and checked.open == []


@pytest.mark.parametrize("name", golden_names())
def test_every_golden_trace_has_a_picture_and_a_page(name: str) -> None:
    has_a_picture_and_a_page(golden(name))


def test_every_conversation_has_a_picture_and_a_page() -> None:
    for trace in conversations():
        has_a_picture_and_a_page(trace)


def test_recipients_whose_copies_went_together_are_told_together() -> None:
    text = printed(many_recipients(), 100)
    assert text.count("it said") == 11
    assert all(f"p{number}@acme.example" in text for number in range(60))


def test_a_long_list_of_recipients_is_cut_and_counted() -> None:
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(path_lines(many_recipients(), recipients=40))
    text = captured.get()
    assert text.count("@acme.example") == 40
    assert "and 20 recipients more" in text
