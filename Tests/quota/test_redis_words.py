"""What Cloudflare says to one host holds for the others: two hosts with ledgers of their own."""

from __future__ import annotations

from pathlib import Path

import tracevault as tv
from asking import fetch
from engine_scene import ACME, until
from fleet.quota import Pair, asked, host, told
from launcher import Standin, standin
from redis_server import Server

#: The stand-in answers it when all is over: what the host knows it did not hear from Cloudflare.
UNANSWERED = 600_000


def field(lender: Server, name: str) -> str:
    """What Redis keeps of the only group; empty: it has none yet."""
    client = lender.client()
    values = [client("HGET", key, name) for key in client("KEYS", "*quota*")]
    client.close()
    return str(values[0]) if values else ""


def group(pair: Pair) -> dict[str, float]:
    found: dict[str, float] = pair[0].stats()["groups"][0]
    return found


def asks_and_hears_nothing_of_cloudflare(pair: Pair) -> None:
    pair[0].submit(tv.Request.trace(pair[1], ACME, f"slow-{UNANSWERED}"))


def test_a_policy_that_one_host_sees_is_kept_by_the_other(on_disk: Path, lender: Server) -> None:
    with (
        standin(quota=1200) as cloudflare,
        host(cloudflare, lender.address, on_disk / "1", budget__quota=100_000) as one,
        host(cloudflare, lender.address, on_disk / "2", budget__quota=100_000) as two,
    ):
        until(lambda: asked(one) and field(lender, "i") not in ("", "0"), "Redis was not told")
        asks_and_hears_nothing_of_cloudflare(two)
        # Nine tenths of 1200 in 300 s are 1026 steadily; its own settings give 17,100 a minute.
        until(lambda: group(two)["per_minute"] < 206, "the other one has heard of it")
        assert group(two)["burst"] == group(one)["burst"]
        assert two[0].stats()["tries"] == 0, "Cloudflare has told it"


def spent_by_others(cloudflare: Standin, count: int) -> None:
    for _ in range(count):
        assert fetch(cloudflare, "slow-1").status_code == 200


def test_a_slow_down_that_one_host_sees_is_kept_by_the_other(on_disk: Path, lender: Server) -> None:
    """Somebody else has spent most of the quota: what is left is for the rest of the window."""
    quota = {"budget__quota": 60}
    with (
        standin(quota=60, window=300) as cloudflare,
        host(cloudflare, lender.address, on_disk / "1", **quota) as one,
        host(cloudflare, lender.address, on_disk / "2", **quota) as two,
    ):
        spent_by_others(cloudflare, 50)
        assert asked(one)[0].error is None
        # The next question brings it.
        asks_and_hears_nothing_of_cloudflare(one)
        until(lambda: field(lender, "g") not in ("", "0"), "Redis was not told")
        asks_and_hears_nothing_of_cloudflare(two)
        # Nine are left for five minutes. Without that word its own settings give six in half a one.
        until(lambda: told(two)["requests"] > 1 and six(two) > 100_000, "the other one has heard")
        assert two[0].stats()["tries"] == 0, "Cloudflare has told it"


def six(pair: Pair) -> int:
    """How many ms six more requests would take, as the host sees it."""
    done: int = pair[0].estimate(pair[1], 6)["done_ms"]
    return done
