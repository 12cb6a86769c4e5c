"""What was sent and goes again, after a refused stream, goes where it may and stops nobody."""

from __future__ import annotations

import re
import struct
import threading
from collections.abc import Iterator

import pytest
import tracevault as tv
from engine_scene import names, taken, until
from hostile.certificates import Identities
from hostile.http2 import HTTP2, RST_STREAM, setting
from hostile.scenario import Scenario, reply, trace
from hostile.stage import Peer, Stage
from proxy.asking import ACCOUNT, settings
from proxy.connecting import connecting
from tracevault import Status

MAX_CONCURRENT_STREAMS, REFUSED_STREAM = 3, 7
#: Fewer than the half of the streams of a connection, which a tenant may have.
MANY = 40
TENANTS = ("first", "second", "third")


def asker(head: bytes) -> str:
    found = re.search(rb"test-token-not-real-([a-z]+)", head)
    return found[1].decode() if found else ""


def vault_for(origin: str, *tenants: str) -> tv.Vault:
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        for name in tenants:
            secret = tv.ApiToken(bytearray(f"test-token-not-real-{name}".encode()))
            edit.put(name, ACCOUNT, secret, origin=origin)
    return vault


class Mixed:
    """Agrees on HTTP/2 with one stream, but on HTTP/1.1 for its second connection. Answers nothing
    before it is told to, and then in order, each with the name of who asked there."""

    def __init__(self, identity: Identities) -> None:
        self.stage = Stage(Scenario("mixed", self.play, Status.OK, "h2", bare=True), identity)
        self.connections = 0
        self.lock = threading.Lock()
        self.answers = threading.Event()
        #: Who asked over HTTP/1.1, on all connections.
        self.in_line: list[str] = []
        self.streams: list[tuple[HTTP2, int, str]] = []

    def play(self, peer: Peer) -> None:
        with self.lock:
            self.connections += 1
            number = self.connections
        if number != 2:
            peer.secure("good", "h2")
            http2 = HTTP2(peer, setting(MAX_CONCURRENT_STREAMS, 1))
            http2.serve(self.meet)
            return
        peer.secure("good", "http/1.1")
        while head := peer.head():
            self.in_line.append(asker(head))
            threading.Thread(target=self.answer_in_line, args=(peer,), daemon=True).start()

    def answer_in_line(self, peer: Peer) -> None:
        self.answers.wait(60)
        with self.lock:
            if self.in_line:
                peer.send(reply(trace(self.in_line.pop(0))))

    def meet(self, http2: HTTP2, stream: int) -> None:
        who = asker(http2.asked)
        self.streams.append((http2, stream, who))
        if self.answers.is_set():
            http2.reply(stream, trace(who))

    def refuse(self) -> None:
        """The first stream of all."""
        http2, stream, _ = self.streams.pop(0)
        http2.send(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))

    def answer(self) -> None:
        self.answers.set()
        for http2, stream, who in list(self.streams):
            http2.reply(stream, trace(who))

    def asked(self) -> int:
        return len(self.streams) + len(self.in_line)


@pytest.fixture
def mixed(identity: Identities) -> Iterator[Mixed]:
    server = Mixed(identity)
    yield server
    server.stage.close()


def test_a_refused_request_is_sent_over_no_connection_that_is_anothers(
    mixed: Mixed, identity: Identities
) -> None:
    with (
        vault_for(mixed.stage.origin, *TENANTS) as vault,
        tv.Engine(settings(mixed.stage.origin, identity)) as engine,
    ):
        for count, name in enumerate(TENANTS, 1):
            tenant = vault.tenant(name)
            engine.submit(tv.Request.trace(tenant, ACCOUNT, "message", timeout=50, tag=name))
            while mixed.asked() < count:
                assert engine.take(0.01) is None
        assert mixed.in_line == ["second"]
        mixed.refuse()
        until(lambda: mixed.asked() == 3, "the refused request comes again")
        assert mixed.in_line == ["second"]
        mixed.answer()
        results = taken(engine, 3)
        told = {result.tag: result.unwrap().lines[0].message for result in results.values()}
        assert told == {name: name for name in TENANTS}


class Slow:
    """Holds what it is asked until it is told to answer; lets nobody in but the first connection
    until it is open again."""

    def __init__(self, identity: Identities) -> None:
        self.stage = Stage(Scenario("slow", self.play, Status.OK, "h2", bare=True), identity)
        self.is_first = True
        self.is_open = threading.Event()
        self.answers = threading.Event()
        self.held: list[tuple[HTTP2, int]] = []

    def play(self, peer: Peer) -> None:
        if not self.is_first:
            self.is_open.wait(60)
        self.is_first = False
        peer.secure("good", "h2")
        HTTP2(peer, setting(MAX_CONCURRENT_STREAMS, 100)).serve(self.meet)

    def meet(self, http2: HTTP2, stream: int) -> None:
        if self.answers.is_set():
            http2.reply(stream)
        else:
            self.held.append((http2, stream))

    def refuse(self) -> None:
        http2, stream = self.held.pop(0)
        http2.send(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))

    def answer(self) -> None:
        self.answers.set()
        for http2, stream in list(self.held):
            http2.reply(stream)


