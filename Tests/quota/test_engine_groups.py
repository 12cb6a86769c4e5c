"""Whose word counts for a quota: nobody's bogus credential stops another's, in whichever vault."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from bare_server import ACCOUNT, TRACE, Server, reply, serving

REF = "4Njp3P0STMz2c02Q"
OTHER = "acae0000000000000000000000000009"
EMAIL = "soc@example.com"
GOOD, BOGUS = b"test-key-not-real-good-0001", b"test-key-not-real-bogus-0001"
#: What a server may say to have somebody stopped for a day.
PARKING = (
    'retry-after: 86400\r\nratelimit: "x";r=0;t=86400\r\nratelimit-policy: "x";q=1;w=86400\r\n'
)


def answer(head: bytes, number: int) -> bytes:
    return reply({}, 429, PARKING) if BOGUS in head else reply(TRACE)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(answer) as running:
        yield running


@pytest.fixture
def ledger() -> Iterator[Path]:
    # On disk: a ledger refuses some of the file systems that /tmp may be.
    directory = Path("/var/tmp") / f"tracevault-groups-{os.getpid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    yield directory / "budget.ledger"
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


def engine(server: Server, ledger: Path) -> tv.Engine:
    return tv.Engine(
        {
            "api.base_url": server.origin,
            "api.allow_http_loopback": True,
            "budget.ledger": str(ledger),
        }
    )


def secret(key: bytes, kind: str) -> tv.ApiToken | tv.GlobalKey:
    return tv.GlobalKey(EMAIL, bytearray(key)) if kind == "key" else tv.ApiToken(bytearray(key))


def vault(server: Server, kind: str, *keys: bytes, group: str | None = None) -> tv.Vault:
    """A tenant for each key, "t0", "t1"."""
    made = tv.Vault.in_memory()
    with made.edit() as edit:
        for number, key in enumerate(keys):
            edit.put(
                f"t{number}",
                ACCOUNT,
                secret(key, kind),
                origin=server.origin,
                budget_group=group,
            )
    return made


def park(engine: tv.Engine, tenant: tv.Tenant) -> None:
    with pytest.raises(tv.RateLimitedError):
        engine.trace(tenant, ACCOUNT, REF, timeout=20)


def parked(engine: tv.Engine) -> int:
    return sum(group["parked_ms"] > 0 for group in engine.stats()["groups"])


@pytest.mark.parametrize("kind", ["key", "token"])
@pytest.mark.parametrize("group", [None, "one user"])
@pytest.mark.parametrize("where", ["tenant", "vault", "process"])
def test_a_bogus_credential_parks_nobody_elses_quota(
    server: Server, ledger: Path, kind: str, group: str | None, where: str
) -> None:
    both = vault(server, kind, GOOD, BOGUS, group=group)
    strangers = vault(server, kind, GOOD, BOGUS, group=group)
    hostile = (both if where == "tenant" else strangers).tenant("t1")
    if where == "process":
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with engine(server, ledger) as own:
                    alone = vault(server, kind, BOGUS, group=group)
                    park(own, alone.tenant("t0"))
                    code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
    with engine(server, ledger) as running:
        if where != "process":
            park(running, hostile)
        good = both.tenant("t0")
        for number in range(20):
            running.trace(good, ACCOUNT, f"{REF}{number}", timeout=20, fresh=True)


def test_a_proven_credential_speaks_for_its_group(server: Server, ledger: Path) -> None:
    """The same words, from one that the server has taken before: the owner said they belong together."""
    taken = [True]

    def changing(head: bytes, number: int) -> bytes:
        return reply(TRACE) if taken[0] or BOGUS not in head else reply({}, 429, PARKING)

    server.answer = changing
    joint = vault(server, "token", GOOD, BOGUS, group="one user")
    with engine(server, ledger) as running:
        running.trace(joint.tenant("t1"), ACCOUNT, REF, timeout=20)
        taken[0] = False
        with pytest.raises(tv.RateLimitedError):
            running.trace(joint.tenant("t1"), ACCOUNT, REF, timeout=20, fresh=True)
        before = len(server.heads)
        with pytest.raises(tv.RateLimitedError) as caught:
            running.trace(joint.tenant("t0"), ACCOUNT, REF, timeout=20)
        # A day was asked for by one reply: five minutes are what it gets.
        assert 280 < (caught.value.retry_after or 0) <= 301
        assert len(server.heads) == before


def test_a_429_that_says_at_once_is_not_asked_every_second(server: Server, ledger: Path) -> None:
    server.answer = lambda head, number: reply(
        b'{"title":"limited","retry_after":30}',
        429,
        "retry-after: 0\r\ncontent-type: application/problem+json\r\n",
    )
    with engine(server, ledger) as running:
        with pytest.raises(tv.RateLimitedError) as caught:
            running.trace(vault(server, "token", GOOD).tenant("t0"), ACCOUNT, REF, timeout=12)
        assert caught.value.retry_after == 30
    assert len(server.heads) == 1


def test_two_servers_are_two_quotas_and_two_engines_at_one_are_one(
    server: Server, ledger: Path
) -> None:
    """One secret, once sealed for each of two origins: what it may send at one says nothing of the
    other."""
    shared: dict[str, tv.Setting] = {
        "api.allow_http_loopback": True,
        "budget.ledger": str(ledger),
        # Three at once, and then one a minute.
        "budget.quota": 63,
        "budget.window_ms": 3_600_000,
        "budget.share_percent": 100,
    }
    with serving(answer) as second:
        for origin, sent, left in (
            (server.origin, 3, 0),
            (server.origin, 0, 0),
            (second.origin, 0, 3),
        ):
            with tv.Vault.in_memory() as made:
                with made.edit() as edit:
                    edit.put("t", ACCOUNT, tv.ApiToken(bytearray(GOOD)), origin=origin)
                with (
                    tv.Engine({**shared, "api.base_url": origin}) as engine,
                    made.tenant("t") as tenant,
                ):
                    for _ in range(sent):
                        engine.trace(tenant, ACCOUNT, REF, fresh=True)
                    assert engine.estimate(tenant, 1)["available"] == left
