"""What the host lacks is not told as the server's fault, and what it takes away harms nobody."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from c_programs import ROOT
from hostile.certificates import Identities
from hostile.http2 import HTTP2, acting
from hostile.scenario import BODY, Scenario, reply, says
from hostile.stage import Stage, staged
from tracevault import Status

HOST = ROOT / "Tests/tools/scarcity/host.py"


@pytest.fixture
def honest(identity: Identities) -> Iterator[Stage]:
    with staged(Scenario("honest", says(reply(BODY)), Status.OK), identity) as stage:
        yield stage


@pytest.fixture(scope="module")
def scarce(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shim = tmp_path_factory.mktemp("shim") / "scarce.so"
    source = ROOT / "Tests/abi/scarce.c"
    subprocess.run(["gcc", "-std=c11", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    return shim


def host(doing: str, stage: Stage, shim: Path | None = None, **order: object) -> Any:
    """The outcome of a host process."""
    told = {"origin": stage.origin, "ca_file": str(stage.identities.ca_file), **order}
    done = subprocess.run(
        [sys.executable, str(HOST), doing, json.dumps(told)],
        env={**os.environ, **({"LD_PRELOAD": str(shim)} if shim else {})},
        stderr=subprocess.PIPE,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stderr)


# ---- Descriptors and memory --------------------------------------------------------------------


@pytest.mark.parametrize("version", ["auto", "1.1"])
def test_with_few_descriptors_a_request_works_or_says_so(version: str, honest: Stage) -> None:
    outcome = host("few_descriptors", honest, settings={"http.version": version})
    assert outcome["after"] == {"status": 0}
    for row in outcome["found"]:
        for asked in (row["asked"], row["made"]):
            if asked["status"] == 0:
                continue
            assert asked["status"] == Status.E_NO_DESCRIPTORS, row
            assert asked["retriable"] and asked["system_error"] == errno.EMFILE, row
            assert asked["cause"] == "DESCRIPTORS" and "RLIMIT_NOFILE" in asked["message"], row
    ends = [row["asked"]["status"] for row in outcome["found"]]
    assert ends[0] != 0 and ends[-1] == 0, ends
    made = [row["made"]["status"] for row in outcome["found"]]
    assert made[0] != 0 and made[-1] == 0, made


def test_with_little_memory_a_request_works_or_says_so(honest: Stage, scarce: Path) -> None:
    outcome = host("little_memory", honest, scarce)
    assert outcome["after"] == {"status": 0}
    wrong = [
        row
        for row in outcome["found"]
        if row["asked"]["status"] not in (0, Status.E_NO_MEMORY)
        or (row["asked"]["status"] and not row["asked"]["retriable"])
    ]
    assert not wrong, wrong
    assert sum(row["asked"]["status"] != 0 for row in outcome["found"]) > 10


def test_memory_that_is_lacking_for_a_moment_costs_no_request(honest: Stage, scarce: Path) -> None:
    often = {"retry.max_attempts": 20, "retry.base_ms": 2000}
    assert host("memory_returns", honest, scarce, settings=often) == {"status": 0}


def test_refused_pages_are_no_surplus_of_secrets(honest: Stage, scarce: Path) -> None:
    outcome = host("no_pages", honest, scarce)
    failure = outcome["failure"]
    assert failure["status"] == Status.E_NO_MEMORY and failure["retriable"], failure
    assert failure["system_error"] == errno.EACCES and failure["cause"] == "MEMORY", failure
    assert "mprotect" in failure["message"] and "too many" not in failure["message"], failure
    assert outcome["after"] == {"status": 0}


# ---- Hosts that close what they do not know ----------------------------------------------------


@pytest.mark.parametrize(
    ("speech", "opens"),
    [
        ("http/1.1", "files"),
        ("h2", "files"),
        ("h2", "counters"),
        ("h2", "timers"),
        ("h2", "polls"),
    ],
)
def test_an_engine_whose_descriptors_the_host_closes_ends_and_touches_nothing_of_the_hosts(
    speech: str, opens: str, identity: Identities, tmp_path: Path
) -> None:
    arrived = tmp_path / "arrived"
    over = threading.Event()

    def meet(http2: HTTP2, stream: int) -> None:
        if b"hangs" in http2.asked:
            arrived.touch()
        else:
            http2.reply(stream)

    def answer(peer: Any) -> None:
        while head := peer.head():
            if b"/hangs/" in head:
                arrived.touch()
                over.wait(60)
            else:
                peer.send(reply(BODY))

    play = acting(meet) if speech == "h2" else answer
    folder = tmp_path / "own"
    folder.mkdir()
    with staged(Scenario("closed", play, Status.OK, speech), identity) as stage:  # type: ignore[arg-type]
        outcome = host(
            "closed_descriptors", stage, arrived=str(arrived), folder=str(folder), opens=opens,
            settings={"http.version": "auto" if speech == "h2" else "1.1"},
        )  # fmt: skip
        over.set()
    assert outcome["first"] == {"status": 0}
    assert len(outcome["ended"]) == 1, outcome
    for end in (*outcome["ended"], outcome["later"], outcome["empty"]):
        assert end["status"] == Status.E_DESCRIPTORS_LOST, outcome
        assert "make another one" in end["message"]
    assert outcome["used"] < 2, "it burns the processor"
    assert outcome["alive"] == outcome["opened"], "a descriptor of the host was closed"
    assert outcome["touched"] == 0, "it wrote into a file of the host, or set a timer"
    assert outcome["after"] == {"status": 0}


def test_programs_that_the_host_starts_inherit_nothing_of_an_engine(honest: Stage) -> None:
    assert host("inherited", honest)["names"] == []
