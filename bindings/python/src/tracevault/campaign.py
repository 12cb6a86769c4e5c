"""What asks many accounts at once: a hunt, a round of checks, a collection.

A campaign says which requests to make and what their results mean; an engine asks them as one
batch. Nothing here waits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from ._reach import Where, reach
from .accounts import Account
from .bulk import FollowOptions
from .request import Request, Result
from .vault import Tenant

Told = TypeVar("Told")


class Campaign(ABC, Generic[Told]):
    """One piece of work over many accounts, and what is to be told of it."""

    waits_for_disk: bool = False
    """Whether :meth:`open` and :meth:`finish` wait for the disk."""

    def __init__(self, where: Where) -> None:
        #: Every account that is asked.
        self.accounts: list[tuple[Tenant, Account]] = reach(where)
        #: What is found and not yet told.
        self.ready: deque[Told] = deque()

    def open(self) -> None:
        """Read what an earlier run left."""

    def begin(self) -> None:
        """Before the first request."""

    @abstractmethod
    def requests(self) -> Iterable[Request[Any]]:
        """What to ask first."""

    @abstractmethod
    def follow(self, result: Result[Any]) -> Iterable[Request[Any]] | None:
        """Keep what a result says; what else to ask."""

    @property
    def batch_options(self) -> FollowOptions:
        """How the batch is made."""
        return {"follow": self.follow}

    def told(self) -> Iterator[Told]:
        """What is ready, each once."""
        while self.ready:
            yield self.ready.popleft()

    def finish(self) -> None:
        """When everything was answered."""

    def close(self) -> None:
        """At the end, however it came."""
