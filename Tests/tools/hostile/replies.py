"""replies: whole HTTP replies whose status, waiting time or content is not what was asked for."""

from __future__ import annotations

import json
import re

from tracevault import Status

from .scenario import BODY, SHORT, Play, Scenario, answering, reply, says, trace
from .stage import Peer

S = Status
OK, SHAPE, DEPTH = S.OK, S.E_REPLY_SHAPE, S.E_REPLY_DEPTH
HTML = b"<!DOCTYPE html><html><body>Attention Required! | Cloudflare</body></html>"
PAGE = "content-type: text/html; charset=UTF-8"
BLOCK = {"lines": [], "pending": False}
FOREIGN = b'{"success":false,"message":"Not Found"}'
#: Of RFC 9457, as Cloudflare's edge writes them.
PROBLEM = b"""{"type":"https://developers.cloudflare.com/support/error-1015/","title":"Error 1015",
"status":403,"error_code":1015,"retryable":true,"retry_after":1}"""


def result(value: object) -> bytes:
    return json.dumps({"success": True, "errors": [], "result": value}).encode()


def refusal(*errors: object, success: object = False) -> bytes:
    return json.dumps({"success": success, "errors": errors, "result": None}).encode()


def _refuses(status: int, wait: str, name: str = "retry-after") -> Play:
    return says(reply(b"", status, f"{name}: {wait}"))


# ---- Waiting times ---------------------------------------------------------------------------

#: Nonsense is not waited for; what is too long for the deadline is told at once.
_NONSENSE = (
    "-1",
    "NaN",
    "inf",
    "0x10",
    "soon",
    "",
    "1e400",
    "--",
    "1 2",
    "Mon, 99 Foo 2020",
    "1e9",
    "1.79e308",
)
_LONG = ("9" * 20, "86400", "9" * 400, "86400.5", "Fri, 31 Dec 9999 23:59:59 GMT")

WAITS = (
    *(
        Scenario(f"429, Retry-After {w[:30]!r}", _refuses(429, w), S.E_RATE_LIMITED, asked=1)
        for w in (*_NONSENSE, *_LONG)
    ),
    *(
        Scenario(f"503, Retry-After {w[:30]!r}", _refuses(503, w), S.E_SERVER, asked=2)
        for w in _NONSENSE
    ),
    *(
        Scenario(f"503, Retry-After {w[:30]!r}", _refuses(503, w), S.E_SERVER, asked=1)
        for w in _LONG
    ),
    Scenario("429 without a time", says(reply(b"", 429)), S.E_RATE_LIMITED, asked=1),
    Scenario(
        "429 at once, again and again",
        _refuses(429, "0"),
        (S.E_RATE_LIMITED, S.E_DEADLINE),
        timeout=2.5,
    ),
    Scenario(
        "429 with two times",
        says(reply(b"", 429, "retry-after: 0", "retry-after: 9999")),
        S.E_RATE_LIMITED,
        timeout=SHORT,
    ),
    Scenario("429 with a long body", says(reply(b" " * 4_000_000, 429)), S.E_RATE_LIMITED, asked=1),
    Scenario(
        "503 in a million milliseconds",
        _refuses(503, "1000000", "retry-after-ms"),
        S.E_SERVER,
        asked=1,
    ),
    Scenario(
        "503 never again", says(reply(b"", 503, "x-should-retry: false")), S.E_SERVER, asked=1
    ),
    Scenario(
        "404 once more",
        says(reply(refusal({"code": 1, "message": "x"}), 404, "x-should-retry: true")),
        S.E_NO_MESSAGE,
        asked=2,
    ),
    Scenario(
        "503 with a wait in the body",
        says(reply(b'{"status":503,"title":"x","retry_after":99999999999999999999}', 503)),
        S.E_SERVER,
        asked=2,
    ),
)

# ---- Statuses --------------------------------------------------------------------------------

