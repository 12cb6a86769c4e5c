"""A running engine uses what another process put into the vault: no restart, no lock.

And no file system holds it up.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ROOT, STRICT
from engine_scene import ACME
from launcher import Standin, standin
from places import python_path

KEY = bytes(range(32))
#: What the other process does: stores a token that the server accepts.
ROTATE = """
import sys
sys.path[:0] = sys.argv[1].split(":")
import tracevault as tv
path, tenant, account, origin = sys.argv[2:6]
with tv.Vault.open(path, tv.RawKey(bytearray(range(32)))) as vault, vault.edit() as edit:
    edit.retire(tenant, account)
    edit.put(tenant, account, tv.ApiToken(sys.stdin.buffer.read()), origin=origin)
"""
#: What a host does while the file system of its vault, or of its authorities, hangs. Each step would wait
#: for ever.
HELD_UP = """
import os, sys, time
sys.path[:0] = sys.argv[1].split(":")
import tracevault as tv
path, account, base_url, ca_file, origin, flag, hung = sys.argv[2:]
vault = tv.Vault.create(path, tv.RawKey(bytearray(range(32))))
with vault.edit() as edit:
    edit.put("acme", account, tv.ApiToken(sys.stdin.buffer.read()), origin=origin)
acme = vault.tenant("acme")
engine = tv.Engine({"api.base_url": base_url, "tls.ca_file": ca_file, "budget.quota": 0})
open(flag, "w").close()
for file in (ca_file, path):
    os.utime(file)
while not os.path.exists(flag + ".met"):
    engine.trace(acme, account, "slow-1")
for ms in range(50):
    engine.trace(acme, account, f"slow-{ms}", fresh=True)
    engine.submit(tv.Request.trace(acme, account, f"slow-{ms}"))
assert sum(engine.take(30) is not None for _ in range(50)) == 50
assert len(vault.accounts()) == 1 and vault.describe() and vault.generation == 2
# One that waits goes ahead after ten seconds.
for _ in range(30):
    if os.fork() == 0:
        os._exit(0)
    assert os.wait()[1] == 0
while hung != ca_file and not engine.stats()["unfollowed_vaults"]:
    time.sleep(0.01)
vault.close()
engine.close()
print("done")
"""
#: Far above the two seconds of the promise, which a slow machine may miss.
PATIENCE_S = 60


@contextmanager
def writers_lock(path: Path) -> Iterator[None]:
    """The lock that writers take, held by this test."""
    with path.with_name(path.name + ".lock").open("r+b") as lock:
        whole = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, whole)
        yield


def fetched(engine: tv.Engine, tenant: tv.Tenant, account: str, message: str) -> str:
    try:
        engine.trace(tenant, account, message, timeout=20)
    except tv.TraceVaultError as error:
        return error.status.name
    return "OK"


def rotated(path: Path, server: Standin, tenant: str, account: str) -> None:
    folders = python_path()
    arguments = [folders, str(path), tenant, account, server.origin]
    token = bytes(server.credential(account).token, "ascii")
    subprocess.run([sys.executable, "-c", ROTATE, *arguments], input=token, check=True)


def test_a_running_engine_uses_a_rotated_token_while_the_lock_is_held(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "t.vault"
    with standin(quota=0) as server:
        known = next(a for a in server.accounts if server.credential(a.id).kind == "api_token")
        message = server.messages_of(known.id)[0].postfix_id
        with tv.Vault.create(path, tv.RawKey(bytearray(KEY))) as vault:
            with vault.edit() as edit:
                refused = tv.ApiToken(bytearray(b"test-token-not-real-and-refused"))
                edit.put(known.tenant, known.id, refused, origin=server.origin)
            tenant = vault.tenant(known.tenant)
            settings: dict[str, str | int] = {
                "api.base_url": server.base_url,
                "tls.ca_file": server.ca_file,
                "budget.quota": 0,
            }
            with tv.Engine(settings) as engine:
                assert fetched(engine, tenant, known.id, message) == "E_CREDENTIAL"
                rotated(path, server, known.tenant, known.id)
                with writers_lock(path):
                    deadline = time.monotonic() + PATIENCE_S
                    while (found := fetched(engine, tenant, known.id, message)) != "OK":
                        assert found == "E_CREDENTIAL"
                        assert time.monotonic() < deadline, "the new token is not picked up"
            assert vault.generation == 3


@pytest.mark.parametrize("call", ["stat", "fstat", "read", "close"])
@pytest.mark.parametrize("of", ["vault", "authorities"])
def test_a_file_system_that_hangs_holds_up_no_request_no_fork_and_no_end(
    of: str, call: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    path, flag, library = (tmp_path / name for name in ("t.vault", "flag", "hanging.so"))
    source = ROOT / "Tests/abi/hanging.c"
    subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", source, "-o", library], check=True)
    with standin(quota=0) as server:
        known = server.credential(ACME)
        folders = python_path()
        arguments = [folders, str(path), ACME, server.base_url, server.ca_file, server.origin]
        hung = path.name if of == "vault" else server.ca_file
        done = subprocess.run(
            [sys.executable, "-c", HELD_UP, *arguments, str(flag), hung],
            input=known.token.encode(),
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "LD_PRELOAD": str(library),
                "HANGING": str(flag),
                "HANGING_NAME": hung,
                "HANGING_CALL": call,
            },
            timeout=4 * PATIENCE_S,
            check=True,
        )
    assert done.stdout == b"done\n"
