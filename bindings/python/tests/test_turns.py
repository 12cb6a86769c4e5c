"""Turns: many tenants ask, none of them holds up another, and no more is drawn than may be kept."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count, cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tracevault as tv
from tracevault._given import GivenSource
from tracevault._sources import IterableSource, Turns

ACCOUNT = "a" * 32


@pytest.fixture(scope="module")
def tenants(library_path: Path) -> Iterator[list[tv.Tenant]]:
    assert library_path
    names = [f"tenant {number:02d}" for number in range(16)]
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for name in names:
                edit.put(name, ACCOUNT, tv.ApiToken("test-token-not-real-000"))
        yield [vault.tenant(name) for name in names]


class Asked:
    """Turns over messages of tenants, and what was made into a request."""

    def __init__(self, window: int) -> None:
        self.made: list[str] = []
        self.turns: Turns[tuple[tv.Tenant, str]] = Turns(self._make, window=window)

    def _make(self, item: tuple[tv.Tenant, str]) -> tv.Request[tv.Trace]:
        tenant, ref = item
        self.made.append(ref)
        return tv.Request.trace(tenant, ACCOUNT, ref)

    def add(self, tenant: tv.Tenant, refs: str, rank: int = 0) -> None:
        self.turns.add(tenant, [(tenant, ref) for ref in refs], rank)

    def draw(self) -> str:
        """All that may be asked now."""
        drawn = ""
        while (request := self.turns.draw()) is not None:
            drawn += request.message_ref
        return drawn


def test_tenants_take_turns_however_many_each_has(tenants: list[tv.Tenant]) -> None:
    asked = Asked(window=40)
    for tenant, refs in zip(tenants, ("aaaaaa", "bb", "ccc"), strict=False):
        asked.add(tenant, refs)
    assert asked.draw() == "abcabcacaaa"
    assert asked.turns.over


def test_what_was_found_goes_before_what_may_be_found(tenants: list[tv.Tenant]) -> None:
    asked = Asked(window=40)
    for number, refs in enumerate(("ab", "cd", "ef")):
        asked.add(tenants[0], refs[0], 2 - number)
        asked.add(tenants[1], refs[1], 2 - number)
    assert asked.draw() == "efcdab"


def test_a_tenant_has_as_many_places_as_are_free_and_more_when_answers_come(
    tenants: list[tv.Tenant],
) -> None:
    asked = Asked(window=20)
    asked.add(tenants[0], "a" * 50)
    asked.add(tenants[1], "b")
    assert asked.draw() == "ab" + "a" * 9
    asked.turns.answered(tenants[1])
    assert asked.draw() == "a"
    asked.turns.answered(tenants[0])
    assert asked.draw() == "a"


def test_a_tenant_alone_has_the_whole_window(tenants: list[tv.Tenant]) -> None:
    asked = Asked(window=20)
    asked.add(tenants[0], "a" * 50)
    assert asked.draw() == "a" * 20


def test_however_many_tenants_rest_each_other_has_its_place(tenants: list[tv.Tenant]) -> None:
    asked = Asked(window=4)
    for tenant in tenants[:-1]:
        asked.add(tenant, "r" * 50)
    asked.draw()
    asked.add(tenants[-1], "healthy")
    told = ""
    for _ in "healthy":
        told += asked.draw()
        asked.turns.answered(tenants[-1])
    assert told == "healthy"
    assert len(asked.made) <= asked.turns.window + len("healthy")


def test_a_request_is_made_when_it_is_drawn(tenants: list[tv.Tenant]) -> None:
    asked = Asked(window=3)
    asked.add(tenants[0], "abcdef")
    assert asked.made == []
    asked.turns.draw()
    assert asked.made == ["a"]


def test_what_was_given_back_stops_its_tenant_alone_until_it_is_offered_again(
    tenants: list[tv.Tenant],
) -> None:
    asked = Asked(window=40)
    asked.add(tenants[0], "ab")
    asked.add(tenants[1], "cd")
    first = asked.turns.draw()
    assert first is not None
    asked.turns.give_back(first)
    assert asked.turns.lacks_room
    assert asked.draw() == "cd"
    assert not asked.turns.over
    asked.turns.offer_again()
    assert not asked.turns.lacks_room
    assert asked.draw() == "ab"
    assert asked.made == ["a", "c", "d", "b"]  # made once


def given_back(tenants: list[tv.Tenant], refs: str = "ab") -> Asked:
    """Each tenant has asked once in vain, and wants to ask more."""
    asked = Asked(window=200)
    for tenant in tenants:
        asked.add(tenant, refs)
    for _ in tenants:
        request = asked.turns.draw()
        assert request is not None
        asked.turns.give_back(request)
    assert asked.turns.draw() is None
    return asked


def test_where_there_is_no_room_one_tenant_asks_for_it_each_time_in_turns(
    tenants: list[tv.Tenant],
) -> None:
    asked = given_back(tenants)
    tried = []
    for _ in range(2 * len(tenants)):
        asked.turns.offer_again()
        request = asked.turns.draw()
        assert request is not None
        asked.turns.give_back(request)
        assert asked.turns.draw() is None
        assert asked.turns.lacks_room
        tried.append(request.tenant)
    assert tried == tenants * 2


def test_as_many_ask_as_there_is_room_for(tenants: list[tv.Tenant]) -> None:
    asked = given_back(tenants, refs="a")
    asked.turns.offer_again()
    drawn = [asked.turns.draw() for _ in tenants]
    assert [one.tenant for one in drawn if one] == tenants
    assert asked.turns.over
    assert not asked.turns.lacks_room


def test_a_tenants_own_answer_lets_it_ask_again_whatever_others_find(
    tenants: list[tv.Tenant],
) -> None:
    asked = Asked(window=200)
    for tenant in tenants:
        asked.add(tenant, "abc")
    for _ in tenants:
        asked.turns.draw()
    for _ in tenants:
        request = asked.turns.draw()
        assert request is not None
        asked.turns.give_back(request)
    asked.turns.answered(tenants[7])
    asked.turns.offer_again()
    first = asked.turns.draw()
    assert first is not None
    assert first.tenant is tenants[0]
    asked.turns.give_back(first)
    own = asked.turns.draw()
    assert own is not None
    assert own.tenant is tenants[7]
    asked.turns.give_back(own)
    assert asked.turns.draw() is None


def test_who_waits_is_set_aside_until_somebody_looks_again(tenants: list[tv.Tenant]) -> None:
    asked, waits = Asked(window=40), {"b"}
    asked.turns = Turns(asked._make, window=40, waits=lambda item: item[1] in waits)
    for tenant, refs in zip(tenants, ("abc", "def"), strict=False):
        asked.add(tenant, refs)
    asked.add(tenants[0], "z", rank=1)
    assert asked.draw() == "adefz"
    assert not asked.turns.over
    waits.clear()
    asked.add(tenants[0], "y")
    assert asked.draw() == ""
    asked.turns.look_again()
    assert asked.draw() == "bcy"
    assert asked.turns.over


class Looked:
    """Stands for a tenant, and counts how often one is looked up."""

    looks = 0

    @property
    def _key(self) -> Looked:
        return self

    def __hash__(self) -> int:
        Looked.looks += 1
        return id(self)


def test_an_answer_costs_no_look_at_the_tenants_that_rest() -> None:
    def make(item: Any) -> Any:
        return SimpleNamespace(tenant=item)

    turns: Turns[Any] = Turns(make, window=100)
    resting: list[Any] = [Looked() for _ in range(1000)]
    for tenant in resting:
        turns.add(tenant, [tenant] * 20, rank=2)
    asked = Counter[int]()
    while (request := turns.draw()) is not None:
        asked[id(request.tenant)] += 1
    assert set(asked.values()) == {1}
    Looked.looks = 0
    for _ in range(10):
        turns.answered(resting[-1])
        request = turns.draw()
        assert request is not None
        assert request.tenant is resting[-1]
        assert turns.draw() is None
    assert Looked.looks < 500


# ---- What a caller gives -------------------------------------------------------------------------


class Given:
    """What a caller gave, and what was drawn of it."""

    def __init__(self, requests: Iterable[tv.Request[Any]], window: int) -> None:
        self.source = GivenSource(IterableSource(requests), window)
        self.under_way: list[tv.Request[Any]] = []

    def draw(self) -> str:
        """All that may be asked now."""
        drawn = ""
        while len(self.under_way) < self.source.window:
            request = self.source.draw()
            if request is not None:
                drawn += request.message_ref
                self.under_way.append(request)
            elif not self.source.is_drawing:
                break
        return drawn

    def answer(self, tenant: tv.Tenant | None = None) -> None:
        """The oldest of a tenant, or of all."""
        one = next(one for one in self.under_way if tenant in (None, one.tenant))
        self.under_way.remove(one)
        self.source.answered(one.tenant)


def asked_by(tenant: tv.Tenant, refs: str) -> list[tv.Request[Any]]:
    return [tv.Request.trace(tenant, ACCOUNT, ref) for ref in refs]


def test_a_tenants_requests_keep_their_order_whatever_stands_aside(
    tenants: list[tv.Tenant],
) -> None:
    refs = "abcdefghijklmnopqrstuvwxyz"
    given = Given(iter(asked_by(tenants[0], refs)), window=4)
    told = given.draw()
    while given.under_way:
        given.answer()
        told += given.draw()
    assert told == refs
    assert given.source.over


def test_of_a_list_others_are_found_behind_however_much_of_one(tenants: list[tv.Tenant]) -> None:
    given = Given([*asked_by(tenants[0], "g" * 999), *asked_by(tenants[1], "mm")], window=4)
    assert given.draw() == "ggggm"
    given.answer(tenants[1])
    assert given.draw() == "m"
    assert not given.source.over


def test_of_an_iterator_of_one_tenant_half_a_window_is_drawn_ahead(
    tenants: list[tv.Tenant],
) -> None:
    endless = map(asked_by(tenants[0], "x").__getitem__, cycle([0]))
    counted = count()
    given = Given((request for request, _ in zip(endless, counted, strict=False)), window=20)
    assert given.draw() == "x" * 20
    assert next(counted) == 31
    for _ in range(500):
        given.answer()
        given.draw()
    assert next(counted) <= 20 + 500 + 11 + 1


def test_an_iterator_of_ever_more_tenants_is_drawn_three_windows_ahead_at_most(
    library_path: Path,
) -> None:
    assert library_path
    names = [f"tenant {number}" for number in range(60)]
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for name in names:
                edit.put(name, ACCOUNT, tv.ApiToken("test-token-not-real-000"))
        many = [vault.tenant(name) for name in names]
        counted = count()
        three_each = (
            tv.Request.trace(tenant, ACCOUNT, "x")
            for tenant in many
            for _, _ in zip(range(3), counted, strict=False)
        )
        given = Given(three_each, window=8)
        given.draw()
        assert next(counted) <= 3 * 8


def test_who_has_no_place_to_stand_is_drawn_on_when_its_last_one_is_asked(
    tenants: list[tv.Tenant],
) -> None:
    given = Given(iter([*asked_by(tenants[0], "g" * 12), *asked_by(tenants[1], "m")]), window=4)
    assert given.draw() == "gggg"
    told = ""
    while "m" not in told:
        given.answer()
        told += given.draw()
    assert told.count("g") < 12


def test_what_follows_goes_before_the_rest(tenants: list[tv.Tenant]) -> None:
    given = Given(asked_by(tenants[0], "abcdef"), window=2)
    assert given.draw() == "ab"
    given.source.follow(asked_by(tenants[0], "xyz"))
    told = ""
    while given.under_way:
        given.answer()
        told += given.draw()
    assert told == "xyzcdef"


def test_what_was_drawn_of_an_iterator_is_asked_when_no_more_may_be_drawn(
    tenants: list[tv.Tenant],
) -> None:
    def broken() -> Iterator[tv.Request[Any]]:
        yield from asked_by(tenants[0], "abcdef")
        raise KeyError("their own")

    given = Given(broken(), window=4)
    with pytest.raises(KeyError, match="their own"):
        given.draw()
    told = "".join(request.message_ref for request in given.under_way)
    given.source.end()
    given.source.follow(asked_by(tenants[0], "xyz"))
    while given.under_way:
        given.answer()
        told += given.draw()
    assert told == "abcdef"
    assert given.source.over


def test_what_stands_aside_of_a_list_is_not_asked_when_no_more_may_be_drawn(
    tenants: list[tv.Tenant],
) -> None:
    requests = [*asked_by(tenants[0], "g" * 99), *asked_by(tenants[1], "m" * 9)]
    given = Given(requests, window=4)
    assert given.draw() == "ggggm"
    given.source.end()
    given.answer(tenants[1])
    given.answer(tenants[0])
    assert given.draw() == ""
    assert given.source.over


def test_what_stands_aside_of_a_list_takes_no_more_than_a_pointer_each(
    tenants: list[tv.Tenant],
) -> None:
    requests = [*asked_by(tenants[0], "g") * 50_000, *asked_by(tenants[1], "m")]
    tracemalloc.start()
    try:
        given = Given(requests, window=4)
        assert given.draw() == "ggggm"
        assert tracemalloc.get_traced_memory()[0] < 10 * len(requests)
    finally:
        tracemalloc.stop()


def test_nothing_that_follows_is_asked_once_nothing_more_may_be(tenants: list[tv.Tenant]) -> None:
    """As of a hunt whose pages still come."""
    asked = Asked(window=2)
    asked.add(tenants[0], "abc")
    assert asked.draw() == "ab"
    asked.turns.end()
    asked.add(tenants[0], "def")
    asked.add(tenants[1], "gh")
    assert asked.draw() == ""
    assert asked.turns.over
