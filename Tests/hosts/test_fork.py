"""fork() in hosts with worker processes: during a handshake, and from threads that have worked."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import tracevault as tv
from c_programs import ABI, STRICT, Compile
from launcher import Standin, standin
from places import python_path

FORKS = 40
#: Forks from threads that have worked; `scripts/test` leaves it at this, a long run takes more.
WORKED = int(os.environ.get("TRACEVAULT_FORKS", "300"))
CHILD_SECONDS = 30


def vault_for(server: Standin) -> tuple[tv.Vault, str]:
    account = server.accounts[0]
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        token = tv.ApiToken(server.credential(account.id).token)
        edit.put(account.tenant, account.id, token, origin=server.origin)
    return vault, account.tenant


def fetch_in_child(server: Standin, settings: dict[str, str | int]) -> int:
    """A fork's own life: new vault, new engine, one trace. Ends the process."""
    code = 1
    try:
        signal.alarm(CHILD_SECONDS)  # a hang is a failure, not a wait for ever
        vault, tenant = vault_for(server)
        ref = server.messages_of(server.accounts[0].id)[0].postfix_id
        with tv.Engine(settings) as engine:
            code = 0 if engine.trace(vault.tenant(tenant), None, ref, timeout=20).lines else 2
    finally:
        sys.stdout.flush()
        os._exit(code)


def test_a_child_forked_during_a_handshake_can_fetch() -> None:
    with standin(quota=0) as server:
        vault, tenant = vault_for(server)
        ref = server.messages_of(server.accounts[0].id)[0].postfix_id
        settings: dict[str, str | int] = {
            "api.base_url": server.base_url,
            "tls.ca_file": server.ca_file,
            "budget.quota": 0,
        }
        failed = []
        for number in range(FORKS):
            with tv.Engine(settings) as engine:
                engine.submit(tv.Request.trace(vault.tenant(tenant), None, ref))
                # A little later each time: the forks are spread over the handshake.
                time.sleep(number * 0.0002)
                child = os.fork()
                if child == 0:
                    fetch_in_child(server, settings)
                result = engine.take(timeout=20)
                assert result is not None and result.error is None
                _, status = os.waitpid(child, 0)
                if status != 0:
                    failed.append((number, status))
        assert failed == []


# ---- from threads that have worked, in hosts with worker processes: C and Python, no server ----

ACCOUNT = "0123456789abcdef0123456789abcdef"


def test_children_of_threads_that_have_worked_work(compiled: Compile) -> None:
    program = compiled("forks", ABI / "forks.c")
    done = subprocess.run([program, str(WORKED)], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print(done.stdout, end="")


def test_children_of_a_thread_that_has_hardly_worked_work(compiled: Compile) -> None:
    """What the library makes once is made in the child, where several threads come for it."""
    program = compiled("forks", ABI / "forks.c")
    words = [str(program), str(WORKED // 2), "first"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def work_at_once(origin: str) -> None:
    """An engine that three threads use at once: requests end at a port where nobody listens."""
    settings: dict[str, tv.Setting] = {
        "api.base_url": f"{origin}/client/v4",
        "budget.quota": 0,
        "retry.max_attempts": 1,
    }
    ended: list[str] = []
    with tv.Vault.in_memory() as vault, tv.Engine(settings) as engine:
        with vault.edit() as edit:
            edit.put("acme", ACCOUNT, tv.ApiToken("test-token-not-real-01"), origin=origin)
        tenant = vault.tenant("acme")

        def ask() -> None:
            requests = (tv.Request.trace(tenant, ACCOUNT, f"4Njp3P0STMz{n}") for n in range(100))
            for result in engine.batch(requests):
                ended.append(result.error.name if result.error else "an answer from nobody")

        threads = [threading.Thread(target=engine.stats) for _ in range(2)]
        for thread in threads:
            thread.start()
        ask()
        for thread in threads:
            thread.join()
    assert ended == ["TV_E_TRANSPORT"] * 100


def test_children_of_a_python_thread_that_has_worked_work() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        origin = f"https://127.0.0.1:{closed.getsockname()[1]}"
        work_at_once(origin)
        failed = []
        for number in range(WORKED // 5):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    signal.alarm(CHILD_SECONDS)
                    work_at_once(origin)
                    code = 0
                finally:
                    os._exit(code)
            _, status = os.waitpid(child, 0)
            if status != 0:
                failed.append((number, status))
        assert failed == []


# ---- a file that is opened while the fork is under way ----

#: A thread opens the writers' lock, and comes back from that when the fork has shut the library's gate.
OPENED_AMID_A_FORK = """
import os, sys, threading, time
sys.path[:0] = sys.argv[1].split(":")
import tracevault as tv
path, flag = sys.argv[2:]
vault = tv.Vault.create(path, tv.RawKey(bytearray(range(32))))

def commit():
    with vault.edit() as edit:
        edit.put("acme", "0123456789abcdef0123456789abcdef", tv.ApiToken("test-token-not-real-01"))

def is_open(name):
    numbers = [number for number in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{number}")]
    return name in [os.readlink(f"/proc/self/fd/{number}") for number in numbers]

open(flag, "w").close()
writer = threading.Thread(target=commit)
writer.start()
while not os.path.exists(flag + ".met"):
    time.sleep(0.001)
child = os.fork()
if child == 0:
    os._exit(3 if is_open(path + ".lock") else 0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
writer.join()
assert len(vault.accounts()) == 1
print("done")
"""


def test_a_child_has_no_file_that_was_opened_while_the_fork_came(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path, flag, library = (tmp_path / name for name in ("t.vault", "flag", "hanging.so"))
    shim = ABI / "hanging.c"
    subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", shim, "-o", library], check=True)
    done = subprocess.run(
        [sys.executable, "-c", OPENED_AMID_A_FORK, python_path(), str(path), str(flag)],
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "LD_PRELOAD": str(library),
            "HANGING": str(flag),
            "HANGING_NAME": f"{path.name}.lock",
            "HANGING_CALL": "fork",
        },
        timeout=CHILD_SECONDS,
        check=True,
    )
    assert done.stdout == b"done\n"
