"""What the engine for threads and the one for event loops have in common: its life, its numbers."""

from __future__ import annotations

import atexit
import ctypes
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ._abi import EngineRef, TextRef
from ._exchange import Exchange
from ._handle import Handle, Setting, encoded, new_config
from ._lib import check, json_document, library
from ._secret import leaves_no_secret
from ._unread import TenantKey
from ._untold import Untold
from .bulk import check_function
from .credentials import RedisLogin, hand_over, wiping
from .request import Request
from .vault import Tenant

if TYPE_CHECKING:
    from .notices import Notice

#: What differs from the library's own defaults, unless the settings say otherwise: notices are made
#: for ``logging``, and a result counts until its owner has read it, whoever took it.
DEFAULTS: Mapping[str, Setting] = {
    "engine.max_notices": 256,
    "engine.results_count_until": "freed",
}
#: How long leaving the interpreter may wait for an engine, in seconds.
_EXIT_WAIT = 5.0


class BaseEngine:
    """One engine of the library, and the exchange that hands out its results."""

    __slots__ = ("__weakref__", "_capacity", "_capacity_of_tenant", "_deadline", "_exchange")

    @leaves_no_secret
    def __init__(
        self,
        settings: Mapping[str, Setting] | None = None,
        *,
        login: RedisLogin | None = None,
        notice: Callable[[Notice], object] | None = None,
    ) -> None:
        ref = EngineRef()
        with wiping(login):
            check_function("notice", notice)
            lib = library()
            with closing(new_config(settings, DEFAULTS)) as config:
                hand_over(login, RedisLogin, "login", config.ref)
                self._capacity = _number(lib, config.ref, b"engine.max_queued")
                most_notices = _number(lib, config.ref, b"engine.max_notices")
                of_tenant = _number(lib, config.ref, b"engine.max_queued_per_tenant")
                self._capacity_of_tenant = of_tenant
                #: What requests without a time of their own have, in seconds.
                self._deadline = _number(lib, config.ref, b"request.deadline_ms") / 1000
                check(lib.tv_engine_new, config.ref, ctypes.byref(ref))
        handle = Handle(ref, "tv_engine_free", "engine")
        self._exchange = Exchange(handle, Untold(most_notices, notice))
        _live.add(self)

    def _read_ahead(self, tenants: Callable[[], Iterable[TenantKey]]) -> None:
        """Nothing comes of these tenants: what nobody has read may leave no room for it."""
        self._exchange.unread.read_ahead(tenants())

    def fileno(self) -> int:
        """The descriptor that is readable while results wait, for ``select``, ``poll`` or another
        event loop: then ``take(timeout=0)``. Do not read, write or close it."""
        return self._exchange.fileno()

    def stats(self) -> dict[str, Any]:
        """What the engine is doing, as JSON values: queue depths, requests under way, what is left
        of each quota, outcomes, histograms. ``docs/statistics.md`` explains every number."""
        found: dict[str, Any] = json_document(library().tv_engine_stats, self._exchange.handle.ref)
        return found

    def estimate(self, tenant: Tenant, count: int, account_id: str | None = None) -> dict[str, Any]:
        """How long ``count`` more requests of an account take, if nobody else spends its quota.

        ``done_ms`` and ``done_at`` say when the last of them may go; ``burst`` and ``per_minute``
        what the quota gives; ``address``: what all tenants of this host may send together. Replies,
        retries and further pages take their own time on top.
        """
        if not isinstance(tenant, Tenant):
            raise TypeError(
                f"tenant must be a Tenant, not {type(tenant).__name__}: vault.tenant(name) opens "
                "one"
            )
        if not isinstance(count, int):
            raise TypeError(f"count must be a whole number, not {type(count).__name__}")
        account = encoded(account_id or "", "the account id")
        found: dict[str, Any] = json_document(
            library().tv_engine_estimate,
            self._exchange.handle.ref,
            tenant._handle.ref,
            account,
            len(account),
            count,
        )
        return found

    def estimate_batch(self, requests: Iterable[Request[Any]]) -> dict[str, Any]:
        """How long these requests take, if nobody else spends the same quotas.

        ``done_ms`` and ``done_at``: when the last of them may go; ``groups``: the estimate for each
        quota, by an account that spends it. Accounts of one opened vault with one budget group, or
        one token, share a quota. Each request counts once: further pages, retries and follow-ups
        come on top.
        """
        counts: Counter[tuple[Tenant, str | None]] = Counter(
            (request.tenant, request.account_id) for request in requests
        )
        quotas: dict[TenantKey, dict[str | None, object]] = {}
        groups: dict[object, tuple[Tenant, str | None, int]] = {}
        for (tenant, account_id), count in counts.items():
            if tenant._key not in quotas:
                quotas[tenant._key] = tenant._quotas()
            group = quotas[tenant._key].get(account_id, (tenant, account_id))
            _, _, before = groups.get(group, (tenant, account_id, 0))
            groups[group] = (tenant, account_id, before + count)
        found = [
            {
                "tenant": tenant.name,
                "account_id": account_id,
                **self.estimate(tenant, count, account_id),
            }
            for tenant, account_id, count in groups.values()
        ]
        longest: dict[str, Any] = max(found, key=lambda one: one["done_ms"] or 0, default={})
        done_ms, done_at = longest.get("done_ms", 0), longest.get("done_at")
        # Each estimate counts its own requests only; the address sends all of them.
        together = _address_ms(counts.total(), longest.get("address", {}))
        if together > done_ms:
            done_ms, done_at = together, _in_ms(together)
        return {"count": counts.total(), "done_ms": done_ms, "done_at": done_at, "groups": found}

    def lift(self, tenant: Tenant, account_id: str | None = None) -> None:
        """Lift the parking of the quota that an account's requests spend, and a slower pace that
        the server asked for: what waits goes on at once.

        After HTTP 429 a quota rests for five minutes, or an hour where the server said so twice,
        for all processes that share the ledger. Should the server refuse again, it rests again.
        """
        if not isinstance(tenant, Tenant):
            raise TypeError(f"tenant must be a Tenant, not {type(tenant).__name__}")
        account = encoded(account_id or "", "the account id")
        engine = self._exchange.handle.ref
        check(library().tv_engine_lift, engine, tenant._handle.ref, account, len(account))

    @property
    def closed(self) -> bool:
        """Whether the engine is closed, or belongs to the process this one was forked from."""
        return not self._exchange.handle.usable

    def close(self) -> None:
        """Complete everything under way with :class:`ShutdownError` and end the engine's thread.

        Closing twice does nothing.
        """
        self._exchange.close()

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"an {type(self).__name__} cannot be pickled: make one in each process")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {'closed' if self.closed else 'open'}>"


