"""In one hunt, and in one engine, a tenant whose quota rests or whose pages are large stops no other tenant's hunt."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event, Lock

import pytest
import tracevault as tv
from bare_server import Server, engine, reply, serving
from core_hunts import FINDING, HUNT, Told, begin, cancel, hunt, take, told
from engine_scene import until

BUSY = {"success": False, "errors": [{"code": 971, "message": "busy"}], "result": None}
HEALTHY, RESTING, LARGE = "healthy", "resting", "large"


def secret(name: str) -> str:
    return f"test-token-not-real-{name}-000000000000"


def page(*items: dict[str, str], following: str | None = None) -> bytes:
    return reply(
        {"success": True, "errors": [], "result": items, "result_info": {"next": following}}
    )


def refusal(seconds: int) -> bytes:
    return reply(BUSY, 429, f"retry-after: {seconds}\r\n")


def vault(server: Server, accounts: dict[str, int]) -> tv.Vault:
    """So many accounts of each tenant, which has one token."""
    made = tv.Vault.in_memory()
    number = 0
    with made.edit() as edit:
        for name, count in accounts.items():
            for _ in range(count):
                number += 1
                token = tv.ApiToken(secret(name))
                edit.put(name, f"{number:032x}", token, origin=server.origin)
    return made


def asker(head: bytes) -> str:
    found = re.search(rb"test-token-not-real-([a-z0-9 ]+)-0", head)
    return found[1].decode() if found else ""


def asked(server: Server, who: str) -> int:
    return sum(asker(head).startswith(who) for head in list(server.heads))


def healthy(head: bytes, _number: int) -> bytes:
    return refusal(300) if asker(head).startswith(RESTING) else page({"id": "m1"})


def findings(asking: tv.Engine, name: int, count: int) -> list[Told]:
    """So many findings of a hunt that is not over."""
    results: list[Told] = []
    while len(results) < count:
        one = take(asking, name, timeout_ms=20_000)
        assert one is not None, f"after {len(results)} findings nothing more came"
        assert one.kind == FINDING
        results.append(one)
    return results


@pytest.mark.parametrize(("resting", "accounts"), [(1, 700), (3, 300), (140, 3), (300, 1)], ids=str)
def test_in_one_hunt_tenants_whose_quotas_rest_stop_no_other(resting: int, accounts: int) -> None:
    names = {f"{RESTING}{number}": accounts for number in range(resting)}
    with serving(healthy) as server:
        kept = vault(server, {**names, HEALTHY: 350})
        with kept, engine(server.origin, http__max_connections=32) as asking:
            name = begin(asking, kept, traces="false")
            results = findings(asking, name, 350)
            assert {one.document["tenant"] for one in results} == {HEALTHY}
            assert asked(server, HEALTHY) == 350
            cancel(asking, name)
            (end,) = told(asking, name)
            assert end.document["found"] == end.document["done"] == 350


@pytest.mark.parametrize("window", [1, 2, 16])
def test_what_rested_is_asked_for_once_it_may_go_and_nothing_is_lost_or_told_twice(
    window: int,
) -> None:
    seen: Counter[str] = Counter()
    lock = Lock()

    def answer(head: bytes, _number: int) -> bytes:
        who = asker(head)
        with lock:
            seen[who] += 1
            # Each tenant rests when it begins, and again amid its pages and traces.
            if seen[who] in (1, 3, 5):
                return refusal(1)
        if b"/investigate?" not in head.split(b"\r\n")[0]:
            block = {"lines": [{"lineno": 1, "message": "one"}], "pending": False}
            return reply(
                {"success": True, "errors": [], "result": {"inbound": block, "outbound": block}}
            )
        if b"cursor=" in head:
            return page({"id": "m3"})
        return page({"id": "m1"}, {"id": "m2"}, following="c2")

    with serving(answer) as server:
        kept = vault(server, {f"{RESTING}{number}": 2 for number in range(12)})
        with kept, engine(server.origin) as asking:
            results = hunt(asking, kept, window=window, per_page=2, limit=50)
    assert [one.error for one in results[:-1] if one.error] == []
    counts = Counter((one.document["account_id"], one.ref) for one in results[:-1])
    assert len(counts) == 72
    assert set(counts.values()) == {1}
    assert (results[-1].kind, results[-1].document["done"]) == (HUNT, 24)


def test_what_rests_goes_on_when_the_rest_is_lifted() -> None:
    rests = True

    def answer(_head: bytes, _number: int) -> bytes:
        return refusal(300) if rests else page({"id": "m1"})

    with serving(answer) as server:
        kept = vault(server, {f"{RESTING}{number}": 3 for number in range(8)})
        with kept, engine(server.origin) as asking:
            name = begin(asking, kept, traces="false", window=4)
            until(lambda: len({asker(head) for head in list(server.heads)}) == 8)
            until(lambda: asking.stats()["in_flight"] == 0)
            rests = False
            for number in range(8):
                asking.lift(kept.tenant(f"{RESTING}{number}"), f"{3 * number + 1:032x}")
            results = list(told(asking, name))
    assert results[-1].document["found"] == len(results) - 1 == 24


def test_a_rest_that_is_lifted_while_another_tenant_is_asked_is_over_once_that_one_rests() -> None:
    first: list[str] = []
    may_answer = Event()

    def answer(head: bytes, number: int) -> bytes:
        if not first:
            first.append(asker(head))
            return refusal(300)
        if asker(head) == first[0]:
            return page({"id": "m1"})
        may_answer.wait(20)
        return refusal(300)

    with serving(answer) as server:
        kept = vault(server, {RESTING: 1})
        with kept.edit() as edit:
            edit.put(HEALTHY, f"{1:032x}", tv.ApiToken(secret(HEALTHY)), origin=server.origin)
        with kept, engine(server.origin) as asking:
            name = begin(asking, kept, traces="false")
            until(lambda: len(server.heads) == 2)
            asking.lift(kept.tenant(first[0]), f"{1:032x}")
            may_answer.set()
            results = list(told(asking, name))
    assert results[-1].document["found"] == len(results) - 1 == 1


def test_a_vault_that_cannot_be_followed_keeps_no_hunt_from_the_tenants_of_another(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)
    with serving(healthy) as server, contextlib.ExitStack() as stack:
        asking = stack.enter_context(engine(server.origin))
        tenants = []
        for number, name in enumerate([RESTING, HEALTHY]):
            path, key = tmp_path / f"{name}.vault", tv.RawKey(bytes(range(32)))
            with tv.Vault.create(path, key) as made, made.edit() as edit:
                token = tv.ApiToken(secret(name))
                edit.put(name, f"{number:032x}", token, origin=server.origin)
            opened = tv.Vault.open(path, key, settings={"vault.max_stale_ms": 1000})
            tenants.append(stack.enter_context(opened).tenant(name))
        (tmp_path / f"{RESTING}.vault").unlink()
        until(lambda: trouble(asking, tenants[0], f"{0:032x}") == "TV_E_STALE")
        results = hunt(asking, tenants, traces="false")
    assert {one.document["tenant"]: one.error for one in results[:-1]} == {
        RESTING: "TV_E_STALE",
        HEALTHY: None,
    }


def trouble(asking: tv.Engine, tenant: tv.Tenant, account: str) -> str:
    """Why the account cannot be asked; otherwise empty."""
    try:
        asking.check(tenant, account)
    except tv.TraceVaultError as error:
        return error.name
    return ""


@pytest.mark.parametrize("before", [page(), None], ids=["small page", "large page"])
def test_a_large_page_of_one_tenant_lets_no_tenant_stop_the_hunts_of_others(
    before: bytes | None,
) -> None:
    def answer(head: bytes, number: int) -> bytes:
        if asker(head).startswith(LARGE):
            return before or reply(large_page())
        return healthy(head, number)

    with serving(answer) as server:
        kept = vault(server, {LARGE: 1, RESTING: 1, HEALTHY: 50})
        with kept, engine(server.origin, http__max_reply_bytes=1_048_576) as asking:
            hunt(asking, [kept.tenant(LARGE)], traces="false")
            begin(asking, [kept.tenant(RESTING)], tag=1, traces="false")
            until(lambda: asked(server, RESTING) == 1)
            name = begin(asking, [kept.tenant(HEALTHY)], traces="false")
            assert len(findings(asking, name, 50)) == 50


def large_page() -> bytes:
    """A message whose text is three times as long once it is made UTF-8."""
    head = b'{"success":true,"errors":[],"result":[{"id":"i1","subject":"'
    return head + b"\xff" * 900_000 + b'"}],"result_info":{"next":null}}'


def test_a_hunt_that_holds_large_pages_while_its_quota_rests_cuts_no_search_of_others() -> None:
    together = Barrier(16)

    def answer(head: bytes, number: int) -> bytes:
        if not asker(head).startswith(LARGE):
            item = {"id": f"m{number}", "subject": "s" * 300_000}
            return page(item, following=f"c{number}")
        if b"/investigate?" not in head.split(b"\r\n")[0]:
            return refusal(300)
        # All are asked for before the first is there.
        with contextlib.suppress(BrokenBarrierError):
            together.wait(5)
        return page(*({"id": f"m{number}.{place}", "subject": "s" * 2_300} for place in range(200)))

    with serving(answer) as server:
        kept = vault(server, {LARGE: 16, HEALTHY: 1})
        settings = {"http__max_reply_bytes": 1_048_576, "http__max_connections": 64}
        with kept, engine(server.origin, **settings) as asking:
            begin(asking, [kept.tenant(LARGE)])
            until(lambda: asked(server, LARGE) > 16)
            until(lambda: asking.stats()["in_flight"] == 0)
            modest = kept.tenant(HEALTHY)
            found = asking.search(modest, f"{17:032x}", limit=3, per_page=1, timeout=20)
            assert [one.code for one in found.warnings] == []
            assert len(found.messages) == 3
