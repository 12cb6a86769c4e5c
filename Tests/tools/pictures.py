"""pictures: traces that a picture has to cope with, made from replies as Cloudflare would send them.

Ten that differ in what happened, and the hard ones: strangers' text in every place, addresses as
long as they may be, 500 lines, writing from right to left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import tracevault as tv

GOLDEN = Path(__file__).resolve().parents[1] / "data/golden/trace"
BEGIN = datetime(2026, 11, 20, 9, 0, tzinfo=timezone.utc)
#: What a sender may write, and what it would do to a careless page or terminal.
HOSTILE = (
    "</script><script>alert(1)</script>",
    "</title></style><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)' x='",
    "<svg/onload=alert(5)>",
    "javascript:alert(6)",
    "<a href=javascript:alert(7)>here</a>",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'>",
    "<base href=http://192.0.2.1/><link rel=stylesheet href=//192.0.2.1/a.css>",
    "<style>*{background:url(http://192.0.2.1/b)}</style>",
    "}</style><body onload=alert(8)>",
    "]]><!--<plaintext>",
    "&lt;b&gt;&#x3c;script&#62;&amp;",
    "\x1b]8;;http://192.0.2.1/\x1b\\here\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[31m\x9b1m\x07\x00\x7f",
    "[bold red]markup[/] :bomb: [link=http://192.0.2.1/]x[/link]",
    "invoice\u202egpj.exe \u2066a\u2069 \u200bzero\u200d\ufeff \U000e0041",
    "e" + "\u0301" * 60,
    "\u3164\u2800\u00ad\u00a0\u2028\u2029",
    "{{7*7}} ${7*7} %s %n",
)
HEBREW = "חשבונית 12345 (דחוף!) מאת הנהלת החשבונות"
ARABIC = "فاتورة رقم 42 - عاجل"


def reply(
    inbound: Iterable[str],
    outbound: Iterable[str] = (),
    *,
    step: float = 1.0,
    pending: bool = False,
) -> bytes:
    """A reply with one line after the other, `step` seconds apart; no times when it is 0."""
    clock = [BEGIN]

    def lines(texts: Iterable[str]) -> Iterator[dict[str, object]]:
        for number, text in enumerate(texts, 1):
            clock[0] += timedelta(seconds=step)
            at = clock[0].isoformat(timespec="milliseconds").replace("+00:00", "Z")
            yield {"lineno": number, "message": text, **({"logged_at": at} if step else {})}

    result = {
        "inbound": {"lines": list(lines(inbound)), "pending": False},
        "outbound": {"lines": list(lines(outbound)), "pending": pending},
    }
    return json.dumps({"success": True, "errors": [], "messages": [], "result": result}).encode()


def decoded(body: bytes) -> tv.Trace:
    return tv.decode(body, views=("spans",))


def golden(name: str) -> tv.Trace:
    return decoded((GOLDEN / f"{name}.reply.json").read_bytes())


def queue(id_: str, sender: str, recipients: int) -> list[str]:
    """The lines with which a hop takes a message in."""
    return [
        f"postfix/smtpd[7]: {id_}: client=mail.supplier.example[203.0.113.9]",
        f"postfix/cleanup[8]: {id_}: message-id=<{id_}@supplier.example>",
        f"postfix/qmgr[9]: {id_}: from=<{sender}>, size=48213, nrcpt={recipients} (queue active)",
    ]


def sent(id_: str, to: str, reply_text: str = "250 2.0.0 Ok: queued as 0F5383DA1") -> str:
    return (
        f"postfix/smtp[10]: {id_}: to=<{to}>, relay=mx.acme.example[198.51.100.7]:25, "
        f"delay=3.4, delays=0.06/0.01/1.2/2.1, dsn=2.0.0, status=sent ({reply_text})"
    )


def hostile(texts: Sequence[str] = HOSTILE) -> tv.Trace:
    """Every hostile text as subject, name, address, reply, and as a line of its own."""
    id_ = "4Njp3P0STMz2c02Q"
    lines = queue(id_, "a@supplier.example", len(texts))
    for number, text in enumerate(texts):
        lines += [
            text,
            f"postfix/cleanup[8]: {id_}: info: header Subject: {text} from x[203.0.113.9]; "
            f"from=<a@supplier.example> to=<b@acme.example> proto=ESMTP helo=<{text}>",
            sent(id_, f'"{number}{text}"@acme.example', f"250 {text}"),
            f"postfix/smtpd[7]: NOQUEUE: reject: RCPT from {text}[203.0.113.9]: 550 5.7.1 <{text}>: "
            f"{text}; from=<{text}@evil.example> to=<{number}@acme.example> proto=ESMTP helo=<x>",
        ]
    return decoded(reply(lines))


def long_addresses() -> tv.Trace:
    """Addresses, names and ids as long as they may be, without a place to break them."""
    id_ = "4Njp3P0STMz2c02Q"
    domain = ".".join(("d" * 63, "e" * 63, "f" * 60, "example"))
    to = [f"{letter * 64}@{domain}" for letter in "abc"]
    lines = queue(id_, f"{'s' * 64}@{domain}", len(to))
    lines += [sent(id_, one, f"250 2.0.0 Ok: queued as {'9' * 40}") for one in to]
    return decoded(reply(lines))


def many_lines(count: int = 500) -> tv.Trace:
    """A long trace: one try after the other for four days."""
    id_ = "4Njp3P0STMz2c02Q"
    lines = queue(id_, "a@supplier.example", 1)
    for number in range(count - len(lines)):
        waited = 600 * (number + 1)
        lines.append(
            f"postfix/smtp[10]: {id_}: to=<b@acme.example>, relay=mx.acme.example[198.51.100.7]:25, "
            f"delay={waited}, delays={waited - 1}/0.01/0.5/0.4, dsn=4.7.1, status=deferred (host "
            "mx.acme.example[198.51.100.7] said: 451 4.7.1 Greylisted (in reply to RCPT TO command))"
        )
    return decoded(reply(lines, step=600, pending=True))


def many_recipients() -> tv.Trace:
    """Sixty recipients: fifty of one transaction, ten alone."""
    id_ = "4Njp3P0STMz2c02Q"
    lines = queue(id_, "a@supplier.example", 60)
    together = reply([*lines, *(sent(id_, f"p{n}@acme.example") for n in range(60))])
    document = json.loads(together)
    for line in document["result"]["inbound"]["lines"][3:53]:
        line["logged_at"] = "2026-11-20T09:00:10.000Z"
    return decoded(json.dumps(document).encode())


def right_to_left() -> tv.Trace:
    """Subjects, names and replies in Hebrew and Arabic, beside numbers and marks."""
    id_ = "4Njp3P0STMz2c02Q"
    lines = [
        *queue(id_, "a@supplier.example", 1),
        f"postfix/cleanup[8]: {id_}: info: header Subject: {HEBREW} from x[203.0.113.9]; "
        f"from=<משה@דוגמה.example> to=<سارة@acme.example> proto=ESMTP helo=<דוגמה.example>",
        sent(id_, "سارة@acme.example", f"250 2.0.0 {ARABIC} (7): queued as 0F5383DA1"),
    ]
    return decoded(reply(lines))


def last_look_failed() -> tv.Trace:
    """A trace that was growing when the last look at it was refused, in a stranger's words."""
    document = golden("summary_pending").to_dict()
    document["error"] = {
        "status": "TV_E_SERVER",
        "message": f"the server said: {HOSTILE[0]} {HOSTILE[13]} {HOSTILE[16]}",
        "retriable": True,
        "retry_after_ms": 30_000,
        "http_status": 503,
        "codes": [7],
    }
    document["warnings"] = [{"code": "last_look_failed", "count": 1, "path": ""}]
    return tv.Trace.from_json(document)


def without_times() -> tv.Trace:
    id_ = "4Njp3P0STMz2c02Q"
    lines = [*queue(id_, "a@supplier.example", 1), sent(id_, "b@acme.example")]
    return decoded(reply(lines, step=0))


def pictures() -> dict[str, tv.Trace]:
    """Ten traces that differ in what happened."""
    names = (
        "summary_two_hops",
        "summary_mixed",
        "summary_on_its_way",
        "summary_pending",
        "real_delivered",
        "real_deferred_then_sent",
        "real_bounced",
        "real_rejected",
        "real_alias",
    )
    return {**{name: golden(name) for name in names}, "without_times": without_times()}


def hard_pictures() -> dict[str, tv.Trace]:
    """What a picture may break on."""
    return {
        "events_hostile": golden("events_hostile"),
        "events_escapes": golden("events_escapes"),
        "time_shapes": golden("time_shapes"),
        "hostile": hostile(),
        "last_look_failed": last_look_failed(),
        "long_addresses": long_addresses(),
        "many_lines": many_lines(),
        "many_recipients": many_recipients(),
        "right_to_left": right_to_left(),
    }
