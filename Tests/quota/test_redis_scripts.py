"""The scripts that run inside Redis: never more than the quota, whoever borrows and forgets."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from itertools import pairwise

import pytest
from redis_server import ROOT, Client, Server, redis, script

BORROW, MEET = script("borrow"), script("meet")
SECOND = 1_000_000
AHEAD = 6 * SECOND


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = server.client()
    client("FLUSHALL")
    yield client
    client.close()


def timed(text: str, now: int) -> str:
    """A script that reads this time."""
    seconds, rest = divmod(now, SECOND)
    return text.replace("redis.call('TIME')", f"{{{seconds}, {rest}}}")


class Clock:
    """The server's clock, as a test wants it: an hour takes no time, and no speed counts."""

    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    @property
    def script(self) -> str:
        return timed(BORROW, self.now)


CLOCK = Clock()


class Block:
    """What a borrower is told."""

    def __init__(self, answer: list[int | str]) -> None:
        (self.granted, self.first, self.interval, self.again, self.token, self.parked,
         self.lifted, self.policy, self.burst, self.policy_rest, self.gap, self.slow,
         self.is_new) = [int(part) for part in answer]  # fmt: skip

    @property
    def slots(self) -> list[int]:
        """When each of its permits may be used, from now on."""
        return [max(0, self.first + n * self.interval) for n in range(self.granted)]


def borrow(
    client: Client, want: int = 1, *, name: str = "one", run: str = "run", key: str = "g",
    interval: int = SECOND, tolerance: int = 4 * SECOND, afresh: int = 0, back: int = 0,
    token: int = 0, park: int = 0, lift: int = 0, policy: tuple[int, int] = (0, 0),
    slow: tuple[int, int] = (0, 0), life: int = 0,
) -> Block:  # fmt: skip
    return Block(
        client("EVAL", CLOCK.script, 1, key, name, run, interval, tolerance, want, AHEAD, afresh, back,
               token, park, lift, *policy, *slow, life)
    )  # fmt: skip


def meet(
    client: Client, name: str, standing: str = "there", *, at: str = "net", since: int = 0,
    were: int = 0, borrowed: int = 0,
) -> list[int]:  # fmt: skip
    """How many are there and known, whether some wait for others, and since when they are counted."""
    answer = client(
        "EVAL", timed(MEET, CLOCK.now), 1, "hosts", name, 15 * SECOND, 300 * SECOND, at, since, were,
        borrowed, standing,
    )  # fmt: skip
    return [int(number) for number in answer]


