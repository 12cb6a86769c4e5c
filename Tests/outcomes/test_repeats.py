"""What libcurl would send a second time by itself goes out with a permit of its own."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import tracevault as tv
from engine_scene import taken
from hostile.certificates import Identities
from hostile.http2 import GOAWAY, HTTP2, RST_STREAM, acting
from hostile.scenario import Scenario
from hostile.stage import Stage, staged
from proxy.asking import ACCOUNT, settings
from tracevault import Status

HTTP_1_1_REQUIRED, REFUSED_STREAM = 13, 7
#: As often as libcurl tries it, and the first time.
TIMES = 6
#: 60 permits, and no other for a minute.
QUOTA = {
    "budget__quota": 1200,
    "budget__window_ms": 86_400_000,
    "budget__share_percent": 100,
    "budget__ledger": "private",
}

Act = Callable[[HTTP2, int], None]


def refuse(http2: HTTP2, stream: int) -> None:
    http2.send(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))


def want_another(http2: HTTP2, stream: int) -> None:
    http2.send(RST_STREAM, 0, stream, struct.pack(">I", HTTP_1_1_REQUIRED))


def go_away(http2: HTTP2, stream: int) -> None:
    """Says that it has not read this one."""
    http2.send(GOAWAY, 0, 0, struct.pack(">II", stream - 2 if stream > 1 else 0, 0))


def leave(http2: HTTP2, _: int) -> None:
    http2.peer.close()


def cut(http2: HTTP2, _: int) -> None:
    http2.peer.reset()


def but_the_first(act: Act) -> Act:
    """Answers what a connection is asked first, so that the next request finds it in use."""

    def meet(http2: HTTP2, stream: int) -> None:
        if stream == 1:
            http2.reply(stream)
        else:
            act(http2, stream)

    return meet


def refused_once() -> Act:
    """Answers all but the first request of all."""
    met: list[int] = []

    def meet(http2: HTTP2, stream: int) -> None:
        met.append(stream)
        if len(met) == 1:
            refuse(http2, stream)
        else:
            http2.reply(stream)

    return meet


class Asking:
    """One tenant's engine, with a quota."""

    def __init__(self, stage: Stage, engine: tv.Engine, acme: tv.Tenant) -> None:
        self.stage = stage
        self.engine = engine
        self.acme = acme
        self.asked = 0
        self.permits = self.available()

    def available(self) -> int:
        """How many may be sent now."""
        return int(self.engine.estimate(self.acme, 1)["available"])

    def spent(self) -> int:
        return self.permits - self.available()

    def trace(self) -> tv.Result:
        self.asked += 1
        asked = tv.Request.trace(self.acme, ACCOUNT, f"m{self.asked}", timeout=50)
        self.engine.submit(asked)
        (result,) = taken(self.engine, 1).values()
        return result


@contextmanager
def asking(identity: Identities, act: Act, attempts: int) -> Iterator[Asking]:
    scenario = Scenario("again", acting(act), Status.OK, "h2")
    with staged(scenario, identity) as stage, tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            secret = tv.ApiToken(bytearray(b"test-token-not-real"))
            edit.put("acme", ACCOUNT, secret, origin=stage.origin)
        changes = {"retry__max_attempts": attempts, **QUOTA}
        with tv.Engine(settings(stage.origin, identity, **changes)) as engine:
            yield Asking(stage, engine, vault.tenant("acme"))


WAYS = (refuse, want_another, go_away, leave, cut)


@pytest.mark.parametrize("is_later", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("act", WAYS, ids=[act.__name__ for act in WAYS])
def test_each_sending_spends_a_permit(identity: Identities, act: Act, is_later: bool) -> None:
    with asking(identity, but_the_first(act) if is_later else act, 2) as asked:
        for _ in range(3):
            asked.trace()
        assert len(asked.stage.heads) <= asked.spent()
        assert len(asked.stage.heads) <= asked.engine.stats()["tries"]


def test_a_request_that_is_refused_unread_goes_again_although_it_has_one_try(
    identity: Identities,
) -> None:
    with asking(identity, refused_once(), 1) as asked:
        answer = asked.trace().unwrap()
        assert isinstance(answer, tv.Trace)
        assert (answer.attempts, asked.spent(), len(asked.stage.heads)) == (2, 2, 2)
        assert asked.engine.stats()["transient_failures"] == 0


def test_a_request_whose_connection_ends_unheard_goes_again_although_it_has_one_try(
    identity: Identities,
) -> None:
    with asking(identity, but_the_first(cut), 1) as asked:
        for number in range(4):
            asked.trace().unwrap()
            # The first finds no connection in use, and each other one such a connection.
            assert (asked.spent(), len(asked.stage.heads)) == (1 + 2 * number,) * 2


def test_a_connection_that_ended_before_the_next_request_costs_no_permit(
    identity: Identities,
) -> None:
    has_left = threading.Event()

    def answer_and_leave(http2: HTTP2, stream: int) -> None:
        http2.reply(stream)
        http2.peer.close()
        has_left.set()

    with asking(identity, answer_and_leave, 1) as asked:
        for number in range(1, 4):
            has_left.clear()
            asked.trace().unwrap()
            assert has_left.wait(60)
            assert (asked.spent(), len(asked.stage.heads)) == (number, number)


def test_a_server_that_refuses_all_is_asked_a_bounded_number_of_times(
    identity: Identities,
) -> None:
    with asking(identity, refuse, 2) as asked:
        error = asked.trace().error
        assert isinstance(error, tv.TransportError)
        assert len(asked.stage.heads) == asked.spent() == 2 * TIMES
