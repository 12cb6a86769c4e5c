"""submit() of Python: one tenant's results that take() has not given leave room in the queue to others, whoever took them."""

from __future__ import annotations

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
