"""What is drawn stands where the story has it: each piece and each try in proportion to the time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
import tracevault as tv
from pictures import hard_pictures, pictures
from rich.console import Console
from rich.text import Text
from tracevault.cli import words
from tracevault.cli.bars import FILLS, Bars
from tracevault.cli.html import chart, html_page
from tracevault.cli.path import path_lines
from tracevault.cli.story import Leg, Part, Story, Try, scale
from tracevault.cli.storyteller import tell

ALL = {**pictures(), **hard_pictures()}
#: More tries than this may leave out what has no room.
CROWD = 40
#: How far a shape may be from its place so that it can be seen, in per cent of the page's bar.
SHAPE, DISC = 0.51, 1.21

PUT_OFF = Leg(
    None, "inbound", 0, 20,
    parts=(Part("arrive", 0, 5), Part("queue", 5, 10), Part("connect", 10, 12),
           Part("send", 12, 15), Part("wait", 15, 20)),
    tries=(Try("deferred", 15),),
    still=True,
)  # fmt: skip
HANDED_ON = Leg(
    None, "outbound", 20, 40,
    parts=(Part("send", 20, 40),),
    tries=(Try("bounced", 30), Try("sent", 40)),
)  # fmt: skip


def rows(lines: Iterator[object]) -> list[str]:
    return [line.plain for line in lines if isinstance(line, Text)]


@pytest.mark.parametrize(
    ("ascii_only", "first", "second"),
    [
        (True, "aaaaaaaaaaqqqqqqqqqqcccc######~.........", "####################x##################+"),
        (False, "▒▒▒▒▒▒▒▒▒▒▤▤▤▤▤▤▤▤▤▤▓▓▓▓██████◷░░░░░░░░░", "████████████████████✘██████████████████✔"),
    ],
    ids=["ascii", "signs"],
)  # fmt: skip
def test_two_bars_over_one_scale_are_drawn_like_this(
    ascii_only: bool, first: str, second: str
) -> None:
    bars = Bars(Story((), (PUT_OFF, HANDED_ON), None, False), 124, ascii_only)
    _, one, other, *_ = (row[bars.label + 2 :] for row in rows(bars.lines()))
    there = ">" if ascii_only else "▸"
    assert one == f"{first}{' ' * 39}{there} 20 s so far"
    assert other == f"{' ' * 40}{second} 20 s"


#: How long the picture is, and the marks of its axis: label, place in per cent, how it is anchored.
AXES: dict[float, list[tuple[str, float, str]]] = {
    20: [("0", 0, "start"), ("5 s", 25, "middle"), ("10 s", 50, "middle"), ("15 s", 75, "middle"),
         ("20 s", 100, "end")],
    12.5: [("0", 0, "start"), ("5 s", 40, "middle"), ("10 s", 80, "middle")],
    0.3: [("0", 0, "start"), ("100 ms", 33.33, "middle"), ("200 ms", 66.67, "middle"),
          ("300 ms", 100, "end")],
    0.7: [("0", 0, "start"), ("200 ms", 28.57, "middle"), ("400 ms", 57.14, "middle"),
          ("600 ms", 85.71, "middle")],
    0.004: [("0", 0, "start"), ("1 ms", 25, "middle"), ("2 ms", 50, "middle"),
            ("3 ms", 75, "middle"), ("4 ms", 100, "end")],
    301: [("0", 0, "start"), ("2 min", 39.87, "middle"), ("4 min", 79.73, "middle")],
    86400: [("0", 0, "start"), ("6 h", 25, "middle"), ("12 h", 50, "middle"),
            ("18 h", 75, "middle"), ("1 d", 100, "end")],
    864000: [("0", 0, "start"), ("2 d", 20, "middle"), ("4 d", 40, "middle"), ("6 d", 60, "middle"),
             ("8 d", 80, "middle"), ("10 d", 100, "end")],
    0: [("0", 0, "start")],
}  # fmt: skip


@pytest.mark.parametrize("whole", AXES)
@pytest.mark.parametrize("start", [0.0, 117.0], ids=["from 0", "later"])
def test_the_axis_of_a_page_has_its_marks_at_these_places(whole: float, start: float) -> None:
    drawn = ElementTree.fromstring(f"<th>{chart.axis(None, start, start + whole)}</th>")
    (svg,) = drawn.findall("svg")
    marks = [
        (one.text, percent(one, "x"), one.attrib["text-anchor"]) for one in svg.findall("text")
    ]
    assert marks == AXES[whole]
    lines = [(percent(one, "x1"), percent(one, "x2")) for one in svg.findall("line")]
    assert lines == [(at, at) for _, at, _ in AXES[whole]], "each label has its line"


def test_two_bars_of_a_page_have_their_pieces_and_tries_at_these_places() -> None:
    pieces, tries = [], []
    for leg in (PUT_OFF, HANDED_ON):
        drawn = ElementTree.fromstring(str(chart.bar(leg, 0, 40)))
        pieces.append([(one.attrib["class"].removeprefix("part "), percent(one, "x"),
                        percent(one, "width")) for one in drawn.findall("rect")])  # fmt: skip
        tries.append([(one.attrib["class"].removeprefix("mark "), percent(one, "cx"))
                      for one in drawn.findall("circle")])  # fmt: skip
    assert pieces == [
        [("arrive", 0, 12.5), ("queue", 12.5, 12.5), ("connect", 25, 5), ("send", 30, 7.5),
         ("wait", 37.5, 12.5)],
        [("send", 50, 50)],
    ]  # fmt: skip
    # The last disc ends where the bar does.
    assert tries == [[("wait", 37.5)], [("bad", 75), ("good", 98.8)]]


def drawn_bars(trace: tv.Trace, width: int) -> list[str]:
    """The cells of every bar, as they were printed."""
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(path_lines(trace))
    bars = Bars(tell(trace), width, False)
    found = [line for line in captured.get().splitlines() if re.match(r" +\d+ (in|out) ", line)]
    return [line.ljust(width)[bars.label + 2 :][: bars.bar] for line in found]


@pytest.mark.parametrize("name", ALL)
def test_every_cell_of_a_bar_shows_what_was_going_on_then(name: str) -> None:
    legs = tell(ALL[name]).legs
    begin, end = scale(legs)
    for width in (100, 160):
        bars = drawn_bars(ALL[name], width)
        assert len(bars) == len(legs)
        for leg, cells in zip(legs, bars, strict=True):
            per_second = len(cells) / (end - begin) if end > begin else 0.0
            ends = {words.SIGNS[words.state_of(one.state).tone][0] for one in leg.tries}
            may_cover = {*ends, "▸"}
            covered: set[int] = set()
            for part in leg.parts:
                first, last = ((at - begin) * per_second for at in (part.start, part.end))
                inside = range(math.ceil(first), math.floor(last))
                shown = {cells[at] for at in inside}
                assert shown <= {FILLS[part.kind][0], *may_cover}, (part, cells)
                covered |= set(range(math.floor(first) - 1, math.ceil(last) + 2))
            for one in leg.tries:
                at = min(len(cells) - 1, int((one.at - begin) * per_second))
                assert cells[at] in may_cover, (one, cells)
                covered.add(at)
            outside = {cells[at] for at in set(range(len(cells))) - covered}
            assert outside <= {" ", "▸"}, cells
            if leg.tries and not leg.still:
                state = leg.tries[-1].state
                last = min(len(cells) - 1, int((leg.tries[-1].at - begin) * per_second))
                assert cells[last] == words.SIGNS[words.state_of(state).tone][0]
            assert (cells[-1] == "▸") == leg.still


def shapes(trace: tv.Trace) -> list[ElementTree.Element]:
    """Every bar of the page, as the elements of its drawing."""
    found = re.findall(r'<svg role="img".*?</svg>', html_page([trace]), flags=re.DOTALL)
    return [ElementTree.fromstring(one) for one in found]


def percent(shape: ElementTree.Element, name: str) -> float:
    return float(shape.attrib[name].removesuffix("%"))


@pytest.mark.parametrize("name", ALL)
def test_every_piece_of_a_pages_bar_stands_where_the_story_has_it(name: str) -> None:
    legs = [(leg, scale(way.legs)) for way in tell(ALL[name]).ways for leg in way.legs]
    drawn = shapes(ALL[name])
    assert len(drawn) == len(legs)
    for (leg, (begin, end)), bar in zip(legs, drawn, strict=True):
        share = 100 / (end - begin) if end > begin else 0.0
        pieces = bar.findall("rect")
        wanted = [
            part
            for part in leg.parts
            if len(leg.tries) <= CROWD or (part.end - part.start) * share >= SHAPE
        ]
        left = iter(pieces)
        for part in wanted:
            at = (part.start - begin) * share
            fits = (one for one in left if one.attrib["class"] == f"part {part.kind}"
                    and abs(percent(one, "x") - at) < SHAPE)  # fmt: skip
            piece = next(fits, None)
            assert piece is not None, (part, at)
            assert abs(percent(piece, "width") - (part.end - part.start) * share) < SHAPE
        assert len(pieces) == len(wanted) or len(leg.tries) > CROWD


@pytest.mark.parametrize("name", ALL)
def test_every_try_has_its_sign_at_its_moment_on_a_page(name: str) -> None:
    legs = [(leg, scale(way.legs)) for way in tell(ALL[name]).ways for leg in way.legs]
    for (leg, (begin, end)), bar in zip(legs, shapes(ALL[name]), strict=True):
        share = 100 / (end - begin) if end > begin else 0.0
        told = [(words.state_of(one.state).tone, (one.at - begin) * share) for one in leg.tries]
        discs = [(one.attrib["class"], percent(one, "cx")) for one in bar.findall("circle")]
        signs = [(one.text, percent(one, "x")) for one in bar.findall("text")]
        shown = {f"mark {tone}": sign for tone, (sign, _) in words.SIGNS.items()}
        assert signs == [(shown[tone], at) for tone, at in discs]
        if len(told) <= CROWD:
            assert [tone for tone, _ in discs] == [f"mark {tone}" for tone, _ in told]
            places = zip(discs, told, strict=True)
            assert all(abs(at - wanted) < DISC for (_, at), (_, wanted) in places)
            continue
        assert len(discs) > 30, "a crowd leaves out only what has no room"
        assert abs(discs[-1][1] - told[-1][1]) < DISC, "the last one always has its sign"
        assert all(min(abs(at - wanted) for _, wanted in told) < DISC for _, at in discs)


@pytest.mark.parametrize("whole", [0.0, 0.004, 7, 3600, 2_160_000, 2_160_001, 1e11, 1e15])
def test_the_scale_has_at_most_six_marks_however_long_a_log_line_says_it_took(whole: float) -> None:
    drawn = chart.axis(None, 0, whole)
    marks = re.findall(r'<line x1="([0-9.]+)%"', drawn)
    assert 1 <= len(marks) <= 6
    assert [float(mark) for mark in marks] == sorted({float(mark) for mark in marks})
    assert float(marks[-1]) <= 100