STATUSES = (
    Scenario("201", says(reply(BODY, 201)), S.E_HTTP, asked=1),
    Scenario("202", says(reply(b"", 202)), S.E_REPLY_DEFERRED, asked=1),
    Scenario("203", says(reply(BODY, 203)), S.E_HTTP, asked=1),
    Scenario("204", says(b"HTTP/1.1 204 No Content\r\n\r\n"), S.E_REPLY_EMPTY, asked=1),
    Scenario("205", says(reply(b"", 205)), S.E_REPLY_EMPTY, asked=1),
    Scenario(
        "206",
        says(reply(BODY[:40], 206, "content-range: bytes 0-39/200")),
        S.E_FOREIGN_REPLY,
        asked=1,
    ),
    Scenario("304", says(b"HTTP/1.1 304 Not Modified\r\n\r\n"), S.E_REDIRECT, asked=1),
    # Nobody's verdict: only the API's own envelope is one.
    *(
        Scenario(
            f"{code} with {kind}",
            says(reply(body, code)),
            S.E_FOREIGN_REPLY,
            asked=1,
            tells=f"not the API's (HTTP {code})",
        )
        for code in (400, 401, 403, 404, 405, 410, 418, 451, 511, 600, 999)
        for kind, body in (("nothing", b""), ("a page", HTML), ("foreign JSON", FOREIGN))
    ),
    *(
        Scenario(f"{code} of the API", says(reply(refusal({"code": 1}), code)), end, asked=1)
        for code, end in (
            (400, S.E_HTTP),
            (401, S.E_CREDENTIAL),
            (403, S.E_FORBIDDEN),
            (404, S.E_NO_MESSAGE),
            (405, S.E_HTTP),
            (451, S.E_HTTP),
        )
    ),
    *(
        Scenario(
            f"{code} that calls itself retryable",
            says(reply(PROBLEM, code)),
            end,
            asked=2,
            tells="try again later",
        )
        for code, end in ((403, S.E_FORBIDDEN), (409, S.E_HTTP), (404, S.E_HTTP))
    ),
    Scenario(
        "403 about the credential",
        says(reply(refusal({"code": 9109, "message": "x"}), 403)),
        S.E_CREDENTIAL,
        asked=1,
    ),
    Scenario(
        "404 of the path",
        says(reply(refusal({"code": 7003, "message": "x"}), 404)),
        S.E_HTTP,
        asked=1,
    ),
    Scenario("500", says(reply(b"", 500)), S.E_SERVER, asked=2),
    Scenario("501", says(reply(b"", 501)), S.E_SERVER, asked=1),
    Scenario("502 with a page", says(reply(HTML, 502, PAGE)), S.E_SERVER, asked=2),
    Scenario("504 with a page", says(reply(HTML, 504, PAGE)), S.E_SERVER, asked=2),
    Scenario("520", says(reply(HTML, 520, PAGE)), S.E_SERVER, asked=2),
    Scenario("529", says(reply(b"", 529)), S.E_SERVER, asked=2, tells="try again later"),
    Scenario("530", says(reply(HTML, 530, PAGE)), S.E_SERVER, asked=2, tells="Attention Required!"),
    Scenario("599", says(reply(b"", 599)), S.E_SERVER, asked=1),
)

# ---- Content ---------------------------------------------------------------------------------

_MANY = 100_000

