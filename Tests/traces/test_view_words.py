"""The views `ecs` and `ocsf` say what a line says and no more, and invent no address and no time."""

import random
import re

import pytest
from row_schemas import OCSF, TO, decoded, judged, line, only, reply

# ---- What a line says -------------------------------------------------------------------------


def test_a_delivery_says_who_where_and_what_was_answered() -> None:
    ecs, ocsf = only(
        reply(
            [], [line(f"postfix/smtp[9]: 4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (250 Ok)")]
        )
    )
    assert ocsf["to"] == ocsf["email"]["to"] == ["b@example.net"]
    assert ocsf["dst_endpoint"] == {"hostname": "mx.example.net", "ip": "198.51.100.7", "port": 25}
    assert (ocsf["status_id"], ocsf["status"], ocsf["severity_id"]) == (1, "Success", 1)
    assert (ocsf["status_code"], ocsf["status_detail"]) == ("2.0.0", "250 Ok")
    assert ocsf["message"] == (
        "Accepted by the next hop, for b@example.net, next hop mx.example.net"
    )
    assert (ocsf["direction_id"], ocsf["unmapped"]["cloudflare"]["block"]) == (2, "outbound")
    assert ocsf["unmapped"]["postfix"]["delay_s"] == 1.2
    assert {item["value"]: item["type_id"] for item in ocsf["observables"]} == {
        "b@example.net": 5,
        "mx.example.net": 1,
        "198.51.100.7": 2,
    }
    event, mail = ecs["event"], ecs["email"]
    assert (event["action"], event["outcome"], event["code"]) == ("delivered", "success", "2.0.0")
    assert (event["reason"], event["duration"]) == ("250 Ok", 1_200_000_000)
    assert mail["to"] == {"address": ["b@example.net"]}
    assert mail["delivery_timestamp"] == ecs["@timestamp"] == "2026-11-23T04:33:50Z"
    assert ecs["process"] == {"name": "smtp", "pid": 9}
    assert ecs["related"] == {
        "ip": ["198.51.100.7"],
        "hosts": ["mx.example.net"],
        "user": ["b@example.net"],
    }


@pytest.mark.parametrize(
    ("text", "action", "outcome", "status", "severity"),
    [
        (f"4Njp3P0STMz2c02Q: {TO}, dsn=4.4.1, status=deferred (x)", "deferred", "unknown", 99, 1),
        (f"4Njp3P0STMz2c02Q: {TO}, dsn=5.1.1, status=SOFTBOUNCE (x)", "deferred", "unknown", 99, 1),
        (f"4Njp3P0STMz2c02Q: {TO}, dsn=5.1.1, status=bounced (x)", "bounced", "failure", 2, 2),
        (
            f"4Njp3P0STMz2c02Q: {TO}, dsn=2.1.5, status=deliverable (x)",
            "deliverable",
            "unknown",
            99,
            1,
        ),
        (
            "4Njp3P0STMz2c02Q: from=<a@b.example>, status=expired, returned to sender",
            "expired",
            "failure",
            2,
            2,
        ),
        (
            "NOQUEUE: reject: RCPT from h[192.0.2.1]: 550 5.1.1 <x@y.example>: no; "
            "from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<mail.b.example>",
            "rejected",
            "failure",
            2,
            2,
        ),
        (
            "4Njp3P0STMz2c02Q: hold: header Subject: Urgent from h[192.0.2.1]; from=<a@b.example>"
            " to=<x@y.example> proto=ESMTP helo=<h>: suspicious",
            "held",
            "unknown",
            99,
            1,
        ),
        (
            "4Njp3P0STMz2c02Q: warning: header X: y from h[192.0.2.1]; from=<a@b.example>"
            " to=<x@y.example> proto=ESMTP helo=<h>",
            "content",
            None,
            None,
            1,
        ),
        ("4Njp3P0STMz2c02Q: removed", "removed", None, None, 1),
    ],
)
def test_an_outcome_is_what_the_line_says_and_no_more(
    text: str, action: str, outcome: str | None, status: int | None, severity: int
) -> None:
    seen = line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)", 2)
    ecs, ocsf = judged(decoded(reply([line(text), seen], [])))
    assert ecs[0]["event"]["action"] == action
    assert ecs[0]["event"].get("outcome") == outcome
    assert ocsf[0].get("status_id") == status
    assert ocsf[0]["severity_id"] == severity


