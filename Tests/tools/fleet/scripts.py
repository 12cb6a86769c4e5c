"""scripts.py - what a test says to the library's scripts in a real Redis, at times of its choice."""

from __future__ import annotations

from redis_server import Client, script

BORROW, MEET = script("borrow"), script("meet")
SECOND = 1_000_000
AHEAD = 6 * SECOND


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
    slow: tuple[int, int] = (0, 0), life: int = 0, owed: int = 0,
) -> Block:  # fmt: skip
    return Block(
        client("EVAL", CLOCK.script, 1, key, name, run, interval, tolerance, want, AHEAD, afresh, back,
               token, park, lift, *policy, *slow, life, owed)
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
