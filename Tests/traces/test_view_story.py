"""What a line came to, in the words of event stores: no refusal for now is one for good, no filter
a delivery."""

import pytest
from row_schemas import decoded, judged, line, only, reply

TO = "4Njp3P0STMz2c02Q: to=<b@example.net>, relay="
END = ", delay=1.2, delays=0/0/0/1.2, dsn=2.0.0, status=sent "
PAIRS = "; from=<a@b.example> to=<b@example.net> proto=ESMTP helo=<h>"
CLIENT = "from c.example[192.0.2.1]: "


@pytest.mark.parametrize(
    ("text", "action", "outcome", "status", "words"),
    [
        (
            f"smtp[1]: {TO}none{END}(example.net)",
            "discarded",
            "unknown",
            "discarded",
            "Discarded",
        ),
        (
            f"discard[1]: {TO}none{END}(example.net)",
            "discarded",
            "unknown",
            "discarded",
            "Discarded",
        ),
        (
            f"smtp[1]: {TO}127.0.0.1[127.0.0.1]:10024{END}(250 2.7.0 Ok, discarded, id=1 - INFECTED)",
            "accepted_by_filter",
            "unknown",
            "accepted by a filter",
            "Accepted by a filter, which says that it threw it away",
        ),
        (
            f"smtpd[1]: NOQUEUE: proxy-accept: END-OF-MESSAGE: 250 2.7.0 Ok, discarded, id=1{PAIRS}",
            "accepted_by_filter",
            "unknown",
            "accepted by a filter",
            "Accepted by a filter, which says that it threw it away",
        ),
        (
            f"local[1]: {TO}local{END}(delivered to file: /dev/null)",
            "discarded",
            "unknown",
            "discarded",
            "Discarded",
        ),
        (
            f"smtp[1]: {TO}none{END.replace('sent', 'deliverable')}(250 2.1.5 Ok)",
            "deliverable",
            "unknown",
            "deliverable",
            "The address was tried out and would be accepted",
        ),
        (
            f"smtp[1]: {TO}none{END.replace('sent', 'undeliverable')}(550 5.1.1 no)",
            "undeliverable",
            "unknown",
            "undeliverable",
            "The address was tried out and would be refused",
        ),
        (
            f"smtpd[1]: NOQUEUE: reject: RCPT {CLIENT}450 4.2.0 <b@example.net>: Greylisted{PAIRS}",
            "refused_for_now",
            "unknown",
            "refused for now",
            "Refused for now, the client may come again",
        ),
        (
            f"cleanup[1]: 4Njp3P0STMz2c02Q: milter-reject: END-OF-MESSAGE {CLIENT}4.7.1 no{PAIRS}",
            "refused_for_now",
            "unknown",
            "refused for now",
            "Refused for now, the client may come again",
        ),
        (
            f"cleanup[1]: 4Njp3P0STMz2c02Q: milter-reject: END-OF-MESSAGE {CLIENT}5.7.1 no{PAIRS}",
            "rejected",
            "failure",
            "Failure",
            "Rejected",
        ),
        (
            f"smtpd[1]: 4Njp3P0STMz2c02Q: hold: RCPT {CLIENT}<b@example.net>: x{PAIRS}",
            "held",
            "unknown",
            "hold",
            "Put on hold",
        ),
        (
            "qmgr[1]: 4Njp3P0STMz2c02Q: from=<a@b.example>, status=force-expired, "
            "returned to sender",
            "expired",
            "failure",
            "Failure",
            "Given up on by hand, returned to the sender",
        ),
    ],
)
def test_an_outcome_is_told_as_what_it_is(
    text: str, action: str, outcome: str, status: str, words: str
) -> None:
    ecs, ocsf = only(reply([line(f"postfix/{text}")], []))
    assert (ecs["event"]["action"], ecs["event"]["outcome"]) == (action, outcome)
    assert "delivery_timestamp" not in ecs["email"]
    assert ocsf["status"] == status and ocsf["message"].split(", for")[0] == words


def test_who_logged_in_is_a_user() -> None:
    text = f"NOQUEUE: reject: RCPT {CLIENT}554 5.7.1 <b@example.net>: no{PAIRS}"
    login = " sasl_method=PLAIN sasl_username=joe@x.example"
    ecs, ocsf = only(reply([line(f"postfix/smtpd[1]: {text}{login}")], []))
    assert ecs["user"] == {"name": "joe@x.example"}
    assert ecs["related"]["user"] == ["a@b.example", "b@example.net", "joe@x.example"]
    assert ocsf["to"] == ["b@example.net"]


@pytest.mark.parametrize("more", [" 17", " [17]", " x=y", " a later word", " sasl_later=z 17"])
def test_what_stands_behind_the_login_costs_nothing_before_it(more: str) -> None:
    text = f"NOQUEUE: reject: RCPT {CLIENT}554 5.7.1 <b@example.net>: no{PAIRS}"
    login = " sasl_method=PLAIN sasl_username=joe"
    ecs, ocsf = only(reply([line(f"postfix/smtpd[1]: {text}{login}{more}")], []))
    assert ecs["email"]["sender"]["address"] == "a@b.example"
    assert ecs["email"]["to"]["address"] == ocsf["to"] == ["b@example.net"]
    assert ecs["user"]["name"].startswith("joe")


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_dates_no_event(never: str) -> None:
    sent = f"postfix/smtp[1]: {TO}mx[192.0.2.25]:25{END}(250 ok)"
    ecs, ocsf = judged(decoded(reply([line(sent, at=never), line(sent, 2)], [])))
    assert {event["@timestamp"] for event in ecs} == {"2026-11-23T04:33:50Z"}
    assert never not in {event["email"].get("delivery_timestamp") for event in ecs}
    assert {event["time_dt"] for event in ocsf} == {"2026-11-23T04:33:50Z"}
    marks = [event["cloudflare"]["email_trace"].get("time_of_another_line") for event in ecs]
    assert marks == [True, None]


@pytest.mark.parametrize("sender", ["<>", "<joe@x.example>", "joe@x.example"])
def test_a_sender_of_another_form_costs_no_recipient(sender: str) -> None:
    text = f"NOQUEUE: reject: RCPT {CLIENT}554 5.7.1 <b@example.net>: no{PAIRS}"
    login = f" sasl_method=PLAIN sasl_username=joe sasl_sender={sender}"
    ecs, ocsf = only(reply([line(f"postfix/smtpd[1]: {text}{login}")], []))
    assert ecs["user"] == {"name": "joe"}
    assert ecs["email"]["to"]["address"] == ["b@example.net"]
    assert ocsf["to"] == ["b@example.net"]


def test_a_unix_socket_and_lmtp_are_neither_tcp_nor_smtp() -> None:
    socket = f"postfix/lmtp[1]: {TO}mail.example[private/dovecot-lmtp]{END}(250 2.0.0 ok)"
    network = only(reply([line(socket)], []))[0]["network"]
    assert network == {"direction": "inbound", "protocol": "lmtp"}
    host = f"postfix/lmtp[1]: {TO}mail.example[192.0.2.7]:24{END}(250 2.0.0 ok)"
    network = only(reply([line(host)], []))[0]["network"]
    assert (network["transport"], network["protocol"]) == ("tcp", "lmtp")
