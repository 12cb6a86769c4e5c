"""Notices that wait in Python to be told: which of too many go, and that each is told once."""

from __future__ import annotations

import json
import math
import random
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracevault._untold import Untold

#: Vault and tenant; what concerns no tenant counts as one tenant's, whichever vault it is about.
WHOSE: tuple[tuple[str | None, str | None], ...] = (
    ("a" * 32, "acme"),
    ("b" * 32, "acme"),
    ("a" * 32, "globex"),
    ("a" * 32, None),
    (None, None),
)


def notice(number: int, whose: tuple[str | None, str | None]) -> bytes:
    document = {
        "schema": "tracevault.notice/1",
        "number": number,
        "kind": "retry",
        "level": "info",
        "message": "a try failed",
        "vault_id": whose[0],
        "tenant": whose[1],
    }
    return json.dumps(document).encode()


def kept(waiting: list[tuple[object, int]], most: int) -> list[tuple[object, int]]:
    """What the promise leaves of these: tenant and number, the oldest first."""
    while len(waiting) > most:
        counts = Counter(whose for whose, _ in waiting)
        gone = next(one for one in waiting if counts[one[0]] == max(counts.values()))
        waiting.remove(gone)
    return waiting


@pytest.mark.parametrize("seed", range(20))
def test_of_too_many_the_oldest_goes_of_who_has_the_most_and_the_others_keep_their_order(
    seed: int,
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same cases each time
    told: list[int] = []
    untold = Untold(6, lambda notice: told.append(notice.number))
    waiting: list[tuple[object, int]] = []
    for number in range(1, 400):
        # One asks much; each of many asks once, and is not seen again.
        whose = chance.choice((WHOSE[0], *WHOSE, ("c" * 32, str(number))))
        untold.add(notice(number, whose))
        waiting = kept([*waiting, (whose if whose[1] else None, number)], 6)
        if chance.random() < 0.1:
            untold.tell(math.inf)
            assert told == [number for _, number in waiting]
            told.clear()
            waiting.clear()


def test_whoever_tells_meanwhile_each_is_told_once_at_most() -> None:
    told: list[int] = []
    untold = Untold(50, lambda notice: told.append(notice.number))
    has_ended = threading.Event()

    def tell() -> None:
        while not has_ended.is_set():
            untold.tell(math.inf)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(3) as threads:
            tellers = [threads.submit(tell) for _ in range(3)]
            for number in range(1, 3000):
                untold.add(notice(number, WHOSE[number % len(WHOSE)]))
            has_ended.set()
            for teller in tellers:
                teller.result()
    finally:
        sys.setswitchinterval(before)
    untold.tell(math.inf)
    assert not untold
    assert len(set(told)) == len(told)
    assert max(told) == 2999
