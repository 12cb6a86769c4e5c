"""test_event_loops: the examples with a loop of their own: coroutines on small stacks, an epoll daemon."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from c_programs import Compile
from engine_scene import connected, until
from host_home import EXAMPLES, NO_SUCH, Home
from recipes import refs

#: With this the library tells that the first reply for a message such as `fail-503-once` failed.
NOTICES = "engine.max_notices=100"


def coroutines(
    home: Home, compiled: Compile, lines: list[str], *settings: str
) -> subprocess.CompletedProcess[str]:
    """What the example with coroutines says to these references."""
    host = compiled("coroutines", EXAMPLES / "fluent-bit/coroutines.c")
    return subprocess.run(
        [host, "soc.vault", "soc.key", "acme", *home.settings, *settings],
        input="\n".join(lines) + "\n",
        cwd=home.folder, env=home.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@contextlib.contextmanager
def serving(home: Home, program: Path, *settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The epoll daemon, which says nothing on standard error."""
    words = ["daemon", "rows", "soc.vault", "soc.key", "acme", *home.settings, *settings]
    process = subprocess.Popen([program, *words], cwd=home.folder, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        said = process.communicate()[1]
    assert said == b""


def asking(home: Home) -> socket.socket:
    asker = connected(home.folder / "daemon")
    asker.settimeout(60)
    return asker


def test_a_coroutine_with_32_kib_for_each_record_prints_rows_within_the_bound(
    home: Home, compiled: Compile
) -> None:
    told = coroutines(home, compiled, [*refs(home.server, 5), NO_SUCH, "no such reference"])
    assert told.returncode == 1
    assert sorted(line.split(": ")[:2] for line in told.stderr.splitlines()) == [
        [NO_SUCH, "TV_E_NO_MESSAGE"], ["no such reference", "TV_E_MESSAGE_REF"],
    ]  # fmt: skip
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(rows) > 10 and all(row["ecs"] and row["event"] for row in rows)
    assert max(map(len, told.stdout.splitlines())) < 16 * 1024
    # More than there are coroutines: the first ones' places are taken again.
    many = coroutines(home, compiled, refs(home.server, 5) * 30)
    assert (many.returncode, many.stderr) == (0, "")


def test_a_coroutine_goes_on_with_its_answer_and_with_no_notice(
    home: Home, compiled: Compile
) -> None:
    told = coroutines(home, compiled, ["fail-503-once", *refs(home.server, 5)], NOTICES)
    assert (told.returncode, told.stderr) == (0, "")


def test_the_epoll_daemon_answers_each_line_and_begins_new_rows_when_it_is_told(
    home: Home, compiled: Compile
) -> None:
    rows = home.folder / "rows"
    with serving(home, compiled("daemon", EXAMPLES / "epoll/daemon.c")) as process:
        good = refs(home.server, 5)
        with asking(home) as asker, asking(home) as leaves, asking(home) as babbles:
            leaves.sendall(f"{good[0]}\n".encode())
            leaves.close()
            babbles.sendall(b"x" * 300)
            with contextlib.suppress(ConnectionResetError):
                assert babbles.recv(100) == b""
            asker.sendall("".join(f"{one}\n" for one in [*good, NO_SUCH, "no such"]).encode())
            with asker.makefile() as answers:
                told = dict(answers.readline().rstrip().rsplit(" ", 1) for _ in range(7))
                assert told == {
                    **dict.fromkeys(good, "TV_OK"),
                    NO_SUCH: "TV_E_NO_MESSAGE",
                    "no such": "TV_E_MESSAGE_REF",
                }
                assert all(json.loads(row)["ecs"] for row in rows.read_text().splitlines())
                rows.rename(home.folder / "rows.1")
                process.send_signal(signal.SIGHUP)
                until(rows.exists)
                asker.sendall(b"slow-200\n")
                # What is under way is answered before the end.
                until(lambda: any("slow-200" in one["path"] for one in home.server.requests()))
                process.terminate()
                assert answers.readline() == "slow-200 TV_OK\n"
        assert process.wait(60) == 0
        assert json.loads(rows.read_text().splitlines()[0])["ecs"]


def test_the_epoll_daemon_answers_nobody_with_a_notice_and_ends_when_it_is_told(
    home: Home, compiled: Compile
) -> None:
    program = compiled("daemon", EXAMPLES / "epoll/daemon.c")
    with serving(home, program, NOTICES) as process:
        with asking(home) as asker, asker.makefile() as answers:
            asker.sendall(b"fail-502-once\n")
            assert answers.readline() == "fail-502-once TV_OK\n"
            process.terminate()
            assert answers.readline() == ""
        assert process.wait(60) == 0
