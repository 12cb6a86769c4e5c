"""A host takes leave of the others when the last that goes by its name ends, and no sooner."""

from __future__ import annotations

import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import ACME, until
from fleet.quota import asked, engine, host
from launcher import standin
from redis_server import Client, Server

HOSTS = "{tracevault}:hosts"

#: An engine that is heard by the others, until its standard input ends.
JOB = """
import sys
sys.path[:0] = sys.argv[3:]
import tracevault as tv
with tv.Engine({"redis.addresses": sys.argv[1], "budget.ledger": sys.argv[2]}) as engine:
    while engine.stats()["ledger"]["redis"]["hosts"] == 0:
        pass
    print("heard", flush=True)
    sys.stdin.read()
"""


def there(client: Client) -> list[str]:
    return [name for name in client("HKEYS", HOSTS) if name[0] != "."]


def test_an_engine_that_ends_leaves_its_host_to_another_of_its_process(
    on_disk: Path, lender: Server
) -> None:
    with standin(quota=1200) as cloudflare:
        client = lender.client()
        with host(cloudflare, lender.address, on_disk / "1") as first:
            asked(first)
            with host(cloudflare, lender.address, on_disk / "1") as second:
                asked(second)
            assert len(there(client)) == 1
        assert client("EXISTS", HOSTS) == 0
        client.close()


def test_a_job_that_ends_leaves_its_host_to_another_process(on_disk: Path, lender: Server) -> None:
    ledger = on_disk / "1"
    job = [sys.executable, "-c", JOB, lender.address, str(ledger), *sys.path]
    with standin(quota=1200) as cloudflare:
        client = lender.client()
        with subprocess.Popen(job, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
            assert one.stdout is not None and one.stdout.readline() == "heard\n"
            with host(cloudflare, lender.address, ledger) as other:
                asked(other)
                one.communicate()
                assert len(there(client)) == 1
            until(lambda: client("EXISTS", HOSTS) == 0, "the last one has left")
        client.close()


@pytest.mark.parametrize("name", ["private", "of its own"])
def test_a_host_without_a_ledger_that_others_use_takes_leave_alone(
    on_disk: Path, lender: Server, name: str
) -> None:
    ledger = name if name == "private" else str(on_disk / "1")
    with standin(quota=1200) as cloudflare:
        client = lender.client()
        with host(cloudflare, lender.address, on_disk / "2") as other:
            asked(other)
            with engine(cloudflare, lender.address, budget__ledger=ledger) as one:
                asked(one)
                until(lambda: len(there(client)) == 2, "both are heard")
            assert len(there(client)) == 1
        client.close()


class Forgetful(socketserver.ThreadingTCPServer):
    """Counts hosts as Redis does, and never answers who wants permits."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.loaded = 0
        self.is_asked = threading.Event()
        self.is_left = threading.Event()


class Dialogue(socketserver.StreamRequestHandler):
    server: Forgetful

    def handle(self) -> None:
        while first := self.rfile.readline():
            words = []
            for _ in range(int(first[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            self.wfile.write(self.answer(words))

    def answer(self, words: list[bytes]) -> bytes:
        if words[0] == b"INFO":
            return b"$47\r\nrun_id:%s\r\n" % (b"a" * 40)
        if words[0] == b"SCRIPT":
            self.server.loaded += 1
            return b"$40\r\n%s\r\n" % (b"%d" % self.server.loaded * 40)
        if words[1] != b"2" * 40:
            self.server.is_asked.set()
            return b""
        if words[-1] == b"leaves":
            self.server.is_left.set()
        return b"*4\r\n:1\r\n:1\r\n:0\r\n$3\r\n123\r\n"


def test_a_host_that_ends_while_it_waits_for_permits_takes_leave() -> None:
    with standin(quota=1200) as cloudflare, Forgetful() as redis:
        threading.Thread(target=redis.serve_forever, daemon=True).start()
        address = f"redis://127.0.0.1:{redis.server_address[1]}"
        with engine(cloudflare, address, redis__timeout_ms=10_000) as (one, tenant):
            one.submit(tv.Request.trace(tenant, ACME, "slow-1"))
            assert redis.is_asked.wait(60)
        assert redis.is_left.wait(60)
        redis.shutdown()
