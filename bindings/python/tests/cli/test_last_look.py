"""A later look at a trace, or a later page, that failed is told wherever the rest is shown."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Done
from tests.conftest import ACME
from tracevault.cli import following
from tracevault.cli.exits import Exit
from tracevault.cli.following import STEP

REF = "4jXtPB72Kpz7S8D"
LINE = (
    f"postfix/smtp[1]: {REF}: to=<anna@example.com>, relay=mx[192.0.2.1]:25, delay=1, "
    "delays=0/0/0/1, dsn=4.0.0, status=deferred (451 later)"
)
PENDING = {
    "inbound": {"pending": True, "lines": [
        {"lineno": 1, "logged_at": "2026-11-23T04:33:50Z", "message": LINE}]},
    "outbound": {"pending": False, "lines": []},
}  # fmt: skip
COMPLETE = {**PENDING, "inbound": {**PENDING["inbound"], "pending": False}}
FOUND = [{"message_id": "<a@b>", "postfix_id": REF, "ts": "2026-11-23T04:33:00Z",
          "from": "b@example.net", "to": ["anna@example.com"], "subject": "Invoice"}]  # fmt: skip


class Cloudflare(ThreadingHTTPServer):
    """Answers each look at the trace with the next of its answers; a search finds one message."""

    daemon_threads = True
    #: The HTTP status and the result of each look; the last counts for all after it.
    looks: list[tuple[int, Any]]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.looks = [(200, PENDING), (404, None)]
        self.asked = 0
        #: Called before each look is answered.
        self.at_look: Callable[[], None] = lambda: None
        #: Whether a search has a second page, which fails.
        self.has_second_page = False

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Cloudflare

    def do_GET(self) -> None:
        status: int = 200
        result: Any = FOUND
        if self.path.partition("?")[0].endswith("/trace"):
            status, result = self.server.looks[min(self.server.asked, len(self.server.looks) - 1)]
            self.server.asked += 1
            self.server.at_look()
        elif "cursor=" in self.path:
            status, result = 503, None
        errors = [] if status == 200 else [{"code": 10404, "message": "gone <b>\u202e"}]
        info = {"result_info": {"next": "two"}} if self.server.has_second_page else {}
        body = json.dumps({"success": not errors, "errors": errors, "messages": [],
                           "result": result, **info}).encode()  # fmt: skip
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def cloudflare(
    library_path: Path, tmp_path: Path, environment: dict[str, str]
) -> Iterator[Cloudflare]:
    """The server, and a vault that the calls of the test use without being told."""
    assert library_path
    tmp_path.chmod(0o700)
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_bytes(os.urandom(32))
    with Cloudflare() as server:
        token = tv.ApiToken("test-token-not-real")
        with (
            tv.Vault.create(tmp_path / "v", tv.KeyFile(tmp_path / "key")) as vault,
            vault.edit() as edit,
        ):
            edit.put("acme", ACME, token, origin=server.origin)
        environment |= {
            "TRACEVAULT_VAULT": str(tmp_path / "v"),
            "TRACEVAULT_KEY_FILE": str(tmp_path / "key"),
            "TRACEVAULT_SET": f"api.base_url={server.origin}/client/v4 "
            "api.allow_http_loopback=true budget.ledger=private retry.base_ms=1",
        }
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_the_path_tells_it_and_why(call: Call, cloudflare: Cloudflare) -> None:
    told = call("trace", "--wait", "9", REF)
    assert told.code == 0
    assert cloudflare.asked == 2
    shown = one_line(told.out)
    assert "last look failed: " in shown
    assert "TV_E_NO_MESSAGE" in shown
    assert "what is shown came before it" in shown
    assert "odd: last look failed" not in shown, "it is told once"


@pytest.mark.parametrize("how", [("--lines",), ("--format", "ecs"), ("--format", "ocsf")])
def test_what_has_no_place_for_it_tells_it_beside(
    call: Call, cloudflare: Cloudflare, how: tuple[str, ...]
) -> None:
    told = call("trace", "--wait", "9", *how, REF)
    assert told.code == 0
    assert f"{REF}: the last look failed: " in told.err
    assert told.err.count("\n") == 1


def test_programs_have_it_in_the_trace(call: Call, cloudflare: Cloudflare) -> None:
    told = call("trace", "--wait", "9", "--json", REF)
    assert (told.code, told.err) == (0, "")
    assert told.rows[0]["error"]["status"] == "TV_E_NO_MESSAGE"
    cloudflare.asked = 0
    assert "TV_E_NO_MESSAGE" in cell(call("trace", "--wait", "9", "--format", "csv", REF))


def cell(told: Done) -> str:
    """The cell of the last look in the only row of CSV."""
    title, row = csv.reader(told.out.splitlines())
    return dict(zip(title, row, strict=True))["last_look_error"]


def test_the_page_tells_it_and_shows_nothing_of_a_stranger_as_markup(
    call: Call, cloudflare: Cloudflare, tmp_path: Path
) -> None:
    assert call("trace", "--wait", "9", "--html", "case.html", REF).code == 0
    page = (tmp_path / "case.html").read_text()
    assert "The last look failed: " in page
    assert "TV_E_NO_MESSAGE" in page
    assert "gone <b>" not in page


def test_a_hunt_tells_it_at_the_copy_and_in_its_sum(
    call: Call, cloudflare: Cloudflare, tmp_path: Path
) -> None:
    told = call("hunt", "--subject", "invoice", "--wait", "9", "--html", "hunt.html")
    assert told.code == 0, told.err
    (row,) = [line for line in told.out.splitlines() if REF in line]
    assert "(last look failed)" in row
    assert "1 trace whose last look failed" in told.err
    page = (tmp_path / "hunt.html").read_text()
    assert "1 trace may go on: its last look failed." in page
    assert page.count("last look failed") >= 3, "in the sum, in the row, at the copy"
    cloudflare.asked = 0
    told = call("hunt", "--subject", "invoice", "--wait", "9", "--json")
    assert told.rows[0]["trace"]["error"]["status"] == "TV_E_NO_MESSAGE"
    assert json.loads(told.err)["note"]["last_looks_failed"] == 1
    cloudflare.asked = 0
    told = call("hunt", "--subject", "invoice", "--wait", "9", "--format", "csv")
    assert "TV_E_NO_MESSAGE" in cell(told)


def test_a_batch_tells_it_at_the_line_and_in_its_sum(call: Call, cloudflare: Cloudflare) -> None:
    told = call("batch", "--wait", "9", stdin=REF)
    assert told.code == 0, told.err
    assert "(last look failed)" in told.out
    assert "1 trace whose last look failed" in told.err


@pytest.mark.parametrize("words", [("batch", "-"), ("hunt", "--subject", "invoice")])
def test_a_journal_does_not_keep_it_as_the_answer(
    call: Call, cloudflare: Cloudflare, words: tuple[str, ...]
) -> None:
    cloudflare.looks = [(200, PENDING), (404, None), (200, COMPLETE)]
    told = call(*words, "--wait", "9", "--resume", "j", stdin=REF)
    assert "1 trace whose last look failed" in told.err
    for _ in range(2):
        told = call(*words, "--resume", "j", "--json", stdin=REF)
        assert told.code == 0, told.err
        assert [row["trace"]["complete"] for row in told.rows] == [True]
    assert cloudflare.asked == 3, "what is complete is kept"


def test_a_notebook_and_rows_tell_it(cloudflare: Cloudflare, tmp_path: Path) -> None:
    settings: dict[str, tv.Setting] = {
        "api.base_url": f"{cloudflare.origin}/client/v4",
        "budget.ledger": "private",
        "api.allow_http_loopback": True,
        "retry.base_ms": 1,
    }
    with (
        tv.Vault.open(tmp_path / "v", tv.KeyFile(tmp_path / "key")) as vault,
        vault.tenant("acme") as acme,
        tv.Engine(settings) as engine,
    ):
        trace = engine.trace(acme, ACME, REF, wait=9)
        cloudflare.asked = 0
        (finding,) = engine.hunt(acme, subject="invoice", wait=9)
    assert "The last look failed: " in trace._repr_html_()
    assert "The last look failed: " in finding._repr_html_()
    for row in (*trace.to_rows(), *trace.to_rows("lines"), *finding.to_rows()):
        assert "TV_E_NO_MESSAGE" in row["last_look_error"]
    assert finding.to_rows()[0]["error"] is None


def test_a_page_of_a_search_that_did_not_come_is_no_success(
    call: Call, cloudflare: Cloudflare
) -> None:
    cloudflare.has_second_page = True
    told = call("search", "--json", "--set", "retry.max_attempts=1")
    assert told.code == Exit.SOME
    assert [row["message_ref"] for row in told.rows] == [REF]
    note = json.loads(told.err)["note"]
    assert (note["complete"], note["error"]["status"]) == (False, "TV_E_SERVER")
    people = call("search", "--set", "retry.max_attempts=1")
    assert people.code == Exit.SOME
    assert "a later page did not come" in people.err


def test_following_shows_what_came_before_it_was_refused(
    call: Call, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracevault.cli.following.STEP", 0.01)
    told = call("trace", "--follow", REF)
    assert told.code == Exit.INCOMPLETE
    assert "last look failed: " in one_line(told.out)
    assert told.err == "", "it is told once"
    for form in ("json", "csv", "ecs"):
        cloudflare.asked = 0
        told = call("trace", "--follow", "--format", form, REF)
        assert told.code == Exit.INCOMPLETE
        assert (told.out + told.err).count("TV_E_NO_MESSAGE") == {"json": 2}.get(form, 1)
        assert (told.err == "") == (form == "csv")
    cloudflare.asked = 0
    told = call("trace", "--follow", "--lines", REF)
    assert (told.code, told.out) == (Exit.INCOMPLETE, LINE + "\n")
    assert told.err.count("TV_E_NO_MESSAGE") == 1


def test_following_goes_on_after_a_last_look_that_may_pass(
    call: Call, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracevault.cli.following.PAUSE", 0.01)
    monkeypatch.setattr("tracevault.cli.following.STEP", 0.01)
    cloudflare.looks = [(200, PENDING), (503, None), (200, COMPLETE)]
    told = call("trace", "--follow", "--set", "retry.max_attempts=1", REF)
    assert told.code == 0, told.err
    assert "TV_E_SERVER" in told.err
    assert "asking again" in told.err
    assert "last look failed" not in told.out


def collected(call: Call, *words: str) -> list[tuple[str, str, Any]]:
    """What a run tells: the change, how far the trace is, the error."""
    told = call("collect", "--checkpoint", "c", "--start", "900d", "--look-back", "900d", "--all",
                "--json", *words)  # fmt: skip
    assert told.code in (0, Exit.NO_ANSWER, Exit.SOME), told.err
    rows = []
    for row in told.rows:
        trace = row["trace"]
        seen = len(trace["inbound"]["lines"]) + len(trace["outbound"]["lines"]) if trace else 0
        how = "complete" if trace and trace["complete"] else f"{seen} lines"
        rows.append((row["change"], how, row["error"] and row["error"]["status"]))
    return rows


def test_a_collection_tells_a_growing_trace_again_once_for_each_state(
    call: Call, cloudflare: Cloudflare
) -> None:
    one, more, whole = (grown(*count) for count in ((1, 0, True), (2, 1, True), (2, 3, False)))
    cloudflare.looks = [(200, look) for look in (one, one, more, more, whole)]
    told = [collected(call, "--trace") for _ in range(6)]
    assert told == [
        [("new", "1 lines", None)],
        [],
        [("changed", "3 lines", None)],
        [],
        [("changed", "complete", None)],
        [],
    ]
    assert cloudflare.asked == 5, "what is complete is not asked for again"


def test_a_collection_tells_a_growing_trace_that_cannot_be_asked_for_again(
    call: Call, cloudflare: Cloudflare
) -> None:
    cloudflare.looks = [(200, PENDING), (503, None), (200, PENDING), (404, None)]
    told = [collected(call, "--trace", "--set", "retry.max_attempts=1") for _ in range(5)]
    assert told == [
        [("new", "1 lines", None)],
        [("none", "0 lines", "TV_E_SERVER")],
        [],
        [("none", "0 lines", "TV_E_NO_MESSAGE")],
        [],
    ]


def test_a_run_without_traces_forgets_no_trace_that_grows(
    call: Call, cloudflare: Cloudflare
) -> None:
    cloudflare.looks = [(200, PENDING), (200, COMPLETE)]
    assert collected(call, "--trace") == [("new", "1 lines", None)]
    assert collected(call) == []
    FOUND[0]["final_disposition"] = "SPAM"
    try:
        assert collected(call) == [("changed", "0 lines", None)]
        assert collected(call, "--trace") == [("changed", "complete", None)]
        assert collected(call, "--trace") == []
    finally:
        del FOUND[0]["final_disposition"]


def test_following_that_is_refused_later_on_still_shows_what_came(
    call: Call, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracevault.cli.following.STEP", 0.01)
    told = call("trace", "--follow", "--json", REF)
    assert told.code == Exit.INCOMPLETE
    assert told.rows[0]["inbound"]["lines"]
    assert told.errors[0]["status"] == "TV_E_NO_MESSAGE"


def test_following_shows_each_line_when_it_comes_and_once(
    call: Call, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracevault.cli.following.STEP", 0.01)
    written: list[str] = []

    def look() -> None:
        written.append(cast(BytesIO, sys.stdout.buffer).getvalue().decode())

    cloudflare.at_look = look
    counts = ((1, 0, True), (1, 0, True), (2, 1, True), (2, 3, False))
    cloudflare.looks = [(200, grown(*count)) for count in counts]
    told = call("trace", "--follow", "--lines", REF)
    assert told.code == 0, told.err
    first, second = "inbound 0\n", "inbound 1\noutbound 0\n"
    assert written == ["", first, first, first + second]
    assert told.out == first + second + "outbound 1\noutbound 2\n"


def at_the_second_look(cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C while the second look, which comes soon, waits for its answer."""
    monkeypatch.setattr("tracevault.cli.following.STEP", 0.01)

    def look() -> None:
        if cloudflare.asked == 2:
            os.kill(os.getpid(), signal.SIGINT)

    cloudflare.looks = [(200, grown(2, 0, True))]
    cloudflare.at_look = look