def rested(client: Client) -> None:
    """The group has rested for a minute: its burst is full."""
    borrow(client, 0)
    CLOCK.now += 60 * SECOND


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
    words = ["one", "run", SECOND, 4 * SECOND, 1, AHEAD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    presence = ["host", 15 * SECOND, 300 * SECOND, "net", 0, 0, 0]
    answer = client("EVAL", CLOCK.script, 2, "g", "hosts", *words, *presence)
    assert [answer[0], *answer[13:16]] == [1, 1, 1, 0]
    assert client("HEXISTS", "hosts", "host") == 1


NO_NUMBERS = ("nan", "-nan", "inf", "-inf", "1e30", "-1e30", "1e18", "x", "", "0x", "-5")


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_in_a_group_ends_with_the_next_question(
    client: Client, value: str
) -> None:
    for field in ("a", "p", "t", "r", "l", "i", "o", "n", "g", "u", "h:two", "all"):
        client("FLUSHALL")
        rested(client)
        # As if a policy and a slower pace held.
        client(
            "HSET", "g", "i", 2 * SECOND, "n", CLOCK.now, "g", 3 * SECOND, "u", CLOCK.now + SECOND
        )
        damaged = (
            ("a", "p", "t", "l", "i", "o", "n", "g", "u", "h:two") if field == "all" else (field,)
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


@pytest.mark.parametrize("seed", range(4))
def test_no_window_sees_more_than_the_quota_whoever_borrows_uses_late_or_gives_back(
    client: Client, seed: int
) -> None:
    """Hosts that borrow at random, use at random within a permit's life, give back or lose blocks,
    while the server is flushed and replaced by an older one. Every window of every length holds
    the bound, plus one and what was in flight for each loss."""
    chance = random.Random(seed)
    interval, tolerance, life = SECOND, 6 * SECOND, 2 * SECOND
    clock = Clock()
    lent: list[tuple[int, int]] = []  # when each permit was borrowed, and when it was used
    held: dict[str, Block] = {}
    losses: list[int] = []
    copy: dict[str, str] = {}
    run = 0
    for _ in range(1500):
        clock.now += chance.randrange(SECOND)
        happens = chance.random()
        if happens < 0.004:
            # Lost: all of it, or what was written since the copy.
            losses.append(clock.now)
            client("DEL", "g")
            if happens < 0.002 and copy:
                client("HSET", "g", *(part for item in copy.items() for part in item))
            run += 1
        elif happens < 0.02:
            fields = client("HGETALL", "g")
            copy = dict(zip(fields[::2], fields[1::2], strict=True))
        name = f"host {chance.randrange(5)}"
        back, token = 0, 0
        if (old := held.pop(name, None)) and chance.random() < 0.3:
            # Nothing of it was used but the first ones.
            kept = chance.randrange(old.granted + 1)
            back, token = (old.granted - kept) * old.interval, old.token
            slots = old.slots[:kept]
        else:
            slots = old.slots if old else []
        began = getattr(old, "began", 0)
        lent += [
            (began, began + slot + chance.randrange(life))
            for slot in slots
            if chance.random() < 0.97
        ]
        block = Block(
            client("EVAL", clock.script, 1, "g", name, run, interval, tolerance - life,
                   chance.randrange(1, 9), AHEAD, 0, back, token, 0, 0, 0, 0, 0, 0, life)
        )  # fmt: skip
        if block.granted:
            block.began = clock.now  # type: ignore[attr-defined]
            held[name] = block
    flying = [(at, sum(began < at < used for began, used in lent)) for at in losses]
    used = sorted(used for _, used in lent)
    for first in range(len(used)):
        for last in range(first, min(len(used), first + 400)):
            window = used[last] - used[first]
            # What was in flight at a loss is used soon after it.
            extra = sum(
                1 + count for at, count in flying if used[first] - 3 * AHEAD <= at <= used[last]
            )
            bound = (window + tolerance) // interval + 1 + extra
            assert last - first + 1 <= bound, (window, last - first + 1, bound)
    assert len(used) > 300


# ---- The Redis of simulated fleets


def any_question(chance: random.Random, tokens: list[int]) -> list[object]:
    """What a borrower may say, with much of what is rare."""

    def seldom(most: int) -> int:
        return chance.randrange(most) if chance.random() < 0.1 else 0

    interval = chance.choice((SECOND // 3, SECOND, 7 * SECOND))
    back = interval * seldom(5)
    return [
        f"g{chance.randrange(3)}", f"b{chance.randrange(6)}", f"run{int(chance.random() < 0.02)}",
        interval, chance.choice((0, 4, 13)) * SECOND, seldom(2) or chance.randrange(65), AHEAD,
        int(chance.random() < 0.03), back, chance.choice(tokens), seldom(60 * SECOND),
        int(chance.random() < 0.02), seldom(9 * SECOND), chance.randrange(9 * SECOND),
        chance.randrange(9 * SECOND), seldom(60 * SECOND), chance.randrange(3 * SECOND),
    ]  # fmt: skip


def any_host(chance: random.Random, counts: list[int]) -> list[object]:
    """What a host may say of itself: seldom that it knows another count."""
    told = [chance.randrange(9), chance.randrange(5)] if chance.random() < 0.1 else [0, 0]
    return [
        f"h{chance.randrange(9)}", 15 * SECOND, 300 * SECOND, f"n{chance.randrange(4)}",
        chance.choice(counts), *told,
    ]  # fmt: skip


def test_the_redis_of_simulated_fleets_answers_as_the_scripts_do(client: Client) -> None:
    subprocess.run(
        ["swift", "build", "--configuration", "release", "--product", "simulation"],
        cwd=ROOT, check=True, timeout=500,
    )  # fmt: skip
    chance = random.Random(5)
    now, tokens, lines, wanted = 1_800_000_000 * SECOND, [0], ["forget"], []
    counts = [0]
    for _ in range(3000):
        now += chance.choice((0, 1, 1, 1, 30)) * chance.randrange(SECOND)
        if chance.random() < 0.005:
            now -= 20 * SECOND
        if chance.random() < 0.1:
            standing = chance.choice(("there",) * 14 + ("back", "returns") * 3 + ("leaves",))
            meeting = [*any_host(chance, counts[-4:]), standing]
            lines.append(" ".join(map(str, ["meet", now, 1, "hosts", *meeting])))
            wanted.append(client("EVAL", timed(MEET, now), 1, "hosts", *meeting))
            counts.append(int(wanted[-1][3]))
        else:
            key, *question = any_question(chance, tokens[-4:])
            keys: list[object] = [1, key]
            if chance.random() < 0.2:
                keys = [2, key, "hosts"]
                question += any_host(chance, counts[-4:])
            lines.append(" ".join(map(str, ["borrow", now, *keys, *question])))
            wanted.append(client("EVAL", timed(BORROW, now), *keys, *question))
            tokens.append(int(wanted[-1][4]))
    done = subprocess.run(
        [ROOT / ".build/release/simulation", "--scripts"],
        input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    assert found == [[int(number) for number in answer] for answer in wanted]
