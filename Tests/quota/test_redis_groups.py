"""What the script of a group lends inside Redis, and what it passes on of Cloudflare's words."""

from __future__ import annotations

from itertools import pairwise

from fleet.scripts import CLOCK, SECOND, borrow, meet, rested
from redis_server import Client


def test_a_new_group_has_no_burst_because_the_server_may_have_been_flushed(client: Client) -> None:
    block = borrow(client, 3)
    assert block.slots == [0, SECOND, 2 * SECOND]


def test_a_server_says_that_it_knows_nothing_of_a_group(client: Client) -> None:
    assert [borrow(client, want).is_new for want in (0, 1, 1)] == [1, 0, 0]
    client("FLUSHALL")
    assert borrow(client).is_new == 1


def test_a_group_that_has_rested_lends_its_burst_at_once_and_then_at_its_pace(
    client: Client,
) -> None:
    rested(client)
    block = borrow(client, 64, interval=SECOND // 4, tolerance=SECOND)
    assert block.granted == 24, "a turn is as long as one borrows ahead"
    assert sum(slot == 0 for slot in block.slots) == 5
    assert block.slots[5:] == [SECOND // 4 * n for n in range(1, 20)]


def test_borrowers_have_turns_of_equal_length_one_after_the_other(client: Client) -> None:
    for name in ("one", "two", "three"):
        borrow(client, 1, name=name)
    blocks = [borrow(client, 64, name=name) for name in ("one", "two", "three")]
    assert [block.granted for block in blocks] == [2, 2, 2]
    firsts = [block.slots[0] for block in blocks]
    assert [later - earlier for earlier, later in pairwise(firsts)] == [2 * SECOND] * 2


def test_nobody_borrows_further_ahead_than_two_turns_and_is_told_when_to_ask(
    client: Client,
) -> None:
    assert sum(borrow(client, 64).granted for _ in range(5)) == 13
    refused = borrow(client, 1)
    assert (refused.granted, refused.again) == (0, SECOND)


def test_what_was_not_used_goes_back_only_if_nobody_has_borrowed_since(client: Client) -> None:
    first = borrow(client, 3)
    undone = borrow(client, 0, back=2 * first.interval, token=first.token)
    assert undone.token == first.token - 2 * SECOND
    second = borrow(client, 1)
    assert second.token == undone.token + SECOND
    assert borrow(client, 0, back=SECOND, token=first.token).token == second.token


def test_a_parking_holds_for_every_host_until_one_lifts_it(client: Client) -> None:
    before = borrow(client, 0, name="two")
    borrow(client, 0, park=300 * SECOND)
    other = borrow(client, 1, name="two")
    assert other.granted == 0
    assert other.parked == other.again == 300 * SECOND
    assert borrow(client, 0, park=SECOND).parked == 300 * SECOND, "never shortened"
    lifted = borrow(client, 1, name="two", lift=1)
    assert (lifted.granted, lifted.parked) == (1, 0)
    assert lifted.lifted > before.lifted


def test_a_policy_of_cloudflare_holds_for_every_host_and_ages(client: Client) -> None:
    borrow(client, 0, policy=(3 * SECOND, 0))
    other = borrow(client, 2, name="two")
    assert other.interval == 3 * SECOND
    assert other.policy_rest == 900 * SECOND
    CLOCK.now += 901 * SECOND
    assert borrow(client, 1, name="two").interval == SECOND


def test_a_policys_burst_leaves_room_for_permits_that_are_used_late(client: Client) -> None:
    rested(client)
    spoken = (SECOND, 3 * SECOND)
    assert borrow(client, 8, policy=spoken, life=2 * SECOND).slots[:3] == [0, 0, SECOND]
    # Others hear it as Cloudflare said it.
    assert int(client("HGET", "g", "o")) == 3 * SECOND


def test_a_policy_only_makes_stricter(client: Client) -> None:
    assert borrow(client, 2, policy=(SECOND // 2, 60 * SECOND)).interval == SECOND


def test_a_slower_pace_holds_for_every_host_and_ends(client: Client) -> None:
    borrow(client, 0, slow=(5 * SECOND, 60 * SECOND))
    other = borrow(client, 2, name="two")
    assert other.interval == 5 * SECOND
    CLOCK.now += 61 * SECOND
    assert borrow(client, 1, name="two").interval == SECOND


def test_a_server_that_came_back_with_old_data_lends_no_burst(client: Client) -> None:
    rested(client)
    block = borrow(client, 3, run="another run")
    assert block.slots == [0, SECOND, 2 * SECOND]


def test_hosts_that_were_alone_come_back_to_no_burst(client: Client) -> None:
    rested(client)
    assert borrow(client, 3, afresh=1).slots == [0, SECOND, 2 * SECOND]


def test_a_clock_that_goes_back_stops_nobody_and_shortens_no_parking(client: Client) -> None:
    borrow(client, 2, park=300 * SECOND)
    CLOCK.now -= 86_400 * SECOND
    assert borrow(client, 0).parked == 300 * SECOND
    lifted = borrow(client, 1, lift=1)
    assert lifted.slots[0] <= 4 * SECOND


def test_nothing_stays(client: Client) -> None:
    borrow(client, 1, park=300 * SECOND)
    meet(client, "one")
    assert 0 < client("PTTL", "g") <= 3_900_000
    assert 0 < client("PTTL", "hosts") <= 300_000


def test_a_borrower_that_wants_nothing_any_more_has_no_turn(client: Client) -> None:
    borrow(client, 1, name="two")
    assert borrow(client, 64).granted == 3
    CLOCK.now += 24 * SECOND
    assert borrow(client, 64).granted == 6
    assert client("HGET", "g", "h:two") is None


def test_what_a_host_spent_alone_moves_the_arrival_time_of_a_group_that_others_use(
    client: Client,
) -> None:
    before = borrow(client, 8, name="two").token
    CLOCK.now += 3 * SECOND
    assert borrow(client, 0, owed=2).token == before + 2 * SECOND


def test_what_a_host_spent_alone_counts_in_the_time_in_which_nobody_borrowed(
    client: Client,
) -> None:
    rested(client)
    assert borrow(client, 0, owed=9).token == CLOCK.now


def test_hosts_that_were_alone_together_come_back_to_the_same_pace_as_one(client: Client) -> None:
    rested(client)
    first = borrow(client, 1, afresh=1, owed=5)
    assert first.slots == [0]
    for name in ("two", "three"):
        CLOCK.now += SECOND // 2
        assert borrow(client, 0, name=name, afresh=1, owed=5).token == first.token
    CLOCK.now += 2 * SECOND
    late = borrow(client, 0, name="four", owed=5)
    assert late.token == first.token + 5 * SECOND, "others have borrowed meanwhile"


def test_a_server_that_lost_its_data_pays_for_no_more_than_its_first_borrower_was_alone(
    client: Client,
) -> None:
    """Others may have borrowed until it was lost: nobody knows."""
    rested(client)
    borrow(client, 8, name="two")
    client("DEL", "g")
    first = borrow(client, 0, name="two", afresh=SECOND // 4, owed=0)
    owes = borrow(client, 0, name="one", afresh=18 * SECOND, owed=9)
    assert owes.token == first.token + 9 * SECOND - SECOND // 4
    # Where the data is there, all of the time without a borrower pays.
    CLOCK.now += 60 * SECOND
    first = borrow(client, 0, name="two", afresh=SECOND // 4)
    assert borrow(client, 0, name="one", afresh=18 * SECOND, owed=9).token == first.token


def test_what_a_host_spent_alone_weighs_as_the_policy_says(client: Client) -> None:
    before = borrow(client, 8, policy=(3 * SECOND, 0), slow=(60 * SECOND, 90 * SECOND)).token
    CLOCK.now += 3 * SECOND
    assert borrow(client, 0, name="two", owed=2).token == before + 6 * SECOND
