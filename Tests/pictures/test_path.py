"""The path of a message in the terminal: it fits, tells the truth, and nothing steers the terminal."""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import pytest
import tracevault as tv
from pictures import HOSTILE, golden, hard_pictures, hostile, many_lines, pictures, without_times
from rich.cells import cell_len
from rich.console import Console
from tracevault.cli import words
from tracevault.cli.path import path_lines
from tracevault.cli.printable import printable
from tracevault.cli.story import Leg
from tracevault.cli.storyteller import tell

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (60, 80, 100, 140, 200)
ALL = {**pictures(), **hard_pictures()}
#: What rich itself may write in colour.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def printed(
    trace: tv.Trace, width: int = 100, *, colours: bool = False, ascii: bool = False
) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii" if ascii else "utf-8", errors="backslashreplace")
    system: Literal["truecolor"] | None = "truecolor" if colours else None
    console = Console(file=file, width=width, force_terminal=colours, color_system=system)
    console.print(path_lines(trace))
    file.flush()
    return raw.getvalue().decode()


def legs(name: str) -> tuple[Leg, ...]:
    return tell(golden(name)).legs


@pytest.mark.parametrize("name", ALL)
def test_a_path_fits_every_width(name: str) -> None:
    for width in WIDTHS:
        text = printed(ALL[name], width)
        assert max(map(cell_len, text.splitlines())) <= width, (name, width)


@pytest.mark.parametrize("name", ALL)
def test_a_path_can_be_read_on_a_terminal_that_is_too_narrow(name: str) -> None:
    for width in (20, 40):
        lines = printed(ALL[name], width).splitlines()
        assert max(map(cell_len, lines)) <= width, (name, width)


@pytest.mark.parametrize("name", ALL)
def test_nothing_of_a_trace_reaches_the_terminal_unescaped(name: str) -> None:
    for colours in (False, True):
        text = printed(ALL[name], 120, colours=colours)
        plain = COLOUR.sub("", text) if colours else text
        assert all(printable(line) == line for line in plain.splitlines())


def test_words_of_strangers_are_no_markup_and_no_links() -> None:
    text = printed(hostile(), 200)
    assert "[bold red]markup[/] :bomb:" in text
    joined = text.replace("\n", "").replace(" ", "")
    said = [one.reply for one in hostile().summary.recipients if one.reply]
    assert sum(any(text in one for one in said) for text in HOSTILE) > len(HOSTILE) / 2
    assert all(printable(one).replace(" ", "") in joined for one in said)


def test_colours_add_nothing_that_words_do_not_say() -> None:
    for trace in pictures().values():
        assert COLOUR.sub("", printed(trace, colours=True)) == printed(trace)


def test_a_terminal_of_ascii_alone_gets_ascii_alone() -> None:
    for name, trace in pictures().items():
        text = printed(trace, ascii=True)
        assert text.isascii() and "\\u" not in text, name


def test_who_handed_it_in_and_who_got_it_is_told() -> None:
    text = printed(golden("summary_two_hops"), 140)
    assert "handed in by mail-eopbgr70139.outbound.protection.example.net [203.0.113.139]" in text
    assert "from         billing@supplier.example.net" in text
    assert "✔ anna.schmidt@acme.example.com" in text
    assert "Accepted by the next server. That is not yet the inbox" in text
    assert "2026-11-20 09:41:28.424 UTC, 5 min 4 s after this server had it, at try 2" in text
    assert "it said      250 2.6.0 <AM0PR07MB5571" in text
    assert "46192382509321  Exchange InternalId: in Exchange's message trace" in text
    assert "4Njp3Q1n8zz2c0B7  queue id" not in text, "an id of this trace is no place to look next"


def test_where_the_time_went_is_told_for_each_hop() -> None:
    text = printed(golden("summary_two_hops"), 140)
    assert "1.7 s of it sending it to the next server" in text
    assert "5 min 1 s of it waiting for another try" in text


def test_a_last_look_that_failed_is_told_once_with_what_to_do() -> None:
    text = " ".join(printed(ALL["last_look_failed"], 200).split())
    assert "last look failed: the server said: </script>" in text
    assert "(TV_E_SERVER, HTTP 503, code 7); ask again in 30 s; what is shown came before" in text
    assert text.count("last look failed") == 1


