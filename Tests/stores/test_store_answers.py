"""An answer of the store that is lost or late: an edit is stored once, or it is said that nobody knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tracevault as tv
from engine_scene import ACME
from fleet.vault import OTHER, accounts, create, opened, put, status_of
from object_store import Exchange, Way, error


class LosesOnce:
    """Ends the connection of the first PUT after it was told to."""

    def __init__(self, drops: str, then: Callable[[], None] | None = None) -> None:
        self.drops, self.then = drops, then
        self.is_on = False

    def __call__(self, exchange: Exchange) -> None:
        if self.is_on and exchange.method == "PUT":
            self.is_on = False
            exchange.drops, exchange.then = self.drops, self.then


@pytest.mark.parametrize("drops", ["before", "after"])
def test_an_edit_whose_answer_is_lost_is_stored_once(way: Way, place: str, drops: str) -> None:
    loses = way.spoil = LosesOnce(drops)
    with create(place, way) as vault:
        put(vault)
        loses.is_on = True
        with vault.edit() as edit:
            edit.rotate("acme", ACME, tv.ApiToken(OTHER.encode()))
        assert not loses.is_on and vault.generation == 3
        with opened(place, way) as other:
            # Twice would have made the new token the retiring one as well.
            fingerprints = {one.fingerprint for one in other.accounts()}
            assert len(fingerprints) == 2 and other.generation == 3


@pytest.mark.parametrize("drops", ["before", "after"])
def test_a_vault_whose_first_answer_is_lost_is_made(way: Way, place: str, drops: str) -> None:
    loses = way.spoil = LosesOnce(drops)
    loses.is_on = True
    with create(place, way) as vault:
        put(vault)
        assert vault.generation == 2


def test_an_edit_is_made_again_where_another_writer_had_its_place(way: Way, place: str) -> None:
    with create(place, way) as vault, opened(place, way) as other:
        loses = LosesOnce("before", None)

        def race(exchange: Exchange) -> None:
            if loses.is_on and exchange.method == "PUT":
                loses.is_on = False
                put(other, f"{2:032x}")
                exchange.drops = "before"

        way.spoil = race
        loses.is_on = True
        put(vault, f"{1:032x}")
        assert vault.generation == 3
        assert accounts(vault) == {1, 2}


def test_what_cannot_be_known_is_never_called_a_success(way: Way, place: str) -> None:
    with create(place, way) as vault, opened(place, way) as other:
        put(vault)
        other.refresh()
        # Our bytes are stored, the answer is lost, and another writer stands on them at once.
        loses = way.spoil = LosesOnce("after", lambda: put(other, f"{2:032x}"))
        loses.is_on = True
        assert status_of(lambda: put(vault, f"{1:032x}")) == "E_DURABILITY_UNKNOWN"
        vault.refresh()
        assert accounts(vault) >= {1, 2}


def test_a_store_that_is_busy_for_a_moment_loses_nothing(way: Way, place: str) -> None:
    left = [3]

    def spoil(exchange: Exchange) -> None:
        if exchange.method == "PUT" and left[0] > 0:
            left[0] -= 1
            exchange.reply = error(503, "SlowDown")

    with create(place, way) as vault:
        way.spoil = spoil
        put(vault)
        assert vault.generation == 2 and left == [0]


def test_a_store_that_stays_busy_ends_the_commit_in_time(way: Way, place: str) -> None:
    def spoil(exchange: Exchange) -> None:
        if exchange.method == "PUT":
            exchange.reply = error(503, "SlowDown")

    with create(place, way, s3__timeout_ms=500) as vault:
        way.spoil = spoil
        with pytest.raises(tv.TraceVaultError) as raised:
            put(vault)
        assert (raised.value.status.name, raised.value.retriable) == ("E_SERVER", True)
        assert vault.generation == 1
