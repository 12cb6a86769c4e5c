"""client: the library's side of the scenarios, in a process of its own whose memory is watched.

Reads orders, writes outcomes, one JSON line each. Below `tracevault.Engine` it speaks the C ABI, so
that every result and every view of it is seen as the library gave it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[3]
    sys.path[:0] = [str(ROOT / "bindings/python/src"), str(ROOT / "Tests/tools")]

import tracevault as tv
from lateness import Lateness
from results import failure_of, submit, take
from tracevault._abi import ResultRef, TextRef
from tracevault._lib import check, library

from hostile.leaks import shows

ACCOUNT, OTHER_ACCOUNT = "a1" * 16, "b2" * 16
MESSAGE = "4Njp3P0STMz2c02Q"
EMAIL = "soc@example.net"
_HONEST_TIMEOUT_S = 20.0
#: After a deadline, how long a result is waited for that is late.
_LATE_MS = 10_000

LATENESS = Lateness()

#: Up to so many bytes a view is decoded as well before it is searched.
_DECODED = 1 << 16
#: What a trace has beside its document.
VIEWS = (b"ecs", b"ocsf", b"spans", b"ecs_warnings", b"ocsf_warnings")

#: What can be asked, by name.
OPERATIONS: dict[str, Callable[[tv.Tenant, str, float], tv.Request]] = {
    "trace": lambda tenant, account, timeout: tv.Request.trace(
        tenant, account, MESSAGE, timeout=timeout
    ),
    # Ten pages, when the server gives one message each time.
    "search": lambda tenant, account, timeout: tv.Request.search(
        tenant, account, limit=10, timeout=timeout
    ),
    "check": lambda tenant, account, timeout: tv.Request.check(tenant, account, timeout=timeout),
}


class Client:
    """One engine against one origin, and two tenants: one meets the scenario, one comes after."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._vault = tv.Vault.in_memory()
        self._secret: str = order["secret"]
        with self._vault.edit() as edit:
            met: tv.ApiToken | tv.GlobalKey = tv.ApiToken(bytearray(self._secret.encode()))
            if order["key"]:
                met = tv.GlobalKey(EMAIL, bytearray(self._secret.encode()))
            after = tv.ApiToken(bytearray(order["other_secret"].encode()))
            edit.put("met", ACCOUNT, met, origin=order["origin"])
            edit.put("after", OTHER_ACCOUNT, after, origin=order["origin"])
        # Every result is counted: no notices.
        self._engine = tv.Engine({**order["settings"], "engine.max_notices": 0})
        self._operation: str = order["operation"]
        self._shape = re.compile(re.escape(self._secret.encode()))

    def ask(self, count: int, timeout: float) -> list[dict[str, Any]]:
        """Submits requests of the tenant that meets the scenario; every result that came."""
        request = OPERATIONS[self._operation](self._vault.tenant("met"), ACCOUNT, timeout)
        return self._submit(request, count, timeout)

    def ask_after(self) -> list[dict[str, Any]]:
        """One request of the other tenant, which the server means to serve."""
        tenant = self._vault.tenant("after")
        request = OPERATIONS["trace"](tenant, OTHER_ACCOUNT, _HONEST_TIMEOUT_S)
        return self._submit(request, 1, _HONEST_TIMEOUT_S)

    def _submit(self, request: tv.Request, count: int, timeout: float) -> list[dict[str, Any]]:
        began, late = time.monotonic(), LATENESS.seconds
        for tag in range(count):
            submit(self._engine, request, tag)
        found: list[dict[str, Any]] = []
        late_ms = round(timeout * 1000) + _LATE_MS
        # Goes on for a moment after the last: a second result of a request would come then.
        while result := take(self._engine, late_ms if len(found) < count else 5):
            took = {"took": time.monotonic() - began, "late": LATENESS.seconds - late}
            found.append({**took, **self._outcome(result)})
            library().tv_result_free(result)
        return found

    def _outcome(self, result: ResultRef) -> dict[str, Any]:
        lib = library()
        status = lib.tv_result_status(result)
        outcome: dict[str, Any] = {"tag": lib.tv_result_tag(result), "status": status}
        leaked = False
        views = VIEWS if self._operation == "trace" else ()
        for name in (self._operation.encode(), b"raw", *views):
            with contextlib.suppress(tv.NotFoundError):
                leaked |= self._shows_secret(result, name)
        if status:
            error = failure_of(result)
            outcome |= {
                "message": error.message,
                "http_status": error.http_status,
                "retriable": error.retriable,
                "retry_after": error.retry_after,
                "cf_ray": error.cf_ray,
            }
            told = f"{error.message} {error.cf_ray}".encode()
            leaked |= shows(told, self._secret.encode())
        return outcome | {"leaked": leaked}

    def _shows_secret(self, result: ResultRef, name: bytes) -> bool:
        """Looks at a large view where it lies: a copy would count as the library's memory."""
        data, length = TextRef(), ctypes.c_size_t()
        get = library().tv_result_document
        check(get, result, name, len(name), ctypes.byref(data), ctypes.byref(length))
        if not data.value:
            return False
        lent = (ctypes.c_char * length.value).from_address(data.value)
        if length.value <= _DECODED:
            return shows(bytes(lent), self._secret.encode())
        return self._shape.search(memoryview(lent).cast("B")) is not None

    def close(self) -> None:
        self._engine.close()
        self._vault.close()


def memory_kib() -> int:
    """Resident memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4


def peak_kib() -> int:
    """The most there was since the last time, and starts anew."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return int(peak)


def main() -> None:
    client: Client | None = None
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "ask":
            client = Client(order)
            answer: dict[str, Any] = {"outcomes": client.ask(order["count"], order["timeout"])}
        elif client is not None:
            answer = {"outcomes": client.ask_after()}
            client.close()
            client = None
        answer |= {"memory_kib": memory_kib(), "peak_kib": peak_kib()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
