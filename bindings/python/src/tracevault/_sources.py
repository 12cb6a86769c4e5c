"""Where a batch's requests come from: a caller's iterable, or what many tenants are to ask. In both
cases tenants take turns.

What is asked and what answers mean is not known here.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Final, Generic, TypeVar

from ._slot import Slot
from ._unread import TenantKey
from .request import Request
from .vault import Tenant

Item = TypeVar("Item")

#: What an iterable of the caller's gives at its end. His own ``None`` is a mistake.
END: Final = object()


def asked_of(given: object) -> Request[Any] | None:
    """What the caller's iterable gave; ``None`` for its :data:`END`."""
    if given is END:
        return None
    if isinstance(given, Request):
        return given
    raise TypeError(f"a batch takes Requests, not {type(given).__name__}")


class Source:
    """Where a batch's requests come from."""

    over: bool
    """Whether there is nothing to draw."""
    total: int | None = None
    """How many there will be in all, where it is known."""
    is_in_memory: bool = False
    """Whether all there is to draw exists already, so that to have drawn it takes no memory."""

    def draw(self) -> Request[Any] | None:
        """The next one; ``None`` when there is none now."""
        raise NotImplementedError

    def stop(self) -> Request[Any] | None:
        """Take nothing more from the caller; what was taken already and not drawn."""
        return None


class SharedSource(Source):
    """One whose tenants take turns, so that none holds up another."""

    lacks_room: bool = False
    """Whether something was given back."""
    is_drawing: bool = False
    """Whether the last draw ended because others have their turn: there may be one all the same."""

    def answered(self, tenant: Tenant) -> None:
        """One of a tenant's requests is not under way any more."""
        raise NotImplementedError

    def follow(self, requests: Iterable[Request[Any]]) -> None:
        """Give these as well, before the rest: they follow from a result."""
        raise NotImplementedError

    def give_back(self, request: Request[Any]) -> None:
        """Take back what the engine has no room for, and ask nothing more for its tenant until it
        is offered again; others go on."""
        raise NotImplementedError

    def offer_again(self) -> None:
        """Draw what was given back once more, as far as there is room."""
        raise NotImplementedError

    def end(self) -> None:
        """Ask nothing more, but what the caller would miss."""
        raise NotImplementedError

    @property
    def arrived(self) -> Callable[[Slot], None] | None:
        """Called with what came, in whatever thread reads it, before anybody is told."""
        return None


class IterableSource(Source):
    """What a caller gave as an iterable."""

    def __init__(self, requests: Iterable[Request[Any]]) -> None:
        self.over: bool = False
        self.total: int | None = len(requests) if isinstance(requests, Sized) else None
        if not isinstance(requests, Iterable):
            raise TypeError(
                f"requests must be an iterable of Requests, not {type(requests).__name__}"
            )
        self._requests: Iterator[Request[Any]] = iter(requests)
        self.is_in_memory = isinstance(requests, (list, tuple))

    def draw(self) -> Request[Any] | None:
        """The next one; ``None`` at the end."""
        request = next(self._requests, END)
        if isinstance(request, Request):
            return request
        self.over = request is END
        return asked_of(request)


