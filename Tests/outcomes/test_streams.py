"""The streams of HTTP/2 connections have a share: a tenant whose requests hang leaves some to the
others, however few the settings or the server allow."""

from __future__ import annotations

import contextlib
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import tracevault as tv
from engine_scene import names, taken, until
from hostile.certificates import Identities
from hostile.http2 import HTTP2, RST_STREAM, acting, setting
from hostile.scenario import HONEST, Play, Scenario, answering
from hostile.stage import Peer, Stage
from proxy.asking import ACCOUNT, settings
from tracevault import Status

MAX_CONCURRENT_STREAMS, REFUSED_STREAM = 3, 7
#: More than any of these servers has room for.
MANY = 100


def _over_http1(peer: Peer, _: bytes) -> None:
    peer.send(HONEST)


def _either(over_http2: Play) -> Play:
    """Global keys come over HTTP/1.1: they are answered at once."""

    def play(peer: Peer) -> None:
        assert isinstance(peer.sock, ssl.SSLSocket)
        is_http2 = peer.sock.selected_alpn_protocol() == "h2"
        (over_http2 if is_http2 else answering(_over_http1))(peer)

    return play


class Server:
    """Answers what is "late" once somebody asks it to "go", and everything else at once."""

    def __init__(self, identity: Identities, streams: int, *, strict: bool) -> None:
        #: Refuses what is beyond the streams that it allows.
        self.most = streams if strict else MANY * 2
        self.late: list[tuple[HTTP2, int]] = []
        self.refused = 0
        self._goes = False
        self._lock = threading.Lock()
        told = setting(MAX_CONCURRENT_STREAMS, streams)
        play = _either(acting(self.meet, told))
        self.stage = Stage(Scenario("late", play, Status.OK, "h2"), identity)

    def meet(self, http2: HTTP2, stream: int) -> None:
        with self._lock:
            open_here = [one for one in self.under_way() if one[0] is http2]
            if len(open_here) >= self.most:
                self.refused += 1
                http2.send(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))
            elif b"late" in http2.asked and not self._goes:
                self.late.append((http2, stream))
            else:
                http2.reply(stream)

    def under_way(self) -> list[tuple[HTTP2, int]]:
        return [(http2, stream) for http2, stream in self.late if stream not in http2.given_up]

    def go(self) -> None:
        with self._lock:
            self._goes = True
            for http2, stream in self.under_way():
                with contextlib.suppress(OSError):  # the client is gone
                    http2.reply(stream)
            self.late.clear()


@contextmanager
def serving(identity: Identities, streams: int, *, strict: bool = False) -> Iterator[Server]:
    server = Server(identity, streams, strict=strict)
    try:
        yield server
    finally:
        server.stage.close()


@contextmanager
def tenants(server: Server) -> Iterator[list[tv.Tenant]]:
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for name in ("greedy", "modest"):
                secret = tv.ApiToken(bytearray(f"test-token-not-real-{name}".encode()))
                edit.put(name, ACCOUNT, secret, origin=server.stage.origin)
        yield [vault.tenant("greedy"), vault.tenant("modest")]


def trace(tenant: tv.Tenant, message: str) -> tv.Request:
    return tv.Request.trace(tenant, ACCOUNT, message, timeout=50)


@pytest.mark.parametrize("is_known", [True, False], ids=["server known", "server new"])
@pytest.mark.parametrize(
    ("streams", "room", "changes"),
    [
        (1, 8, {}),
        (10, 80, {}),
        (MANY, 40, {"http__max_streams": 10}),
        (MANY, 50, {"http__max_connections": 1}),
        (10, 10, {"http__max_connections": 1}),
        (2, 2, {"http__max_connections": 1}),
    ],
    ids=["1 stream", "10 streams", "10 set", "1 connection", "10 streams of 1", "2 streams of 1"],
)
def test_a_tenant_whose_requests_hang_leaves_streams_to_the_others(
    identity: Identities, streams: int, room: int, changes: dict[str, int], is_known: bool
) -> None:
    with serving(identity, streams) as server, tenants(server) as (greedy, modest):
        origin = server.stage.origin
        with tv.Engine(settings(origin, identity, retry__max_attempts=1, **changes)) as engine:
            if is_known:
                engine.trace(modest, ACCOUNT, "first")
            hanging = [engine.submit(trace(greedy, f"late{n}")) for n in range(MANY)]
            until(lambda: len(server.under_way()) >= room, "the requests that hang")
            for number in range(4):
                assert engine.trace(modest, ACCOUNT, f"soon{number}", timeout=50) is not None
            # Nothing of the other tenant's is lost, and none of its tries has failed.
            server.go()
            results = taken(engine, MANY)
            assert set(results) == set(hanging)
            assert names(results.values()) == [""] * MANY
            assert engine.stats()["transient_failures"] == 0


@pytest.mark.parametrize("connections", [1, 8])
def test_requests_that_hang_leave_connections_to_global_keys(
    identity: Identities, connections: int
) -> None:
    with serving(identity, MANY) as server, tenants(server) as (greedy, modest):
        few = settings(server.stage.origin, identity, http__max_connections=connections)
        with tv.Vault.in_memory() as vault, tv.Engine(few) as engine:
            with vault.edit() as edit:
                secret = tv.GlobalKey("soc@example.invalid", b"test-key-not-real-" + b"0" * 19)
                edit.put("keyed", ACCOUNT, secret, origin=server.stage.origin)
            keyed = vault.tenant("keyed")
            engine.trace(modest, ACCOUNT, "first")
            # Behind a reply over HTTP/1.1 libcurl had made a connection for each of these.
            engine.trace(keyed, ACCOUNT, "first")
            for number in range(connections):
                engine.submit(trace(greedy, f"late{number}"))
            until(lambda: len(server.under_way()) == connections, "the requests that hang")
            assert engine.trace(keyed, ACCOUNT, "soon", timeout=30) is not None
            server.go()
            taken(engine, connections)


def test_a_server_that_refuses_streams_starves_nobody(identity: Identities) -> None:
    """What was refused goes again, a few times at once."""
    with serving(identity, 1, strict=True) as server, tenants(server) as (greedy, modest):
        plain = settings(server.stage.origin, identity)
        with tv.Engine(plain) as engine:
            for number in range(MANY):
                engine.submit(trace(greedy, f"late{number}"))
            until(lambda: len(server.under_way()) >= 4, "the requests that hang")
            for number in range(4):
                assert engine.trace(modest, ACCOUNT, f"soon{number}", timeout=40) is not None
            server.go()
            taken(engine, MANY)


def test_who_waits_for_a_stream_is_told_so(identity: Identities) -> None:
    with serving(identity, 1) as server, tenants(server) as (greedy, modest):
        one = settings(server.stage.origin, identity, http__max_connections=1)
        with tv.Engine(one) as engine:
            engine.trace(modest, ACCOUNT, "first")
            engine.submit(trace(greedy, "late"))
            until(lambda: len(server.under_way()) == 1, "the request that hangs")
            engine.submit(trace(greedy, "late-too"))
            with pytest.raises(tv.DeadlineError, match=r"waited for a stream.*tries: 0"):
                engine.trace(modest, ACCOUNT, "soon", timeout=1)
            server.go()
            assert names(taken(engine, 2).values()) == ["", ""]
