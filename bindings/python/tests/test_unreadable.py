"""A document that cannot be read is the error of its own request; all others have their answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault import _slot

from .conftest import settings

BROKEN = "globex"
LONG_AGO = "2000-01-01T00:00:00Z"
HUNT: dict[str, Any] = {"sender": "sender.example", "start": LONG_AGO, "trace": False}

Views = tuple[bytes, bytes]


def damaged(document: bytes) -> bytes:
    """The same without its end."""
    return document[:-1]


def damage(monkeypatch: pytest.MonkeyPatch, brief: Callable[[bytes], bytes]) -> None:
    """From now on the searches of one tenant bring a document that is no JSON."""
    given: Callable[..., Views] = _slot._documents

    def document(*call: Any) -> Views:
        whole, short = given(*call)
        if b"tracevault.search/" not in whole or f'"tenant":"{BROKEN}"'.encode() not in whole:
            return whole, short
        return damaged(whole), brief(short)

    monkeypatch.setattr(_slot, "_documents", document)


def test_a_batch_tells_the_others_and_the_error_of_that_one(
    engine: tv.Engine, vault: tv.Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(monkeypatch, damaged)
    asked = [
        tv.Request.search(vault.tenant(one.tenant), one.account_id, start=LONG_AGO)
        for one in vault.accounts()
    ]
    results = list(engine.batch(asked))
    assert len(results) == len(asked)
    for result in results:
        if result.request.tenant.name != BROKEN:
            assert result.unwrap().to_dict()["messages"]
            continue
        assert (result.search, result.answer) == (None, None)
        assert result.error is not None
        assert "cannot be read" in result.error.message
        assert (result.error.tenant, result.error.account_id) == (BROKEN, result.request.account_id)
        assert result.error.__traceback__ is None


def test_a_hunt_tells_the_others_and_an_account_that_could_not_be_asked(
    server: Standin, engine: tv.Engine, vault: tv.Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {(one.account_id, one.message is None) for one in engine.hunt(vault, **HUNT)}
    damage(monkeypatch, damaged)
    broken = {one.account_id for one in vault.accounts() if one.tenant == BROKEN}
    expected = {(of, of in broken) for of, _ in there}

    async def beside() -> list[tv.Finding]:
        async with tv.AsyncEngine(settings(server)) as other:
            return [one async for one in other.hunt(vault, **HUNT)]

    for told in (list(engine.hunt(vault, **HUNT)), asyncio.run(beside())):
        assert {(one.account_id, one.message is None) for one in told} == expected
        for one in told:
            assert (one.error is not None) == (one.account_id in broken)


def test_what_was_found_before_an_item_that_cannot_be_read_is_asked_all_the_same(
    engine: tv.Engine, vault: tv.Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless(brief: bytes) -> bytes:
        document = json.loads(brief)
        document["messages"][-1]["message_ref"] = None
        return json.dumps(document).encode()

    where = vault.tenant(BROKEN)
    told: list[tv.Progress] = []
    there = [one.message for one in engine.hunt(where, **HUNT)]
    damage(monkeypatch, nameless)
    found = list(engine.hunt(where, **{**HUNT, "trace": True}, progress=told.append))
    copies = [one for one in found if one.message is not None]
    accounts = {one.account_id for one in where.accounts()}
    assert len(copies) == len(there) - len(accounts) > 0
    assert all(one.trace is not None for one in copies)
    failed = [one for one in found if one.message is None]
    assert {one.account_id for one in failed} == accounts
    assert all("cannot be read" in str(one.error) for one in failed)
    last = told[-1]
    assert (last.done, last.failed, last.found) == (len(accounts), len(accounts), len(copies))
    assert last.under_way == 0


@pytest.mark.parametrize("brief", [damaged, bytes], ids=["both views", "the items"])
def test_a_collection_does_so_too_and_asks_that_account_again(
    engine: tv.Engine,
    vault: tv.Vault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    brief: Callable[[bytes], bytes],
) -> None:
    def collected() -> dict[str, list[tv.Detection]]:
        told: dict[str, list[tv.Detection]] = {}
        found = engine.collect(
            vault, checkpoint=tmp_path / "checkpoint", start=LONG_AGO, detections_only=False
        )
        for one in found:
            told.setdefault(one.account_id, []).append(one)
        return told

    broken = {one.account_id for one in vault.accounts() if one.tenant == BROKEN}
    with monkeypatch.context() as for_now:
        damage(for_now, brief)
        told = collected()
    assert {one.account_id for one in vault.accounts()} == told.keys()
    for account_id, each in told.items():
        assert all((one.message is None) == (account_id in broken) for one in each)
        assert all((one.error is not None) == (account_id in broken) for one in each)
    again = collected()
    assert again.keys() == broken
    assert all(one.change == "new" for each in again.values() for one in each)


def test_a_trace_that_cannot_be_read_says_so_to_who_looks() -> None:
    trace = tv.Trace._of_view(b"{", b"{", {})
    with pytest.raises(tv.TraceVaultError, match="cannot be read"):
        trace.lines  # noqa: B018
    with pytest.raises(tv.TraceVaultError, match="cannot be read"):
        trace.to_dict()
