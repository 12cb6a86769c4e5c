"""test_standin: the stand-in keeps what its README promises, as a client sees it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from launcher import Standin, catalogue, standin
from standin.quota import Quota
from standin.raw import full_reply

Pairs = list[tuple[str, str]]


@pytest.fixture(scope="module")
def server() -> Iterator[Standin]:
    with standin(quota=0) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(server: Standin) -> None:
    server.reset()


def _client(server: Standin, http2: bool = True) -> httpx.Client:
    context = ssl.create_default_context(cafile=server.ca_file)
    return httpx.Client(http2=http2, verify=context, trust_env=False, timeout=20)


def _path(account_id: str, ref: str) -> str:
    return f"/accounts/{account_id}/email-security/investigate/{ref}/trace"


def _headers(server: Standin, account_id: str) -> Pairs:
    credential = server.credential(account_id)
    if credential.kind == "global_key":
        return [("X-Auth-Email", credential.email), ("X-Auth-Key", credential.key)]
    return [("Authorization", f"Bearer {credential.token}")]


def _get(server: Standin, ref: str, account: int = 0, query: str = "") -> httpx.Response:
    account_id = server.accounts[account].id
    with _client(server) as client:
        url = server.base_url + _path(account_id, ref) + query
        return client.get(url, headers=_headers(server, account_id))


def _first_code(response: httpx.Response) -> int:
    document: dict[str, Any] = response.json()
    assert document["success"] is False
    assert document["result"] is None
    code: int = document["errors"][0]["code"]
    return code


KEY = "deadbeef00000000000000000000000000bad"
EMAIL = "soc@globex.example"
ACME = "Bearer test-token-not-real-acme-01-000000000000"
NO_PERMISSION = "Bearer test-token-not-real-no-permission-000000"
AUTH: list[tuple[str, int, Pairs, int, int, int | None]] = [
    # name, account, headers, status, code, code in the error chain
    ("nothing", 0, [], 400, 9106, None),
    ("not bearer", 0, [("Authorization", "Basic dGVzdA==")], 400, 6003, 6111),
    ("bearer without a token", 0, [("Authorization", "Bearer ")], 400, 6003, 6111),
    ("odd characters", 0, [("Authorization", "Bearer a,b")], 400, 6003, 6111),
    ("two tokens", 0, [("Authorization", ACME), ("Authorization", ACME)], 400, 6003, 6111),
    ("unknown token", 0, [("Authorization", "Bearer test-token-not-real-x")], 401, 10000, None),
    ("another account", 1, [("Authorization", ACME)], 403, 10000, None),
    ("no permission", 4, [("Authorization", NO_PERMISSION)], 403, 10000, None),
    ("e-mail only", 2, [("X-Auth-Email", EMAIL)], 400, 9106, None),
    ("key only", 2, [("X-Auth-Key", KEY)], 400, 9106, None),
    ("malformed key", 2, [("X-Auth-Email", EMAIL), ("X-Auth-Key", "short")], 400, 6003, 6103),
    ("malformed e-mail", 2, [("X-Auth-Email", "soc"), ("X-Auth-Key", KEY)], 400, 6003, 6102),
    ("wrong key", 2, [("X-Auth-Email", EMAIL), ("X-Auth-Key", "0" * 37)], 403, 9103, None),
    ("wrong e-mail", 2, [("X-Auth-Email", "a@b.example"), ("X-Auth-Key", KEY)], 403, 9103, None),
    (
        "token beside an e-mail",
        0,
        [("Authorization", ACME), ("X-Auth-Email", EMAIL)],
        400,
        9106,
        None,
    ),
]


@pytest.mark.parametrize(
    ("account", "headers", "status", "code", "cause"),
    [case[1:] for case in AUTH],
    ids=[case[0] for case in AUTH],
)
def test_bad_credentials_get_cloudflares_status_and_code(
    server: Standin, account: int, headers: Pairs, status: int, code: int, cause: int | None
) -> None:
    message = server.messages_of(server.accounts[account].id)[0]
    with _client(server) as client:
        url = server.base_url + _path(message.account_id, message.postfix_id)
        response = client.get(url, headers=headers)
    assert (response.status_code, _first_code(response)) == (status, code)
    chain = response.json()["errors"][0].get("error_chain", [])
    assert [link["code"] for link in chain] == ([] if cause is None else [cause])


def test_every_message_is_served_to_its_account_by_each_of_its_three_ids(server: Standin) -> None:
    with _client(server) as client:
        for message in server.messages:
            for ref in message.refs:
                url = server.base_url + _path(message.account_id, ref)
                params = {"submission": "true"} if message.submission else {}
                headers = _headers(server, message.account_id)
                response = client.get(url, headers=headers, params=params)
                assert response.status_code == 200, ref
                lines = response.json()["result"]["inbound"]["lines"] or []
                assert [x["message"] for x in lines] == [x["message"] for x in message.inbound]


def test_every_credential_with_permission_reads_every_account_it_names(server: Standin) -> None:
    for credential in server.directory.credentials:
        for account_id in credential.accounts if credential.permission else ():
            headers = [("Authorization", f"Bearer {credential.token}")]
            if credential.kind == "global_key":
                headers = [("X-Auth-Email", credential.email), ("X-Auth-Key", credential.key)]
            ref = server.messages_of(account_id)[0].postfix_id
            with _client(server) as client:
                response = client.get(server.base_url + _path(account_id, ref), headers=headers)
            assert response.status_code == 200


@pytest.mark.parametrize(("http2", "version"), [(True, "2"), (False, "1.1")])
def test_both_http_versions_are_spoken_and_logged(
    server: Standin, http2: bool, version: str
) -> None:
    account_id = server.accounts[0].id
    with _client(server, http2) as client:
        url = server.base_url + _path(account_id, "fail-404")
        response = client.get(url, headers=[*_headers(server, account_id), ("Accept", "a/b")])
    assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    (entry,) = server.requests()
    assert (entry["method"], entry["http_version"]) == ("GET", version)
    assert entry["path"] == "/client/v4" + _path(account_id, "fail-404")
    assert ["accept", "a/b"] in entry["headers"]


def test_plain_http_is_served_too(server: Standin) -> None:
    message = server.messages[0]
    url = server.plain_base_url + _path(message.account_id, message.postfix_id)
    response = httpx.get(url, headers=_headers(server, message.account_id), trust_env=False)
    assert response.status_code == 200


def test_replies_name_a_ray_and_are_compressed_only_when_that_is_accepted(server: Standin) -> None:
    message = server.messages[0]
    headers = _headers(server, message.account_id)
    with _client(server) as client:
        url = server.base_url + _path(message.account_id, message.postfix_id)
        packed = client.get(url, headers=[*headers, ("Accept-Encoding", "gzip")])
        plain = client.get(url, headers=[*headers, ("Accept-Encoding", "identity")])
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert packed.headers["cf-ray"].endswith("-SYD")
    assert packed.headers["cf-ray"] != plain.headers["cf-ray"]
    assert plain.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/nothing", "/accounts/short/email-security/investigate/a/trace"])
def test_unknown_routes_are_not_routed(server: Standin, path: str) -> None:
    with _client(server) as client:
        response = client.get(server.base_url + path)
    assert (response.status_code, _first_code(response)) == (404, 7003)
    assert response.json()["errors"][0]["error_chain"][0]["code"] == 7000


def test_other_methods_are_refused(server: Standin) -> None:
    account_id = server.accounts[0].id
    with _client(server) as client:
        url = server.base_url + _path(account_id, "x")
        response = client.post(url, headers=_headers(server, account_id))
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


def test_an_unknown_message_is_not_found(server: Standin) -> None:
    assert _get(server, "4Njp3P0STMz2c02Q").status_code == 404


def test_submissions_are_found_only_when_asked_for(server: Standin) -> None:
    message = next(m for m in server.messages if m.submission)
    account = [a.id for a in server.accounts].index(message.account_id)
    regular = server.messages_of(message.account_id)[0]
    assert _get(server, message.postfix_id, account).status_code == 404
    assert _get(server, message.postfix_id, account, "?submission=true").status_code == 200
    assert _get(server, regular.postfix_id, account, "?submission=true").status_code == 404
    assert _get(server, regular.postfix_id, account, "?submission=false").status_code == 200
    assert _get(server, regular.postfix_id, account, "?submission=maybe").status_code == 400


def test_a_pending_trace_grows_until_it_is_complete(server: Standin) -> None:
    message = next(m for m in server.messages if m.pending_requests and len(m.outbound) >= 2)
    account = [a.id for a in server.accounts].index(message.account_id)
    query = "?submission=true" if message.submission else ""
    states, counts = [], []
    for _ in range(message.pending_requests + 1):
        outbound = _get(server, message.alert_id, account, query).json()["result"]["outbound"]
        states.append(bool(outbound["pending"]))
        counts.append(len(outbound["lines"] or []))
    assert states == [True] * message.pending_requests + [False]
    assert counts == sorted(set(counts))
    assert counts[-1] == len(message.outbound)


def test_the_three_historic_shapes_are_served(server: Standin) -> None:
    for shape in ("2024", "2025", "2026"):
        message = next(
            m
            for m in server.messages
            if m.shape == shape and len(m.inbound) >= 5 and not m.submission
        )
        account = [a.id for a in server.accounts].index(message.account_id)
        block = _get(server, message.postfix_id, account).json()["result"]["inbound"]
        assert ("pending" in block) is (shape != "2024")
        assert all(("ts" in line) is (shape != "2026") for line in block["lines"])
        times = [line.get("logged_at", "") for line in block["lines"]]
        assert (None in times) is (shape == "2026")


def test_the_catalogue_covers_every_account_outcome_and_shape() -> None:
    messages = catalogue()
    assert len(messages) >= 40
    assert len({m.account_id for m in messages}) == 5
    assert len({m.tenant for m in messages}) == 3
    outcomes = {m.outcome for m in messages}
    assert outcomes == {"delivered", "deferred", "bounced", "rejected"}
    assert {m.shape for m in messages} == {"2024", "2025", "2026"}
    assert any(m.submission for m in messages)
    assert any(m.pending_requests for m in messages)


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
        response = _get(server, ref)
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
        seen = [_get(server, ref).status_code for _ in range(failures + 1)]
        assert seen == [status] * failures + [200]
        server.reset()


@pytest.mark.parametrize(("ref", "status"), [("fail-redirect", 302), ("bad-202", 202)])
def test_redirects_point_to_another_origin(server: Standin, ref: str, status: int) -> None:
    response = _get(server, ref)
    assert response.status_code == status
    elsewhere = server.raw_base_url.removesuffix("/client/v4")
    assert response.headers["location"].startswith(elsewhere + "/")
    assert [entry["server"] for entry in server.requests()] == ["api"]


@pytest.mark.parametrize("ref", ["bad-empty", "bad-truncated", "bad-html", "bad-utf8"])
def test_spoilt_bodies_are_not_json(server: Standin, ref: str) -> None:
    with pytest.raises(ValueError):
        _get(server, ref).json()


def test_wrong_types_and_refusals_come_with_status_200(server: Standin) -> None:
    assert _get(server, "bad-type").json()["result"] == []
    assert _get(server, "bad-type-lines").json()["result"]["inbound"]["lines"] == "no"
    assert _get(server, "bad-success-false").json()["success"] is False
    assert _get(server, "odd-null-result").json()["result"] is None
    assert _get(server, "odd-null-blocks").json()["result"]["inbound"] is None
    assert _get(server, "odd-empty-blocks").json()["result"] == {"inbound": {}, "outbound": {}}
    assert len(_get(server, "odd-lines").json()["result"]["inbound"]["lines"]) == 7
    assert _get(server, "bad-deep").text.count("[") > 10_000


def test_the_large_body_and_the_bomb_exceed_any_sensible_cap(server: Standin) -> None:
    account_id = server.accounts[0].id
    for ref, encoding in (("bad-large", None), ("bad-gzip-bomb", "gzip")):
        url = server.base_url + _path(account_id, ref)
        headers = _headers(server, account_id)
        with _client(server) as client, client.stream("GET", url, headers=headers) as response:
            assert response.headers.get("content-encoding") == encoding
            received = 0
            for piece in response.iter_bytes():
                received += len(piece)
                if received > 32 * 1024 * 1024:
                    break
        assert received > 32 * 1024 * 1024


def test_slow_replies_are_whole(server: Standin) -> None:
    assert _get(server, "slow-50").json()["success"] is True


def test_connections_are_cut_where_the_ref_says(server: Standin) -> None:
    account_id = server.accounts[0].id
    with _client(server, http2=False) as client:
        url = server.raw_base_url + _path(account_id, "whole")
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
                client.get(server.raw_base_url + _path(account_id, ref))


def test_an_overrun_blocks_the_user_in_all_its_accounts_and_no_other_user() -> None:
    with standin(quota=3) as limited:
        statuses = [_get(limited, "slow-0", account) for account in (0, 1, 0, 1, 0)]
        assert [r.status_code for r in statuses] == [200, 200, 200, 429, 429]
        assert statuses[2].headers["ratelimit"].startswith('"default";r=0;t=')
        assert statuses[0].headers["ratelimit-policy"] == '"default";q=3;w=300'
        assert 290 <= int(statuses[3].headers["retry-after"]) <= 300
        assert _first_code(statuses[3]) == 971
        assert _get(limited, "slow-0", 4).status_code == 200


def test_a_block_ends_and_the_quota_starts_again() -> None:
    quota = Quota(2, 300, 300)
    assert [quota.spend("u", t).allowed for t in (0, 299, 299.5, 301, 599)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert quota.spend("u", 599.5).allowed


def test_a_lifted_quota_sends_no_ratelimit_headers(server: Standin) -> None:
    assert "ratelimit" not in _get(server, "slow-0").headers
