"""submit() of Python: one tenant's results that take() has not given leave room in the queue to others, whoever took them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import tracevault as tv
from bare_server import TRACE, Server, engine, reply, serving, tenants
from engine_scene import until

QUEUE = 18


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda _head, _number: reply(TRACE)) as running:
        yield running


def all_have_come(asked: tv.Engine) -> bool:
    stats = asked.stats()
    return bool(stats["outstanding"] == stats["untaken"])


def filled(asked: tv.Engine, tenant: tv.Tenant, waits: tv.Tenant | None = None) -> int:
    """Submit until that is refused again and again; give how many of a tenant are held then."""
    held = 0
    for _ in range(4):
        try:
            while True:
                asked.submit(tv.Request.trace(tenant, None, f"4jXtPB72Kpz{held:04d}"))
                held += 1
        except tv.QueueFullError as refused:
            assert refused.retriable
            until(lambda: all_have_come(asked))
        if waits is not None:  # takes for all, and leaves nothing in the library
            asked.trace(waits, None, "4jXtPB72Kpz7S8D", fresh=True)
    return held


@pytest.mark.parametrize("waits", [False, True])
def test_who_takes_nothing_has_eight_times_as_many_as_are_free_also_beside_who_waits(
    server: Server, waits: bool
) -> None:
    greedy, modest, third = tenants(server.origin, "greedy", "modest", "third")
    with engine(server.origin, engine__max_queued=QUEUE) as asked:
        assert filled(asked, greedy, third if waits else None) == 16
        with pytest.raises(tv.QueueFullError, match=r"of this tenant.*greedy"):
            asked.submit(tv.Request.trace(greedy, None, "4jXtPB72Kpz7S8D"))
        its_own = asked.submit(tv.Request.trace(modest, None, "4jXtPB72Kpz7S8D"))
        told = [asked.take(60) for _ in range(17)]
        assert its_own in [one.id for one in told if one is not None]
        assert filled(asked, greedy) == 16


def test_the_setting_bounds_what_one_tenant_has_not_taken(server: Server) -> None:
    greedy, modest = tenants(server.origin, "greedy", "modest")
    settings: dict[str, Any] = {"engine__max_queued_per_tenant": 3}
    with engine(server.origin, **settings) as asked:
        assert filled(asked, greedy) == 3
        assert filled(asked, modest) == 3
        assert asked.take(60) is not None
        asked.submit(tv.Request.trace(greedy, None, "4jXtPB72Kpz7S8D"))


def test_a_tenant_that_was_opened_twice_has_one_share(server: Server) -> None:
    (greedy,) = tenants(server.origin, "greedy")
    with engine(server.origin, engine__max_queued=QUEUE) as asked:
        assert filled(asked, greedy) == 16
        assert filled(asked, greedy._vault.tenant("greedy")) == 0


def test_what_is_refused_counts_for_nobody(server: Server) -> None:
    (acme,) = tenants(server.origin, "acme")
    with engine(server.origin, engine__max_queued=QUEUE) as asked:
        for _ in range(2 * QUEUE):
            with pytest.raises(tv.ArgumentError):
                asked.submit(tv.Request.trace(acme, None, "no reference"))
        assert filled(asked, acme) == 16


def taken_until(asked: tv.Engine, wanted: int) -> int:
    """Take until this request's result comes, and count what is taken."""
    for number in range(1, 1000):
        result = asked.take(60)
        assert result is not None and result.error is None
        if result.id == wanted:
            return number
    raise AssertionError("it does not come")


@pytest.mark.parametrize("other", ["none", "before", "after"])
def test_a_tenants_only_result_is_taken_in_its_turn_whoever_took_the_others_from_the_library(
    server: Server, other: str
) -> None:
    greedy, modest, third = tenants(server.origin, "greedy", "modest", "third")
    with engine(server.origin) as asked:
        for _ in range(60):
            asked.submit(tv.Request.trace(greedy, None, "4jXtPB72Kpz7S8D"))
        until(lambda: all_have_come(asked))
        if other == "before":
            asked.trace(third, None, "4jXtPB72Kpz7S8D")
            assert asked.stats()["untaken"] == 0
        its_own = asked.submit(tv.Request.trace(modest, None, "4jXtPB72Kpz7S8D"))
        until(lambda: all_have_come(asked))
        if other != "none":
            asked.trace(third, None, "4jXtPB72Kpz7S8D", fresh=True)
        assert taken_until(asked, its_own) <= 2


def test_a_result_that_comes_while_another_tenants_are_taken_is_not_the_last(
    server: Server,
) -> None:
    greedy, modest = tenants(server.origin, "greedy", "modest")
    with engine(server.origin) as asked:
        for _ in range(150):
            asked.submit(tv.Request.trace(greedy, None, "4jXtPB72Kpz7S8D"))
        until(lambda: all_have_come(asked))
        assert asked.take(60) is not None
        its_own = asked.submit(tv.Request.trace(modest, None, "4jXtPB72Kpz7S8D"))
        until(lambda: asked.stats()["untaken"] == 1)
        assert taken_until(asked, its_own) <= 34
        assert sum(asked.take(60) is not None for _ in range(150 - 34)) == 150 - 34


def test_who_takes_gives_each_tenant_a_turn_and_loses_nothing(server: Server) -> None:
    named = tenants(server.origin, "a", "b", "c", "d")
    with engine(server.origin) as asked:
        ids = {
            asked.submit(tv.Request.trace(tenant, None, "4jXtPB72Kpz7S8D")): tenant.name
            for tenant, count in zip(named, (12, 1, 6, 3), strict=True)
            for _ in range(count)
        }
        until(lambda: all_have_come(asked))
        taken = [asked.take(60) for _ in ids]
    names = [ids.pop(one.id) for one in taken if one is not None]
    assert not ids
    assert sorted(names[:4]) == ["a", "b", "c", "d"]
    assert Counter(names[4:10]) == {"a": 2, "c": 2, "d": 2}
    assert names[-6:] == ["a"] * 6


def test_who_submits_while_another_one_does_finds_what_that_one_has(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    greedy, third = tenants(server.origin, "greedy", "third")
    made = tv.Request._made
    with engine(server.origin, engine__max_queued_per_tenant=1) as asked:
        request = tv.Request.trace(greedy, None, "4jXtPB72Kpz7S8D")

        def meanwhile(self: tv.Request[Any], *arguments: Any, **more: Any) -> Any:
            monkeypatch.setattr(tv.Request, "_made", made)
            asked.submit(request)
            until(lambda: all_have_come(asked))
            asked.trace(third, None, "4jXtPB72Kpz7S8D")  # takes for all
            return made(self, *arguments, **more)

        monkeypatch.setattr(tv.Request, "_made", meanwhile)
        # As one of many threads: between its look at what there is and its own request.
        with pytest.raises(tv.QueueFullError):
            asked.submit(request)
        assert asked.take(60) is not None
        assert asked.take(0) is None
        asked.submit(request)
