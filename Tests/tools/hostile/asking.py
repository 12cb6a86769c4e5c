"""asking: servers that meet a search or a check with what only those two can be led astray by.

The other families ask for a trace. Rows of theirs whose end does not depend on the question are asked
again as a search and as a check.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from tracevault import Status

from . import redirects, replies, sizes
from .scenario import SHORT, Operation, Play, Scenario, answering, reply
from .stage import Peer

S = Status
#: The API's own refusal of a credential.
_REFUSED = replies.refusal({"code": 10000, "message": "Authentication error"})
OK, LATER = S.OK, S.E_REPLY_DEFERRED
BASE = "/client/v4"
PLACE = BASE + "/later/1"

#: What a server sends for the number of a request, from 1, and its head.
Answer = Callable[[int, bytes, Peer], bytes]


def in_turn(answer: Answer) -> Play:
    """Answers by the number of the request in the scene."""
    return answering(lambda peer, head: peer.send(answer(len(peer.stage.heads), head, peer)))


def page(*messages: object, following: object = None) -> bytes:
    body = {"success": True, "errors": [], "result": messages, "result_info": {"next": following}}
    return json.dumps(body).encode()


def pages(following: Callable[[int, Peer], object], *messages: object) -> Play:
    """Pages of these messages, each of which names a next one."""
    return in_turn(lambda n, _, peer: reply(page(*messages, following=following(n, peer))))


def search(
    name: str, play: Play, expect: Status | tuple[Status, ...] = OK, **more: object
) -> Scenario:
    return Scenario(f"search: {name}", play, expect, operation="search", **more)  # type: ignore[arg-type]


def check(name: str, play: Play, expect: Status = OK, **more: object) -> Scenario:
    return Scenario(f"check: {name}", play, expect, operation="check", **more)  # type: ignore[arg-type]


def later(location: str, *headers: str) -> Play:
    """HTTP 202 with a place, in which {} stands for the server's other origins."""

    def answer(_: int, __: bytes, peer: Peer) -> bytes:
        place = location.format(**{k.replace(" ", "_"): v for k, v in peer.stage.elsewhere.items()})
        return reply(b"", 202, f"location: {place}", *headers)

    return in_turn(answer)


MESSAGE = {"id": "4Njp3P0STMz2c02Q", "subject": "x"}

# ---- Later -----------------------------------------------------------------------------------

_ELSEWHERE = (
    ("another host", "{other_host}" + PLACE),
    ("another port", "{other_port}" + PLACE),
    ("another scheme", "{other_scheme}" + PLACE),
    ("another host without a scheme", "//127.0.0.2/client/v4/later"),
    ("a user at the origin", "https://a:b@127.0.0.1" + PLACE),
    ("a path beside the base", "/client/v5/later"),
    ("a path above the base", BASE + "/../v5/later"),
    ("an escaped path above the base", BASE + "/%2e%2e/v5/later"),
    ("a file", "file:///etc/passwd"),
    ("nothing", ""),
    ("5,000 letters", PLACE + "x" * 5000),
    ("letters beyond ASCII", PLACE + "\xff"),
)

DEFERRED = (
    *(
        search(f"202 to {name}", later(place), LATER, asked=1, timeout=5)
        for name, place in _ELSEWHERE
    ),
    *(
        search(
            f"202 and {wait[:20]!r} to wait",
            later(PLACE, f"retry-after: {wait}"),
            LATER,
            timeout=SHORT,
            asked=1,
        )
        for wait in ("9" * 400, "1e9", "-1", "NaN", "")
    ),
    search("202 without end", later(PLACE), LATER, timeout=2.5, asked=2),
    search(
        "202, then a redirect from there",
        in_turn(
            lambda n, _, peer: (
                reply(b"", 202, "location: " + PLACE)
                if n == 1
                else reply(b"", 302, "location: " + peer.stage.elsewhere["other port"] + PLACE)
            )
        ),
        S.E_REDIRECT,
        asked=2,
    ),
    check("202 with a place", later("{other_port}" + PLACE), LATER, asked=1),
)

