"""What the binding does to the process it lives in: fork, Ctrl-C, exit, descriptors 1 and 2.

Each test runs a small program in a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tracevault import _engine

from .conftest import credential, fill, settings

PROJECT = Path(__file__).resolve().parents[1]
ACME = "acae0000000000000000000000000001"

PROLOGUE = """
import gc, json, os, signal, sys, threading, time
import tracevault as tv

# What a shell starts in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with open("given.json") as file:
    given = json.load(file)
ACME, GOOD = given["account"], given["good"]
vault = tv.Vault.open("soc.vault", tv.KeyFile("soc.key"))
acme = vault.tenant("acme")
engine = tv.Engine(given["settings"])

def in_thread(ref):
    def fetch():
        try:
            engine.trace(acme, ACME, ref, timeout=600)
        except tv.TraceVaultError:
            pass
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    return thread

def until_under_way(count):
    while engine.stats()["outstanding"] < count:
        time.sleep(0.01)
"""


@pytest.fixture
def folder(server: Standin, tmp_path: Path) -> Path:
    """A folder with a vault for the stand-in, its key, and what a program needs to know."""
    tmp_path.chmod(0o700)
    (tmp_path / "soc.key").touch(0o600)
    (tmp_path / "soc.key").write_bytes(bytes(range(32)))
    with tv.Vault.create(tmp_path / "soc.vault", tv.KeyFile(tmp_path / "soc.key")) as vault:
        fill(vault, server)
    given = {
        "settings": settings(server),
        "account": ACME,
        "good": server.messages_of(ACME)[0].postfix_id,
    }
    (tmp_path / "given.json").write_text(json.dumps(given))
    return tmp_path


def run(
    folder: Path, program: list[str], stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src"), **env},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def passes(folder: Path, code: str) -> None:
    """The program ends well and writes nothing at all."""
    done = run(folder, ["-X", "dev", "-W", "error", "-c", PROLOGUE + code])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_written_to_the_hosts_output_in_success_and_failure(folder: Path) -> None:
    passes(
        folder,
        """
engine.trace(acme, ACME, GOOD)
for ref in ("bad-html", "fail-404", "not a ref", "fail-redirect"):
    try:
        engine.trace(acme, ACME, ref)
    except tv.TraceVaultError:
        pass
list(engine.batch(tv.Request.trace(acme, ACME, GOOD) for _ in range(20)))
tv.decode(b'{"success":true,"result":{"inbound":null,"outbound":null}}')
engine.close()
vault.close()
""",
    )


FORK = """
request = tv.Request.trace(acme, ACME, GOOD)
edit = vault.edit()
batch = engine.batch([request])
engine.trace(acme, ACME, GOOD)
in_thread("slow-60000")     # takes the results, holding the lock for it
in_thread("slow-60001")     # waits for the other
until_under_way(2)
while engine.stats()["in_flight"] < 2:
    time.sleep(0.01)
time.sleep(0.1)
child = os.fork()
if child == 0:
    def forked(call, *arguments):
        try:
            call(*arguments)
        except tv.ForkedError as error:
            assert "fork" in str(error) and error.status is tv.Status.E_FORKED
        else:
            raise AssertionError(call)

    assert engine.closed
    for call in (engine.stats, engine.take, vault.accounts, vault.refresh, acme.accounts,
                 vault.edit, edit.commit):
        forked(call)
    forked(engine.trace, acme, ACME, GOOD)
    forked(engine.submit, request)
    forked(engine.cancel, 1)
    forked(engine.batch, [request])
    forked(next, batch)
    engine.close(); edit.close(); acme.close(); vault.close()
    del engine, edit, acme, vault, request, batch
    gc.collect()
    with tv.Vault.open("soc.vault", tv.KeyFile("soc.key")) as mine:
        with tv.Engine(given["settings"]) as own, mine.tenant("acme") as tenant:
            assert own.trace(tenant, ACME, GOOD).message_ref == GOOD
    END
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert engine.trace(acme, ACME, GOOD).message_ref == GOOD
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)"])
def test_after_a_fork_old_objects_are_refused_and_new_ones_work_on_both_sides(
    folder: Path, end: str
) -> None:
    code = PROLOGUE + FORK.replace("END", end)
    # Python 3.12 and newer warn of any fork with threads; here that is the point.
    done = run(folder, ["-W", "ignore::DeprecationWarning", "-c", code])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


INTERRUPT = """
def interrupt():
    until_under_way(COUNT)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)

OTHERS
killer = threading.Thread(target=interrupt)
killer.start()
try:
    WAIT
except KeyboardInterrupt:
    pass
else:
    raise AssertionError("not interrupted")
killer.join()
while engine.stats()["outstanding"] > COUNT - 1:
    engine.take(0.01)
assert engine.trace(acme, ACME, GOOD).message_ref == GOOD
"""


