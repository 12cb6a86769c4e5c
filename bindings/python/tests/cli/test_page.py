"""``--html``: a page beside the usual output, for `trace`, `decode` and `hunt`."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import SOURCE, Call, Kit, command
from tests.conftest import ACME, REPOSITORY
from tracevault.cli.exits import Exit
from tracevault.cli.failures import Usage
from tracevault.cli.html import html_page
from tracevault.cli.page_file import replace_file

#: What stands in the place of a page may be an earlier one, or nothing.
BEFORE = html_page([], title="what was there")
GOLDEN = REPOSITORY / "Tests/data/golden/trace"


def refs(kit: Kit, count: int) -> list[str]:
    return [one.postfix_id for one in kit.server.messages_of(ACME) if not one.pending_requests][
        :count
    ]


def test_a_trace_comes_as_a_page_and_as_ever(call: Call, kit: Kit, tmp_path: Path) -> None:
    (ref,) = refs(kit, 1)
    done = call("trace", "--account", ACME, "--tenant", "acme", "--html", "case.html", ref)
    assert done.code == 0
    assert ref in done.out
    assert "case.html: 1 message, to be opened in a browser" in done.err
    page = (tmp_path / "case.html").read_text()
    assert page.startswith("<!doctype html>")
    assert ref in page
    assert ACME in page
    assert 'title="queue_id"' in page, "the fields of the lines are marked"


@pytest.mark.parametrize("output", ["json", "csv", "ecs", "ocsf"])
def test_a_page_changes_nothing_of_the_data(
    call: Call, kit: Kit, tmp_path: Path, output: str
) -> None:
    asked = ("trace", "--account", ACME, "--tenant", "acme", "--format", output, *refs(kit, 1))
    plain = call(*asked)
    with_page = call(*asked, "--html", "case.html")
    assert (with_page.code, plain.code) == (0, 0)
    assert len(with_page.out.splitlines()) == len(plain.out.splitlines())
    assert (tmp_path / "case.html").exists()


def test_several_messages_are_one_page(call: Call, kit: Kit, tmp_path: Path) -> None:
    two = refs(kit, 2)
    call("trace", "--account", ACME, "--tenant", "acme", "--html", "case.html", *two, "gone")
    page = (tmp_path / "case.html").read_text()
    assert "2 messages" in page
    assert all(ref in page for ref in two)


def test_stored_replies_are_named_by_their_files(call: Call, tmp_path: Path) -> None:
    reply = GOLDEN / "real_bounced.reply.json"
    done = call("decode", "--html", "case.html", reply)
    assert done.code == 0
    assert str(reply) in done.out
    assert str(reply) in (tmp_path / "case.html").read_text()


def test_a_hunt_is_a_page_with_every_copy(call: Call, kit: Kit, tmp_path: Path) -> None:
    mail = kit.server.mail_of(ACME)[0].item
    done = call("hunt", "--sender", mail["from"], "--html", "hunt.html", "--start", "2026-01-01")
    assert done.code == 0, done.err
    page = (tmp_path / "hunt.html").read_text()
    assert "Sender" in page
    assert mail["from"] in page
    assert "Every copy" in page
    for row in done.out.splitlines()[1:]:
        assert row.split()[-1] in page, "each reference of the table is on the page"


def test_a_page_is_written_whole_or_not_at_all(call: Call, tmp_path: Path) -> None:
    reply = GOLDEN / "real_bounced.reply.json"
    before = tmp_path / "case.html"
    before.write_text(BEFORE)
    call("decode", "--html", "case.html", reply)
    assert before.read_text().endswith("</html>\n")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["case.html"]


def test_a_page_is_its_owners_alone_until_others_are_let_in(call: Call, tmp_path: Path) -> None:
    page = tmp_path / "case.html"
    mask = os.umask(0)
    try:
        for rights in (0o600, 0o640):
            call("decode", "--html", "case.html", GOLDEN / "real_bounced.reply.json")
            assert stat.S_IMODE(page.stat().st_mode) == rights
            page.chmod(0o640)
    finally:
        os.umask(mask)


def test_a_wrong_place_for_a_page_is_told_before_the_work(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    kit.server.reset()
    missing = call("hunt", "--sender", "x.example", "--html", tmp_path / "no" / "case.html")
    assert missing.code == Exit.USAGE
    assert f"there is no such folder, below {tmp_path}: " in missing.err
    with socket.socket(socket.AF_UNIX) as heard, open(os.devnull) as read:
        heard.bind(str(tmp_path / "socket"))
        for place in (tmp_path, tmp_path / "socket", f"/dev/fd/{read.fileno()}"):
            told = call("hunt", "--sender", "x.example", "--html", place)
            assert told.code == Exit.USAGE
            assert f"{place}" in told.err
        told = call("hunt", "--sender", "x.example", "--html", "/dev/fd/1000")
        assert told.code == Exit.USAGE
        assert "in /dev/fd: no file has this name" in told.err
    assert kit.server.requests() == []


def test_a_page_does_not_take_over_the_rights_of_a_file_with_a_second_name(
    call: Call, tmp_path: Path
) -> None:
    """Somebody else may have given it that name, to read what comes there."""
    (tmp_path / "another").write_text(BEFORE)
    (tmp_path / "another").chmod(0o644)
    os.link(tmp_path / "another", tmp_path / "case.html")
    call("decode", "--html", "case.html", GOLDEN / "real_bounced.reply.json")
    assert stat.S_IMODE((tmp_path / "case.html").stat().st_mode) == 0o600
    assert (tmp_path / "another").read_text() == BEFORE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a file of another user")
def test_a_page_does_not_take_over_the_rights_of_another_users_file(
    call: Call, tmp_path: Path
) -> None:
    page = tmp_path / "case.html"
    page.write_text(BEFORE)
    page.chmod(0o644)
    os.chown(page, 65534, 65534)
    call("decode", "--html", "case.html", GOLDEN / "real_bounced.reply.json")
    assert page.read_text().endswith("</html>\n")
    assert (page.stat().st_uid, stat.S_IMODE(page.stat().st_mode)) == (0, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a link of another user")
def test_a_link_of_another_user_leads_no_page_elsewhere(call: Call, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text(BEFORE)
    link = tmp_path / "case.html"
    link.symlink_to(tmp_path / "precious")
    reply = GOLDEN / "real_bounced.reply.json"
    assert call("decode", "--html", "case.html", reply).code == 0, "one's own link is followed"
    assert (tmp_path / "precious").read_text().endswith("</html>\n")
    (tmp_path / "precious").write_text(BEFORE)
    os.chown(link, 65534, 65534, follow_symlinks=False)
    told = call("decode", "--html", "case.html", reply)
    assert told.code == Exit.USAGE
    assert "case.html is a link of another user; name another file" in told.err
    assert (tmp_path / "precious").read_text() == BEFORE


def test_a_page_may_go_into_a_pipe(process: Call) -> None:
    done = process("decode", "--html", "/dev/stderr", "--json", GOLDEN / "real_alias.reply.json")
    assert done.code == 0
    assert len(done.rows) == 1
    page, note = done.err.rsplit("</html>\n", 1)
    assert page.startswith("<!doctype html>")
    assert json.loads(note)["note"]["html"] == "/dev/stderr"


def test_a_program_makes_a_page_without_the_extra() -> None:
    program = """
