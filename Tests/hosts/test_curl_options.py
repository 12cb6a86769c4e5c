"""What libcurl is really told, seen from outside: curl_easy_setopt() is intercepted."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "build/lib/libtracevault.so.0"
EXPECTED = ROOT / "docs/curl-options.txt"

# One request to a port where nobody listens: every option is set, no server is needed.
PROGRAM = """
import ctypes, sys
V, N = ctypes.c_void_p, None
tv = ctypes.CDLL(sys.argv[1])
def call(name, *args):
    types = [ctypes.c_char_p if isinstance(a, bytes) else ctypes.c_uint64 if isinstance(a, int)
             else V for a in args]
    function = getattr(tv, name)
    function.argtypes = types
    assert function(*args) == 0, name
def text(value): return value, len(value)
def made(name, *args):
    handle = V()
    call(name, *args, ctypes.byref(handle), N)
    return handle
config = made("tv_config_new")
for name, value in ((b"api.base_url", b"https://127.0.0.1:1/client/v4"),
                    (b"retry.max_attempts", b"1")):
    call("tv_config_set", config, *text(name), *text(value), N)
unlock = made("tv_unlock_key", *text(b"0123456789abcdef0123456789abcdef"))
vault = made("tv_vault_create", *text(b""), unlock, config)
edit = made("tv_edit_begin", vault)
account = b"023e105f4ecef8ad9ca31a8372d0c353"
if sys.argv[2] == "token":
    call("tv_edit_put_token", edit, *text(b"acme"), *text(account),
         *text(b"test-token-not-real"), N)
else:
    call("tv_edit_put_key", edit, *text(b"acme"), *text(account), *text(b"soc@example.net"),
         *text(b"test-key-not-real"), N)
call("tv_edit_set", edit, *text(b"acme"), *text(account), *text(b"origin"),
     *text(b"https://127.0.0.1:1"), N)
call("tv_edit_commit", edit, N)
tenant = made("tv_tenant_open", vault, *text(b"acme"))
request = made("tv_request_trace", *text(account), *text(b"4Njp3P0STMz2c02Q"))
engine = made("tv_engine_new", config)
call("tv_engine_submit", engine, tenant, request, 0, N, N)
result = V()
tv.tv_engine_take.argtypes = [V, ctypes.c_int32, V, V]
assert tv.tv_engine_take(engine, 20000, ctypes.byref(result), N) == 0 and result.value
tv.tv_result_status.argtypes = [V]
assert tv.tv_result_status(result) == 68, tv.tv_result_status(result)
tv.tv_engine_free.argtypes = [V]
tv.tv_engine_free(engine)
"""


def spied(tmp_path: Path, kind: str) -> list[str]:
    """Every option that is set for one request with a token or a global key."""
    spy, seen = tmp_path / "spy.so", tmp_path / "seen.txt"
    # Linked with libcurl, so that RTLD_NEXT finds it although the host loads it privately.
    subprocess.run(
        ["gcc", "-std=c11", "-shared", "-fPIC", "-o", spy, ROOT / "Tests/abi/curl_spy.c", "-lcurl"],
        check=True,
    )
    environment = {
        **os.environ,
        "LD_PRELOAD": str(spy),
        "CURL_SPY": str(seen),
        "https_proxy": "http://127.0.0.1:9",
        "SSLKEYLOGFILE": str(tmp_path / "keys.txt"),
    }
    subprocess.run([sys.executable, "-c", PROGRAM, str(LIBRARY), kind], check=True, env=environment)
    return seen.read_text(encoding="utf-8").splitlines()


def test_exactly_the_documented_options_are_set(tmp_path: Path) -> None:
    expected = [
        line
        for line in EXPECTED.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert spied(tmp_path, "token") == expected


def test_a_global_key_travels_over_http_1_1_with_its_email(tmp_path: Path) -> None:
    seen = spied(tmp_path, "key")
    assert "easy HTTPHEADER X-Auth-Key,Accept,X-Auth-Email" in seen
    assert "easy HTTP_VERSION 2" in seen  # CURL_HTTP_VERSION_1_1
    assert {"easy FRESH_CONNECT 1", "easy FORBID_REUSE 1"} <= {*seen}


def test_no_option_is_refused_by_this_libcurl(tmp_path: Path) -> None:
    assert not [line for line in spied(tmp_path, "token") if "FAILED" in line]
