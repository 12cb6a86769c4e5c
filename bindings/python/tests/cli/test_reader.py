"""A reader that has enough (`| head`): what was promised beside the output is kept all the same."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Call, Done, Kit, command
from tests.conftest import ACME
from tracevault.cli.exits import Exit

REF = "4jXtPB72Kpz7S8D"
GONE = "4jXtPB72Kpz7S8E"
WHERE = ("--tenant", "acme", "--account", ACME)
INITECH = "1111ec00000000000000000000000001"
HUNT = ("hunt", "--subject", "report")
EARLY = "ended early, as the reader of the output had enough"

Unread = Callable[..., Done]


@pytest.fixture
def unread(environment: dict[str, str], tmp_path: Path) -> Unread:
    """Call the command with an output that nobody reads any more; ``error=True``: both outputs."""

    def called(*arguments: object, stdin: str = "", error: bool = False) -> Done:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = subprocess.run(
                command(*arguments), input=stdin, env=environment, cwd=tmp_path, timeout=120,
                stdout=writer, stderr=writer if error else subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        finally:
            os.close(writer)
        return Done(done.returncode, "", done.stderr or "")

    return called


@pytest.fixture
def refused(kit: Kit) -> Iterator[None]:
    """Cloudflare refuses the credential of one account."""
    bad = kit.server.credential(INITECH)
    kit.server.revoke(bad)
    yield
    kit.server.restore(bad)


@pytest.mark.parametrize("how", [(), ("--json",), ("--format", "csv"), ("--format", "ecs")])
@pytest.mark.usefixtures("refused")
def test_a_hunt_with_a_page_goes_on_to_its_end(
    call: Call, unread: Unread, tmp_path: Path, how: tuple[str, ...]
) -> None:
    read = call(*HUNT, *how, "--html", "read.html")
    done = unread(*HUNT, *how, "--html", "unread.html")
    assert done.code == read.code == Exit.SOME
    assert rows(tmp_path / "unread.html") == rows(tmp_path / "read.html") > 3
    assert "TV_E_CREDENTIAL" in done.err
    assert EARLY not in done.err
    assert "Traceback" not in done.err


def rows(page: Path) -> int:
    """How many copies, and questions without an answer, a page has; it must be a whole one."""
    text = page.read_text()
    assert "The hunt was ended before" not in text
    return text.count("<tr>")


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*HUNT, "--json", "--html", "case.html"), Exit.SOME),
        ((*HUNT, "--html", "case.html"), Exit.SOME),
        (("trace", *WHERE, "--json", "--html", "case.html", GONE, *[REF] * 20), Exit.SOME),
        (("batch", *WHERE, "list"), Exit.OK),
        (("collect", "--checkpoint", "c", "--start", "2026-01-01", "--tenant", "acme"), Exit.OK),
    ],
    ids=lambda one: " ".join(one[:1]) if isinstance(one, tuple) else "",
)
def test_a_reader_of_one_line_changes_neither_page_nor_exit_code(
    environment: dict[str, str], tmp_path: Path, words: tuple[str, ...], code: Exit
) -> None:
    (tmp_path / "list").write_text(f"{REF}\n" * 50)
    line = f"{shlex.join(command(*words))} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=environment, cwd=tmp_path, timeout=120,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == code, done.stderr
    assert len(done.stdout.splitlines()) == 1
    if "case.html" in words:
        page = (tmp_path / "case.html").read_text()
        assert "ended before" not in page
        assert page.count("not on this page") == (words[0] == "trace")


@pytest.mark.usefixtures("refused")
def test_a_hunt_tells_whom_it_could_not_ask_although_nobody_reads_its_table(
    unread: Unread,
) -> None:
    done = unread(*HUNT)
    assert done.code == Exit.SOME
    assert "1 x TV_E_CREDENTIAL" in done.err
    assert "1 question without an answer" in done.err


@pytest.mark.usefixtures("refused")
def test_work_that_ends_early_says_so_and_has_the_code_of_what_failed(unread: Unread) -> None:
    here = ("--tenant", "initech")
    for words in (("hunt", "--subject", "x"), ("collect", "--checkpoint", "c")):
        done = unread(*words, *here, "--json")
        assert done.code == Exit.CREDENTIAL, words
        error, note = map(json.loads, done.err.splitlines())
        assert error["error"]["status"] == "TV_E_CREDENTIAL"
        assert (note["note"]["failed"], note["note"]["whole"]) == (1, False)
        assert EARLY in note["note"]["message"]
    done = unread("batch", *WHERE, "--json", stdin=f"{GONE}\n")
    assert done.code == Exit.NOT_FOUND
    assert json.loads(done.err.splitlines()[-1])["note"]["whole"] is False


@pytest.mark.usefixtures("kit")
def test_work_without_a_failure_that_ends_early_is_no_error(unread: Unread, call: Call) -> None:
    for words, stdin in (
        ((*HUNT, "--json"), ""),
        (("batch", *WHERE), f"{REF}\n" * 3),
        (("collect", "--checkpoint", "c", "--start", "2026-01-01"), ""),
    ):
        done = unread(*words, stdin=stdin)
        assert done.code == 0, done.err
        assert EARLY in done.err
    told = call("batch", *WHERE, "--json", stdin=REF)
    assert json.loads(told.err)["note"]["whole"] is True


@pytest.mark.usefixtures("kit")
def test_a_collection_takes_nothing_for_told_that_nobody_read(unread: Unread, call: Call) -> None:
    words = ("--start", "2026-01-01", "--json")
    everything = call("collect", "--checkpoint", "read", *words).rows
    assert unread("collect", "--checkpoint", "unread", *words).code == 0
    assert len(call("collect", "--checkpoint", "unread", *words).rows) == len(everything) > 1


@pytest.mark.usefixtures("kit")
def test_traces_with_a_page_are_fetched_to_the_last(unread: Unread, tmp_path: Path) -> None:
    for how in ((), ("--json",), ("--follow", "--lines")):
        done = unread("trace", *WHERE, *how, "--html", "case.html", GONE, REF, "4jXtPC0RYCz7S6r")
        assert done.code == Exit.SOME
        assert "TV_E_NO_MESSAGE" in done.err
        page = (tmp_path / "case.html").read_text()
        assert "4jXtPC0RYCz7S6r" in page
        assert "1 message that was asked for is not on this page" in page


@pytest.mark.usefixtures("kit")
def test_traces_have_the_code_of_what_failed(unread: Unread) -> None:
    assert unread("trace", *WHERE, "--json", GONE, REF).code == Exit.SOME


@pytest.mark.usefixtures("kit")
def test_a_page_that_has_all_says_of_none_that_it_is_missing(call: Call, tmp_path: Path) -> None:
    assert call("trace", *WHERE, "--html", "case.html", REF).code == 0
    assert "not on this page" not in (tmp_path / "case.html").read_text()


def test_stored_replies_come_on_the_page_all_of_them(unread: Unread, tmp_path: Path) -> None:
    reply = {"success": True, "result": {"inbound": {"pending": False, "lines": []}}}
    for name in ("one", "two"):
        (tmp_path / name).write_text(json.dumps(reply))
    done = unread("decode", "--html", "case.html", "none", "one", "two")
    assert done.code == Exit.SOME
    page = (tmp_path / "case.html").read_text()
    assert ">two<" in page
    assert "1 message that was asked for is not on this page" in page
    assert unread("decode", "none", "one", "two").code == Exit.SOME


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("account", "check"), Exit.SOME),
        (("account", "check", "--tenant", "initech", "--json"), Exit.CREDENTIAL),
        (("doctor", "--tenant", "initech"), Exit.SOME),
        (("account", "list"), Exit.OK),
        (("settings",), Exit.OK),
        (("--version",), Exit.OK),
    ],
)
def test_what_is_known_before_it_is_shown_has_its_exit_code(
    unread: Unread, words: tuple[str, ...], code: Exit
) -> None:
    assert unread(*words).code == code


@pytest.mark.usefixtures("refused")
def test_nobody_who_reads_errors_is_no_reason_to_stop(unread: Unread, tmp_path: Path) -> None:
    assert unread(*HUNT, "--json", "--html", "case.html", error=True).code == Exit.SOME
    assert rows(tmp_path / "case.html") > 3
    assert unread("trace", *WHERE, GONE, error=True).code == Exit.NOT_FOUND
    assert unread("trace", "--no-such", error=True).code == Exit.USAGE


@pytest.mark.usefixtures("refused")
def test_a_page_in_a_pipe_that_nobody_reads_hides_no_failure(unread: Unread) -> None:
    assert unread(*HUNT, "--html", "/dev/stdout").code == Exit.SOME


def test_a_full_disk_leaves_the_page_of_what_came(
    environment: dict[str, str], kit: Kit, tmp_path: Path
) -> None:
    for how, mark in ((("--json",), "The hunt was ended before"), ((), "Every copy")):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                command(*HUNT, *how, "--html", "case.html"), env=environment, cwd=tmp_path,
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == Exit.OTHER
        assert "No space left" in done.stderr
        assert mark in (tmp_path / "case.html").read_text()


@pytest.mark.usefixtures("kit")
def test_a_wrong_call_leaves_an_earlier_page_as_it_was(call: Call, tmp_path: Path) -> None:
    (tmp_path / "case.html").write_text("an earlier case")
    assert call(*HUNT, "--start", "nonsense", "--html", "case.html").code == Exit.USAGE
    assert (tmp_path / "case.html").read_text() == "an earlier case"
