"""Where no descriptor is left, each call says so in the library's words, and works again later."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from launcher import Standin

import tracevault as tv
from tracevault._checkpoint import Checkpoint
from tracevault.errors import Cause, Status

from .conftest import ACME, settings

REF = "4jXtPB72Kpz7S8D"
#: More than any of these calls needs at a time.
ENOUGH = 8


@contextlib.contextmanager
def only(free: int) -> Iterator[None]:
    """So many are left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(map(int, os.listdir("/proc/self/fd"))) + 16
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    taken: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        for _ in range(free):
            os.close(taken.pop())
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def assert_told(error: tv.LimitError) -> None:
    assert error.status is Status.E_NO_DESCRIPTORS
    assert error.cause is Cause.DESCRIPTORS
    assert error.system_error > 0
    assert error.retriable
    assert "close some, or raise RLIMIT_NOFILE" in error.message


@pytest.mark.parametrize("loop", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("way", ["trace", "batch", "check_all"])
def test_an_event_loop_that_has_none_for_its_look_says_so(
    server: Standin, vault: tv.Vault, acme: tv.Tenant, loop: Callable[..., Any], way: str
) -> None:
    request = tv.Request.trace(acme, ACME, REF)

    async def ask(engine: tv.AsyncEngine) -> None:
        if way == "trace":
            await engine.trace(
                acme, ACME, REF
            )  # known since the first time: it needs no connection
            return
        asked = engine.batch([request]) if way == "batch" else engine.check_all(acme)
        async for _ in asked:
            pass

    async def run() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            await ask(engine)
            with only(0), pytest.raises(tv.LimitError) as told:
                await ask(engine)
            assert_told(told.value)
            await ask(engine)

    loop(run())


def test_a_loop_that_cannot_watch_keeps_no_descriptor(
    server: Standin, acme: tv.Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()

        def none(*_: object) -> None:
            raise OSError("no watch")

        async with tv.AsyncEngine(settings(server)) as engine:
            with monkeypatch.context() as patch:
                patch.setattr(loop, "add_reader", none)
                with pytest.raises(OSError, match="no watch"):
                    await engine.trace(acme, ACME, REF)
            (watch,) = engine._watches.values()
            assert watch._fd == -1
            assert watch._timer is None
            await engine.trace(acme, ACME, REF)

    asyncio.run(run())


def rewritten(path: Path) -> None:
    checkpoint = Checkpoint(path)
    try:
        checkpoint.open({}, 1000)
        checkpoint.rewrite()
    finally:
        checkpoint.close()


def imported(path: Path) -> None:
    with tv.Vault.in_memory() as vault, vault.edit() as edit:
        edit.import_csv(path)


CALLS: dict[str, Callable[[tv.Engine, tv.Tenant, Path], object]] = {
    "a journal": lambda engine, acme, path: list(
        engine.batch([tv.Request.trace(acme, ACME, REF)], resume=path / "journal")
    ),
    "a checkpoint": lambda engine, acme, path: list(
        engine.collect(acme, checkpoint=path / "checkpoint")
    ),
    "a rewritten checkpoint": lambda _, __, path: rewritten(path / "checkpoint"),
    "a key": lambda _, __, path: tv.RawKey.from_file(path / "key"),
    "a table": lambda _, __, path: imported(path / "table.csv"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_file_for_which_there_is_none_is_told_so(
    engine: tv.Engine,
    acme: tv.Tenant,
    tmp_path: Path,
    call: Callable[[tv.Engine, tv.Tenant, Path], object],
) -> None:
    for name, content in (("key", bytes(range(32))), ("table.csv", b"tenant,account_id,token\n")):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_bytes(content)
    for _ in range(2):  # the file is made, and is there
        call(engine, acme, tmp_path)
    refused = 0
    for free in range(ENOUGH):
        with only(free):
            try:
                call(engine, acme, tmp_path)
            except tv.LimitError as error:
                assert_told(error)
                refused += 1
    assert 0 < refused < ENOUGH
    call(engine, acme, tmp_path)
