"""An exception of a signal handler, such as Ctrl-C, leaves nothing of the engine's held.

Python runs a signal handler where a function begins and behind a call. So what waits for a result
is interrupted at each of these places, one after the other, and the engine is used again.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

import tracevault as tv
from tracevault import _exchange, _slot
from tracevault._interruptible import _Call, interruptible
from tracevault._lib import check

from .conftest import ACME


class Interruption(BaseException):
    """What a signal handler raises."""


class _Handler:
    """Comes once, at the place of that number in the package; raises, or does something."""

    def __init__(self, number: int, does: Callable[[], object] | None = None) -> None:
        self.left = number
        self.does = does

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        ours = frame.f_code.co_filename.startswith(os.path.dirname(tv.__file__))
        if event in ("call", "c_return") and ours:
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                if self.does is None:
                    raise Interruption
                self.does()


def _is_interrupted(number: int, call: Callable[[], object]) -> bool:
    """Whether there was a place of that number."""
    handler = _Handler(number)
    sys.setprofile(handler)
    try:
        call()
    except Interruption:
        return True
    finally:
        sys.setprofile(None)
    return handler.left <= 0


def _holds_nothing(engine: tv.Engine) -> bool:
    """Whether no request is known any more."""
    untaken = engine._untaken
    return not (untaken.slots or untaken.counts or engine._exchange._slots)


def _ends(call: Callable[[], object]) -> bool:
    done = threading.Thread(target=call, daemon=True)
    done.start()
    done.join(20)
    return not done.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", ["trace", "take", "batch"])
def test_whoever_is_interrupted_keeps_results_from_nobody(
    engine: tv.Engine, acme: tv.Tenant, way: str
) -> None:
    ref = "4jXtPB72Kpz7S8D"
    request = tv.Request.trace(acme, ACME, ref)

    def taken() -> None:
        engine.submit(request)
        engine.take(60)

    ways: dict[str, Callable[[], object]] = {
        "trace": lambda: engine.trace(acme, ACME, ref),
        "take": taken,
        "batch": lambda: list(engine.batch([request, request])),
    }
    answers: list[tv.Trace] = []
    number = 0
    while _is_interrupted(number + 1, ways[way]):
        number += 1
        assert _ends(lambda: answers.append(engine.trace(acme, ACME, ref))), number
    assert number > 8  # it has been interrupted indeed
    assert len(answers) == number
    assert _ends(engine.close)
    assert engine.closed


def test_an_exception_amid_the_taking_loses_no_result_of_others(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    """What one thread is interrupted with was asked by another."""
    request = tv.Request.trace(acme, ACME, "4jXtPB72Kpz7S8D")
    number, is_over = 0, False
    while not is_over:
        number += 1
        engine.submit(request)
        while not engine.stats()["untaken"]:
            pass
        is_over = not _is_interrupted(number, lambda: engine._exchange.take_some(8))
        result = engine.take(20)
        assert result is not None, number
        assert result.error is None
    assert number > 8
    assert _holds_nothing(engine)
    assert engine._exchange.unread.ahead_bytes == 0
    assert engine.stats()["untaken_bytes"] == 0


@pytest.mark.parametrize("ref", ["4jXtPB72Kpz7S8D", "no reference"])
def test_what_an_interrupted_submit_leaves_is_taken_or_counts_for_nobody(
    engine: tv.Engine, acme: tv.Tenant, ref: str
) -> None:
    request = tv.Request.trace(acme, ACME, ref)

    def submitted() -> None:
        with contextlib.suppress(tv.ArgumentError):
            engine.submit(request)

    number = 0
    while _is_interrupted(number + 1, submitted):
        number += 1
        while engine._exchange._slots:
            engine.take(0.01)
        while engine.take(0) is not None:
            pass
        assert _holds_nothing(engine), number
    assert number > 8


@pytest.mark.parametrize("ref", ["4jXtPB72Kpz7S8D", "fail-404", "search"])
def test_what_an_interrupted_take_was_about_to_give_comes_with_the_next(
    engine: tv.Engine, acme: tv.Tenant, ref: str
) -> None:
    request: tv.Request[Any] = tv.Request.trace(acme, ACME, ref)
    if ref == "search":
        request = tv.Request.search(acme, ACME, start="2000-01-01T00:00:00Z", limit=5)
    number, is_over = 0, False
    while not is_over:
        number += 1
        ids = {engine.submit(request) for _ in range(2)}
        while engine.stats()["untaken"] < len(ids):
            pass
        taken: list[tv.Result[Any] | None] = []
        is_over = not _is_interrupted(number, partial(_take_into, taken, engine))
        while result := engine.take(0):
            taken.append(result)
        assert len(taken) == 2, number
        for one in taken:
            assert one is not None
            ids.remove(one.id)
            assert (one.error is not None) is (ref == "fail-404"), number
            assert one.error is None or isinstance(one.error, tv.MessageNotFoundError), number
            assert (one.search is not None) is (ref == "search"), number
    assert number > 8
    assert _holds_nothing(engine)
    assert engine._exchange.unread.ahead_bytes == 0
    assert engine.stats()["untaken_bytes"] == 0


def test_a_take_gives_what_another_threads_interrupted_submit_forgets_meanwhile(
    engine: tv.Engine, acme: tv.Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _slot._documents
    is_reading, is_forgotten = threading.Event(), threading.Event()
    taken: list[tv.Result[Any] | None] = []
    taker = threading.Thread(target=lambda: taken.append(engine.take(20)), daemon=True)

    def submitted(*arguments: Any) -> None:
        check(*arguments)
        taker.start()
        assert is_reading.wait(20)
        raise Interruption

    def reading(*arguments: Any) -> tuple[bytes, bytes]:
        is_reading.set()
        assert is_forgotten.wait(20)
        return read(*arguments)

    monkeypatch.setattr(_slot, "_documents", reading)
    with monkeypatch.context() as submitting:
        submitting.setattr(_exchange, "check", submitted)
        with pytest.raises(Interruption):
            engine.submit(tv.Request.trace(acme, ACME, "4jXtPB72Kpz7S8D"))
    is_forgotten.set()
    taker.join(20)
    assert [one is not None and one.error is None for one in taken] == [True]
    assert _holds_nothing(engine)


def test_an_error_of_a_take_is_held_by_its_result_alone(engine: tv.Engine, acme: tv.Tenant) -> None:
    """What leads back to itself stays until Python's garbage collector comes."""
    gc.collect()
    gc.disable()
    try:
        engine.submit(tv.Request.trace(acme, ACME, "fail-404"))
        result = engine.take(60)
        assert result is not None
        try:
            result.unwrap()
        except tv.MessageNotFoundError as error:
            held = weakref.ref(error)
        with pytest.raises(tv.MessageNotFoundError) as told:
            engine.trace(acme, ACME, "fail-404")
        asked = weakref.ref(told.value)
        del result, told
        assert held() is None
        assert asked() is None
    finally:
        gc.enable()