def _number(lib: ctypes.CDLL, config: Any, name: bytes) -> int:
    data, length = TextRef(), ctypes.c_size_t()
    check(lib.tv_config_get, config, name, len(name), ctypes.byref(data), ctypes.byref(length))
    return int(ctypes.string_at(data, length.value))


def _address_ms(count: int, address: Mapping[str, int | None]) -> int:
    """When the last of so many requests may leave this host's address, in ms; 0 without a limit."""
    at_once, per_minute = address.get("available"), address.get("per_minute")
    if not per_minute:
        return 0
    return max(0, count - (at_once or 0)) * 60_000 // per_minute


def _in_ms(wait: int) -> str:
    """The time that is so far off, as the library writes times."""
    whole = time.time_ns() // 1_000_000 + wait
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{whole % 1000:03}Z", time.gmtime(whole // 1000))


_live: weakref.WeakSet[BaseEngine] = weakref.WeakSet()


def _stop_all() -> None:
    """End the engines before the interpreter ends, but never hang it."""
    for engine in list(_live):
        stopper = threading.Thread(target=engine.close, daemon=True)
        try:
            stopper.start()
        except RuntimeError:  # Python 3.12 and newer may start no thread this late
            engine.close()
        else:
            stopper.join(_EXIT_WAIT)


atexit.register(_stop_all)
