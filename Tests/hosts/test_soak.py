"""Everything at once in a C and in a Python host, over a network that fails, for a while.

`make soak MINUTES=12` is the long run. The seed decides what happens; a failure names it. At the end
neither host may have grown: memory, descriptors and threads are measured all the time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import linear_regression
from urllib.parse import urlsplit

import pytest
from c_programs import ABI, ROOT, Compile
from launcher import standin
from proxy.faults import faults

SECONDS = float(os.environ.get("TRACEVAULT_SOAK_MINUTES", "0.2")) * 60
SEED = int(os.environ.get("TRACEVAULT_SEED", "11"))
#: What a host may seem to have grown by over the whole run, by a line through its samples. The
#: connections of an engine come and go in bursts; the host in Python counts again when all is closed.
GROWTH = {"KiB": 16 * 1024, "descriptors": 24, "threads": 3}


def growth(output: str) -> dict[str, float]:
    """From the second half of the samples: caches, pools and the heap are full by then."""
    samples = [line.split()[1:] for line in output.splitlines() if line.startswith("sample ")]
    late = [[int(word) for word in words] for words in samples[len(samples) // 2 :]]
    times = [row[0] for row in late]
    whole = times[-1]
    return {
        name: linear_regression(times, [row[column] for row in late]).slope * whole
        for column, name in enumerate(GROWTH, start=1)
    }


@pytest.mark.skipif(SECONDS <= 0, reason="TRACEVAULT_SOAK_MINUTES is 0")
def test_everything_at_once_breaks_no_promise_and_nothing_grows(
    compiled: Compile, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    replay = f"replay: TRACEVAULT_SEED={SEED} make soak MINUTES={SECONDS / 60:g}"
    print(replay)
    hosts = {
        "C": [str(compiled("soak", ABI / "soak.c"))],
        "Python": [sys.executable, str(ROOT / "Tests/tools/soak_host.py")],
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings/python/src")}
    with standin(quota=0) as server, faults(urlsplit(server.base_url).port or 443, SEED) as proxy:
        account = server.accounts[0].id
        base = f"https://127.0.0.1:{proxy.port}" + urlsplit(server.base_url).path
        known = [base, server.ca_file, account, server.credential(account).token]
        running = {
            name: subprocess.Popen(
                [*host, *known, str(tmp_path / f"{name}.vault"), str(SEED), str(SECONDS)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
            )
            for name, host in hosts.items()
        }
        told = {name: host.communicate(timeout=SECONDS + 240)[0] for name, host in running.items()}
    for name, host in running.items():
        lines = [line for line in told[name].splitlines() if not line.startswith("sample ")]
        assert host.returncode == 0, f"{replay}\n{name}: {host.returncode}\n" + "\n".join(lines)
        grown = growth(told[name])
        print(lines[-1], "| grown by", {what: round(by, 1) for what, by in grown.items()})
        for what, by in grown.items():
            assert by <= GROWTH[what], f"{replay}\n{name}: {what} grew by {by:.0f}"