@pytest.mark.parametrize(
    ("others", "count"),
    [("", 1), ('in_thread("slow-60000"); until_under_way(1)', 2)],
    ids=["taking the results itself", "behind another thread"],
)
@pytest.mark.parametrize(
    "wait",
    [
        'engine.trace(acme, ACME, "slow-60000", timeout=600)',
        'next(engine.batch([tv.Request.trace(acme, ACME, "slow-60000", timeout=600)]))',
    ],
    ids=["trace", "batch"],
)
def test_ctrl_c_ends_a_wait_at_once_cancels_its_request_and_leaves_the_engine_usable(
    folder: Path, others: str, count: int, wait: str
) -> None:
    code = INTERRUPT.replace("OTHERS", others).replace("COUNT", str(count)).replace("WAIT", wait)
    passes(folder, code)


COMMIT = """
import fcntl, struct

# As another writer does; its file lock is not this process's own.
lock = os.open("soc.vault.lock", os.O_RDWR)
fcntl.fcntl(lock, fcntl.F_OFD_SETLK, struct.pack("hh4xqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))

def locks_open():
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").endswith("soc.vault.lock")
        except OSError:
            pass
    return found

def interrupt():
    while locks_open() < 2:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

# Longer than this test may take.
patient = tv.Vault.open("soc.vault", tv.KeyFile("soc.key"),
                        settings={"vault.lock_timeout_ms": 600000})
before = patient.generation
killer = threading.Thread(target=interrupt)
edit = patient.edit()
edit.set("acme", ACME, label="never stored")
killer.start()
try:
    edit.commit()
except KeyboardInterrupt:
    pass
else:
    raise AssertionError("not interrupted")
killer.join()
os.close(lock)
patient.refresh()
assert patient.generation == before
with patient.edit() as later:
    later.set("acme", ACME, label="stored")
assert patient.generation == before + 1
"""


def test_ctrl_c_ends_a_commit_that_waits_for_another_writer_and_stores_nothing(
    folder: Path,
) -> None:
    passes(folder, COMMIT)


STRETCH = """
def calls():
    # What is in a call of the library, in a thread of its own.
    return [frame for number, frame in sys._current_frames().items()
            if number != threading.main_thread().ident and frame.f_code.co_name == "check"]

def interrupt():
    while not calls():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

killer = threading.Thread(target=interrupt)
killer.start()
try:
    tv.Vault.create("other.vault", tv.Passphrase("correct horse, not a real one"),
                    settings={"vault.kdf_memory_kib": 262144, "vault.kdf_passes": 10})
except KeyboardInterrupt:
    # What it was at goes on by itself, and nobody waits for it.
    assert calls()
else:
    raise AssertionError("not interrupted")
killer.join()
assert engine.trace(acme, ACME, GOOD).message_ref == GOOD
"""


def test_ctrl_c_does_not_wait_for_the_stretching_of_a_passphrase(folder: Path) -> None:
    passes(folder, STRETCH)


def test_a_program_that_closes_nothing_ends_well(folder: Path) -> None:
    passes(
        folder,
        """
in_thread("slow-60000")
until_under_way(1)
engine.submit(tv.Request.trace(acme, ACME, GOOD))
edit = vault.edit()
""",
    )


def test_leaving_the_interpreter_waits_only_so_long_for_an_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never = threading.Event()

    class Stuck:
        def close(self) -> None:
            never.wait()

    monkeypatch.setattr(_engine, "_EXIT_WAIT", 0.05)
    monkeypatch.setattr(_engine, "_live", [Stuck()])
    _engine._stop_all()
    never.set()


def test_the_example_prints_every_message_readably(server: Standin, folder: Path) -> None:
    messages = [m for m in server.messages_of(ACME) if not m.pending_requests][:3]
    done = run(folder, example(server, "acme/" + ACME, *(m.investigate_id for m in messages)))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"^  who   \S+@\S+: accepted by the next hop at \S+ \S+ by \S+ which said: 250 ",
        done.stdout,
        re.M,
    )
    assert re.search(r"^  time  \S+ took \S+ s, \S+ s of it \w", done.stdout, re.M)
    assert re.search(r"^  next  look for \S+ \(queued_as\)$", done.stdout, re.M)
    assert "inbox" not in done.stdout
    for message in messages:
        assert message.investigate_id in done.stdout
        for line in (*message.inbound, *message.outbound):
            assert line["message"] in done.stdout


