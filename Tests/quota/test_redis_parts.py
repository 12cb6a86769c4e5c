"""What each host has of one quota: its part when Redis is away, and what others leave unused."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import tracevault as tv
from engine_scene import until
from fleet.quota import asked, host, told
from launcher import standin
from redis_server import Server


def test_hosts_that_nobody_counted_in_the_settings_each_use_their_part(
    on_disk: Path, lender: Server
) -> None:
    """`redis.hosts` is as it comes: how many there are was seen while Redis answered."""
    with standin(quota=1200) as cloudflare, ExitStack() as stack:
        hosts = [
            stack.enter_context(host(cloudflare, lender.address, on_disk / str(number)))
            for number in range(3)
        ]
        until(
            lambda: [asked(one) and told(one)["hosts"] for one in hosts] == [3, 3, 3],
            "each is counted",
        )
        lender.kill()
        until(lambda: all(asked(one) and told(one)["alone"] for one in hosts), "it is away")
        for one in hosts:
            assert told(one)["hosts"] == 3
            # 1026 in five minutes are the steady flow of the share; a third of that is its own.
            assert 67 <= one[0].stats()["groups"][0]["per_minute"] <= 69


def test_what_a_host_has_borrowed_and_does_not_use_goes_back_for_the_others(
    on_disk: Path, lender: Server
) -> None:
    with (
        standin(quota=1200, no_headers=True) as cloudflare,
        host(cloudflare, lender.address, on_disk / "1") as one,
    ):
        assert all(result.error is None for result in asked(one, 20))
        until(lambda: told(one)["lent"] > 20, "it has borrowed no more than it used")
        client = lender.client()
        (key,) = client("KEYS", "*quota*")
        arrivals = [int(client("HGET", key, "a"))]

        def goes_back() -> bool:
            """The time of arrival goes on with all that is lent, and back with nothing else."""
            arrivals.append(int(client("HGET", key, "a")))
            return arrivals[-1] < arrivals[-2]

        until(goes_back, "nothing came back")
        client.close()
        # 1026 in five minutes are an interval of 292,398 µs: what came back are whole permits.
        count, rest = divmod(arrivals[-2] - arrivals[-1], 292_398)
        assert rest == 0 and 1 <= count <= told(one)["lent"] - 20
        with host(cloudflare, lender.address, on_disk / "2") as two:
            assert asked(two)[0].error is None
            assert told(two)["lent"] >= 1


def test_what_an_engine_has_borrowed_goes_back_when_it_ends(on_disk: Path, lender: Server) -> None:
    client = lender.client()
    with standin(quota=1200, no_headers=True) as cloudflare:

        def goes_back() -> bool:
            """True unless all was used, or had gone back before the end."""
            with host(cloudflare, lender.address, on_disk / "1") as one:
                assert all(result.error is None for result in asked(one, 20))
                (key,) = client("KEYS", "*quota*")
                before = int(client("HGET", key, "a"))
            back = before - int(client("HGET", key, "a"))
            # Whole permits, as above.
            assert back >= 0 and back % 292_398 == 0
            return back > 0

        until(goes_back, "nothing came back")
    client.close()


def test_the_limit_of_an_address_stays_a_hosts_own(on_disk: Path, lender: Server) -> None:
    """It is kept beside Redis, which hears of the user's quota alone."""
    limits: dict[str, tv.Setting] = {"budget__ip_per_second": 40, "budget__quota": 100_000}
    with (
        standin(quota=0, ip_limit=40) as cloudflare,
        host(cloudflare, lender.address, on_disk / "1", **limits) as one,
    ):
        assert all(result.error is None for result in asked(one, 80))
        assert told(one)["alone"] is False and told(one)["lent"] >= 80
        counts = cloudflare.counts()
        assert counts["refused"] == 0 and counts["max_in_second"] <= 40
        client = lender.client()
        assert len(client("KEYS", "*quota*")) == 1
        client.close()
