"""search_failures: what a search does wrong when the first word of `query` asks for it.

The words are listed in ../README.md.  They never fail the library's own checks of a filter, so a
test needs no back door.  Other words of the same query still filter.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .failures import injected, limited_times
from .replies import JSON_TYPE, Reply, envelope
from .search import Page, Query, cursor, invalid

PREFIX = "standin-"
_PLAIN = frozenset(
    (
        *("standin-repeated-cursor", "standin-cycling-cursors", "standin-no-info"),
        *("standin-not-a-list", "standin-null-result", "standin-odd-items"),
        "standin-success-false",
    )
)
_WHERE = r"(?P<where>-url|-path|-elsewhere|-host|-plain)?"
_NEXT_URL = re.compile("standin-next-url" + _WHERE)
_LINK = re.compile("standin-link" + _WHERE)
_ACCEPTED = re.compile(
    r"standin-202-(?P<polls>\d{1,3}|for-ever|no-location)" + _WHERE + r"(?:-retry-(?P<wait>\d+))?"
)
_PAGE = re.compile(r"standin-page(?P<number>\d{1,4})-(?P<ref>.+)")
_ITEMS = re.compile(r"standin-items-(?P<count>\d{1,6})")


def word_of(query: Query) -> tuple[str, str]:
    """The word that names a failure, or nothing, and the rest of the search text."""
    first, _, rest = query.text.partition(" ")
    if not first.startswith(PREFIX):
        return "", query.text
    patterns = (_NEXT_URL, _LINK, _ACCEPTED, _PAGE, _ITEMS)
    if first not in _PLAIN and not any(pattern.fullmatch(first) for pattern in patterns):
        # A test that misspells a failure must not pass for want of one.
        raise invalid("query", f"the stand-in has no failure {first}")
    return first, rest


@dataclass(frozen=True)
class Accepted:
    """A 202 instead of the result: where to poll, how often in vain, and the wait named."""

    polls: int | None
    where: str
    wait: str | None
    location: bool = True

    def reply(self, url: str) -> Reply:
        headers = JSON_TYPE
        if self.location:
            headers += (("location", url),)
        if self.wait is not None:
            headers += (("retry-after", self.wait),)
        return Reply(202, envelope(None), headers)


def accepted(word: str) -> Accepted | None:
    match = _ACCEPTED.fullmatch(word)
    if match is None:
        return None
    polls = int(match["polls"]) if match["polls"].isdigit() else None
    where = (match["where"] or "-path").removeprefix("-")
    return Accepted(polls, where, match["wait"], match["polls"] != "no-location")


def items(word: str, found: list[Any]) -> list[Any]:
    """The items a search finds, when the word replaces them."""
    if match := _ITEMS.fullmatch(word):
        model = found[0] if found else {}
        return [
            {**model, "id": f"4jXtPB72Kpz7S8D-2026-11-23T04:33:50-{number:08d}"}
            for number in range(int(match["count"]))
        ]
    if word == "standin-odd-items":
        return [None, 7, "text", [], {}, {"id": None}, {"id": 7}, {"id": ""}, *found[:1]]
    return found


Urls = Callable[[str, str], str]


def reply(word: str, query: Query, page: Page, url_of: Urls, seen: int, elsewhere: str) -> Reply:
    """The page as a reply, spoilt as the word says.

    `url_of(where, cursor)` is this search's URL for a cursor at some origin; `seen` counts earlier
    requests of the same search and page.
    """
    headers: tuple[tuple[str, str], ...] = ()
    if word == "standin-repeated-cursor":
        page = dataclasses.replace(page, next=cursor(query, 0))
    elif word == "standin-cycling-cursors":
        other = query.per_page if page.number == 1 else 0
        page = dataclasses.replace(page, next=cursor(query, other))
    elif (match := _NEXT_URL.fullmatch(word)) and page.next is not None:
        page = dataclasses.replace(page, next=url_of(_where(match), page.next))
    elif (match := _LINK.fullmatch(word)) and page.next is not None:
        # Another relation first, and one of a name that merely begins alike.
        headers = (
            ("link", f'<{url_of("url", "x")}>; rel="prev", <{url_of("url", "y")}>; rel=nextish'),
            ("link", f'<{url_of(_where(match), page.next)}>; title="a, b"; rel="next"'),
        )
    info: dict[str, Any] | None = page.info()
    result: Any = page.items
    if word.startswith("standin-link") or word == "standin-no-info":
        info = None if word == "standin-no-info" else {**page.info(), "next": None}
    elif word == "standin-not-a-list":
        result = {"items": page.items}
    elif word == "standin-null-result":
        result = None
    elif word == "standin-success-false":
        errors = [{"code": 1001, "message": "Unable to search"}]
        return Reply(200, envelope(None, success=False, errors=errors))
    body = document(result, info)
    match = _PAGE.fullmatch(word)
    if match and int(match["number"]) == page.number:
        times = limited_times(match["ref"])
        failure = injected(match["ref"], body, elsewhere)
        if failure is not None and (times is None or seen < times):
            return failure
    return Reply(200, body, JSON_TYPE + headers)


def _where(match: re.Match[str]) -> str:
    return (match["where"] or "-url").removeprefix("-")


def document(result: Any, info: dict[str, Any] | None) -> bytes:  # noqa: ANN401
    whole = {"success": True, "errors": [], "messages": [], "result": result}
    if info is not None:
        whole["result_info"] = info
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