def test_a_rejection_tells_the_client_and_what_it_called_itself() -> None:
    ecs, ocsf = only(
        reply(
            [
                line(
                    "postfix/smtpd[7]: NOQUEUE: reject: RCPT from mail.b.example[192.0.2.1]: 554 "
                    "5.7.1 <x@y.example>: Access denied; from=<a@b.example> to=<x@y.example> "
                    "proto=ESMTP helo=<mail.b.example>"
                )
            ],
            [],
        )
    )
    assert ocsf["src_endpoint"] == {"hostname": "mail.b.example", "ip": "192.0.2.1"}
    assert (ocsf["command"], ocsf["protocol_name"]) == ("EHLO mail.b.example", "SMTP")
    assert (ocsf["from"], ocsf["to"]) == ("a@b.example", ["x@y.example"])
    assert ocsf["status_code"] == "5.7.1"
    assert ecs["source"]["ip"] == "192.0.2.1"
    assert ecs["email"]["sender"] == {"address": "a@b.example"}


def test_a_header_check_gives_the_subject() -> None:
    ecs, ocsf = only(
        reply(
            [
                line(
                    "4Njp3P0STMz2c02Q: warning: header Subject: =?utf-8?q?R=C3=A9?= now from "
                    "h[192.0.2.1]; from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<h>"
                )
            ],
            [],
        )
    )
    assert ecs["email"]["subject"] == ocsf["email"]["subject"] == "=?utf-8?q?R=C3=A9?= now"


def test_tls_lines_say_what_was_negotiated() -> None:
    ecs, _ = judged(
        decoded(
            reply(
                [
                    line(
                        "postfix/smtp[1]: Trusted TLS connection established to mx.example.net"
                        "[198.51.100.7]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 "
                        "bits) key-exchange X25519MLKEM768"
                    )
                ],
                [],
            )
        )
    )
    assert ecs[0]["tls"] == {
        "established": True,
        "version_protocol": "tls",
        "version": "1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
    }


# ---- Addresses --------------------------------------------------------------------------------

REFUSED = [
    "",
    "postmaster",
    '"a b"@example.net',
    '"a\\"b"@example.net',
    "grüße@example.net",
    "a@例え.example",
    "a@localhost",
    "a@.example",
    "a@example.",
    "@example.net",
    "a b@example.net",
    "a@b@example.net",
    "a(c)@example.net",
    "a" * 400 + "@example.net",
]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_ocsf_refuses_is_kept_unmapped_and_none_is_invented(address: str) -> None:
    text = f"4Njp3P0STMz2c02Q: from=<{address}>, size=10, nrcpt=1 (queue active)"
    alone = decoded(reply([line(text)], []))
    assert len(alone.ocsf()) == 0
    assert [(one.code, one.count, one.path) for one in alone.skipped("ocsf")] == [
        ("line_without_address", 1, "/result/inbound/lines/0")
    ]
    assert alone.skipped("ecs") == ()
    sender = alone.ecs()[0]["email"].get("sender")
    assert sender == ({"address": address} if address else None)
    known = line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)", 2)
    _, ocsf = judged(decoded(reply([line(text)], [known])))
    assert "from" not in ocsf[0] and "from" not in ocsf[0]["email"]
    assert ocsf[0]["email"]["to"] == ["b@example.net"] and "to" not in ocsf[0]
    assert ocsf[0]["unmapped"]["postfix"]["from"] == address
    assert ocsf[0]["unmapped"]["cloudflare"]["addresses_of_the_trace"] is True


def test_an_address_is_taken_exactly_when_the_schema_takes_it() -> None:
    schema = OCSF.schema
    assert isinstance(schema, dict)
    pattern = schema["properties"]["from"]["pattern"]
    made = random.Random(7)
    alphabet = [chr(code) for code in range(33, 127) if chr(code) not in '<>"\\'] + ["é", ".", "@"]
    seen = {True: 0, False: 0}
    for _ in range(40):
        addresses = []
        for _ in range(50):
            text = "".join(made.choices(alphabet, k=made.randrange(1, 6)))
            tail = "".join(made.choices("aZ9-._@", k=made.randrange(1, 6)))
            addresses.append(made.choice((f"{text}@{tail}", f"{text}@{tail}.b", f"{text}{tail}")))
        lines = [
            line(f"4Njp3P0STMz2c02Q: from=<{one}>, size=1, nrcpt=1 (queue active)", number)
            for number, one in enumerate(addresses)
        ]
        known = line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)")
        for one, event in zip(addresses, decoded(reply(lines, [known])).ocsf(), strict=False):
            fits = re.search(pattern, one) is not None
            assert (event.get("from") == one) == fits, one
            seen[fits] += 1
    assert min(seen.values()) > 150


