"""test_standin: the stand-in keeps what its README promises, as a client sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from asking import Pairs, client_of, fetch, first_code, headers_of, path_of
from launcher import SERVER, Standin, catalogue, standin
from standin.quota import Quota

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
    with client_of(server) as client:
        url = server.base_url + path_of(message.account_id, message.postfix_id)
        response = client.get(url, headers=headers)
    assert (response.status_code, first_code(response)) == (status, code)
    chain = response.json()["errors"][0].get("error_chain", [])
    assert [link["code"] for link in chain] == ([] if cause is None else [cause])


def test_every_message_is_served_to_its_account_by_each_of_its_three_ids(server: Standin) -> None:
    with client_of(server) as client:
        for message in server.messages:
            for ref in message.refs:
                url = server.base_url + path_of(message.account_id, ref)
                params = {"submission": "true"} if message.submission else {}
                headers = headers_of(server, message.account_id)
                response = client.get(url, headers=headers, params=params)
                assert response.status_code == 200, ref
                lines = response.json()["result"]["inbound"]["lines"] or []
                assert [x["message"] for x in lines] == [x["message"] for x in message.inbound]


def test_every_credential_with_permission_reads_every_account_it_names(server: Standin) -> None:
    for credential in server.directory.credentials:
        for account_id in credential.accounts if credential.usable else ():
            headers = [("Authorization", f"Bearer {credential.token}")]
            if credential.kind == "global_key":
                headers = [("X-Auth-Email", credential.email), ("X-Auth-Key", credential.key)]
            ref = server.messages_of(account_id)[0].postfix_id
            with client_of(server) as client:
                response = client.get(server.base_url + path_of(account_id, ref), headers=headers)
            assert response.status_code == 200


@pytest.mark.parametrize(("http2", "version"), [(True, "2"), (False, "1.1")])
def test_both_http_versions_are_spoken_and_logged(
    server: Standin, http2: bool, version: str
) -> None:
    account_id = server.accounts[0].id
    with client_of(server, http2) as client:
        url = server.base_url + path_of(account_id, "fail-404")
        response = client.get(url, headers=[*headers_of(server, account_id), ("Accept", "a/b")])
    assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    (entry,) = server.requests()
    assert (entry["method"], entry["http_version"]) == ("GET", version)
    assert entry["path"] == "/client/v4" + path_of(account_id, "fail-404")
    assert ["accept", "a/b"] in entry["headers"]


def test_plain_http_is_served_too(server: Standin) -> None:
    message = server.messages[0]
    url = server.plain_base_url + path_of(message.account_id, message.postfix_id)
    response = httpx.get(url, headers=headers_of(server, message.account_id), trust_env=False)
    assert response.status_code == 200


def test_replies_name_a_ray_and_are_compressed_only_when_that_is_accepted(server: Standin) -> None:
    message = server.messages[0]
    headers = headers_of(server, message.account_id)
    with client_of(server) as client:
        url = server.base_url + path_of(message.account_id, message.postfix_id)
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
    with client_of(server) as client:
        response = client.get(server.base_url + path)
    assert (response.status_code, first_code(response)) == (404, 7003)
    assert response.json()["errors"][0]["error_chain"][0]["code"] == 7000


def test_other_methods_are_refused(server: Standin) -> None:
    account_id = server.accounts[0].id
    with client_of(server) as client:
        url = server.base_url + path_of(account_id, "x")
        response = client.post(url, headers=headers_of(server, account_id))
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


def test_an_unknown_message_is_not_found(server: Standin) -> None:
    assert fetch(server, "4Njp3P0STMz2c02Q").status_code == 404


def test_submissions_are_found_only_when_asked_for(server: Standin) -> None:
    message = next(m for m in server.messages if m.submission)
    account = [a.id for a in server.accounts].index(message.account_id)
    regular = server.messages_of(message.account_id)[0]
    assert fetch(server, message.postfix_id, account).status_code == 404
    assert fetch(server, message.postfix_id, account, "?submission=true").status_code == 200
    assert fetch(server, regular.postfix_id, account, "?submission=true").status_code == 404
    assert fetch(server, regular.postfix_id, account, "?submission=false").status_code == 200
    assert fetch(server, regular.postfix_id, account, "?submission=maybe").status_code == 400


def test_a_pending_trace_grows_until_it_is_complete(server: Standin) -> None:
    message = next(m for m in server.messages if m.pending_requests and len(m.outbound) >= 2)
    account = [a.id for a in server.accounts].index(message.account_id)
    query = "?submission=true" if message.submission else ""
    states, counts = [], []
    for _ in range(message.pending_requests + 1):
        outbound = fetch(server, message.alert_id, account, query).json()["result"]["outbound"]
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
        block = fetch(server, message.postfix_id, account).json()["result"]["inbound"]
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


def test_an_overrun_blocks_the_user_in_all_its_accounts_and_no_other_user() -> None:
    with standin(quota=3) as limited:
        statuses = [fetch(limited, "slow-0", account) for account in (0, 1, 0, 1, 0)]
        assert [r.status_code for r in statuses] == [200, 200, 200, 429, 429]
        assert statuses[2].headers["ratelimit"].startswith('"default";r=0;t=')
        assert statuses[0].headers["ratelimit-policy"] == '"default";q=3;w=300'
        assert 290 <= int(statuses[3].headers["retry-after"]) <= 300
        assert first_code(statuses[3]) == 971
        assert fetch(limited, "slow-0", 4).status_code == 200


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
    assert "ratelimit" not in fetch(server, "slow-0").headers


@pytest.mark.parametrize("way", ["signal", "end of input"])
def test_it_stops_cleanly_and_leaves_no_key_behind(tmp_path: Path, way: str) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, str(SERVER), "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    assert b"base_url" in process.stdout.readline()
    assert list(tmp_path.rglob("server.key"))
    if way == "signal":
        process.send_signal(signal.SIGTERM)
    # communicate() closes standard input.
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")
    assert not list(tmp_path.iterdir())
