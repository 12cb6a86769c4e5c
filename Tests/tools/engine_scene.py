"""engine_scene.py - what the engine's end-to-end tests share: tenants, settings, what arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tracevault as tv
from launcher import Standin

ACME = "acae0000000000000000000000000001"
#: The retiring token of a rotation, and the one that replaces it: one user, one account.
OLD, NEW = "test-token-not-real-acme-01-000000000000", "user token"


def settings(server: Standin, **changes: tv.Setting) -> dict[str, tv.Setting]:
    """Settings for an engine that asks the stand-in; `retry__base_ms=1` sets `retry.base_ms`."""
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    return {
        "api.base_url": server.base_url,
        "tls.ca_file": server.ca_file,
        "budget.quota": 0,
        "budget.ip_per_second": 0,
        "retry.base_ms": 1,
        **changed,
    }


def token(server: Standin, account: str = ACME) -> tv.ApiToken:
    return tv.ApiToken(bytearray(server.credential(account).token.encode()))


def vault_of(server: Standin, *tenants: str, account: str = ACME) -> tv.Vault:
    """A vault in memory in which every tenant has the same account with the same token."""
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        for name in tenants:
            edit.put(name, account, token(server, account), origin=server.origin)
    return vault


def slow(tenant: tv.Tenant, ms: int, **options: object) -> tv.Request:
    """A trace that the stand-in gives after so many ms; every number is a message of its own."""
    return tv.Request.trace(tenant, ACME, f"slow-{ms}", **options)  # type: ignore[arg-type]


def taken(engine: tv.Engine, count: int) -> dict[int, tv.Result]:
    """So many results by id: each id once, and nothing after them."""
    results: dict[int, tv.Result] = {}
    for _ in range(count):
        result = engine.take(60)
        assert result is not None, f"{len(results)} of {count} results came"
        assert result.id not in results
        results[result.id] = result
    assert engine.take(0) is None
    return results


def names(results: Iterable[tv.Result]) -> list[str]:
    """How they ended, in words: "" for a success."""
    return sorted(result.error.name if result.error else "" for result in results)


def arrived(server: Standin) -> int:
    total: int = server.counts()["total"]
    return total


def until(holds: Callable[[], object], what: str = "it did not come", seconds: float = 60) -> None:
    """Waits for what must come; a minute without it is a failure, not a measurement."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.01)


class served:
    """A stand-in of another process, as far as `vault_of` needs it, and settings for it."""

    def __init__(self, text: str) -> None:
        self.known: dict[str, Any] = json.loads(text)

    def __iter__(self) -> Iterator[Any]:
        yield self
        yield self.known["settings"]

    @property
    def origin(self) -> str:
        return str(self.known["origin"])

    def credential(self, account: str) -> Any:
        assert account == ACME
        return self

    @property
    def token(self) -> str:
        return str(self.known["token"])
