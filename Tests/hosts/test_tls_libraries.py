"""A host that speaks TLS by another library, GnuTLS, in the same process."""

from __future__ import annotations

import json

import pytest
from launcher import standin
from strange_host import hosted

#: The host's own libcurl comes first, and its names are for everybody; it speaks by GnuTLS.
HOST = """
import ctypes, json, os, sys, threading
try:
    own = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
except OSError:
    sys.exit(77)
own.curl_easy_init.restype = ctypes.c_void_p
own.curl_version.restype = ctypes.c_char_p
assert own.curl_global_init(3) == 0 and b"GnuTLS" in own.curl_version()
import tracevault as tv
from strange_host import ACME, opened
base, authority = sys.argv[2:4]

def asks_by_itself():
    handle = ctypes.c_void_p(own.curl_easy_init())
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    sink = ctypes.c_void_p(libc.fopen(os.devnull.encode(), b"w"))
    for option, value in ((10002, base.encode()), (10065, authority.encode())):
        assert own.curl_easy_setopt(handle, option, ctypes.c_char_p(value)) == 0
    assert own.curl_easy_setopt(handle, 10001, sink) == 0
    code = own.curl_easy_perform(handle)
    own.curl_easy_cleanup(handle)
    libc.fclose(sink)
    return code

codes = [asks_by_itself()]
acme, settings = opened(*sys.argv[2:])
with tv.Engine(settings) as engine:
    def many():
        codes.extend(asks_by_itself() for _ in range(10))
    thread = threading.Thread(target=many)
    thread.start()
    results = list(engine.batch([tv.Request.trace(acme, ACME, f"slow-{n}") for n in range(20)]))
    thread.join()
codes.append(asks_by_itself())
own.curl_global_cleanup()
with tv.Engine(settings) as engine:
    engine.trace(acme, ACME, "slow-30")
print(json.dumps([codes, [str(result.error) for result in results if result.error]]))
"""
OWN = "libcurl-gnutls.so.4"


def test_a_host_that_speaks_by_gnutls_and_the_library_do_not_harm_each_other() -> None:
    with standin(quota=0) as server:
        done = hosted(HOST, OWN, server)
    if done.returncode == 77:
        pytest.skip(f"NO {OWN}: a host with GnuTLS is UNTRIED")
    assert done.returncode == 0, done.stderr
    codes, errors = json.loads(done.stdout)
    # Each of its own exchanges was a good one, before, beside and after ours.
    assert codes == [0] * 12 and errors == []
