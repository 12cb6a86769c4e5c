"""What asks many accounts at once: a hunt, a round of checks, a collection.

A campaign says which requests to make and what their results mean; an engine asks them as one
batch. Nothing here waits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from ._reach import Where, named, reach
from ._sources import Source
from .accounts import Account
from .bulk import FollowOptions
from .errors import NotFoundError, Status
from .request import Result
from .vault import Tenant

Told = TypeVar("Told")


class Campaign(ABC, Generic[Told]):
    """One piece of work over many accounts, and what is to be told of it."""

    waits_for_disk: bool = False
    """Whether :meth:`open` and :meth:`finish` wait for the disk."""
    in_loop: bool = False
    """Whether an event loop asks: what takes long is left for :meth:`catch_up` then."""
    deadline: float = 120.0
    """Seconds that the engine gives a request without a time of its own."""

    def __init__(self, where: Where) -> None:
        self._where = named(where)
        #: Every account that is asked.
        self.accounts: list[tuple[Tenant, Account]] = []
        #: What is found and not yet told.
        self.ready: deque[Told] = deque()

    def find(self) -> None:
        """List the accounts. With thousands of them that takes longer than a loop may be held.

        That there is none is an error: work that asked nobody would read like an all-clear.
        """
        self.accounts = reach(self._where)
        if not self.accounts:
            raise NotFoundError("there is no account to ask", status=Status.E_NOT_FOUND)

    def open(self) -> None:
        """Read what an earlier run left."""

    def begin(self) -> None:
        """Before the first request."""

    @property
    @abstractmethod
    def source(self) -> Source:
        """What to ask, tenants in turns."""

    @property
    @abstractmethod
    def batch_options(self) -> FollowOptions:
        """How the batch is made."""

    @abstractmethod
    def follow(self, result: Result[Any]) -> None:
        """Keep what a result says."""

    @property
    def takes_long(self) -> bool:
        """Whether what the last result says takes longer than a loop may be held."""
        return False

    def catch_up(self) -> None:
        """Keep what that result says; in any thread."""

    def caught_up(self) -> None:
        """Go on behind that, in the loop's own thread."""

    def told(self) -> Iterator[Told]:
        """What is ready, each once."""
        while self.ready:
            yield self.ready.popleft()

    def finish(self) -> None:
        """When everything was answered."""

    def close(self) -> None:
        """At the end, however it came."""
