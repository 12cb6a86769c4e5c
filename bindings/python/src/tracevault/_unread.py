"""What has come for those who read late, tenant by tenant, and what of it is read before its turn.

A result counts in what its tenant may have until it is read. Whoever was to read it may wait for
another answer of the same tenant, which finds no room for that: then who waits reads ahead.

Nothing here takes a lock, and each step is one call of C's: a signal handler may come in between
and ask something itself, and another thread as well. What a slot counts for goes with the slot.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable
from functools import partial
from typing import Protocol, TypeAlias

from ._handle import free_with

#: So many bytes at most are read before their turn, of which a tenant has as much as is free.
MOST = 256 << 20
#: So many bytes of a tenant are read at a time: others have their turn.
_PIECE = 8 << 20
#: With so many tenants those are forgotten of whom there is nothing, and then with twice as many.
_SWEEP = 1024
#: Where there was no room, nobody looks for some for so many seconds.
_REST_S = 0.05


#: An opened vault and a name in it.
TenantKey: TypeAlias = tuple[int, str]


class LateSlot(Protocol):
    """A request whose result may be read late."""

    tag: int

    @property
    def tenant(self) -> TenantKey: ...
    @property
    def is_kept(self) -> bool: ...
    @property
    def length(self) -> int: ...
    @property
    def size(self) -> int: ...
    def read(self) -> None: ...


class Unread:
    """Finished requests that nobody has read. Any thread uses it."""

    __slots__ = ("_ahead", "_rests", "_slots", "_sweep_at")

    def __init__(self) -> None:
        #: By tenant and tag. A tenant's own dictionary stays when it is empty.
        self._slots: dict[TenantKey, dict[int, weakref.ref[LateSlot]]] = {}
        #: Bytes that were read before their turn and are not told, by tenant and tag.
        self._ahead: dict[TenantKey, dict[int, int]] = {}
        #: Until when nobody looks for room for a tenant.
        self._rests: dict[TenantKey, float] = {}
        self._sweep_at = _SWEEP

    def __bool__(self) -> bool:
        return any(self._slots.copy().values())

    def has(self, tenant: TenantKey) -> bool:
        """Whether there is something of a tenant."""
        return bool(self._slots.get(tenant))

    @property
    def ahead_bytes(self) -> int:
        """What was read before its turn and is not told."""
        return sum(map(self._ahead_of, list(self._ahead)))

    def _ahead_of(self, tenant: TenantKey) -> int:
        return sum(list(self._ahead.get(tenant, {}).values()))

    def add(self, slot: LateSlot) -> None:
        """Its result has come."""
        of_tenant = self._slots.setdefault(slot.tenant, {})
        of_tenant[slot.tag] = weakref.ref(slot, partial(of_tenant.pop, slot.tag))
        if len(self._slots) >= self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        """Forget tenants of whom there is nothing. What comes for one meanwhile has its turn."""
        for known in (self._slots, self._ahead):
            for tenant in list(known):
                if not known.get(tenant, True):
                    known.pop(tenant, None)
        self._rests.clear()
        self._sweep_at = max(_SWEEP, 2 * len(self._slots))

    def remove(self, slot: LateSlot) -> None:
        """Its owner has it, or does not want it any more."""
        for known in (self._slots, self._ahead):
            known.get(slot.tenant, {}).pop(slot.tag, None)

    def read_ahead(self, tenants: Iterable[TenantKey]) -> None:
        """Read some of what there is of these tenants."""
        for tenant in tenants:
            if self.has(tenant) and time.monotonic() >= self._rests.get(tenant, 0.0):
                self._read(tenant)

    def _read(self, tenant: TenantKey) -> None:
        ahead = self._ahead.setdefault(tenant, {})
        own = self._ahead_of(tenant)
        free, left = MOST - self.ahead_bytes, _PIECE
        while left > 0 and (slot := self._popped(tenant)) is not None:
            size = slot.length
            if own + 2 * size > free:
                self.add(slot)
                self._rests[tenant] = time.monotonic() + _REST_S
                return
            # Before it is read: others who read ahead count it, too.
            ahead[slot.tag] = size
            free_with(slot, slot.tag, ahead.pop)
            slot.read()
            if slot.tag in ahead:
                ahead[slot.tag] = size = slot.size
            own, free, left = own + size, free - size, left - size - 1

    def _popped(self, tenant: TenantKey) -> LateSlot | None:
        """One of a tenant, which is nobody else's to read ahead then."""
        of_tenant = self._slots.get(tenant, {})
        while of_tenant:
            try:
                _, found = of_tenant.popitem()
            except KeyError:
                return None  # another thread was faster
            slot = found()
            if slot is not None and slot.is_kept:
                return slot
        return None
