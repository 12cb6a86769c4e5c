"""What a vault takes back while a request connects is not sent once the connection stands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import tracevault as tv
from engine_scene import ACME, ChangedFile, names, settings, taken, token, until
from launcher import Standin, standin
from proxy.connecting import connecting
from proxy.gate import Gate, gated


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


@pytest.fixture
def gate(running: Standin) -> Iterator[Gate]:
    """In front of the server."""
    running.reset()
    with gated(urlsplit(running.origin).port or 0) as made:
        yield made


class World(ChangedFile):
    """Its server may be asked for through a gate, as `origin`."""

    def __init__(
        self, server: Standin, origin: str, path: Path, max_stale_ms: int = 900_000,
        **changes: tv.Setting,
    ) -> None:  # fmt: skip
        followed: dict[str, tv.Setting] = {"vault.max_stale_ms": max_stale_ms}
        changes["api__base_url"] = origin + urlsplit(server.base_url).path
        super().__init__(server, path, origin, followed, settings(server, **changes))

    def is_stale(self) -> bool:
        error = self.vault.describe().get("refresh_error")
        return error is not None and bool(error["stale"])


def remove(world: World) -> None:
    world.changed(world.remove)


def remove_tenant(world: World) -> None:
    world.changed(lambda edit: edit.remove_tenant("acme"))


def replace(world: World) -> None:
    world.changed(world.rotate)


def expire(world: World) -> None:
    world.changed(lambda edit: edit.set("acme", ACME, expires="2020-01-01T00:00:00Z"))


def move(world: World) -> None:
    secret = token(world.server)
    world.changed(lambda edit: edit.put("acme", ACME, secret, origin="https://other.example"))


def lock(world: World) -> None:
    world.vault.lock()


def lose(world: World) -> None:
    world.path.unlink()
    until(world.is_stale, "the vault is out of sight")


def relabel(world: World) -> None:
    world.changed(lambda edit: edit.set("acme", ACME, label="another"))


def retire(world: World) -> None:
    """The old one is kept beside the new one, so it may still be sent."""

    def change(edit: tv.Edit) -> None:
        edit.retire("acme", ACME)
        world.rotate(edit)

    world.changed(change)


Change = Callable[[World], None]
CHANGES = [
    (remove, "TV_E_NOT_FOUND", (0, 0)),
    (remove_tenant, "TV_E_NOT_FOUND", (0, 0)),
    (replace, "", (0, 1)),
    (expire, "TV_E_EXPIRED", (0, 0)),
    (move, "TV_E_ORIGIN", (0, 0)),
    (lock, "TV_E_LOCKED", (0, 0)),
    (lose, "TV_E_STALE", (0, 0)),
    (relabel, "", (1, 0)),
    (retire, "", (1, 0)),
]


@pytest.mark.parametrize("http", ["auto", "1.1"])
@pytest.mark.parametrize(
    ("change", "status", "used"), CHANGES, ids=[one[0].__name__ for one in CHANGES]
)
def test_a_request_that_connects_is_sent_with_what_the_vault_lends_when_it_leaves(
    change: Change, status: str, used: tuple[int, int], http: str, running: Standin, gate: Gate,
    tmp_path: Path,
) -> None:  # fmt: skip
    tmp_path.chmod(0o700)
    stale_ms = 1 if change is lose else 900_000
    world = World(running, gate.origin, tmp_path / "t.vault", stale_ms, http__version=http)
    with contextlib.closing(world):
        world.engine.submit(tv.Request.trace(world.acme, ACME, "slow-1"))
        until(lambda: gate.came == 1, "the request connects")
        change(world)
        gate.let(2)
        (result,) = taken(world.engine, 1).values()
        assert names([result]) == [status]
        assert world.used() == used
        # What was not sent was no try, and the quota has its permit back.
        assert world.engine.stats()["tries"] == sum(used)


def test_behind_a_proxy_nothing_is_sent_that_was_taken_back(
    running: Standin, tmp_path: Path
) -> None:
    running.reset()
    tmp_path.chmod(0o700)
    with connecting() as proxy, gated(proxy.port) as gate:
        named = f"http://127.0.0.1:{gate.port}"
        world = World(running, running.origin, tmp_path / "t.vault", http__proxy=named)
        with contextlib.closing(world):
            world.engine.submit(tv.Request.trace(world.acme, ACME, "slow-1"))
            until(lambda: gate.came == 1, "the request connects")
            remove(world)
            gate.let(1)
            assert names(taken(world.engine, 1).values()) == ["TV_E_NOT_FOUND"]
            assert world.used() == (0, 0)


def test_a_later_page_of_a_search_is_not_asked_for_with_a_removed_token(
    running: Standin, gate: Gate, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    world = World(running, gate.origin, tmp_path / "t.vault", http__version="1.1")
    with contextlib.closing(world):
        gate.let(1)
        world.engine.submit(tv.Request.search(world.acme, ACME, limit=5, per_page=1))
        until(lambda: gate.came == 2, "the second page connects")
        remove(world)
        gate.let(1)
        (result,) = taken(world.engine, 1).values()
        found = result.answer
        assert isinstance(found, tv.SearchResult) and len(found.messages) == 1
        assert found.error is not None and found.error.name == "TV_E_NOT_FOUND"
        assert world.used() == (1, 0)


def test_a_check_is_not_made_with_a_removed_token(
    running: Standin, gate: Gate, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    world = World(running, gate.origin, tmp_path / "t.vault")
    with contextlib.closing(world):
        world.engine.submit(tv.Request.check(world.acme, ACME))
        until(lambda: gate.came == 1, "the check connects")
        remove(world)
        gate.let(1)
        assert names(taken(world.engine, 1).values()) == ["TV_E_NOT_FOUND"]
        assert world.used() == (0, 0)


def test_who_joins_a_request_that_connects_goes_on_with_the_new_token(
    running: Standin, gate: Gate, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    world = World(running, gate.origin, tmp_path / "t.vault")
    with contextlib.closing(world):
        for _ in range(3):
            world.engine.submit(tv.Request.trace(world.acme, ACME, "slow-1"))
        until(lambda: gate.came == 1, "the request connects")
        assert world.engine.stats()["joined"] == 2
        replace(world)
        gate.let(2)
        assert names(taken(world.engine, 3).values()) == [""] * 3
        assert world.used() == (0, 1)
