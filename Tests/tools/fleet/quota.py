"""quota.py - one engine that borrows from a Redis, and what it says of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import tracevault as tv
from engine_scene import ACME, settings, vault_of
from launcher import Standin

Pair = tuple[tv.Engine, tv.Tenant]


@contextmanager
def engine(
    cloudflare: Standin,
    address: str,
    *,
    notice: Callable[[tv.Notice], object] | None = None,
    login: tv.RedisLogin | None = None,
    **more: tv.Setting,
) -> Iterator[Pair]:
    changed: dict[str, Any] = {
        "budget__quota": 1200, "redis__addresses": address, "budget__ledger": "private", **more,
    }  # fmt: skip
    vault = vault_of(cloudflare, "acme")
    with tv.Engine(settings(cloudflare, **changed), login=login, notice=notice) as engine:
        yield engine, vault.tenant("acme")


def host(
    cloudflare: Standin, address: str, ledger: Path, **more: tv.Setting
) -> AbstractContextManager[Pair]:
    """An engine that shares nothing with another but a Redis: it has a ledger file of its own."""
    changed: dict[str, Any] = {"budget__ledger": str(ledger), **more}
    return engine(cloudflare, address, **changed)


def asked(pair: Pair, count: int = 1, ms: int = 1) -> list[tv.Result]:
    made, tenant = pair
    return list(
        made.batch([tv.Request.trace(tenant, ACME, f"slow-{ms + n}") for n in range(count)])
    )


def told(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = pair[0].stats()["ledger"]["redis"]
    return found
