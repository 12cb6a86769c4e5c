"""What a stranger writes into a mail, and a server into a reply, never makes a document that is no JSON.

Generated and mutated replies; Python's reader judges what the library makes of them. A failure prints
the seed and the reply.
"""

from __future__ import annotations

import functools
import json
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
import tracevault as tv
from bare_server import ACCOUNT, engine, reply, serving, tenant
from core_hunts import FINDING, hunt
from json_texts import SEED, generate, mutate, text_of

REPLIES = int(os.environ.get("TRACEVAULT_JSON_DOCUMENTS", "3000")) // 100
MEMBERS = (
    "subject", "from", "from_name", "envelope_from", "to", "envelope_to", "delivery_status",
    "final_disposition", "delivery_mode", "is_quarantined", "scanned_at", "sent_at", "ts",
    "postfix_id_outbound", "message_id", "properties", "x",
)  # fmt: skip
#: What brackets, escapes, and what only looks like either are made of.
PIECES = (
    "<", ">", r"\u003c", r"\u003e", r"\u003E", r"\\u003e", r"\\u003c", r"\\", r"\"", r"\/", "a",
    "u003e", "é", r"\ud800", r"\ud83d\ude00", r"\u0000", r"\n", "@", " ", "\x7f", r"\u202e",
    "2026-11-30T10:00:00Z",
)  # fmt: skip
LINE = "2026-11-30T10:00:00.1+00:00 mx postfix/smtp[1]: 4Njp3P0STMz2c02Q: "


def string(source: random.Random) -> str:
    return '"' + "".join(source.choices(PIECES, k=source.randrange(6))) + '"'


def value(source: random.Random) -> str:
    kind = source.randrange(3)
    if kind == 0:
        return generate(source, 4)
    return string(source) if kind == 1 else f"[{string(source)},{generate(source, 5)}]"


def name(source: random.Random) -> str:
    known = source.choice(MEMBERS)
    return f'"{known}"' if source.randrange(8) else f'"\\u{ord(known[0]):04x}{known[1:]}"'


def item(source: random.Random, number: int, message_id: str) -> str:
    """A found message; what stands last counts."""
    members = [f"{name(source)}:{value(source)}" for _ in range(source.randrange(6))]
    members += [f'"postfix_id":"m{number}"', f'"message_id":{message_id}']
    return "{" + ",".join(members) + "}"


def envelope(result: str, rest: str = "") -> bytes:
    return f'{{"success":true,"errors":[],"messages":[],"result":{result}{rest}}}'.encode()


def page(source: random.Random, ids: list[str]) -> bytes:
    items = ",".join(item(source, *one) for one in enumerate(ids))
    info = source.choice(('{"count":1}', "null", f'{{"cursor":{value(source)}}}', value(source)))
    return envelope(f"[{items}]", f',"result_info":{info}')


def bare(message_id: str) -> str:
    """The id as the document is to have it: without brackets, where it has both."""
    text = text_of(json.loads(message_id))
    return text[1:-1] if len(text) > 1 and text[0] == "<" and text[-1] == ">" else text


def trace(source: random.Random) -> bytes:
    said = f"to=<b@x>, relay=m.x[192.0.2.1]:25, dsn=2.0.0, status=sent (250 {string(source)[1:-1]})"
    lines = (
        f'{{"lineno":{number},"message":{text},"x":{value(source)}}}'
        for number, text in enumerate((f'"{LINE}{said}"', string(source)))
    )
    side = f'{{"pending":false,"lines":[{",".join(lines)}]}}'
    return envelope(f'{{"inbound":{side},"outbound":{side}}}')


def verified(source: random.Random) -> bytes:
    status = source.choice(('"active"', '"disabled"', '"expired"', string(source)))
    members = ",".join(
        f'"{each}":{source.choice((string(source), value(source)))}'
        for each in ("id", "not_before", "expires_on")
    )
    return envelope(f'{{"status":{status},{members},{string(source)}:{value(source)}}}')


def refused(source: random.Random) -> bytes:
    reason = f'{{"code":{source.choice(("1000", value(source)))},"message":{value(source)}}}'
    return f'{{"success":false,"errors":[{reason}],"messages":[],"result":null}}'.encode()


