"""test_search: search finds what its parameters say, page by page, and nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from asking import client_of, first_code, headers_of, headers_with, look, search_path_of
from launcher import Standin
from standin.mail import Mail

DAY = datetime.timedelta(days=1)
LONG_AGO = "2020-01-01T00:00:00Z"
Fits = Callable[[dict[str, Any]], bool]


def ids(server: Standin, account: int = 0, /, **filters: str | int) -> list[str]:
    response = look(server, account, per_page=1000, **filters)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["result"]]


def everything(server: Standin, account: int = 0) -> list[Mail]:
    return list(server.mail_of(server.accounts[account].id))


def expected(mail: list[Mail]) -> list[str]:
    return [one.item["id"] for one in mail]


def recent(server: Standin, account: int = 0) -> list[Mail]:
    """An account's mail of the thirty days before the newest mail of all accounts."""
    newest = max(everything(server, n)[0].scanned for n in range(len(server.accounts)))
    return [one for one in everything(server, account) if one.scanned >= newest - 30 * DAY]


def test_clean_mail_is_hidden_unless_asked_for(server: Standin) -> None:
    for account in range(len(server.accounts)):
        mail = recent(server, account)
        detected = [one for one in mail if one.detected]
        assert 0 < len(detected) < len(mail)
        account_id = server.accounts[account].id
        with client_of(server) as client:
            url = server.base_url + search_path_of(account_id)
            silent = client.get(url, headers=headers_of(server, account_id)).json()["result"]
        assert [item["id"] for item in silent] == expected(detected)[:20]
        assert ids(server, account, detections_only="true") == expected(detected)
        assert ids(server, account, detections_only="false") == expected(mail)


