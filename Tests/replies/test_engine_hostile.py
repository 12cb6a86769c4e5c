"""What waiting, a quota, a resolver and the host's exit do to an engine; see also test_hostile.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tracevault as tv
from bare_server import ACCOUNT, BLOCK, TRACE, engine, reply, serving, tenant

ROOT = Path(__file__).resolve().parents[2]


def test_the_wait_for_a_pending_trace_ends_although_a_later_look_is_never_answered() -> None:
    pending = {
        **TRACE,
        "result": {"inbound": {**BLOCK, "pending": True}, "outbound": BLOCK},
    }
    # The look after the first is met by silence; only the deadline, an hour away, would end it.
    with (
        serving(lambda head, n: reply(pending) if n == 1 else None) as server,
        engine(server.origin) as fetching,
    ):
        trace = fetching.trace(
            tenant(server.origin), ACCOUNT, "4Njp3P0STMz2c02Q", wait=1.5, timeout=3600
        )
    assert not trace.complete
    assert len(server.heads) == 2


def test_a_request_that_the_quota_forbids_until_its_deadline_is_refused_at_once() -> None:
    with (
        serving(lambda head, n: reply({}, 429, "retry-after: 280\r\n")) as server,
        engine(server.origin) as fetching,
    ):
        acme = tenant(server.origin)
        for _ in range(2):
            with pytest.raises(tv.TraceVaultError) as caught:
                fetching.trace(acme, ACCOUNT, "4Njp3P0STMz2c02Q", timeout=200)
            assert caught.value.status == tv.Status.E_RATE_LIMITED and caught.value.retriable
            assert 260 < (caught.value.retry_after or 0) <= 280
    assert len(server.heads) == 1


RESOLVER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    while (node != NULL && strcmp(node, "never.example.net") == 0) pause();
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        __extension__(int (*)(const char *, const char *, const struct addrinfo *,
                              struct addrinfo **)) dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, found);
}
"""

NEVER_RESOLVED = """
import os, sys
sys.path[:0] = sys.argv[1:]
import tracevault as tv
from bare_server import ACCOUNT, engine, tenant
ORIGIN = "https://never.example.net"
fetching, acme = engine(ORIGIN), tenant(ORIGIN)
ask = lambda timeout: tv.Request.trace(acme, ACCOUNT, "4Njp3P0STMz2c02Q", timeout=timeout)
fetching.submit(ask(0.2))
print(fetching.take().error.name)
number = fetching.submit(ask(None))
while not fetching.stats()["in_flight"]:
    pass
fetching.cancel(number)
print(fetching.take().error.name)
fetching.submit(ask(None))
while not fetching.stats()["in_flight"]:
    pass
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print("forked")
fetching.close()
print("closed")
try:
    tv.Vault.open("s3://vaults/acme", tv.RawKey(bytearray(range(32))),
                  settings={"s3.endpoint": ORIGIN, "s3.region": "auto", "s3.timeout_ms": 300},
                  keys=tv.StoreKeys(bytearray(b"access-not-real"), bytearray(b"secret-not-real")))
except tv.TraceVaultError as error:
    print(error.name)
"""


def test_a_name_that_is_never_resolved_holds_up_nobody(
    tmp_path: Path,
) -> None:
    source, resolver = tmp_path / "resolver.c", tmp_path / "resolver.so"
    source.write_text(RESOLVER, encoding="utf-8")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", resolver, source], check=True)
    # The limit only ends a test that would never end: the lookup itself never does.
    done = subprocess.run(
        [sys.executable, "-c", NEVER_RESOLVED, *sys.path],
        env={**os.environ, "LD_PRELOAD": str(resolver)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = ["TV_E_DEADLINE", "TV_E_CANCELLED", "forked", "closed", "TV_E_TRANSPORT"]
    assert done.stdout.split() == said, done.stderr


EXITS = """
import ctypes, os, sys
sys.path[:0] = sys.argv[1:]
import tracevault as tv
from bare_server import ACCOUNT, engine, tenant
libc = ctypes.CDLL(None)
def report(status, unused):
    os.write(1, b"threads %d" % len(os.listdir("/proc/self/task")))
kept = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)(report)
libc.on_exit(kept, None)  # stands for OpenSSL's handler: registered before the engine, run after it
ORIGIN = "https://127.0.0.1:1"
fetching = engine(ORIGIN)
fetching.submit(tv.Request.trace(tenant(ORIGIN), ACCOUNT, "4Njp3P0STMz2c02Q"))
libc.exit(0)
"""


def test_exit_ends_the_engines_before_the_clean_up_of_the_libraries_they_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXITS, *sys.path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("threads 1", 0), done.stderr


#: Made of characters that others might be replaced with when a text is made printable.
ODD_SECRET = "odd?token'not?real'0123?4567'89ab"


@pytest.mark.parametrize("written", ["\xff", "\u00e9", "\x7f", '"', "\t", "\u2028"])
@pytest.mark.parametrize("place", ["cf-ray", "retry-after", "page", "message"])
def test_no_replaced_character_makes_a_secret_whole(place: str, written: str) -> None:
    told = ODD_SECRET.replace("?", written).replace("'", written).encode("utf-8", "replace")
    also = [ODD_SECRET.replace(letter, written).encode() for letter in "?'"]

    def answer(head: bytes, n: int) -> bytes:
        text = [told, *also][n % 3]
        if place in ("cf-ray", "retry-after"):
            return reply({}, 403).replace(b"X\r\n", b"X\r\n%s: %s\r\n" % (place.encode(), text))
        if place == "page":
            return reply(b"<html><b>Blocked</b> " + text + b"</html>", 403)
        refusal = {"code": 7, "message": text.decode()}
        body = json.dumps({"success": False, "errors": [refusal], "result": None})
        return reply(body.encode(), 403)

    with serving(answer) as server, engine(server.origin, retry__max_attempts=1) as fetching:
        vault = tv.Vault.in_memory()
        with vault.edit() as edit:
            secret = tv.ApiToken(bytearray(ODD_SECRET.encode()))
            edit.put("acme", ACCOUNT, secret, origin=server.origin)
        for number in range(3):
            with pytest.raises(tv.TraceVaultError) as caught:
                fetching.trace(vault.tenant("acme"), ACCOUNT, f"4Njp3P0STMz2c0{number}Q")
            shown = str(caught.value) + repr(caught.value.to_dict())
            shown = shown.replace("\\'", "'")
            for start in range(len(ODD_SECRET) - 15):
                assert ODD_SECRET[start : start + 16] not in shown
