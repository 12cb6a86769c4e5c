"""What a hunt or a collection may hold of pages that were found and are not told yet.

Each tenant may hold as much as is free, so whoever comes next finds room; what is told frees some.
``docs/shares.md`` has the rule. Nothing here waits.
"""

from __future__ import annotations

import threading

from .vault import Tenant

#: Bytes for all tenants of one hunt or collection together.
MOST = 256 << 20
#: As large as a page is expected to be of a tenant of which none has come, and at least.
_USUAL, _SMALLEST = 64 << 10, 16 << 10


class Room:
    """Counts bytes by tenant, in whatever thread: a page is counted where it is read."""

    def __init__(self, most: int | None = None) -> None:
        self.most: int = MOST if most is None else most
        #: No page is expected to be larger, so that who has large ones leaves room to others.
        self.largest: int = self.most // 4
        self._lock = threading.RLock()
        self._all = 0
        self._held: dict[Tenant, int] = {}
        #: Of pages that are asked for. They count for their own tenant alone: where its quota rests
        #: nobody else waits for that.
        self._expected: dict[Tenant, int] = {}
        self._page: dict[Tenant, int] = {}
        self._has_given_back = False

    @property
    def used(self) -> int:
        """What all hold."""
        return self._all

    def has_room_for_page(self, tenant: Tenant) -> bool:
        """Whether a page may be asked for: as much as the tenant holds then is left free by all."""
        with self._lock:
            asked = self._expected.get(tenant, 0)
            own = self._held.get(tenant, 0) + asked
            return self._all + asked <= self.most - own - 2 * self._page_of(tenant)

    def expect(self, tenant: Tenant) -> int:
        """A page is asked for: what that counts for, until :meth:`answered` takes it back."""
        with self._lock:
            size = min(self._page_of(tenant), self.largest)
            self._expected[tenant] = self._expected.get(tenant, 0) + size
            return size

    def answered(self, tenant: Tenant, expected: int) -> None:
        """What was expected is here, or does not come."""
        with self._lock:
            left = self._expected.get(tenant, 0) - expected
            if left > 0:
                self._expected[tenant] = left
            else:
                self._expected.pop(tenant, None)
            self._has_given_back = True

    def takes(self, tenant: Tenant, size: int) -> bool:
        """A page came, and is held if there is room for it; where nothing is held there is.

        The next ones are expected to be as large, or a quarter smaller than this one was.
        """
        with self._lock:
            before = self._page_of(tenant)
            self._page[tenant] = min(self.largest, max(size, before - before // 4, _SMALLEST))
            own = self._held.get(tenant, 0)
            if self._all and self._all > self.most - own - 2 * size:
                return False
            self._add(tenant, size)
            return True

    def hold(self, tenant: Tenant, size: int) -> None:
        """So much more is held, whether there is room for it or not."""
        self._add(tenant, size)

    def free(self, tenant: Tenant, size: int) -> None:
        """So much was told, or is not needed."""
        self._add(tenant, -size)
        self._has_given_back = True

    def gave_back(self) -> bool:
        """Whether there may be room for somebody since this was asked last."""
        given, self._has_given_back = self._has_given_back, False
        return given

    def _page_of(self, tenant: Tenant) -> int:
        return self._page.get(tenant, min(_USUAL, self.largest))

    def _add(self, tenant: Tenant, more: int) -> None:
        with self._lock:
            self._all += more
            own = self._held.get(tenant, 0) + more
            if own:
                self._held[tenant] = own
            else:
                self._held.pop(tenant, None)
