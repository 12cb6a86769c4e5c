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

    def tell(self, step: bulk.Progress, left: Left) -> None:
        """Show how far it is; ``left`` is what is not answered yet."""
        progress = self._progress
        progress.done, progress.failed, progress.total = step.done, step.failed, step.total
        if not progress.shown:
            return
        now = time.monotonic()
        if now - self._asked >= EVERY_S:
            self._asked = now
            self._told = self._estimated(left, step.under_way)
        progress.tell(self._told)

    def _estimated(self, left: Left, under_way: int) -> str:
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
        if longest is None:
            return ""
        return f"quota left {longest[1]}, about {in_words(longest[0] / 1000)} to go"
