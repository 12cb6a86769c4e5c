"""A journal tells a tenant what was said of an account that it has now, and of no other."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault._exchange import Exchange
from tracevault._slot import Slot
from tracevault.journal import Asked, Journal

from .conftest import ACME, credential, settings

NAME = "soc"
OTHER = "910be000000000000000000000000001"
THIRD = "1111ec00000000000000000000000001"

Make = Callable[..., tv.Tenant]
#: Tells how each request of a batch ended, in the order of the requests.
Run = Callable[..., list[tv.Result]]
Meanwhile = Callable[[Callable[[], None], Callable[[], None] | None], AbstractContextManager[None]]


@pytest.fixture
def make(server: Standin) -> Iterator[Make]:
    """Makes a vault with one tenant, which has these accounts."""
    with ExitStack() as open_ones:

        def made(*accounts: str) -> tv.Tenant:
            vault = open_ones.enter_context(tv.Vault.in_memory())
            put(server, vault, *accounts)
            return vault.tenant(NAME)

        yield made


def put(server: Standin, vault: tv.Vault, *accounts: str, instead_of: str | None = None) -> None:
    """Give the tenant these accounts, and take one away."""
    with vault.edit() as edit:
        for account in accounts:
            edit.put(NAME, account, credential(server, account), origin=server.origin)
        if instead_of is not None:
            edit.remove(NAME, instead_of)


@pytest.fixture(params=["threads", "asyncio"])
def run(request: pytest.FixtureRequest, server: Standin, tmp_path: Path) -> Run:
    """Asks a batch with a journal; calls what is given with each result."""
    journal = tmp_path / "run.journal"

    async def in_loop(requests: list[tv.Request], told: Callable[[tv.Result], None]) -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            async for result in engine.batch(requests, resume=journal):
                told(result)

    def in_thread(requests: list[tv.Request], told: Callable[[tv.Result], None]) -> None:
        with tv.Engine(settings(server)) as engine:
            for result in engine.batch(requests, resume=journal):
                told(result)

    def both(
        requests: list[tv.Request], each: Callable[[tv.Result], None] | None = None
    ) -> list[tv.Result]:
        results: list[tv.Result] = []

        def told(result: tv.Result) -> None:
            results.append(result)
            if each is not None:
                each(result)

        if request.param == "asyncio":
            asyncio.run(in_loop(requests, told))
        else:
            in_thread(requests, told)
        place = {id(one): number for number, one in enumerate(requests)}
        return sorted(results, key=lambda one: place[id(one.request)])

    return both


def account_of(result: tv.Result) -> str | None:
    account: str | None = result.unwrap().account_id
    return account


#: Each kind of question, of an account that may be named.
ASKED: dict[str, Callable[[tv.Tenant, str | None], tv.Request[Any]]] = {
    "trace": lambda tenant, account: tv.Request.trace(tenant, account, "slow-0"),
    "missing": lambda tenant, account: tv.Request.trace(tenant, account, "fail-404"),
    "search": lambda tenant, account: tv.Request.search(tenant, account, limit=2),
    "check": tv.Request.check,
}


@pytest.fixture(params=ASKED)
def ask(request: pytest.FixtureRequest) -> Callable[[tv.Tenant, str | None], tv.Request[Any]]:
    return ASKED[request.param]


Ask = Callable[[tv.Tenant, "str | None"], "tv.Request[Any]"]


def lines_of(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_bytes().splitlines()[1:]]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """While it is entered, one thing is done before an answer is noted, and another before a
    question is submitted."""

    @contextmanager
    def doing(noted: Callable[[], None], submitted: Callable[[], None] | None) -> Iterator[None]:
        write, submit = Journal.note, Exchange.submit

        def note(journal: Journal, slot: Slot, asked: Asked | None) -> None:
            noted()
            write(journal, slot, asked)

        def ask(exchange: Exchange, *asked: Any, **how: Any) -> Slot:
            if submitted is not None:
                submitted()
            return submit(exchange, *asked, **how)

        with monkeypatch.context() as patched:
            patched.setattr(Journal, "note", note)
            patched.setattr(Exchange, "submit", ask)
            yield

    return doing


# ---- Two vaults ----------------------------------------------------------------------------------


def test_tenants_of_one_name_in_two_vaults_are_told_their_own_answers(
    make: Make, run: Run, ask: Ask
) -> None:
    first, second = make(ACME), make(OTHER)
    (before,) = run([ask(first, None)])
    mine, theirs = run([ask(first, None), ask(second, None)])
    assert not before.resumed
    assert mine.resumed
    assert not theirs.resumed
    mine, theirs = run([ask(first, None), ask(second, None)])
    assert mine.resumed
    assert theirs.resumed
    if mine.error is None:
        assert [account_of(mine), account_of(theirs)] == [ACME, OTHER]


def test_whoever_names_an_account_that_he_does_not_have_is_told_nothing_of_it(
    make: Make, run: Run, ask: Ask
) -> None:
    run([ask(make(ACME), ACME)])
    (result,) = run([ask(make(OTHER), ACME)])
    assert not result.resumed
    assert isinstance(result.error, tv.NotFoundError)
    assert result.error.status is tv.Status.E_NOT_FOUND


def test_an_account_that_is_named_and_the_only_one_are_one_question(
    make: Make, run: Run, ask: Ask
) -> None:
    tenant = make(ACME)
    run([ask(tenant, None)])
    (result,) = run([ask(tenant, ACME)])
    assert result.resumed


# ---- An account that is replaced -----------------------------------------------------------------


def test_a_tenant_is_told_nothing_of_the_account_that_it_had_in_an_earlier_run(
    server: Standin, make: Make, run: Run, ask: Ask
) -> None:
    tenant = make(ACME)
    run([ask(tenant, None)])
    put(server, tenant._vault, OTHER, instead_of=ACME)
    unnamed, named = run([ask(tenant, None), ask(tenant, ACME)])
    assert not unnamed.resumed
    assert unnamed.error is not None or account_of(unnamed) == OTHER
    assert not named.resumed
    assert named.error is not None
    assert named.error.status is tv.Status.E_NOT_FOUND
    # What was said of it is told when the tenant has it again.
    put(server, tenant._vault, ACME, instead_of=OTHER)
    (again,) = run([ask(tenant, None)])
    # The credential of a check is another one by its time, but the same secret.
    assert again.resumed
    assert again.error is not None or account_of(again) == ACME


def test_a_removed_tenant_is_told_nothing(make: Make, run: Run, ask: Ask) -> None:
    tenant = make(ACME)
    run([ask(tenant, None), ask(tenant, ACME)])
    with tenant._vault.edit() as edit:
        edit.remove_tenant(NAME)
    for result in run([ask(tenant, None), ask(tenant, ACME)]):
        assert not result.resumed
        assert result.error is not None
        assert result.error.status is tv.Status.E_NOT_FOUND


def test_of_an_account_that_is_replaced_amid_a_batch_nothing_more_is_told(
    server: Standin, make: Make, run: Run
) -> None:
    tenant = make(ACME)
    refs = [f"slow-{number}" for number in range(5)]
    requests = [tv.Request.trace(tenant, None, ref) for ref in refs]
    run(requests)
    told: list[tv.Result] = []

    def replace(result: tv.Result) -> None:
        told.append(result)
        if len(told) == 2:
            put(server, tenant._vault, OTHER, instead_of=ACME)

    run(requests, replace)
    assert [one.resumed for one in told] == [True, True, False, False, False]
    assert [account_of(one) for one in told] == [ACME] * 2 + [OTHER] * 3


def test_an_answer_is_not_kept_that_comes_when_the_account_is_another_one(
    server: Standin, make: Make, run: Run, ask: Ask, meanwhile: Meanwhile
) -> None:
    tenant = make(ACME)
    with meanwhile(lambda: put(server, tenant._vault, OTHER, instead_of=ACME), None):
        run([ask(tenant, None)])
    (result,) = run([ask(tenant, None)])
    assert not result.resumed
    put(server, tenant._vault, ACME, instead_of=OTHER)
    (result,) = run([ask(tenant, None)])
    assert not result.resumed


def test_an_answer_is_not_kept_of_an_account_that_was_there_for_that_question_only(
    server: Standin,
    make: Make,
    run: Run,
    ask: Ask,
    tmp_path: Path,
    meanwhile: Meanwhile,
) -> None:
    """Before and after the answer the tenant has the same account, and another one in between."""
    tenant = make(ACME)
    with meanwhile(
        lambda: put(server, tenant._vault, ACME, instead_of=OTHER),
        lambda: put(server, tenant._vault, OTHER, instead_of=ACME),
    ):
        (before,) = run([ask(tenant, None)])
    assert before.error is not None or account_of(before) == OTHER
    assert [line["settled"] for line in lines_of(tmp_path / "run.journal")] == [False]
    (result,) = run([ask(tenant, None)])
    assert not result.resumed
    assert result.error is not None or account_of(result) == ACME


def test_the_check_of_a_credential_that_was_rotated_meanwhile_is_not_kept(
    server: Standin, make: Make, run: Run, meanwhile: Meanwhile
) -> None:
    tenant = make(ACME)

    def rotate() -> None:
        with tenant._vault.edit() as edit:
            edit.rotate(NAME, ACME, tv.ApiToken(server.named("expired").token))

    with meanwhile(rotate, None):
        run([tv.Request.check(tenant, None)])
    (result,) = run([tv.Request.check(tenant, None)])
    assert not result.resumed
    assert not result.unwrap().valid


@pytest.mark.parametrize("account", [None, ACME])
def test_the_check_of_a_credential_that_was_there_for_that_question_only_is_not_kept(
    server: Standin,
    make: Make,
    run: Run,
    account: str | None,
    meanwhile: Meanwhile,
) -> None:
    tenant = make(ACME)

    def expire() -> None:
        with tenant._vault.edit() as edit:
            expired = tv.ApiToken(server.named("expired").token)
            edit.put(NAME, ACME, expired, origin=server.origin)

    with meanwhile(lambda: put(server, tenant._vault, ACME), expire):
        (before,) = run([tv.Request.check(tenant, account)])
    assert not before.unwrap().valid
    (result,) = run([tv.Request.check(tenant, account)])
    assert not result.resumed
    assert result.unwrap().valid


def test_a_credential_that_is_rotated_amid_a_batch_is_checked_again(
    server: Standin, make: Make, run: Run
) -> None:
    tenant = make(ACME)
    requests = [tv.Request.check(tenant, None), tv.Request.check(tenant, None)]
    run(requests)
    told: list[tv.Result] = []

    def rotate(result: tv.Result) -> None:
        told.append(result)
        if len(told) == 1:
            with tenant._vault.edit() as edit:
                edit.rotate(NAME, ACME, tv.ApiToken(server.named("expired").token))

    run(requests, rotate)
    assert [(one.resumed, one.unwrap().valid) for one in told] == [(True, True), (False, False)]


# ---- Several accounts ----------------------------------------------------------------------------


def test_a_tenant_with_several_accounts_is_told_only_of_one_that_is_named(
    server: Standin, make: Make, run: Run, ask: Ask
) -> None:
    tenant = make(ACME)
    run([ask(tenant, None)])
    put(server, tenant._vault, OTHER)
    unnamed, named = run([ask(tenant, None), ask(tenant, ACME)])
    assert not unnamed.resumed
    assert isinstance(unnamed.error, tv.AmbiguousError)
    assert named.resumed
    (unnamed,) = run([ask(tenant, None)])
    assert not unnamed.resumed
    put(server, tenant._vault, instead_of=OTHER)
    (unnamed,) = run([ask(tenant, None)])
    assert unnamed.resumed


def test_an_answer_is_not_kept_that_comes_when_there_are_several_accounts(
    server: Standin, make: Make, run: Run, ask: Ask, meanwhile: Meanwhile
) -> None:
    tenant = make(ACME)
    with meanwhile(lambda: put(server, tenant._vault, THIRD), None):
        run([ask(tenant, None)])
    put(server, tenant._vault, instead_of=THIRD)
    (result,) = run([ask(tenant, None)])
    assert not result.resumed


# ---- Lines ---------------------------------------------------------------------------------------


def rewrite(journal: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change each line of a journal."""
    first = journal.read_bytes().splitlines()[0]
    told = lines_of(journal)
    for line in told:
        change(line)
    # What is written first marks a line that is settled.
    texts = [json.dumps(line).replace(": ", ":", 2).replace(", ", ",", 1) for line in told]
    journal.write_bytes(b"\n".join([first, *(text.encode() for text in texts), b""]))


