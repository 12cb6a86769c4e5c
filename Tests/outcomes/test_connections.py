"""Requests that share a connection: who gives up takes nothing from who waits, and a connection
that is dead serves nobody any more."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ABI, ROOT, STRICT
from engine_scene import taken, until
from hostile.certificates import Identities
from hostile.http2 import HTTP2, acting
from hostile.scenario import Scenario
from hostile.stage import Stage
from proxy.asking import ACCOUNT, settings
from tracevault import Status

#: Longer than a connection has to be silent before anybody asks whether it is dead.
SILENT_S = 3.6


class Server:
    """Answers whoever asks for what is late when somebody asks for "go"; whoever asks for "never"
    waits for ever."""

    def __init__(self, identity: Identities) -> None:
        self.late: list[tuple[HTTP2, int]] = []
        #: Its first connection hears nothing more once so many late ones came over it.
        self.deaf_after = 0
        self.stage = Stage(Scenario("late", acting(self.meet), Status.OK, "h2"), identity)

    def meet(self, http2: HTTP2, stream: int) -> None:
        if b"never" in http2.asked:
            return
        if b"late" in http2.asked and self.late and self.late[0][0] is not http2:
            http2.reply(stream)
        elif b"late" in http2.asked:
            self.late.append((http2, stream))
            if len(self.late) == self.deaf_after:
                http2.peer.fall_deaf()
        else:
            for one, number in [*self.late, (http2, stream)]:
                one.reply(number)

    @property
    def arrived(self) -> int:
        return len(self.stage.heads)


@pytest.fixture
def server(identity: Identities) -> Iterator[Server]:
    made = Server(identity)
    try:
        yield made
    finally:
        made.stage.close()


@pytest.fixture
def engine(server: Server, identity: Identities) -> Iterator[tv.Engine]:
    with tv.Engine(settings(server.stage.origin, identity)) as made:
        yield made


@pytest.fixture
def vault(server: Server) -> Iterator[tv.Vault]:
    with tv.Vault.in_memory() as made:
        with made.edit() as edit:
            for name in ("patient", "hasty"):
                secret = tv.ApiToken(bytearray(f"test-token-not-real-{name}".encode()))
                edit.put(name, ACCOUNT, secret, origin=server.stage.origin)
        yield made


def trace(vault: tv.Vault, tenant: str, message: str, timeout: float) -> tv.Request:
    return tv.Request.trace(vault.tenant(tenant), ACCOUNT, message, timeout=timeout)


@pytest.mark.parametrize("how", ["out of time", "cancelled"])
def test_who_gives_up_takes_nothing_from_the_slow_requests_of_others(
    how: str, server: Server, engine: tv.Engine, vault: tv.Vault
) -> None:
    late = [engine.submit(trace(vault, "patient", f"late{n}", 60)) for n in range(5)]
    until(lambda: server.arrived == 5, "the slow requests")
    timeout = SILENT_S if how == "out of time" else 60
    hasty = [engine.submit(trace(vault, "hasty", f"never{n}", timeout)) for n in range(3)]
    until(lambda: server.arrived == 8, "the requests that give up")
    if how == "cancelled":
        time.sleep(SILENT_S)  # the promise is about this time
        for one in hasty:
            engine.cancel(one)
    expected = tv.CancelledError if how == "cancelled" else tv.DeadlineError
    ended = taken(engine, 3)
    assert {one: type(result.error) for one, result in ended.items()} == dict.fromkeys(
        hasty, expected
    )
    go = engine.submit(trace(vault, "patient", "go", 60))
    results = taken(engine, 6)
    assert {one: result.error for one, result in results.items()} == dict.fromkeys((*late, go))
    assert server.arrived == 9, "nothing was sent twice"
    assert engine.stats()["connections"]["made"] == 1


def test_a_connection_that_is_cut_is_left_by_all_when_one_gives_up(
    server: Server, engine: tv.Engine, vault: tv.Vault
) -> None:
    server.deaf_after = 2
    late = [engine.submit(trace(vault, "patient", f"late{n}", 60)) for n in range(2)]
    until(lambda: server.arrived == 2, "the slow requests")
    lost = engine.submit(trace(vault, "hasty", "lost", SILENT_S))
    results = taken(engine, 3)
    assert isinstance(results[lost].error, tv.DeadlineError)
    assert {one: results[one].error for one in late} == dict.fromkeys(late)
    assert engine.stats()["connections"]["made"] == 2


def test_connections_that_leave_by_one_port_are_told_apart(tmp_path: Path) -> None:
    """They may go to two addresses of the server."""
    system, program = ROOT / "Sources/CSystem", tmp_path / "same_port"
    parts = ("curl/curl.c", "curl/sockets.c", "files/descriptors.c", "process/clock.c")
    subprocess.run(
        ["gcc", *STRICT, "-ffunction-sections", "-Wl,--gc-sections", f"-I{system / 'include'}"]
        + [str(source) for source in (ABI / "same_port.c", *(system / part for part in parts))]
        + ["-o", str(program), "-lcurl"],
        check=True,
    )
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    assert done.stdout == "told apart\n"
