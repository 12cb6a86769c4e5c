"""Checks of credentials against the stand-in: every kind and state of a token, and global keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import jsonschema
import pytest
from launcher import Standin

import tracevault as tv

from .conftest import REPOSITORY, settings

SCHEMA = jsonschema.Draft202012Validator(
    json.loads((REPOSITORY / "docs" / "check.schema.json").read_text())
)


@contextmanager
def stored(
    server: Standin, account: str, secret: tv.ApiToken | tv.GlobalKey
) -> Iterator[tv.Tenant]:
    """A tenant whose one account has this credential."""
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            edit.put("one", account, secret, origin=server.origin)
        with vault.tenant("one") as tenant:
            yield tenant


def checked(server: Standin, engine: tv.Engine, name: str) -> tv.CheckResult:
    """What is said of a token of the fixture."""
    known = server.named(name)
    account = min(known.reach)
    with stored(server, account, tv.ApiToken(known.token)) as tenant:
        result = engine.check(tenant, None)
    SCHEMA.validate(result.to_dict())
    return result


@pytest.mark.parametrize(
    ("name", "token_kind", "status", "attempts"),
    [
        ("user token", "user", "active", 1),
        ("expired", "user", "expired", 1),
        ("disabled", "user", "disabled", 1),
        ("account token", "account", "active", 1),
        ("expired account token", "account", "expired", 1),
        ("old account token", "account", "active", 2),
    ],
)
def test_every_token_is_checked_where_its_kind_is_known(
    server: Standin, engine: tv.Engine, name: str, token_kind: str, status: str, attempts: int
) -> None:
    result = checked(server, engine, name)
    assert (result.kind, result.token_kind, result.status) == ("api_token", token_kind, status)
    assert result.valid is (status == "active")
    assert (result.reason is None) is result.valid
    assert result.token_id
    assert result.attempts == attempts


def test_an_end_that_is_near_is_a_warning(server: Standin, engine: tv.Engine) -> None:
    result = checked(server, engine, "expiring")
    assert result.valid
    assert result.expires_on is not None
    assert [warning.code for warning in result.warnings] == ["expires_within_7_days"]


def test_the_credentials_of_all_accounts_are_valid(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    for account in server.accounts:
        with vault.tenant(account.tenant) as tenant:
            result = engine.check(tenant, account.id)
        known = server.credential(account.id)
        assert (result.valid, result.kind) == (True, known.kind)
        assert result.account_id == account.id
        SCHEMA.validate(result.to_dict())


@pytest.mark.parametrize("prefix", ["cfut_", "cfat_", ""])
def test_an_unknown_token_is_a_result_with_a_reason(
    server: Standin, engine: tv.Engine, prefix: str
) -> None:
    server.reset()
    token = tv.ApiToken(f"{prefix}not-a-real-token-000000000000000000000")
    with stored(server, server.accounts[0].id, token) as tenant:
        result = engine.check(tenant, None)
    assert (result.valid, result.status) == (False, "unknown")
    assert result.reason is not None
    assert result.reason.code == 1000
    assert len(server.requests()) == (1 if prefix else 2)
    SCHEMA.validate(result.to_dict())


def test_a_revoked_token_is_no_longer_valid(server: Standin, engine: tv.Engine) -> None:
    server.reset()
    known = server.named("user token")
    server.revoke(known)
    try:
        assert checked(server, engine, "user token").valid is False
    finally:
        server.restore(known)
    assert checked(server, engine, "user token").valid is True


def test_an_unknown_global_key_is_a_result_with_a_reason(
    server: Standin, engine: tv.Engine
) -> None:
    server.reset()
    key = tv.GlobalKey("nobody@example.net", "0" * 37)
    with stored(server, server.accounts[0].id, key) as tenant:
        result = engine.check(tenant, None)
    assert (result.valid, result.kind, result.token_kind) == (False, "global_key", None)
    assert result.reason is not None
    assert result.reason.code == 9103
    (request,) = server.requests()
    assert request["path"].endswith("/client/v4/user")


def test_no_connection_is_an_error_and_not_an_invalid_credential(server: Standin) -> None:
    closed = settings(server, api_base_url="https://127.0.0.1:1/client/v4", retry_max_attempts=1)
    with tv.Vault.in_memory() as vault, tv.Engine(closed) as engine:
        with vault.edit() as edit:
            token = tv.ApiToken("cfut_not-a-real-token-000000000000000000000")
            edit.put("one", "0" * 32, token, origin="https://127.0.0.1:1")
        with vault.tenant("one") as tenant, pytest.raises(tv.TransportError):
            engine.check(tenant, None, timeout=10)
