"""engine_scene.py - what the engine's end-to-end tests share: tenants, settings, what arrived."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
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


def put_all(edit: tv.Edit, server: Standin, origin: str | None = None) -> None:
    """Puts every account of the stand-in, each with its own kind of credential."""
    for account in server.accounts:
        edit.put(
            account.tenant,
            account.id,
            secret(server, account.id),
            label=account.label,
            origin=origin or server.origin,
        )


def secret(server: Standin, account: str) -> tv.ApiToken | tv.GlobalKey:
    known = server.credential(account)
    if known.kind == "api_token":
        return tv.ApiToken(known.token)
    return tv.GlobalKey(known.email, known.key)


def vault_of(server: Standin, *tenants: str, account: str = ACME) -> tv.Vault:
    """A vault in memory in which every tenant has the same account with the same token."""
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        for name in tenants:
            edit.put(name, account, token(server, account), origin=server.origin)
    return vault


class ChangedFile:
    """A vault file that an engine uses and another handle, as another process would, changes."""

    KEY = bytes(range(32))

    def __init__(
        self, server: Standin, path: Path, origin: str, vault_settings: dict[str, tv.Setting],
        engine_settings: dict[str, tv.Setting],
    ) -> None:  # fmt: skip
        self.server = server
        self.path = path
        self.origin = origin
        with tv.Vault.create(path, self.key()) as vault, vault.edit() as edit:
            edit.put("acme", ACME, token(server), origin=origin)
        self.vault = tv.Vault.open(path, self.key(), settings=vault_settings)
        self.acme = self.vault.tenant("acme")
        self.engine = tv.Engine(engine_settings)

    def close(self) -> None:
        self.engine.close()
        self.vault.close()

    def key(self) -> tv.RawKey:
        return tv.RawKey(bytearray(self.KEY))

    def changed(self, change: Callable[[tv.Edit], None]) -> None:
        """Changes the file and waits until the vault in use has seen it."""
        with tv.Vault.open(self.path, self.key()) as other:
            with other.edit() as edit:
                change(edit)
            until(lambda: self.vault.generation == other.generation, "the vault sees the change")

    def used(self) -> tuple[int, int]:
        """Requests that came with the old token, and with the new one."""
        counts = self.server.counts()["credentials"]
        known = self.server.credential(ACME), self.server.named(NEW)
        old, new = (int(counts.get(credential.token, 0)) for credential in known)
        return old, new

    def rotate(self, edit: tv.Edit) -> None:
        secret = tv.ApiToken(bytearray(self.server.named(NEW).token.encode()))
        edit.put("acme", ACME, secret, origin=self.origin)

    @staticmethod
    def remove(edit: tv.Edit) -> None:
        edit.remove("acme", ACME)


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


def connected(place: Path, seconds: float = 60) -> socket.socket:
    """A connection to a socket in a folder: its name is there a moment before anybody listens at it."""
    made = socket.socket(socket.AF_UNIX)
    try:
        until(lambda: made.connect_ex(str(place)) == 0, f"nobody listens at {place}", seconds)
    except BaseException:
        made.close()
        raise
    return made


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
