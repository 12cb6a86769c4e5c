"""What is left of the quota, and when long work will be done: the engine's own estimate."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from .. import bulk
from ..client import Engine
from ..errors import TraceVaultError
from ..vault import Tenant
from .progress import Progress, in_words

#: How often the engine is asked, in seconds, and for how many accounts at most.
EVERY_S = 1.0
ACCOUNTS = 8

#: What is still to be asked, by tenant and account.
Left = Mapping[tuple[Tenant, "str | None"], int]


class Forecast:
    """Puts the engine's estimate on the progress line."""

    def __init__(self, engine: Engine, progress: Progress) -> None:
        self._engine = engine
        self._progress = progress
        self._asked = 0.0
        self._told = ""

    def tell(self, step: bulk.Progress, left: Left | None = None, remark: str = "") -> None:
        """Show how far it is; ``left`` is what is not answered yet, where that is known."""
        progress = self._progress
        progress.done, progress.failed, progress.total = step.done, step.failed, step.total
        if not progress.shown:
            return
        now = time.monotonic()
        if now - self._asked >= EVERY_S:
            self._asked = now
            known = self._waiting() if left is None else self._estimated(left, step.under_way)
            self._told = _in_words(known)
        progress.tell(", ".join(one for one in (remark, self._told) if one))

    def _waiting(self) -> tuple[int, int] | None:
        """Of what waits in the engine: when the last may go, and what the quota has left."""
        groups = [one for one in self._engine.stats()["groups"] if one["available"] is not None]
        busy = [one for one in groups if one["queued"]] or groups
        slowest = max(busy, key=lambda one: int(one["done_ms"]), default=None)
        return None if slowest is None else (slowest["done_ms"], slowest["available"])

    def _estimated(self, left: Left, under_way: int) -> tuple[int, int] | None:
        """The account that takes longest decides; several of one user count once each."""
        total = sum(left.values())
        longest: tuple[int, int] | None = None
        for (tenant, account), count in sorted(left.items(), key=lambda one: -one[1])[:ACCOUNTS]:
            # What is in the engine already, the engine counts itself.
            inside = under_way * count // total if total else 0
            with contextlib.suppress(TraceVaultError):
                told = self._engine.estimate(tenant, max(count - inside, 1), account)
                if told.get("available") is not None:
                    longest = max(longest or (0, 0), (told["done_ms"], told["available"]))
        return longest


def _in_words(known: tuple[int, int] | None) -> str:
    if known is None:
        return ""
    return f"quota left {known[1]}, about {in_words(known[0] / 1000)} to go"
