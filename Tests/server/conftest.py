"""conftest: one stand-in without a quota for all its own tests, fresh for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from launcher import Standin, standin


@pytest.fixture(scope="session")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


@pytest.fixture
def server(running: Standin) -> Standin:
    running.reset()
    return running
