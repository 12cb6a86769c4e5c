"""ours.py - the same work as sdk.py through the Python binding; prints one JSON line.

ours.py batch ORIGIN CA_FILE REQUESTS CONCURRENCY
ours.py vault ORIGIN VAULT KEY ACCOUNTS        makes the vault that first_trace_ours.py opens
"""

import json
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tracevault as tv

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
TENANT = "bench"
WARM_UP = 256


def settings(origin: str, ca_file: str, concurrency: int) -> dict[str, tv.Setting]:
    """Of an engine without quotas."""
    return {
        "api.base_url": f"{origin}/client/v4",
        "tls.ca_file": ca_file,
        "budget.quota": 0,
        "budget.ip_per_second": 0,
        "http.max_streams": concurrency,
        "engine.max_in_flight": concurrency,
    }


@contextmanager
def vault(origin: str) -> Iterator[tv.Vault]:
    """One tenant with one account of the server's."""
    with tv.Vault.in_memory() as made:
        with made.edit() as edit:
            token = tv.ApiToken(bytearray(b"test-token-not-real-bench-01"))
            edit.put(TENANT, ACCOUNT, token, origin=origin)
        yield made


@contextmanager
def engine_and_tenant(
    origin: str, ca_file: str, concurrency: int
) -> Iterator[tuple[tv.Engine, tv.Tenant]]:
    """An engine without quotas and a tenant with one account of the server's."""
    with (
        vault(origin) as made,
        made.tenant(TENANT) as tenant,
        tv.Engine(settings(origin, ca_file, concurrency)) as engine,
    ):
        yield engine, tenant


def read(result: tv.Result) -> None:
    """What a program that stores traces looks at: how it ended, each line and its time."""
    trace = result.trace
    if trace is None or not trace.complete:
        raise RuntimeError(f"not the trace that was expected: {result.error}")
    if not all(line.message and line.at_text for line in trace.lines):
        raise RuntimeError("a line without text or time")


def batch(origin: str, ca_file: str, requests: int, concurrency: int) -> float:
    with engine_and_tenant(origin, ca_file, concurrency) as (engine, tenant):
        work = (
            tv.Request.trace(tenant, ACCOUNT, f"4Njp3P0STMz{number:06d}")
            for number in range(WARM_UP + requests)
        )
        began = 0.0
        for done, result in enumerate(engine.batch(work, window=concurrency), start=1):
            read(result)
            if done == WARM_UP:
                began = time.perf_counter()
        return requests / (time.perf_counter() - began)


def make_vault(origin: str, path: Path, key_path: Path, accounts: int) -> None:
    for old in (path, Path(f"{path}.lock"), Path(f"{path}.prev"), key_path):
        old.unlink(missing_ok=True)
    key_path.touch(mode=0o600)
    key_path.write_bytes(secrets.token_bytes(32))
    vault = tv.Vault.create(path, tv.RawKey.from_file(key_path))
    with vault, vault.edit() as edit:
        for number in range(accounts):
            token = tv.ApiToken(bytearray(b"test-token-not-real-bench-%04d" % number))
            edit.put(f"tenant-{number // 10}", f"{number:032x}", token, origin=origin)


def main() -> None:
    what, origin = sys.argv[1:3]
    if what == "vault":
        make_vault(origin, Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
    else:
        rps = batch(origin, sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        print(json.dumps({"mode": "python batch", "rps": rps}))


if __name__ == "__main__":
    main()
