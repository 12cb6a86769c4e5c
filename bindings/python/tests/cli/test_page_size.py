"""A page and a picture stay small and quick, whatever a reply holds."""

from __future__ import annotations

import json
import time

import pytest

import tracevault as tv
from tracevault.cli.html import html_page
from tracevault.cli.html.markup import prose, shown, theirs

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
    began = time.monotonic()
    view = trace._repr_html_()
    page = html_page([trace])
    assert time.monotonic() - began < 5
    assert len(view) < MIB
    assert len(page) < MIB


def test_a_long_run_of_one_odd_character_is_marked_once_with_its_count() -> None:
    x = "\N{MULTIPLICATION SIGN}"
    assert shown("before" + "\n" * 1024 + "behind\u202e") == (
        f'before<span class="odd" title="U+000A control character {x}1,024">\\x0a {x}1,024</span>'
        'behind<span class="odd" title="U+202E right-to-left override">\\u202e</span>'
    )


def test_a_short_run_of_one_odd_character_is_marked_once_and_spelt_out() -> None:
    x = "\N{MULTIPLICATION SIGN}"
    assert shown("\n" * 3) == (
        f'<span class="odd" title="U+000A control character {x}3">\\x0a\\x0a\\x0a</span>'
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
