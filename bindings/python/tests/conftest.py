"""What several tests share: where the repository is, and the library under test."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from launcher import Standin, standin

import tracevault as tv

# A shell that starts the tests in the background has Ctrl-C ignored, in all that they start, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[3]
HEADER = REPOSITORY / "include" / "tracevault.h"
#: An account of the stand-in's tenant "acme".
ACME = "acae0000000000000000000000000001"


def find_library() -> Path | None:
    """The library under test: $TRACEVAULT_LIBRARY, or what `make` built."""
    asked = os.environ.get("TRACEVAULT_LIBRARY")
    found = Path(asked) if asked else REPOSITORY / "build" / "lib" / "libtracevault.so.0"
    return found if found.is_file() else None


LIBRARY = find_library()
if LIBRARY is not None:
    os.environ["TRACEVAULT_LIBRARY"] = str(LIBRARY)


@pytest.fixture(scope="session")
def library_path() -> Path:
    """The real library; skips loudly when it is not built."""
    if LIBRARY is None:
        pytest.skip("no libtracevault.so.0: run `make`, or name it in TRACEVAULT_LIBRARY")
    return LIBRARY


@pytest.fixture(scope="session")
def header() -> str:
    return HEADER.read_text()


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[str], Path]:
    """Compile a few lines of C into a shared library."""

    def compile_library(source: str) -> Path:
        code, out = tmp_path / "fake.c", tmp_path / "libfake.so"
        code.write_text(source)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", out, code], check=True)
        return out

    return compile_library


class Clock(datetime):
    """Says the time that a test has set."""

    at: datetime

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return cls.at.astimezone(tz)


ClockIn = Callable[[ModuleType, datetime], type[Clock]]


@pytest.fixture
def clock_in(monkeypatch: pytest.MonkeyPatch) -> ClockIn:
    """Gives a module of the package a clock that the test sets, and a time to begin with."""

    def give(module: ModuleType, at: datetime) -> type[Clock]:
        Clock.at = at
        monkeypatch.setattr(module, "datetime", Clock)
        return Clock

    return give


@pytest.fixture(scope="session")
def server(library_path: Path) -> Iterator[Standin]:
    """The stand-in for Cloudflare, without a quota."""
    assert library_path
    with standin(quota=0) as running:
        yield running


def settings(server: Standin, **changes: tv.Setting) -> dict[str, tv.Setting]:
    """Settings for an engine that asks the stand-in; `retry_base_ms=1` sets `retry.base_ms`."""
    changed = {name.replace("_", ".", 1): value for name, value in changes.items()}
    return {
        "api.base_url": server.base_url,
        "tls.ca_file": server.ca_file,
        "budget.quota": 0,
        "retry.base_ms": 1,
        **changed,
    }


def credential(server: Standin, account_id: str) -> tv.ApiToken | tv.GlobalKey:
    """What the stand-in accepts for an account, as a caller holds it."""
    found = server.credential(account_id)
    if found.kind == "api_token":
        return tv.ApiToken(bytearray(found.token.encode()))
    return tv.GlobalKey(found.email, bytearray(found.key.encode()))


def fill(vault: tv.Vault, server: Standin, origin: str | None = None) -> None:
    """Store a credential for every account of the stand-in."""
    with vault.edit() as edit:
        for account in server.accounts:
            edit.put(
                account.tenant,
                account.id,
                credential(server, account.id),
                label=account.label,
                origin=origin or server.origin,
            )


@pytest.fixture(scope="session")
def vault(server: Standin) -> Iterator[tv.Vault]:
    """A vault with every account of the stand-in."""
    with tv.Vault.in_memory() as made:
        fill(made, server)
        yield made


@pytest.fixture
def engine(server: Standin) -> Iterator[tv.Engine]:
    with tv.Engine(settings(server)) as made:
        yield made


@pytest.fixture
def acme(vault: tv.Vault) -> Iterator[tv.Tenant]:
    with vault.tenant("acme") as tenant:
        yield tenant


def work(server: Standin, vault: tv.Vault) -> list[tv.Request]:
    """One request for every message of every tenant."""
    tenants = {account.tenant: vault.tenant(account.tenant) for account in server.accounts}
    return [
        tv.Request.trace(
            tenants[message.tenant],
            message.account_id,
            message.investigate_id,
            submission=message.submission or None,
        )
        for message in server.messages
    ]
