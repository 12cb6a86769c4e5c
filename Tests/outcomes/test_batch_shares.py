"""A batch of Python over many tenants: those whose quota rests, or who are never answered, hold up nobody."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TRACE, engine, reply, serving, tenants

#: How long a result may take to come before it counts as held up.
LONGEST_S = 60
WINDOW = 20
REFUSED = reply(
    {"success": False, "errors": [{"code": 971, "message": "rate"}]}, 429, "retry-after: 300\r\n"
)
PAGE = reply({"success": True, "errors": [], "result": [], "result_info": {"next": None}})

Ask = Callable[..., Iterator[tv.Result[Any]]]


def traces(tenant: tv.Tenant, count: int) -> list[tv.Request[tv.Trace]]:
    return [tv.Request.trace(tenant, None, f"4jXtPB72Kpz{n:04d}") for n in range(count)]


def first_of(results: Iterable[tv.Result[Any]], tenant: tv.Tenant, count: int) -> list[str]:
    """The first so many of a tenant, as references; fails when one of them is held up."""
    come: Queue[tv.Result[Any]] = Queue()

    def take() -> None:
        left = count
        with contextlib.closing(results):  # type: ignore[type-var]
            for result in results:
                if result.request.tenant._key == tenant._key:
                    come.put(result)
                    left -= 1
                    if not left:
                        return

    threading.Thread(target=take, daemon=True).start()
    found: list[str] = []
    for _ in range(count):
        try:
            result = come.get(timeout=LONGEST_S)
        except Empty:
            pytest.fail(f"only {len(found)} of {count} came")
        assert result.error is None
        found.append(result.request.message_ref)
    return found


def greedy_rests(head: bytes, _: int) -> bytes:
    return REFUSED if b"greedy" in head else reply(TRACE)


def greedy_hangs(head: bytes, _: int) -> bytes | None:
    return None if b"greedy" in head else reply(TRACE)


@pytest.mark.parametrize("given", ["list", "iterator", "journal"])
@pytest.mark.parametrize("answer", [greedy_rests, greedy_hangs])
def test_a_tenant_with_more_than_the_window_before_it_holds_up_no_other_in_a_batch(
    answer: Any, given: str, tmp_path: Path
) -> None:
    """Of an iterator half a window more is looked at, of a list all that is in it."""
    with serving(answer) as server, engine(server.origin, budget__ledger="private") as asking:
        greedy, modest = tenants(server.origin, "greedy", "modest")
        before = WINDOW + WINDOW // 4 if given == "iterator" else 20 * WINDOW
        requests = [*traces(greedy, before), *traces(modest, 9)]
        more: Any = {"resume": tmp_path / "journal"} if given == "journal" else {}
        asked = iter(requests) if given == "iterator" else requests
        told = first_of(asking.batch(asked, window=WINDOW, **more), modest, 9)
        assert sorted(told) == [one.message_ref for one in requests[-9:]]


@pytest.mark.parametrize("given", ["list", "asynchronous"])
def test_a_tenant_with_more_than_the_window_before_it_holds_up_no_other_in_an_event_loop(
    given: str,
) -> None:
    async def one_by_one(requests: list[tv.Request[Any]]) -> AsyncIterator[tv.Request[Any]]:
        for request in requests:
            yield request

    async def asked(origin: str) -> None:
        greedy, modest = tenants(origin, "greedy", "modest")
        before = WINDOW + WINDOW // 4 if given == "asynchronous" else 20 * WINDOW
        requests = [*traces(greedy, before), *traces(modest, 9)]
        left = 9
        settings: dict[str, tv.Setting] = {
            "api.base_url": f"{origin}/client/v4",
            "api.allow_http_loopback": True,
            "budget.ledger": "private",
        }
        async with tv.AsyncEngine(settings) as asking:
            given_so = one_by_one(requests) if given == "asynchronous" else requests
            results = asking.batch(given_so, window=WINDOW)
            async with contextlib.aclosing(results):
                async for result in results:
                    left -= result.request.tenant is modest
                    if not left:
                        return

    with serving(greedy_rests) as server:
        asyncio.run(asyncio.wait_for(asked(server.origin), LONGEST_S))


#: So many are asked for the greedy one, and of so many another is found before they are told.
MANY, FEW = 20_000, 1000


def greedy_first(greedy: tv.Tenant, modest: tv.Tenant) -> list[tv.Request[tv.Trace]]:
    return traces(greedy, 1) * MANY + traces(modest, 1)


def test_others_are_looked_for_as_well_while_results_come_as_fast_as_they_are_taken() -> None:
    """Whoever takes them asks something for each, and more have come when that is answered."""
    with serving(lambda *_: reply(TRACE)) as server, engine(server.origin) as asking:
        greedy, modest, other = tenants(server.origin, "greedy", "modest", "other")
        before = 0
        with contextlib.closing(asking.batch(greedy_first(greedy, modest), window=WINDOW)) as told:
            for result in told:
                if result.request.tenant is modest or before == FEW:
                    break
                before += 1
                asking.trace(other, None, "4jXtPB72Kpz0000")
        assert before < FEW


def test_an_event_loop_looks_for_others_while_results_come_as_fast_as_they_are_taken() -> None:
    async def before(origin: str) -> int:
        greedy, modest, other = tenants(origin, "greedy", "modest", "other")
        settings: dict[str, tv.Setting] = {
            "api.base_url": f"{origin}/client/v4",
            "api.allow_http_loopback": True,
            "budget.quota": 0,
        }
        before = 0
        async with tv.AsyncEngine(settings) as asking:
            results = asking.batch(greedy_first(greedy, modest), window=WINDOW)
            async with contextlib.aclosing(results):
                async for result in results:
                    if result.request.tenant is modest or before == FEW:
                        break
                    before += 1
                    await asking.trace(other, None, "4jXtPB72Kpz0000")
        return before

    with serving(lambda *_: reply(TRACE)) as server:
        assert asyncio.run(before(server.origin)) < FEW


@pytest.mark.parametrize("kind", ["list", "generator"])
def test_what_follows_for_one_tenant_holds_up_nothing_that_follows_for_another(kind: str) -> None:
    """Each search of the greedy one is followed by more traces than the window holds."""

    def answer(head: bytes, number: int) -> bytes:
        return PAGE if b"/investigate?" in head.split(b"\r\n")[0] else greedy_rests(head, number)

    def follow(result: tv.Result[Any]) -> Iterable[tv.Request[Any]]:
        if result.request.kind != "search":
            return ()
        more = traces(result.request.tenant, 4 if result.request.tenant is modest else 3 * WINDOW)
        return more if kind == "list" else iter(more)

    with serving(answer) as server, engine(server.origin, budget__ledger="private") as asking:
        greedy, modest = tenants(server.origin, "greedy", "modest")
        searches = [tv.Request.search(one, None) for one in [greedy] * 6 + [modest]]
        told = first_of(asking.batch(searches, follow=follow, window=WINDOW), modest, 5)
        assert sorted(told) == ["", *(one.message_ref for one in traces(modest, 4))]


def test_a_tenant_whose_share_of_the_queue_is_full_holds_up_no_other_in_a_batch() -> None:
    settings: Any = {"engine__max_queued_per_tenant": 3, "budget__ledger": "private"}
    with serving(greedy_hangs) as server, engine(server.origin, **settings) as asking:
        greedy, modest = tenants(server.origin, "greedy", "modest")
        requests = [*traces(greedy, 9), *traces(modest, 9)]
        assert len(first_of(asking.batch(requests, window=WINDOW), modest, 9)) == 9


def test_one_tenant_that_was_opened_often_has_one_share() -> None:
    with serving(greedy_rests) as server, engine(server.origin, budget__ledger="private") as asking:
        greedy, modest = tenants(server.origin, "greedy", "modest")
        often = [greedy._vault.tenant("greedy") for _ in range(5 * WINDOW)]
        requests = [tv.Request.trace(one, None, "4jXtPB72Kpz7S8D") for one in often]
        results = asking.batch([*requests, *traces(modest, 9)], window=WINDOW)
        assert len(first_of(results, modest, 9)) == 9
        assert asking.stats()["outstanding"] <= WINDOW + 1


@pytest.mark.parametrize("verb", ["batch", "account check"])
def test_the_commands_lists_are_shared_as_well(verb: str, tmp_path: Path) -> None:
    """The greedy one has more accounts, with a message each, than the window holds."""
    modest_asked = threading.Event()

    def answer(head: bytes, _: int) -> None:
        if b"modest" in head:
            modest_asked.set()

    key, path = tmp_path / "key", tmp_path / "vault"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    accounts = [("greedy", f"{number:032x}") for number in range(1100)] + [("modest", ACCOUNT)]
    with serving(answer) as server:
        with tv.Vault.create(path, tv.RawKey.from_file(key)) as vault, vault.edit() as edit:
            for number, (name, account) in enumerate(accounts):
                token = tv.ApiToken(f"test-token-not-real-{name}-{number}")
                edit.put(name, account, token, origin=server.origin)
        lines = [
            f'{{"tenant":"{one}","account_id":"{at}","message_ref":"x1"}}' for one, at in accounts
        ]
        (tmp_path / "list").write_text("\n".join(lines))
        settings = {
            "api.base_url": f"{server.origin}/client/v4",
            "api.allow_http_loopback": "true",
            "budget.ledger": "private",
            "budget.ip_per_second": "0",
        }
        command = [sys.executable, "-m", "tracevault", "--vault", path, "--key-file", key]
        command += [word for one in settings.items() for word in ("--set", "=".join(one))]
        command += [*verb.split(), *([tmp_path / "list"] if verb == "batch" else [])]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **quiet) as asking:  # type: ignore[call-overload]
            came = modest_asked.wait(LONGEST_S)
            asking.kill()
        assert came
