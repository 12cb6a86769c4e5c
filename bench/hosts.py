"""hosts.py - what hosts that share a vault and a quota pay for it, measured on real servers.

Run by build/venv's Python, which has the object store. Each verb prints one JSON line.

    hosts.py store ROUNDS        µs of a look and a commit, and of plain HTTP requests of as much
    hosts.py questions SECONDS   questions to Redis for each request to the stand-in for Cloudflare
    hosts.py redis               prints the address of a Redis; it serves until the input ends
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [
    str(ROOT / place) for place in ("Tests/tools", "Tests/server", "bindings/python/src")
]

import tracevault as tv  # noqa: E402 (the path above comes first)
from c_programs import ABI, compiler  # noqa: E402
from fleet.hosts import Hosts, sent  # noqa: E402
from fleet.vault import keys_file, put, raw_key  # noqa: E402
from launcher import standin  # noqa: E402
from object_store import BUCKET, ObjectStore, object_store  # noqa: E402
from redis_server import Server, redis  # noqa: E402

#: So many requests are not counted: hosts that start look for each other.
BEGINNING = 30
#: Credentials of the vault that is edited.
CREDENTIALS = 100


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e6


def plain(store: ObjectStore, body: bytes) -> tuple[Callable[[], object], Callable[[], object]]:
    """A conditional GET that finds nothing new, and a PUT, each on a new connection."""
    store.put("plain", body)
    etag = store.tag("plain")

    def look() -> None:
        status, _ = store.ask("GET", "plain", headers={"If-None-Match": etag})
        assert status == 304, status

    return look, lambda: store.put("plain-2", body)


def costs_of_a_store(rounds: int, folder: Path) -> dict[str, float]:
    with object_store(folder) as store:
        settings: dict[str, tv.Setting] = {
            "s3.endpoint": store.endpoint, "s3.keys": f"file:{keys_file(folder)}",
            "api.allow_http_loopback": True,
        }  # fmt: skip
        with tv.Vault.create(f"s3://{BUCKET}/bench.vault", raw_key(), settings=settings) as vault:
            with vault.edit() as edit:
                for number in range(CREDENTIALS):
                    edit.put("acme", f"{number:032x}", tv.ApiToken(b"test-token-not-real"))
            look, write = plain(store, store.get("bench.vault"))
            rows: dict[str, list[float]] = {
                "look": [],
                "http_look": [],
                "commit": [],
                "http_commit": [],
            }
            for _ in range(rounds):
                rows["look"].append(timed(vault.refresh))
                rows["http_look"].append(timed(look))
                rows["commit"].append(timed(lambda: put(vault)))
                rows["http_commit"].append(timed(write))
    return {name: statistics.median(times) for name, times in rows.items()}


def questions(seconds: int, folder: Path) -> dict[str, float]:
    """The fleets run one after another, at Cloudflare's own quota, as fast as they may."""
    program = compiler(folder)("bulk", ABI / "bulk.c")
    return {f"of_{count}": ratio(program, count, seconds, folder) for count in (1, 2, 8)}


def ratio(program: Path, count: int, seconds: int, folder: Path) -> float:
    """Questions ÷ requests of so many hosts, without what it costs to begin."""
    own = folder / str(count)
    own.mkdir()
    with redis(own) as server, standin(quota=1200) as cloudflare:
        seen = [(0, 0)]

        def look() -> None:
            sent(cloudflare, BEGINNING)
            seen[0] = asked(server), cloudflare.counts()["total"]

        hosts = Hosts(program, cloudflare, own, server.address, f"redis.hosts={count}")
        hosts.work(count, seconds, look)
        return (asked(server) - seen[0][0]) / (cloudflare.counts()["total"] - seen[0][1])


def asked(server: Server) -> int:
    client = server.client()
    told = str(client("INFO", "commandstats"))
    client.close()
    line = next(one for one in told.splitlines() if one.startswith("cmdstat_evalsha:"))
    return int(line.split("calls=")[1].split(",")[0])


def serve(folder: Path) -> None:
    with redis(folder) as server:
        print(json.dumps({"address": server.address}), flush=True)
        sys.stdin.read()


def main() -> int:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="tracevault-bench-") as name:
        folder = Path(name)
        if sys.argv[1] == "store":
            print(json.dumps(costs_of_a_store(int(sys.argv[2]), folder)))
        elif sys.argv[1] == "questions":
            print(json.dumps(questions(int(sys.argv[2]), folder)))
        else:
            serve(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
