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
    {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"},
    {"start": "2020-01-01T00:00:00Z"},
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


def ago(**much: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(**much)


def refusals(vault: tv.Vault, checkpoint: Path, told: str, **window: Any) -> int:
    """Ask in every way there is; give how often something left for the server."""
    acme = vault.tenant("acme")
    with tv.Engine() as engine:
        with pytest.raises(tv.ArgumentError, match=told):
            engine.search(acme, ACCOUNT, **window)
        with pytest.raises(tv.ArgumentError, match=told):
            engine.submit(tv.Request.search(acme, ACCOUNT, **window))
        with pytest.raises(tv.ArgumentError, match=told):
            engine.hunt(vault, subject="x", **window)
        (result,) = engine.batch([tv.Request.search(acme, ACCOUNT, **window)])
        assert isinstance(result.error, tv.ArgumentError)
        assert told in str(result.error)
        if "start" in window:
            with pytest.raises(tv.ArgumentError, match=told):
                engine.collect(vault, checkpoint=checkpoint, **window)
            assert not checkpoint.exists()

        async def beside() -> None:
            async with tv.AsyncEngine() as other:
                with pytest.raises(tv.ArgumentError, match=told):
                    await other.search(acme, ACCOUNT, **window)

        asyncio.run(beside())
        return int(engine.stats()["tries"])


@pytest.mark.parametrize("more", [{}, {"end": "2100-01-02T00:00:00Z"}])
@pytest.mark.parametrize("start", ["2100-01-01T00:00:00Z", ago(days=-1)])
def test_a_start_in_the_future_is_refused(
    vault: tv.Vault, start: object, more: dict[str, Any], tmp_path: Path
) -> None:
    window = {"start": start, **more}
    assert refusals(vault, tmp_path / "checkpoint", "start lies in the future", **window) == 0


def test_a_clock_that_is_a_little_behind_refuses_nothing(vault: tv.Vault) -> None:
    with tv.Engine() as engine:
        assert engine.hunt(vault, subject="x", start=ago(minutes=-2)) is not None


@pytest.mark.parametrize("end", ["2020-01-01T00:00:00Z", ago(days=31)])
def test_an_end_before_the_default_start_is_refused(
    vault: tv.Vault, end: object, tmp_path: Path
) -> None:
    told = "end lies before the 30 days"
    assert refusals(vault, tmp_path / "checkpoint", told, end=end) == 0


def test_an_end_within_the_default_window_is_not(vault: tv.Vault, tmp_path: Path) -> None:
    """A collection begins where it says itself, so an early end is told account by account."""
    with tv.Engine() as engine:
        assert engine.hunt(vault, subject="x", end=ago(days=29)) is not None
        (told,) = engine.collect(vault, checkpoint=tmp_path / "checkpoint", end=ago(days=31))
        assert isinstance(told.error, tv.ArgumentError)
        assert "this account is asked from" in str(told.error)
