"""The demonstration of many hosts: two of them, one bucket, one quota.

Starts a real object store (SeaweedFS), a real Redis and the stand-in for Cloudflare, all on
loopback, and two processes that share nothing else: each has a ledger of its own, as on a host of
its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / p) for p in ("Tests/tools", "Tests/server", "bindings/python/src")]
os.environ.setdefault("TRACEVAULT_LIBRARY", str(ROOT / "build/lib/libtracevault.so.0"))

import pytest  # noqa: E402 (the path above comes first)
import tracevault as tv  # noqa: E402
from engine_scene import ACME, until  # noqa: E402
from fleet.vault import keys_file, raw_key  # noqa: E402
from launcher import Standin, standin  # noqa: E402
from object_store import BUCKET, object_store  # noqa: E402
from redis_server import redis  # noqa: E402
from standin.accounts import Credential  # noqa: E402

PLACE = f"s3://{BUCKET}/soc.vault"
NAMES = ("paris", "osaka")
#: Cloudflare's quota, three times as fast: so many requests in so many seconds, then a block.
QUOTA, WINDOW_S = 120, 10
#: What each host asks for: together more than one window's quota.
ASKED = 65


class Host:
    """One of the two processes: its words go in, its answers come out."""

    def __init__(self, name: str, settings: dict[str, tv.Setting], folder: Path) -> None:
        own = {**settings, "budget.ledger": str(folder / f"{name}.ledger")}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "host", json.dumps(own)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def say(self, *words: str) -> None:
        assert self.process.stdin is not None
        print(*words, file=self.process.stdin, flush=True)

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a host has ended")
        return line.strip()

    def end(self) -> None:
        self.process.communicate()


def active(vault: tv.Vault) -> str:
    return next(one.fingerprint for one in vault.accounts() if one.state == "active")


def host(settings: dict[str, tv.Setting]) -> None:
    """The life of one host: what a collector would do, told on standard input."""
    with tv.Vault.open(PLACE, raw_key(), settings=settings) as vault, tv.Engine(settings) as engine:
        print("ready", flush=True)
        for line in sys.stdin:
            verb, word = line.split()
            if verb == "rotate":
                with vault.edit() as edit:
                    edit.rotate("acme", ACME, tv.ApiToken(word))
                print(active(vault), flush=True)
            elif verb == "follow":
                until(lambda word=word: active(vault) == word)  # type: ignore[misc]
                print("seen", flush=True)
            elif verb == "ask":
                tenant = vault.tenant("acme")
                # Each takes the server a moment, and is a message of its own.
                asked = [tv.Request.trace(tenant, ACME, f"slow-{1 + n}") for n in range(int(word))]
                print(sum(one.error is None for one in engine.batch(asked)), flush=True)


def rotation(cloudflare: Standin, old: Credential, new: Credential, hosts: list[Host]) -> None:
    """A token that one host puts in is used by the other, before the old one is taken away."""
    paris, osaka = hosts
    paris.say("rotate", new.token)
    fingerprint = paris.hear()
    began = time.monotonic()
    osaka.say("follow", fingerprint)
    osaka.hear()
    print(f"paris rotates the token: osaka has it after {time.monotonic() - began:.1f} s")
    cloudflare.revoke(old)
    osaka.say("ask", "1")
    if osaka.hear() != "1":
        raise RuntimeError("osaka was refused")
    print("the old token is revoked at Cloudflare: osaka asks with the new one, and is answered")


def quota(cloudflare: Standin, hosts: list[Host]) -> None:
    """Both ask for all they can get, and are never refused."""
    print(f"both ask for {ASKED} traces; Cloudflare allows their user {QUOTA} in {WINDOW_S} s")
    began = time.monotonic()
    for one in hosts:
        one.say("ask", str(ASKED))
    good = [one.hear() for one in hosts]
    counts = cloudflare.counts()
    told = ", ".join(f"{name} had {count}" for name, count in zip(NAMES, good, strict=True))
    print(f"{told}, in {time.monotonic() - began:.0f} s")
    print(
        f"at most {counts['max_in_window']} requests in any {WINDOW_S} s, {counts['refused']} refused"
    )
    if good != [str(ASKED)] * 2 or counts["refused"] or counts["max_in_window"] > QUOTA:
        raise RuntimeError("the quota was not one")


def play(folder: Path) -> None:
    with ExitStack() as stack:
        cloudflare = stack.enter_context(standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S))
        store = stack.enter_context(object_store(folder))
        lender = stack.enter_context(redis(folder))
        print(
            f"a bucket at {store.endpoint}, a Redis at {lender.address}, two hosts: {' and '.join(NAMES)}"
        )
        settings: dict[str, tv.Setting] = {
            "s3.endpoint": store.endpoint, "s3.keys": f"file:{keys_file(folder)}",
            "redis.addresses": lender.address, "redis.hosts": len(NAMES),
            "api.base_url": cloudflare.base_url, "tls.ca_file": cloudflare.ca_file,
            "api.allow_http_loopback": True, "budget.quota": QUOTA,
            "budget.window_ms": WINDOW_S * 1000,
        }  # fmt: skip
        old, new = cloudflare.credential(ACME), cloudflare.named("user token")
        with tv.Vault.create(PLACE, raw_key(), settings=settings) as vault, vault.edit() as edit:
            edit.put("acme", ACME, tv.ApiToken(old.token), origin=cloudflare.origin)
        print(f"{PLACE}: one sealed vault, which both open")
        hosts = [Host(name, settings, folder) for name in NAMES]
        for one in hosts:
            stack.callback(one.end)
            one.hear()
        rotation(cloudflare, old, new, hosts)
        quota(cloudflare, hosts)


def main() -> int:
    """Play the demonstration; 0 when both hosts did as one."""
    if sys.argv[1:2] == ["host"]:
        host(json.loads(sys.argv[2]))
        return 0
    try:
        # On a disk: a ledger refuses some of the file systems that /tmp may be.
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="tracevault-demo-") as name:
            play(Path(name))
    except pytest.skip.Exception as missing:
        print(f"demo: {missing}", file=sys.stderr)
        return 1
    except (RuntimeError, AssertionError) as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