@pytest.mark.parametrize("connections", [1, 8])
def test_who_comes_while_a_refused_request_connects_anew_does_not_wait_for_room(
    identity: Identities, connections: int
) -> None:
    server = Slow(identity)
    changes = {"http__max_connections": connections}
    with vault_for(server.stage.origin, "acme") as vault:
        acme = vault.tenant("acme")
        with tv.Engine(settings(server.stage.origin, identity, **changes)) as engine:
            engine.submit(tv.Request.trace(acme, ACCOUNT, "refused", timeout=100))
            until(lambda: len(server.held) == 1, "the request that is refused")
            server.refuse()
            for number in range(MANY):
                engine.submit(tv.Request.trace(acme, ACCOUNT, f"m{number}", timeout=100))
            until(lambda: engine.stats()["queued"] + engine.stats()["in_flight"] > MANY, "all")
            server.is_open.set()
            # None of them is answered before all are there.
            until(lambda: len(server.held) == MANY + 1, "all at once", seconds=40)
            server.answer()
            assert names(taken(engine, MANY + 1).values()) == [""] * (MANY + 1)
    server.stage.close()


def test_a_login_that_a_proxy_refuses_is_not_tried_by_all_that_are_sent_again(
    identity: Identities,
) -> None:
    server = Slow(identity)
    changes = {"http__max_connections": 1, "retry__max_attempts": 1}
    with vault_for(server.stage.origin, "acme") as vault, connecting() as proxy:
        acme = vault.tenant("acme")
        login = f"http://soc:not-real@127.0.0.1:{proxy.port}"
        asked = settings(server.stage.origin, identity, http__proxy=login, **changes)
        with tv.Engine(asked) as engine:
            for number in range(MANY):
                engine.submit(tv.Request.trace(acme, ACCOUNT, f"m{number}", timeout=100))
            until(lambda: len(server.held) == MANY, "all at once")
            assert len(proxy.heads) == 1
            proxy.code = 407
            for _ in range(MANY):
                server.refuse()
            errors = [result.error for result in taken(engine, MANY).values()]
    server.stage.close()
    assert all(error is not None and "wants another login" in str(error) for error in errors)
    assert len(proxy.heads) < 5


class Ending:
    """Of HTTP/1.1 alone. What the three ask is held but for the end, until all have asked; then
    large and larger have theirs, and who is cut off gets a first word and no more."""

    def __init__(self, identity: Identities) -> None:
        play = Scenario("ending", self.play, Status.OK, "http/1.1", bare=True)
        self.stage = Stage(play, identity)
        self.heads: dict[str, int] = dict.fromkeys(("larger", "large", "cut"), 0)
        self.lock = threading.Lock()
        self.are_ready = {name: threading.Event() for name in self.heads}
        self.has_ended = threading.Event()

    def play(self, peer: Peer) -> None:
        peer.secure("good", "http/1.1")
        who = asker(peer.head())
        with self.lock:
            self.heads[who] += 1
            is_first = self.heads[who] == 1
        if not is_first:
            peer.send(reply(trace(who)))
            return
        whole = {
            # Reading it takes long enough for the others' ends to be there when it is read.
            "larger": reply(trace("").replace(b'""', b'"' + rb"\u0041" * 5_000_000 + b'"', 1)),
            "large": reply(trace("l" * (2 << 20))),
            "cut": b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n?",
        }[who]
        peer.send(whole[:-1])
        self.are_ready[who].set()
        for is_ready in self.are_ready.values():
            is_ready.wait(60)
        if who == "larger":
            peer.send(whole[-1:])
            self.has_ended.set()
        self.has_ended.wait(60)
        if who == "large":
            peer.send(whole[-1:])
        peer.close()


def test_what_ended_beside_a_large_reply_is_not_sent_again(identity: Identities) -> None:
    server = Ending(identity)
    names_of_all = tuple(server.heads)
    # Whoever waits for a first byte is looked at eight times in that time.
    once = {"retry__max_attempts": 1, "http__first_byte_ms": 800}
    with (
        vault_for(server.stage.origin, *names_of_all) as vault,
        tv.Engine(settings(server.stage.origin, identity, **once)) as engine,
    ):
        for name in names_of_all:
            asked = tv.Request.trace(vault.tenant(name), ACCOUNT, "message", timeout=50, tag=name)
            engine.submit(asked)
            assert server.are_ready[name].wait(60)
        told = {one.tag: one.error for one in taken(engine, 3).values()}
    server.stage.close()
    assert server.heads == dict.fromkeys(names_of_all, 1)
    assert (told["larger"], told["large"]) == (None, None)
    assert isinstance(told["cut"], tv.TransportError)