class Turns(SharedSource, Generic[Item]):
    """What many tenants want to ask, each in its turn; made into a request when it is drawn.

    A tenant is a name in an opened vault, however many objects stand for it. It may have as many
    requests under way as are free of the window, and always one: so those whose quota rests stop no
    other. What has a lower rank goes before what has a higher one; then who has the fewest under
    way goes first. Who may not ask is not looked at.
    """

    def __init__(
        self,
        make: Callable[[Item], Request[Any]],
        *,
        window: int,
        total: int | None = None,
        waits: Callable[[Item], bool] | None = None,
        arrived: Callable[[Slot], None] | None = None,
    ) -> None:
        self.total: int | None = total
        self._make, self._waits, self._arrived = make, waits, arrived
        #: By rank: tenants whose next one waits, as `waits` says, until somebody looks again.
        self._aside: list[dict[TenantKey, None]] = []
        self._window = window
        #: By rank and tenant.
        self._waiting: list[dict[TenantKey, deque[Item]]] = []
        #: Those of them who may be drawn from, by how many they have under way. An ordered dict
        #: finds its first key at once, also where many before it are gone.
        self._ready: list[dict[int, OrderedDict[TenantKey, None]]] = []
        self._tenants: set[TenantKey] = set()
        self._asked: dict[TenantKey, int] = {}
        self._under_way = 0
        #: What the engine had no room for, one of a tenant, the one that was tried last at the end.
        self._given_back: OrderedDict[TenantKey, Request[Any]] = OrderedDict()
        #: Whether it is offered again: one after the other, until the engine has no room again.
        self._is_offered = False
        #: Whether nothing more is asked, whatever follows from what is under way.
        self._is_ended = False
        #: Of these an answer has come: each is offered once, since its share of the room is larger.
        self._answered: dict[TenantKey, None] = {}

    @property
    def arrived(self) -> Callable[[Slot], None] | None:
        """Called with what came."""
        return self._arrived

    @property
    def window(self) -> int:
        """How many may be under way in all."""
        return self._window + len(self._tenants)

    @property
    def over(self) -> bool:  # type: ignore[override]
        """Whether nobody wants to ask anything now."""
        return self._is_ended or not (any(self._waiting) or self._given_back)

    @property
    def lacks_room(self) -> bool:  # type: ignore[override]
        """Whether something was given back."""
        return bool(self._given_back) and not self._is_offered

    def add(self, tenant: Tenant, items: Iterable[Item], rank: int = 0) -> None:
        """Let a tenant ask these, behind what it wants to ask with this rank already."""
        if self._is_ended:
            return
        while len(self._waiting) <= rank:
            self._waiting.append({})
            self._ready.append({})
            self._aside.append({})
        key = tenant._key
        waiting = self._waiting[rank].get(key)
        if waiting is not None:
            waiting.extend(items)
            return
        queue = deque(items)
        if queue:
            self._waiting[rank][key] = queue
            self._tenants.add(key)
            self._make_ready(key)

    def takes(self, tenant: Tenant, rank: int) -> bool:
        """Whether a tenant may ask what it has not added, before all else; it counts then."""
        key = tenant._key
        self._tenants.add(key)
        if key in self._given_back or not self._may_ask(self._asked.get(key, 0)):
            return False
        for waiting in self._waiting[: rank + 1]:
            if key in waiting:
                return False
        self._count(key, 1)
        return True

    def answered(self, tenant: Tenant) -> None:
        """One of a tenant's requests is not under way any more."""
        key = tenant._key
        self._count(key, -1)
        if key in self._given_back:
            self._answered[key] = None

    def draw(self) -> Request[Any] | None:
        """The next one; ``None`` when none may ask now."""
        if self._is_offered and self._given_back:
            tenant, request = self._given_back.popitem(last=False)
            self._answered.pop(tenant, None)
        elif self._answered:
            tenant, _ = self._answered.popitem()
            request = self._given_back.pop(tenant)
        else:
            return self._drawn()
        self._count(tenant, 1)
        self._make_ready(tenant)
        return request

    def _drawn(self) -> Request[Any] | None:
        for rank, waiting in enumerate(self._waiting):
            tenant = self._next_of(rank) if self._ready[rank] else None
            if tenant is None:
                continue
            queue = waiting[tenant]
            request = self._make(queue[0])
            queue.popleft()
            if not queue:
                del waiting[tenant]
            self._count(tenant, 1)
            return request
        return None

    def _next_of(self, rank: int) -> TenantKey | None:
        """Whose turn it is; who waits is set aside."""
        waiting, ready = self._waiting[rank], self._ready[rank]
        while ready and self._may_ask(fewest := min(ready)):
            tenant = next(iter(ready[fewest]))
            if self._waits is None or not self._waits(waiting[tenant][0]):
                return tenant
            self._aside[rank][tenant] = None
            self._remove(ready, fewest, tenant)
        return None

    def look_again(self) -> None:
        """Who was set aside may have room now."""
        for aside in self._aside:
            tenants = list(aside)
            aside.clear()
            for tenant in tenants:
                self._make_ready(tenant)

    @staticmethod
    def _remove(
        ready: dict[int, OrderedDict[TenantKey, None]], mine: int, tenant: TenantKey
    ) -> None:
        peers = ready.get(mine)
        if peers is not None and tenant in peers:
            del peers[tenant]
            if not peers:
                del ready[mine]

    def _may_ask(self, mine: int) -> bool:
        """Whether a tenant with so many under way may ask one more."""
        free = self._window - self._under_way
        return not mine or (mine <= free if len(self._tenants) > 1 else free > 0)

    def _count(self, tenant: TenantKey, more: int) -> None:
        """So many more of a tenant's requests are under way: it goes behind those with as many."""
        before = self._asked.get(tenant, 0)
        now = self._asked[tenant] = before + more
        self._under_way += more
        for rank, ready in enumerate(self._ready):
            peers = ready.get(before)
            if peers is None or tenant not in peers:
                continue
            waits = tenant in self._waiting[rank]
            if waits and len(peers) == 1 and now not in ready:
                ready[now] = ready.pop(before)  # the most frequent: a tenant alone
                continue
            self._remove(ready, before, tenant)
            if waits:
                ready.setdefault(now, OrderedDict())[tenant] = None

    def _make_ready(self, tenant: TenantKey) -> None:
        """Let a tenant be drawn from, where it wants to ask and nothing was given back."""
        if tenant in self._given_back:
            return
        mine = self._asked.get(tenant, 0)
        for waiting, ready, aside in zip(self._waiting, self._ready, self._aside, strict=True):
            if tenant in waiting and tenant not in aside:
                ready.setdefault(mine, OrderedDict()).setdefault(tenant)

    def give_back(self, request: Request[Any]) -> None:
        """Ask nothing more for this tenant until it is offered again; others go on.

        What else was given back is not offered now either: most likely there is no room for it.
        """
        key = request.tenant._key
        self._given_back[key] = request
        self._is_offered = False
        for ready in self._ready:
            self._remove(ready, self._asked[key], key)
        self._count(key, -1)

    def offer_again(self) -> None:
        """Draw what was given back once more, as far as there is room."""
        self._is_offered = True

    def keep(self, is_wanted: Callable[[Item], bool]) -> None:
        """Forget what was added and is not wanted."""
        for waiting, ready, aside in zip(self._waiting, self._ready, self._aside, strict=True):
            for tenant, queue in [*waiting.items()]:
                waiting[tenant] = deque(filter(is_wanted, queue))
                if not waiting[tenant]:
                    del waiting[tenant]
                    aside.pop(tenant, None)
                    self._remove(ready, self._asked.get(tenant, 0), tenant)

    def end(self) -> None:
        """Ask nothing more."""
        self._is_ended = True
        self.keep(lambda _: False)
        self._given_back.clear()
        self._answered.clear()
