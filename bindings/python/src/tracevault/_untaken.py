"""What ``submit()`` has asked and ``take()`` has not given, and how much of it a tenant may have.

The library has the same rule (``docs/shares.md``), and counts what it has. But a finished result
leaves it when anybody takes, which ``submit()`` does itself where there is no room.

Any thread uses it, without a lock. Where a comment says so nothing is called, so neither another
thread nor an exception of a signal handler comes in between.
"""

from __future__ import annotations

from collections import defaultdict

from ._slot import Slot
from ._unread import TenantKey
from .errors import QueueFullError, Status

#: So many times what is free one tenant may have: there is always room for the next.
_SHARE_OF_FREE = 8


class Untaken:
    """Requests by their tags, counted by tenant."""

    __slots__ = ("_count", "_most", "_most_of_tenant", "counts", "slots")

    def __init__(self, most: int, most_of_tenant: int) -> None:
        """``most_of_tenant``: 0 for a share of what is free."""
        self._most, self._most_of_tenant = most, most_of_tenant
        self.slots: dict[int, Slot] = {}
        self._count = 0
        #: Of no tenant that has nothing.
        self.counts: defaultdict[TenantKey, int] = defaultdict(int)

    def __contains__(self, tag: int) -> bool:
        return tag in self.slots

    def __setitem__(self, tag: int, slot: Slot) -> None:
        """Count one more; refuse it where it would leave too few to others."""
        tenant = slot.tenant
        # No call in between: of those who ask at once, each finds what the others have.
        free = self._most - self._count
        mine = self.counts[tenant] if tenant in self.counts else 0  # noqa: SIM401 - a call
        has_room = free > 0 and mine < (self._most_of_tenant or _SHARE_OF_FREE * free)
        if has_room:
            self.slots[tag] = slot
            self.counts[tenant] += 1
            self._count += 1
        else:
            raise self._refusal(is_of_all=free <= 0)

    def pop(self, tag: int, default: None, /) -> None:
        """Forget one, if it is there: of two who forget it at once, either may be the first."""
        slot = self.slots.get(tag)
        if slot is None:
            return
        tenant = slot.tenant
        # No call in between, and none behind it.
        if tag in self.slots:
            del self.slots[tag]
            self._count -= 1
            self.counts[tenant] -= 1
            if not self.counts[tenant]:
                del self.counts[tenant]

    def _refusal(self, *, is_of_all: bool) -> QueueFullError:
        if is_of_all:
            which = "engine.max_queued requests"
        else:
            most = self._most_of_tenant
            whose = "engine.max_queued_per_tenant" if most else "its share of the queue's"
            which = f"{whose} requests of this tenant"
        return QueueFullError(
            f"{which} are under way or not yet taken; take results first",
            status=Status.E_QUEUE_FULL,
            retriable=True,
        )
