"""In Python a slow listener of notices holds nobody up for longer than one of its calls, and many notices of one tenant push out its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TRACE, engine, reply, serving
from engine_scene import until

ACCOUNTS = 30
_monotonic = time.monotonic


class Listener:
    """Takes half a minute for each notice, on a clock of its own."""

    def __init__(self) -> None:
        self.told: list[tv.Notice] = []
        self.took = 0.0

    def __call__(self, notice: tv.Notice) -> None:
        self.told.append(notice)
        self.took += 30

    def clock(self) -> float:
        return _monotonic() + self.took


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    slow = Listener()
    monkeypatch.setattr(time, "monotonic", slow.clock)
    return slow


class Scene:
    """An engine, a tenant of many accounts whose first tries fail, and one with nothing."""

    def __init__(self, asked: tv.Engine, vault: tv.Vault, listener: Listener) -> None:
        self.asked, self.vault, self.listener = asked, vault, listener
        self.greedy, self.modest = vault.tenant("greedy"), vault.tenant("modest")

    def fail(self, tenant: tv.Tenant, count: int, first: int = 0) -> None:
        """Make so many notices of a tenant, each of another account, which stay in the library."""
        before = self.asked.stats()["notices"]
        for account in tenant.accounts()[first : first + count]:
            self.asked.submit(tv.Request.trace(tenant, account.account_id, "fails", fresh=True))
        until(lambda: self.asked.stats()["outstanding"] == self.asked.stats()["untaken"])
        assert self.asked.stats()["notices"] == before + count

    def ask(self, *, has_rested: bool = True) -> None:
        if has_rested:
            self.listener.took += 4 * 30 + 1
        assert self.asked.trace(self.modest, ACCOUNT, "4jXtPB72Kpz7S8D", fresh=True).complete


@contextmanager
def scene(listener: Listener, **settings: tv.Setting) -> Iterator[Scene]:
    def answer(head: bytes, _: int) -> bytes:
        return reply({}, 503) if b"fails" in head else reply(TRACE)

    vault = tv.Vault.in_memory()
    with serving(answer) as server, closing(vault):
        with vault.edit() as edit:
            for number in range(ACCOUNTS):
                token = tv.ApiToken(f"test-token-not-real-greedy-{number}")
                edit.put("greedy", f"{number:032x}", token, origin=server.origin)
            edit.put("modest", ACCOUNT, tv.ApiToken("test-token-not-real-modest"),
                     origin=server.origin)  # fmt: skip
        more: dict[str, tv.Setting] = {"retry__max_attempts": 2, "retry__base_ms": 1, **settings}
        with engine(server.origin, listener, **more) as asked:
            yield Scene(asked, vault, listener)


def test_who_waits_is_held_up_by_one_call_of_a_slow_listener(listener: Listener) -> None:
    with scene(listener) as one:
        one.fail(one.greedy, ACCOUNTS)
        one.ask()
        assert len(listener.told) == 1
        one.ask(has_rested=False)
        assert len(listener.told) == 1
        one.ask()
        assert len(listener.told) == 2
    # Nobody waits for an answer any more.
    assert [notice.number for notice in listener.told] == [*range(1, ACCOUNTS + 1)]


def test_of_too_many_notices_the_oldest_goes_of_the_tenant_with_the_most(
    listener: Listener,
) -> None:
    with scene(listener, engine__max_notices=6) as one:
        one.fail(one.greedy, 6)
        one.ask()  # takes all of them from the library
        one.fail(one.modest, 1)
        one.ask()
        one.fail(one.greedy, 6, 6)
        one.ask()
    told = [(notice.number, notice.tenant) for notice in listener.told]
    assert told[:3] == [(1, "greedy"), (2, "greedy"), (7, "modest")]
    assert told[3:] == [(number, "greedy") for number in range(9, 14)]


def test_two_tenants_of_one_name_push_out_nothing_of_each_other_and_are_told_apart(
    listener: Listener,
) -> None:
    with scene(listener, engine__max_notices=6) as one, closing(tv.Vault.in_memory()) as other:
        (account,) = one.modest.accounts()
        with other.edit() as edit:
            token = tv.ApiToken("test-token-not-real-of-another-vault")
            edit.put("greedy", ACCOUNT, token, origin=account.origin)
        vaults = [vault.describe()["vault_id"] for vault in (one.vault, other)]
        one.fail(one.greedy, 6)
        one.ask()
        one.fail(other.tenant("greedy"), 1)
        one.ask()
        one.fail(one.greedy, 6, 6)
        one.ask()
    told = [(notice.number, vaults.index(notice.vault_id)) for notice in listener.told]
    assert told == [(1, 0), (2, 0), (7, 1), *((number, 0) for number in range(9, 14))]
