"""What another libcurl or OpenSSL does otherwise is played, and changes nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from c_programs import ABI
from hostile.certificates import Identities
from hostile.scenario import BODY, Scenario, reply, says
from hostile.stage import staged
from places import python_path
from proxy.connecting import connecting
from tracevault import Status

#: Asks for so many traces, and prints how each ended, and why.
PROGRAM = """
import sys
from types import SimpleNamespace
from proxy.asking import ask
origin, ca_file, count, *settings = sys.argv[1:]
changes = dict(setting.split("=", 1) for setting in settings)
seconds = float(changes.pop("timeout", 20))
for result in ask(origin, SimpleNamespace(ca_file=ca_file), int(count), timeout=seconds, **changes):
    error = result.error
    print(*(error.name, error.cause.name) if error else ("OK", ""))
"""

Asked = Callable[..., list[str]]


@pytest.fixture
def asked(identity: Identities, tmp_path: Path) -> Asked:
    """How traces end in a process where something is played."""
    library = tmp_path / "other.so"
    source = ABI / "other_curl.c"
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, source],
        check=True,
    )

    def ask(played: str, origin: str, count: int = 1, **changes: object) -> list[str]:
        arguments = [origin, str(identity.ca_file), str(count)]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments, *(f"{n}={v}" for n, v in changes.items())],
            env={
                **os.environ,
                "LD_PRELOAD": str(library),
                "OTHER_CURL": played,
                "PYTHONPATH": python_path(),
            },
            capture_output=True,
            text=True,
        )
        return done.stdout.splitlines() or done.stderr.splitlines()[-1:]

    return ask


def test_a_refused_login_is_tried_once_whatever_times_libcurl_has(asked: Asked) -> None:
    with connecting(407) as proxy:
        url = f"http://soc:wrong-not-real@127.0.0.1:{proxy.port}"
        ends = asked("times", "https://127.0.0.1:9", 5, http__proxy=url)
        assert len(proxy.heads) == 1
    assert ends == ["TV_E_PROXY PROXY_LOGIN"] * 5


def test_what_was_not_sent_spends_nothing_whatever_times_libcurl_has(asked: Asked) -> None:
    """A quota of one request is enough for five tries, as nobody was there to count them."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        origin = f"https://127.0.0.1:{nobody.getsockname()[1]}"
        limits = {"budget__quota": 1, "budget__ledger": "private", "retry__max_attempts": 5}
        ends = asked("times", origin, **limits)
    assert ends == ["TV_E_TRANSPORT REFUSED"]


def test_an_openssl_that_knows_no_x25519_is_connected_with(
    asked: Asked, identity: Identities
) -> None:
    with staged(Scenario("honest", says(reply(BODY)), Status.OK), identity) as honest:
        assert asked("groups", honest.origin) == ["OK "]


def test_an_older_libcurl_than_the_readme_says_is_refused(asked: Asked) -> None:
    (said,) = asked("version", "https://127.0.0.1:9")
    assert "libcurl 7.88 or newer is needed" in said
