"""test_tokens: verification tells the truth about each kind of credential; revoking ends one."""

from __future__ import annotations

import datetime

import pytest

from asking import client_of, fetch, first_code, get_with, headers_of, look, path_of
from launcher import Standin

USER = "/user/tokens/verify"
INITECH = "/accounts/1111ec00000000000000000000000001/tokens/verify"
GLOBEX = "/accounts/910be000000000000000000000000001/tokens/verify"
ACME = "/accounts/acae0000000000000000000000000001/tokens/verify"

VERIFIED = [
    ("user token", USER, "active"),
    ("expiring", USER, "active"),
    ("expired", USER, "expired"),
    ("disabled", USER, "disabled"),
    ("account token", INITECH, "active"),
    ("old account token", GLOBEX, "active"),
    ("expired account token", INITECH, "expired"),
]
INVALID = [
    ("user token", ACME),
    ("account token", USER),
    ("old account token", USER),
    ("account token", GLOBEX),
]


@pytest.mark.parametrize(("name", "path", "status"), VERIFIED)
def test_a_token_is_verified_where_it_belongs(
    server: Standin, name: str, path: str, status: str
) -> None:
    response = get_with(server, server.named(name), path)
    document = response.json()
    assert (response.status_code, document["success"]) == (200, True)
    assert document["result"]["status"] == status
    assert len(document["result"]["id"]) == 32
    # An authentication error's code means success here.
    codes = [message["code"] for message in document["messages"]]
    assert codes == ([10000] if status == "active" else [])


@pytest.mark.parametrize(("name", "path"), INVALID)
def test_a_token_is_invalid_at_an_endpoint_of_another_kind(
    server: Standin, name: str, path: str
) -> None:
    response = get_with(server, server.named(name), path)
    assert (response.status_code, first_code(response)) == (401, 1000)
    assert response.json()["errors"][0]["message"] == "Invalid API Token"


def test_prefixes_tell_kinds_and_a_token_without_one_may_be_either(server: Standin) -> None:
    for credential in server.directory.credentials:
        if credential.token.startswith(("cfut_", "cfat_")):
            assert credential.token.startswith("cfat_") is (credential.owner == "account")
    bare = [c for c in server.directory.credentials if c.token.startswith("test-token")]
    assert {c.owner for c in bare} == {"user", "account"}


def test_expiry_and_start_are_told_when_there_are_any(server: Standin) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)

    def dates(name: str, path: str = USER) -> dict[str, int]:
        result = get_with(server, server.named(name), path).json()["result"]
        at = {key: value for key, value in result.items() if key not in ("id", "status")}
        return {
            key: round((datetime.datetime.fromisoformat(text[:-1] + "+00:00") - now).days + 0.5)
            for key, text in at.items()
        }

    assert dates("user token") == {}
    assert dates("expiring").keys() == {"expires_on", "not_before"}
    assert 4 <= dates("expiring")["expires_on"] <= 5
    assert dates("expiring")["not_before"] < -350
    assert -4 <= dates("expired")["expires_on"] < 0


def test_unknown_tokens_are_invalid_and_missing_or_malformed_ones_are_bad_requests(
    server: Standin,
) -> None:
    for path in (USER, INITECH):
        with client_of(server) as client:
            url = server.base_url + path
            unknown = client.get(url, headers={"Authorization": "Bearer cfut_test-not-real"})
            missing = client.get(url)
            malformed = client.get(url, headers={"Authorization": "Basic eA=="})
        assert (unknown.status_code, first_code(unknown)) == (401, 1000)
        assert (missing.status_code, first_code(missing)) == (400, 9106)
        assert (malformed.status_code, first_code(malformed)) == (400, 6003)


def test_a_global_key_has_no_verification_but_a_user(server: Standin) -> None:
    key = server.credential(server.accounts[2].id)
    assert key.kind == "global_key"
    for path in (USER, GLOBEX):
        response = get_with(server, key, path)
        assert (response.status_code, first_code(response)) == (401, 1000)
    user = get_with(server, key, "/user").json()
    assert user["success"] is True
    assert user["result"]["email"] == key.email
    token = get_with(server, server.named("user token"), "/user")
    assert (token.status_code, first_code(token)) == (403, 9109)


@pytest.mark.parametrize("name", ["expired", "disabled", "expired account token"])
def test_a_dead_token_reads_nothing(server: Standin, name: str) -> None:
    credential = server.named(name)
    account_id = credential.accounts[0]
    ref = server.messages_of(account_id)[0].postfix_id
    response = get_with(server, credential, path_of(account_id, ref))
    assert (response.status_code, first_code(response)) == (401, 10000)


@pytest.mark.parametrize("name", ["user token", "expiring", "account token", "old account token"])
def test_every_living_token_reads_traces(server: Standin, name: str) -> None:
    credential = server.named(name)
    for account_id in credential.accounts:
        ref = server.messages_of(account_id)[0].postfix_id
        assert get_with(server, credential, path_of(account_id, ref)).status_code == 200


def test_a_revoked_token_is_refused_until_it_is_restored(server: Standin) -> None:
    credential = server.credential(server.accounts[0].id)
    assert fetch(server, "slow-0").status_code == 200
    server.revoke(credential)
    for response in (fetch(server, "slow-0"), look(server)):
        assert (response.status_code, first_code(response)) == (401, 10000)
    verified = get_with(server, credential, USER)
    assert (verified.status_code, first_code(verified)) == (401, 1000)
    # Nobody else is touched.
    assert fetch(server, "slow-0", 1).status_code == 200
    server.restore(credential)
    assert fetch(server, "slow-0").status_code == 200
    server.revoke(credential)
    server.reset()
    assert fetch(server, "slow-0").status_code == 200


def test_a_revoked_key_is_unknown(server: Standin) -> None:
    server.revoke(server.credential(server.accounts[2].id))
    response = fetch(server, "slow-0", 2)
    assert (response.status_code, first_code(response)) == (403, 9103)
    account_id = server.accounts[2].id
    with client_of(server) as client:
        user = client.get(server.base_url + "/user", headers=headers_of(server, account_id))
    assert user.status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": 7}', b'{"token": "test-not-real"}'])
def test_only_known_credentials_are_revoked(server: Standin, body: bytes) -> None:
    control = server.plain_base_url.removesuffix("/client/v4") + "/__standin/revoke"
    with client_of(server) as client:
        assert client.post(control, content=body).status_code == 404