def test_a_line_whose_document_is_of_another_account_is_asked_again(
    make: Make, run: Run, tmp_path: Path
) -> None:
    tenant = make(ACME)
    requests = [ask(tenant, None) for name, ask in ASKED.items() if name != "missing"]
    run(requests)
    rewrite(tmp_path / "run.journal", lambda line: None)
    assert all(one.resumed for one in run(requests))

    def move(line: dict[str, Any]) -> None:
        line["document"]["account_id"] = OTHER

    rewrite(tmp_path / "run.journal", move)
    assert not any(one.resumed for one in run(requests))


@pytest.mark.parametrize("account", [None, ACME])
def test_lines_of_before_are_told_where_they_name_the_account_and_asked_again_where_not(
    make: Make, run: Run, tmp_path: Path, account: str | None
) -> None:
    """They knew a request by the account as it was asked for, which may be none."""
    tenant = make(ACME)
    requests = [ask(tenant, account) for name, ask in ASKED.items() if name != "check"]
    run(requests)
    keys = {}
    for one in requests:
        what = [one.kind, NAME, account, one.message_ref, one.filters, one.submission, one.views]
        digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()
        keys[one.kind, one.message_ref] = digest[:32]

    def age(line: dict[str, Any]) -> None:
        line["account_id"] = account
        line["key"] = keys[line["kind"], line["message_ref"]]

    rewrite(tmp_path / "run.journal", age)
    assert [one.resumed for one in run(requests)] == [account is not None] * len(requests)
    assert all(one.resumed for one in run(requests))