def test_many_recipients_stand_in_for_those_a_line_does_not_name() -> None:
    lines = [line("connect from h[192.0.2.1]")] + [
        line(
            f"4Njp3P0STMz2c02Q: to=<r{number}@example.net>, relay=none, delay=1, "
            f"delays=0/0/0/1, dsn=4.0.0, status=deferred (x)",
            number,
        )
        for number in range(2, 42)
    ]
    event = judged(decoded(reply(lines, [])))[1][0]
    assert event["email"]["to"] == [f"r{number}@example.net" for number in range(2, 18)]


def test_ends_of_connections_are_only_what_typed_fields_take() -> None:
    for peer, expected in (
        ("unknown[192.0.2.1]", {"ip": "192.0.2.1"}),
        ("unknown[unknown]", None),
        ("h.example[2001:db8::1]", {"hostname": "h.example", "ip": "2001:db8::1"}),
        ("h.example[unknown]", {"hostname": "h.example"}),
        ("127.0.0.1[127.0.0.1]:99", {"ip": "127.0.0.1", "port": 99}),
        ("h.example[999.1.1.1]", {"hostname": "h.example"}),
        ("h<x>.example[192.0.2.1]:99999", {"ip": "192.0.2.1"}),
        (
            "unknown.example[::ffff:192.0.2.1]",
            {"hostname": "unknown.example", "ip": "::ffff:192.0.2.1"},
        ),
    ):
        known = line(f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)", 2)
        ecs, ocsf = judged(decoded(reply([line(f"connect from {peer}")], [known])))
        assert ocsf[0].get("src_endpoint") == expected, peer
        assert ("source" in ecs[0]) == (expected is not None)


# ---- Times ------------------------------------------------------------------------------------


def test_a_line_without_a_time_has_a_neighbours_and_says_so() -> None:
    text = f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)"
    lines = [
        line(text, 1, None),
        line(text, 2, "2026-11-23T04:33:50.123456789123Z"),
        line(text, 3, "yesterday"),
    ]
    ecs, ocsf = judged(decoded(reply(lines, [line(text, 1, None)])))
    assert {event["time"] for event in ocsf} == {1795408430123}
    assert [event["@timestamp"] for event in ecs] == ["2026-11-23T04:33:50.123Z"] * 4
    marks = [event["unmapped"]["cloudflare"].get("time_of_another_line") for event in ocsf]
    assert marks == [True, None, True, True]
    assert [event["metadata"].get("original_time") for event in ocsf] == [
        None,
        "2026-11-23T04:33:50.123456789123Z",
        "yesterday",
        None,
    ]


def test_without_any_time_nothing_is_dated_and_all_is_counted() -> None:
    text = f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)"
    trace = decoded(reply([line(text, 1, None)] * 2, [line(text, 1, "soon")]))
    assert trace.ecs() == trace.ocsf() == []
    for skipped in (trace.skipped("ecs"), trace.skipped("ocsf")):
        assert [(one.code, one.count) for one in skipped] == [("line_without_time", 3)]


@pytest.mark.parametrize(
    ("at", "milliseconds", "stamp"),
    [
        ("1998-01-01T00:00:00.5Z", 883612800500, "1998-01-01T00:00:00.5Z"),
        ("2016-12-31T23:59:60Z", 1483228800000, "2017-01-01T00:00:00.000Z"),
        ("2026-11-23T05:33:50.5+01:00", 1795408430500, "2026-11-23T04:33:50.5Z"),
        ("9999-12-31T23:59:59.999999999Z", 253402300799999, "9999-12-31T23:59:59.999999999Z"),
        ("9999-12-31T23:59:60Z", 253402300799999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_the_same_instant_in_milliseconds(at: str, milliseconds: int, stamp: str) -> None:
    text = f"4Njp3P0STMz2c02Q: {TO}, dsn=2.0.0, status=sent (ok)"
    ecs, ocsf = only(reply([line(text, 1, at)], []))
    assert (ocsf["time"], ocsf["time_dt"], ecs["@timestamp"]) == (milliseconds, stamp, stamp)
    assert ocsf["metadata"]["original_time"] == at
