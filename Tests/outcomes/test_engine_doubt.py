"""One word of the server is not the last: stray refusals, looks that fail, parkings that are lifted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from bare_server import ACCOUNT, reply, serving
from bare_server import engine as engine_at
from bare_server import tenant as tenant_at
from engine_scene import ACME, arrived, names, settings, slow, taken, token, until, vault_of
from jsonschema import Draft202012Validator
from launcher import Standin, standin

DOCS = Path(__file__).resolve().parents[2] / "docs"


def faults(document: object, kind: str) -> list[str]:
    schema = json.loads((DOCS / f"{kind}.schema.json").read_text(encoding="utf-8"))
    return [error.message for error in Draft202012Validator(schema).iter_errors(document)]


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


@pytest.fixture
def server(running: Standin) -> Standin:
    running.reset()
    return running


@pytest.fixture
def acme(server: Standin) -> Iterator[tv.Tenant]:
    with vault_of(server, "acme") as vault, vault.tenant("acme") as tenant:
        yield tenant


# ---- Stray refusals --------------------------------------------------------------------------


@pytest.mark.parametrize("stray", ["fail-403-10000-once", "fail-401-10000-once"])
def test_one_stray_refusal_in_the_midst_of_good_answers_costs_nobody_anything(
    server: Standin, acme: tv.Tenant, stray: str
) -> None:
    with tv.Engine(settings(server, engine__max_in_flight=8)) as engine:
        engine.trace(acme, ACME, "slow-1")
        requests = [slow(acme, ms) for ms in range(20, 59)]
        requests.insert(8, tv.Request.trace(acme, ACME, stray))
        results = list(engine.batch(requests))
        assert names(results) == [""] * 40
        # The refused one once more, and nothing else.
        assert arrived(server) == 1 + 40 + 1
        assert engine.stats()["credentials_refused"] == 1


def test_a_refusal_that_stays_is_told_after_one_question_more(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server, engine__max_in_flight=8)) as engine:
        engine.trace(acme, ACME, "slow-1")
        with pytest.raises(tv.CredentialError) as caught:
            engine.trace(acme, ACME, "fail-403-permission")
        assert arrived(server) == 3
        error = caught.value
        assert (error.http_status, error.codes) == (403, (10000,))
        assert not error.retriable and error.retry_after is None
        assert "access" in error.message
        with pytest.raises(tv.CredentialError) as later:
            engine.trace(acme, ACME, "slow-2")
        assert later.value.retriable and later.value.retry_after == 60
        assert arrived(server) == 3


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("fail-400-6111", "quotes"),
        ("fail-400-6103", "X-Auth-Key"),
        ("fail-403-9109", "belongs to this account"),
        ("fail-401-1000", "revoked"),
    ],
)
def test_a_refusal_says_what_to_look_at(
    server: Standin, acme: tv.Tenant, ref: str, words: str
) -> None:
    with tv.Engine(settings(server)) as engine, pytest.raises(tv.CredentialError, match=words):
        engine.trace(acme, ACME, ref)


# ---- Later looks -----------------------------------------------------------------------------


def test_a_search_whose_deadline_comes_on_page_two_says_so(
    server: Standin, acme: tv.Tenant
) -> None:
    with tv.Engine(settings(server)) as engine:
        found = engine.search(
            acme, ACME, query="standin-page2-slow-60000", limit=9, per_page=2, timeout=2
        )
        assert found.messages and not found.complete and found.next_cursor
        assert found.error is not None and found.error.name == "TV_E_DEADLINE"
        assert found.error.retriable and "the first byte" in found.error.message
        assert faults(found.to_dict(), "search") == []


# ---- Permissions -----------------------------------------------------------------------------


def test_a_check_with_access_finds_a_permission_that_is_missing(server: Standin) -> None:
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            edit.put("acme", ACME, token(server), origin=server.origin)
        with vault.tenant("acme") as acme, tv.Engine(settings(server)) as engine:
            plain = engine.check(acme, None)
            assert plain.valid and plain.access is None
            asked = engine.check(acme, None, access=True)
            assert asked.valid and asked.access is not None and asked.access.granted is True
            assert faults(asked.to_dict(), "check") == []
            assert "per_page=1" in str(server.requests()[-1])


def test_a_check_that_finds_no_permission_opens_no_closed_credential() -> None:
    active = {"success": True, "errors": [], "result": {"id": "x", "status": "active"}}
    refused = {"success": False, "errors": [{"code": 10000, "message": "no"}], "result": None}

    def answer(head: bytes, _number: int) -> bytes:
        return reply(active) if b"/verify" in head else reply(refused, 403)

    with (
        serving(answer) as server,
        engine_at(server.origin) as engine,
        tenant_at(server.origin) as acme,
    ):
        with pytest.raises(tv.CredentialError):
            engine.trace(acme, ACCOUNT, "m1")
        found = engine.check(acme, ACCOUNT, access=True)
        assert found.valid and found.access is not None and found.access.granted is False
        asked = len(server.heads)
        with pytest.raises(tv.CredentialError) as later:
            engine.trace(acme, ACCOUNT, "m2")
        assert later.value.retriable and len(server.heads) == asked


def test_another_label_or_the_same_token_again_opens_no_closed_credential(server: Standin) -> None:
    with (
        vault_of(server, "acme") as vault,
        vault.tenant("acme") as acme,
        tv.Engine(settings(server)) as engine,
    ):
        with pytest.raises(tv.CredentialError):
            engine.trace(acme, ACME, "fail-403-permission")
        asked = arrived(server)
        with vault.edit() as edit:
            edit.set("acme", ACME, label="another")
        with vault.edit() as edit:
            edit.put("acme", ACME, token(server), origin=server.origin)
        with pytest.raises(tv.CredentialError) as later:
            engine.trace(acme, ACME, "slow-2")
        assert later.value.retriable and arrived(server) == asked


# ---- Parkings --------------------------------------------------------------------------------


def test_a_parking_is_lifted_and_what_waits_goes_on(server: Standin, acme: tv.Tenant) -> None:
    with tv.Engine(settings(server)) as engine:
        parked = engine.submit(
            tv.Request.trace(acme, ACME, "fail-429-300-once", priority="bulk", timeout=None)
        )
        until(lambda: engine.stats()["rate_limited"] == 1, "the 429")
        waiting = engine.submit(tv.Request.trace(acme, ACME, "slow-3", priority="bulk"))
        assert engine.estimate(acme, 1)["parked_ms"] > 200_000
        assert arrived(server) == 1
        engine.lift(acme)
        assert engine.estimate(acme, 1)["parked_ms"] == 0
        results = taken(engine, 2)
        assert set(results) == {parked, waiting} and names(results.values()) == ["", ""]
        engine.lift(acme, ACME)
        with pytest.raises(tv.NotFoundError):
            engine.lift(acme, "0" * 32)
    with pytest.raises(tv.TraceVaultError):
        engine.lift(acme)
