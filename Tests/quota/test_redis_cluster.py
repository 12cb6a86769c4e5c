"""A Redis Cluster: one node, several, and one that is not whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine_scene import until
from fleet.quota import asked, engine, told
from launcher import standin
from places import free_port
from redis_server import Server, redis

SLOTS = 16384
#: One of the library's keys; all have one tag, so they are in one slot.
KEY = "{tracevault}:hosts"


@contextmanager
def node(folder: Path) -> Iterator[tuple[Server, int]]:
    """A node that has no slots yet, and the port at which other nodes find it."""
    folder.mkdir()
    bus = free_port()
    options = "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"
    with redis(folder, *options, "--cluster-port", str(bus)) as server:
        yield server, bus


def is_whole(server: Server) -> bool:
    client = server.client()
    known = "cluster_state:ok" in client("CLUSTER", "INFO")
    client.close()
    return known


def give(server: Server, first: int, last: int) -> None:
    client = server.client()
    client("CLUSTER", "ADDSLOTSRANGE", first, last)
    client.close()


def holds(server: Server) -> bool:
    client = server.client()
    keys = client("KEYS", "{tracevault}:*")
    client.close()
    return KEY in keys and len(keys) == 2


def place(server: Server) -> str:
    return server.address.removeprefix("redis://")


def test_hosts_borrow_from_a_cluster_of_one_node(tmp_path: Path) -> None:
    with node(tmp_path / "node") as (server, _):
        give(server, 0, SLOTS - 1)
        until(lambda: is_whole(server), "the cluster did not come up")
        with standin(quota=1200) as cloudflare, engine(cloudflare, server.address) as pair:
            assert all(result.error is None for result in asked(pair, 5))
            assert told(pair)["alone"] is False and told(pair)["lent"] >= 5
            assert holds(server)


def test_a_host_goes_to_the_node_that_has_the_quota(tmp_path: Path) -> None:
    with node(tmp_path / "a") as (one, bus_of_one), node(tmp_path / "b") as (two, _):
        client = two.client()
        slot = client("CLUSTER", "KEYSLOT", KEY)
        lower, upper = (0, SLOTS // 2 - 1), (SLOTS // 2, SLOTS - 1)
        theirs, ours = (lower, upper) if slot < SLOTS // 2 else (upper, lower)
        give(two, *theirs)
        give(one, *ours)
        client("CLUSTER", "MEET", "127.0.0.1", one.port, bus_of_one)
        client.close()
        until(lambda: is_whole(one) and is_whole(two), "the cluster did not come up")
        # The settings name the node that has other slots.
        with standin(quota=1200) as cloudflare, engine(cloudflare, one.address) as pair:
            until(lambda: asked(pair) and told(pair)["lent"] > 0, "it does not borrow")
            standing = told(pair)
            assert standing["alone"] is False and standing["warning"] == ""
            assert standing["address"] == place(two)
            assert holds(two)


def test_a_cluster_without_the_slot_is_told_and_used_when_it_is_whole(tmp_path: Path) -> None:
    with (
        node(tmp_path / "node") as (server, _),
        standin(quota=1200) as cloudflare,
        engine(cloudflare, server.address) as pair,
    ):
        assert asked(pair)[0].error is None
        assert told(pair)["alone"] is True
        assert told(pair)["warning"] == f"{place(server)}: it refused with CLUSTERDOWN"
        give(server, 0, SLOTS - 1)
        until(lambda: asked(pair) and not told(pair)["alone"], "it is whole again")
        until(lambda: asked(pair) and told(pair)["lent"] > 0, "it does not borrow")
