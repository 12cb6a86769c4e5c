"""host: a process with one engine, in which descriptors and memory are scarce or go away.

Run as a program: what is done is named by the first argument, the outcome is one line of JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[3]
    sys.path[:0] = [str(ROOT / "bindings/python/src"), str(ROOT / "Tests/tools")]

import tracevault as tv

ACCOUNT = "a1" * 16


class Scene:
    """An engine that asks a server; `base`, `ca_file` and further settings come as JSON."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.settings: dict[str, tv.Setting] = {
            "api.base_url": order["origin"] + "/client/v4",
            "tls.ca_file": order["ca_file"],
            "budget.quota": 0,
            "budget.ip_per_second": 0,
            "retry.max_attempts": 2,
            "retry.base_ms": 1,
            "cache.max_bytes": 0,
            **order.get("settings", {}),
        }
        self.vault = tv.Vault.in_memory()
        with self.vault.edit() as edit:
            secret = tv.ApiToken(bytearray(b"test-token-not-real"))
            edit.put("acme", ACCOUNT, secret, origin=order["origin"])
        self.tenant = self.vault.tenant("acme")
        self.engine = tv.Engine(self.settings)

    def ask(self, message: str = "4Njp3P0STMz2c02Q") -> dict[str, Any]:
        try:
            self.engine.trace(self.tenant, ACCOUNT, message, timeout=20, fresh=True)
        except tv.TraceVaultError as error:
            return told(error)
        return {"status": 0}


def told(error: tv.TraceVaultError) -> dict[str, Any]:
    return {
        "status": error.status_number,
        "retriable": error.retriable,
        "cause": error.cause.name,
        "system_error": error.system_error,
        "message": error.message,
    }


def attempted(call: Callable[[], object]) -> dict[str, Any]:
    try:
        call()
    except tv.TraceVaultError as error:
        return told(error)
    return {"status": 0}


