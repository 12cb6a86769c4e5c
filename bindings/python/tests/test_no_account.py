"""Work over no account is an error, in the library's words for one: it is no all-clear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv

from .conftest import settings

#: Each call, of either engine.
CALLS: dict[str, Callable[[Any, Any, Path], Any]] = {
    "hunt": lambda engine, where, path: engine.hunt(where, subject="report", resume=path),
    "collect": lambda engine, where, path: engine.collect(where, checkpoint=path),
    "check_all": lambda engine, where, path: engine.check_all(where, expiring=30),
}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Callable[[Any, Any, Path], Any]:
    return CALLS[request.param]


@pytest.fixture(params=["vault", "no tenants"])
def nobody(request: pytest.FixtureRequest) -> Any:
    return tv.Vault.in_memory() if request.param == "vault" else []


def test_a_vault_without_an_account_is_an_error_at_once(
    engine: tv.Engine, call: Callable[..., Generator[Any]], nobody: Any, tmp_path: Path
) -> None:
    with pytest.raises(tv.NotFoundError, match="no account") as caught:
        call(engine, nobody, tmp_path / "file")
    assert caught.value.status is tv.Status.E_NOT_FOUND
    assert not (tmp_path / "file").exists()


def test_in_asyncio_it_is_the_same_error(
    server: Standin, call: Callable[..., AsyncGenerator[Any]], nobody: Any, tmp_path: Path
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            async for _ in call(engine, nobody, tmp_path / "file"):
                pass

    with pytest.raises(tv.NotFoundError, match="no account"):
        asyncio.run(main())
