"""One engine and a Redis: it borrows, tells how things stand, and goes on whatever Redis does."""

from __future__ import annotations

from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import ACME, until
from fleet.quota import asked, engine, told
from launcher import standin
from places import free_port
from redis_server import Client, Server, answering, redis

HOSTS = "{tracevault}:hosts"


def test_an_engine_borrows_and_says_how_things_stand(lender: Server) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, lender.address) as pair:
        assert all(result.error is None for result in asked(pair, 5))
        standing = told(pair)
        assert standing["alone"] is False and standing["warning"] == ""
        assert standing["address"] == lender.address.removeprefix("redis://")
        assert standing["lent"] >= 5 and standing["hosts"] == standing["hosts_there"] == 1


def test_nobody_can_read_a_credential_or_an_address_in_redis(lender: Server) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, lender.address) as pair:
        asked(pair, 3)
        client = lender.client()
        keys = client("KEYS", "*")
        assert keys
        everything = " ".join(
            f"{key} {' '.join(client('HGETALL', key))} {client('PTTL', key)}" for key in keys
        )
        assert all(client("PTTL", key) > 0 for key in keys), "something would stay"
        assert all(key.startswith("{tracevault}:") for key in keys)
        for text in (cloudflare.credential(ACME).token, ACME, "acme", cloudflare.origin):
            assert text not in everything
        client.close()


def test_an_engine_that_ends_is_not_counted_any_more(lender: Server) -> None:
    with standin(quota=1200) as cloudflare:
        with engine(cloudflare, lender.address) as pair:
            asked(pair)
        client = lender.client()
        assert client("EXISTS", HOSTS) == 0
        client.close()


def test_a_host_that_left_takes_no_part_of_the_quota_from_the_others(lender: Server) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, lender.address) as pair:
        with engine(cloudflare, lender.address) as other:
            asked(other)
            until(lambda: told(pair)["hosts"] == 2, "the other one is counted")
        until(lambda: asked(pair) and told(pair)["hosts"] == 1, "it has left")


def ghost(client: Client, network: str = "") -> None:
    """A host that was heard 20 s ago, and then no more."""
    seconds, _ = client("TIME")
    client("HSET", HOSTS, "ghost", f"{(int(seconds) - 20) * 1_000_000} {network}".rstrip())


def test_a_host_that_died_takes_no_part_where_another_of_its_machine_is_heard(
    lender: Server,
) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, lender.address) as pair:
        asked(pair)
        client = lender.client()
        (mine,) = (client("HGET", HOSTS, name) for name in client("HKEYS", HOSTS) if name[0] != ".")
        ghost(client, mine.split()[1])
        until(lambda: asked(pair) and client("HEXISTS", HOSTS, "ghost") == 0, "it is forgotten")
        assert told(pair)["hosts"] == 1
        client.close()


def test_a_host_that_waits_for_others_says_so(lender: Server) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, lender.address) as pair:
        asked(pair)
        client = lender.client()
        ghost(client)
        client("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        until(lambda: asked(pair) and told(pair)["alone"], "its connection is gone")
        until(lambda: "other hosts are not back yet" in told(pair)["warning"], "it says why")
        assert told(pair)["alone"] is True and told(pair)["hosts"] == 2
        until(lambda: told(pair)["alone"] is False, "it waits for ten seconds")
        assert told(pair)["warning"] == ""
        client.close()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e30", "x", ""])
def test_damaged_values_in_redis_end_by_themselves(lender: Server, value: str) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, lender.address) as pair:
        asked(pair)
        client = lender.client()
        (group,) = client("KEYS", "*quota*")
        client("HSET", group, *(part for field in "alopngtui" for part in (field, value)))
        client("HSET", HOSTS, *(part for n in range(1000) for part in (f"f{n}", value)))
        lent = told(pair)["lent"]
        until(lambda: asked(pair, 3, ms=20) and told(pair)["lent"] > lent, "it borrows again")
        until(lambda: asked(pair) and client("HEXISTS", HOSTS, "f0") == 0, "hosts are counted")
        assert told(pair)["hosts"] == 1 and told(pair)["alone"] is False
        client.close()


