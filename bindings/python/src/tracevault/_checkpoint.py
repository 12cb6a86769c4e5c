"""What a collection remembers between its runs: where each account stands, and states of messages.

A file of lines, each written as soon as it is true. Which messages are told is not decided here.
What an account says is bounded, in length and in number: ``docs/shares.md`` has the rule.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from ._fields import DOCUMENT_DEPTH, is_in_calendar, parse_time, parsed
from ._lines import LineFile
from ._unread import TenantKey
from .errors import JournalError

SCHEMA = "tracevault.checkpoint/1"

#: Bytes of what is remembered of all accounts, as it counts in memory; the file is smaller.
MOST = 1 << 30
#: Of one account, for each message that a run may show: twice what one of Cloudflare's counts for.
EACH = 1280
#: What Python needs for a message beside its texts, the digest of a trace included.
_BESIDE = 320
#: A value of a state is kept as it is up to so many characters of JSON, a time up to so many.
_LONGEST, _LONGEST_TIME = 200, 40
#: A file is written anew at once when it is so much larger than what it says.
_SLACK = 1 << 20
#: By how much Cloudflare's clock may be ahead of this one.
_CLOCKS = timedelta(minutes=5)

State = dict[str, Any]


def kept(state: State) -> State:
    """What is remembered of a state: of a long value ``sha256:`` and its digest."""
    return {name: _short(value) for name, value in state.items()}


def _short(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST and value.isascii():
        return value
    text = json.dumps(value, sort_keys=True)
    if len(text) <= _LONGEST:
        return value
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@lru_cache(maxsize=1024)
def _shared(text: str) -> State:
    """Most messages have one of few states: each is held once."""
    state: State = json.loads(text)
    return state


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a message."""

    state: State
    """Not to be changed: other messages may have the same."""
    scanned_at: str | None
    time: float | None
    """The same, in seconds since 1970."""
    growing: str | None
    """Of a trace that was told and may still grow: a digest of what it said."""
    size: int
    """What it counts for, without its name."""

    @classmethod
    def of(cls, state: State, scanned_at: str | None, growing: str | None = None) -> Known:
        """Keep of a message what is short, and of the rest what tells it from another."""
        at = parse_time(scanned_at)
        if scanned_at is not None and len(scanned_at) > _LONGEST_TIME:
            scanned_at = None if at is None else at.isoformat()
        text = json.dumps(kept(state))
        time = None if at is None else at.timestamp()
        return cls(_shared(text), scanned_at, time, growing, _BESIDE + len(text) * 3 // 2)

    def with_growing(self, growing: str | None) -> Known:
        """The same, of a trace that may still grow."""
        return Known(self.state, self.scanned_at, self.time, growing, self.size)


class Checkpoint:
    """What one file of a collection says."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._file: LineFile | None = None
        #: By account: since when all of it is known; until then where its first search begins.
        self._until: dict[str, datetime] = {}
        self._starts: dict[str, str] = {}
        #: By account and message; of those not shown lately first, where they are many.
        self._known: dict[str, dict[str, Known]] = {}
        #: Whose each account is, and how much of one may be remembered.
        self._owners: Mapping[str, TenantKey] = {}
        self._most = MOST
        #: What is remembered counts for so much: of each account, of each owner, in all.
        self._sizes: Counter[str] = Counter()
        self._held: Counter[TenantKey | str] = Counter()
        self._all = 0
        #: By account: what counts already and is not told yet, and what may be forgotten next.
        self._promised: dict[str, dict[str, int]] = {}
        self._oldest: dict[str, Iterator[str]] = {}

    def open(self, owners: Mapping[str, TenantKey], most: int) -> None:
        """Read what earlier runs knew; `owners` are the tenants of accounts by their ids.

        So much is remembered of one account at `most`. A file that has grown beyond what it says is
        written anew, as far as there is room for that.
        """
        self._owners, self._most = owners, most
        self._file = LineFile(self._path, SCHEMA)
        read = 0
        for _, line in self._file.lines():
            read += len(line)
            try:
                self._learn(parsed(line, DOCUMENT_DEPTH))
            except (ValueError, LookupError, TypeError, AttributeError):
                continue  # a damaged line: its message is told once more
        for account_id in self._known:
            self._trim(account_id)
        if read > 2 * self._all + _SLACK:
            with contextlib.suppress(JournalError):
                self.rewrite()

    def _learn(self, line: dict[str, Any]) -> None:
        account = _text(line["account_id"])
        if "until" in line:
            self._until[account] = _moment(line["until"])
        elif "start" in line:
            self._starts[account] = _moment(line["start"]).isoformat()
        else:
            given = (line.get("scanned_at"), line.get("growing"))
            state = line["state"]
            if not isinstance(state, dict):
                raise TypeError("a state is an object")
            known = Known.of(state, *(None if one is None else _text(one) for one in given))
            self._read(account, _text(line["message"]), known)

    def _read(self, account_id: str, key: str, known: Known) -> None:
        """Take over what an earlier run knew, as far as one account and one owner may have it."""
        is_new = key not in self._known.get(account_id, {})
        if is_new and 2 * self._held[self._owner(account_id)] > MOST:
            return
        self._remember(account_id, key, known)
        if self._sizes[account_id] > self._most + self._most // 4:
            self._trim(account_id)

    def until(self, account_id: str) -> datetime | None:
        """Up to when an account was asked to its end."""
        return self._until.get(account_id)

    def start(self, account_id: str) -> str | None:
        """Where the first search of an account begins, until it was asked to its end."""
        return self._starts.get(account_id)

    def known(self, account_id: str, key: str) -> Known | None:
        """What is remembered of a message."""
        return self._known.get(account_id, {}).get(key)

    def begin(self, account_id: str, start: str) -> None:
        """Keep where the first search begins, before it is asked; the earliest counts."""
        if account_id in self._until:
            return
        before = self._starts.get(account_id)
        if before is None or _is_earlier(start, before):
            self._starts[account_id] = start
            self._write({"account_id": account_id, "start": start})

    def learn(self, account_id: str, key: str, known: Known) -> None:
        """Remember a message that was told."""
        self._remember(account_id, key, known)
        self._write(_line(account_id, key, known))

    def complete(
        self,
        account_id: str,
        until: datetime,
        found: Collection[str],
        oldest: datetime,
        now: datetime,
    ) -> None:
        """An account was asked to its end; what it does not show any more is forgotten."""
        self._until[account_id] = until
        self._starts.pop(account_id, None)
        self.forget(account_id, found, oldest, now)
        self._write({"account_id": account_id, "until": until.isoformat()})

    # ---- How much is remembered -----------------------------------------------------------------

    def make_room(
        self, account_id: str, key: str, known: Known, seen: Collection[str]
    ) -> int | None:
        """Count a message that is to be told; ``None``: its owner has no room for it.

        Where its account has none, what that has not shown for longest is forgotten; how many.
        """
        before = self._known.get(account_id, {}).get(key)
        more = _size(key, known) - (0 if before is None else _size(key, before))
        forgotten = 0
        while more > 0 and self._sizes[account_id] + more > self._most:
            oldest = self._not_shown(account_id, seen)
            if oldest is None:
                return None
            self._drop(account_id, oldest)
            forgotten += 1
        held = self._held[self._owner(account_id)]
        if more > 0 and self._all + held + 2 * more > MOST:
            return None
        self._count(account_id, more)
        self._promised.setdefault(account_id, {})[key] = more
        return forgotten

    def forget(
        self,
        account_id: str,
        found: Collection[str],
        oldest: datetime,
        now: datetime | None = None,
    ) -> None:
        """Forget what an account did not show and will not: it is older than that.

        With `now` its search came to an end: what says no time that was is forgotten, too.
        """
        for more in self._promised.pop(account_id, {}).values():
            self._count(account_id, -more)  # it was told without its trace, and comes again
        self._oldest.pop(account_id, None)
        known = self._known.get(account_id, {})
        earliest = oldest.timestamp()
        latest = None if now is None else (now + _CLOCKS).timestamp()
        for key in known.keys() - found:
            time = known[key].time
            is_past = time is not None and time < earliest
            if is_past or (latest is not None and (time is None or time > latest)):
                self._drop(account_id, key)
        if 2 * self._sizes[account_id] > self._most:
            self._known[account_id] = {
                key: one
                for shown in (False, True)
                for key, one in known.items()
                if (key in found) is shown
            }

    def _not_shown(self, account_id: str, seen: Collection[str]) -> str | None:
        """What an account has not shown for longest, nor in this run."""
        known = self._known.get(account_id, {})
        waiting = self._oldest.get(account_id)
        if waiting is None:
            waiting = self._oldest[account_id] = iter([*known])
        return next((key for key in waiting if key in known and key not in seen), None)

    def _trim(self, account_id: str) -> None:
        """Forget of an account what is beyond its bound; a file of before had none."""
        for key in [*self._known[account_id]]:
            if self._sizes[account_id] <= self._most:
                break
            self._drop(account_id, key)

    def _remember(self, account_id: str, key: str, known: Known) -> None:
        messages = self._known.setdefault(account_id, {})
        before, messages[key] = messages.get(key), known
        if self._promised.get(account_id, {}).pop(key, None) is None:
            self._count(account_id, _size(key, known) - (_size(key, before) if before else 0))

    def _drop(self, account_id: str, key: str) -> None:
        self._count(account_id, -_size(key, self._known[account_id].pop(key)))

    def _count(self, account_id: str, more: int) -> None:
        self._sizes[account_id] += more
        self._held[self._owner(account_id)] += more
        self._all += more

    def _owner(self, account_id: str) -> TenantKey | str:
        """Whose it is; an account that is not asked any more is nobody else's."""
        return self._owners.get(account_id, account_id)

    # ---- The file -------------------------------------------------------------------------------

    def _write(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.append(json.dumps(line).encode())

    def rewrite(self) -> None:
        """Write the file anew, without what is forgotten."""
        assert self._file is not None
        self._file.replace(json.dumps(line).encode() for line in self._lines())

    def _lines(self) -> Iterator[dict[str, Any]]:
        for account_id, until in self._until.items():
            yield {"account_id": account_id, "until": until.isoformat()}
        for account_id, start in self._starts.items():
            if account_id not in self._until:
                yield {"account_id": account_id, "start": start}
        for account_id, messages in self._known.items():
            for key, known in messages.items():
                yield _line(account_id, key, known)

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()


def _size(key: str, known: Known) -> int:
    return len(key) + known.size


def _text(value: object) -> str:
    """A text of a line; ``TypeError`` where it is none."""
    if not isinstance(value, str):
        raise TypeError("it is no text")
    return value


def _moment(value: object) -> datetime:
    """A time of a line that can be reckoned with; ``ValueError`` for any other."""
    text = _text(value)
    at = parse_time(text)
    has_zone = text[-1:] in ("Z", "z") or text[-6:-5] in ("+", "-")
    if at is None or not has_zone or not is_in_calendar(at):
        raise ValueError("it is no time")
    return at


def _is_earlier(one: str, other: str) -> bool:
    first, second = parse_time(one), parse_time(other)
    return first is not None and second is not None and first < second


def _line(account_id: str, key: str, known: Known) -> dict[str, Any]:
    line = {
        "account_id": account_id,
        "message": key,
        "state": known.state,
        "scanned_at": known.scanned_at,
    }
    return line if known.growing is None else {**line, "growing": known.growing}
