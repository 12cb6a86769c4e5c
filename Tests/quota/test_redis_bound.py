"""Never more than the quota, whoever borrows, forgets or tells late what was spent alone."""

from __future__ import annotations

import random

import pytest
from fleet.scripts import AHEAD, SECOND, Block, Clock
from redis_server import Client


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
                   chance.randrange(1, 9), AHEAD, 0, back, token, 0, 0, 0, 0, 0, 0, life, 0)
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


class FlappingHost:
    """A host whose way to Redis breaks again and again. Meanwhile it spends its part of the quota,
    and tells of that when it is back."""

    def __init__(self, chance: random.Random, name: str, part: int) -> None:
        self.chance, self.name, self.part = chance, name, part
        self.slots: list[int] = []
        self.alone: list[tuple[int, int]] = []  # when it spent one, and when it told
        self.owed: list[int] = []
        self.is_cut = True
        self.until = self.mine_at = self.cut_at = 0

    def lives(
        self, client: Client, clock: Clock, quota: tuple[int, int, int], run: int
    ) -> list[int]:
        """A moment of its life; when it sent requests in it."""
        now, chance = clock.now, self.chance
        if now >= self.until:
            self.is_cut = not self.is_cut
            if self.is_cut:
                self.cut_at = now
            # Not so long that the others leave its part to it.
            self.until = now + chance.randrange(19 * SECOND)
        sent = [slot for slot in self.slots if slot <= now]
        self.slots = [slot for slot in self.slots if slot > now]
        if self.is_cut and not self.slots and now >= self.mine_at:
            sent.append(now)
            self.owed.append(now)
            self.mine_at = now + self.part
        elif not self.is_cut and (self.owed or not self.slots):
            interval, tolerance, life = quota
            wanted = 0 if self.slots else chance.randrange(1, 6)
            alone = now - self.cut_at if self.owed else 0
            block = Block(
                client("EVAL", clock.script, 1, "g", self.name, run, interval, tolerance - life,
                       wanted, AHEAD, alone, 0, 0, 0, 0, 0, 0, 0, 0, life,
                       len(self.owed))
            )  # fmt: skip
            self.alone += [(spent, now) for spent in self.owed]
            self.owed = []
            self.slots += [now + slot + chance.randrange(life) for slot in block.slots]
        return sent


@pytest.mark.parametrize("loses", [False, True], ids=["", "server_loses_its_data"])
@pytest.mark.parametrize("hosts", [2, 3, 8, 20])
def test_no_window_sees_more_than_the_quota_however_often_ways_to_redis_break(
    client: Client, hosts: int, loses: bool
) -> None:
    """But for what was spent alone and not told yet when the last of its permits were lent, and for
    what was in flight or owed when the server lost its data."""
    chance = random.Random(hosts)
    quota = interval, tolerance, _ = (SECOND, 6 * SECOND, 2 * SECOND)
    clock = Clock()
    fleet = [FlappingHost(chance, f"host {n}", hosts * interval) for n in range(hosts)]
    used: list[int] = []
    lost: list[tuple[int, int]] = []  # when the data was lost, and what was in flight or owed then
    for moment in range(1200):
        clock.now += SECOND // 4
        if loses and moment % 97 == 96:
            client("DEL", "g")
            lost.append((clock.now, sum(len(host.slots) + len(host.owed) for host in fleet) + 1))
        for host in fleet:
            used += host.lives(client, clock, quota, len(lost))
    used.sort()
    alone = [one for host in fleet for one in host.alone]
    ahead = 2 * max(AHEAD, hosts * interval)
    for last, end in enumerate(used):
        untold = sum(spent <= end < told + ahead for spent, told in alone)
        untold += sum(spent <= end for host in fleet for spent in host.owed)
        for first in range(max(0, last - 200), last + 1):
            window = end - used[first]
            gone = sum(count for at, count in lost if used[first] - ahead <= at <= end)
            bound = (window + tolerance) // interval + 1 + untold + gone
            assert last - first + 1 <= bound, (window, last - first + 1, bound)
    # Whoever may go on did: it is the quota that they share.
    assert len(used) >= 0.9 * 300
    assert len(alone) > 20
