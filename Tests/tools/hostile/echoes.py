"""echoes: servers that give the secret of the request back, in any writing and in any place.

Whatever a host reads of such a reply, however often it decodes it, has no long part of the secret.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tracevault import Status

from .asking import check, in_turn, search
from .replies import secret
from .scenario import Scenario, answering, reply
from .stage import Peer

S = Status
#: How a secret is written inside a JSON string.
Writing = Callable[[str], str]


def _escaped(letters: str, form: str) -> str:
    return "".join(form % ord(letter) for letter in letters)


def _fourths(letters: str, form: str) -> str:
    """Every fourth letter escaped."""
    return "".join(
        _escaped(letter, form) if at % 4 == 0 else letter for at, letter in enumerate(letters)
    )


#: Behind a sign the first letters of the secret, which are hexadecimal digits, make an escape for some
#: readers; what is left for these is shorter than a part.
WRITINGS: dict[str, Writing] = {
    "as it is": lambda s: s,
    "its first letter escaped": lambda s: _escaped(s[0], "\\u%04x") + s[1:],
    "escaped, small digits": lambda s: _escaped(s, "\\u%04x"),
    "escaped, large digits": lambda s: _escaped(s, "\\u%04X"),
    "escaped, digits of both sizes": lambda s: "".join(
        _escaped(letter, "\\u%04x" if at % 2 else "\\u%04X") for at, letter in enumerate(s)
    ),
    "every fifth letter escaped": lambda s: "".join(
        _escaped(letter, "\\u%04x") if at % 5 == 0 else letter for at, letter in enumerate(s)
    ),
    "escaped for JSON in JSON": lambda s: _escaped(s, "\\\\u%04x"),
    "escaped for JSON in JSON, the backslash too": lambda s: _escaped(s, "\\u005cu%04x"),
    "as in a URL": lambda s: _escaped(s, "%%%02x"),
    "as in a URL, large digits": lambda s: _escaped(s, "%%%02X"),
    "as in a URL, and escaped": lambda s: _escaped(s, "\\u0025%02x"),
    "16 characters of it": lambda s: s[5:21],
    "16 characters of it, escaped": lambda s: _escaped(s[5:21], "\\u%04x"),
    "behind a sign of JSON, as in a URL": lambda s: "\\\\u" + s[:4] + _fourths(s[4:19], "%%%02x"),
    "behind a sign of URLs, for JSON in JSON": lambda s: (
        "%" + s[:2] + _fourths(s[2:17], "\\\\u%04x")
    ),
    "between slashes": lambda s: "\\/" + s + "\\/",
}


def _body(wrapped: object, head: bytes, writing: Writing) -> bytes:
    """JSON in which every `@@` is the secret in this writing."""
    return json.dumps(wrapped).replace("@@", writing(secret(head).decode())).encode()


_BLOCK = {"lines": [{"lineno": 1, "message": "x @@"}, {"@@": "@@"}], "pending": False, "@@": "@@"}
_TRACE = {"success": True, "errors": [], "result": {"inbound": _BLOCK, "outbound": _BLOCK}}
#: A line that the views of a trace take apart.
_LINE = (
    "Nov 29 10:00:00 mx postfix/smtp[1]: 4Njp3P0STMz2c02Q: to=<@@@a.example>, relay=@@[192.0.2.1]:25, "
    "delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as @@)"
)
_LINES = {"lines": [{"lineno": 1, "ts": "2026-11-29T10:00:00Z", "message": _LINE}]}
_DELIVERY = {"success": True, "errors": [], "result": {"inbound": _LINES, "outbound": _LINES}}
_REFUSAL = {"success": False, "errors": [{"code": 6111, "message": "bad @@"}], "result": None}
_PROBLEM = {"type": "about:blank", "status": 400, "title": "bad @@", "error_code": 1010}
_TOKEN = {"success": True, "errors": [], "result": {"id": "@@", "status": "active", "x": "@@"}}
_MESSAGE = {"id": "4Njp3P0STMz2c02Q", "subject": "@@", "from": "@@", "@@": "@@"}


def _says(wrapped: object, status: int, writing: Writing) -> Callable[[Peer, bytes], None]:
    def answer(peer: Peer, head: bytes) -> None:
        peer.send(reply(_body(wrapped, head, writing), status))

    return answer


def _page(following: str, writing: Writing) -> Callable[[int, bytes, Peer], bytes]:
    def answer(n: int, head: bytes, _: Peer) -> bytes:
        info = {"next": following if n == 1 else None}
        page = {"success": True, "errors": [], "result": [_MESSAGE], "result_info": info}
        return reply(_body(page, head, writing))

    return answer


def _linked(writing: Writing) -> Callable[[int, bytes, Peer], bytes]:
    """The next page in a header: no JSON there, so only the writings of URLs count."""

    def answer(n: int, head: bytes, _: Peer) -> bytes:
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        link = f"link: <{path}?cursor={writing(secret(head).decode())}>; rel=next"
        page = {"success": True, "errors": [], "result": [_MESSAGE]}
        return reply(json.dumps(page).encode(), 200, *([link] if n == 1 else []))

    return answer


def _rows(name: str, writing: Writing) -> tuple[Scenario, ...]:
    return (
        Scenario(f"a trace with the secret, {name}", answering(_says(_TRACE, 200, writing)), S.OK),
        Scenario(
            f"a delivery to the secret, {name}", answering(_says(_DELIVERY, 200, writing)), S.OK
        ),
        Scenario(
            f"a refusal with the secret, {name}",
            answering(_says(_REFUSAL, 403, writing)),
            S.E_CREDENTIAL,
            tells="bad",
        ),
        Scenario(
            f"a problem with the secret, {name}",
            answering(_says(_PROBLEM, 200, writing)),
            S.E_REPLY_REFUSED,
            tells="bad",
        ),
        search(f"a page with the secret, {name}", in_turn(_page("c", writing)), asked=2),
        search(f"the secret as the cursor, {name}", in_turn(_page("@@", writing))),
        search(f"the secret in the next URL, {name}", in_turn(_page("?cursor=@@", writing))),
        search(f"the secret in a link, {name}", in_turn(_linked(writing))),
        check(f"the secret as the id, {name}", answering(_says(_TOKEN, 200, writing)), asked=1),
    )


SCENARIOS = tuple(row for name, writing in WRITINGS.items() for row in _rows(name, writing))
