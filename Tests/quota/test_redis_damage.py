"""What was damaged or forged in Redis ends by itself, and never gives more than the quota."""

from __future__ import annotations

import pytest
from fleet.scripts import CLOCK, SECOND, borrow, meet, rested
from redis_server import Client

NO_NUMBERS = ("nan", "-nan", "inf", "-inf", "1e30", "-1e30", "1e18", "x", "", "0x", "-5")


def test_times_that_nobody_means_end_by_themselves(client: Client) -> None:
    borrow(client)
    far = str(CLOCK.now + 3650 * 86_400 * SECOND)
    policy = ("i", "600000000", "o", "0")
    client("HSET", "g", *(part for field in "apnu" for part in (field, far)), *policy, "g", "7")
    assert borrow(client).parked == 3600 * SECOND
    assert int(client("PTTL", "g")) < 2 * 86_400_000
    CLOCK.now += 86_401 * SECOND
    block = borrow(client)
    assert (block.granted, block.parked, block.policy_rest, block.slow) == (1, 0, 0, 0)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_in_a_group_ends_with_the_next_question(
    client: Client, value: str
) -> None:
    for field in ("a", "p", "t", "r", "l", "i", "o", "n", "g", "u", "j", "k", "h:two", "all"):
        client("FLUSHALL")
        rested(client)
        # As if a policy and a slower pace held.
        client(
            "HSET", "g", "i", 2 * SECOND, "n", CLOCK.now, "g", 3 * SECOND, "u", CLOCK.now + SECOND
        )
        damaged = (
            ("a", "p", "t", "l", "i", "o", "n", "g", "u", "j", "k", "h:two")
            if field == "all"
            else (field,)
        )
        client("HSET", "g", *(part for name in damaged for part in (name, value)))
        borrow(client)
        fields = client("HGETALL", "g")
        for name, text in zip(fields[::2], fields[1::2], strict=True):
            assert name == "r" or text.lstrip("-").isdigit(), (field, name, text)
        assert client("HEXISTS", "g", "h:two") == 0
        CLOCK.now += 86_402 * SECOND
        block = borrow(client)
        assert (block.granted, block.parked, block.slow) == (1, 0, 0), field


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_group_whose_arrival_was_damaged_has_no_burst(client: Client, value: str) -> None:
    rested(client)
    client("HSET", "g", "a", value)
    assert borrow(client, 3).slots == [0, SECOND, 2 * SECOND]


@pytest.mark.parametrize(
    "value", [*NO_NUMBERS, f"{CLOCK.now} ; x", "9" * 400, f"{CLOCK.now - SECOND * 9**6}"]
)
def test_what_is_no_time_of_a_host_is_removed(client: Client, value: str) -> None:
    since = meet(client, "one")[3]
    for name in (
        "two",
        *(f"f{number}" for number in range(100)),
        ".x",
        ".known",
        ".there",
        ".since",
        ".till",
    ):
        client("HSET", "hosts", name, value)
    counted = meet(client, "one", since=since, were=1)
    assert counted[:3] == [1, 1, 0]
    assert meet(client, "one", since=counted[3], were=1) == counted
    assert sorted(client("HKEYS", "hosts")) == [".known", ".since", ".there", ".till", "one"]


def test_keys_of_another_kind_end_at_once(client: Client) -> None:
    for key in ("g", "hosts"):
        client("SET", key, "x")
    assert borrow(client).granted == 1
    assert meet(client, "one")[:3] == [1, 1, 0]
    assert client("PTTL", "g") > 0 and client("PTTL", "hosts") > 0
