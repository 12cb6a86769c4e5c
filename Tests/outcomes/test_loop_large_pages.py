"""A large page of a search holds up no event loop: a hunt or a collection reads it in another thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TOKEN, TRACE, Server, reply, serving
from tracevault import sweep


def page(nameless: bool, length: int) -> bytes:
    items = [
        {"id": "" if nameless else f"m{at}", "n": at, "x": [{"a": "y" * 90}] * length}
        for at in range(20)
    ]
    return reply({"success": True, "errors": [], "result": items, "result_info": {}})


SMALL, LARGE = 10, 1500


class Threads:
    """In which threads what was done; the event loop's own is the first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = threading.get_ident()
        self.read: set[bool] = set()
        self.in_progress: set[bool] = set()
        self.keys = 0
        dumps, sift = json.dumps, sweep.Sweep._sift

        def noted(*given: Any) -> bool:
            self.read.add(threading.get_ident() == self.loop)
            return sift(*given)

        def dumped(value: object, **how: Any) -> str:
            """Of large values only those in the loop count."""
            text = dumps(value, **how)
            self.keys += len(text) > 10_000 and threading.get_ident() == self.loop
            return text

        monkeypatch.setattr(sweep.Sweep, "_sift", noted)
        monkeypatch.setattr(json, "dumps", dumped)

    def progress(self, _: tv.Progress) -> None:
        self.in_progress.add(threading.get_ident() == self.loop)


def asked(
    engine: tv.AsyncEngine, vault: tv.Vault, what: str, folder: Path, **options: Any
) -> AsyncIterator[Any]:
    if what == "collection":
        return engine.collect(vault, checkpoint=folder / "c", **options)
    return engine.hunt(vault, sender="x", trace=what == "hunt with traces", **options)


def run(server: Server, what: str, folder: Path, threads: Threads, leave: int = 99) -> int:
    async def main() -> int:
        with tv.Vault.in_memory() as vault:
            with vault.edit() as edit:
                edit.put("acme", ACCOUNT, tv.ApiToken(TOKEN), origin=server.origin)
            settings: dict[str, tv.Setting] = {
                "api.base_url": server.origin + "/client/v4",
                "api.allow_http_loopback": True,
                "budget.quota": 0,
            }
            async with tv.AsyncEngine(settings) as engine:
                told = 0
                async for one in asked(engine, vault, what, folder, progress=threads.progress):
                    assert one.message is not None
                    told += 1
                    if told == leave:
                        break
                return told

    return asyncio.run(main())


WHAT = ["hunt with traces", "hunt", "collection"]


@pytest.mark.parametrize("nameless", [False, True], ids=["", "without ids"])
@pytest.mark.parametrize("length", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("what", WHAT)
def test_a_large_page_is_read_in_another_thread_and_a_small_one_in_the_loop(
    what: str, length: int, nameless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(head: bytes, _: int) -> bytes:
        return page(nameless, length) if b"/investigate?" in head else reply(TRACE)

    threads = Threads(monkeypatch)
    with serving(answer) as server:
        assert run(server, what, tmp_path, threads) == 20
    assert threads.read == {length == SMALL}
    assert threads.in_progress == {True}
    assert threads.keys == 0
    if what == "collection":
        with serving(answer) as server:
            assert run(server, what, tmp_path, threads) == 0


@pytest.mark.parametrize("what", WHAT)
def test_who_leaves_at_a_large_page_ends_the_work(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(head: bytes, _: int) -> bytes:
        return page(False, LARGE) if b"/investigate?" in head else reply(TRACE)

    with serving(answer) as server:
        assert run(server, what, tmp_path, Threads(monkeypatch), leave=2) == 2
