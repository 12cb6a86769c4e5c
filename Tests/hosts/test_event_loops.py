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

#: An epoll that tells every event twice: the second comes where there is nothing to read any more.
TOLD_TWICE = """
#include <sys/epoll.h>

int __real_epoll_wait(int poller, struct epoll_event *events, int most, int timeout_ms);
int __wrap_epoll_wait(int poller, struct epoll_event *events, int most, int timeout_ms) {
    int count = __real_epoll_wait(poller, events, most / 2, timeout_ms);
    for (int i = 0; i < count; i++) events[count + i] = events[i];
    return 2 * count;
}
"""
#: An epoll that has no room for a third descriptor: the first are the listener and the signals.
FULL = """
#include <errno.h>
#include <sys/epoll.h>

int __real_epoll_ctl(int poller, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int poller, int what, int fd, struct epoll_event *event) {
    static int count;
    errno = ENOSPC;
    return ++count == 3 ? -1 : __real_epoll_ctl(poller, what, fd, event);
}
"""
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


def daemon_with(home: Home, compiled: Compile, function: str, source: str) -> Path:
    """The epoll daemon with a function of its libc that is another one."""
    (home.folder / f"{function}.c").write_text(source)
    sources = (EXAMPLES / "epoll/daemon.c", home.folder / f"{function}.c")
    return compiled(f"daemon_{function}", *sources, flags=(f"-Wl,--wrap={function}",))


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


def test_a_coroutine_shows_a_reference_that_is_none_with_escapes(
    home: Home, compiled: Compile
) -> None:
    told = coroutines(home, compiled, ["a\x1b[31m\u202ez"])
    assert told.stderr.startswith(r"a\x1b[31m\xe2\x80\xaez: TV_E_MESSAGE_REF: ")


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


def test_an_event_with_nothing_to_read_ends_no_client_of_the_epoll_daemon(
    home: Home, compiled: Compile
) -> None:
    with serving(home, daemon_with(home, compiled, "epoll_wait", TOLD_TWICE)) as process:
        with asking(home) as asker, asker.makefile() as answers:
            for one in refs(home.server, 2):
                asker.sendall(f"{one}\n".encode())
                assert answers.readline() == f"{one} TV_OK\n"
        process.terminate()
        assert process.wait(60) == 0


def test_the_epoll_daemon_ends_with_a_reason_where_it_cannot_wait_for_its_engine(
    home: Home, compiled: Compile
) -> None:
    host = daemon_with(home, compiled, "epoll_ctl", FULL)
    words = ["daemon", "rows", "soc.vault", "soc.key", "acme", *home.settings]
    done = subprocess.run([host, *words], cwd=home.folder, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == b"daemon: TV_E_IO: No space left on device\n"
