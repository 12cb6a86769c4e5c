"""Turns: many tenants ask, none of them holds up another, and requests are made when drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tracevault as tv
from tracevault._sources import Turns

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
    assert asked.turns.give_back(first)
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
