"""Memory runs out while a result is handed over: its owner is told, every other result comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault import _lib, _slot
from tracevault._slot import Slot

from .conftest import ACME


def requests(server: Standin, acme: tv.Tenant, count: int) -> list[tv.Request]:
    refs = [message.investigate_id for message in server.messages_of(ACME)]
    return [tv.Request.trace(acme, ACME, refs[at % len(refs)]) for at in range(count)]


def failing(call: Callable[..., Any], *, at: int) -> Callable[..., Any]:
    """A call without memory for its ``at``-th time."""
    calls = 0

    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise MemoryError
        return call(*arguments, **named)

    return wrapped


def no_memory(result: tv.Result) -> bool:
    return isinstance(result.error, tv.LimitError) and result.error.status is tv.Status.E_NO_MEMORY


@pytest.mark.parametrize("name", ["view", "failure"])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_result_that_cannot_be_copied_is_an_error_of_its_own_request(
    server: Standin,
    engine: tv.Engine,
    acme: tv.Tenant,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    at: int,
) -> None:
    asked = requests(server, acme, 5)
    if name == "failure":
        asked = [tv.Request.trace(acme, ACME, f"nobody{number}") for number in range(5)]
    monkeypatch.setattr(_slot, name, failing(getattr(_slot, name), at=at))
    # Of each trace two views are copied.
    hit = (at - 1) // 2 if name == "view" else at - 1
    results = list(engine.batch(asked))
    assert len(results) == 5
    assert [result for result in results if no_memory(result)] == [results[hit]]
    error = results[hit].error
    assert error is not None
    assert error.retriable
    # The same again, by the same engine.
    assert not any(no_memory(result) for result in engine.batch(asked))


def test_the_one_call_that_waits_gets_the_error(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = server.messages_of(ACME)[0].investigate_id
    monkeypatch.setattr(_slot, "view", failing(_lib.view, at=1))
    with pytest.raises(tv.LimitError, match="memory"):
        engine.trace(acme, ACME, ref, fresh=True)
    assert engine.trace(acme, ACME, ref).message_ref == ref


class Cramped(deque[Slot]):
    """No memory for the first append."""

    refused = False

    def append(self, slot: Slot) -> None:
        if not self.refused:
            self.refused = True
            raise MemoryError
        super().append(slot)


def test_a_result_without_room_to_be_noted_is_not_lost(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    engine._ready = Cramped()
    ids = [engine.submit(request) for request in requests(server, acme, 3)]
    with pytest.raises(MemoryError):
        engine.take()
    taken = [engine.take() for _ in ids]
    assert sorted(result.id for result in taken if result is not None) == ids
    assert all(result is not None and result.trace is not None for result in taken)
    assert engine.take(timeout=0) is None


def test_a_document_too_large_to_be_read_is_an_error_and_is_not_lost(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tv.Trace, "_of_view", failing(tv.Trace._of_view, at=2))
    results = list(engine.batch(requests(server, acme, 4)))
    assert [no_memory(result) for result in results] == [False, True, False, False]
