"""A host whose kernel refuses what guards memory, as a sandbox may: less guarded, and said so."""

from __future__ import annotations

import json
import platform

import pytest
from launcher import standin
from strange_host import hosted

#: As `man 2 seccomp` has it: these calls fail with EPERM in this process and its children.
HOST = """
import ctypes, errno, json, os, struct, sys
MADVISE, MLOCK = 28, 149
def step(code, yes, no, value): return struct.pack("HBBI", code, yes, no, value)
LOAD, IS, ANSWER = 0x20, 0x15, 0x06
program = b"".join((
    step(LOAD, 0, 0, 0), step(IS, 1, 0, MADVISE), step(IS, 0, 1, MLOCK),
    step(ANSWER, 0, 0, 0x00050000 | errno.EPERM), step(ANSWER, 0, 0, 0x7FFF0000)))
class Filter(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("steps", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
NO_NEW_PRIVILEGES, SECCOMP, BY_PROGRAM = 38, 22, 2
assert libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
if sys.argv[1] == "refused":
    known = Filter(len(program) // 8, program)
    assert libc.prctl(SECCOMP, BY_PROGRAM, ctypes.byref(known), 0, 0) == 0
    assert libc.mlock(ctypes.create_string_buffer(1), 1) == -1
    assert ctypes.get_errno() == errno.EPERM

import tracevault as tv
from strange_host import ACME, opened
acme, settings = opened(*sys.argv[2:])
with tv.Engine(settings) as engine:
    engine.trace(acme, ACME, "slow-1")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            engine.trace(acme, ACME, "slow-2")
        except tv.ForkedError:
            code = 0
        finally:
            os._exit(code)
    forked = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    engine.trace(acme, ACME, "slow-3")
print(json.dumps([forked, tv.build_info()["memory"]]))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of calls are x86_64's")
@pytest.mark.parametrize("calls", ["allowed", "refused"])
def test_a_host_works_where_memory_cannot_be_guarded_and_says_what_is_missing(calls: str) -> None:
    with standin(quota=0) as server:
        done = hosted(HOST, calls, server)
    assert done.returncode == 0, done.stderr
    forked, memory = json.loads(done.stdout)
    assert forked == 0, "a child used its parent's engine"
    assert memory["guarded_bytes"] > 0 and memory["damaged_slots"] == 0
    guards = memory["locked_bytes"] > 0, memory["dontdump"], memory["wipeonfork"]
    assert guards == (calls == "allowed",) * 3
