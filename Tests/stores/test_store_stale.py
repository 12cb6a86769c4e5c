"""Stores whose reads lag behind, and stores whose ETags are wrong: nothing goes back, no edit is made
twice, and no success is told that is none.

What a store decides with `If-Match` is as it should be here: a store that answers reads from an older
copy, or a cache before it, still compares where it writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import tracevault as tv
from engine_scene import ACME, until
from fleet.vault import OTHER, accounts, create, key_of, opened, put, status_of
from object_store import Exchange, ObjectStore, Way, error


@dataclass
class Lagging:
    """Answers reads with what was there when it was told to, for so many reads. -1: for ever."""

    store: ObjectStore
    key: str
    reads: int = 0
    old: tuple[int, dict[str, str], bytes] = field(default_factory=lambda: error(404, "NoSuchKey"))
    #: The next PUT is stored and its answer lost.
    loses: bool = False

    def lag(self, reads: int) -> None:
        """From now on, reads see what is there now."""
        body = self.store.get(self.key)
        self.old, self.reads = (200, {"ETag": self.store.tag(self.key)}, body), reads

    def __call__(self, exchange: Exchange) -> None:
        if exchange.method == "PUT" and self.loses:
            self.loses, exchange.drops = False, "after"
        if exchange.method != "GET" or self.reads == 0:
            return
        self.reads -= 1
        known = exchange.headers.get("If-None-Match")
        is_same = known is not None and known == self.old[1].get("ETag")
        exchange.reply = (304, {}, b"") if is_same else self.old


@pytest.fixture
def lagging(way: Way, store: ObjectStore, place: str) -> Lagging:
    made = Lagging(store, key_of(place))
    way.spoil = made
    return made


def numbered(number: int) -> str:
    """An account with this number."""
    return f"{number:032x}"


def test_a_look_that_sees_an_older_state_takes_nothing_back(
    way: Way, lagging: Lagging, place: str
) -> None:
    with create(place, way, vault__refresh_ms=100) as vault:
        put(vault, numbered(1))
        lagging.lag(-1)
        put(vault, numbered(2))
        assert status_of(vault.refresh) == "E_ROLLBACK"
        until(lambda: bool(vault.describe().get("refresh_error")), "nobody is told")
        assert vault.generation == 3 and accounts(vault) == {1, 2}
        lagging.reads = 0
        until(lambda: not vault.describe().get("refresh_error"), "it is told for ever")
        assert vault.generation == 3


def test_an_edit_on_an_older_state_is_made_again_on_the_newest(
    way: Way, lagging: Lagging, place: str
) -> None:
    with create(place, way) as vault, opened(place, way) as other:
        lagging.lag(0)
        put(other, numbered(2))
        # The race is lost, and what is there now is seen later.
        lagging.reads = 3
        put(vault, numbered(1))
        assert vault.generation == 3 and accounts(vault) == {1, 2}


def test_an_edit_that_never_sees_the_newest_state_fails_and_stores_nothing(
    way: Way, lagging: Lagging, place: str, store: ObjectStore
) -> None:
    with (
        create(place, way, s3__timeout_ms=500, vault__lock_timeout_ms=1000) as vault,
        opened(place, way) as other,
    ):
        lagging.lag(0)
        put(other, numbered(2))
        stored = store.get(key_of(place))
        lagging.reads = -1
        assert status_of(lambda: put(vault, numbered(1))) == "E_CONFLICT"
        assert store.get(key_of(place)) == stored and vault.generation == 1


@pytest.mark.parametrize("reads", [1, 4])
def test_an_edit_whose_answer_is_lost_is_stored_once_also_where_reads_lag(
    way: Way, lagging: Lagging, place: str, reads: int
) -> None:
    with create(place, way) as vault:
        put(vault)
        lagging.lag(0)
        lagging.loses, lagging.reads = True, reads
        with vault.edit() as edit:
            edit.rotate("acme", ACME, tv.ApiToken(OTHER.encode()))
        assert vault.generation == 3
        with opened(place, way) as other:
            # Twice would have made the new token the retiring one as well.
            fingerprints = {one.fingerprint for one in other.accounts()}
            assert len(fingerprints) == 2 and other.generation == 3


def test_what_reads_that_lag_never_show_is_not_called_a_success(
    way: Way, lagging: Lagging, place: str
) -> None:
    with create(place, way, s3__timeout_ms=500) as vault:
        lagging.lag(0)
        lagging.loses, lagging.reads = True, -1
        assert status_of(lambda: put(vault)) == "E_DURABILITY_UNKNOWN"
        lagging.reads = 0
        vault.refresh()
        assert vault.generation == 2


def test_a_vault_that_reads_do_not_show_yet_is_not_made_a_second_time(
    way: Way, lagging: Lagging, place: str, store: ObjectStore
) -> None:
    create(place, way).close()
    stored = store.get(key_of(place))
    lagging.reads = -1
    # A folder in its place looks the same.
    assert status_of(lambda: create(place, way, s3__timeout_ms=500)) == "E_CONFLICT"
    assert store.get(key_of(place)) == stored


# ---- ETags


class Tags:
    """Puts this ETag into the replies to requests of a method."""

    def __init__(self, way: Way, method: str, tag: str) -> None:
        self.way, self.method, self.tag = way, method, tag

    def __call__(self, exchange: Exchange) -> None:
        if exchange.method != self.method:
            return
        status, headers, body = self.way.forward(exchange)
        exchange.reply = status, {**headers, "ETag": self.tag}, body


WRONG = f'"{"5" * 32}"'


@pytest.mark.parametrize("tag", [WRONG, "", "W/" + WRONG])
def test_an_edit_is_stored_though_the_answer_to_the_last_one_had_a_wrong_etag(
    way: Way, place: str, tag: str
) -> None:
    way.spoil = Tags(way, "PUT", tag)
    with create(place, way) as vault:
        put(vault, numbered(1))
        put(vault, numbered(2))
        assert vault.generation == 3 and accounts(vault) == {1, 2}


@pytest.mark.parametrize("tag", [WRONG, "", "W/" + WRONG])
def test_an_edit_is_not_stored_where_reads_have_wrong_etags(
    way: Way, place: str, store: ObjectStore, tag: str
) -> None:
    create(place, way).close()
    stored = store.get(key_of(place))
    way.spoil = Tags(way, "GET", tag)
    with opened(place, way, s3__timeout_ms=500, vault__lock_timeout_ms=1000) as vault:
        assert status_of(lambda: put(vault)) in ("E_CONFLICT", "E_OTHER")
        assert store.get(key_of(place)) == stored and vault.generation == 1


class Blind:
    """A store that gives all states of an object one ETag, and so takes every `If-Match` with it."""

    def __init__(self) -> None:
        self.body: bytes | None = None

    def __call__(self, exchange: Exchange) -> None:
        headers = {"ETag": WRONG}
        wanted = exchange.headers.get("If-Match")
        if exchange.method == "GET":
            if self.body is None:
                exchange.reply = error(404, "NoSuchKey")
            elif exchange.headers.get("If-None-Match") == WRONG:
                exchange.reply = 304, headers, b""
            else:
                exchange.reply = 200, headers, self.body
        elif (wanted or WRONG) != WRONG or ("If-None-Match" in exchange.headers and self.body):
            exchange.reply = error(412, "PreconditionFailed")
        else:
            self.body = exchange.body
            exchange.reply = 200, headers, b""


def test_a_store_whose_etags_tell_no_states_apart_takes_no_second_edit(
    way: Way, place: str
) -> None:
    blind = way.spoil = Blind()
    with create(place, way) as vault:
        put(vault, numbered(1))
        stored = blind.body
        assert status_of(lambda: put(vault, numbered(2))) == "E_OTHER"
        assert blind.body == stored and vault.generation == 2