def test_every_state_of_the_document_has_honest_words() -> None:
    document = (ROOT / "docs/trace.md").read_text()
    table = document.split("### A recipient")[1].split("### A hop")[0]
    states = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", table, flags=re.M))))
    assert {"sent", "deferred", "expanded", "undeliverable"} <= states
    assert states <= set(words.STATES)
    assert "inbox" in words.STATES["sent"].means
    assert not any("delivered to" in state.label for state in words.STATES.values())


def test_a_word_of_a_later_version_stands_for_itself() -> None:
    assert words.state_of("made_up_later").label == "made up later"
    assert words.state_of("made_up_later").tone == "unsure"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (0.04, "40 ms"), (0.9996, "1 s"), (1.9, "1.9 s"), (59.97, "1 min"),
     (304, "5 min 4 s"), (7500, "2 h 5 min"), (273600, "3 d 4 h")],
)  # fmt: skip
def test_a_duration_reads_well(seconds: float, told: str) -> None:
    assert words.duration(seconds) == told


# ---- the story behind the picture -----------------------------------------------------------


def test_a_put_off_message_waits_between_its_tries() -> None:
    (leg,) = legs("real_deferred_then_sent")
    assert [one.state for one in leg.tries] == ["deferred", "sent"]
    assert leg.longest == ("wait", 7.3)
    assert max(leg.parts, key=lambda part: part.end - part.start).kind == "wait"
    assert leg.seconds == 7.3


def test_pieces_of_a_bar_follow_each_other_inside_it() -> None:
    for trace in ALL.values():
        for way in tell(trace).ways:
            for leg in way.legs:
                edges = [
                    leg.start,
                    *(edge for part in leg.parts for edge in (part.start, part.end)),
                ]
                assert edges == sorted(edges)
                assert leg.end >= leg.start
                assert all(part.end <= leg.end + 1e-9 for part in leg.parts)


def test_recipients_of_one_transaction_go_together() -> None:
    ways = tell(ALL["many_recipients"]).ways
    assert sorted(len(way.recipients) for way in ways) == [1] * 10 + [50]


def test_what_is_in_a_queue_is_still_there_and_what_was_handed_on_is_not() -> None:
    first, second = legs("summary_on_its_way")
    assert (first.still, second.still) == (False, True)
    assert [part.kind for part in second.parts] == ["there"]
    assert first.tries[-1].state == "sent"


def test_a_refusal_before_any_queue_is_a_moment_of_its_own() -> None:
    first = legs("summary_mixed")[0]
    assert first.hop is None and first.tries[0].state == "rejected" and first.parts == ()


def test_a_filter_that_throws_away_is_not_called_accepted() -> None:
    ways = tell(golden("summary_mixed")).ways
    (way,) = (way for way in ways if way.recipients[0].address == "d@acme.example")
    assert way.legs[0].tries[-1].state == "discarded"


def test_lines_without_times_are_placed_by_their_delays() -> None:
    story = tell(without_times())
    assert story.begin is None
    assert [round(part.end - part.start, 2) for part in story.legs[0].parts] == [
        0.09,
        0.01,
        1.2,
        2.1,
    ]
    assert "no times" in printed(without_times())


def test_a_bar_begins_where_the_log_says_it_when_the_delay_cannot_be_true() -> None:
    hop = next(leg for leg in legs("events_hostile") if leg.hop is not None)
    begin = tell(golden("events_hostile")).begin
    assert hop.hop is not None and hop.hop.first_at is not None and begin is not None
    assert begin + timedelta(seconds=hop.start) == hop.hop.first_at
    assert hop.seconds == 1.5, "the number is Postfix's all the same"


def test_a_long_trace_is_one_picture() -> None:
    text = printed(many_lines(), 100)
    assert len(text.splitlines()) < 40
    assert "so far" in text and "put off" in text


def test_times_are_shown_in_utc_whatever_zone_they_are_in() -> None:
    zone = timezone(timedelta(hours=5))
    assert words.when(datetime(2026, 1, 5, 3, 0, tzinfo=zone)) == "2026-01-04 22:00:00"