def test_a_line_says_which_account_it_is_about(make: Make, run: Run, tmp_path: Path) -> None:
    tenant = make(ACME)
    run([ask(tenant, None) for ask in ASKED.values()])
    found = lines_of(tmp_path / "run.journal")
    assert [(one["settled"], one["account_id"]) for one in found] == [(True, ACME)] * len(ASKED)


# ---- Looking -------------------------------------------------------------------------------------


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads in which accounts are listed, one for each time."""
    threads: list[int] = []
    listed = tv.Tenant.accounts

    def accounts(tenant: tv.Tenant) -> list[tv.Account]:
        threads.append(threading.get_ident())
        return listed(tenant)

    monkeypatch.setattr(tv.Tenant, "accounts", accounts)
    return threads


def test_accounts_are_listed_once_as_long_as_the_vault_is_the_same(
    server: Standin, make: Make, run: Run, looks: list[int]
) -> None:
    tenants = [make(ACME), make(OTHER)]
    requests = [
        tv.Request.trace(tenant, None, f"slow-{number % 3}")
        for number in range(30)
        for tenant in tenants
    ]
    for _ in range(2):
        looks.clear()
        assert not any(one.error for one in run(requests))
        assert len(looks) == len(tenants)
    looks.clear()
    told: list[tv.Result] = []

    def change(result: tv.Result) -> None:
        told.append(result)
        if len(told) == 10:
            with tenants[0]._vault.edit() as edit:
                edit.set(NAME, ACME, label="another")

    assert all(one.resumed for one in run(requests, change))
    assert len(looks) == len(tenants) + 1


@pytest.mark.parametrize("run", ["asyncio"], indirect=True)
def test_an_event_loop_lists_accounts_in_another_thread(
    server: Standin, make: Make, run: Run, ask: Ask, looks: list[int]
) -> None:
    tenant = make(ACME)
    requests = [tv.Request.trace(tenant, None, f"slow-{number}") for number in range(10)]
    requests += [ask(tenant, None), ask(tenant, ACME)]
    labels = (f"label {number}" for number in count())

    def change(_: tv.Result) -> None:
        with tenant._vault.edit() as edit:
            edit.set(NAME, ACME, label=next(labels))

    # Each time before a request is asked, and before its answer is written down.
    for _ in range(2):
        run(requests, change)
        assert len(looks) > 2
    assert threading.get_ident() not in looks


def test_a_tenant_whose_vault_is_closed_is_told_what_it_had_then(
    server: Standin, make: Make, run: Run, ask: Ask, looks: list[int]
) -> None:
    tenant = make(ACME)
    run([ask(tenant, None)])
    tenant._vault.close()
    looks.clear()
    requests = [ask(tenant, None), ask(tenant, OTHER)]
    mine, theirs = run(requests)
    assert mine.resumed
    assert not theirs.resumed
    assert len(looks) == 1


def test_an_answer_is_kept_of_a_tenant_that_was_given_back_meanwhile(
    make: Make, run: Run, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = make(ACME)
    write = Journal.note

    def note(journal: Journal, slot: Slot, asked: Asked | None) -> None:
        slot.request.tenant.close()
        write(journal, slot, asked)

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "note", note)
        run([ask(tenant._vault.tenant(NAME), None)])
    (result,) = run([ask(tenant, None)])
    assert result.resumed
