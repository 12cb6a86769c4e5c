"""A page and a picture stay small and quick, whatever a reply holds.

Times are this thread's own: a busy machine does not lengthen them much.
"""

from __future__ import annotations

import io
import json
import re
import time

import pytest
from rich.console import Console

import tracevault as tv
from tracevault.cli import out
from tracevault.cli.html import html_page
from tracevault.cli.html.markup import prose, shown, theirs
from tracevault.cli.path import path_lines
from tracevault.cli.storyteller import tell

pytestmark = pytest.mark.usefixtures("library_path")

MIB = 1 << 20
#: Each of them is spelt out and marked.
HOSTILE = {"line ends": "\n", "overrides": "\u202e", "by turns": "\n\u202e", "right to left": "אA"}


def reply_of(said: str, count: int = 1) -> bytes:
    message = (
        "4jXtPB72Kpz7S8D: to=<a@b.example>, relay=x[192.0.2.4]:25, delay=1, delays=1/1/1/1, "
        f"dsn=5.0.0, status=bounced (host x said: 550 {said})"
    )
    lines = [
        {"lineno": at, "logged_at": "2026-11-29T10:00:00Z", "message": message}
        for at in range(count)
    ]
    result = {"inbound": {"lines": lines}, "outbound": None}
    return json.dumps({"success": True, "result": result}).encode()


@pytest.mark.parametrize("turn", HOSTILE.values(), ids=HOSTILE)
def test_a_reply_of_odd_characters_does_not_make_a_large_page(turn: str) -> None:
    trace = tv.decode(reply_of(turn * (MIB // len(turn))), views=("spans",))
    began = time.thread_time()
    view = trace._repr_html_()
    page = html_page([trace])
    assert time.thread_time() - began < 5
    assert len(view) < MIB
    assert len(page) < MIB


def test_a_long_run_of_one_odd_character_is_marked_once_with_its_count() -> None:
    assert shown("before" + "\n" * 1024 + "behind\u202e") == (
        'before<span class="odd" title="U+000A control character, 1,024 times">'
        "\\x0a (1,024 times)</span>"
        'behind<span class="odd" title="U+202E right-to-left override">\\u202e</span>'
    )


def test_a_short_run_of_one_odd_character_is_marked_once_and_spelt_out() -> None:
    assert shown("\n" * 3) == (
        '<span class="odd" title="U+000A control character, 3 times">\\x0a\\x0a\\x0a</span>'
    )


@pytest.mark.parametrize("kind", [shown, prose, theirs])
def test_a_long_text_is_cut_and_the_rest_is_counted(kind: type) -> None:
    assert "more character" not in kind("x" * 8192)
    cut = kind("x" * 8193)
    assert "x" * 8192 in cut
    assert "x" * 8193 not in cut
    assert "… 1 more character<" in cut
    assert "… 1,991,808 more characters<" in kind("x" * 2_000_000)


def test_a_text_with_many_odd_characters_is_cut_before_it_is_long() -> None:
    cut = shown("a\n" * 1000)
    assert cut.count('class="odd"') == 256
    assert "… 1,487 more characters<" in cut


def test_a_long_line_keeps_the_marks_of_its_beginning() -> None:
    trace = tv.decode(reply_of("x" * MIB), views=("spans",))
    page = html_page([trace])
    assert 'title="queue_id">4jXtPB72Kpz7S8D<' in page
    assert 'title="reply">host x said: <' in page
    assert f"{len(trace.lines[0].message) - 8192:,} more characters<" in page


def test_the_title_of_a_page_has_no_markup_in_it() -> None:
    page = html_page([], title="one\n<two>")
    assert "<title>one\\x0a&lt;two&gt; · TraceVault</title>" in page


def left_out(page: str) -> list[str]:
    return re.findall(r"([\d,]+ \w+) (?:is|are) left out here", page)


def test_a_reply_of_many_lines_does_not_make_a_large_page() -> None:
    trace = tv.decode(reply_of("a\n" * 50, 20_000))
    began = time.thread_time()
    page = html_page([trace])
    assert time.thread_time() - began < 8
    assert len(page) < 12 * MIB
    lines, tries = left_out(page)[::-1][:2]
    assert lines.endswith(" lines")
    assert tries.endswith(" tries")
    for at in (0, 1, 19_998, 19_999):
        assert f'id="inbound-{at}"' in page, "the first and the last lines are there"
    assert page.count(' id="inbound-') == 20_000 - int(lines.split()[0].replace(",", ""))


def aliased(recipients: int, tries: int) -> tv.Trace:
    """Copies of one address's mail, which was tried many times before: each goes its own way."""
    of = "relay=x[192.0.2.4]:25, delay=1, delays=1/1/1/1"
    lines = [
        f"4AC0{at:06X}: to=<x@b.example>, {of}, dsn=4.0.0, status=deferred (450 {at})"
        for at in range(tries)
    ]
    lines += [
        f"4AC1{at:06X}: to=<r{at}@b.example>, orig_to=<x@b.example>, {of}, dsn=2.0.0, "
        f"status=sent (250 {at})"
        for at in range(recipients)
    ]
    told = [{"logged_at": "2026-11-29T10:00:00Z", "message": message} for message in lines]
    result = {"inbound": {"lines": told}, "outbound": None}
    return tv.decode(json.dumps({"success": True, "result": result}).encode())


def test_many_recipients_with_many_tries_each_are_told_in_bounded_time() -> None:
    trace = aliased(500, 3000)
    began = time.thread_time()
    story = tell(trace)
    assert time.thread_time() - began < 10
    assert max(len([t for leg in way.legs for t in leg.tries]) for way in story.ways) <= 102
    assert story.left_out == 2901
    page = html_page([trace])
    assert time.thread_time() - began < 20
    assert len(page) < 12 * MIB
    assert "2,901 tries are left out here" in page
    assert any(told.endswith(" ways") for told in left_out(page))


def test_a_notebook_shows_the_first_and_last_of_many_recipients() -> None:
    trace = aliased(1000, 1)
    view = trace._repr_html_()
    assert len(view) < MIB / 2
    assert "r0@b.example" in view
    assert left_out(view)[0].endswith(" recipients")


@pytest.mark.parametrize("turn", HOSTILE.values(), ids=HOSTILE)
def test_a_reply_of_odd_characters_does_not_hold_up_the_terminal(turn: str) -> None:
    trace = tv.decode(reply_of(turn * (MIB // len(turn))))
    console = Console(width=80, file=io.StringIO())
    began = time.thread_time()
    with console.capture() as captured:
        console.print(path_lines(trace))
    assert time.thread_time() - began < 5
    assert len(captured.get()) < MIB / 4
    assert "more characters" in " ".join(captured.get().split())


def test_one_long_cell_does_not_widen_every_row_of_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [(at, "\n" * MIB if not at else "short", "next") for at in range(100)]
    out.table(("REFERENCE", "SUBJECT", "FROM"), rows)
    told = capsys.readouterr().out
    assert len(told) < 100 * 9000
    assert "\\x0a (8,192 times) ... 1,040,384 more characters" in told
