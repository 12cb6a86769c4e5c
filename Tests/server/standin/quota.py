"""quota: Cloudflare's count of requests per user, with the block after an overrun.

A value per user that is told the time; it reads no clock and sends nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class _Window:
    started: float
    used: int = 0
    blocked_until: float = 0.0


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    headers: tuple[tuple[str, str], ...]


@dataclass
class Quota:
    """`limit` requests per `window_s` and user; one more blocks the user for `block_s`.

    A limit of 0 lifts the quota, and then no Ratelimit headers are sent.
    """

    limit: int
    window_s: float
    block_s: float
    _windows: dict[str, _Window] = field(default_factory=dict)

    def spend(self, user: str, now: float) -> Verdict:
        if self.limit <= 0:
            return Verdict(True, ())
        window = self._windows.setdefault(user, _Window(now))
        if now >= window.started + self.window_s and now >= window.blocked_until:
            window = self._windows[user] = _Window(now)
        if now < window.blocked_until:
            return self._refused(window, now)
        if window.used >= self.limit:
            window.blocked_until = now + self.block_s
            return self._refused(window, now)
        window.used += 1
        reset = math.ceil(window.started + self.window_s - now)
        return Verdict(True, self._headers(self.limit - window.used, reset))

    def _refused(self, window: _Window, now: float) -> Verdict:
        wait = max(1, math.ceil(window.blocked_until - now))
        return Verdict(False, (*self._headers(0, wait), ("retry-after", str(wait))))

    def _headers(self, remaining: int, reset: int) -> tuple[tuple[str, str], ...]:
        return (
            ("ratelimit", f'"default";r={remaining};t={max(0, reset)}'),
            ("ratelimit-policy", f'"default";q={self.limit};w={math.ceil(self.window_s)}'),
        )

    def reset(self) -> None:
        self._windows.clear()