# ---- Pages -----------------------------------------------------------------------------------


def _only_below(n: int, head: bytes, _: Peer) -> bytes:
    """A cursor that looks like a way out; honest only to who takes it for a cursor."""
    path = head.split(b" ", 2)[1]
    if not path.startswith(BASE.encode() + b"/accounts/") or b"/email-security/inv" not in path:
        return reply(b"", 418)
    return reply(page(MESSAGE, following="/../../user/tokens?x=#" if n == 1 else None))


def after_a_page(answer: Callable[[Peer], bytes]) -> Play:
    return in_turn(
        lambda n, _, peer: reply(page(MESSAGE, following="c")) if n == 1 else answer(peer)
    )


def _silence_after_a_page() -> Play:
    def answer(peer: Peer, _: bytes) -> None:
        if len(peer.stage.heads) == 1:
            peer.send(reply(page(MESSAGE, following="c")))
        else:
            peer.stay_silent()

    return answering(answer)


def _numbers(number: int) -> Answer:
    info = dict.fromkeys(("page", "total_pages", "per_page", "total_count"), number)
    body = {"success": True, "errors": [], "result": [MESSAGE], "result_info": info}
    return lambda n, head, peer: reply(json.dumps(body).encode())


#: A megabyte in one message.
_HEAVY = {"id": "4Njp3P0STMz2c02Q", "subject": "x" * sizes.MIB}

PAGES = (
    # The client wants ten messages. What came before is no new one: five such pages are enough.
    search("a next page without end", pages(lambda n, _: f"c{n}", MESSAGE), asked=6),
    search("empty pages without end", pages(lambda n, _: f"c{n}"), asked=5),
    search("the same cursor again", pages(lambda n, _: "c", MESSAGE), asked=2),
    search("two cursors in turn", pages(lambda n, _: f"c{n % 2}", MESSAGE), asked=3),
    search(
        "a cursor at another origin",
        pages(lambda n, peer: peer.stage.elsewhere["other port"] + BASE + "?cursor=c", MESSAGE),
        asked=1,
    ),
    search(
        "a link to another origin",
        in_turn(
            lambda n, _, peer: reply(
                page(MESSAGE),
                200,
                f"link: <{peer.stage.elsewhere['other host']}/?cursor=c>; rel=next",
            )
        ),
        asked=1,
    ),
    search("a cursor that looks like a way out", in_turn(_only_below), asked=2),
    search("a cursor of a megabyte", pages(lambda n, _: "c" * (1 << 20), MESSAGE), asked=1),
    search("a cursor with a line break", pages(lambda n, _: "c\r\nx: y", MESSAGE), asked=1),
    search("a cursor that is a list", pages(lambda n, _: ["c"], MESSAGE), asked=1),
    *(
        search(f"numbers of pages of {number}", in_turn(_numbers(number)), asked=1)
        for number in (2**63 - 1, -(2**63), 2**64)
    ),
    search("messages that are none", pages(lambda n, _: None, 1, None, "x", [], {}), asked=1),
    search("100,000 messages for ten", pages(lambda n, _: "c", *[{"id": "x"}] * 100_000), asked=2),
    # Twice what one reply may have is enough for a search.
    search(
        "heavy pages",
        pages(lambda n, _: f"c{n}", _HEAVY),
        asked=4,
        settings={"http.max_reply_bytes": 2 * sizes.MIB},
    ),
    search(
        "a result that is an object",
        in_turn(lambda *_: reply(replies.result({}))),
        S.E_REPLY_SHAPE,
        asked=1,
    ),
)

