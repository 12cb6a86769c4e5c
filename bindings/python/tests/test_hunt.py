"""Hunts: which of many accounts received a message, and what happened to each copy."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin, standin
from standin import mail as mail_of

import tracevault as tv

from .conftest import ACME, fill, settings

LONG_AGO = "2000-01-01T00:00:00Z"
#: A sender whose messages every account of the stand-in has.
SENDER = "sender.example"


@pytest.fixture(scope="module")
def many(library_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """A stand-in with 120 accounts of 60 tenants."""
    assert library_path
    tenants, credentials = [], []
    for number in range(60):
        ids = [f"{number:02d}{at}" + "a" * 29 for at in (0, 1)]
        accounts = [{"id": one, "label": f"Label {one[:3]}"} for one in ids]
        tenants.append({"name": f"tenant {number:02d}", "accounts": accounts})
        token = f"test-token-not-real-{number:04d}-000000000000"
        credentials.append(
            {"kind": "api_token", "user": f"user {number}", "token": token, "accounts": ids}
        )
    accounts_file = tmp_path_factory.mktemp("many") / "accounts.json"
    accounts_file.write_text(json.dumps({"tenants": tenants, "credentials": credentials}))
    with standin(quota=0, accounts=accounts_file) as running:
        yield running


def copies_of(server: Standin) -> set[tuple[str, str]]:
    """Account and reference of each message that the hunts here must find."""
    everything = server.messages + mail_of.archive(server.messages)
    return {
        (one.account_id, one.item["id"])
        for one in mail_of.of_messages(everything, len(server.accounts))
        if one.item["from"].endswith("@" + SENDER)
    }


def expected(server: Standin, account_id: str) -> set[str]:
    return {ref for of, ref in copies_of(server) if of == account_id}


def test_120_accounts_are_hunted_in_one_call_and_each_copy_comes_exactly_once(
    many: Standin,
) -> None:
    told: list[tv.Progress] = []
    with tv.Vault.in_memory() as vault, tv.Engine(settings(many)) as engine:
        fill(vault, many)
        findings = list(engine.hunt(vault, sender=SENDER, start=LONG_AGO, progress=told.append))
    copies = Counter((f.account_id, f.message.message_ref) for f in findings if f.message)
    assert set(copies.values()) == {1}
    assert copies.keys() == copies_of(many)
    assert len({account for account, _ in copies}) > 60
    for finding in findings:
        assert finding.error is None
        assert finding.trace is not None
        assert finding.trace.account_id == finding.account_id
        assert finding.account.label == f"Label {finding.account_id[:3]}"
        assert finding.tenant == f"tenant {finding.account_id[:2]}"
        assert finding.recipients == finding.trace.summary.recipients
    assert (told[0].done, told[0].total) == (0, 120)
    assert (told[-1].done, told[-1].total, told[-1].failed) == (120, 120, 0)
    assert told[-1].found == len(findings)
    done = [one.done for one in told]
    assert done == sorted(done)


def test_an_account_that_could_not_be_asked_is_a_finding_too(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    revoked = server.credential("1111ec" + "0" * 25 + "1")
    server.revoke(revoked)
    try:
        findings = list(engine.hunt(vault, sender=SENDER, start=LONG_AGO, trace=False))
    finally:
        server.restore(revoked)
    (failed,) = [finding for finding in findings if finding.message is None]
    assert failed.tenant == "initech"
    assert isinstance(failed.error, tv.CredentialError)
    assert (failed.error.tenant, failed.error.account_id) == ("initech", failed.account_id)
    assert {f.tenant for f in findings if f.message} == {"acme", "globex"}
    assert failed.to_dict()["error"]["status"] == "TV_E_CREDENTIAL"
    json.dumps([finding.to_dict() for finding in findings])


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("standin-page1-fail-500", tv.ServerError),
        ("standin-page2-fail-500", tv.ServerError),
        ("standin-repeated-cursor", tv.ReplyError),
        ("standin-next-url-elsewhere", tv.ReplyError),
    ],
)
def test_an_account_that_was_not_searched_to_its_end_says_so_and_keeps_what_it_found(
    server: Standin, acme: tv.Tenant, word: str, error: type[tv.TraceVaultError]
) -> None:
    with tv.Engine(settings(server, retry_max_attempts=2)) as engine:
        findings = list(
            engine.hunt(acme, query=word, per_page=4, start=LONG_AGO, trace=False, timeout=60)
        )
    unasked = [finding for finding in findings if finding.message is None]
    assert [type(finding.error) for finding in unasked] == [error] * 2  # acme has two accounts
    copies = [(f.account_id, f.message.message_ref) for f in findings if f.message]
    assert len(copies) == len(set(copies))
    assert bool(copies) is ("page1" not in word)


def test_a_filter_that_is_none_is_as_if_it_were_not_given(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    nothing: Any = {"subject": None, "limit": None, "end": None, "per_page": None}
    hunted = [one.message for one in engine.hunt(acme, sender=SENDER, start=LONG_AGO, **nothing)]
    assert hunted
    assert len(hunted) == len([*engine.hunt(acme, sender=SENDER, start=LONG_AGO)])
    places = [tmp_path / "with", tmp_path / "without"]
    given: list[Any] = [{"detections_only": None, **nothing}, {}]
    collected = [
        len([*engine.collect(acme, checkpoint=place, start=LONG_AGO, **options)])
        for place, options in zip(places, given, strict=True)
    ]
    assert collected[0] == collected[1] > 0


def test_more_copies_than_the_limit_are_told(engine: tv.Engine, acme: tv.Tenant) -> None:
    findings = list(engine.hunt(acme, query="standin-items-50", limit=20, trace=False))
    assert Counter(finding.account_id for finding in findings).most_common(1)[0][1] == 21
    unasked = [finding.error for finding in findings if finding.message is None]
    assert [type(error) for error in unasked] == [tv.LimitError] * 2
    assert "20" in str(unasked[0])


def test_a_search_that_its_deadline_ended_is_gone_on_with_and_told_when_that_fails(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    findings = list(
        engine.hunt(
            acme,
            query="standin-page2-slow-1500",
            per_page=4,
            start=LONG_AGO,
            trace=False,
            timeout=1,
        )
    )
    for account_id in {finding.account_id for finding in findings}:
        mine = [finding for finding in findings if finding.account_id == account_id]
        assert [finding.message is None for finding in mine] == [False] * 4 + [True]
        assert isinstance(mine[-1].error, tv.DeadlineError)


def test_a_message_without_an_id_is_a_finding_that_says_so(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    findings = list(engine.hunt(acme, query="standin-odd-items", limit=1000))
    nameless = [f for f in findings if f.message and f.message.message_ref is None]
    assert nameless
    assert all(isinstance(finding.error, tv.ReplyError) for finding in nameless)


def test_a_hash_and_words_are_looked_for_together(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    list(engine.hunt(acme, hash="0" * 64, query="invoice"))
    asked = {request["query"].split("query=")[1].split("&")[0] for request in server.requests()}
    assert asked in ({"invoice+" + "0" * 64}, {"invoice%20" + "0" * 64})


def test_an_account_of_several_tenants_is_asked_once_through_a_credential_that_works(
    server: Standin, engine: tv.Engine
) -> None:
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            bad = tv.ApiToken("test-token-not-real-revoked-0000000000000")
            edit.put("a first", ACME, bad, origin=server.origin)
            for name in ("b second", "c third"):
                token = tv.ApiToken(server.credential(ACME).token)
                edit.put(name, ACME, token, origin=server.origin)
        findings = list(engine.hunt(vault, sender=SENDER, start=LONG_AGO, trace=False))
    refs = [finding.message.message_ref for finding in findings if finding.message]
    assert sorted(filter(None, refs)) == sorted(expected(server, ACME))
    assert {finding.tenant for finding in findings} == {"b second"}
    assert all(finding.error is None for finding in findings)


def test_every_copy_has_the_views_that_were_asked_for(engine: tv.Engine, acme: tv.Tenant) -> None:
    wanted: list[tv.View] = ["ecs"]
    findings = list(engine.hunt(acme, sender=SENDER, start=LONG_AGO, views=iter(wanted)))
    assert len(findings) > 2
    assert all(finding.trace and finding.trace.ecs() for finding in findings)


def test_a_trace_that_fails_is_a_finding_with_its_message(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    # The ids of these items have no trace.
    findings = list(engine.hunt(acme, query="standin-items-3", limit=1000))
    assert len(findings) == 6
    for finding in findings:
        assert finding.message is not None
        assert isinstance(finding.error, tv.MessageNotFoundError)
        assert finding.error.message_ref == finding.message.message_ref


def test_leaving_a_hunt_early_cancels_the_rest(many: Standin) -> None:
    with tv.Vault.in_memory() as vault, tv.Engine(settings(many)) as engine:
        fill(vault, many)
        for _ in engine.hunt(vault, sender=SENDER, start=LONG_AGO, window=8):
            break
        while engine.stats()["outstanding"]:
            engine.take(0.05)


def test_a_hunt_in_asyncio_finds_the_same(server: Standin, vault: tv.Vault) -> None:
    async def hunt() -> set[tuple[str, str | None]]:
        async with tv.AsyncEngine(settings(server)) as engine:
            return {
                (finding.account_id, finding.message.message_ref if finding.message else None)
                async for finding in engine.hunt(vault, sender=SENDER, start=LONG_AGO)
            }

    found = asyncio.run(hunt())
    assert found == copies_of(server)


def test_a_hunt_with_a_journal_asks_nothing_twice(
    server: Standin, engine: tv.Engine, vault: tv.Vault, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"sender": SENDER, "start": LONG_AGO, "resume": tmp_path / "j"}
    first = list(engine.hunt(vault, **how, wait=20))
    server.reset()
    second = list(engine.hunt(vault, **how))
    assert server.requests() == []
    assert len(first) == len(second)


def test_a_hunt_waits_for_the_quota_and_never_exceeds_it(library_path: Path) -> None:
    assert library_path
    with standin(quota=40, window=2, block=2) as small, tv.Vault.in_memory() as vault:
        fill(vault, small)
        paced = settings(small, budget_quota=40, budget_window_ms=2000, budget_ledger="private")
        with tv.Engine(paced) as engine:
            findings = list(engine.hunt(vault, sender=SENDER, start=LONG_AGO))
        assert [finding.error for finding in findings if finding.error] == []
        assert len(findings) == len(copies_of(small)) > 40
        assert small.counts()["refused"] == 0


# ---- Checks --------------------------------------------------------------------------------------


def test_all_credentials_are_checked_in_one_call(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    checked = list(engine.check_all(vault))
    assert {one.account_id for one in checked} == {account.id for account in server.accounts}
    assert all(one.valid for one in checked)
    assert list(engine.check_all(vault, expiring=30)) == []


def test_a_permission_that_is_missing_is_found_where_it_is_asked_for(
    server: Standin, engine: tv.Engine
) -> None:
    lacking = next(one for one in server.directory.credentials if not one.permission)
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            account = min(lacking.reach)
            edit.put("initech", account, tv.ApiToken(lacking.token), origin=server.origin)
        (plain,) = engine.check_all(vault)
        assert plain.valid
        assert not plain.denied
        # Only those that do not work: that is one.
        (asked,) = engine.check_all(vault, access=True, expiring=30)
        assert asked.valid
        assert asked.denied
        assert "without the permission" in repr(asked)


def expiring(server: Standin) -> tv.Vault:
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        for tenant, name in (("soon", "expiring"), ("gone", "expired"), ("fine", "user token")):
            token = tv.ApiToken(server.named(name).token)
            edit.put(tenant, ACME, token, origin=server.origin, label=name)
    return vault


def test_credentials_that_end_soon_or_do_not_work_are_given_alone_and_their_ends_stored(
    server: Standin, engine: tv.Engine
) -> None:
    with expiring(server) as vault:
        checked = {one.tenant: one for one in engine.check_all(vault, expiring=7, store=True)}
        assert checked.keys() == {"soon", "gone"}
        assert checked["soon"].valid
        assert not checked["gone"].valid
        stored = {account.tenant: account for account in vault.accounts()}
        assert stored["soon"].expires == checked["soon"].expires
        assert stored["soon"].expires is not None
        assert stored["fine"].expires is None
        assert stored["soon"].label == "expiring"
        generation = vault.generation
        # What the vault knows already is no change.
        list(engine.check_all(vault, expiring=7, store=True))
        assert vault.generation == generation
        assert next(iter(engine.check_all(vault, expiring=2))).tenant == "gone"


def test_an_end_is_not_stored_with_a_credential_that_it_was_not_told_of(
    server: Standin, engine: tv.Engine
) -> None:
    with expiring(server) as vault:
        found = engine.check_all(vault, store=True)
        assert next(found)
        with vault.edit() as edit:
            edit.rotate("soon", ACME, tv.ApiToken(server.named("user token").token))
            edit.remove_tenant("gone")
        generation = vault.generation
        assert len(list(found)) == 2
        stored = {(one.tenant, one.state): one.expires for one in vault.accounts()}
        assert stored == dict.fromkeys(
            [("soon", "active"), ("soon", "retiring"), ("fine", "active")]
        )
        assert vault.generation == generation


@pytest.mark.parametrize("span", [0, -1, -0.5, timedelta(days=-7)])
def test_a_span_in_which_nothing_can_end_is_refused(
    engine: tv.Engine, acme: tv.Tenant, span: float | timedelta
) -> None:
    with pytest.raises(tv.ArgumentError, match="expiring must be more than 0"):
        engine.check_all(acme, expiring=span)


def test_checks_in_asyncio_store_as_well(server: Standin) -> None:
    async def check(vault: tv.Vault) -> list[tv.Checked]:
        async with tv.AsyncEngine(settings(server)) as engine:
            return [one async for one in engine.check_all(vault, store=True)]

    with expiring(server) as vault:
        assert len(asyncio.run(check(vault))) == 3
        assert sum(account.expires is not None for account in vault.accounts()) >= 1


def test_ends_cannot_be_stored_through_tenants_alone(engine: tv.Engine, acme: tv.Tenant) -> None:
    with pytest.raises(TypeError, match="Vault"):
        engine.check_all(acme, store=True)