def test_a_signal_handler_may_ask_while_its_thread_waits(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    answers: list[tv.Trace] = []
    before = signal.signal(
        signal.SIGALRM, lambda *_: answers.append(engine.trace(acme, ACME, "4jXtPB72Kpz7S8D"))
    )
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(tv.DeadlineError):
            engine.trace(acme, ACME, "slow-60000", timeout=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(answers) == 1


def _take_into(taken: list[tv.Result[Any] | None], engine: tv.Engine) -> None:
    taken.append(engine.take(0))


def test_a_signal_handler_may_take_amid_a_taking(engine: tv.Engine, vault: tv.Vault) -> None:
    """It comes behind each call of a ``take()``, as long as there is something."""
    acme, globex = vault.tenant("acme"), vault.tenant("globex")
    request = tv.Request.trace(acme, ACME, "4jXtPB72Kpz7S8D")
    other = tv.Request.trace(globex, globex.accounts()[0].account_id, "4jXtPB72Kpz7S8D")
    requests = [request, request, other, request]
    number, is_over = 0, False
    while not is_over:
        number += 1
        ids = {engine.submit(request) for request in requests}
        while engine.stats()["untaken"] < len(ids):
            pass
        taken: list[tv.Result[Any] | None] = []
        handler = _Handler(number, partial(_take_into, taken, engine))
        sys.setprofile(handler)
        taken.append(engine.take(20))
        sys.setprofile(None)
        is_over = handler.left > 0
        while result := engine.take(0):
            taken.append(result)
        assert {one.id for one in taken if one is not None} == ids, number
    assert number > 8
    assert _holds_nothing(engine)


def test_a_signal_handler_may_ask_while_its_thread_reads(
    engine: tv.Engine, acme: tv.Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[tv.Trace] = []
    read = _slot._documents
    request = tv.Request.trace(acme, ACME, "4jXtPB72Kpz7S8D")

    def interrupted(*arguments: Any) -> tuple[bytes, bytes]:
        monkeypatch.setattr(_slot, "_documents", read)
        # As a handler that comes amid the reading: who waits reads what is of the tenant.
        engine._exchange.unread.read_ahead([acme._key])
        answers.append(engine.trace(acme, ACME, "4jXtPB72Kpz7S8D"))
        return read(*arguments)

    engine.submit(request)
    monkeypatch.setattr(_slot, "_documents", interrupted)
    result = engine.take(60)
    assert result is not None
    assert result.error is None
    assert len(answers) == 1


def test_a_call_in_a_thread_of_its_own_is_stopped_wherever_the_interruption_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also amid the start of that thread: a commit that went on then stored what nobody wanted."""
    wait = _Call.wait
    number, is_over = 0, False
    while not is_over:
        number += 1
        began, stopped, may_end = threading.Event(), threading.Event(), threading.Event()

        def call(began: threading.Event = began, may_end: threading.Event = may_end) -> None:
            began.set()
            may_end.wait()

        def stop(stopped: threading.Event = stopped, may_end: threading.Event = may_end) -> None:
            stopped.set()
            may_end.set()

        def waited_for(made: _Call, may_end: threading.Event = may_end) -> None:
            may_end.set()  # whoever is not interrupted before comes to an end
            wait(made)

        monkeypatch.setattr(_Call, "wait", waited_for)
        is_over = not _is_interrupted(number, partial(interruptible, call, stop=stop))
        went_on = began.is_set() and not may_end.is_set()
        may_end.set()
        assert not went_on, number
    assert number > 8


def test_a_call_that_began_before_its_start_was_interrupted_is_stopped_and_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        began.set()
        may_end.wait()
        ended.set()

    def interrupted(run: Callable[[], None], _: tuple[()]) -> None:
        threading.Thread(target=run).start()
        began.wait()
        raise Interruption

    monkeypatch.setattr("tracevault._interruptible.start_new_thread", interrupted)
    try:
        with pytest.raises(Interruption):
            interruptible(call, stop=may_end.set)
        assert ended.is_set()
    finally:
        may_end.set()


def test_a_call_that_nobody_waits_for_by_then_is_not_begun() -> None:
    made = _Call(lambda: pytest.fail("it is made"), None)
    assert not made.leave()
    made.run()
    assert made.error is None


def test_a_signal_that_interrupts_no_waiting_ends_it_all_the_same() -> None:
    """As one that comes just before: the thread that waits is not woken by it."""
    began, may_end = threading.Event(), threading.Event()
    stopped: list[bool] = []

    def call() -> None:
        began.set()
        stopped.append(may_end.wait(20))

    def signal_of_another_thread() -> None:
        began.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGALRM)

    def interrupted(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, interrupted)
    threading.Thread(target=signal_of_another_thread).start()
    try:
        with pytest.raises(Interruption):
            interruptible(call, stop=may_end.set)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert stopped == [True]
