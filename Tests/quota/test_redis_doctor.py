"""``tracevault doctor`` says of a real Redis whether hosts share a quota through it, and what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ROOT
from engine_scene import ACME, settings, token
from launcher import standin
from places import secret_file
from redis_server import Server, redis

PASSWORD = "test-password-not-real"


@dataclass(frozen=True)
class Told:
    """What ``doctor`` said of the hosts that share a quota; the same in all its ways of telling."""

    code: int
    state: str
    told: str
    do: str
    everything: str
    report: str


Doctor = Callable[..., Told]


@pytest.fixture
def doctor(tmp_path: Path) -> Iterator[Doctor]:
    """Calls ``doctor`` for a Redis: for programs, for people, and for an issue."""
    key = tmp_path / "soc.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o400)
    with standin(quota=1200) as cloudflare:
        made = tv.Vault.create(tmp_path / "soc.vault", tv.KeyFile(key))
        with made as vault, vault.edit() as edit:
            edit.put("acme", ACME, token(cloudflare), origin=cloudflare.origin)

        def call(server: Server, *words: str, **more: str) -> Told:
            chosen = {
                **settings(cloudflare), "budget.quota": 1200, "redis.addresses": server.address,
                **{name.replace("__", "."): value for name, value in more.items()},
            }  # fmt: skip
            environment = {
                "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8",
                "PYTHONPATH": str(ROOT / "bindings/python/src"),
                "TRACEVAULT_LIBRARY": os.environ["TRACEVAULT_LIBRARY"],
                "TRACEVAULT_VAULT": str(tmp_path / "soc.vault"), "TRACEVAULT_KEY_FILE": str(key),
                "TRACEVAULT_SET": " ".join(f"{name}={value}" for name, value in chosen.items()),
            }  # fmt: skip
            done = [
                subprocess.run([sys.executable, "-m", "tracevault", "doctor", *words, *how],
                               text=True, capture_output=True, env=environment, timeout=120)
                for how in (("--json",), (), ("--report",))
            ]  # fmt: skip
            (code,) = {one.returncode for one in done}
            programs, people, report = (one.stdout for one in done)
            row = next(
                row for row in map(json.loads, programs.splitlines()) if row["name"] == "hosts"
            )
            assert re.search(rf"^{row['state']} +hosts +{re.escape(row['told'])}$", people, re.M)
            assert (f"-> {row['do']}\n" in people) if row["do"] else not row["do"]
            assert server.address.removeprefix("redis://") not in report
            everything = "".join(one.stdout + one.stderr for one in done)
            return Told(code, row["state"], row["told"], row["do"], everything, report)

        yield call


def test_a_redis_that_lends_is_told_with_its_address(doctor: Doctor, lender: Server) -> None:
    told = doctor(lender)
    address = lender.address.removeprefix("redis://")
    assert (told.code, told.state, told.do) == (0, "ok", "")
    assert told.told == f"the quota is shared through {address}, now by 1 host"
    assert "the quota is shared, now by 1 host" in told.report


def test_nobody_asks_a_redis_offline(doctor: Doctor, lender: Server) -> None:
    told = doctor(lender, "--offline")
    assert (told.code, told.state, told.do) == (0, "note", "")
    assert told.told == "the Redis of redis.addresses is not asked with --offline"
    client = lender.client()
    assert re.search(
        r"total_connections_received:2\b", client("INFO", "stats")
    )  # start(), and this
    client.close()


def test_a_redis_that_is_away_is_told_with_what_to_do(doctor: Doctor, lender: Server) -> None:
    lender.kill()
    told = doctor(lender)
    assert (told.code, told.state) == (0, "note")
    assert "this host uses one part of 10 of the quota, alone: " in told.told
    assert "nobody answers there" in told.told
    assert "redis.addresses" in told.do


@pytest.mark.parametrize("given", ["", PASSWORD + "-of-another"])
def test_a_password_that_redis_does_not_take_is_told_and_never_shown(
    doctor: Doctor, tmp_path: Path, given: str
) -> None:
    more = {} if not given else {
        "redis__login": f"file:{secret_file(tmp_path / 'wrong', given)}"
    }  # fmt: skip
    with redis(tmp_path, "--requirepass", PASSWORD) as server:
        told = doctor(server, **more)
        good = doctor(server, redis__login=f"file:{secret_file(tmp_path / 'login', PASSWORD)}")
    assert (told.code, told.state) == (0, "note")
    assert "it does not take user and password" in told.told
    assert "redis.login" in told.do
    assert good.state == "ok"
    assert PASSWORD not in told.everything + good.everything
