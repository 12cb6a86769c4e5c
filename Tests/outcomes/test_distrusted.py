"""A connection that is being made when its authority is taken away is made to nobody: neither a
credential nor a login nor a signature goes there, however long it takes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import until
from hostile.certificates import Identities, Issuer
from places import python_path
from proxy.asking import ask
from proxy.connecting import Loopback
from tracevault import Status

PLACE = "127.0.0.1"
#: Asks through a proxy, and prints how that ended.
PROGRAM = """
import sys
from types import SimpleNamespace
from proxy.asking import failure
origin, ca_file, proxy, proxy_ca_file = sys.argv[1:]
changes = {"http__proxy": proxy, "http__proxy_ca_file": proxy_ca_file, "retry__max_attempts": 1}
print(failure(origin, SimpleNamespace(ca_file=ca_file), **changes).name)
"""


class Held(Loopback):
    """Speaks TLS once it is let, and notes what it is told then."""

    def __init__(self, certificate: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._may_begin = threading.Event()
        #: Connections that have come.
        self.came = 0
        #: Those that have begun to speak.
        self.greeted = 0
        self.heard: list[bytes] = []
        super().__init__()

    def _serve(self, sock: socket.socket) -> None:
        self._sockets.append(sock)
        self.came += 1
        self.greeted += bool(sock.recv(1, socket.MSG_PEEK))
        self._may_begin.wait()
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(sock, server_side=True) as talk,
        ):
            self.heard.append(talk.recv(4096))

    def let(self) -> None:
        self._may_begin.set()

    def close(self) -> None:
        super().close()
        self.let()


class Scene:
    """A server, and the file of the authority that has signed for it."""

    def __init__(self, folder: Path) -> None:
        authority, self._other = Issuer("authority"), Issuer("other authority")
        (folder / "server.pem").write_bytes(authority.issue())
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(authority.pem)
        self.server = Held(folder / "server.pem")

    @property
    def proxy(self) -> str:
        return f"https://user:not-a-real-password@{PLACE}:{self.server.port}"

    def distrust(self) -> None:
        """Puts another authority in the place of the one that has signed for the server."""
        fresh = self.ca_file.with_name("fresh.pem")
        fresh.write_bytes(self._other.pem)
        fresh.rename(self.ca_file)

    def amid(self, call: Callable[[], Status]) -> None:
        """Distrusts the server while a call has it connected to."""
        told: list[Status] = []
        caller = threading.Thread(target=lambda: told.append(call()), daemon=True)
        caller.start()
        until(lambda: self.server.came == 1, "it connects")
        self.distrust()
        until(lambda: self.server.came == 2, "it connects anew, under the other authority")
        self.server.let()
        caller.join(60)
        assert told == [Status.E_TLS]
        assert not any(self.server.heard)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.server.close()


@pytest.mark.parametrize("key", [False, True], ids=["token", "key"])
def test_no_credential_is_sent(scene: Scene, identity: Identities, key: bool) -> None:
    origin = f"https://{PLACE}:{scene.server.port}"

    def call() -> Status:
        (result,) = ask(
            origin, identity, 1, key=key, tls__ca_file=str(scene.ca_file), retry__max_attempts=1
        )
        assert result.error is not None and result.error.status is not None
        return result.error.status

    scene.amid(call)


def test_no_login_is_told_to_a_proxy(scene: Scene, identity: Identities) -> None:
    def call() -> Status:
        (result,) = ask(
            f"https://{PLACE}:1",
            identity,
            1,
            http__proxy=scene.proxy,
            http__proxy_ca_file=str(scene.ca_file),
            retry__max_attempts=1,
        )
        assert result.error is not None and result.error.status is not None
        return result.error.status

    scene.amid(call)


def test_no_login_is_told_to_a_proxy_by_a_process_that_was_stopped(
    scene: Scene, identity: Identities
) -> None:
    """It goes on with what came meanwhile, and looks before that."""
    arguments = [f"https://{PLACE}:1", identity.ca_file, scene.proxy, scene.ca_file]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": python_path()},
        stdout=subprocess.PIPE,
    ) as process:
        until(lambda: scene.server.greeted == 1, "it connects")
        process.send_signal(signal.SIGSTOP)
        scene.distrust()
        scene.server.let()
        # A change of the file counts within two seconds.
        counts_at = time.monotonic() + 3
        until(lambda: time.monotonic() >= counts_at, "the change counts")
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=60)
    assert not any(scene.server.heard)
    assert said.split() == [b"TV_E_TLS"]


def test_an_object_store_hears_no_signature(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAXXXXXXXXXXXXXXXX")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret-key-aaaaaaaaaaaaaaaaaaa")
    settings: dict[str, tv.Setting] = {
        "s3.endpoint": f"https://{PLACE}:{scene.server.port}",
        "s3.region": "us-east-1",
        "s3.keys": "environment",
        "s3.ca_file": str(scene.ca_file),
    }

    def call() -> Status:
        key = tv.RawKey(bytearray(range(32)))
        with pytest.raises(tv.TraceVaultError) as told:
            tv.Vault.open("s3://bucket/not.vault", key, settings=settings)
        assert told.value.status is not None
        return told.value.status

    scene.amid(call)
