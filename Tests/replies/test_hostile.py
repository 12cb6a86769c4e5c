"""What servers that lie, stall, flood and break off can and cannot do to an engine.

The rows are in Tests/hostile. After each one the same engine must serve an honest request.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.request
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from c_programs import ROOT, VALGRIND, Compile, run
from hostile import asking, echoes, frames, framing, identities, phases, redirects, replies, sizes
from hostile.certificates import Identities
from hostile.http2 import acting
from hostile.leaks import shows
from hostile.scenario import BODY, Scenario, reply, says
from hostile.stage import Stage, staged
from tracevault import Status

FAMILIES = (redirects, phases, identities, sizes, framing, frames, replies, asking, echoes)
SCENARIOS = [row for family in FAMILIES for row in family.SCENARIOS]
CLIENT = ROOT / "Tests/tools/hostile/client.py"
#: The promise of the engine: so much later than its deadline a request may end, on a machine that
#: lets it run.
OVERSHOOT_S = 1.0
#: What one scenario may add to a warm process, also for a moment.
GROWTH_KIB = 32 * 1024
CANARY = "c0de-test-token-not-real-canary"


class Watched:
    """The client's process: what it answered, and how much memory it took."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CLIENT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.warm_kib = 0
        #: Scenario and KiB of the most memory there was: at rest, and at any moment.
        self.rest: tuple[int, str] = (0, "")
        self.peak: tuple[int, str] = (0, "")
        self.met = 0
        #: The most memory since the scene began.
        self.scene_kib = 0

    def order(self, name: str, **order: Any) -> list[dict[str, Any]]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the client's process ended, code {self.process.wait()}"
        answer = json.loads(line)
        self.rest = max(self.rest, (answer["memory_kib"], name))
        self.peak = max(self.peak, (answer["peak_kib"], name))
        self.scene_kib = max(self.scene_kib, answer["peak_kib"])
        outcomes: list[dict[str, Any]] = answer["outcomes"]
        return outcomes

    def meet(
        self, scenario: Scenario, stage: Stage
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What came of the scenario's requests, and of the honest one after them."""
        self.met += 1
        self.scene_kib = 0
        settings: dict[str, Any] = {
            "api.base_url": stage.origin + "/client/v4",
            "api.allow_http_loopback": scenario.speech == "plain",
            "tls.ca_file": str(stage.identities.ca_file),
            "budget.quota": 0,
            "retry.base_ms": 1,
            "retry.max_attempts": 2,
        }
        found = self.order(
            scenario.name,
            do="ask",
            operation=scenario.operation,
            origin=stage.origin,
            # Of its own, so that what one scenario makes the engine believe of it ends there.
            secret=f"{CANARY}-{self.met}-met",
            other_secret=f"{CANARY}-{self.met}-after",
            key=scenario.key,
            count=scenario.count,
            timeout=scenario.timeout,
            settings={**settings, **scenario.settings},
        )
        stage.honest = True
        return found, self.order(f"after {scenario.name}", do="ask after")

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def client(identity: Identities) -> Iterator[Watched]:
    watched = Watched()
    try:
        # Warm: every library loaded, both protocols spoken, a reply of a megabyte read.
        large = BODY + b" " * (1 << 20)
        for row in (
            Scenario("plain", says(reply(large)), Status.OK, "plain"),
            Scenario("HTTP/1.1", says(reply(large)), Status.OK),
            Scenario("HTTP/2", acting(lambda h, s: h.reply(s, large)), Status.OK, "h2"),
        ):
            with staged(row, identity) as stage:
                found, after = watched.meet(row, stage)
                assert [one["status"] for one in (*found, *after)] == [0, 0]
        watched.warm_kib = watched.rest[0]
        watched.rest = watched.peak = (0, "")
        watched.met = 0
        yield watched
    finally:
        watched.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[row.name for row in SCENARIOS])
