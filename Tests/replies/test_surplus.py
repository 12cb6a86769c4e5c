"""Answers reach who asked for them and nobody else, whatever a server sends behind its replies.

Over HTTP/1.1 replies have no names: one too many moves all later ones of the connection by one. So
no connection has a second request there; over HTTP/2 every reply names its request.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
import tracevault as tv
from hostile.certificates import Identities
from hostile.http2 import acting
from hostile.scenario import Play, Scenario, reply, trace
from hostile.stage import Peer, Stage, staged
from hostile.surplus import FRAMINGS, Surplus
from tracevault import Status

TENANTS = 6
MESSAGES = ("4Njp3P0STMz2c02Q", "4Njp3P0STMz2c03Q")
#: Ways to end up with HTTP/1.1: the kind of credential, what the server agrees to, the setting.
WAYS = {
    "keys": ("key", "http/1.1", "auto"),
    "keys, the server knows HTTP/2": ("key", "h2", "auto"),
    "tokens": ("token", "http/1.1", "auto"),
    "tokens, by the setting": ("token", "http/1.1", "1.1"),
}


def account(number: int) -> str:
    return f"{number:x}" * 32


class Connections:
    """What a server saw: how many requests came over each of its connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: list[int] = []
        self.resumed = 0

    def play(self, surplus: Surplus) -> Play:
        """Answers with the account and the message that the path names."""

        def serve(peer: Peer) -> None:
            with self._lock:
                place = len(self.requests)
                self.requests.append(0)
                self.resumed += bool(getattr(peer.sock, "session_reused", False))
            while head := peer.head():
                with self._lock:
                    self.requests[place] += 1
                path = head.split(b" ", 2)[1].decode().split("/")
                surplus(peer, trace(f"{path[4]} {path[7]}"))

        return serve


class Scene:
    """Six tenants, an account each, and an engine that they share."""

    def __init__(self, stage: Stage, kind: str, **settings: tv.Setting) -> None:
        self.vault = tv.Vault.in_memory()
        with self.vault.edit() as edit:
            for number in range(TENANTS):
                text = bytearray(f"test-secret-not-real-{number}".encode())
                secret = (
                    tv.GlobalKey(f"soc{number}@example.net", text)
                    if kind == "key"
                    else tv.ApiToken(text)
                )
                edit.put(f"t{number}", account(number), secret, origin=stage.origin)
        self.engine = tv.Engine(
            {
                "api.base_url": stage.origin + "/client/v4",
                "tls.ca_file": str(stage.identities.ca_file),
                "budget.quota": 0,
                "budget.ip_per_second": 0,
                "retry.base_ms": 1,
                "retry.max_attempts": 2,
                "http.max_connections": 2,
                **settings,
            }
        )

    def requests(self, message: str) -> list[tuple[str, tv.Request]]:
        """Each tenant's request in turn, and what an answer to it must name."""
        return [
            (
                f"{account(number)} {message}",
                tv.Request.trace(
                    self.vault.tenant(f"t{number}"), account(number), message, timeout=20
                ),
            )
            for number in range(TENANTS)
        ]

    def wrong(self) -> list[str]:
        """Asks all tenants at once, one after the other, and again: answers that are not theirs."""
        together, in_turn = (self.requests(message) for message in MESSAGES)
        found: list[str] = []
        # The last round is answered from the cache as far as it has something.
        for asked in (together, *([one] for one in in_turn), together + in_turn):
            wanted = {id(request): names for names, request in asked}
            for result in self.engine.batch([request for _, request in asked]):
                names = wanted.pop(id(result.request))
                if result.trace is not None and said(result.trace) != [names]:
                    found.append(f"asked {names}, got {said(result.trace)}")
            assert not wanted
        return found

    def close(self) -> None:
        self.engine.close()
        self.vault.close()


def said(answer: tv.Trace) -> list[str]:
    return [line.message for line in answer.inbound.lines]


@pytest.fixture
def scene(identity: Identities) -> Iterator[Callable[..., tuple[Scene, Stage]]]:
    with contextlib.ExitStack() as stack:

        def made(play: Play, kind: str, speech: str, **settings: tv.Setting) -> tuple[Scene, Stage]:
            row = Scenario("surplus", play, Status.OK, speech, timeout=20)  # type: ignore[arg-type]
            stage = stack.enter_context(staged(row, identity))
            opened = Scene(stage, kind, **settings)
            stack.callback(opened.close)
            return opened, stage

        yield made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_surplus_bytes_reach_nobody(
    framing: str, way: str, scene: Callable[..., tuple[Scene, Stage]]
) -> None:
    kind, speech, version = WAYS[way]
    seen = Connections()
    opened, _ = scene(seen.play(FRAMINGS[framing]), kind, speech, **{"http.version": version})
    assert opened.wrong() == []
    assert seen.requests
    # Some of these words have libcurl think that requests may share the connections of the server.
    assert max(seen.requests) <= 1


@pytest.mark.parametrize("way", WAYS)
def test_each_request_has_a_connection_and_resumes_the_tls_session(
    way: str, scene: Callable[..., tuple[Scene, Stage]]
) -> None:
    kind, speech, version = WAYS[way]
    seen = Connections()
    opened, _ = scene(
        seen.play(lambda peer, body: peer.send(reply(body))), kind, speech,
        **{"http.version": version},
    )  # fmt: skip
    assert opened.wrong() == []
    # The last round came from the cache. Of those asked at once some begin without a session.
    assert seen.requests == [1] * (TENANTS * len(MESSAGES))
    assert seen.resumed >= TENANTS


def test_tokens_share_one_connection_over_http_2(
    scene: Callable[..., tuple[Scene, Stage]],
) -> None:
    opened, _ = scene(acting(lambda http2, stream: http2.reply(stream)), "token", "h2")
    results = opened.engine.batch([request for _, request in opened.requests(MESSAGES[0])])
    assert all(result.error is None for result in results)
    assert opened.engine.stats()["connections"]["made"] == 1
