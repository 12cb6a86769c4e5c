"""How the scripts count hosts inside Redis: who is there, who is waited for, who is forgotten."""

from __future__ import annotations

from fleet.scripts import AHEAD, CLOCK, SECOND, meet
from redis_server import Client


def test_hosts_are_counted_missed_and_forgotten(client: Client) -> None:
    assert meet(client, "one", at="a")[:3] == [1, 1, 0]
    assert meet(client, "two", at="b")[:3] == [2, 2, 0]
    CLOCK.now += 16 * SECOND
    assert meet(client, "two", at="b")[:3] == [1, 2, 0], "who is missed may still send its share"
    assert meet(client, "one", "returns", at="a")[:3] == [2, 2, 0], "all are back"
    CLOCK.now += 301 * SECOND
    assert meet(client, "two", at="b")[:3] == [1, 1, 0]
    meet(client, "three", at="c")
    assert meet(client, "three", "leaves", at="c")[:3] == [1, 1, 0]
    meet(client, "two", "leaves", at="b")
    assert client("EXISTS", "hosts") == 0, "nothing stays of those who left"


def test_who_waits_and_who_borrows_are_told_the_same(client: Client) -> None:
    for name in "abcd":
        meet(client, name, at=name)
    CLOCK.now += 16 * SECOND
    meet(client, "a", at="a")
    assert meet(client, "b", "returns", at="b")[:3] == [1, 4, 1]
    CLOCK.now += 9 * SECOND
    assert meet(client, "c", "returns", at="c")[:3] == [1, 4, 1]
    assert meet(client, "a", at="a")[:3] == [1, 4, 1], "they use their own parts"
    CLOCK.now += SECOND
    for name, standing in (("b", "back"), ("c", "back"), ("a", "there")):
        assert meet(client, name, standing, at=name)[:3] == [3, 4, 0], "the wait is over for all"


def test_nobody_waits_any_more_once_the_last_is_back(client: Client) -> None:
    for name in "ab":
        meet(client, name, at=name)
    CLOCK.now += 16 * SECOND
    assert meet(client, "a", "returns", at="a")[:3] == [0, 2, 1]
    assert meet(client, "b", "returns", at="b")[:3] == [2, 2, 0]
    assert meet(client, "a", "back", at="a")[:3] == [2, 2, 0]


def test_a_host_that_died_leaves_its_place_where_another_of_its_network_is_heard(
    client: Client,
) -> None:
    """A container that ends again and again, with a name of its own each time."""
    meet(client, "other", at="elsewhere")
    for life in range(30):
        assert meet(client, f"life {life}")[1] <= 3
        CLOCK.now += 16 * SECOND
        meet(client, "other", at="elsewhere")
    assert meet(client, "other", at="elsewhere")[:3] == [1, 2, 0], "the last one may be cut off"


def test_nobody_speaks_for_hosts_whose_network_is_unknown(client: Client) -> None:
    meet(client, "one", at="")
    CLOCK.now += 16 * SECOND
    assert meet(client, "two", at="")[:3] == [1, 2, 0]


def test_a_server_that_forgot_the_hosts_hears_how_many_there_were(client: Client) -> None:
    since = max(meet(client, name, at=name)[3] for name in "abcd")
    client("FLUSHALL")
    CLOCK.now += SECOND
    assert meet(client, "new", at="new")[:3] == [1, 1, 0]
    back = meet(client, "a", "returns", at="a", since=since, were=4)
    assert back[:3] == [1, 4, 1], "who borrows leaves their parts to those who are not back"
    assert back[3] != since
    meet(client, "a", "back", at="a", since=back[3], were=9)
    for name in "bc":
        counted = meet(client, name, "returns", at=name, since=since, were=4)
    assert counted[:3] == [4, 4, 0], "told once, and by those who come"
    assert meet(client, "c", "leaves", at="c", since=back[3], were=4)[:3] == [3, 3, 0]
    CLOCK.now += 301 * SECOND
    assert meet(client, "late", "returns", at="late", since=since, were=4)[:3] == [1, 1, 0]


def test_hosts_that_left_before_a_flush_are_not_waited_for(client: Client) -> None:
    """A, B, C and D; C and D leave; Redis begins anew; E comes."""
    for name in "abcd":
        meet(client, name, at=name)
    for name in "cd":
        known = meet(client, name, "leaves", at=name)[1]
    since = meet(client, "a", at="a")[3]
    client("FLUSHALL")
    CLOCK.now += SECOND
    meet(client, "e", at="e")
    meet(client, "a", "returns", at="a", since=since, were=known)
    meet(client, "b", "returns", at="b", since=since, were=known)
    for name, standing in (("a", "back"), ("b", "back"), ("e", "there")):
        assert meet(client, name, standing, at=name)[:3] == [3, 3, 0]


def test_hosts_that_still_borrow_from_a_flushed_server_are_taken_to_be_there(
    client: Client,
) -> None:
    since = max(meet(client, name, at=name)[3] for name in "abc")
    client("FLUSHALL")
    CLOCK.now += SECOND
    assert meet(client, "a", at="a", since=since, were=3, borrowed=2)[:3] == [2, 3, 0]
    CLOCK.now += 16 * SECOND
    assert meet(client, "a", at="a")[:3] == [1, 3, 0], "they would have been heard by now"


def test_a_host_that_borrows_is_heard_with_its_question(client: Client) -> None:
    words = ["one", "run", SECOND, 4 * SECOND, 1, AHEAD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    presence = ["host", 15 * SECOND, 300 * SECOND, "net", 0, 0, 0]
    answer = client("EVAL", CLOCK.script, 2, "g", "hosts", *words, *presence)
    assert [answer[0], *answer[13:16]] == [1, 1, 1, 0]
    assert client("HEXISTS", "hosts", "host") == 1