def test_one_true_outcome_in_time_and_no_harm(
    scenario: Scenario, client: Watched, identity: Identities
) -> None:
    with staged(scenario, identity) as stage:
        found, after = client.meet(scenario, stage)
    # Exactly one outcome each.
    assert sorted(one["tag"] for one in found) == list(range(scenario.count))
    for one in found:
        told = f"{Status(one['status']).name}: {one.get('message')}"
        assert one["status"] in scenario.expected, told
        assert one["took"] <= scenario.timeout + OVERSHOOT_S + one["late"]
        if Status.E_DEADLINE in scenario.expected and one["status"] == Status.E_DEADLINE:
            assert one["took"] >= scenario.timeout
        assert not one["leaked"], told
        assert scenario.tells in one.get("message", ""), told
        if scenario.asked is None and not one.get("retriable", True):
            assert len(stage.heads) <= scenario.count, "asked again although it is final"
    # No URL has it: what a reply names as the next page is asked for without it.
    secret = f"{CANARY}-{client.met}-met".encode()
    assert not any(shows(head.partition(b"\r")[0], secret) for head in stage.heads)
    if scenario.asked is not None:
        assert len(stage.heads) == scenario.asked
    # Nobody else heard of it.
    assert stage.recorder.connections == 0
    assert CANARY.encode() not in stage.recorder.received
    assert client.scene_kib - client.warm_kib <= GROWTH_KIB
    # The engine lives, and so does the other tenant's credential.
    assert [Status(one["status"]) for one in after] == [Status.OK], after


def test_at_least_eighty_scenarios_each_with_a_name_of_its_own() -> None:
    names = [row.name for row in SCENARIOS]
    assert len(names) == len(set(names)) >= 80


def test_the_second_origins_catch_a_client_that_follows_with_its_credential(
    identity: Identities,
) -> None:
    for target in ("other host", "other port", "other scheme"):
        row = next(row for row in SCENARIOS if row.name == f"302 to {target}")
        with staged(row, identity) as stage:
            asking = urllib.request.Request(stage.origin, headers={"X-Auth-Key": CANARY})
            handlers = (
                urllib.request.ProxyHandler({}),
                urllib.request.HTTPSHandler(
                    context=ssl.create_default_context(cafile=str(identity.ca_file))
                ),
            )
            # The second origin records and never answers.
            with contextlib.suppress(OSError):
                urllib.request.build_opener(*handlers).open(asking, timeout=1)
            assert stage.recorder.connections == 1
            assert CANARY.encode() in stage.recorder.received


@pytest.mark.parametrize("name", identities.BAD)
def test_a_client_that_is_not_careful_is_served_under_each_bad_identity(
    name: str, identity: Identities
) -> None:
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    careless.set_ciphers("ALL:eNULL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        careless.minimum_version = ssl.TLSVersion.TLSv1
    row = next(row for row in SCENARIOS if row.name == f"certificate: {name}")
    with (
        staged(row, identity) as stage,
        socket.create_connection(("127.0.0.1", stage.port), 20) as plain,
        careless.wrap_socket(plain) as secured,
    ):
        secured.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert secured.recv(100).startswith(b"HTTP/1.1 200")
    assert len(stage.heads) == 1


def test_memory_stays_within_32_mib_of_a_warm_process(client: Watched) -> None:
    if client.met < len(SCENARIOS):
        pytest.skip(f"only {client.met} of {len(SCENARIOS)} scenarios were met in this run")
    rest, peak = client.rest[0] - client.warm_kib, client.peak[0] - client.warm_kib
    print(
        f"{client.met} scenarios; warm {client.warm_kib} KiB; grown by {rest} KiB at rest "
        f"(at most, {client.rest[1]!r}), {peak} KiB at any moment ({client.peak[1]!r})"
    )
    assert rest <= peak <= GROWTH_KIB


#: What is asked again under valgrind: rows that reach into what libcurl keeps of a transfer.
UNDER_VALGRIND: tuple[str, ...] = (
    "a folded first header",
    "503, then nothing but folded headers",
    "a second reply that nobody asked for",
    "chunks cut off",
)
if "TRACEVAULT_LONG" in os.environ:
    UNDER_VALGRIND += (
        "a folded header",
        "503, then a folded first header",
        "chunks with trailers",
        "103 before the reply",
        "2,000 headers",
    )


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_finds_no_error_when_one_request_follows_the_other(
    compiled: Compile, identity: Identities
) -> None:
    program = compiled("asker", ROOT / "Tests/abi/asker.c")
    with contextlib.ExitStack() as stack:
        rows = [row for row in SCENARIOS if row.name in UNDER_VALGRIND and row.operation == "trace"]
        assert len(rows) == len(UNDER_VALGRIND)
        stages = [stack.enter_context(staged(row, identity)) for row in rows]
        bases = [stage.origin + "/client/v4" for stage in stages]
        done = run(*VALGRIND, program, identity.ca_file, *bases)
    assert done.returncode == 0, done.stdout
    ended = done.stdout.splitlines()
    assert len(ended) == len(rows), done.stdout
    for row, line in zip(rows, ended, strict=True):
        assert {Status(int(word)) for word in line.split()} <= {*row.expected, Status.OK}, row.name