class Replies:
    """A server that answers each kind of request with what was made for it last."""

    def __init__(self) -> None:
        self.search = self.check = self.trace = b""
        self.refuses = False

    def __call__(self, head: bytes, number: int) -> bytes:
        path = head.split(b" ", 2)[1]
        status = 400 if self.refuses else 200
        if b"/trace" in path:
            return reply(self.trace, status)
        return reply(self.search, status) if b"/investigate" in path else reply(self.check, status)


def judged(make: Callable[[], Any], sent: bytes) -> Any:
    """What the library gives, or None where it refuses the reply; all it gives can be read."""
    try:
        return make()
    except (tv.ReplyError, tv.CredentialError, tv.ServerError, tv.RequestError) as error:
        assert "cannot be read:" not in error.message, (SEED, sent, error)
        assert json.loads(json.dumps(error.to_dict())) == error.to_dict()
        return None
    except (tv.TraceVaultError, ValueError) as error:
        raise AssertionError(f"seed {SEED}: {error!r} for {sent!r}") from error


@pytest.mark.parametrize("kind", ["generated", "mutated"])
def test_a_search_is_json_and_tells_each_message_id_whatever_is_in_it(kind: str) -> None:
    source = random.Random(f"{SEED} search {kind}")
    replies, read = Replies(), 0
    with serving(replies) as server, engine(server.origin) as asking:
        acme = tenant(server.origin)
        for _ in range(REPLIES):
            ids = [string(source) for _ in range(100)]
            replies.search = page(source, ids)
            if kind == "mutated":
                replies.search = mutate(source, replies.search)
            found = judged(
                lambda: asking.search(acme, ACCOUNT, subject="x", limit=100), replies.search
            )
            if found is None:
                continue
            read += 1
            whole = judged(found.to_dict, replies.search)
            assert len(whole["messages"]) == len(found.messages)
            if kind == "generated":
                told = [message.message_id for message in found]
                assert told == [bare(one) for one in ids], (SEED, replies.search)
    assert read == REPLIES if kind == "generated" else read > 0


@pytest.mark.parametrize("kind", ["generated", "mutated"])
def test_a_check_is_json_whatever_is_said_of_the_credential(kind: str) -> None:
    source = random.Random(f"{SEED} check {kind}")
    replies, read = Replies(), 0
    with serving(replies) as server, engine(server.origin, retry__base_ms=1) as asking:
        acme = tenant(server.origin)
        for number in range(2 * REPLIES):
            replies.refuses = number % 4 == 3
            replies.check = (refused if replies.refuses else verified)(source)
            replies.search = page(source, [string(source)])
            if kind == "mutated":
                replies.check = mutate(source, replies.check)
            access = number % 2 == 0
            found = judged(
                functools.partial(asking.check, acme, ACCOUNT, access=access), replies.check
            )
            read += found is not None and bool(found.to_dict())
    assert read > REPLIES if kind == "generated" else read > 0


def test_each_finding_of_a_hunt_is_json_with_its_message_and_its_trace() -> None:
    source = random.Random(f"{SEED} findings")
    replies = Replies()

    def answer(head: bytes, number: int) -> bytes:
        # Each copy has a trace of its own; some are refused, in words of the server.
        if b"/trace" in head.split(b"\r\n")[0]:
            replies.refuses = number % 5 == 0
            replies.trace = (refused if replies.refuses else trace)(source)
        else:
            replies.refuses = False
        return replies(head, number)

    with serving(answer) as server, engine(server.origin, retry__base_ms=1) as asking:
        acme = tenant(server.origin)
        for _ in range(max(1, REPLIES // 10)):
            ids = [r'"<abc\\u003e"', *(string(source) for _ in range(29))]
            replies.search = page(source, ids)
            told = [
                one for one in hunt(asking, [acme], subject="x", window=1) if one.kind == FINDING
            ]
            found = [one.document["message"] for one in told if one.document["message"]]
            assert [each["message_id"] for each in found] == [bare(one) for one in ids]
            assert any(one.document["trace"] for one in told), (SEED, told[0])


def test_a_mail_that_only_looks_like_escaped_brackets_hides_no_other() -> None:
    ids = [r'"<one@x>"', r'"<abc\\u003e"', r'"\u003cabc\\u003e"', r'"\u003cd@x\u003E"']
    source = random.Random(SEED)
    replies = Replies()
    replies.search = page(source, ids)
    with serving(replies) as server, engine(server.origin) as asking:
        found = asking.search(tenant(server.origin), ACCOUNT, subject="x")
    assert [one.message_id for one in found] == ["one@x", "<abc\\u003e", "<abc\\u003e", "d@x"]
