"""launcher: starts the stand-in for a test, waits until it serves, and always stops it.

Standard library only: the tests may run in another Python than the server.  The server's Python is
the one running now, or the one TRACEVAULT_STANDIN_PYTHON names.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin import catalogue as catalogue_of
from standin import mail as mail_of
from standin.accounts import Account, Credential, Directory
from standin.catalogue import Message
from standin.mail import Mail

HERE = Path(__file__).resolve().parent
SERVER = HERE / "cloudflare_standin.py"
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Standin:
    """A running stand-in, and all it knows."""

    base_url: str
    plain_base_url: str
    raw_base_url: str
    ca_file: str
    directory: Directory
    messages: tuple[Message, ...]

    @property
    def origin(self) -> str:
        return self.base_url.removesuffix("/client/v4")

    @property
    def accounts(self) -> tuple[Account, ...]:
        return self.directory.accounts

    def credential(self, account_id: str) -> Credential:
        """The first credential that may read this account."""
        return next(c for c in self.directory.credentials if c.usable and account_id in c.reach)

    def named(self, name: str) -> Credential:
        """The credential that the fixture gives this name, dead ones among them."""
        return next(c for c in self.directory.credentials if c.name == name)

    def messages_of(self, account_id: str, *, submission: bool = False) -> tuple[Message, ...]:
        return tuple(
            m for m in self.messages if m.account_id == account_id and m.submission == submission
        )

    def mail_of(self, account_id: str) -> tuple[Mail, ...]:
        """What search may find in an account, archived mail too, newest first."""
        everything = self.messages + mail_of.archive(self.messages)
        found = mail_of.of_messages(everything, len(self.accounts))
        return tuple(mail for mail in found if mail.account_id == account_id)

    def requests(self) -> list[dict[str, Any]]:
        """The newest requests since the start or the last reset, up to `log_limit`, in order."""
        log: list[dict[str, Any]] = json.loads(self._control("GET", "requests"))
        return log

    def counts(self) -> dict[str, Any]:
        """All requests since the start or the last reset in numbers: see README.md."""
        counts: dict[str, Any] = json.loads(self._control("GET", "counts"))
        return counts

    def revoke(self, credential: Credential) -> None:
        """From now on requests with this credential are refused."""
        self._control("POST", "revoke", json.dumps({"token": credential.secret}).encode())

    def restore(self, credential: Credential) -> None:
        """Take a revocation back."""
        self._control("POST", "restore", json.dumps({"token": credential.secret}).encode())

    def amend(self, mail_id: str, change: dict[str, Any] | None) -> None:
        """From now on search gives these members of a mail; with `None` it does not find it."""
        self._control("POST", "amend", json.dumps({"id": mail_id, "set": change}).encode())

    def reset(self) -> None:
        """Forget log, counts, quotas, revocations, changes, what was pending or failed once."""
        self._control("POST", "reset")

    def _control(self, method: str, verb: str, sent: bytes | None = None) -> bytes:
        url = self.plain_base_url.removesuffix("/client/v4") + "/__standin/" + verb
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(urllib.request.Request(url, sent, method=method), timeout=10) as reply:
            body: bytes = reply.read()
        return body


def catalogue(accounts: Path | None = None, traces: Path | None = None) -> tuple[Message, ...]:
    """Which message ref belongs to which account, and what to expect; no server needed."""
    directory = Directory.load(accounts or HERE / "accounts.json")
    return catalogue_of.load(traces or HERE.parent / "data" / "traces.json", directory)


@contextlib.contextmanager
def standin(python: str | None = None, **options: object) -> Iterator[Standin]:
    """Run a stand-in; keyword options are its command line's (`quota=0`, `http1_only=True`)."""
    chosen = python or os.environ.get("TRACEVAULT_STANDIN_PYTHON") or sys.executable
    command = [chosen, str(SERVER), "--exit-with-stdin"]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            command.append(flag)
        elif value is not False:
            command += [flag, str(value)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        ready = _ready_line(process)
        directory = Directory.load(Path(ready["accounts_file"]))
        yield Standin(
            base_url=ready["base_url"],
            plain_base_url=ready["plain_base_url"],
            raw_base_url=ready["raw_base_url"],
            ca_file=ready["ca_file"],
            directory=directory,
            messages=catalogue_of.load(Path(ready["traces_file"]), directory),
        )
    finally:
        _stop(process)


def _ready_line(process: subprocess.Popen[bytes]) -> dict[str, str]:
    if process.stdout is None:
        raise RuntimeError("the stand-in has no standard output")
    descriptor, line = process.stdout.fileno(), b""
    deadline = time.monotonic() + READY_TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"the stand-in did not start within {READY_TIMEOUT_S:.0f} s")
            piece = os.read(descriptor, 65536)
            if not piece:
                raise RuntimeError(f"the stand-in ended early, exit code {process.wait()}")
            line += piece
    ready: dict[str, str] = json.loads(line)
    return ready


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