CONTENT = (
    Scenario(
        "a page",
        says(reply(HTML, 200, PAGE)),
        S.E_FOREIGN_REPLY,
        asked=1,
        tells='begins: "Attention Required! | Cloudflare"',
    ),
    Scenario(
        "a page called JSON",
        says(reply(HTML, 200, "content-type: application/json")),
        S.E_FOREIGN_REPLY,
        asked=1,
    ),
    Scenario("JSON called a page", says(reply(BODY, 200, PAGE)), OK, asked=1),
    Scenario(
        "JSON called an image", says(reply(BODY, 200, "content-type: image/png")), OK, asked=1
    ),
    Scenario("plain text", says(reply(b"upstream connect error")), S.E_FOREIGN_REPLY, asked=1),
    Scenario("no content", says(reply(b"")), S.E_REPLY_EMPTY, asked=1),
    Scenario("white space", says(reply(b" \r\n\t")), S.E_REPLY_EMPTY, asked=1),
    Scenario("a document cut off", says(reply(BODY[:-30])), S.E_REPLY_TRUNCATED, asked=1),
    Scenario("two documents", says(reply(BODY + BODY)), S.E_NOT_JSON, asked=1),
    Scenario("null", says(reply(b"null")), S.E_FOREIGN_REPLY, asked=1),
    Scenario("a list", says(reply(b"[]")), S.E_FOREIGN_REPLY, asked=1),
    Scenario("a number", says(reply(b"1")), S.E_FOREIGN_REPLY, asked=1),
    Scenario("no result", says(reply(b"{}")), S.E_FOREIGN_REPLY, asked=1),
    Scenario("a result of null", says(reply(result(None))), SHAPE, asked=1),
    Scenario("a result of text", says(reply(result("x"))), SHAPE, asked=1),
    Scenario("a result of a list", says(reply(result([BLOCK]))), SHAPE, asked=1),
    Scenario("a side of text", says(reply(result({"inbound": "x"}))), SHAPE, asked=1),
    Scenario("lines of text", says(reply(result({"inbound": {"lines": "x"}}))), SHAPE, asked=1),
    Scenario(
        "lines of numbers",
        says(reply(result({"inbound": {"lines": [1, None, "x", []]}}))),
        OK,
        asked=1,
    ),
    Scenario(
        "a line of wrong types",
        says(reply(result({"inbound": {"lines": [{"lineno": "x", "message": {}, "ts": []}]}}))),
        OK,
    ),
    Scenario(
        "pending as text", says(reply(result({"inbound": {"lines": [], "pending": "yes"}}))), OK
    ),
    Scenario("success as text", says(reply(BODY.replace(b"true", b'"true"', 1))), OK),
    Scenario(
        "200 that refuses",
        says(reply(refusal({"code": 1001, "message": "no"}))),
        S.E_REPLY_REFUSED,
        asked=1,
    ),
    Scenario(
        "200 that refuses without a reason", says(reply(refusal())), S.E_REPLY_REFUSED, asked=1
    ),
    Scenario(
        "200 with errors only",
        says(reply(b'{"errors":[{"code":1001,"message":"no"}]}')),
        S.E_REPLY_REFUSED,
        asked=1,
    ),
    Scenario(
        "200 with errors and a result", says(reply(BODY.replace(b"[]", b'[{"code":1}]', 1))), OK
    ),
    Scenario(
        "success and no result but errors",
        says(reply(refusal({"code": 1}, success=True))),
        SHAPE,
        asked=1,
    ),
    Scenario(
        "errors of wrong types",
        says(reply(refusal(1, "x", None, [], {"code": "x", "message": 1}))),
        S.E_FOREIGN_REPLY,
    ),
    Scenario(
        "a code of 20 digits",
        says(reply(b'{"success":false,"errors":[{"code":99999999999999999999}]}')),
        S.E_REPLY_REFUSED,
    ),
    Scenario(
        "a message of a megabyte",
        says(reply(refusal({"code": 1, "message": "x" * (1 << 20)}))),
        S.E_REPLY_REFUSED,
    ),
    Scenario(
        "control characters in a message",
        says(reply(refusal({"code": 1, "message": "\0\r\n\x1b[31mred"}))),
        S.E_REPLY_REFUSED,
    ),
    Scenario(
        "100,000 errors",
        says(reply(refusal(*[{"code": n} for n in range(_MANY)]))),
        S.E_REPLY_REFUSED,
    ),
    Scenario("100,000 lines", says(reply(trace(*["x"] * (_MANY // 2)))), OK),
    Scenario("100,000 empty lists", says(reply(result({"inbound": BLOCK, "x": [[]] * _MANY}))), OK),
    Scenario("4,000 members", says(reply(result({f"k{n}": n for n in range(4000)}))), OK),
    Scenario(
        "100,000 members", says(reply(result({f"k{n}": n for n in range(_MANY)}))), DEPTH, asked=1
    ),
    Scenario("three million values", says(reply(result({"x": [1] * 3_000_000}))), DEPTH, asked=1),
    Scenario("100,000 levels of lists", says(reply(b"[" * _MANY + b"]" * _MANY)), DEPTH, asked=1),
    Scenario(
        "100,000 levels of objects",
        says(reply(b'{"a":' * _MANY + b"1" + b"}" * _MANY)),
        DEPTH,
        asked=1,
    ),
    Scenario(
        "100,000 levels in an error", says(reply(b'{"errors":' + b"[" * _MANY, 500)), S.E_SERVER
    ),
    Scenario(
        "invalid UTF-8 in a text", says(reply(BODY.replace(b"removed", b"\xff\xfe\xc0\xaf"))), OK
    ),
    Scenario(
        "invalid UTF-8 in a name",
        says(reply(BODY.replace(b'"lines"', b'"li\xffnes"'))),
        S.E_NOT_JSON,
        asked=1,
    ),
    Scenario(
        "invalid UTF-8 outside of texts", says(reply(b"\xff" + BODY)), S.E_FOREIGN_REPLY, asked=1
    ),
    Scenario("UTF-16", says(reply(BODY.decode().encode("utf-16"))), S.E_FOREIGN_REPLY, asked=1),
    Scenario("a byte order mark", says(reply(b"\xef\xbb\xbf" + BODY)), OK),
    Scenario(
        "zero bytes", says(reply(BODY.replace(b"removed", b"re\0moved"))), S.E_NOT_JSON, asked=1
    ),
    Scenario("escaped zero bytes", says(reply(BODY.replace(b"removed", b"re\\u0000moved"))), OK),
    Scenario("lone surrogates", says(reply(BODY.replace(b"removed", b"\\ud800 \\udfff"))), OK),
    Scenario("doubled members", says(reply(b'{"success":false,' + BODY[1:])), OK),
    Scenario(
        "doubled members, the last refuses",
        says(reply(BODY[:-1] + b',"success":false}')),
        S.E_REPLY_REFUSED,
    ),
    Scenario("NaN", says(reply(BODY.replace(b": 1,", b": NaN,"))), S.E_NOT_JSON, asked=1),
    Scenario(
        "a number of 100,000 digits",
        says(reply(BODY.replace(b": 1,", b": " + b"1" * _MANY + b","))),
        OK,
    ),
    Scenario("an exponent of 999999999", says(reply(BODY.replace(b": 1,", b": 1e999999999,"))), OK),
    Scenario("a comment", says(reply(b"/* */" + BODY)), S.E_FOREIGN_REPLY, asked=1),
    Scenario(
        "a guard before the document", says(reply(b")]}'\n" + BODY)), S.E_FOREIGN_REPLY, asked=1
    ),
    Scenario(
        "a problem document",
        says(reply(PROBLEM.replace(b"true", b"false"))),
        S.E_REPLY_REFUSED,
        asked=1,
        tells="edge error 1015",
    ),
    Scenario(
        "somebody's problem document",
        says(reply(b'{"type":"about:blank","title":"x","status":200}')),
        S.E_FOREIGN_REPLY,
        asked=1,
    ),
    Scenario("a trace pending for ever", says(reply(BODY.replace(b"false", b"true"))), OK, asked=1),
)

# ---- The request given back ------------------------------------------------------------------


def secret(head: bytes) -> bytes:
    found = re.search(rb"(?i)(?:bearer|x-auth-key:) *(\S+)", head)
    return found[1] if found else b"no secret was sent"


def _repeats(status: int) -> Play:
    """Gives the whole request back, in every place where the library looks."""

    def answer(peer: Peer, head: bytes) -> None:
        sent = secret(head).decode()
        errors = [{"code": 6111, "message": f"bad header {sent} {sent}"}]
        body = json.dumps({"success": False, "errors": errors, "result": None, "head": repr(head)})
        peer.send(reply(body.encode(), status, f"cf-ray: {sent}", f"retry-after: {sent}"))

    return answering(answer)


def _repeats_as_trace(peer: Peer, head: bytes) -> None:
    sent = secret(head).decode()
    peer.send(reply(trace(sent, f"x{sent}{sent}", head.decode()), 200, f"cf-ray: {sent}"))


REPEATED = (
    *(
        Scenario(
            f"{status} with the {'key' if key else 'token'} in it",
            _repeats(status),
            expect,
            key=key,
            tells="bad header",
        )
        for status, expect in (
            (200, S.E_CREDENTIAL),
            (400, S.E_CREDENTIAL),
            (401, S.E_CREDENTIAL),
            (403, S.E_CREDENTIAL),
            (404, S.E_NO_MESSAGE),
            (429, S.E_RATE_LIMITED),
            (500, S.E_SERVER),
        )
        for key in (False, True)
    ),
    Scenario("a trace with the token in it", answering(_repeats_as_trace), OK),
    Scenario("a trace with the key in it", answering(_repeats_as_trace), OK, key=True),
)

SCENARIOS = (*WAITS, *STATUSES, *CONTENT, *REPEATED)
