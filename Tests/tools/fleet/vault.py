"""vault.py - a vault in an object store, as one host of many uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import tracevault as tv
from engine_scene import ACME
from object_store import ACCESS, BUCKET, SECRET, Way
from places import python_path, secret_file

TOKEN = "test-token-not-real-acme-01-000000000000"
OTHER = "test-token-not-real-acme-02-000000000000"


def key_of(place: str) -> str:
    """The object's key as it stands in a URL."""
    return quote(place.removeprefix(f"s3://{BUCKET}/"))


def keys(secret: str = SECRET) -> tv.StoreKeys:
    return tv.StoreKeys(bytearray(ACCESS.encode()), bytearray(secret.encode()))


def keys_file(folder: Path) -> Path:
    """What `s3.keys=file:…` names."""
    return secret_file(folder / "store.keys", f"{ACCESS}\n{SECRET}\n")


def raw_key(first: int = 0) -> tv.RawKey:
    return tv.RawKey(bytearray(range(first, first + 32)))


def create(place: str, way: Way, **changes: tv.Setting) -> tv.Vault:
    return tv.Vault.create(place, raw_key(), settings=way.settings(**changes), keys=keys())


def opened(place: str, way: Way, **changes: tv.Setting) -> tv.Vault:
    return tv.Vault.open(place, raw_key(), settings=way.settings(**changes), keys=keys())


def put(vault: tv.Vault, account: str = ACME, text: str = TOKEN, tenant: str = "acme") -> None:
    with vault.edit() as edit:
        edit.put(tenant, account, tv.ApiToken(bytearray(text.encode())), label="Acme Europe")


def accounts(vault: tv.Vault) -> set[int]:
    """The accounts of a vault, as numbers."""
    return {int(one.account_id, 16) for one in vault.accounts()}


def status_of(call: Callable[[], object]) -> str:
    """How a call ends; no failure may tell a secret."""
    try:
        call()
    except tv.TraceVaultError as failure:
        for secret in (SECRET, ACCESS, TOKEN, OTHER):
            assert secret not in str(failure) and secret not in repr(failure)
        return failure.status.name
    return "OK"


#: What another process does: as many edits as it is told, each with an account of its own.
WRITER = """
import sys
import tracevault as tv
place, endpoint, keys, first, count = sys.argv[1:6]
settings = {"s3.endpoint": endpoint, "api.allow_http_loopback": True, "s3.keys": "file:" + keys,
            "vault.lock_timeout_ms": 60000}
with tv.Vault.open(place, tv.RawKey(bytearray(range(32))), settings=settings) as vault:
    for number in range(int(first), int(first) + int(count)):
        with vault.edit() as edit:
            edit.put("acme", f"{number:032x}", tv.ApiToken(b"test-token-not-real"))
        print(number, flush=True)
"""


def writer(place: str, endpoint: str, known: Path, first: int, count: int) -> subprocess.Popen[str]:
    """A process that makes the edits `first`, `first` + 1, … and says each that is acknowledged."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, place, endpoint, str(known), str(first), str(count)],
        env={**os.environ, "PYTHONPATH": python_path()},
        stdout=subprocess.PIPE,
        text=True,
    )
