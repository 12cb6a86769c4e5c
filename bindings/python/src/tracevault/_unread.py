"""What has come for those who read late, tenant by tenant, and what of it is read before its turn.

A result counts in what its tenant may have until it is read. Whoever was to read it may wait for
another answer of the same tenant, which finds no room for that: then who waits reads ahead.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, KeysView
from typing import Protocol

#: So many bytes at most are read before their turn, of which a tenant has as much as is free.
MOST = 256 << 20
#: So many bytes of a tenant are read at a time: others have their turn.
_PIECE = 8 << 20


class LateSlot(Protocol):
    """A request whose result may be read late."""

    tag: int
    #: What counts of it here.
    ahead: int

    @property
    def tenant(self) -> str: ...
    @property
    def is_kept(self) -> bool: ...
    @property
    def length(self) -> int: ...
    @property
    def size(self) -> int: ...
    def read(self) -> None: ...


class Unread:
    """Finished requests that nobody has read. Any thread uses it; nothing here waits long."""

    __slots__ = ("_all", "_lock", "_of_tenants", "_read")

    def __init__(self) -> None:
        #: A signal handler that asks something may come amid what the same thread does here.
        self._lock = threading.RLock()
        self._of_tenants: dict[str, dict[int, weakref.ref[LateSlot]]] = {}
        #: Bytes that were read before their turn and are not told, of each tenant and of all.
        self._read: dict[str, int] = {}
        self._all = 0

    def __bool__(self) -> bool:
        return bool(self._of_tenants)

    @property
    def tenants(self) -> KeysView[str]:
        """Of whom there is something."""
        return self._of_tenants.keys()

    @property
    def read_bytes(self) -> int:
        """What was read before its turn and is not told."""
        return self._all

    def add(self, slot: LateSlot) -> None:
        """Its result has come."""
        with self._lock:
            self._of_tenants.setdefault(slot.tenant, {})[slot.tag] = weakref.ref(slot)

    def remove(self, slot: LateSlot) -> None:
        """Its owner has it, or nobody wants it any more."""
        with self._lock:
            self._forget(slot.tenant, slot.tag)
            self._count(slot, 0)

    def read_ahead(self, tenants: Iterable[str]) -> None:
        """Read some of what there is of these tenants, the oldest first."""
        for tenant in tenants:
            left = _PIECE
            while left > 0 and (slot := self._next(tenant)) is not None:
                left -= slot.length
                slot.read()
                with self._lock:
                    # What an answer became is known only now; told meanwhile it counts no more.
                    self._count(slot, slot.size if slot.ahead else 0)

    def _next(self, tenant: str) -> LateSlot | None:
        """The next one of a tenant that there is room for."""
        with self._lock:
            while of_tenant := self._of_tenants.get(tenant):
                tag, found = next(iter(of_tenant.items()))
                slot = found()
                if slot is not None and slot.is_kept:
                    if self._read.get(tenant, 0) + 2 * slot.length > MOST - self._all:
                        return None
                    self._count(slot, slot.length)
                    self._forget(tenant, tag)
                    return slot
                self._forget(tenant, tag)
        return None

    def _forget(self, tenant: str, tag: int) -> None:
        of_tenant = self._of_tenants.get(tenant, {})
        of_tenant.pop(tag, None)
        if not of_tenant:
            self._of_tenants.pop(tenant, None)

    def _count(self, slot: LateSlot, size: int) -> None:
        more, slot.ahead = size - slot.ahead, size
        own = self._read.get(slot.tenant, 0) + more
        self._all += more
        if own:
            self._read[slot.tenant] = own
        else:
            self._read.pop(slot.tenant, None)
