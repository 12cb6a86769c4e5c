"""searching: the search endpoint, and the results that a 202 sends clients to poll.

Holds what searches leave behind: which page was asked for how often, and results waiting for their
poller.  Parameters and pages are search.py's, failures search_failures.py's.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from . import search, search_failures
from .accounts import Refusal
from .mail import DETECTED, Mail
from .replies import Reply
from .routes import results_path, search_path

# Results kept for pollers; the oldest goes when a test asks for more.
KEPT_MAX = 1000

Origins = dict[str, str]


@dataclass
class _Kept:
    """A search whose result is polled for."""

    query: search.Query
    accepted: search_failures.Accepted
    polls: int = 0


class Searching:
    """All mail by account, newest first, and the searches under way."""

    def __init__(self, mail: Iterable[Mail], accounts: Iterable[str]) -> None:
        self._mail: dict[str, list[Mail]] = {account: [] for account in accounts}
        for found in mail:
            self._mail[found.account_id].append(found)
        times = [found[0].scanned for found in self._mail.values() if found]
        self._newest = max(times, default=_now())
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._accepted = 0
        self._seen: Counter[str] = Counter()
        # What a test has changed of mail, by its id; None: search does not find it.
        self._amended: dict[str, dict[str, Any] | None] = {}

    def reset(self) -> None:
        self._kept.clear()
        self._seen.clear()
        self._amended.clear()

    def amend(self, mail_id: str, change: object) -> bool:
        """Change members of one mail's item, or hide the mail; false when there is none."""
        if not any(one.item["id"] == mail_id for found in self._mail.values() for one in found):
            return False
        self._amended[mail_id] = change if isinstance(change, dict) else None
        return True

    def _mail_of(self, account_id: str) -> list[Mail]:
        found = []
        for one in self._mail[account_id]:
            change = self._amended.get(one.item["id"], {})
            if change is not None:
                item = {**one.item, **change}
                detected = item["final_disposition"] in DETECTED
                kept = one.detected if "final_disposition" not in change else detected
                found.append(dataclasses.replace(one, item=item, detected=kept))
        return found

    def answer(self, account_id: str, query: str, scheme: str, origins: Origins) -> Reply:
        asked = search.parse(account_id, query, self._newest, _now())
        word, _ = search_failures.word_of(asked)
        accepted = search_failures.accepted(word)
        if accepted is None or "cursor" in asked.values:
            return self._page(asked, scheme, origins)
        if len(self._kept) >= KEPT_MAX:
            self._kept.popitem(last=False)
        self._accepted += 1
        name = f"{asked.mark()}-{self._accepted:08x}"
        self._kept[name] = _Kept(asked, accepted)
        path = results_path(account_id, name)
        return accepted.reply(_url(accepted.where, path, scheme, origins))

    def polled(self, account_id: str, name: str, scheme: str, origins: Origins) -> Reply:
        """A poll for the result of an earlier search."""
        kept = self._kept.get(name)
        if kept is None or kept.query.account_id != account_id:
            raise Refusal(404, 10404, "Result not found")
        kept.polls += 1
        if kept.accepted.polls is None or kept.polls <= kept.accepted.polls:
            path = results_path(account_id, name)
            return kept.accepted.reply(_url(kept.accepted.where, path, scheme, origins))
        return self._page(kept.query, scheme, origins)

    def _page(self, asked: search.Query, scheme: str, origins: Origins) -> Reply:
        word, text = search_failures.word_of(asked)
        found = search.matching(asked, self._mail_of(asked.account_id), text)
        items = search_failures.items(word, [one.item for one in found])
        page = search.page(asked, items)
        key = f"{asked.mark()} {page.number}"
        seen = self._seen[key]
        self._seen[key] += 1

        def url_of(where: str, cursor: str) -> str:
            values = {**asked.values, "cursor": cursor}
            path = f"{search_path(asked.account_id)}?{urlencode(values)}"
            return _url(where, path, scheme, origins)

        return search_failures.reply(word, asked, page, url_of, seen, origins["elsewhere"])


def _url(where: str, path: str, scheme: str, origins: Origins) -> str:
    """A path of the API at the origin that `where` names; "path" leaves it a path."""
    if where == "path":
        return path
    own = "plain" if scheme == "http" else "https"
    return origins[own if where == "url" else where] + path


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
