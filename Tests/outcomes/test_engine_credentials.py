"""A refused credential is not tried again and again, and what can be answered is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import tracevault as tv
from engine_scene import ACME, arrived, names, settings, slow, taken, until, vault_of
from launcher import Standin, standin
from standin.accounts import Credential

#: Requests under way at once here; what is under way when a credential is refused is refused too.
IN_FLIGHT = 4


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


@pytest.fixture
def server(running: Standin) -> Standin:
    running.reset()
    return running


@pytest.fixture
def vault(server: Standin) -> Iterator[tv.Vault]:
    with vault_of(server, "acme") as made:
        yield made


@pytest.fixture
def acme(vault: tv.Vault) -> Iterator[tv.Tenant]:
    with vault.tenant("acme") as tenant:
        yield tenant


def engine_for(server: Standin, retry_ms: int = 60_000) -> tv.Engine:
    return tv.Engine(
        settings(server, engine__max_in_flight=IN_FLIGHT, credential__retry_ms=retry_ms)
    )


def put(vault: tv.Vault, server: Standin, credential: Credential, *, retire: bool = False) -> None:
    secret = tv.ApiToken(bytearray(credential.token.encode()))
    with vault.edit() as edit:
        if retire:
            edit.retire("acme", ACME)
        edit.put("acme", ACME, secret, origin=server.origin)


def old(server: Standin) -> Credential:
    return server.credential(ACME)


def new(server: Standin) -> Credential:
    return server.named("user token")


def used(server: Standin, credential: Credential) -> int:
    count: int = server.counts()["credentials"].get(credential.token, 0)
    return count


def many(acme: tv.Tenant, first: int = 100, count: int = 200) -> list[tv.Request]:
    return [slow(acme, ms) for ms in range(first, first + count)]


# ---- One credential --------------------------------------------------------------------------


def test_a_revoked_token_is_not_hammered_and_what_waits_fails_at_once(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    with engine_for(server) as engine:
        for request in many(acme):
            engine.submit(request)
        until(lambda: arrived(server) >= IN_FLIGHT, "the first requests")
        server.revoke(old(server))
        before = arrived(server)
        results = taken(engine, 200)
        ended = names(results.values())
        assert ended.count("TV_E_CREDENTIAL") + ended.count("") == 200
        assert ended.count("TV_E_CREDENTIAL") > 150
        # What was under way, and what may have left before the first refusal came back.
        assert arrived(server) - before <= 2 * IN_FLIGHT
        # And one that confirmed the refusal.
        assert server.counts()["status"]["401"] <= IN_FLIGHT + 1
        for result in results.values():
            if result.error and not result.error.http_status:
                assert result.error.retry_after == 60 and result.error.retriable
            elif result.error:
                assert result.error.retry_after is None and not result.error.retriable
        # And so it stays: nothing more is sent.
        before = arrived(server)
        for request in many(acme, 500, 50):
            engine.submit(request)
        assert names(taken(engine, 50).values()) == ["TV_E_CREDENTIAL"] * 50
        assert arrived(server) == before


def test_after_the_cool_down_one_request_goes_ahead(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    with engine_for(server, retry_ms=1000) as engine:
        server.revoke(old(server))
        with pytest.raises(tv.CredentialError):
            engine.trace(acme, ACME, "slow-1")
        assert arrived(server) == 1
        time.sleep(1.1)  # the cool-down; nothing is measured
        for request in many(acme, 1, 50):
            engine.submit(request)
        assert names(taken(engine, 50).values()) == ["TV_E_CREDENTIAL"] * 50
        assert arrived(server) == 2
        server.restore(old(server))
        time.sleep(1.1)
        for request in many(acme, 100, 50):
            engine.submit(request)
        assert names(taken(engine, 50).values()) == [""] * 50
        assert arrived(server) == 52


def test_a_new_token_in_the_vault_is_used_at_once(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    with engine_for(server) as engine:
        server.revoke(old(server))
        with pytest.raises(tv.CredentialError):
            engine.trace(acme, ACME, "slow-1")
        put(vault, server, new(server))
        assert engine.trace(acme, ACME, "slow-1").complete
        assert (used(server, old(server)), used(server, new(server))) == (1, 1)


def test_a_new_token_is_used_by_what_waits_already(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    with engine_for(server) as engine:
        for request in many(acme, 100, 40):
            engine.submit(request)
        until(lambda: arrived(server) >= IN_FLIGHT, "the first requests")
        put(vault, server, new(server))
        server.revoke(old(server))  # what is under way was let in already
        assert names(taken(engine, 40).values()) == [""] * 40
        assert used(server, new(server)) >= 40 - 2 * IN_FLIGHT


def test_other_tenants_with_the_same_account_go_on(server: Standin, vault: tv.Vault) -> None:
    with vault.edit() as edit:
        secret = tv.ApiToken(bytearray(new(server).token.encode()))
        edit.put("other", ACME, secret, origin=server.origin)
    with engine_for(server) as engine:
        server.revoke(old(server))
        with pytest.raises(tv.CredentialError):
            engine.trace(vault.tenant("acme"), ACME, "slow-1")
        assert engine.trace(vault.tenant("other"), ACME, "slow-1").complete


def asleep(engine: tv.Engine, acme: tv.Tenant) -> int:
    """A request whose first try has failed and that waits for its second."""
    sleeper = engine.submit(tv.Request.trace(acme, ACME, "fail-503-2-once"))
    until(lambda: engine.stats()["sleeping"] == 1, "the first try's end")
    return sleeper


def assert_wakes_well(engine: tv.Engine, sleeper: int) -> None:
    """Its second try brings the trace."""
    result = engine.take(60)
    assert result is not None and result.id == sleeper
    assert names([result]) == [""]


def test_what_sleeps_goes_on_with_a_token_that_came_after_the_refusal(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    with engine_for(server) as engine:
        sleeper = asleep(engine, acme)
        server.revoke(old(server))
        with pytest.raises(tv.CredentialError):
            engine.trace(acme, ACME, "slow-1")
        put(vault, server, new(server))
        assert_wakes_well(engine, sleeper)
        assert (used(server, old(server)), used(server, new(server))) == (2, 1)


# ---- A check looks through the closed door ---------------------------------------------------


@pytest.mark.parametrize("kind", ["token of unknown kind", "user's token"])
def test_a_check_goes_out_and_opens_the_door_only_for_a_good_credential(
    server: Standin, vault: tv.Vault, acme: tv.Tenant, kind: str
) -> None:
    credential = new(server) if kind == "user's token" else old(server)
    put(vault, server, credential)
    with engine_for(server) as engine:
        server.revoke(credential)
        with pytest.raises(tv.CredentialError):
            engine.trace(acme, ACME, "slow-1")
        assert not engine.check(acme, ACME).valid
        after_check = arrived(server)
        assert after_check > 1
        # Bad news is no reason to try again.
        for request in many(acme, 1, 20):
            engine.submit(request)
        assert names(taken(engine, 20).values()) == ["TV_E_CREDENTIAL"] * 20
        assert arrived(server) == after_check
        server.restore(credential)
        checked = engine.check(acme, ACME)
        if checked.valid:  # the stand-in verifies only some of its tokens
            assert engine.trace(acme, ACME, "slow-1").complete
        else:
            assert kind != "user's token"


def test_a_check_that_waits_is_not_failed_by_a_refusal(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    put(vault, server, new(server))
    with engine_for(server) as engine:
        for request in many(acme, 300, 8):
            engine.submit(request)
        until(lambda: arrived(server) >= IN_FLIGHT, "the first requests")
        server.revoke(new(server))
        check = engine.submit(tv.Request.check(acme, ACME))
        results = taken(engine, 9)
        found = results[check].check
        assert found is not None and not found.valid


# ---- A rotation ------------------------------------------------------------------------------


@pytest.fixture
def rotated(server: Standin, vault: tv.Vault) -> tv.Vault:
    """The active token is new, the retiring one old."""
    put(vault, server, new(server), retire=True)
    return vault


def test_everything_is_answered_through_the_retiring_token_when_the_active_one_is_refused(
    server: Standin, rotated: tv.Vault, acme: tv.Tenant
) -> None:
    with engine_for(server) as engine:
        for request in many(acme):
            engine.submit(request)
        until(lambda: arrived(server) >= IN_FLIGHT, "the first requests")
        server.revoke(new(server))
        assert names(taken(engine, 200).values()) == [""] * 200
        # One more where it had worked before: that confirms the refusal.
        assert server.counts()["status"]["401"] <= IN_FLIGHT + 1
        assert used(server, old(server)) >= 200 - 2 * IN_FLIGHT
        # Until the active one is good again, nobody asks with it.
        before = used(server, new(server))
        engine.trace(acme, ACME, "slow-1")
        assert used(server, new(server)) == before
        assert engine.check(acme, ACME).valid is False  # a check is of the active one


def test_a_request_falls_back_once_and_then_fails(
    server: Standin, rotated: tv.Vault, acme: tv.Tenant
) -> None:
    with engine_for(server) as engine:
        for request in many(acme, 300, 50):
            engine.submit(request)
        until(lambda: arrived(server) >= IN_FLIGHT, "the first requests")
        server.revoke(new(server))
        server.revoke(old(server))
        ended = names(taken(engine, 50).values())
        assert ended.count("TV_E_CREDENTIAL") >= 50 - 2 * IN_FLIGHT
        refused = server.counts()["status"]["401"]
        assert 2 <= refused <= 3 * IN_FLIGHT
        with pytest.raises(tv.CredentialError):
            engine.trace(acme, ACME, "slow-1")
        assert server.counts()["status"]["401"] == refused


def test_what_sleeps_between_two_tries_falls_back_as_well(
    server: Standin, rotated: tv.Vault, acme: tv.Tenant
) -> None:
    with engine_for(server) as engine:
        sleeper = asleep(engine, acme)
        server.revoke(new(server))
        assert engine.trace(acme, ACME, "slow-1").complete
        assert_wakes_well(engine, sleeper)
        assert used(server, new(server)) == 2
