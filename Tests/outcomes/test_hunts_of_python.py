"""Hunts and checks of Python over many tenants: those whose quota rests hold up nobody."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
import tracevault as tv
from bare_server import TRACE, Server, engine, reply, serving
from tracevault import _room

#: How long a finding may take to come before it counts as held up.
LONGEST_S = 60


def account(number: int) -> str:
    return f"{number:032x}"


def page(count: int, head: bytes, following: str | None = None) -> bytes:
    """Messages of the account that was asked for."""
    items = [{"id": f"m{asked_of(head)}n{at}"} for at in range(count)]
    body = {"success": True, "errors": [], "result": items, "result_info": {"next": following}}
    return reply(body)


def asked_of(head: bytes) -> int:
    """The account's number."""
    found = re.search(rb"/accounts/([0-9a-f]{32})/", head)
    assert found
    return int(found[1], 16)


def is_search(head: bytes) -> bool:
    return b"/investigate?" in head.split(b"\r\n")[0]


REFUSED = reply(
    {"success": False, "errors": [{"code": 971, "message": "rate"}]}, 429, "retry-after: 300\r\n"
)


def vault_of(server: Server, tenants: int, accounts: int = 1) -> tv.Vault:
    """Tenants with so many accounts each; the first one's are the first."""
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        for number in range(tenants * accounts):
            name = f"tenant {number // accounts:02d}"
            token = tv.ApiToken(f"test-token-not-real-{number:04d}")
            edit.put(name, account(number), token, origin=server.origin)
    return vault


def first_of(work: Iterator[Any], tenant: str, count: int) -> list[Any]:
    """The first so many of a tenant; fails when one of them is held up."""
    come: Queue[Any] = Queue()

    def take() -> None:
        left = count
        for one in work:
            if one.tenant == tenant:
                come.put(one)
                left -= 1
                if not left:
                    break
        work.close()  # type: ignore[attr-defined]

    threading.Thread(target=take, daemon=True).start()
    found = []
    for _ in range(count):
        try:
            found.append(come.get(timeout=LONGEST_S))
        except Empty:
            pytest.fail(f"only {len(found)} of {count} came")
    return found


@pytest.mark.parametrize("resting", [1, 12])
def test_tenants_in_a_429_hold_up_no_other(resting: int) -> None:
    """Each rests with more copies than the window holds, before the last tenant's are known."""
    rest: set[int] = set()
    all_rest = threading.Event()

    def answer(head: bytes, _: int) -> bytes:
        number = asked_of(head)
        if number == resting:
            assert all_rest.wait(LONGEST_S)
            return page(60, head) if is_search(head) else reply(TRACE)
        if is_search(head):
            return page(200, head)
        rest.add(number)
        if len(rest) == resting:
            all_rest.set()
        return REFUSED

    with (
        serving(answer) as server,
        vault_of(server, resting + 1) as vault,
        engine(server.origin, budget__ledger="private", http__max_connections=32) as asking,
    ):
        hunt = asking.hunt(vault, sender="x", window=20)
        found = first_of(hunt, f"tenant {resting:02d}", 60)
        assert all(one.trace is not None for one in found)


def test_a_tenant_whose_copies_come_later_takes_no_places_from_one_at_work() -> None:
    """The one that rests is found when the other one's copies are being asked for."""
    at_work = threading.Event()

    def answer(head: bytes, _: int) -> bytes:
        if asked_of(head) == 1:
            if is_search(head):
                return page(60, head)
            at_work.set()
            return reply(TRACE)
        if is_search(head):
            assert at_work.wait(LONGEST_S)
            return page(200, head)
        return REFUSED

    with (
        serving(answer) as server,
        vault_of(server, 2) as vault,
        engine(server.origin, budget__ledger="private") as asking,
    ):
        hunt = asking.hunt(vault, sender="x", window=20)
        assert len(first_of(hunt, "tenant 01", 60)) == 60


