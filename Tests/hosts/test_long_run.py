"""An epoll host and an rsyslog host live through troubles and are as large as before.

`make long-run MINUTES=60` is the hour whose figures docs/reliability.md tells; `make test` has its share.
The seed decides what happens; a failure names it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from c_programs import LIBRARY, ROOT, Compile
from long_run.hosts import EpollHost, Host, RsyslogHost, wait_for
from long_run.measures import Measures
from long_run.troubles import World

SECONDS = float(os.environ.get("TRACEVAULT_LONG_RUN_MINUTES", "0.4")) * 60
SEED = int(os.environ.get("TRACEVAULT_SEED", "11"))
#: What the end may have more than the first sixth of the run, caches and pools being full by then.
GROWTH = {"KiB": 8 * 1024, "descriptors": 6, "threads": 2}
#: A short run has not filled them: only what grows with every request would show.
if SECONDS < 600:
    GROWTH = {"KiB": 32 * 1024, "descriptors": 24, "threads": 6}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB, which can be filled; a folder where none may be mounted."""
    place = tmp_path / "disk"
    place.mkdir(mode=0o700)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", place], capture_output=True
    )
    if done.returncode != 0:
        warnings.warn("NO MOUNT (not root?): a full disk is UNTRIED", stacklevel=1)
    yield place
    if done.returncode == 0:
        subprocess.run(["umount", "--lazy", place], check=True)


def environment_of(world: World, folder: Path) -> dict[str, str]:
    jumps = folder / "clock_jumps.so"
    subprocess.run(
        ["gcc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", jumps,
         ROOT / "Tests/abi/clock_jumps.c", "-ldl"], check=True,
    )  # fmt: skip
    return {
        **os.environ,
        "LD_PRELOAD": str(jumps),
        "CLOCK_JUMPS": str(world.clock),
        "PYTHONPATH": str(ROOT / "bindings/python/src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TRACEVAULT_LIBRARY": str(LIBRARY),
        "TRACEVAULT_VAULT": str(world.disk / "soc.vault"),
        "TRACEVAULT_KEY_FILE": str(world.disk / "soc.key"),
        "TRACEVAULT_SET": " ".join(settings(world)),
    }


def settings(world: World) -> list[str]:
    return [
        f"api.base_url={world.base_url}",
        f"tls.ca_file={world.ca_file}",
        "budget.quota=60000",
        f"budget.ledger={world.disk / 'ledger'}",
        "cache.max_age_ms=2000",
        "request.deadline_ms=8000",
        "credential.retry_ms=1000",
    ]


def rsyslog_command(world: World, folder: Path, environment: dict[str, str]) -> list[str]:
    rsyslogd = shutil.which("rsyslogd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if rsyslogd is None:
        pytest.skip("NO RSYSLOGD: the long run is UNTRIED")
    text = (ROOT / "examples/rsyslog/tracevault.conf").read_text(encoding="utf-8")
    # mmexternal starts its program with no variables at all.
    variables = "".join(
        f"export {name}='{value}'\n"
        for name, value in environment.items()
        if name.startswith(("TRACEVAULT_", "PYTHON", "LD_PRELOAD", "CLOCK_JUMPS"))
    )
    (folder / "tracevault").write_text(
        f'#!/bin/sh\n{variables}exec "{sys.executable}" -m tracevault "$@"\n'
    )
    (folder / "tracevault").chmod(0o755)
    text = text.replace("/usr/bin/tracevault", str(folder / "tracevault"))
    text = text.replace("/var/log/traces.jsonl", str(world.disk / "traces.jsonl"))
    text = text.replace("/var/log/", f"{folder}/")
    text = text.replace("--tenant acme", "--tenant acme --timeout 8")
    (folder / "rsyslog.conf").write_text(
        f'global(workDirectory="{folder}")\nmodule(load="imptcp")\n'
        f'input(type="imptcp" path="{world.disk}/in")\n{text}'
    )
    return [rsyslogd, "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "pid")]


def report(measures: Measures, hosts: dict[str, Host], world: World) -> None:
    print(f"replay: TRACEVAULT_SEED={SEED} make long-run MINUTES={SECONDS / 60:g}")
    print("troubles:", dict(world.met))
    for name, host in hosts.items():
        print(f"{name}: {host.answers.total()} answers:", dict(host.answers))
    for name in measures.samples:
        for word, part in (("begin", 0.0), ("sixth", 1 / 6), ("end", 0.9)):
            at = measures.around(name, part)
            print(f"| {name} | {word} | {at.kib} KiB | {at.descriptors} | {at.threads} |")


def test_an_hour_of_troubles_costs_no_answer_and_nothing_grows(
    compiled: Compile, tmp_path: Path, disk: Path
) -> None:
    tmp_path.chmod(0o700)
    daemon = compiled("daemon", ROOT / "examples/epoll/daemon.c")
    world = World(tmp_path, disk, SEED, longest_outage=4 if SECONDS < 600 else 40)
    environment = environment_of(world, tmp_path)
    epoll = EpollHost(
        [str(daemon), str(disk / "soc.vault"), str(disk / "soc.key"), "acme", *settings(world)],
        disk, environment, 8, SEED,
    )  # fmt: skip
    rsyslog = RsyslogHost(
        rsyslog_command(world, tmp_path, environment), disk, environment, 4, SEED + 1
    )
    hosts: dict[str, Host] = {"epoll": epoll, "rsyslog": rsyslog}
    world.hosts = list(hosts.values())
    measures = Measures(
        lambda: {"epoll": epoll.process.pid, "rsyslogd": rsyslog.process.pid, **rsyslog.programs()},
        min(5.0, SECONDS / 60),
    )
    try:
        for host in hosts.values():
            host.begin()
        wait_for(lambda: all(host.streak for host in hosts.values()), "a first trace")
        world.endure(SECONDS)
        for host in hosts.values():
            host.streak = 0
        wait_for(lambda: all(host.streak >= 20 for host in hosts.values()), "all is well again")
        for host in hosts.values():
            host.stop_asking()
        measures.close()
        for host in hosts.values():
            host.end()
        world.check_vault()
    finally:
        measures.close()
        for host in hosts.values():
            host.process.kill()
            host.process.wait()
        world.close()
        report(measures, hosts, world)
    faults = world.faults + [fault for host in hosts.values() for fault in host.faults]
    assert faults == []
    assert {name: len(pids) for name, pids in measures.pids.items() if len(pids) > 1} == {}
    for name in measures.samples:
        early, late = measures.around(name, 1 / 6), measures.around(name, 0.9)
        for what, before, after in zip(GROWTH, early[1:], late[1:], strict=True):
            assert after - before <= GROWTH[what], f"{name}: {what} grew from {before} to {after}"
