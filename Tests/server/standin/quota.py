"""quota: Cloudflare's count of requests per user, with the block after an overrun, and per address.

Values per user and address that are told the time; nothing here reads a clock or sends anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

ADDRESS_WAIT_S = 10


@dataclass
class _Window:
    started: float
    used: int = 0
    blocked_until: float = 0.0


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Policy:
    """One member of the two headers' lists."""

    name: str
    quota: int
    window_s: float
    remaining: int
    reset_s: int


@dataclass
class Quota:
    """`limit` requests per `window_s` and user; one more blocks the user for `block_s`.

    A limit of 0 lifts the quota, and then no Ratelimit headers are sent.  With `burst`, that many
    requests per `burst_window_s` are a second policy; an overrun of it waits for its window to end.
    """

    limit: int
    window_s: float
    block_s: float
    burst: int = 0
    burst_window_s: float = 60.0
    # Names and members spelt as the standard allows and no client expects.
    odd: bool = False
    # No Ratelimit headers: whoever spends too much learns it from the refusal alone.
    silent: bool = False
    _windows: dict[str, _Window] = field(default_factory=dict)
    _bursts: dict[str, _Window] = field(default_factory=dict)

    def spend(self, user: str, now: float) -> Verdict:
        if self.limit <= 0:
            return Verdict(True, ())
        window = _current(self._windows, user, self.window_s, now)
        if now < window.blocked_until:
            return self._verdict(user, now, math.ceil(window.blocked_until - now))
        burst = _current(self._bursts, user, self.burst_window_s, now)
        if 0 < self.burst <= burst.used:
            return self._verdict(user, now, math.ceil(burst.started + self.burst_window_s - now))
        if window.used >= self.limit:
            window.blocked_until = now + self.block_s
            return self._verdict(user, now, math.ceil(self.block_s))
        window.used += 1
        burst.used += 1
        return self._verdict(user, now, None)

    def _verdict(self, user: str, now: float, wait_s: int | None) -> Verdict:
        """What the headers say now; `wait_s` seconds until the next try, None when allowed."""
        window, burst = self._windows[user], self._bursts.get(user)
        blocked = now < window.blocked_until
        ends = window.blocked_until if blocked else window.started + self.window_s
        left = 0 if blocked else self.limit - window.used
        policies = [_Policy("default", self.limit, self.window_s, left, _seconds(ends - now))]
        if self.burst > 0 and burst is not None:
            ends = burst.started + self.burst_window_s
            left = max(0, self.burst - burst.used)
            policies.append(
                _Policy("burst", self.burst, self.burst_window_s, left, _seconds(ends - now))
            )
        headers = self._headers(policies)
        if wait_s is None:
            return Verdict(True, headers)
        return Verdict(False, (*headers, ("retry-after", str(max(1, wait_s)))))

    def _headers(self, policies: list[_Policy]) -> tuple[tuple[str, str], ...]:
        if self.silent:
            return ()
        if self.odd:
            # RFC 9651: parameters in any order, spaces after a semicolon, unknown ones ignored.
            left = ",\t".join(
                f'"{p.name.upper()}"; t={p.reset_s};r={p.remaining};pk=:ZmFrZQ==:' for p in policies
            )
            quotas = " , ".join(
                f'"{p.name.upper()}";  w={math.ceil(p.window_s)};qu="requests";q={p.quota}'
                for p in policies
            )
            return (("RATELIMIT", left), ("RateLimit-POLICY", quotas))
        left = ", ".join(f'"{p.name}";r={p.remaining};t={p.reset_s}' for p in policies)
        quotas = ", ".join(f'"{p.name}";q={p.quota};w={math.ceil(p.window_s)}' for p in policies)
        return (("ratelimit", left), ("ratelimit-policy", quotas))

    def reset(self) -> None:
        self._windows.clear()
        self._bursts.clear()


@dataclass
class AddressLimit:
    """`limit` requests per second and address; one more blocks the address for a while.

    A limit of 0 lifts it.
    """

    limit: int
    _windows: dict[str, _Window] = field(default_factory=dict)

    def spend(self, address: str, now: float) -> Verdict:
        if self.limit <= 0:
            return Verdict(True, ())
        window = _current(self._windows, address, 1.0, now)
        if now >= window.blocked_until:
            if window.used < self.limit:
                window.used += 1
                return Verdict(True, ())
            window.blocked_until = now + ADDRESS_WAIT_S
        wait = max(1, math.ceil(window.blocked_until - now))
        return Verdict(False, (("retry-after", str(wait)),))

    def reset(self) -> None:
        self._windows.clear()


def _current(windows: dict[str, _Window], key: str, length_s: float, now: float) -> _Window:
    """The window `now` falls into; a new one begins with the first request after the last."""
    window = windows.get(key)
    if window is None or (now >= window.started + length_s and now >= window.blocked_until):
        window = windows[key] = _Window(now)
    return window


def _seconds(until: float) -> int:
    return max(0, math.ceil(until))
