"""A time that ends before it begins is told at the call: nobody shall read "no copies" for it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
EXCHANGED: list[dict[str, Any]] = [
    {"start": NOW, "end": NOW - timedelta(days=7)},
    {"start": "2026-11-30T00:00:00+01:00", "end": "2026-11-29T22:59:59Z"},
]
IN_ORDER: list[dict[str, Any]] = [
    {"start": NOW - timedelta(days=7), "end": NOW},
    {"start": "2026-11-30T00:00:00+01:00", "end": "2026-11-29T23:00:00Z"},
    {"start": NOW},
    {"end": "2020-01-01T00:00:00Z"},
]


@pytest.fixture
def vault() -> tv.Vault:
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        edit.put("acme", ACCOUNT, tv.ApiToken("test-token-not-real"))
    return vault


@pytest.mark.parametrize("window", EXCHANGED)
def test_a_window_whose_ends_are_exchanged_is_refused(
    vault: tv.Vault, window: dict[str, Any], tmp_path: Path
) -> None:
    told = r"end lies before start"
    acme = vault.tenant("acme")
    with tv.Engine() as engine:
        with pytest.raises(tv.ArgumentError, match=told):
            engine.search(acme, ACCOUNT, **window)
        asked = tv.Request.search(acme, ACCOUNT, **window)
        with pytest.raises(tv.ArgumentError, match=told):
            engine.submit(asked)
        for result in engine.batch([asked]):
            assert isinstance(result.error, tv.ArgumentError)
            assert told in result.error.message
        with pytest.raises(tv.ArgumentError, match=told):
            engine.hunt(vault, subject="x", **window)
        with pytest.raises(tv.ArgumentError, match=told):
            engine.collect(vault, checkpoint=tmp_path / "checkpoint", **window)
        assert engine.stats()["tries"] == 0

    async def beside() -> None:
        async with tv.AsyncEngine() as engine:
            with pytest.raises(tv.ArgumentError, match=told):
                await engine.search(acme, ACCOUNT, **window)

    asyncio.run(beside())


@pytest.mark.parametrize("window", IN_ORDER)
def test_any_other_window_is_not(vault: tv.Vault, window: dict[str, Any]) -> None:
    with tv.Engine() as engine:
        assert engine.hunt(vault, subject="x", **window) is not None
