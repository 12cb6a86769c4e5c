"""Where a batch's requests come from: a caller's iterable, or the turns of many tenants.

What is asked and what answers mean is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Generic, TypeVar

from .request import Request
from .vault import Tenant

Item = TypeVar("Item")


class Source:
    """Where a batch's requests come from."""

    over: bool
    """Whether there is nothing to draw."""
    total: int | None = None
    """How many there will be in all, where it is known."""
    lacks_room: bool = False
    """Whether something was given back."""

    def draw(self) -> object:
        """The next one; ``None`` when there is none now."""
        raise NotImplementedError

    def give_back(self, request: Request[Any]) -> bool:
        """Take back what the engine has no room for; false: the batch keeps it."""
        return False

    def offer_again(self) -> None:
        """Draw what was given back once more."""


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

    def draw(self) -> object:
        """The next one; ``None`` at the end."""
        request = next(self._requests, None)
        self.over = request is None
        return request


class Turns(Source, Generic[Item]):
    """What many tenants want to ask, each in its turn; made into a request when it is drawn.

    A tenant may have as many requests under way as are free of the window, and always one: so those
    whose quota rests stop no other. What has a lower rank goes before what has a higher one.
    """

    def __init__(
        self, make: Callable[[Item], Request[Any]], *, window: int, total: int | None = None
    ) -> None:
        self.total: int | None = total
        self._make = make
        self._window = window
        #: By rank and tenant; who was drawn from goes to the end.
        self._waiting: list[dict[Tenant, deque[Item]]] = []
        self._tenants: set[Tenant] = set()
        self._asked: dict[Tenant, int] = {}
        self._under_way = 0
        #: What the engine had no room for, one of a tenant; and what of it is drawn next.
        self._given_back: dict[Tenant, Request[Any]] = {}
        self._again: deque[Request[Any]] = deque()

    @property
    def window(self) -> int:
        """How many may be under way in all."""
        return self._window + len(self._tenants)

    @property
    def over(self) -> bool:  # type: ignore[override]
        """Whether nobody wants to ask anything now."""
        return not (any(self._waiting) or self._again or self._given_back)

    @property
    def lacks_room(self) -> bool:  # type: ignore[override]
        """Whether something was given back."""
        return bool(self._given_back)

    def add(self, tenant: Tenant, items: Iterable[Item], rank: int = 0) -> None:
        """Let a tenant ask these, behind what it wants to ask with this rank already."""
        while len(self._waiting) <= rank:
            self._waiting.append({})
        queue = self._waiting[rank].get(tenant) or deque()
        queue.extend(items)
        if queue:
            self._waiting[rank][tenant] = queue
            self._tenants.add(tenant)

    def answered(self, tenant: Tenant) -> None:
        """One of a tenant's requests is not under way any more."""
        self._asked[tenant] -= 1
        self._under_way -= 1

    def draw(self) -> Request[Any] | None:
        """The next one of the tenant that has waited longest; ``None`` when none may ask now."""
        request = self._again.popleft() if self._again else self._drawn()
        if request is not None:
            self._asked[request.tenant] = self._asked.get(request.tenant, 0) + 1
            self._under_way += 1
        return request

    def _drawn(self) -> Request[Any] | None:
        for waiting in self._waiting:
            for tenant, queue in waiting.items():
                if self._may_ask(tenant):
                    request = self._make(queue.popleft())
                    del waiting[tenant]
                    if queue:
                        waiting[tenant] = queue
                    return request
        return None

    def _may_ask(self, tenant: Tenant) -> bool:
        if tenant in self._given_back:
            return False
        mine, free = self._asked.get(tenant, 0), self._window - self._under_way
        return not mine or (mine <= free if len(self._tenants) > 1 else free > 0)

    def give_back(self, request: Request[Any]) -> bool:
        """Ask nothing more through this tenant until it is offered again; others go on."""
        self.answered(request.tenant)
        self._given_back[request.tenant] = request
        return True

    def offer_again(self) -> None:
        """Draw what was given back once more."""
        self._again.extend(self._given_back.values())
        self._given_back.clear()