def test_the_default_window_is_thirty_days_and_older_mail_needs_a_start(server: Standin) -> None:
    mail = everything(server)
    assert len(recent(server)) < len(mail)
    assert ids(server) == expected(recent(server))
    assert ids(server, start=LONG_AGO) == expected(mail)
    oldest = mail[-1].scanned
    until = (oldest + datetime.timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.5+00:00")
    assert ids(server, start=LONG_AGO, end=until)[-1] == expected(mail)[-1]
    assert len(ids(server, start=LONG_AGO, end=until)) < len(mail)
    exact = oldest.strftime("%Y-%m-%dT%H:%M:%SZ")
    found = expected([one for one in mail if one.scanned == oldest])
    assert ids(server, start=exact, end=exact) == found


def test_every_item_names_a_message_whose_trace_is_served(server: Standin) -> None:
    for account in range(len(server.accounts)):
        account_id = server.accounts[account].id
        result = look(server, account, start=LONG_AGO, per_page=1000).json()["result"]
        assert result == [one.item for one in everything(server, account)]
        with client_of(server) as client:
            for item in result:
                for ref in filter(None, (item["id"], item["postfix_id"], item["alert_id"])):
                    url = f"{server.base_url}{search_path_of(account_id)}/{ref}/trace"
                    trace = client.get(url, headers=headers_of(server, account_id))
                    assert trace.status_code == 200
                    lines = trace.json()["result"]["inbound"]["lines"]
                    assert any(item["postfix_id"] in line["message"] for line in lines)


def test_an_item_says_what_the_messages_own_lines_say(server: Standin) -> None:
    messages = {m.investigate_id: m for m in server.messages}
    seen = 0
    for account in range(len(server.accounts)):
        for mail in everything(server, account):
            message = messages.get(mail.item["id"])
            if message is None:
                continue
            lines = " ".join(x["message"] for x in (*message.inbound, *message.outbound))
            assert all(f" to=<{to}>" in lines for to in mail.item["to"])
            assert f"from=<{mail.item['envelope_from']}>" in lines
            for name in ("message_id", "postfix_id_outbound"):
                assert mail.item[name] is None or mail.item[name] in lines
            seen += mail.item["message_id"] is not None
    assert seen >= 40


FILTERS: list[tuple[str, str, Fits]] = [
    ("sender", "REPORTS@sender.example", lambda i: i["from"] == "reports@sender.example"),
    ("sender", "mx1.example.net", lambda i: i["from"].endswith("@mx1.example.net")),
    ("recipient", "anna@box.example.net", lambda i: "anna@box.example.net" in i["to"]),
    ("recipient", "example.com", lambda i: any(t.endswith("@example.com") for t in i["to"])),
    ("domain", "sender.example", lambda i: "@sender.example" in " ".join([i["from"], *i["to"]])),
    ("subject", "REPORT quarterly", lambda i: i["subject"].startswith("Quarterly report")),
    ("subject", "56 mailbox", lambda i: i["subject"] == "Urgent: verify your mailbox 56"),
    ("subject", "März", lambda i: "März" in i["subject"]),
    ("query", "ok1 EXAMPLE.com", lambda i: any("ok1" in t for t in i["to"])),
    ("final_disposition", "SPAM", lambda i: i["final_disposition"] == "SPAM"),
    ("final_disposition", "NONE", lambda i: i["final_disposition"] == "NONE"),
    ("delivery_status", "bounced", lambda i: "bounced" in i["delivery_status"]),
    ("delivery_status", "moved", lambda i: "moved" in i["delivery_status"]),
    ("delivery_status", "move_failed", lambda i: False),
    ("message_action", "MOVED", lambda i: "MOVE" in i["post_delivery_operations"]),
    ("message_action", "PREVIEW", lambda i: False),
    ("smtp_helo_ip", "192.0.2.1", lambda i: i["smtp_helo_server_ip"] == "192.0.2.1"),
    ("metric", "anything", lambda i: True),
]


@pytest.mark.parametrize(
    ("name", "value", "test"), FILTERS, ids=[f"{name}={value}" for name, value, _ in FILTERS]
)
def test_a_filter_finds_exactly_what_fits(
    server: Standin, name: str, value: str, test: Fits
) -> None:
    found = 0
    for account in range(len(server.accounts)):
        mail = [one for one in everything(server, account) if test(one.item)]
        if name == "query":
            mail = [one for one in mail if "example.com" in " ".join(one.item["to"])]
        assert ids(server, account, start=LONG_AGO, **{name: value}) == expected(mail)
        found += len(mail)
    assert (found > 0) is (value not in ("move_failed", "PREVIEW"))


@pytest.mark.parametrize("name", ["message_id", "alert_id"])
def test_an_id_finds_its_one_message(server: Standin, name: str) -> None:
    for mail in everything(server):
        if mail.item[name] is not None:
            found = ids(server, start=LONG_AGO, **{name: mail.item[name]})
            assert found == [mail.item["id"]]
    known = next(m.item["message_id"] for m in everything(server) if m.item["message_id"])
    bare = known.strip("<>")
    assert ids(server, start=LONG_AGO, message_id=bare) == ids(
        server, start=LONG_AGO, message_id=known
    )
    assert ids(server, start=LONG_AGO, query=bare) != []


def test_only_detected_mail_has_an_alert(server: Standin) -> None:
    assert all((one.item["alert_id"] is not None) is one.detected for one in everything(server))


REFUSED = [
    ("delivery_status", "lost"),
    ("detections_only", "yes"),
    ("final_disposition", "spam"),
    ("final_disposition", "MALICIOUS-BEC"),
    ("message_action", "SUBMITTED"),
    ("per_page", "0"),
    ("per_page", "10001"),
    ("per_page", "-1"),
    ("per_page", "ten"),
    ("start", "2999-01-01T00:00:00Z"),
    ("start", "yesterday"),
    ("start", "2026-11-23"),
    ("start", "2026-02-30T00:00:00Z"),
    ("end", "2026-11-23 00:00:00Z"),
    ("smtp_helo_ip", "192.0.2"),
    ("sender", ""),
    ("cursor", "nonsense"),
    ("cursor", "AAAA"),
    ("page", "2"),
    ("exact_subject", "x"),
    ("limit", "5"),
    ("query", "standin-misspelt"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=[f"{n}={v}" for n, v in REFUSED])
def test_a_value_outside_the_contract_is_refused(server: Standin, name: str, value: str) -> None:
    response = look(server, **{name: value})
    assert (response.status_code, first_code(response)) == (400, 10400)
    assert name in response.json()["errors"][0]["message"]


def test_a_parameter_given_twice_and_a_window_upside_down_are_refused(server: Standin) -> None:
    account_id = server.accounts[0].id
    with client_of(server) as client:
        url = server.base_url + search_path_of(account_id) + "?sender=a&sender=b"
        assert client.get(url, headers=headers_of(server, account_id)).status_code == 400
    upside_down = {"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}
    assert look(server, **upside_down).status_code == 400


@pytest.mark.parametrize("per_page", [1, 10_000])
def test_the_bounds_of_a_page_are_allowed(server: Standin, per_page: int) -> None:
    info = look(server, per_page=per_page).json()["result_info"]
    assert (info["per_page"], info["total_count"]) == (per_page, 0)


def test_pages_follow_each_other_by_cursor_without_gap_or_overlap(server: Standin) -> None:
    whole, found, back = ids(server, start=LONG_AGO), [], []
    more: dict[str, str] = {}
    while True:
        document = look(server, start=LONG_AGO, per_page=4, **more).json()
        info = document["result_info"]
        assert info["count"] == len(document["result"]) <= 4
        found += [item["id"] for item in document["result"]]
        back.append(info["previous"])
        if info["next"] is None:
            break
        more = {"cursor": info["next"]}
    assert found == whole
    assert len(whole) > 8
    assert back[0] is None and None not in back[1:]
    again = look(server, start=LONG_AGO, per_page=4, cursor=back[1]).json()["result"]
    assert [item["id"] for item in again] == whole[:4]


def test_a_cursor_belongs_to_one_search_of_one_account(server: Standin) -> None:
    given = look(server, per_page=2).json()["result_info"]["next"]
    assert look(server, per_page=2, cursor=given).status_code == 200
    assert look(server, per_page=3, cursor=given).status_code == 400
    assert look(server, per_page=2, cursor=given, sender="sender.example").status_code == 400
    assert look(server, 1, per_page=2, cursor=given).status_code == 400


def test_a_search_needs_a_credential_for_its_account(server: Standin) -> None:
    foreign = server.credential(server.accounts[4].id)
    with client_of(server) as client:
        url = server.base_url + search_path_of(server.accounts[0].id)
        assert client.get(url).status_code == 400
        refused = client.get(url, headers=headers_with(foreign))
    assert (refused.status_code, first_code(refused)) == (403, 10000)
