"""strange_host.py - a host whose process is odd in some way: it gets a vault and runs to its end."""

from __future__ import annotations

import os
import subprocess
import sys

import tracevault as tv
from engine_scene import ACME
from launcher import Standin
from places import python_path


def hosted(program: str, odd: str, server: Standin) -> subprocess.CompletedProcess[str]:
    """Runs a program; its arguments are what is odd, and what `opened` takes."""
    secret = server.credential(ACME).token
    return subprocess.run(
        [sys.executable, "-c", program, odd, server.base_url, server.ca_file, secret,
         server.origin],
        env={**os.environ, "PYTHONPATH": python_path()}, capture_output=True, text=True,
    )  # fmt: skip


def opened(
    base: str, authority: str, token: str, origin: str
) -> tuple[tv.Tenant, dict[str, tv.Setting]]:
    """In such a program: a tenant of a vault in memory, and settings for its engine."""
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        edit.put("acme", ACME, tv.ApiToken(token), origin=origin)
    return vault.tenant("acme"), {
        "api.base_url": base,
        "tls.ca_file": authority,
        "budget.quota": 0,
        "budget.ledger": "private",
    }
