"""test_event_loops: the examples with a loop of their own: coroutines on small stacks, an epoll daemon."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess

from c_programs import Compile
from engine_scene import connected, until
from host_home import EXAMPLES, NO_SUCH, Home
from recipes import refs


def test_a_coroutine_with_32_kib_for_each_record_prints_rows_within_the_bound(
    home: Home, compiled: Compile
) -> None:
    host = compiled("coroutines", EXAMPLES / "fluent-bit/coroutines.c")
    words = ["soc.vault", "soc.key", "acme", *home.settings]
    asked = [*refs(home.server, 5), NO_SUCH, "no such reference"]

    def run(lines: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [host, *words], input="\n".join(lines) + "\n",
            cwd=home.folder, env=home.environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    told = run(asked)
    assert told.returncode == 1
    assert sorted(line.split(": ")[:2] for line in told.stderr.splitlines()) == [
        [NO_SUCH, "TV_E_NO_MESSAGE"], ["no such reference", "TV_E_MESSAGE_REF"],
    ]  # fmt: skip
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(rows) > 10 and all(row["ecs"] and row["event"] for row in rows)
    assert max(map(len, told.stdout.splitlines())) < 16 * 1024
    # More than there are coroutines: the first ones' places are taken again.
    many = run(refs(home.server, 5) * 30)
    assert (many.returncode, many.stderr) == (0, "")


def test_the_epoll_daemon_answers_each_line_and_begins_new_rows_when_it_is_told(
    home: Home, compiled: Compile
) -> None:
    place, rows = home.folder / "daemon", home.folder / "rows"
    words = ["daemon", "rows", "soc.vault", "soc.key", "acme", *home.settings]
    daemon = compiled("daemon", EXAMPLES / "epoll/daemon.c")
    process = subprocess.Popen([daemon, *words], cwd=home.folder, stderr=subprocess.PIPE)

    def asking() -> socket.socket:
        asker = connected(place)
        asker.settimeout(60)
        return asker

    try:
        good = refs(home.server, 5)
        with asking() as asker, asking() as leaves, asking() as babbles:
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
    finally:
        process.kill()
        said = process.communicate()[1]
    assert said == b""
