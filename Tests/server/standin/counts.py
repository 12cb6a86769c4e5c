"""counts: how many requests came, from whom and with what end; cheap enough for a bulk run.

Told the time and the outcome of every request; keeps numbers, never requests.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

# No window of a bulk run on loopback holds more; beyond it the maximum is a lower bound.
WINDOW_REQUESTS_MAX = 1_000_000
NOBODY = "(unknown)"


@dataclass
class _Tally:
    """The requests of one user or credential."""

    total: int = 0
    refused: int = 0
    max_in_window: int = 0
    max_in_second: int = 0
    status: Counter[int] = field(default_factory=Counter)
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW_REQUESTS_MAX))
    _last_second: deque[float] = field(default_factory=deque)

    def note(self, status: int, now: float, window_s: float) -> None:
        self.total += 1
        self.refused += status == 429
        self.status[status] += 1
        self.max_in_window = max(self.max_in_window, _within(self._recent, now, window_s))
        self.max_in_second = max(self.max_in_second, _within(self._last_second, now, 1.0))

    def shown(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "refused": self.refused,
            "max_in_window": self.max_in_window,
            "max_in_second": self.max_in_second,
            "status": {str(status): count for status, count in sorted(self.status.items())},
        }


def _within(times: deque[float], now: float, length_s: float) -> int:
    """How many requests the window that ends with this one holds."""
    times.append(now)
    while times[0] <= now - length_s:
        times.popleft()
    return len(times)


class Counts:
    """Every request since the start or the last reset, in numbers."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self.reset()

    def reset(self) -> None:
        self._all = _Tally()
        self._users: dict[str, _Tally] = {}
        self._credentials: Counter[str] = Counter()
        self._accounts: Counter[str] = Counter()

    def note(
        self, user: str | None, credential: str | None, account: str | None, status: int, now: float
    ) -> None:
        self._all.note(status, now, self._window_s)
        # get() first: setdefault() would make, and throw away, a tally for every request.
        tally = self._users.get(user or NOBODY) or self._users.setdefault(user or NOBODY, _Tally())
        tally.note(status, now, self._window_s)
        if credential is not None:
            self._credentials[credential] += 1
        if account is not None:
            self._accounts[account] += 1

    def shown(self) -> dict[str, Any]:
        return {
            **self._all.shown(),
            "window_s": self._window_s,
            "users": {user: tally.shown() for user, tally in self._users.items()},
            "credentials": dict(self._credentials),
            "accounts": dict(self._accounts),
        }