def test_a_policy_reaches_the_other_hosts_as_cloudflare_said_it(lender: Server) -> None:
    """Were it another one, each reply would be news, and what is borrowed would go back."""
    with standin(quota=1200) as cloudflare, engine(cloudflare, lender.address) as pair:
        client = lender.client()
        asked(pair, 3)
        (key,) = client("KEYS", "*quota*")
        until(lambda: asked(pair, 2, ms=40) and client("HGET", key, "i") != "0")
        # Nine tenths of 1200 in 300 s: 1026 steadily, 54 at once.
        assert client("HGET", key, "i") == "292398"
        assert int(client("HGET", key, "o")) == 1079 * 292398 - 300_000_000
        client.close()


def parked(pair: tuple[tv.Engine, tv.Tenant]) -> bool:
    return any(group["parked_ms"] > 0 for group in pair[0].stats()["groups"])


def test_a_parking_of_one_host_is_one_of_all(lender: Server) -> None:
    with (
        standin(quota=2, window=300, block=300, no_headers=True) as cloudflare,
        engine(cloudflare, lender.address) as one,
        engine(cloudflare, lender.address) as two,
    ):
        for number in range(4):
            one[0].submit(tv.Request.trace(one[1], ACME, f"slow-{number}"))
        until(lambda: parked(one), "the server has parked it")
        before = cloudflare.counts()["total"]
        two[0].submit(tv.Request.trace(two[1], ACME, "slow-50"))
        until(lambda: parked(two), "the other one has heard of it")
        assert cloudflare.counts()["total"] == before, "and has not asked"


def test_without_redis_a_host_uses_its_share_and_says_so() -> None:
    address = f"redis://127.0.0.1:{free_port()}"
    with standin(quota=1200) as cloudflare, engine(cloudflare, address, redis__hosts=4) as pair:
        assert asked(pair)[0].error is None
        standing = told(pair)
        assert standing["alone"] is True and "nobody answers" in standing["warning"]
        assert standing["hosts"] == 4
        group = pair[0].stats()["groups"][0]
        # 1026 in five minutes are the steady flow of the share; a quarter of that is ours.
        assert 50 <= group["per_minute"] <= 52


def test_a_host_comes_back_to_redis_by_itself(tmp_path: Path) -> None:
    with redis(tmp_path) as server, standin(quota=1200) as cloudflare:
        server.kill()
        with engine(cloudflare, server.address) as pair:
            assert asked(pair)[0].error is None
            assert told(pair)["alone"] is True
            server.start()
            until(lambda: told(pair)["alone"] is False, "it is back")
            assert asked(pair, 1, ms=20)[0].error is None
            until(lambda: told(pair)["lent"] > 0, "it borrows")


def test_scripts_that_redis_forgot_are_made_known_again(lender: Server) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, lender.address) as pair:
        asked(pair)
        client = lender.client()
        client("SCRIPT", "FLUSH")
        client.close()
        lent = told(pair)["lent"]
        assert asked(pair, 1, ms=20)[0].error is None
        until(lambda: told(pair)["alone"] is False, "it is back")
        assert asked(pair, 8, ms=30)[0].error is None
        until(lambda: told(pair)["lent"] > lent, "it borrows again")


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (b"", "did not answer in time"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak as a Redis"),
        (b"-LOADING a secret text\r\n" * 3, "refused with LOADING"),
        (b"*1000000\r\n" * 3, "does not speak as a Redis"),
        (b"$99999999999999999999\r\n", "does not speak as a Redis"),
        (b"+" + b"x" * 2_000_000, "does not speak as a Redis"),
    ],
)
def test_a_redis_that_is_slow_or_none_does_not_stop_a_host(words: bytes, warning: str) -> None:
    with (
        answering(words) as address,
        standin(quota=1200) as cloudflare,
        engine(cloudflare, address, redis__timeout_ms=1000) as pair,
    ):
        assert asked(pair)[0].error is None
        assert told(pair)["alone"] is True
        until(lambda: warning in told(pair)["warning"], warning)
