"""What a collection remembers between its runs: where each account stands, and states of messages.

A file of lines, each written as soon as it is true. Which messages are told is not decided here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ._fields import DOCUMENT_DEPTH, parse_time, parsed
from ._lines import LineFile

SCHEMA = "tracevault.checkpoint/1"

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a message."""

    state: State
    scanned_at: str | None
    growing: str | None = None
    """Of a trace that was told and may still grow: a digest of what it said."""


class Checkpoint:
    """What one file of a collection says."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._file: LineFile | None = None
        #: By account: since when all of it is known; until then where its first search begins.
        self._until: dict[str, datetime] = {}
        self._starts: dict[str, str] = {}
        #: By account and message.
        self._known: dict[str, dict[str, Known]] = {}

    def open(self) -> None:
        """Read what earlier runs knew."""
        self._file = LineFile(self._path, SCHEMA)
        for _, line in self._file.lines():
            try:
                self._learn(parsed(line, DOCUMENT_DEPTH))
            except (ValueError, LookupError, TypeError, AttributeError):
                continue  # a damaged line: its message is told once more

    def _learn(self, line: dict[str, Any]) -> None:
        account: str = line["account_id"]
        if "until" in line:
            self._until[account] = datetime.fromisoformat(line["until"])
        elif "start" in line:
            if parse_time(line["start"]) is not None:
                self._starts[account] = line["start"]
        else:
            known = Known(dict(line["state"]), line.get("scanned_at"), line.get("growing"))
            self._known.setdefault(account, {})[line["message"]] = known

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
        self._known.setdefault(account_id, {})[key] = known
        self._write(_line(account_id, key, known))

    def complete(
        self, account_id: str, until: datetime, found: Iterable[str], oldest: datetime
    ) -> None:
        """An account was asked to its end; what it does not show any more is forgotten."""
        self._until[account_id] = until
        self._starts.pop(account_id, None)
        known = self._known.get(account_id, {})
        for key in known.keys() - found:
            scanned = parse_time(known[key].scanned_at)
            if scanned is None or scanned < oldest:
                del known[key]
        self._write({"account_id": account_id, "until": until.isoformat()})

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
