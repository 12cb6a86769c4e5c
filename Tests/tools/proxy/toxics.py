"""toxics: the eight ways in which a connection is harmed, named as in Toxiproxy.

Each is drawn from a seeded generator. Nothing here touches a socket.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Toxic:
    name: str
    #: Milliseconds, bytes a second, or bytes: what the name says.
    amount: int


#: Name, smallest and largest amount, and how often it is drawn.
TOXICS: tuple[tuple[str, int, int, int], ...] = (
    ("latency", 1, 300, 4),  # ms by which every piece is late
    ("bandwidth", 4_000, 400_000, 3),  # bytes a second
    ("slicer", 1, 64, 3),  # bytes in a piece
    ("limit_data", 0, 6_000, 2),  # bytes that still pass, then the connection ends
    ("slow_close", 10, 800, 2),  # ms for which one side is ended and the other is not
    ("timeout", 50, 2_000, 1),  # ms of nothing, then the connection ends
    ("reset_peer", 0, 100, 2),  # ms until a RST
    ("down", 0, 0, 2),  # not even accepted
)
#: Harms the connection when it is new, the rest at any time.
AT_ACCEPT = "down"
#: How often nothing is wrong, against the sum of the rest.
_CALM = 12


def draw(chance: random.Random) -> Toxic | None:
    """One toxic, or none."""
    weights = [_CALM, *(weight for *_, weight in TOXICS)]
    (found,) = chance.choices([None, *TOXICS], weights)
    if found is None:
        return None
    name, least, most, _ = found
    return Toxic(name, chance.randint(least, most))