def test_the_example_names_what_failed_and_says_so_in_its_exit_status(
    server: Standin, folder: Path
) -> None:
    done = run(folder, example(server, "acme/" + ACME, "fail-404"))
    assert done.returncode == 1
    assert done.stderr.startswith("fail-404: Cloudflare knows no such message")
    done = run(folder, example(server, "nobody", "x"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def example(server: Standin, *arguments: str) -> list[str]:
    given = [f"--set={name}={tv_text(value)}" for name, value in settings(server).items()]
    program = str(PROJECT / "examples" / "path.py")
    return [program, "--vault=soc.vault", "--key-file=soc.key", *given, *arguments]


def tv_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


#: What the README's second program finds at home.
GIVEN = """
import tracevault as tv
key, their_key = tv.KeyFile('soc.key'), tv.RawKey(bytes(range(1, 33)))
phrase, new_token = 'test phrase, not real', b'test-token-not-real-new'
account_id = '023e105f4ecef8ad9ca31a8372d0c353'
vault = tv.Vault.open('soc.vault', key)
"""


def test_the_readmes_programs_pass_mypy(tmp_path: Path) -> None:
    readme = (PROJECT / "README.md").read_text()
    create, later, fetch, *rest = re.findall(r"^```python\n(.*?)^```$", readme, flags=re.M | re.S)
    programs = [f"references = ['4Njp3P0STMz2c02Q']\n{program}" for program in rest]
    everyday = fetch + textwrap.indent("".join(programs), "    ")
    for name, program in (("create", create), ("later", GIVEN + later), ("everyday", everyday)):
        (tmp_path / f"{name}.py").write_text(program)
    mypy = [Path(sys.executable).with_name("mypy"), "--strict", *sorted(tmp_path.glob("*.py"))]
    done = subprocess.run(
        list(map(str, mypy)),
        env={**os.environ, "MYPYPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readmes_programs_work(server: Standin, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    readme = (PROJECT / "README.md").read_text()
    create, later, fetch, batch, understand, find = re.findall(
        r"^```python\n(.*?)^```$", readme, flags=re.M | re.S
    )
    done = run(tmp_path, ["-W", "ignore", "-c", create], stdin="test-token-not-real-acme\n")
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, ["-c", GIVEN + later])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "acme.vault").exists()
    # The README speaks of Cloudflare itself; here the stand-in takes its place.
    with tv.Vault.open(tmp_path / "soc.vault", tv.KeyFile(tmp_path / "soc.key")) as vault:
        (stored,) = vault.accounts()
        assert (stored.tenant, stored.label) == ("acme", "Acme Europe")
        with vault.edit() as edit:
            edit.remove("acme", stored.account_id)
            edit.put("acme", ACME, credential(server, ACME), origin=server.origin)
    message = server.messages_of(ACME)[0]
    fetch = fetch.replace("tv.Engine()", f"tv.Engine({settings(server)!r})")
    fetch = fetch.replace("4Njp3P0STMz2c02Q", message.postfix_id)
    # What is found is the mail of a sender that the stand-in has.
    sender = next(mail.item["from"] for mail in server.mail_of(ACME))
    find = find.replace("billing@phish.example", sender).replace("limit=500", "limit=1")
    understand = understand.replace("4Njp3P0STMz2c02Q", message.postfix_id)
    programs = (batch + understand + find).splitlines()
    indented = "".join(f"    {line}\n" for line in programs)
    references = f"    references = [{message.postfix_id!r}, 'fail-404']\n"
    done = run(tmp_path, ["-c", fetch + references + indented])
    assert done.returncode == 0, done.stderr
    assert message.inbound[0]["message"] in done.stdout
    assert "fail-404 TV_E_NO_MESSAGE" in done.stdout
    assert "True active None []" in done.stdout
    assert "@example.com sent 2026-" in done.stdout
    events = (tmp_path / "events.ndjson").read_text().splitlines()
    assert len(events) == len(message.inbound) + len(message.outbound)


def test_a_working_directory_that_is_not_utf_8_is_no_obstacle(
    tmp_path: Path, library_path: Path
) -> None:
    assert library_path
    program = """
import os, sys
sys.path[:0] = sys.argv[1].split(":")
import tracevault as tv
os.mkdir(b"caf\\xe9", 0o700)
os.chdir(b"caf\\xe9")
key = lambda: tv.RawKey(bytearray(range(32)))
with tv.Vault.create("t.vault", key()) as vault:
    # The path that was given holds wherever the host goes.
    os.chdir("/")
    with vault.edit() as edit:
        edit.put("acme", "a" * 32, tv.ApiToken("test-token-not-real"))
    assert not vault.refresh()
os.chdir(os.path.join(os.fsencode(sys.argv[2]), b"caf\\xe9"))
with tv.Vault.open("t.vault", key()) as vault:
    assert len(vault.accounts()) == 1
"""
    folders = ":".join(entry for entry in sys.path if entry)
    subprocess.run(
        [sys.executable, "-c", program, folders, str(tmp_path)], cwd=tmp_path, check=True
    )
