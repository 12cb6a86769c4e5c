"""A store that hangs or is away holds nobody up who only uses the vault, and is told."""

from __future__ import annotations

import os
import threading

import tracevault as tv
from engine_scene import ACME, settings, token, until
from fleet.vault import TOKEN, create, opened, put, status_of
from launcher import standin
from object_store import Exchange, Way, error

#: Where nobody listens.
NOBODY = "http://127.0.0.1:9"


class Hangs:
    """Keeps every request until it is let go."""

    def __init__(self) -> None:
        self.is_on = False
        self.met = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        if self.is_on:
            self.met.set()
            self.go_on.wait(120)


def test_a_store_that_hangs_holds_up_no_request_no_fork_and_no_reader(way: Way, place: str) -> None:
    hangs = way.spoil = Hangs()
    with standin(quota=0) as server, create(place, way, vault__refresh_ms=100) as vault:
        with vault.edit() as edit:
            edit.put("acme", ACME, token(server), origin=server.origin)
        acme = vault.tenant("acme")
        with tv.Engine(settings(server)) as engine:
            hangs.is_on = True
            until(lambda: bool(vault.accounts()) and hangs.met.is_set(), "no look came")
            for number in range(20):
                assert engine.trace(acme, ACME, f"slow-{number}", timeout=60)
                assert engine.submit(tv.Request.trace(acme, ACME, f"slow-{number}"))
            assert sum(engine.take(30) is not None for _ in range(20)) == 20
            assert vault.describe() and vault.generation == 2
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            until(lambda: bool(engine.stats()["unfollowed_vaults"]), "the hang is not told")
            hangs.go_on.set()
            hangs.is_on = False
            until(lambda: not vault.describe().get("refresh_error"), "it is not followed again")


def test_a_store_that_does_not_answer_ends_a_call_in_time(way: Way, place: str) -> None:
    hangs = way.spoil = Hangs()
    hangs.is_on = True
    assert status_of(lambda: opened(place, way, s3__timeout_ms=300)) == "E_TRANSPORT"
    hangs.go_on.set()


def silent_from_the_first_put(way: Way) -> Hangs:
    """The store answers no more once something is to be stored."""
    hangs = Hangs()

    def spoil(exchange: Exchange) -> None:
        if exchange.method == "PUT":
            hangs.is_on = True
        hangs(exchange)

    way.spoil = spoil
    return hangs


def test_making_a_vault_waits_no_longer_than_for_two_requests(way: Way, place: str) -> None:
    hangs = silent_from_the_first_put(way)
    made = lambda: create(place, way, s3__timeout_ms=400)  # noqa: E731
    assert status_of(made) == "E_DURABILITY_UNKNOWN"
    # One more PUT, and one more question what became of it, would each have been another wait.
    assert [one.method for one in way.exchanges] == ["GET", "PUT", "GET"]
    hangs.go_on.set()


def test_an_edit_waits_no_longer_than_for_two_requests(way: Way, place: str) -> None:
    with create(place, way, s3__timeout_ms=400) as vault:
        told = way.count("PUT")
        hangs = silent_from_the_first_put(way)
        assert status_of(lambda: put(vault)) == "E_DURABILITY_UNKNOWN"
        assert way.count("PUT") == told + 1
        hangs.go_on.set()
        hangs.is_on = False


def test_a_store_that_is_away_is_told_and_ends_the_lending(way: Way, place: str) -> None:
    changes: dict[str, tv.Setting] = {"vault__refresh_ms": 100, "vault__max_stale_ms": 1000}
    with create(place, way, **changes) as vault:
        with vault.edit() as edit:
            edit.put("acme", ACME, tv.ApiToken(TOKEN.encode()), origin=NOBODY)
        acme = vault.tenant("acme")
        away = threading.Event()

        def spoil(exchange: Exchange) -> None:
            if away.is_set():
                exchange.reply = error(503, "SlowDown")

        way.spoil = spoil
        away.set()
        until(lambda: bool(vault.describe().get("refresh_error")), "nobody tells that looks fail")
        assert vault.describe()["refresh_error"]["status"] == "TV_E_SERVER"
        with tv.Engine(
            {"api.base_url": NOBODY + "/client/v4", "api.allow_http_loopback": True}
        ) as engine:
            until(
                lambda: (
                    status_of(lambda: engine.trace(acme, ACME, "4jXtPB72Kpz7S8D", timeout=0.1))
                    == "E_STALE"
                ),
                "it is lent for ever",
            )
        away.clear()
        until(
            lambda: bool(vault.accounts()) and not vault.describe().get("refresh_error"), "not seen"
        )
