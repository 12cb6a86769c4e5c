"""A round of checks that can be left and taken up again, and never tells what is no longer so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from launcher import Standin

import tracevault as tv

from .conftest import ACME, settings


@pytest.fixture
def three(server: Standin) -> Iterator[tv.Vault]:
    """A vault of three tenants; their tokens are all good."""
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for tenant in ("one", "two", "three"):
                token = tv.ApiToken(server.named("user token").token)
                edit.put(tenant, ACME, token, origin=server.origin)
        server.reset()
        yield vault


def test_a_round_of_checks_asks_nothing_twice(
    server: Standin, engine: tv.Engine, three: tv.Vault, tmp_path: Path
) -> None:
    journal = tmp_path / "check.journal"
    first = {one.tenant: one.to_dict() for one in engine.check_all(three, resume=journal)}
    asked = len(server.requests())
    steps: list[tv.Progress] = []
    again = engine.check_all(three, resume=journal, progress=steps.append)
    assert {one.tenant: one.to_dict() for one in again} == first
    assert len(server.requests()) == asked == 3
    assert steps[-1].resumed == 3
    assert journal.stat().st_mode & 0o777 == 0o600

    async def in_a_loop() -> list[tv.Checked]:
        async with tv.AsyncEngine(settings(server)) as loop_engine:
            return [one async for one in loop_engine.check_all(three, resume=journal)]

    assert {one.tenant: one.to_dict() for one in asyncio.run(in_a_loop())} == first
    assert len(server.requests()) == asked


def test_a_credential_that_was_rotated_is_checked_again(
    server: Standin, engine: tv.Engine, three: tv.Vault, tmp_path: Path
) -> None:
    list(engine.check_all(three, resume=tmp_path / "j"))
    with three.edit() as edit:
        edit.rotate("two", ACME, tv.ApiToken(server.named("expired").token))
    server.reset()
    found = {one.tenant: one for one in engine.check_all(three, resume=tmp_path / "j")}
    assert [name for name, one in found.items() if not one.valid] == ["two"]
    assert len(server.requests()) == 1


def test_a_question_for_the_permission_is_another_one(
    server: Standin, engine: tv.Engine, three: tv.Vault, tmp_path: Path
) -> None:
    list(engine.check_all(three, resume=tmp_path / "j"))
    for one in engine.check_all(three, resume=tmp_path / "j", access=True):
        assert one.check is not None
        assert one.check.access is not None


@pytest.mark.parametrize("hours", [-2, 2])
def test_an_answer_counts_for_an_hour(
    server: Standin, engine: tv.Engine, three: tv.Vault, tmp_path: Path, hours: int
) -> None:
    journal = tmp_path / "j"
    list(engine.check_all(three, resume=journal))
    first, *lines = journal.read_text().splitlines()
    told = datetime.now(timezone.utc) + timedelta(hours=hours)
    other = json.loads(lines[0])
    other["document"]["checked_at"] = told.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    lines[0] = json.dumps(other, separators=(",", ":"))
    journal.write_text("\n".join([first, *lines, ""]))
    server.reset()
    assert all(one.valid for one in engine.check_all(three, resume=journal))
    assert len(server.requests()) == 1
