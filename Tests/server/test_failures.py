"""test_failures: each failure a test may ask for is the one the README names."""

from __future__ import annotations

import httpx
import pytest

from asking import client_of, fetch, headers_of, path_of
from launcher import Standin
from standin.raw import full_reply

FAILURES = [
    ("fail-401", 401, {}),
    ("fail-403-permission", 403, {}),
    ("fail-404", 404, {}),
    ("fail-429-7", 429, {"retry-after": "7"}),
    ("fail-500", 500, {}),
    ("fail-502-html", 502, {"content-type": "text/html; charset=UTF-8"}),
    ("fail-503-retry-after-ms", 503, {"retry-after-ms": "150"}),
    ("fail-403-9109", 403, {}),
    ("fail-520", 520, {"content-type": "text/html; charset=UTF-8"}),
    ("should-retry-false", 503, {"x-should-retry": "false"}),
    ("bad-html", 200, {"content-type": "text/html; charset=UTF-8"}),
    ("bad-problem-json", 403, {"content-type": "application/problem+json"}),
]


@pytest.mark.parametrize(("ref", "status", "headers"), FAILURES, ids=[f[0] for f in FAILURES])
def test_a_failure_ref_gets_its_status_and_headers(
    server: Standin, ref: str, status: int, headers: dict[str, str]
) -> None:
    for _ in range(2):
        response = fetch(server, ref)
        assert response.status_code == status
        assert {name: response.headers.get(name) for name in headers} == headers


@pytest.mark.parametrize(
    ("ref", "failures", "status"),
    [
        ("fail-500-once", 1, 500),
        ("fail-429-1-once", 1, 429),
        ("fail-502-html-x2", 2, 502),
        ("should-retry-true-once", 1, 400),
    ],
)
def test_a_limited_failure_ends_in_a_trace_and_starts_again_after_reset(
    server: Standin, ref: str, failures: int, status: int
) -> None:
    for _ in range(2):
        seen = [fetch(server, ref).status_code for _ in range(failures + 1)]
        assert seen == [status] * failures + [200]
        server.reset()


@pytest.mark.parametrize(("ref", "status"), [("fail-redirect", 302), ("bad-202", 202)])
def test_redirects_point_to_another_origin(server: Standin, ref: str, status: int) -> None:
    response = fetch(server, ref)
    assert response.status_code == status
    elsewhere = server.raw_base_url.removesuffix("/client/v4")
    assert response.headers["location"].startswith(elsewhere + "/")
    assert [entry["server"] for entry in server.requests()] == ["api"]


@pytest.mark.parametrize("ref", ["bad-empty", "bad-truncated", "bad-html", "bad-utf8"])
def test_spoilt_bodies_are_not_json(server: Standin, ref: str) -> None:
    with pytest.raises(ValueError):
        fetch(server, ref).json()


def test_wrong_types_and_refusals_come_with_status_200(server: Standin) -> None:
    assert fetch(server, "bad-type").json()["result"] == []
    assert fetch(server, "bad-type-lines").json()["result"]["inbound"]["lines"] == "no"
    assert fetch(server, "bad-success-false").json()["success"] is False
    assert fetch(server, "odd-null-result").json()["result"] is None
    assert fetch(server, "odd-null-blocks").json()["result"]["inbound"] is None
    assert fetch(server, "odd-empty-blocks").json()["result"] == {"inbound": {}, "outbound": {}}
    assert len(fetch(server, "odd-lines").json()["result"]["inbound"]["lines"]) == 7
    assert fetch(server, "bad-deep").text.count("[") > 10_000


def test_the_large_body_and_the_bomb_exceed_any_sensible_cap(server: Standin) -> None:
    account_id = server.accounts[0].id
    for ref, encoding in (("bad-large", None), ("bad-gzip-bomb", "gzip")):
        url = server.base_url + path_of(account_id, ref)
        headers = headers_of(server, account_id)
        with client_of(server) as client, client.stream("GET", url, headers=headers) as response:
            assert response.headers.get("content-encoding") == encoding
            received = 0
            for piece in response.iter_bytes():
                received += len(piece)
                if received > 32 * 1024 * 1024:
                    break
        assert received > 32 * 1024 * 1024


def test_slow_replies_are_whole(server: Standin) -> None:
    assert fetch(server, "slow-50").json()["success"] is True


def test_connections_are_cut_where_the_ref_says(server: Standin) -> None:
    account_id = server.accounts[0].id
    with client_of(server, http2=False) as client:
        url = server.raw_base_url + path_of(account_id, "whole")
        assert client.get(url).content == full_reply().partition(b"\r\n\r\n")[2]
        for ref in (
            "close-no-reply",
            "close-mid-headers",
            "close-early",
            "close-at-90",
            "chunked-cut",
            "chunked-broken",
            "not-http",
        ):
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(server.raw_base_url + path_of(account_id, ref))