@pytest.mark.parametrize(
    ("how", "came"),
    [
        (("--lines",), "inbound 0\ninbound 1\n"),
        (("--json",), '"message":"inbound 1"'),
        ((), "more lines may come"),
    ],
)
def test_what_came_of_a_message_that_is_followed_is_shown_at_ctrl_c(
    call: Call,
    cloudflare: Cloudflare,
    monkeypatch: pytest.MonkeyPatch,
    how: tuple[str, ...],
    came: str,
) -> None:
    at_the_second_look(cloudflare, monkeypatch)
    told = call("trace", "--follow", *how, REF)
    assert told.code == Exit.INTERRUPTED
    assert told.out.count(came) == 1
    assert f"the same command again, with {REF}" in told.err


def test_the_page_of_a_message_that_is_followed_is_written_at_ctrl_c(
    call: Call, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at_the_second_look(cloudflare, monkeypatch)
    told = call("trace", "--follow", "--lines", "--html", "case.html", REF, "4jXtPC0RYCz7S6r")
    assert told.code == Exit.INTERRUPTED
    page = (tmp_path / "case.html").read_text()
    assert "inbound 1" in page
    assert "not complete: more lines may come" in page
    assert "case.html: 1 message" in told.err


def test_a_message_is_followed_with_one_look_at_a_time_and_the_pause_of_the_help(
    call: Call, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tracevault.cli.following.time.sleep", pauses.append)
    cloudflare.looks = [*[(200, PENDING)] * 5, (200, COMPLETE)]
    assert call("trace", "--follow", REF).code == 0
    assert (cloudflare.asked, pauses) == (6, [STEP] * 5)
    assert f"Look every {STEP:g} seconds until" in one_line(call("trace", "--help").out)


def test_following_with_a_time_has_its_last_look_at_the_end_of_it(
    call: Call, cloudflare: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    cloudflare.looks = [(200, PENDING)]
    assert call("trace", "--follow", "--timeout", "5", REF).code == Exit.INCOMPLETE
    assert (cloudflare.asked, pauses) == (4, [2, 2, 1])


def grown(inbound: int, outbound: int, pending: bool) -> dict[str, Any]:
    """A trace of so many lines on each side."""
    return {
        side: {
            "pending": pending,
            "lines": [{"lineno": at + 1, "message": f"{side} {at}"} for at in range(count)],
        }
        for side, count in (("inbound", inbound), ("outbound", outbound))
    }
