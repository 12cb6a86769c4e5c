"""A ledger file that is cut under a running host: in Python, with everything that may be next."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

#: A host that is idle when its ledger is cut. No server: nothing listens on the port.
HOST = """
import json, os, sys
path, what, count, *sys.path = sys.argv[1:]
import tracevault as tv

ACCOUNT = "acae0000000000000000000000000001"
ORIGIN = "http://127.0.0.1:1"
settings = {"api.base_url": ORIGIN, "api.allow_http_loopback": True, "budget.ledger": path,
            "retry.max_attempts": 1}
vault = tv.Vault.in_memory()
with vault.edit() as edit:
    token = tv.ApiToken(bytearray(b"test-token-not-real-000000000000"))
    edit.put("acme", ACCOUNT, token, origin=ORIGIN)
tenant = vault.tenant("acme")

def ask(engine):
    engine.submit(tv.Request.trace(tenant, ACCOUNT, "4Njp3P0STMz2c02Q"))
    assert engine.take(60).error is not None

engine = tv.Engine(settings)
ask(engine)
assert engine.stats()["ledger"]["shared"], engine.stats()["ledger"]
os.truncate(path, int(count))
if what == "submit":
    ask(engine)
elif what == "statistics":
    engine.stats()
elif what == "a second engine":
    with tv.Engine(settings) as second:
        ask(second)
if what == "the end":
    engine.close()
else:
    ledger = engine.stats()["ledger"]
    assert not ledger["shared"] and ledger["warning"] == "it was cut while in use", ledger
    ask(engine)
    engine.close()
print("lives")
"""


@pytest.fixture
def path() -> Iterator[Path]:
    # On disk: a ledger refuses some of the file systems that /tmp may be.
    directory = Path("/var/tmp") / f"tracevault-cut-{os.getpid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    yield directory / "budget.ledger"
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


@pytest.mark.parametrize("count", [0, 4096, 1_000_000])
@pytest.mark.parametrize("what", ["submit", "statistics", "a second engine", "the end"])
def test_a_cut_ledger_ends_no_host(path: Path, what: str, count: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOST, str(path), what, str(count), *sys.path],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "lives\n"), done.stderr