@contextlib.contextmanager
def only(free: int) -> Iterator[None]:
    """So many descriptors are left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    taken: list[int] = []
    try:
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        for _ in range(free):
            os.close(taken.pop())
        yield
    finally:
        for number in taken:
            os.close(number)


def few_descriptors(scene: Scene) -> object:
    """What requests and new engines end with while 0, 1, 2 … descriptors are free."""
    found = []
    for free in range(9):
        with only(free):
            asked = scene.ask(f"4Njp3P0STMz{free}")
            made = attempted(lambda: tv.Engine(scene.settings).close())
        # An idle connection would serve the next without a descriptor.
        scene.engine.close()
        scene.engine = tv.Engine(scene.settings)
        found.append({"free": free, "asked": asked, "made": made})
    return {"found": found, "after": scene.ask()}


def little_memory(scene: Scene) -> object:
    """What requests end with when an allocation of libcurl fails, from that one on."""
    scarce = ctypes.CDLL(None)
    found = []
    for count in [*range(2, 60), *range(60, 600, 15)]:
        scarce.scarce_memory(ctypes.c_long(count))
        asked = scene.ask(f"4Njp3P0STMz{count}")
        scarce.scarce_memory(ctypes.c_long(0))
        found.append({"count": count, "asked": asked})
    return {"found": found, "after": scene.ask()}


def memory_returns(scene: Scene) -> object:
    """What a request ends with that met no memory, when there is plenty again."""
    scarce = ctypes.CDLL(None)
    scarce.scarce_memory(ctypes.c_long(1))
    asked = tv.Request.trace(scene.tenant, ACCOUNT, "4Njp3P0STMz1", timeout=60)
    scene.engine.submit(asked)
    result = None
    while result is None and not scene.engine.stats()["sleeping"]:
        result = scene.engine.take(0.01)
    scarce.scarce_memory(ctypes.c_long(0))
    result = result or scene.engine.take(60)
    assert result is not None
    return {"status": 0} if result.error is None else told(result.error)


def no_pages(scene: Scene) -> object:
    """What keeping many keys ends with when mprotect() is refused."""
    scarce = ctypes.CDLL(None)
    failure: dict[str, Any] = {}
    vaults = []
    scarce.scarce_pages(1)
    for _ in range(3000):
        try:
            vaults.append(tv.Vault.in_memory())
        except tv.TraceVaultError as error:
            failure = told(error)
            break
    scarce.scarce_pages(0)
    return {"failure": failure, "after": attempted(lambda: vaults.append(tv.Vault.in_memory()))}


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def closed_descriptors(scene: Scene) -> object:
    """The host closes all descriptors that it does not know, and opens files of its own."""
    first = scene.ask()
    hanging = scene.engine.submit(
        tv.Request.trace(scene.tenant, ACCOUNT, "hangs", timeout=60, fresh=True)
    )
    while not Path(scene.order["arrived"]).exists():
        time.sleep(0.01)
    os.dup2(2, 1)
    _close_range(3)
    own = [OPENED[scene.order["opens"]](scene, n) for n in range(60)]
    began = _processor_s()
    outcomes: list[dict[str, Any]] = []
    # The request under way ends, and so does every later call, each with the reason.
    end = time.monotonic() + 30
    while time.monotonic() < end and not outcomes:
        result = scene.engine.take(1)
        if result is not None:
            assert result.id == hanging and result.error is not None
            outcomes.append(told(result.error))
    later = attempted(
        lambda: scene.engine.submit(tv.Request.trace(scene.tenant, ACCOUNT, "later", timeout=5))
    )
    empty = attempted(lambda: scene.engine.take(30))
    used = _processor_s() - began
    scene.engine.close()
    scene.vault.close()
    alive = [number for number in own if _is_open(number)]
    touched = [number for number in alive if _is_touched(scene.order["opens"], number)]
    # What is made from now on works.
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            secret = tv.ApiToken(bytearray(b"test-token-not-real"))
            edit.put("acme", ACCOUNT, secret, origin=scene.order["origin"])
        with tv.Engine(scene.settings) as engine, vault.tenant("acme") as tenant:
            after = attempted(lambda: engine.trace(tenant, ACCOUNT, "after", timeout=20))
    return {
        "first": first, "ended": outcomes, "later": later, "empty": empty, "used": used,
        "opened": len(own), "alive": len(alive), "touched": len(touched), "after": after,
    }  # fmt: skip


def _file(scene: Scene, number: int) -> int:
    return os.open(Path(scene.order["folder"]) / f"{number}", os.O_RDWR | os.O_CREAT, 0o600)


def _timer(scene: Scene, number: int) -> int:
    descriptor: int = ctypes.CDLL(None).timerfd_create(0, os.O_NONBLOCK)
    return descriptor


def _poll(scene: Scene, number: int) -> int:
    descriptor: int = ctypes.CDLL(None).epoll_create1(0)
    return descriptor


#: What the host opens by the numbers that it has closed. All but files share one inode.
OPENED: dict[str, Callable[[Scene, int], int]] = {
    "files": _file,
    "counters": lambda scene, number: os.eventfd(0, os.EFD_NONBLOCK),
    "timers": _timer,
    "polls": _poll,
}


def _is_touched(kind: str, number: int) -> bool:
    """Whether somebody wrote into it, or set it."""
    if kind == "files":
        return os.fstat(number).st_size > 0
    if kind == "polls":
        return "tfd:" in Path(f"/proc/self/fdinfo/{number}").read_text()
    if kind == "timers":
        set_to = (ctypes.c_int64 * 4)()
        ctypes.CDLL(None).timerfd_gettime(number, set_to)
        return any(set_to)
    try:
        return os.eventfd_read(number) > 0
    except BlockingIOError:
        return False


def _close_range(first: int) -> None:
    if ctypes.CDLL(None).close_range(ctypes.c_uint(first), ctypes.c_uint(0xFFFFFFFF), 0) != 0:
        os.closerange(first, 4096)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def inherited(scene: Scene) -> object:
    """What a program that the host starts without closing anything still has open."""
    scene.ask()
    names = [os.readlink(f"/proc/self/fd/{n}") for n in _listed() if not _is_closed_on_exec(n)]
    return {"names": names}


def _listed() -> list[int]:
    return [n for n in map(int, os.listdir("/proc/self/fd")) if n > 2 and _is_open(n)]


def _is_closed_on_exec(number: int) -> bool:
    return not os.get_inheritable(number)


DOINGS: dict[str, Callable[[Scene], object]] = {
    one.__name__: one
    for one in (
        few_descriptors,
        little_memory,
        memory_returns,
        no_pages,
        closed_descriptors,
        inherited,
    )
}

if __name__ == "__main__":
    outcome = DOINGS[sys.argv[1]](Scene(json.loads(sys.argv[2])))
    # The descriptor of the answer is 2: 1 may be gone.
    os.write(2, json.dumps(outcome).encode())
    os._exit(0)
