"""Secrets are in guarded memory or nowhere: another process's whole memory is searched for them.

The child uses a vault step by step; this process holds the tokens, works out every key with the
second reader, and reads the child's memory through /proc between the steps.
"""

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import python_path
from vault.reader import PASSPHRASE, Unlock, open_vault

CHILD = """
import os, sys
sys.path[:0] = sys.argv[1].split(":")
import tracevault as tv

def pause(name):
    os.write(1, name.encode() + b"\\n")
    assert os.read(0, 1) == b"."

def secret(count):
    # Unbuffered, straight into memory that the binding wipes: no copy is ours.
    room = bytearray(count)
    assert os.readv(0, [room]) == count
    return room

path, phrase_len, token_len = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
weak = {"vault.kdf_memory_kib": 19456, "vault.kdf_passes": 2}
os.write(1, b"ready\\n")
unlock = tv.Passphrase(secret(phrase_len))
vault = tv.Vault.create(path, unlock, settings=weak)
unlock.close()
edit = vault.edit()
for number in range(3):
    edit.put(("acme", "globex")[number % 2], f"{number:032x}", tv.ApiToken(secret(token_len)))
dropped = vault.edit()
dropped.put("acme", "f" * 32, tv.ApiToken(secret(token_len)))
dropped.close()
pause("put")
edit.commit()
pause("committed")
unlock = tv.Passphrase(secret(phrase_len))
second = tv.Vault.open(path, unlock)
unlock.close()
tenants = [vault.tenant("acme"), second.tenant("globex")]
vault.refresh()
with second.edit() as edit:
    edit.remove("globex", f"{1:032x}")
    edit.put("globex", "e" * 32, tv.ApiToken(secret(token_len)))
vault.refresh()
for tenant in tenants:
    tenant.accounts()
pause("open")
vault.lock()
second.lock()
pause("locked")
unlock = tv.Passphrase(secret(phrase_len))
vault.unlock(unlock)
second.unlock(unlock)
unlock.close()
for tenant in tenants:
    tenant.accounts()
pause("unlocked")
vault.close()
second.close()
pause("vaults closed")
for tenant in tenants:
    tenant.close()
pause("closed")
"""


class Memory:
    """The readable memory of another process, guarded and not."""

    def __init__(self, pid: int) -> None:
        self.guarded: list[bytes] = []
        self.rest: list[bytes] = []
        maps = Path(f"/proc/{pid}/smaps").read_text()
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for match in re.finditer(
                r"^([0-9a-f]+)-([0-9a-f]+) (r\S+) \S+ \S+ (\d+).*\n(?:.*\n)*?VmFlags: (.*)$",
                maps,
                flags=re.M,
            ):
                if match[4] != "0" and "w" not in match[3]:
                    continue  # pages of a file as the file has them
                start, end = int(match[1], 16), int(match[2], 16)
                memory.seek(start)
                try:
                    piece = memory.read(end - start)
                except OSError:
                    continue  # the kernel's own pages
                # Not dumped, wiped in a fork: the library's alone.
                is_guarded = {"dd", "wf"} <= set(match[5].split())
                (self.guarded if is_guarded else self.rest).append(piece)

    @staticmethod
    def hits(pieces: list[bytes], names: dict[str, bytes]) -> set[str]:
        """Which secrets are there, the first, middle or last 12 bytes of one being enough."""
        return {
            name
            for name, value in names.items()
            for part in (value[:12], value[len(value) // 2 - 6 :][:12], value[-12:])
            if any(part in piece for piece in pieces)
        }


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    tmp_path.chmod(0o700)
    folders = python_path()
    arguments = [folders, str(tmp_path / "t.vault"), "40", "40"]
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "MALLOC_PERTURB_": ""},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_secrets_are_in_guarded_memory_or_nowhere(
    tmp_path: Path, child: subprocess.Popen[bytes]
) -> None:
    assert child.stdin and child.stdout
    passphrase = secrets.token_hex(20).encode()
    tokens = {f"token {number}": secrets.token_hex(20).encode() for number in range(5)}
    values = list(tokens.values())

    def reached(name: bytes) -> None:
        assert child.stdout and child.stdout.readline() == name + b"\n"

    def send(*what: bytes) -> None:
        assert child.stdin
        for piece in what:
            child.stdin.write(piece)

    def search() -> tuple[set[str], set[str]]:
        memory = Memory(child.pid)
        everything = {"passphrase": passphrase, **tokens, **keys}
        return memory.hits(memory.rest, everything), memory.hits(memory.guarded, everything)

    def opened_keys() -> dict[str, bytes]:
        data = (tmp_path / "t.vault").read_bytes()
        return open_vault(data, Unlock(PASSPHRASE, passphrase)).keys()

    keys: dict[str, bytes] = {}
    reached(b"ready")
    send(passphrase, *values[:4])
    reached(b"put")
    keys = opened_keys()
    outside, inside = search()
    assert outside == set()
    # That the search finds what is there: the keys of an open vault, and no token.
    assert inside == {"K_hdr", "K_wrap", "K_file", "K_fp", "K_meta[1]", "K_ten[1]"}

    send(b".")
    reached(b"committed")
    keys |= opened_keys()
    outside, inside = search()
    assert outside == set()
    assert inside == {"K_hdr", "K_wrap", "K_file", "K_fp", "K_meta[1]", "K_ten[1]"}

    send(b".", passphrase, values[4])
    reached(b"open")
    keys |= opened_keys()
    outside, inside = search()
    assert outside == set()
    assert "TK[acme]" in inside and not inside & {"passphrase", "RK", "DEK[1]", *tokens}

    send(b".")
    reached(b"locked")
    assert search() == (set(), set())

    send(b".", passphrase)
    reached(b"unlocked")
    outside, inside = search()
    assert outside == set()
    assert {"K_hdr", "TK[acme]"} <= inside
    assert not inside & {"passphrase", "RK", "DEK[1]", *tokens}

    send(b".")
    reached(b"vaults closed")
    outside, inside = search()
    assert outside == set()
    # A tenant goes on with its own key and no other.
    assert inside == {"TK[acme]", "TK[globex]"}

    send(b".")
    reached(b"closed")
    assert search() == (set(), set())
    send(b".")
    assert child.wait(30) == 0
