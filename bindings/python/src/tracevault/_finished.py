"""What has come of ``submit()`` and is to be taken: one of each tenant in its turn.

The library gives results in turns as well. But whoever waits takes them from it for all, and then
they would stand in the order in which they came.

The caller holds a lock. A signal handler of its own thread may come behind any call and do the
same, so where a comment says so nothing is called.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from ._slot import Slot
from ._unread import TenantKey


class Finished:
    """Finished requests by their tenants."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        #: Of no tenant that has nothing; whose turn is next comes first.
        self._of: OrderedDict[TenantKey, deque[Slot]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._of)

    def gather(self, come: deque[Slot]) -> None:
        """Have what has come stand with its tenant's; other threads may add to it meanwhile."""
        while True:
            # No call in between: a signal handler of this thread may take all.
            slot = come[0] if come else None
            if slot is None:
                return
            tenant, alone = slot.tenant, deque((slot,))
            # No call in between: it is in one of both, and in no other.
            if come and come[0] is slot:
                if tenant in self._of:
                    self._of[tenant] += alone
                else:
                    self._of[tenant] = alone
                del come[0]

    def first(self) -> Slot | None:
        """The oldest of the tenant whose turn it is."""
        # No call in between.
        for tenant in self._of:
            return self._of[tenant][0]
        return None

    def remove(self, slot: Slot) -> None:
        """Take away what was the first: its tenant's next turn comes behind those of all others."""
        # No call in between. Where another one is the first, a signal handler was faster.
        for tenant in self._of:
            of_tenant = self._of[tenant]
            if of_tenant[0] is not slot:
                return
            del of_tenant[0]
            if of_tenant:
                self._of.move_to_end(tenant)
            else:
                del self._of[tenant]
            return
