"""What cannot be written is named, with what is done all the same."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Done, Kit, command
from tests.conftest import ACME
from tracevault import Status, _lines
from tracevault._place import Place
from tracevault.cli.exits import Exit

REF = "4jXtPB72Kpz7S8D"
WHERE = ("--tenant", "acme", "--account", ACME)
OUTPUT = "standard output cannot be written: No space left on device"
NO_ROOM = "No space left on device"


def into_full(environment: dict[str, str], folder: Path, *words: object, stdin: str = "") -> Done:
    """Call the command with a full disk behind its output."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command(*words), env=environment, cwd=folder, stdout=full, stderr=subprocess.PIPE,
            input=stdin.encode(), check=False, timeout=120,
        )  # fmt: skip
    return Done(done.returncode, "", done.stderr.decode())


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("trace", "--help"),
        ("vault",),
        ("settings",),
        ("settings", "--json"),
        ("account", "list", "--json"),
        ("trace", *WHERE, REF),
        ("trace", *WHERE, REF, "--lines"),
        ("batch", *WHERE, "--json"),
        ("filter", *WHERE),
        ("filter", *WHERE, "--omprog", "rows"),
        ("hunt", "--tenant", "acme", "--subject", "e", "--format", "csv"),
        ("completion", "bash"),
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_the_output_is_called_that(
    environment: dict[str, str], tmp_path: Path, kit: Kit, words: tuple[str, ...]
) -> None:
    sent = json.dumps({"message_ref": REF}) + "\n"
    told = into_full(environment, tmp_path, *words, stdin=sent)
    assert told.code == Exit.OTHER, told.err
    *_, last = told.err.splitlines()
    if "--json" in words:
        error = json.loads(last)["error"]
        assert (error["status"], error["message"], error["exit"]) == ("OUTPUT", OUTPUT, 9)
    else:
        assert last == f"tracevault: {OUTPUT}"
    assert "Errno" not in told.err
    assert "Exception ignored" not in told.err


@pytest.mark.parametrize(
    ("words", "done"),
    [
        (("account", "remove", *WHERE, "--yes"), "the vault is changed"),
        (("account", "rotate", *WHERE, "--token-file", "token"), "the vault is changed"),
        (("vault", "add-unlock", "--new-key-file", "new.key"), "the vault is changed"),
        (("vault", "export", "new.vault", "--new-key-file", "new.key"), "new.vault is written"),
        (("init", "new.vault", "--key-file", "new.key"), "the vault new.vault is made"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_change_that_cannot_be_told_is_said_to_be_made(
    environment: dict[str, str], tmp_path: Path, kit: Kit, words: tuple[str, ...], done: str
) -> None:
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("test-token-not-real-0000000000000000\n")
    told = into_full(environment, tmp_path, *words, "--json")
    assert told.code == Exit.OTHER, told.err
    *_, last = told.err.splitlines()
    assert json.loads(last)["error"]["message"] == f"{OUTPUT}; {done}"
    told = into_full(environment, tmp_path, "account", "list", "--json")
    assert json.loads(told.err.splitlines()[-1])["error"]["message"] == OUTPUT


def full(*_: Any, **__: Any) -> Any:
    """A disk without room."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("verb", ["trace", "hunt", "decode"])
def test_a_page_for_which_there_is_no_room_is_named(
    call: Call, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    words: dict[str, tuple[object, ...]] = {
        "trace": ("trace", *WHERE, REF),
        "hunt": ("hunt", "--tenant", "acme", "--subject", "no such subject"),
        "decode": ("decode", "-"),
    }
    reply = json.dumps({"success": True, "errors": [], "messages": [],
                        "result": {"inbound": {"lines": [], "pending": False},
                                   "outbound": {"lines": [], "pending": False}}})  # fmt: skip
    monkeypatch.setattr(os, "fchmod", full)
    monkeypatch.setattr(Place, "take", full)
    told = call(*words[verb], "--json", "--html", "case.html", stdin=reply)
    assert told.code == Exit.OTHER, told.err
    error = json.loads(told.err.splitlines()[-1])["error"]
    assert error["message"] == f"the page case.html cannot be written: {NO_ROOM}"
    assert error["status"] == "OUTPUT"
    assert not (tmp_path / "case.html").exists()


def test_a_page_for_which_there_is_no_room_leaves_a_trace_all_that_is_told(
    call: Call, kit: Kit
) -> None:
    pending = next(m.postfix_id for m in kit.server.messages_of(ACME) if m.pending_requests)
    told = call("trace", *WHERE, pending, "--html", "/dev/full")
    assert told.code == Exit.OTHER, told.err
    *_, growing, last = told.err.splitlines()
    assert growing == "tracevault: not complete yet; --follow waits for the rest"
    assert last == f"tracevault: the page /dev/full cannot be written: {NO_ROOM}"


@pytest.mark.parametrize("where", ["made", "first line", "less of the first line", "lines"])
@pytest.mark.parametrize(
    "words",
    [
        ("batch", *WHERE, "--resume"),
        ("hunt", "--tenant", "acme", "--subject", "x", "--resume"),
        ("account", "check", "--resume"),
        ("collect", "--checkpoint"),
    ],
    ids=lambda words: words[0],
)
def test_a_journal_for_which_there_is_no_room_is_named(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], where: str
) -> None:
    write = os.write

    def failing(descriptor: int, data: bytes) -> int:
        if where == "lines" and data.startswith(b'{"schema": '):
            return write(descriptor, data)
        return write(descriptor, data[:5]) if where.startswith("less") else full()

    if where == "made":
        monkeypatch.setattr(Place, "opened", full)
    else:
        monkeypatch.setattr(os, "write", failing)
    told = call(*words, "soc.journal", "--json", stdin=REF)
    assert told.code in (Exit.OTHER, Exit.SOME), told.err
    error = next(one["error"] for one in map(json.loads, told.err.splitlines()) if "error" in one)
    assert error["status"] == "TV_E_IO"
    why = "no room is left" if where.startswith("less") else NO_ROOM
    assert error["message"] == f"soc.journal cannot be written to: {why}"


def test_a_new_file_of_lines_that_has_no_room_is_none_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Place, "opened", full)
    with pytest.raises(tv.JournalError) as told:
        _lines.LineFile(tmp_path / "j", "x")
    assert told.value.status is Status.E_IO


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("batch", "/proc/self/mem"), "/proc/self/mem"),
        (("decode", "/proc/self/mem"), "/proc/self/mem"),
        (("account", "import", "/proc/self/mem"), "/proc/self/mem"),
        (("batch",), "/dev/stdin"),
        (("decode",), "/dev/stdin"),
        (("filter",), "/dev/stdin"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_not_called_the_output(
    environment: dict[str, str], tmp_path: Path, kit: Kit, words: tuple[str, ...], named: str
) -> None:
    with open("/proc/self/mem", "rb") as memory:
        done = subprocess.run(
            command(*words, "--json"), env=environment, cwd=tmp_path, stdin=memory,
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == Exit.OTHER, done.stderr
    (line,) = done.stderr.decode().splitlines()
    assert json.loads(line)["error"]["message"] == f"{named}: Input/output error"
