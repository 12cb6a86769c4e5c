"""redis_server.py - a real Redis on loopback, started and ended by a test, and a plain client."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from places import free_port

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "Sources/TraceVaultCore/Budget/Redis/Wire/QuotaScripts.swift"

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


def script(name: str) -> str:
    """The text of a script of the library, as it is sent."""
    return part("hear") + part(name)


def part(name: str) -> str:
    found = re.search(
        rf'static let {name} = """\n(.*?)\n +"""', SCRIPTS.read_text(encoding="utf-8"), re.S
    )
    assert found, name
    return found.group(1)


class RedisError(Exception):
    """What the server refused."""


class Client:
    """One connection that speaks RESP2, as much of it as tests need."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")

    def __call__(self, *words: object) -> Any:
        parts = [str(word).encode() for word in words]
        message = b"*%d\r\n" % len(parts)
        message += b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(message)
        return self._answer()

    def _answer(self) -> Any:
        line = self._file.readline()
        assert line.endswith(b"\r\n"), "the server closed the connection"
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2].decode()
        assert kind == b"*", line
        return [self._answer() for _ in range(int(rest))]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Server:
    """A server with a folder of its own; `start` and `kill` as often as a test likes."""

    def __init__(self, folder: Path, *options: str, tls: bool = False) -> None:
        self.folder, self.options, self.tls = folder, options, tls
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM
        command = [
            PROGRAM, "--bind", "127.0.0.1", "--dir", str(self.folder),
            "--port", "0" if self.tls else str(self.port),
            "--tls-port", str(self.port) if self.tls else "0", "--save", "", "--logfile", "redis.log", *self.options,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, (self.folder / "redis.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < end, "redis-server did not come up"
                time.sleep(0.01)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def address(self) -> str:
        return f"redis{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def client(self) -> Client:
        return Client(self.port)


@contextmanager
def redis(folder: Path, *options: str, tls: bool = False) -> Iterator[Server]:
    """A running server; the test is skipped, loudly, where none is installed."""
    if PROGRAM is None:
        pytest.skip("NO REDIS: neither redis-server nor valkey-server is installed (make setup)")
    server = Server(folder, *options, tls=tls)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def answering(words: bytes) -> Iterator[str]:
    """A server that says this to everybody, and nothing more."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                held.append(listener.accept()[0])
                held[-1].sendall(words)
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    for sock in held:
        sock.close()
