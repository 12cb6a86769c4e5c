"""What is read before its turn has a bound of its own, which tenants share, and costs nobody else."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TRACE, Server, engine, reply, serving, tenant
from engine_scene import until
from tracevault import _unread
from tracevault._slot import Slot

MEBIBYTE = 1 << 20
BOUND = 8 * MEBIBYTE
SETTINGS = {"engine__max_result_bytes": BOUND, "budget__ip_per_second": 0, "cache__max_bytes": 0}
LINES = [{"lineno": n + 1, "message": "m" * 50_000} for n in range(20)]
LARGE = reply({**TRACE, "result": {"inbound": {"lines": LINES, "pending": False}}})
#: No trace, and as large.
FOREIGN = reply(b"<p>" + b"no" * (MEBIBYTE // 2))


@pytest.fixture
def let_go() -> threading.Event:
    """Until it is set the server keeps what is called 'held'."""
    return threading.Event()


@pytest.fixture
def server(let_go: threading.Event) -> Iterator[Server]:
    def answer(head: bytes, _: int) -> bytes:
        if b"held" in head:
            let_go.wait(60)
        return FOREIGN if b"foreign" in head else LARGE if b"large" in head else reply(TRACE)

    with serving(answer) as running:
        yield running
        let_go.set()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Slot]:
    """What has been read."""
    seen: list[Slot] = []
    reading = Slot.read

    def noted(slot: Slot) -> None:
        if slot.is_kept:
            seen.append(slot)
        reading(slot)

    monkeypatch.setattr(Slot, "read", noted)
    return seen


@pytest.fixture
def declined(read: list[Slot], monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once somebody who waits has found something, and reads none of it."""
    seen = threading.Event()
    read_ahead = _unread.Unread.read_ahead

    def noted(unread: _unread.Unread, tenants: Iterable[_unread.TenantKey]) -> None:
        before = len(read)
        read_ahead(unread, tenants)
        if len(read) == before and unread:
            seen.set()

    monkeypatch.setattr(_unread.Unread, "read_ahead", noted)
    return seen


def requests(of: tv.Tenant, kind: str, count: int) -> list[tv.Request[tv.Trace]]:
    return [tv.Request.trace(of, ACCOUNT, f"{kind}{n}", timeout=300) for n in range(count)]


def test_replies_that_are_no_trace_count_in_what_is_read_ahead(
    server: Server, let_go: threading.Event, read: list[Slot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_unread, "MOST", BOUND)
    with engine(server.origin, **SETTINGS) as asked:
        one = tenant(server.origin)
        batch = asked.batch(requests(one, "foreign", 60))
        assert isinstance(next(batch).error, tv.ReplyError)
        waiter = threading.Thread(target=lambda: asked.trace(one, ACCOUNT, "held", timeout=60))
        waiter.start()
        until(lambda: asked._exchange.unread.ahead_bytes > 2 * MEBIBYTE, "something is read ahead")
        until(
            lambda: not asked.stats()["in_flight"] or len(read) > 3 * BOUND // MEBIBYTE,
            "nothing more has room",
        )
        held = sum(slot.size for slot in read)
        batch.close()
        let_go.set()
        waiter.join(60)
        assert 2 * MEBIBYTE < held <= BOUND + 2 * MEBIBYTE
        assert asked._exchange.unread.ahead_bytes == 0


@pytest.mark.parametrize(
    "names", [("greedy", "modest"), ("one", "one")], ids=["two names", "one name"]
)
def test_what_one_tenant_has_read_ahead_leaves_others_their_share(
    server: Server,
    let_go: threading.Event,
    declined: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, str],
) -> None:
    monkeypatch.setattr(_unread, "MOST", 4 * BOUND)
    with engine(server.origin, **SETTINGS) as asked:
        # Each is of a vault of its own.
        greedy, modest = (tenant(server.origin, name) for name in names)
        slow = asked.batch(requests(greedy, "large", 60))
        assert next(slow).error is None
        waiter = threading.Thread(target=lambda: asked.trace(greedy, ACCOUNT, "held", timeout=60))
        waiter.start()
        assert declined.wait(60)
        for result in asked.batch(requests(modest, "large", 4)):
            assert result.error is None
            assert asked.trace(modest, ACCOUNT, "small", timeout=30, fresh=True).complete
        slow.close()
        let_go.set()
        waiter.join(60)


def test_who_waits_looks_at_nothing_that_is_anothers(
    server: Server,
    let_go: threading.Event,
    declined: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: set[str] = set()
    is_kept = Slot.is_kept.fget  # type: ignore[attr-defined]

    def noted(slot: Slot) -> bool:
        looked.add(slot.request.tenant.name)
        return bool(is_kept(slot))

    with engine(server.origin, **SETTINGS) as asked:
        slow, quick = tenant(server.origin, "slow"), tenant(server.origin, "quick")
        for request in requests(slow, "small", 50):
            asked.submit(request)
        until(lambda: asked.stats()["untaken"] == 50, "all are there")
        waiter = threading.Thread(target=lambda: asked.trace(quick, ACCOUNT, "held", timeout=60))
        monkeypatch.setattr(Slot, "is_kept", property(noted))
        waiter.start()
        assert declined.wait(60)
        let_go.set()
        waiter.join(60)
    assert "slow" not in looked


def test_what_dies_unread_counts_no_more(server: Server) -> None:
    with engine(server.origin, **SETTINGS) as asked:
        one = tenant(server.origin)
        for request in requests(one, "large", 1):
            asked.submit(request)
        until(lambda: asked.stats()["untaken"] == 1, "it has come")
        asked.trace(tenant(server.origin, "other"), ACCOUNT, "small")
        unread = asked._exchange.unread
        unread.read_ahead([one._key])
        assert unread.ahead_bytes > MEBIBYTE // 2
        # As where an exception of a signal handler loses them.
        asked._ready.clear()
        asked._untaken.slots.clear()
        gc.collect()
        assert unread.ahead_bytes == 0


def test_a_forked_child_lets_go_of_a_batch_and_writes_nothing_into_its_journal(
    server: Server, let_go: threading.Event, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with engine(server.origin, **SETTINGS) as asked:
        one = tenant(server.origin)
        all_nine = [*requests(one, "small", 1), *requests(one, "held", 8)]
        batch = asked.batch(all_nine, resume=journal)
        assert next(batch).error is None
        let_go.set()
        until(lambda: asked.stats()["untaken"] == 8, "all have come")
        asked.trace(tenant(server.origin, "other"), ACCOUNT, "small")
        unread = asked._exchange.unread
        slots = [slot() for one in unread._slots.values() for slot in one.values()]
        before = journal.read_bytes()
        # Another thread reads them, and is missing in the child.
        with contextlib.ExitStack() as stack:
            for slot in slots:
                assert isinstance(slot, Slot)
                stack.enter_context(slot._reading)
            child = os.fork()
            if not child:
                signal.alarm(30)
                with contextlib.suppress(tv.ForkedError):
                    next(batch)
                    os._exit(1)
                batch.close()
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert slots
        assert journal.read_bytes() == before
        assert [result.error for result in batch] == [None] * 8
        told = [json.loads(line) for line in journal.read_bytes().splitlines()]
        assert len(told) == 1 + 9
