"""The HTML page in a real browser: it asks nobody, complains of nothing, is read by everybody.

Without Chromium these tests are skipped, loudly: `scripts/setup` installs it where it can be had.
TRACEVAULT_SCREENSHOTS names a folder that gets a picture of every page, to be looked at.
"""

from __future__ import annotations

import http.server
import itertools
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from browser import Browser, Page, browser, chromium
from hunted import findings, scope
from pictures import hard_pictures, many_lines, pictures
from tracevault.cli import words
from tracevault.cli.html import html_page, hunt_page
from tracevault.cli.printable import printable
from tracevault.cli.story import scale
from tracevault.cli.storyteller import tell

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="NO CHROMIUM: the HTML page was looked at in no browser"
)
TRACES = {**pictures(), **hard_pictures()}
#: What `injected.js` finds on a page that nobody broke out of.
NOTHING = {"scripts": 1, "styles": 1, "strange": [], "attributes": [], "links": []}
CHECKS = Path(__file__).resolve().parents[1] / "tools/page_checks"
SHOTS = os.environ.get("TRACEVAULT_SCREENSHOTS")


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page as a file."""
    folder = tmp_path_factory.mktemp("pages")
    pages = {name: html_page([trace], names=[name]) for name, trace in TRACES.items()}
    pages["several"] = html_page(list(pictures().values())[:4], names=list(pictures())[:4])
    asked = {"Message-ID": "<script>alert(1)</script>@x"}
    pages["hunt"] = hunt_page(findings(), asked=asked, scope=scope())
    made = {name: folder / f"{name}.html" for name in pages}
    for name, path in made.items():
        path.write_text(pages[name], encoding="utf-8")
    return made


def js(name: str) -> str:
    """A script that looks at a page from inside."""
    return (CHECKS / f"{name}.js").read_text(encoding="utf-8")


def looked_at(page: Page, name: str, colours: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(Path(SHOTS) / f"{name}-{colours}.png")


@pytest.mark.parametrize("name", [*TRACES, "several", "hunt"])
def test_a_page_asks_for_nothing_complains_of_nothing_and_holds_nothing_strange(
    chrome: Browser, files: dict[str, Path], name: str
) -> None:
    with chrome.page() as page:
        page.open(files[name].as_uri())
        assert page.complaints() == []
        assert page.requests() == [files[name].as_uri()]
        assert page.evaluate("document.compatMode") == "CSS1Compat"
        assert page.evaluate(js("injected")) == NOTHING
        looked_at(page, name, "light")


def test_every_line_is_shown_word_for_word(chrome: Browser, files: dict[str, Path]) -> None:
    for name in ("hostile", "events_hostile", "events_escapes", "time_shapes", "right_to_left"):
        trace = TRACES[name]
        with chrome.page() as page:
            page.open(files[name].as_uri())
            shown = page.evaluate(
                "[...document.querySelectorAll('.lines code')].map(one => one.textContent)"
            )
        assert shown == [printable(line.message) for line in trace.lines], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_bars_stand_out_from_their_ground(
    chrome: Browser, files: dict[str, Path], scheme: str
) -> None:
    for name in ("summary_mixed", "summary_on_its_way", "hunt"):
        with chrome.page() as page:
            page.colours(scheme)
            page.open(files[name].as_uri())
            found = page.evaluate(js("contrast"))
            looked_at(page, name, scheme)
        assert found["looked"] > 50, name
        assert found["faint"] == [], (name, scheme)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_ground_is_light_or_dark_as_the_reader_wants_it(
    chrome: Browser, files: dict[str, Path], scheme: str
) -> None:
    for name in ("summary_mixed", "hunt"):
        with chrome.page() as page:
            page.colours(scheme)
            page.open(files[name].as_uri())
            for part in ("html", "table", "thead th"):
                ground = page.evaluate(
                    f"getComputedStyle(document.querySelector('{part}')).backgroundColor"
                )
                colour = [int(one) for one in re.findall(r"\d+", ground)]
                dark, light = max(colour) < 64, min(colour) > 192
                assert (dark, light) == (scheme == "dark", scheme == "light"), (part, ground)


def test_a_reader_of_the_screen_finds_its_way(chrome: Browser, files: dict[str, Path]) -> None:
    for name in ("summary_mixed", "summary_pending", "hunt"):
        with chrome.page() as page:
            page.open(files[name].as_uri())
            nodes = page.send("Accessibility.getFullAXTree")["nodes"]
            assert page.evaluate("document.documentElement.lang") == "en"
            levels = page.evaluate(
                "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])"
            )
            doubled = page.evaluate(js("doubled_ids"))
        named = [(role(node), node.get("name", {}).get("value", "")) for node in nodes]
        roles = [one for one, _ in named]
        assert roles.count("main") == roles.count("banner") == roles.count("contentinfo") == 1
        assert all(text for one, text in named if one in {"table", "image", "region", "article"})
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert doubled == [], name


def role(node: dict[str, Any]) -> str:
    value: str = node.get("role", {}).get("value", "") if not node.get("ignored") else ""
    return {"img": "image"}.get(value, value)


@pytest.mark.parametrize("width", [360, 1600])
def test_a_page_fits_its_window(chrome: Browser, files: dict[str, Path], width: int) -> None:
    for name in ("long_addresses", "hunt"):
        with chrome.page(width=width) as page:
            page.open(files[name].as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            looked_at(page, name, str(width))


def test_a_page_says_the_same_without_its_script(chrome: Browser, files: dict[str, Path]) -> None:
    with chrome.page(scripts=False) as page:
        page.open(files["several"].as_uri())
        assert page.complaints() == []
        page.send("Emulation.setEmulatedMedia", media="print")
        page.send("Page.captureScreenshot")  # drawn, so that what is unfolded has its place
        assert page.evaluate(js("unprinted")) == [], "what is folded is printed all the same"


def test_a_page_prints_on_a4(chrome: Browser, files: dict[str, Path]) -> None:
    for name, least in (("summary_two_hops", 2), ("several", 4)):
        with chrome.page() as page:
            page.open(files[name].as_uri())
            printed = page.pdf()
        boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
        assert least <= len(boxes) < 80
        assert {(round(float(w)), round(float(h))) for w, h in boxes} == {(595, 842)}
        if SHOTS:
            (Path(SHOTS) / f"{name}.pdf").write_bytes(printed)


def test_lines_can_be_found_where_scripts_run(chrome: Browser, files: dict[str, Path]) -> None:
    with chrome.page() as page:
        page.open(files["many_lines"].as_uri())
        left = page.evaluate(
            "(() => { const box = document.querySelector('.filter input'); box.value = 'CLEANUP';"
            " box.dispatchEvent(new Event('input'));"
            " return [...document.querySelectorAll('.lines tbody tr')]"
            ".filter(row => row.getClientRects().length).length })()"
        )
        told = page.evaluate("document.querySelector('.filter output').textContent")
        assert (left, told) == (1, f"1 of {len(many_lines().lines)}")
        assert page.complaints() == []


def test_a_page_that_is_served_asks_its_server_for_nothing_more(
    chrome: Browser, files: dict[str, Path]
) -> None:
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            asked.append(self.path)

    def made(*arguments: Any) -> Handler:
        return Handler(*arguments, directory=str(files["hunt"].parent))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with chrome.page() as page:
            page.open(f"http://127.0.0.1:{server.server_port}/hunt.html")
            assert page.complaints() == []
        server.shutdown()
    assert asked == ["/hunt.html"]


def test_right_to_left_words_turn_nothing_round(chrome: Browser, files: dict[str, Path]) -> None:
    with chrome.page() as page:
        page.open(files["right_to_left"].as_uri())
        # From left to right as in the log: the words of the line, the parts of an address.
        places = page.evaluate(js("places"))
        looked_at(page, "right_to_left", "light")
    for name, found in places.items():
        assert len(set(found)) == len(found) and found == sorted(found), name


def test_the_fields_of_every_line_are_marked(chrome: Browser, files: dict[str, Path]) -> None:
    trace: tv.Trace = TRACES["summary_two_hops"]
    wanted = {
        (row["side"], row["line"], name): trace_text(trace, row["side"], row["line"], span)
        for row in trace.spans()
        for name, span in row["spans"].items()
    }
    with chrome.page() as page:
        page.open(files["summary_two_hops"].as_uri())
        found = page.evaluate(js("marks"))
    shown = {(side, line, name): text for side, line, name, text in found}
    assert shown == wanted


@pytest.mark.parametrize("name", ["summary_two_hops", "summary_mixed", "real_deferred_then_sent"])
def test_each_recipients_way_its_tries_and_the_ids_to_look_for_can_be_seen(
    chrome: Browser, files: dict[str, Path], name: str
) -> None:
    trace = TRACES[name]
    with chrome.page() as page:
        page.open(files[name].as_uri())
        seen = page.evaluate(js("ways"))
    story = tell(trace)
    kinds = {part.kind for way in story.ways for leg in way.legs for part in leg.parts}
    assert set(seen["key"]) == {words.PARTS[kind][0] for kind in kinds}
    for way, shown in zip(story.ways, seen["ways"], strict=True):
        assert shown["who"].startswith(way.recipients[0].address)
        assert [row[0].split()[-1] for row in shown["bars"]] == [
            leg.hop.queue_id if leg.hop else "queue" for leg in way.legs
        ]
        assert [row[-1] for row in shown["bars"]] == [
            (words.duration(leg.seconds) if leg.parts or leg.still else "")
            + (" so far" if leg.still else "")
            for leg in way.legs
        ]
        tries = [one for leg in way.legs for one in leg.tries]
        for row, one in zip(shown["tries"], tries, strict=True):
            assert row[1] == words.when(one.when)
            assert words.state_of(one.state).label in row[2]
            assert row[3:7] == [words.duration(delay) for delay in (*one.delays, *[None] * 4)[:4]]
            assert row[7] == (one.relay if one.relay and one.relay != "none" else "")
        begin, end = scale(way.legs)
        pieces = [
            [(at - begin) / (end - begin) * 100 for at in (part.start, part.end)]
            for leg in way.legs
            for part in leg.parts
        ]
        assert [one for row in shown["pieces"] for one in row] == [
            pytest.approx(one, abs=0.6) for one in pieces
        ]
    ids = [one for one in trace.summary.next_queue_ids if not one.in_trace]
    told = [[one.id, *words.id_words(one), one.from_queue_id or ""] for one in ids]
    assert seen["next"] == ({"title": "Where to look next", "rows": told} if told else None)


def trace_text(trace: tv.Trace, side: str, line: int, span: list[int]) -> str:
    lines = (trace.inbound if side == "inbound" else trace.outbound).lines
    return lines[line].message.encode()[span[0] : span[1]].decode()
