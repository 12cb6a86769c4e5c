"""What one tenant's answers take of the disk for a batch's journal leaves room for the others'."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import tracevault as tv
from bare_server import Server, engine, reply, serving

EVIL, MODEST = f"{1:032x}", f"{2:032x}"
COUNT = 20
#: How large the file system of the test is.
DISK = 5_000_000


def trace(size: int) -> bytes:
    lines = [{"lineno": at, "message": "x" * 1000} for at in range(size // 1000)]
    block = {"lines": lines, "pending": False}
    empty = {"lines": [], "pending": False}
    return reply({"success": True, "errors": [], "result": {"inbound": block, "outbound": empty}})


#: What a trace of each account takes: of the one as much as it can, of the other what is usual.
TRACES = {EVIL: trace(1_000_000), MODEST: trace(30_000)}


@pytest.fixture
def server() -> Iterator[Server]:
    def answer(head: bytes, _: int) -> bytes:
        found = re.search(rb"/accounts/([0-9a-f]{32})/", head)
        assert found
        return TRACES[found[1].decode()]

    with serving(answer) as running:
        yield running


def run(server: Server, journal: Path) -> tuple[Counter[str], int]:
    """How many answers of each account came from the journal, and how many came in all."""
    with tv.Vault.in_memory() as vault, engine(server.origin, cache__max_bytes=0) as asking:
        with vault.edit() as edit:
            for name, one in (("evil", EVIL), ("modest", MODEST)):
                token = tv.ApiToken(f"test-token-not-real-{name}-0000")
                edit.put(name, one, token, origin=server.origin)
        tenants = {EVIL: vault.tenant("evil"), MODEST: vault.tenant("modest")}
        asked = [
            tv.Request.trace(tenant, one, f"m{number}")
            for number in range(COUNT)
            for one, tenant in tenants.items()
        ]
        results = list(asking.batch(asked, resume=journal))
    assert [one.error for one in results] == [None] * len(asked)
    resumed = (one.request.account_id for one in results if one.resumed)
    return Counter(str(one) for one in resumed), len(results)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal on a small disk."""
    journal = tmp_path / "j"

    def status(_: int) -> object:
        free = DISK - journal.stat().st_size
        return SimpleNamespace(f_bavail=free, f_frsize=1, f_blocks=DISK)

    monkeypatch.setattr(os, "fstatvfs", status)
    return journal


def test_large_answers_of_a_tenant_fill_no_more_of_the_disk_than_is_free_and_are_asked_again(
    server: Server, disk: Path
) -> None:
    assert run(server, disk) == (Counter(), 2 * COUNT)
    assert disk.stat().st_size < 3_500_000
    for _ in range(2):  # nor do all runs together
        resumed, all_of_them = run(server, disk)
        assert all_of_them == 2 * COUNT
        assert resumed[MODEST] == COUNT
        assert resumed[EVIL] == 2
        assert disk.stat().st_size < 3_500_000


def test_a_file_system_that_tells_no_size_bounds_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = SimpleNamespace(f_bavail=0, f_frsize=4096, f_blocks=0)
    monkeypatch.setattr(os, "fstatvfs", lambda _: nothing)
    run(server, tmp_path / "j")
    assert run(server, tmp_path / "j")[0] == Counter({EVIL: COUNT, MODEST: COUNT})
