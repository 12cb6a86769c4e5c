"""A hunt of the core: each copy once, each account that could not be asked, one end; whatever the servers do."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TOKEN, TRACE, engine, reply, serving, tenant
from core_hunts import FINDING, HUNT, Told, begin, cancel, fetch, hunt, take, told
from engine_scene import put_all, settings, until
from jsonschema import Draft202012Validator
from launcher import Standin, standin
from tracevault.errors import Status

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMAS = {
    kind: Draft202012Validator(json.loads((DOCS / f"{name}.schema.json").read_text("utf-8")))
    for kind, name in ((FINDING, "finding"), (HUNT, "hunt"))
}
LONG_AGO = "2000-01-01T00:00:00Z"
SENDER = "sender.example"


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


@pytest.fixture(scope="module")
def vault(running: Standin) -> Iterator[tv.Vault]:
    with tv.Vault.in_memory() as made:
        fill(made, running)
        yield made


def fill(vault: tv.Vault, server: Standin) -> None:
    with vault.edit() as edit:
        put_all(edit, server)


def page(items: list[dict[str, Any]], following: str | None = None) -> bytes:
    return reply(
        {"success": True, "errors": [], "result": items, "result_info": {"next": following}}
    )


def is_search(head: bytes) -> bool:
    return b"/investigate?" in head.split(b"\r\n")[0]


def ended(results: list[Told], status: int = 0) -> dict[str, Any]:
    """What the end says; nothing else is an end, and every account has its say."""
    assert [one.kind for one in results[:-1]] == [FINDING] * (len(results) - 1)
    last = results[-1]
    assert (last.kind, last.status, last.document["over"]) == (HUNT, status, True)
    assert last.document["under_way"] == 0
    return last.document


# ---- The same as Python's own ----------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"sender": SENDER},
        {"sender": SENDER, "traces": "false"},
        {"sender": SENDER, "window": 1},
        {"sender": SENDER, "per_page": 3},
        {"query": "standin-items-50", "limit": 20},
        {"query": "standin-items-3"},
        {"query": "standin-odd-items"},
        {"query": "invoice", "hash": "0" * 64},
        {"query": "standin-repeated-cursor", "per_page": 4},
        {"query": "standin-cycling-cursors", "per_page": 4},
        {"query": "standin-next-url-elsewhere", "per_page": 4},
        {"query": "standin-page1-fail-500", "per_page": 4},
        {"query": "standin-page2-fail-500", "per_page": 4},
        {"query": "standin-not-a-list"},
    ],
    ids=str,
)
def test_a_hunt_of_the_core_finds_what_a_hunt_of_python_finds(
    running: Standin, vault: tv.Vault, options: dict[str, Any]
) -> None:
    fast = settings(running, retry__max_attempts=2)
    running.reset()
    with tv.Engine(fast) as asking:
        results = hunt(asking, vault, start=LONG_AGO, **options)
    python = {**options, "trace": options.get("traces") != "false"}
    python.pop("traces", None)
    running.reset()
    with tv.Engine(fast) as asking:
        findings = list(asking.hunt(vault, start=LONG_AGO, **python))
    assert Counter(map(said, (one.document for one in results[:-1]))) == Counter(
        said(one.to_dict()) for one in findings
    )
    document = ended(results)
    assert document["accounts"] == document["done"] == len(running.accounts)
    unasked = [one for one in findings if one.message is None]
    assert document["failed"] == len({one.account_id for one in unasked})
    assert document["found"] == len(findings) - len(unasked)
    for one in results:
        SCHEMAS[one.kind].validate(one.document)


def said(document: dict[str, Any]) -> str:
    """What a finding says, without what differs from one run to the next."""
    trace, error = document["trace"], document["error"]
    return json.dumps(
        {
            **{name: document[name] for name in ("tenant", "account_id", "label", "message")},
            "trace": trace and [trace[name] for name in ("message_ref", "inbound", "summary")],
            "error": error and [error[name] for name in ("status", "http_status", "retriable")],
        },
        sort_keys=True,
    )


def test_an_account_of_several_tenants_is_asked_once_through_one_that_works(
    running: Standin,
) -> None:
    account = running.accounts[0].id
    with tv.Vault.in_memory() as several, tv.Engine(settings(running)) as asking:
        with several.edit() as edit:
            bad = tv.ApiToken("test-token-not-real-revoked-0000000000000")
            edit.put("a first", account, bad, origin=running.origin)
            for name in ("b second", "c third"):
                good = tv.ApiToken(running.credential(account).token)
                edit.put(name, account, good, origin=running.origin, label=f"of {name}")
        results = hunt(asking, several, sender=SENDER, start=LONG_AGO)
    assert ended(results)["accounts"] == 1
    assert {one.document["tenant"] for one in results[:-1]} == {"b second"}
    assert {one.document["label"] for one in results[:-1]} == {"of b second"}
    assert set(Counter(one.ref for one in results[:-1]).values()) == {1}


@pytest.mark.parametrize("alone", [0, 300])
def test_a_tenant_whose_quota_rests_keeps_no_account_of_another_out(alone: int) -> None:
    """Also where it has more accounts alone than are tried while its quota rests."""
    accounts = [f"{number:032x}" for number in range(1, 301)]

    def answer(head: bytes, _number: int) -> bytes:
        if b"blocked" in head:
            refusal = {"success": False, "errors": [{"code": 971, "message": "x"}]}
            return reply(refusal, 429, "retry-after: 600\r\n")
        return page([{"id": "a"}]) if is_search(head) else reply(TRACE)

    with serving(answer) as server, tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for account in accounts:
                blocked = tv.ApiToken("test-token-not-real-blocked-000000000000")
                edit.put("a first", account, blocked, origin=server.origin)
                edit.put("b second", account, tv.ApiToken(TOKEN), origin=server.origin)
            for number in range(alone):
                blocked = tv.ApiToken("test-token-not-real-blocked-000000000000")
                edit.put("a first", f"{number + 4096:032x}", blocked, origin=server.origin)
        with engine(
            server.origin, budget__quota=100_000, budget__ledger="private", budget__ip_per_second=0
        ) as asking:
            name = begin(asking, vault, sender="x", traces="false")
            found: list[Told] = []
            while len(found) < 300 and (one := take(asking, name, timeout_ms=10_000)):
                found.append(one)
            if alone:
                cancel(asking, name)
            last = list(told(asking, name))[-1]
        documents = [one.document for one in found]
        assert sorted(one["account_id"] for one in documents) == accounts
        assert {one["tenant"] for one in documents} == {"b second"}
        assert last.document["failed"] == 0
        # The one credential was tried once.
        assert sum(b"blocked" in head for head in server.heads) <= 8


def test_a_hunt_waits_for_the_quota_and_never_exceeds_it() -> None:
    with standin(quota=40, window=2, block=2) as small, tv.Vault.in_memory() as vault:
        fill(vault, small)
        paced = settings(small, budget__quota=40, budget__window_ms=2000, budget__ledger="private")
        with tv.Engine(paced) as asking:
            results = hunt(asking, vault, sender=SENDER, start=LONG_AGO)
        assert ended(results)["found"] == len(results) - 1 > 40
        assert [one.error for one in results[:-1] if one.error] == []
        assert small.counts()["refused"] == 0


# ---- Servers that lie ------------------------------------------------------------------------


def test_a_search_that_never_ends_is_told_as_such_and_each_message_comes_once() -> None:
    def answer(head: bytes, number: int) -> bytes:
        # Another cursor each time, and always the same message.
        return page([{"id": "a"}], f"c{number}") if is_search(head) else reply(TRACE)

    with serving(answer) as server, engine(server.origin) as asking, tenant(server.origin) as acme:
        results = hunt(asking, [acme], sender="x")
        assert [one.ref for one in results[:-1] if one.ref] == ["a"]
        (unasked,) = [one for one in results[:-1] if one.ref is None]
        assert unasked.error == "TV_E_REPLY_SHAPE"
        assert ended(results)["failed"] == 1
        assert len(server.heads) < 100


@pytest.mark.parametrize("items", [[{"id": "a"}], []], ids=["the same message", "nothing"])
def test_neither_hunt_follows_cursors_that_bring_nothing_new_for_ever(
    items: list[dict[str, Any]],
) -> None:
    def answer(head: bytes, number: int) -> bytes:
        # It ends in the end, so that whoever goes on is seen and not waited for.
        following = f"c{number}" if number < 300 else None
        return page(items, following) if is_search(head) else reply(TRACE)

    for ask in (python_errors, core_errors):
        with serving(answer) as server, engine(server.origin) as asking:
            with tenant(server.origin) as acme:
                assert ask(asking, acme) == ["TV_E_REPLY_SHAPE"]
            assert len(server.heads) < 100


def python_errors(asking: tv.Engine, acme: tv.Tenant) -> list[str]:
    return [one.error.name for one in asking.hunt(acme, sender="x") if one.error]


def core_errors(asking: tv.Engine, acme: tv.Tenant) -> list[str]:
    return [one.error for one in hunt(asking, [acme], sender="x")[:-1] if one.error]


def test_new_messages_for_ever_end_at_the_limit() -> None:
    def answer(head: bytes, number: int) -> bytes:
        return page([{"id": f"m{number}"}], f"c{number}") if is_search(head) else reply(TRACE)

    with serving(answer) as server, engine(server.origin) as asking, tenant(server.origin) as acme:
        results = hunt(asking, [acme], sender="x", limit=50, per_page=10)
        refs = [one.ref for one in results[:-1] if one.ref]
        assert len(refs) == len(set(refs)) == 50
        assert [one.error for one in results[:-1] if one.ref is None] == ["TV_E_LIMIT"]


def test_a_reply_of_another_account_is_no_finding_of_this_one() -> None:
    def answer(head: bytes, _number: int) -> bytes:
        other = {"id": "a", "account_id": "f" * 32}
        return page([other]) if is_search(head) else reply(TRACE)

    with serving(answer) as server, engine(server.origin) as asking, tenant(server.origin) as acme:
        results = hunt(asking, [acme], sender="x")
    assert [(one.ref, one.error) for one in results[:-1]] == [(None, "TV_E_REPLY_SHAPE")]


def test_nothing_that_a_hunt_tells_holds_the_credential() -> None:
    def answer(head: bytes, _number: int) -> bytes:
        echo = {"id": "a", "subject": TOKEN, "x": f"Bearer {TOKEN}"}
        if is_search(head):
            return page([echo])
        return reply({"success": False, "errors": [{"code": 7, "message": TOKEN}]}, 400)

    with serving(answer) as server, engine(server.origin) as asking, tenant(server.origin) as acme:
        results = hunt(asking, [acme], sender="x")
    assert [one.ref for one in results[:-1]] == ["a"]
    assert results[0].error is not None
    assert TOKEN not in json.dumps([one.document for one in results])


def test_a_trace_that_hangs_is_a_finding_with_its_message() -> None:
    def answer(head: bytes, _number: int) -> bytes | None:
        return page([{"id": "a"}, {"id": "b"}]) if is_search(head) else None

    with serving(answer) as server, engine(server.origin) as asking, tenant(server.origin) as acme:
        results = hunt(asking, [acme], sender="x", deadline_ms=500)
    assert sorted((one.ref, one.error) for one in results[:-1]) == [
        ("a", "TV_E_DEADLINE"),
        ("b", "TV_E_DEADLINE"),
    ]
    assert ended(results)["failed"] == 0


# ---- Hosts that take their time, or leave ----------------------------------------------------


def many(head: bytes, _number: int) -> bytes:
    return page([{"id": f"m{n}"} for n in range(100)]) if is_search(head) else reply(TRACE)


def test_a_host_that_does_not_take_is_waited_for_and_loses_nothing() -> None:
    with serving(many) as server, engine(server.origin) as asking, tenant(server.origin) as acme:
        name = begin(asking, [acme], sender="x", window=10)
        until(lambda: asking.stats()["untaken"] == 10)
        for _ in range(20):  # the engine's thread comes round for each of these
            assert asking.stats()["untaken"] == 10
        assert len(server.heads) == 11
        # What others ask meanwhile is answered.
        fetch(asking, acme, ACCOUNT, "other")
        results = list(told(asking, name))
    assert sorted(one.ref or "" for one in results[:-1]) == sorted(f"m{n}" for n in range(100))
    assert ended(results)["found"] == 100


def test_a_cancelled_hunt_ends_its_traces_and_comes_to_one_end() -> None:
    def answer(head: bytes, _number: int) -> bytes | None:
        if is_search(head):
            return page([{"id": f"m{n}"} for n in range(100)])
        return reply(TRACE) if re.search(rb"/m[0-9]/", head) else None

    with serving(answer) as server, engine(server.origin) as asking, tenant(server.origin) as acme:
        # Nothing else ends what hangs.
        name = begin(asking, [acme], sender="x", deadline_ms=86_400_000)
        first = take(asking, name)
        assert first is not None and first.kind == FINDING
        cancel(asking, name)
        results = list(told(asking, name))
        document = ended(results, Status.E_CANCELLED)
        assert (document["found"], document["done"]) == (100, 0)
        assert len({one.ref for one in results[:-1]}) == len(results) - 1
        stats = asking.stats()
        assert (stats["in_flight"], stats["queued"], stats["untaken"]) == (0, 0, 0)
        with pytest.raises(tv.NotFoundError):
            cancel(asking, name)


def test_an_engine_that_is_closed_amid_hunts_ends_them() -> None:
    def answer(head: bytes, _number: int) -> bytes | None:
        return page([{"id": f"m{n}"} for n in range(100)]) if is_search(head) else None

    with serving(answer) as server, tenant(server.origin) as acme:
        with engine(server.origin) as asking:
            for tag in range(4):
                begin(asking, [acme], tag, sender="x")
            until(lambda: len(server.heads) > 4)
        assert server.heads


def test_a_tenant_whose_findings_fill_the_room_holds_up_nobody_else() -> None:
    large = "x" * 300_000

    def answer(head: bytes, _number: int) -> bytes:
        if is_search(head):
            return page([{"id": f"m{n}"} for n in range(40)])
        lines = [{"lineno": 1, "message": large}]
        block = {"lines": lines, "pending": False}
        return reply(
            {"success": True, "errors": [], "result": {"inbound": block, "outbound": block}}
        )

    with (
        serving(answer) as server,
        engine(server.origin, engine__max_result_bytes=4_194_304) as asking,
        tenant(server.origin) as acme,
        tenant(server.origin, "globex") as globex,
    ):
        name = begin(asking, [acme], sender="x")
        until(lambda: asking.stats()["untaken_bytes"] > 2_097_152)
        fetch(asking, globex, ACCOUNT, "other")
        assert len(server.heads) < 42
        results = list(told(asking, name))
    assert ended(results)["found"] == len(results) - 1 == 40
