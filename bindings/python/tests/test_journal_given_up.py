"""Work that is given up while its journal or checkpoint is read: the file is let go."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault._lines import LineFile

from .conftest import ACME, settings

Begin = Callable[[tv.AsyncEngine, tv.Tenant, Path], AsyncIterator[Any]]

WORKS: dict[str, Begin] = {
    "batch": lambda engine, acme, path: engine.batch(
        [tv.Request.trace(acme, ACME, "slow-0")], resume=path
    ),
    "hunt": lambda engine, acme, path: engine.hunt(acme, subject="report", resume=path),
    "check_all": lambda engine, acme, path: engine.check_all(acme, resume=path),
    "collect": lambda engine, acme, path: engine.collect(acme, checkpoint=path),
}


class Disk:
    """A disk that takes as long as a test wants to read a file of lines."""

    def __init__(self) -> None:
        self.is_asked = threading.Event()
        self.answers = threading.Event()

    def __call__(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any) -> Any:
            self.is_asked.set()
            assert self.answers.wait(60)
            return call(*arguments)

        return slow


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk()
    monkeypatch.setattr(LineFile, "lines", made(LineFile.lines))
    yield made
    made.answers.set()


@pytest.fixture(params=WORKS)
def begin(request: pytest.FixtureRequest) -> Begin:
    return WORKS[request.param]


async def told(results: AsyncIterator[Any]) -> list[Any]:
    return [result async for result in results]


async def until_asked(disk: Disk) -> None:
    await asyncio.get_running_loop().run_in_executor(None, disk.is_asked.wait, 60)


def test_work_that_is_cancelled_twice_leaves_its_file_to_the_next(
    server: Standin, vault: tv.Vault, tmp_path: Path, disk: Disk, begin: Begin
) -> None:
    async def main() -> None:
        async with tv.AsyncEngine(settings(server)) as engine:
            acme = vault.tenant("acme")
            task = asyncio.ensure_future(told(begin(engine, acme, tmp_path / "file")))
            await until_asked(disk)
            for _ in range(3):
                task.cancel()
                for _ in range(3):
                    await asyncio.sleep(0)
            was_done = task.done()
            disk.answers.set()
            assert not was_done, "the thread has the file"
            with pytest.raises(asyncio.CancelledError):
                await task
            await told(begin(engine, acme, tmp_path / "file"))

    asyncio.run(main())


def test_work_whose_loop_is_closed_leaves_its_file_to_the_next(
    server: Standin, vault: tv.Vault, tmp_path: Path, disk: Disk, begin: Begin
) -> None:
    with contextlib.closing(tv.AsyncEngine(settings(server))) as engine:
        acme = vault.tenant("acme")
        loop, pool = asyncio.new_event_loop(), ThreadPoolExecutor()
        loop.set_default_executor(pool)
        task: Any = loop.create_task(told(begin(engine, acme, tmp_path / "file")))
        loop.run_until_complete(until_asked(disk))
        loop.close()
        task._log_destroy_pending = False
        del task
        disk.answers.set()
        pool.shutdown(wait=True)  # until then the thread has what it works on
        gc.collect()
        asyncio.run(told(begin(engine, acme, tmp_path / "file")))


def test_ctrl_c_while_a_journal_is_read_leaves_it_to_the_next(
    engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[LineFile] = []  # as a traceback that somebody looks at keeps it

    def interrupted(file: LineFile) -> Iterator[tuple[int, bytes]]:
        kept.append(file)
        raise KeyboardInterrupt

    requests = [tv.Request.trace(acme, ACME, "slow-0")]
    with monkeypatch.context() as patch:
        patch.setattr(LineFile, "lines", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(engine.batch(requests, resume=tmp_path / "file"))
    (result,) = engine.batch(requests, resume=tmp_path / "file")
    assert result.error is None
