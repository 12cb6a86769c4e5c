"""What was found and is not told yet: each tenant holds as much as is free, and nobody is stuck."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

import tracevault as tv
from tracevault._room import Room
from tracevault._searched import Copy, Page, Place

MIB = 1 << 20


def name(text: str) -> tv.Tenant:
    """Stands for a tenant: a room looks at nothing of it."""
    return cast("tv.Tenant", text)


GREEDY, MODEST = name("greedy"), name("modest")


def filled(room: Room, tenant: tv.Tenant, size: int) -> int:
    """Ask for pages and take them until there is no room; how many came."""
    pages = 0
    while room.has_room_for_page(tenant) and pages < 10_000:
        room.answered(tenant, room.expect(tenant))
        pages += room.takes(tenant, size)
    return pages


def test_a_tenant_holds_as_much_as_is_free() -> None:
    room = Room(256 * MIB)
    assert 16 < filled(room, GREEDY, 4 * MIB) <= 32
    assert room.used <= 128 * MIB
    assert filled(room, MODEST, MIB) > 32
    assert room.used <= 192 * MIB


def test_where_many_are_greedy_a_modest_one_has_its_pages() -> None:
    room = Room(256 * MIB)
    for number in range(8):
        filled(room, name(f"greedy {number}"), 25 * MIB)
    assert room.used <= 256 * MIB
    assert filled(room, MODEST, 100_000) > 64
    assert room.used <= 256 * MIB


def test_what_is_told_makes_room() -> None:
    room = Room(256 * MIB)
    filled(room, GREEDY, 10 * MIB)
    assert not room.has_room_for_page(GREEDY)
    room.gave_back()
    room.free(GREEDY, room.used)
    assert room.gave_back()
    assert room.has_room_for_page(GREEDY)


@pytest.mark.parametrize("size", [MIB, 200 * MIB, 1000 * MIB])
def test_a_single_page_always_fits(size: int) -> None:
    room = Room(256 * MIB)
    for _ in range(3):
        assert room.has_room_for_page(GREEDY)
        expected = room.expect(GREEDY)
        assert room.takes(GREEDY, size)
        room.answered(GREEDY, expected)
        assert not room.takes(GREEDY, 200 * MIB)
        room.free(GREEDY, size)


def test_pages_that_rest_hold_up_their_own_tenant_alone() -> None:
    room = Room(256 * MIB)
    while room.has_room_for_page(GREEDY):
        room.expect(GREEDY)
    for number in range(1000):
        other = name(f"resting {number}")
        room.expect(other)
    assert room.has_room_for_page(MODEST)


def test_what_is_expected_follows_what_comes() -> None:
    room = Room(256 * MIB)
    room.takes(GREEDY, 10 * MIB)
    assert room.expect(GREEDY) == 10 * MIB
    room.takes(GREEDY, 1000)
    assert room.expect(GREEDY) == 7_864_320


MESSAGE: dict[str, Any] = {
    "message_ref": "4Njp3P0STMz2c0",
    "subject": "gr\u00fc\u00dfe \ud800",
    "to": ["a@b.example"],
    "item": {"id": "4Njp3P0STMz2c0", "n": 1e999, "deep": [[1, {"x": None}]]},
}


def test_a_message_that_waits_is_text_and_comes_out_as_it_was() -> None:
    document = {"schema": "tracevault.search/1", "messages": [MESSAGE], "complete": True}
    found = tv.SearchResult._of_view(
        json.dumps(document).encode(),
        json.dumps({"messages": [{k: v for k, v in MESSAGE.items() if k != "item"}]}).encode(),
    )
    page = Page(GREEDY)
    copy = Copy.of(found[0], "4Njp3P0STMz2c0", Place([]), page, came=0)
    assert copy.message is not found[0]
    assert copy.message == found[0]
    assert copy.message.to_dict() == found[0].to_dict() == MESSAGE
    assert page.left == 1
    assert page.size > len(json.dumps(MESSAGE, ensure_ascii=False))


def test_a_message_whose_item_cannot_be_read_counts_with_its_page() -> None:
    found = tv.SearchResult._of_view(
        b'{"messages":[{"item":', b'{"messages":[{"message_ref":"a"},{"message_ref":"b"}]}'
    )
    page = Page(GREEDY)
    copies = [Copy.of(one, "a", Place([]), page, came=5000) for one in found]
    assert [copy.message for copy in copies] == list(found)
    assert (page.size, page.left) == (5000, 2)


# ---- Through whom an account is asked ------------------------------------------------------------


def asked(place: Place, *statuses: tv.Status | None) -> list[tuple[Any, float | None]]:
    """Who is asked, and with how much patience, when the searches fail so."""
    told: list[tuple[Any, float | None]] = []
    for status in statuses:
        patience = place.patience(60)
        told.append((place.tenant, patience))
        error = None if status is None else tv.TraceVaultError("no", status=status)
        if not place.next_way(error, was_patient=patience is None):
            break
    return told


def place_of(*tenants: str) -> Place:
    return Place([(name(one), cast("tv.Account", None)) for one in tenants])


RESTS, LATE, REFUSED = tv.Status.E_RATE_LIMITED, tv.Status.E_DEADLINE, tv.Status.E_FORBIDDEN


def test_whose_quota_rests_is_asked_last_and_then_waited_for() -> None:
    assert asked(place_of("a", "b"), RESTS, REFUSED, REFUSED) == [
        ("a", 60),
        ("b", 60),
        ("a", None),
    ]


def test_where_all_rest_each_comes_again_with_more_patience() -> None:
    assert asked(place_of("a", "b"), *[RESTS] * 7) == [
        ("a", 60),
        ("b", 60),
        ("a", 600),
        ("b", 600),
        ("a", 7200),
        ("b", 7200),
        ("a", None),
    ]


def test_who_had_no_answer_in_time_is_asked_once_more_before_those_that_rest() -> None:
    assert asked(place_of("a", "b"), RESTS, LATE, LATE, RESTS) == [
        ("a", 60),
        ("b", 60),
        ("b", None),
        ("a", None),
    ]


def test_a_tenant_alone_is_waited_for() -> None:
    place = place_of("a")
    assert asked(place, RESTS, RESTS) == [("a", None)]
    assert place.tenant == name("a")
