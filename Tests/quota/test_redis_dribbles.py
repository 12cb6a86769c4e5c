"""A Redis from which a byte is always there, and never an answer: it holds up nothing."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from engine_scene import until
from fleet.quota import asked, engine, told
from hostile.certificates import Issuer
from launcher import standin

# As many as a reply may have: whoever reads them all is held up.
MOST = 1 << 20
NESTED = b"*64\r\n" + (b"*64\r\n" + b":1\r\n" * 64) * 63 + b"*64\r\n" + b":1\r\n" * 50


@contextmanager
def dribbling(folder: Path, beginning: bytes) -> Iterator[tuple[str, Path]]:
    """Says this, then one byte in each TLS record for as long as somebody reads them."""
    authority, identity = folder / "authority.pem", folder / "identity.pem"
    issuer = Issuer("Dribbling test CA")
    authority.write_bytes(issuer.pem)
    identity.write_bytes(issuer.issue())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain = listener.accept()[0]
            except OSError:
                return
            try:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with context.wrap_socket(plain, server_side=True) as sock:
                    sock.recv(65_536)
                    sock.sendall(beginning)
                    for _ in range(MOST):
                        sock.sendall(b"x")
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"rediss://127.0.0.1:{listener.getsockname()[1]}", authority
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("beginning", [b"+", NESTED + b"$65000\r\n"], ids=["line", "lists"])
def test_a_redis_that_dribbles_is_left_in_time(tmp_path: Path, beginning: bytes) -> None:
    with (
        dribbling(tmp_path, beginning) as (address, authority),
        standin(quota=1200) as cloudflare,
        engine(cloudflare, address, redis__ca_file=str(authority), redis__timeout_ms=1000) as pair,
    ):
        assert asked(pair)[0].error is None
        until(lambda: "did not answer in time" in told(pair)["warning"], "left in time")