@pytest.mark.parametrize("what", ["hunt", "checks"])
def test_a_tenant_with_more_accounts_than_the_window_holds_up_no_other(what: str) -> None:
    """None of its accounts is ever answered."""

    def answer(head: bytes, _: int) -> bytes | None:
        if b"test-token-not-real-0040" not in head:
            return None
        if b"/verify" in head:
            return reply({"success": True, "errors": [], "result": {"id": "x", "status": "active"}})
        return page(1, head) if is_search(head) else reply(TRACE)

    with serving(answer) as server, tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for number in range(41):
                name = "large" if number < 40 else "small"
                token = tv.ApiToken(f"test-token-not-real-{number:04d}")
                edit.put(name, account(number), token, origin=server.origin)
        with engine(server.origin, http__max_connections=64) as asking:
            begin: dict[str, Callable[[], Iterator[Any]]] = {
                "hunt": lambda: asking.hunt(vault, sender="x", window=10),
                "checks": lambda: asking.check_all(vault, window=10),
            }
            (one,) = first_of(begin[what](), "small", 1)
            assert one.error is None


def test_a_tenant_that_finds_no_room_in_the_queue_holds_up_no_other() -> None:
    """It may have two requests in the engine, and both rest."""

    def answer(head: bytes, _: int) -> bytes:
        if is_search(head):
            return page(30, head)
        return reply(TRACE) if asked_of(head) == 1 else REFUSED

    with (
        serving(answer) as server,
        vault_of(server, 2) as vault,
        engine(server.origin, budget__ledger="private", engine__max_queued_per_tenant=2) as asking,
    ):
        assert len(first_of(asking.hunt(vault, sender="x"), "tenant 01", 30)) == 30


def test_of_what_was_found_only_what_is_under_way_is_a_request() -> None:
    def answer(head: bytes, _: int) -> bytes:
        return page(200, head) if is_search(head) else reply(TRACE)

    with serving(answer) as server, vault_of(server, 3) as vault, engine(server.origin) as asking:
        hunt = asking.hunt(vault, sender="x", window=8)
        for _ in range(20):
            assert next(hunt).message is not None
        gc.collect()
        traces = [one for one in gc.get_objects() if isinstance(one, tv.Request)]
        assert len([one for one in traces if one.kind == "trace"]) <= 8 + 3 + 1
        hunt.close()


