"""The Redis of simulated fleets (Tests/simulation/Fleet/FleetRedis.swift) answers as a real one does."""

from __future__ import annotations

import random
import subprocess

from fleet.scripts import AHEAD, BORROW, MEET, SECOND, timed
from redis_server import ROOT, Client


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
        seldom(9),
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