import sys
sys.modules["click"] = sys.modules["rich"] = None
import tracevault as tv
from tracevault.cli.html import html_page
print(html_page([tv.Trace()], title="nothing yet"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=True, env={**os.environ, "PYTHONPATH": str(SOURCE)})  # fmt: skip
    assert "nothing yet" in done.stdout
    assert done.stdout.endswith("</html>\n\n")


@pytest.mark.usefixtures("library_path")
def test_a_notebook_shows_a_trace_and_a_finding_and_no_markup_of_strangers() -> None:
    reply = (GOLDEN / "real_bounced.reply.json").read_bytes()
    trace = tv.decode(reply.replace(b"User unknown", b"<img src=x onerror=alert(1)>"))
    shown = trace._repr_html_()
    assert "Not delivered." in shown
    assert "reject1@example.com" in shown
    assert "&lt;img src=x" in shown
    account = tv.Account(tenant="acme", account_id=ACME, kind="api_token", label="<b>Acme</b>")
    found = tv.Finding(tenant="acme", account=account, trace=trace)._repr_html_()
    assert shown in found
    assert "&lt;b&gt;Acme" in found
    assert "<img" not in found + shown


KEY = bytes(range(32))
NO_PAGES = {
    "a key": KEY,
    "a table": b"tenant,account_id,token\n",
    "a page of somebody else": b"<!doctype html>\n<title>Minutes</title>\n",
    "text": b"what was there",
}


@pytest.mark.parametrize("there", NO_PAGES.values(), ids=NO_PAGES)
def test_a_page_takes_the_place_of_no_other_file(
    call: Call, kit: Kit, tmp_path: Path, there: bytes
) -> None:
    """One wrong word had a page where the vault was, or the only key of it."""
    kit.server.reset()
    file = tmp_path / "precious"
    file.write_bytes(there)
    for verb in (("hunt", "--sender", "x.example"), ("trace", "--account", ACME, "REF"),
                 ("decode", GOLDEN / "real_bounced.reply.json")):  # fmt: skip
        told = call(*verb, "--html", "precious")
        assert told.code == Exit.USAGE
        assert "precious is there and is no page of tracevault" in told.err
        assert file.read_bytes() == there
    assert kit.server.requests() == []


def test_a_page_takes_not_the_place_of_the_vault_or_its_key(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(kit.vault)
    for place in (kit.vault, kit.key_file, "link"):
        assert call("hunt", "--sender", "x.example", "--html", place).code == Exit.USAGE
    assert call("account", "list").code == 0


def test_a_file_that_came_during_the_work_stays(tmp_path: Path) -> None:
    (tmp_path / "case.html").write_bytes(KEY)
    with pytest.raises(Usage, match="is no page of tracevault"):
        replace_file(str(tmp_path / "case.html"), BEFORE)
    assert (tmp_path / "case.html").read_bytes() == KEY


@pytest.mark.parametrize("journal", ["one", "./one", "sub/../one"])
def test_a_hunts_page_and_journal_are_two_files(
    call: Call, kit: Kit, tmp_path: Path, journal: str
) -> None:
    (tmp_path / "sub").mkdir()
    told = call("hunt", "--sender", "x.example", "--html", "one", "--resume", journal)
    assert told.code == Exit.USAGE
    assert "--html and --resume are one file" in told.err
    assert not (tmp_path / "one").exists()


def test_a_page_and_the_output_are_two_files(environment: dict[str, str], tmp_path: Path) -> None:
    with open(tmp_path / "case.html", "wb") as out:
        words = ("decode", "--json", "--html", "case.html", GOLDEN / "real_alias.reply.json")
        done = subprocess.run(command(*words), env=environment, cwd=tmp_path, stdout=out,
                              stderr=subprocess.PIPE, check=False)  # fmt: skip
    assert done.returncode == Exit.USAGE
    assert b"--html and the output are one file" in done.stderr