def large_page(head: bytes, size: int) -> bytes:
    """Ten messages of an account, so many bytes together."""
    number = asked_of(head)
    items = [{"id": f"m{number}n{at}", "subject": "s" * (size // 10)} for at in range(10)]
    return reply({"success": True, "errors": [], "result": items, "result_info": {"next": None}})


#: What all may hold, and what a process holds besides: what comes and goes of one answer.
ROOM, BESIDE = 16 << 20, 12 << 20


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """How many bytes Python holds more than before; hunts and collections have a small room."""
    monkeypatch.setattr(_room, "MOST", ROOM)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()


def begun(what: str, asking: tv.Engine, vault: tv.Vault, folder: Path) -> Iterator[Any]:
    if what == "hunt":
        return asking.hunt(vault, sender="x")
    return asking.collect(vault, checkpoint=folder / "checkpoint", trace=True)


async def hunted(server: Server, vault: tv.Vault, told: Queue[Any]) -> None:
    settings: dict[str, tv.Setting] = {
        "api.base_url": server.origin + "/client/v4",
        "api.allow_http_loopback": True,
        "budget.quota": 0,
    }
    async with tv.AsyncEngine(settings) as asking:
        async for one in asking.hunt(vault, sender="x"):
            told.put(one)


@pytest.mark.parametrize("what", ["hunt", "collection", "hunt of a loop"])
def test_pages_that_wait_for_their_traces_leave_room_to_others(
    what: str, tmp_path: Path, held: Callable[[], int]
) -> None:
    """Traces of a tenant with 40 large pages do not come: it is asked for no more of them. When
    they come, each of its messages is told once.
    """
    accounts, size = 40, 1 << 20
    may_come = threading.Event()

    def answer(head: bytes, _: int) -> bytes:
        if is_search(head):
            return page(5, head) if asked_of(head) == accounts else large_page(head, size)
        if asked_of(head) != accounts:
            assert may_come.wait(LONGEST_S)
        return reply(TRACE)

    with serving(answer) as server, tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for number in range(accounts + 1):
                token = tv.ApiToken(f"test-token-not-real-{number:04d}")
                name = "large" if number < accounts else "small"
                edit.put(name, account(number), token, origin=server.origin)
        with engine(server.origin) as asking:
            told: Queue[Any] = Queue()

            def take() -> None:
                if what == "hunt of a loop":
                    asyncio.run(hunted(server, vault, told))
                else:
                    for one in begun(what, asking, vault, tmp_path):
                        told.put(one)

            worker = threading.Thread(target=take, daemon=True)
            worker.start()
            assert {told.get(timeout=LONGEST_S).tenant for _ in range(5)} == {"small"}
            time.sleep(1)  # others would be asked for now
            assert size < held() <= ROOM + BESIDE
            may_come.set()
            worker.join(LONGEST_S)
            assert not worker.is_alive()
    found = [told.get_nowait() for _ in range(told.qsize())]
    assert [one.error for one in found if one.error] == []
    assert len({(one.account_id, one.message.message_ref) for one in found}) == accounts * 10
    assert len(found) == accounts * 10


def test_a_page_that_comes_while_nobody_is_told_is_let_go_and_asked_for_again(
    held: Callable[[], int],
) -> None:
    """Whoever waits for another answer of the tenant reads the pages as well."""
    accounts = 40
    may_come = threading.Event()

    def answer(head: bytes, _: int) -> bytes:
        if not is_search(head):
            return reply(TRACE)
        if asked_of(head) > 0:
            assert may_come.wait(LONGEST_S)
        return large_page(head, 1 << 20)

    with (
        serving(answer) as server,
        vault_of(server, 1, accounts) as vault,
        engine(server.origin) as asking,
    ):
        hunt = asking.hunt(vault, sender="x", trace=False)
        found = [next(hunt)]  # and the searches of all others are under way
        may_come.set()
        for _ in range(100):
            tenant = vault.tenant("tenant 00")
            asking.trace(tenant, account(0), "m0n0", fresh=True)
            # As who waits in vain for an answer of the tenant.
            asking._exchange.unread.read_ahead([tenant._key])
            assert held() <= ROOM + BESIDE
            time.sleep(0.01)
        found += hunt
    assert [one.error for one in found if one.error] == []
    assert len({(one.account_id, one.message and one.message.message_ref) for one in found}) == 400
    assert len(found) == accounts * 10
    assert len(server.heads) > 100 + accounts


@pytest.mark.parametrize("what", ["hunt", "collection"])
def test_a_tenant_in_a_429_keeps_no_account_from_another_that_has_it(
    what: str, tmp_path: Path
) -> None:
    def answer(head: bytes, _: int) -> bytes:
        if b"not-real-rests" in head:
            return REFUSED
        return page(3, head) if is_search(head) else reply(TRACE)

    with serving(answer) as server, tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for name in ("rests", "works"):
                token = tv.ApiToken(f"test-token-not-real-{name}-0")
                edit.put(name, account(1), token, origin=server.origin)
        with engine(server.origin, budget__ledger="private") as asking:
            found = first_of(begun(what, asking, vault, tmp_path), "works", 3)
        assert all(one.trace is not None for one in found)
        assert len([head for head in server.heads if b"not-real-rests" in head]) == 1


@pytest.mark.parametrize(("limit", "is_told"), [(600, False), (599, True), (250, True)])
def test_an_account_is_searched_in_pieces_up_to_the_limit(limit: int, is_told: bool) -> None:
    """600 messages, 100 a page; no request asks for more than is taken at a time."""

    def answer(head: bytes, _: int) -> bytes:
        if not is_search(head):
            return reply(TRACE)
        asked = re.search(rb"cursor=([0-9]+)", head)
        at = int(asked[1]) if asked else 0
        items = [{"id": f"m{at + number:05d}"} for number in range(100)]
        info = {"next": str(at + 100) if at < 500 else None}
        return reply({"success": True, "errors": [], "result": items, "result_info": info})

    with serving(answer) as server, vault_of(server, 1) as vault, engine(server.origin) as asking:
        found = list(asking.hunt(vault, sender="x", limit=limit))
        sizes = [re.search(rb"per_page=([0-9]+)", head) for head in server.heads if is_search(head)]
    copies = Counter(one.message.message_ref for one in found if one.message)
    assert len(copies) == limit
    assert set(copies.values()) == {1}
    told = [one.error for one in found if one.message is None]
    assert [type(error) for error in told] == [tv.LimitError] * is_told
    assert max(int(size[1]) for size in sizes if size) <= 250
