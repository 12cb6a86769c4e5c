"""guarded.py - a Redis as the guide wants it: TLS alone, and a user with the rights of the guide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hostile.certificates import Issuer
from places import secret_file
from redis_server import ROOT, Server, redis

#: What the guide says that a user of Redis has to have.
ACL = next(
    line
    for line in (ROOT / "docs/many-hosts.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("user tracevault on >PASSWORD")
)
PASSWORD = "test-password-not-real"


@contextmanager
def guarded_redis(folder: Path) -> Iterator[tuple[Server, Path]]:
    """A server, and the file of its authority."""
    issuer = Issuer("Redis CA")
    (folder / "ca.pem").write_bytes(issuer.pem)
    (folder / "server.pem").write_bytes(issuer.issue())
    (folder / "users.acl").write_text(
        ACL.replace("PASSWORD", PASSWORD) + "\nuser default off\n", encoding="utf-8"
    )
    options = [
        "--aclfile", str(folder / "users.acl"), "--tls-cert-file", str(folder / "server.pem"),
        "--tls-key-file", str(folder / "server.pem"), "--tls-auth-clients", "no",
        "--tls-ca-cert-file", str(folder / "ca.pem"), "--loglevel", "verbose",
    ]  # fmt: skip
    with redis(folder, *options, tls=True) as server:
        yield server, folder / "ca.pem"


def login(folder: Path, text: str = f"tracevault\n{PASSWORD}\n") -> str:
    """What `redis.login` says; the user of the guide, or what a test wants."""
    return f"file:{secret_file(folder / 'login', text)}"
