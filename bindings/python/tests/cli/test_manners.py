"""How the command behaves in a terminal and in pipes: as real processes."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit, calm, command
from tests.cli.terminal import Terminal
from tests.conftest import ACME
from tracevault.cli.exits import Exit

REF = "4jXtPB72Kpz7S8D"
WHERE = ("--tenant", "acme", "--account", ACME)
HOSTILE = (
    "postfix/x[1]: \x1b[2J\x1b]8;;https://e.example\x07link \x9b31m \u202egnp.exe\u200b [red]x"
)


@pytest.fixture
def terminal(environment: dict[str, str], tmp_path: Path) -> Callable[..., Terminal]:
    environment["TERM"] = "xterm-256color"
    environment["COLUMNS"] = "80"
    return lambda *arguments: Terminal(environment, tmp_path, *arguments)


def hostile_reply(folder: Path) -> str:
    reply = {"success": True, "result": {"inbound": {"pending": False, "lines": [
        {"logged_at": "2026-11-23T04:33:50Z", "message": HOSTILE},
        {"logged_at": "2026-11-23T04:33:51Z", "message": "postfix/smtp[1]: 4jXtPB72Kpz7S8D: "
         "to=<a@e.example>, relay=\u202emx[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, "
         "status=sent (250 \x1b[31m[bold]ok\u200b)"},
    ]}}}  # fmt: skip
    (folder / "reply.json").write_text(json.dumps(reply))
    return "reply.json"


def without_our_own(text: str) -> str:
    """The text without the colours that the command itself writes."""
    return re.sub(r"\x1b\[[0-9;]*m|\r", "", text)


@pytest.mark.parametrize("how", [(), ("--lines",), ("--json",), ("--format", "csv"),
                                 ("--format", "ecs"), ("--format", "ocsf")])  # fmt: skip
def test_nothing_of_a_log_line_acts_upon_a_terminal(
    terminal: Callable[..., Terminal], tmp_path: Path, how: tuple[str, ...]
) -> None:
    run = terminal("decode", *how, hostile_reply(tmp_path))
    assert run.end() == 0
    shown = without_our_own(run.seen)
    assert "link" in shown or "ok" in shown
    assert all(one.isprintable() or one == "\n" for one in shown), shown
    assert "\x1b[31m" not in run.seen


def test_colours_only_on_a_terminal_and_never_with_no_color(
    terminal: Callable[..., Terminal], environment: dict[str, str], kit: Kit, process: Call
) -> None:
    environment["COLUMNS"] = "160"  # room for the table
    run = terminal("account", "list")
    assert run.end() == 0
    assert "\x1b[" in run.seen
    assert "\x1b" not in process("account", "list").out
    environment["NO_COLOR"] = "1"
    run = terminal("account", "list")
    assert run.end() == 0
    assert "\x1b" not in run.seen
    del environment["NO_COLOR"]
    environment["TERM"] = "dumb"
    run = terminal("account", "list")
    assert run.end() == 0
    assert "\x1b" not in run.seen


def test_a_table_is_as_wide_as_the_terminal(
    terminal: Callable[..., Terminal], environment: dict[str, str], kit: Kit
) -> None:
    environment["COLUMNS"] = "60"
    run = terminal("account", "list")
    assert run.end() == 0
    assert max(len(line) for line in without_our_own(run.seen).splitlines()) <= 60


def test_a_closed_pipe_is_no_error(environment: dict[str, str], tmp_path: Path, kit: Kit) -> None:
    for arguments in (
        ("trace", *WHERE, *[REF] * 200, "--lines"),
        ("account", "list", "--json"),
        ("--help",),
        ("completion", "bash"),
    ):
        child = subprocess.Popen(
            command(*arguments), env=environment, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        said = child.stderr.read()
        child.stderr.close()
        assert child.wait(60) == 0, said
        assert said == b""


def test_ctrl_c_ends_at_once_and_says_how_to_go_on(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    kit.server.reset()
    message = next(m for m in kit.server.messages if m.pending_requests)
    environment["TRACEVAULT_SET"] += " request.deadline_ms=100000"
    child = subprocess.Popen(
        command("filter", *WHERE), env=environment, cwd=tmp_path, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"{}\n")
    assert child.stdout.readline() == b"{}\n"
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == Exit.INTERRUPTED
    assert said.decode().splitlines() == ["tracevault: interrupted"]
    assert message.postfix_id


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trace", *WHERE, REF), "interrupted"),
        (
            ("trace", *WHERE, "--follow", REF, "4jXtPC0RYCz7S6r"),
            f"again, with {REF} 4jXtPC0RYCz7S6r",
        ),
        (("search", *WHERE), "interrupted"),
        (("hunt", "--subject", "x"), "--resume FILE"),
        (("hunt", "--subject", "x", "--resume", "j"), "the same command again; j remembers"),
        (("batch", *WHERE, "--resume", "j", "list"), "the same command again; j remembers"),
        (("collect", "--checkpoint", "c"), "the same command again; c remembers"),
        (("account", "check"), "nothing was changed"),
        (("doctor",), "interrupted"),
    ],
    ids=lambda one: one if isinstance(one, str) else " ".join(one[:1]),
)
def test_ctrl_c_ends_each_long_verb_although_the_network_is_silent(
    environment: dict[str, str], tmp_path: Path, kit: Kit, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "list").write_text(REF)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment["TRACEVAULT_SET"] += f" http.proxy=http://127.0.0.1:{silent.getsockname()[1]}"
        child = subprocess.Popen(
            command(*words), env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            child.send_signal(signal.SIGINT)
            _, told = child.communicate(timeout=60)
    assert child.returncode == Exit.INTERRUPTED, told
    assert "Traceback" not in told
    assert said in told.splitlines()[-1]


def test_ctrl_c_in_a_terminal_while_following(terminal: Callable[..., Terminal], kit: Kit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # A proxy that takes the connection and never says a word.
        proxy = f"http.proxy=http://127.0.0.1:{silent.getsockname()[1]}"
        run = terminal("trace", *WHERE, "--follow", REF, "--set", proxy, "--json")
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            run.type("\x03")
            assert run.end() == Exit.INTERRUPTED
    (error,) = [json.loads(line) for line in run.seen.splitlines() if line.startswith("{")]
    assert f"the same command again, with {REF}" in error["error"]["message"]


def test_a_passphrase_is_asked_for_without_an_echo(
    terminal: Callable[..., Terminal], tmp_path: Path, environment: dict[str, str]
) -> None:
    tmp_path.chmod(0o700)
    environment["TRACEVAULT_SET"] = "vault.kdf_memory_kib=19456"
    run = terminal("init", "--vault", "v")
    run.until(lambda seen: "Passphrase of the new vault: " in seen)
    run.type("not-a-real-passphrase\n")
    run.until(lambda seen: "Once more: " in seen)
    run.type("not-a-real-passphrase\n")
    assert run.end() == 0, run.seen
    assert "not-a-real" not in run.seen
    tv.Vault.open(tmp_path / "v", tv.Passphrase("not-a-real-passphrase")).close()

    run = terminal("account", "add", "--vault", "v", "--tenant", "acme", "--account", "ab" * 16)
    run.until(lambda seen: "Passphrase of the vault: " in seen)
    run.type("not-a-real-passphrase\n")
    run.until(lambda seen: "API token: " in seen)
    run.type("test-token-not-real\n")
    assert run.end() == 0, run.seen
    assert "test-token" not in run.seen

    run = terminal("vault", "info", "--vault", "v")
    run.until(lambda seen: "Passphrase" in seen)
    run.type("\x03")
    assert run.end() == Exit.INTERRUPTED
    run = terminal("init", "--vault", "w")
    run.until(lambda seen: "new vault: " in seen)
    run.type("one\n")
    run.until(lambda seen: "Once more: " in seen)
    run.type("another\n")
    assert run.end() == Exit.USAGE
    assert not (tmp_path / "w").exists()


def test_a_person_is_told_that_the_command_waits_for_them(
    terminal: Callable[..., Terminal],
) -> None:
    run = terminal("decode", "--json")
    run.until(lambda seen: "Ctrl-D ends it" in seen)
    run.type('{"success":true,"result":{"inbound":{"lines":[]}}}\n\x04')
    assert run.end() == 0, run.seen
    assert "tracevault.trace/1" in run.seen


def test_a_person_is_asked_before_a_removal(terminal: Callable[..., Terminal], kit: Kit) -> None:
    run = terminal("account", "remove", *WHERE)
    run.until(lambda seen: "[y/N] " in seen)
    run.type("n\n")
    assert run.end() == Exit.USAGE
    run = terminal("account", "remove", *WHERE)
    run.until(lambda seen: "[y/N] " in seen)
    run.type("y\n")
    assert run.end() == 0, run.seen


def test_progress_is_shown_on_a_terminal_only_and_can_be_left_out(
    terminal: Callable[..., Terminal], kit: Kit, process: Call, environment: dict[str, str]
) -> None:
    run = terminal("account", "check", "--json")
    assert run.end() == 0
    assert "checked, " in run.seen
    run = terminal("account", "check", "--json", "--no-progress")
    assert run.end() == 0
    assert "/s" not in run.seen
    environment["TERM"] = "dumb"
    run = terminal("account", "check", "--json")
    assert run.end() == 0
    assert "\x1b" not in run.seen
    assert "\r\x1b[K" not in process("account", "check", "--json").err


def test_variables_of_the_developer_do_not_reach_the_tests() -> None:
    assert "TRACEVAULT_VAULT" not in calm(Path("/"))


def test_a_full_disk_is_told_and_a_closed_output_is_no_fault(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command("account", "list", "--json"), env=environment, cwd=tmp_path, stdout=full,
            stderr=subprocess.PIPE, check=False, text=True,
        )  # fmt: skip
    assert done.returncode == Exit.OTHER
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    words = " ".join(command("account", "list"))
    closed = subprocess.run(
        ["bash", "-c", f"{words} >&- 2>&-"], env=environment, cwd=tmp_path, check=False
    )
    assert closed.returncode == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("batch", *WHERE), Exit.OK),
        (("filter", *WHERE), Exit.OK),
        (("decode",), Exit.NO_ANSWER),
        (("account", "list"), Exit.OK),
        (("account", "list", "--passphrase-stdin"), Exit.USAGE),
        (("account", "import", "-"), Exit.USAGE),
        (("account", "remove", *WHERE), Exit.USAGE),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_a_closed_input_is_an_empty_one(
    environment: dict[str, str], tmp_path: Path, kit: Kit, words: tuple[str, ...], code: Exit
) -> None:
    if "--passphrase-stdin" in words:
        del environment["TRACEVAULT_KEY_FILE"]
    line = " ".join(command(*words))
    done = subprocess.run(["bash", "-c", f"{line} <&-"], env=environment, cwd=tmp_path,
                          check=False, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "fault of the command" not in done.stderr


def test_nothing_that_is_opened_takes_the_number_of_a_closed_stream(
    environment: dict[str, str], tmp_path: Path
) -> None:
    program = (
        "import os, sys\n"
        "from tracevault.cli import run\n"
        "run._open_what_is_closed()\n"
        "there = [os.readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2)]\n"
        "with open(sys.argv[1], 'w') as file:\n"
        "    print(there, file.fileno() > 2, file=file)\n"
    )
    line = f'{command()[0]} -c "$PROGRAM" told <&- >&- 2>&-'
    subprocess.run(["bash", "-c", line], env={**environment, "PROGRAM": program}, cwd=tmp_path,
                   check=True)  # fmt: skip
    assert (tmp_path / "told").read_text() == f"{['/dev/null'] * 3} True\n"


def test_a_fault_of_ours_is_one_line_and_shows_its_place_when_asked(
    process: Call, environment: dict[str, str], kit: Kit, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import tracevault.cli.session as s\n"
        "def broken(*_): raise ZeroDivisionError('a fault')\n"
        "s.open_vault = broken\n"
    )
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    told = process("account", "list")
    assert told.code == Exit.OTHER
    assert told.err.startswith("tracevault: ZeroDivisionError: a fault; this is a fault of")
    assert told.err.count("\n") == 1
    environment["TRACEVAULT_DEBUG"] = "1"
    shown = process("account", "list")
    assert shown.code == told.code
    assert shown.err.startswith("Traceback")
    assert ", in broken" in shown.err
    assert shown.err.endswith(told.err)


def test_a_misplaced_secret_is_in_no_place_that_is_shown(
    process: Call, environment: dict[str, str]
) -> None:
    misplaced = "test-token-not-real-0000000000000000000"
    for call in [("account", "list", "--vault", misplaced), ("account", "import", misplaced)]:
        environment.pop("TRACEVAULT_DEBUG", None)
        plain = process(*call)
        environment["TRACEVAULT_DEBUG"] = "1"
        shown = process(*call)
        assert (shown.code, misplaced in plain.err + shown.err) == (plain.code, False)
        assert shown.err.endswith(plain.err)
