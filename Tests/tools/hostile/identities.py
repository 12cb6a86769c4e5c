"""identities: servers that cannot prove who they are, or speak TLS that is not good enough.

Every row ends before a request: such a server must not even see a credential.
"""

from __future__ import annotations

from tracevault import Status

from .http2 import acting
from .scenario import HONEST, Scenario, says
from .stage import Peer

BAD = (
    "expired",
    "not yet valid",
    "other address",
    "other name",
    "any name",
    "address as a name",
    "common name alone",
    "a name for mail alone",
    "self-signed",
    "unknown authority",
    "forged authority",
    "issued by a server",
    "for clients",
    "weak key",
    "TLS 1.0",
    "TLS 1.1",
    "no encryption",
    "finite fields",
)


def _alert(peer: Peer) -> None:
    """A fatal alert: internal_error."""
    peer.sock.recv(65536)
    peer.send(b"\x15\x03\x03\x00\x02\x02\x50")


def _says_first(data: bytes) -> Scenario:
    def play(peer: Peer) -> None:
        peer.send(data)
        peer.sock.recv(65536)

    name = f"{data[:8]!r} where TLS is expected"
    return Scenario(name, play, Status.E_TLS, bare=True, asked=0)


SCENARIOS = (
    *(
        Scenario(f"certificate: {name}", says(HONEST), Status.E_TLS, certificate=name, asked=0)
        for name in BAD
    ),
    Scenario(
        "certificate: expired, HTTP/2",
        acting(lambda http2, stream: http2.reply(stream)),
        Status.E_TLS,
        "h2",
        certificate="expired",
        asked=0,
    ),
    Scenario("a fatal alert", _alert, Status.E_TLS, bare=True, asked=0),
    _says_first(HONEST),
    _says_first(b"SSH-2.0-OpenSSH_9.2\r\n"),
    _says_first(b"\x16\x03\x03\xff\xff" + b"\0" * 2000),
    _says_first(b"\0" * 100_000),
    Scenario(
        "client certificate wanted",
        says(HONEST),
        (Status.E_TLS, Status.E_TRANSPORT),
        certificate="client certificate wanted",
        asked=0,
    ),
    Scenario(
        "certificate: two thousand names",
        says(HONEST),
        Status.E_TLS,
        certificate="two thousand names",
        asked=0,
    ),
)
