"""What a caller gives a batch to ask: tenants take turns, and what has none stands aside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ._sources import IterableSource, SharedSource, Source, Turns
from ._unread import TenantKey
from .request import Request
from .vault import Tenant

#: What follows from a result goes before the rest.
_FOLLOWS, _REST = range(2)
#: So many are set aside before others have their turn, such as a result that has come.
_SET_ASIDE = 64


class _Drawn(NamedTuple):
    """A request that was drawn and stands aside, and counts in what may."""

    request: Request[Any]
    stopped: Source | None
    """What is drawn from again when this one is asked."""


class _Aside:
    """What is drawn from, and what of it stands aside until it has its turn.

    Of what is in memory already all may stand aside. Of the rest a tenant may have as many requests
    there as are free of the window: where it has its last one, nothing is drawn from where that
    came from until it has its turn.
    """

    def __init__(self, own: Source, window: int) -> None:
        self.own, self._window = own, window
        #: What is drawn from before that, the last one first.
        self.follow_ups: list[Source] = []
        self.is_stopped: bool = False
        self.is_over: bool = False
        self._count = 0
        self._count_of: dict[TenantKey, int] = {}

    def stop(self) -> None:
        """Draw nothing more."""
        self.is_over = self.is_stopped = True
        self.follow_ups.clear()

    def steps_aside(self, request: Request[Any], source: Source) -> Request[Any] | _Drawn:
        """It may not be asked yet."""
        if source.is_in_memory:
            return request
        key = request.tenant._key
        mine = self._count_of[key] = self._count_of.get(key, 0) + 1
        self._count += 1
        if mine <= self._window - self._count:
            return _Drawn(request, stopped=None)
        if source is self.own:
            self.is_stopped = True
        else:
            self.follow_ups.pop()
        return _Drawn(request, stopped=source)

    def steps_forward(self, drawn: Request[Any] | _Drawn) -> Request[Any]:
        """It has its turn."""
        if isinstance(drawn, Request):
            return drawn
        request, stopped = drawn
        key = request.tenant._key
        self._count -= 1
        self._count_of[key] -= 1
        if not self._count_of[key]:
            del self._count_of[key]
        if stopped is self.own:
            self.is_stopped = self.is_over
        elif stopped is not None and not self.is_over:
            self.follow_ups.append(stopped)
        return request


class GivenSource(SharedSource):
    """What a caller gives, and what follows from it, so that no tenant holds up another.

    Who has its share of the window stands aside with what else was drawn for it, and others are
    looked for behind that.
    """

    def __init__(self, source: Source, window: int) -> None:
        self._own, self._window = source, window
        self._aside = _Aside(source, window)
        self._turns: Turns[Request[Any] | _Drawn] = Turns(self._aside.steps_forward, window=window)
        self._drawn = self._followed = 0

    @property
    def window(self) -> int:
        """How many may be under way in all: beyond the window one of each tenant, up to another."""
        return 2 * self._window

    @property
    def total(self) -> int | None:  # type: ignore[override]
        """How many there will be in all, with those that follow, where it is known."""
        total = self._drawn if self._own.total is None and self._own.over else self._own.total
        return None if total is None else total + self._followed

    @property
    def over(self) -> bool:  # type: ignore[override]
        """Whether there is nothing to draw."""
        has_more = self._aside.follow_ups or not (self._own.over or self._aside.is_over)
        return not has_more and self._turns.over

    @property
    def lacks_room(self) -> bool:  # type: ignore[override]
        """Whether something was given back."""
        return self._turns.lacks_room

    def follow(self, requests: Iterable[Request[Any]]) -> None:
        """Give these as well, before the rest."""
        if self._aside.is_over:
            return
        source = IterableSource(requests)
        self._followed += source.total or 0
        self._aside.follow_ups.append(source)

    def end(self) -> None:
        """Draw nothing more. What was drawn is asked all the same, as the caller has it no longer;
        but what stands aside of a list or a tuple is still there."""
        self._aside.stop()
        self._turns.keep(lambda drawn: isinstance(drawn, _Drawn))
        last = self._own.stop()
        if last is not None:
            self._turns.add(last.tenant, (self._aside.steps_aside(last, self._own),), _REST)

    def draw(self) -> Request[Any] | None:
        """The next one; ``None`` when none may be asked now."""
        self.is_drawing = has_looked = False
        aside = self._aside
        for _ in range(_SET_ASIDE):
            source = aside.follow_ups[-1] if aside.follow_ups else self._own
            is_own = source is self._own
            if is_own and not has_looked:
                asked = self._turns.draw()
                if asked is not None:
                    return asked
                has_looked = True  # what is set aside from now on may not be asked either
            if is_own and (aside.is_stopped or source.over):
                return None
            request = self._drawn_from(source)
            if request is None:
                if source.over:
                    continue
                return None  # it has none yet
            rank = _REST if is_own else _FOLLOWS
            if self._turns.takes(request.tenant, rank):
                return request
            self._turns.add(request.tenant, (aside.steps_aside(request, source),), rank)
        self.is_drawing = True
        return None

    def _drawn_from(self, source: Source) -> Request[Any] | None:
        request = source.draw()
        if source is self._own:
            self._drawn += request is not None
        elif request is None:
            self._aside.follow_ups.pop()
        elif source.total is None:
            self._followed += 1
        return request

    def answered(self, tenant: Tenant) -> None:
        """One of a tenant's requests is not under way any more."""
        self._turns.answered(tenant)

    def give_back(self, request: Request[Any]) -> None:
        """Ask nothing more for this tenant until it is offered again; others go on."""
        self._turns.give_back(request)

    def offer_again(self) -> None:
        """Draw what was given back once more, as far as there is room."""
        self._turns.offer_again()
