"""Turns: many tenants ask, none of them holds up another, and requests are made when drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
