"""test_limits: quotas, policies and the address limit as told in headers, and what is counted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asking import client_of, fetch, first_code, headers_of, look, path_of
from launcher import SERVER, Standin, standin
from standin.counts import Counts
from standin.quota import ADDRESS_WAIT_S, AddressLimit, Quota


def headers_at(quota: Quota, now: float) -> dict[str, str]:
    return dict(quota.spend("u", now).headers)


def test_a_window_is_fixed_and_its_headers_count_down() -> None:
    quota = Quota(3, 300, 300)
    assert headers_at(quota, 0) == {
        "ratelimit": '"default";r=2;t=300',
        "ratelimit-policy": '"default";q=3;w=300',
    }
    assert headers_at(quota, 100.5)["ratelimit"] == '"default";r=1;t=200'
    assert headers_at(quota, 299)["ratelimit"] == '"default";r=0;t=1'
    # Not a sliding window: all three are free again when the window ends.
    assert [quota.spend("u", 300).allowed for _ in range(3)] == [True] * 3


def test_an_overrun_blocks_for_the_whole_block_whenever_the_window_ends() -> None:
    quota = Quota(1, 300, 300)
    assert quota.spend("u", 0).allowed
    refused = headers_at(quota, 290)
    assert refused["retry-after"] == "300"
    assert refused["ratelimit"] == '"default";r=0;t=300'
    assert not quota.spend("u", 310).allowed
    assert headers_at(quota, 589.5)["retry-after"] == "1"
    assert quota.spend("u", 590).allowed
    assert quota.spend("other", 300).allowed


def test_a_second_policy_is_kept_and_told_in_the_same_list() -> None:
    quota = Quota(10, 300, 300, burst=2, burst_window_s=60)
    first = headers_at(quota, 0)
    assert first["ratelimit"] == '"default";r=9;t=300, "burst";r=1;t=60'
    assert first["ratelimit-policy"] == '"default";q=10;w=300, "burst";q=2;w=60'
    assert quota.spend("u", 1).allowed
    refused = headers_at(quota, 20.5)
    assert refused["retry-after"] == "40"
    assert refused["ratelimit"] == '"default";r=8;t=280, "burst";r=0;t=40'
    # Its overrun does not block the user beyond the end of its own window.
    assert quota.spend("u", 60).allowed


def test_odd_spellings_still_say_the_same() -> None:
    quota = Quota(10, 300, 300, burst=2, odd=True)
    told = {name.lower(): value for name, value in quota.spend("u", 0).headers}
    assert re.findall(r'"(\w+)"; t=(\d+);r=(\d+)', told["ratelimit"]) == [
        ("DEFAULT", "300", "9"),
        ("BURST", "60", "1"),
    ]
    assert re.findall(r'"(\w+)";  w=(\d+);qu="requests";q=(\d+)', told["ratelimit-policy"]) == [
        ("DEFAULT", "300", "10"),
        ("BURST", "60", "2"),
    ]


def test_a_silent_quota_is_told_by_its_refusal_alone() -> None:
    quota = Quota(1, 300, 300, silent=True)
    assert quota.spend("u", 0).headers == ()
    refused = quota.spend("u", 1)
    assert not refused.allowed and refused.headers == (("retry-after", "300"),)


def test_an_address_that_exceeds_its_second_waits_whoever_asks() -> None:
    limit = AddressLimit(2)
    assert [limit.spend("127.0.0.1", t).allowed for t in (0, 0.5, 0.9)] == [True, True, False]
    assert dict(limit.spend("127.0.0.1", 1.5).headers) == {"retry-after": "10"}
    assert limit.spend("127.0.0.2", 1.5).allowed
    assert limit.spend("127.0.0.1", 0.9 + ADDRESS_WAIT_S).allowed


@pytest.fixture(scope="module")
def limited() -> Iterator[Standin]:
    with standin(quota=50, burst=20, odd_headers=True, log_limit=5, ip_limit=0) as server:
        yield server


def test_every_reply_to_a_known_user_tells_the_quota(limited: Standin) -> None:
    limited.reset()
    replies = [fetch(limited, ref) for ref in ("slow-0", "fail-404", "fail-500", "nothing-here")]
    replies += [look(limited), look(limited, per_page=0)]
    left = [re.search(r'"DEFAULT"; t=\d+;r=(\d+)', r.headers["ratelimit"]) for r in replies]
    assert [match and match[1] for match in left] == ["49", "48", "47", "46", "45", "44"]
    assert all(",\t" in r.headers["ratelimit"] for r in replies)


def test_odd_names_arrive_over_http_1_as_they_were_sent(limited: Standin) -> None:
    limited.reset()
    account_id = limited.accounts[0].id
    with client_of(limited, http2=False) as client:
        url = limited.base_url + path_of(account_id, "slow-0")
        old = client.get(url, headers=headers_of(limited, account_id))
    assert {b"RATELIMIT", b"RateLimit-POLICY"} <= {name for name, _ in old.headers.raw}
    new = fetch(limited, "slow-0")
    assert {b"ratelimit", b"ratelimit-policy"} <= {name for name, _ in new.headers.raw}


def test_the_address_limit_refuses_everyone_and_comes_first() -> None:
    with standin(quota=0, ip_limit=3) as server:
        account_id = server.accounts[0].id
        with client_of(server) as client:
            url = server.base_url + path_of(account_id, "slow-0")
            headers = headers_of(server, account_id)
            replies = [client.get(url, headers=headers) for _ in range(3)]
            while replies[-1].status_code == 200 and len(replies) < 2000:
                replies.append(client.get(url, headers=headers))
            nobody = client.get(server.base_url + "/nothing")
        assert [reply.status_code for reply in replies[:3]] == [200] * 3
        assert (replies[-1].status_code, first_code(replies[-1])) == (429, 971)
        assert 1 <= int(replies[-1].headers["retry-after"]) <= ADDRESS_WAIT_S
        assert nobody.status_code == 429
        server.reset()
        assert fetch(server, "slow-0").status_code == 200


def test_the_log_keeps_the_newest_requests_and_the_counts_all(limited: Standin) -> None:
    limited.reset()
    for number in range(8):
        fetch(limited, f"nothing-{number}")
    paths = [entry["path"] for entry in limited.requests()]
    assert [re.findall(r"nothing-\d", path)[0] for path in paths] == [
        f"nothing-{number}" for number in range(3, 8)
    ]
    assert limited.counts()["total"] == 8


def test_counts_tell_who_asked_how_often_and_with_what_end(limited: Standin) -> None:
    limited.reset()
    credential = limited.credential(limited.accounts[0].id)
    for ref in ("slow-0", "slow-0", "fail-500"):
        fetch(limited, ref)
    fetch(limited, "slow-0", 4)
    limited.revoke(credential)
    fetch(limited, "slow-0")
    with client_of(limited) as client:
        client.get(limited.base_url + "/nothing")
    counts = limited.counts()
    assert counts["total"] == 6
    assert counts["status"] == {"200": 3, "401": 1, "404": 1, "500": 1}
    acme = counts["users"]["acme-user"]
    assert acme["total"] == acme["max_in_window"] == 4
    assert (acme["refused"], acme["status"]) == (0, {"200": 2, "401": 1, "500": 1})
    assert counts["users"]["initech-user"]["total"] == 1
    assert counts["users"]["(unknown)"]["status"] == {"404": 1}
    assert counts["credentials"][credential.token] == 4
    assert counts["accounts"] == {limited.accounts[0].id: 4, limited.accounts[4].id: 1}
    limited.reset()
    assert limited.counts()["total"] == 0


def test_a_refusal_is_counted_as_one() -> None:
    with standin(quota=2) as server:
        for _ in range(4):
            fetch(server, "slow-0")
        assert server.counts()["users"]["acme-user"]["refused"] == 2
        assert server.counts()["refused"] == 2


def test_the_maximum_is_over_any_window_not_over_fixed_ones() -> None:
    counts = Counts(300)
    for now in (0, 290, 299.5, 300, 600):
        counts.note("u", None, None, 200, now)
    shown = counts.shown()["users"]["u"]
    assert (shown["total"], shown["max_in_window"], shown["max_in_second"]) == (5, 3, 2)


def test_every_one_of_ten_thousand_accounts_has_a_message(tmp_path: Path) -> None:
    accounts = [{"id": f"{number:032x}", "label": f"{number}"} for number in range(10_000)]
    every = [account["id"] for account in accounts]
    fixture = tmp_path / "accounts.json"
    token = {"kind": "api_token", "user": "u", "token": "test-token-not-real-0", "accounts": every}
    document = {"tenants": [{"name": "t", "accounts": accounts}], "credentials": [token]}
    fixture.write_text(json.dumps(document))
    with standin(quota=0, accounts=fixture) as server:
        assert {m.account_id for m in server.messages} == set(every)
        for account in (0, 59, 9_999):
            (*_, last) = server.messages_of(every[account])
            assert fetch(server, last.postfix_id, account).status_code == 200
            assert look(server, account).json()["result"][0]["id"] in last.refs


def test_the_readme_names_every_option() -> None:
    shown = subprocess.run([sys.executable, SERVER, "--help"], capture_output=True, text=True)
    options = set(re.findall(r"--[a-z0-9-]+", shown.stdout)) - {"--help"}
    readme = SERVER.with_name("README.md").read_text(encoding="utf-8")
    assert len(options) >= 15
    assert [option for option in sorted(options) if f"`{option}" not in readme] == []