AFTER_A_PAGE = (
    search(
        "a page, then a redirect",
        after_a_page(
            lambda peer: reply(b"", 302, "location: " + peer.stage.elsewhere["other port"] + "/")
        ),
        asked=2,
    ),
    search("a page, then 401", after_a_page(lambda _: reply(_REFUSED, 401)), asked=3),
    search("a page, then 429", after_a_page(lambda _: reply(b"", 429)), asked=2),
    search("a page, then 500", after_a_page(lambda _: reply(b"", 500)), asked=3),
    search(
        "a page, then one that begins with a folded header",
        after_a_page(
            lambda _: reply(page(MESSAGE)).replace(b"\r\n", b"\r\n x: " + b"A" * 200 + b"\r\n", 1)
        ),
        (OK, S.E_TRANSPORT),
        asked=None,
    ),
    search("a page, then no JSON", after_a_page(lambda _: reply(replies.HTML)), asked=2),
    search(
        "a page, then a bomb", after_a_page(lambda _: reply(sizes.bomb(), 200, sizes.GZIP)), asked=2
    ),
    search(
        "a page, then 202 elsewhere",
        after_a_page(
            lambda peer: reply(b"", 202, "location: " + peer.stage.elsewhere["other host"] + PLACE)
        ),
        asked=2,
    ),
    search("a page, then silence", _silence_after_a_page(), timeout=SHORT, asked=2),
)

# ---- Checks ----------------------------------------------------------------------------------

_ACTIVE = {"id": "x", "status": "active"}


def _silence_after_401() -> Play:
    def answer(peer: Peer, _: bytes) -> None:
        if len(peer.stage.heads) == 1:
            peer.send(reply(_REFUSED, 401))
        else:
            peer.stay_silent()

    return answering(answer)


CHECKS = (
    check("401", in_turn(lambda *_: reply(_REFUSED, 401)), asked=2),
    check("401, then silence", _silence_after_401(), S.E_DEADLINE, timeout=SHORT, asked=2),
    check(
        "401, then a redirect",
        in_turn(
            lambda n, _, peer: (
                reply(_REFUSED, 401)
                if n == 1
                else reply(b"", 307, "location: " + peer.stage.elsewhere["other host"] + "/")
            )
        ),
        S.E_REDIRECT,
        asked=2,
    ),
    check("401 of a key", in_turn(lambda *_: reply(_REFUSED, 401)), key=True, asked=1),
    check("active", in_turn(lambda *_: reply(replies.result(_ACTIVE))), asked=1),
    check("no status", in_turn(lambda *_: reply(replies.result({}))), S.E_REPLY_SHAPE, asked=1),
    check(
        "texts of a megabyte",
        in_turn(
            lambda *_: reply(
                replies.result({k: "x" * (1 << 20) for k in ("id", "status", "expires_on")})
            )
        ),
        asked=1,
    ),
    check(
        "the token in every text",
        in_turn(
            lambda n, head, _: reply(
                replies.result(
                    dict.fromkeys(("id", "status", "not_before"), replies.secret(head).decode())
                )
            )
        ),
        asked=1,
    ),
)

# ---- What other families do ------------------------------------------------------------------

#: Ends that do not depend on what was asked.
_SAME = (
    S.E_REDIRECT,
    S.E_REPLY_TOO_LARGE,
    S.E_NOT_JSON,
    S.E_REPLY_EMPTY,
    S.E_REPLY_DEPTH,
    S.E_REPLY_TRUNCATED,
    S.E_RATE_LIMITED,
    S.E_SERVER,
    S.E_FORBIDDEN,
    S.E_FOREIGN_REPLY,
)
_FAMILIES = (redirects.SCENARIOS, sizes.SCENARIOS, replies.SCENARIOS)


def _again(operation: Operation) -> tuple[Scenario, ...]:
    return tuple(
        replace(row, name=f"{operation}: {row.name}", operation=operation)
        for rows in _FAMILIES
        for row in rows
        if row.expect in _SAME and row.asked is not None
    )


SCENARIOS = (
    *DEFERRED,
    *PAGES,
    *AFTER_A_PAGE,
    *CHECKS,
    *_again("search"),
    *_again("check"),
)
