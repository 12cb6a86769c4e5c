"""redirects: a server that sends the client, and what it carries, somewhere else."""

from __future__ import annotations

from tracevault import Status

from .http2 import HTTP2, acting, frame
from .scenario import BODY, HONEST, Play, Scenario, answering, reply
from .stage import Peer

CODES = (301, 302, 303, 307, 308)
TARGETS = ("same origin", "other host", "other port", "other scheme")
PATH = "/client/v4/accounts/x/email-security/investigate/y/trace"


def pointing(status: int, header: str, target: str = "other port", body: bytes = b"") -> Play:
    """A reply with one header in which {} stands for another origin."""

    def answer(peer: Peer, head: bytes) -> None:
        peer.send(reply(body, status, header.format(peer.stage.elsewhere[target])))

    return answering(answer)


def in_frames(status: int, target: str) -> Play:
    def act(http2: HTTP2, stream: int) -> None:
        place = http2.peer.stage.elsewhere[target] + PATH
        http2.headers(stream, [(":status", str(status)), ("location", place)], end=True)

    return acting(act)


def _alternative_service(http2: HTTP2, stream: int) -> None:
    """RFC 7838: an ALTSVC frame, and RFC 8336: an ORIGIN frame."""
    other = http2.peer.stage.elsewhere["other port"]
    value = f'h2=":{other.rpartition(":")[2]}"; ma=86400'.encode()
    http2.peer.send(frame(10, 0, stream, b"\0\0" + value))
    text = other.encode()
    http2.peer.send(frame(12, 0, 0, len(text).to_bytes(2, "big") + text))
    http2.reply(stream)


R = Status.E_REDIRECT


def _codes(target: str) -> list[Scenario]:
    return [
        Scenario(f"{code} to {target}", pointing(code, "location: {}" + PATH, target), R, asked=1)
        for code in CODES
    ]


SCENARIOS = (
    *(row for target in TARGETS for row in _codes(target)),
    *(
        Scenario(f"{code} to other port over HTTP/2", in_frames(code, "other port"), R, "h2")
        for code in CODES
    ),
    *(
        Scenario(
            f"{code} to other host with a global key",
            pointing(code, "location: {}" + PATH, "other host"),
            R,
            key=True,
            asked=1,
        )
        for code in CODES
    ),
    Scenario(
        "302 to TLS from plain text", pointing(302, "location: {}/", "other scheme"), R, "plain"
    ),
    Scenario("300 with a location", pointing(300, "location: {}/"), R, asked=1),
    Scenario("305 use proxy", pointing(305, "location: {}/"), R, asked=1),
    Scenario("302 without a location", pointing(302, "x-none: {}"), R, asked=1),
    Scenario(
        "302 to a user at another host", pointing(302, "location: https://a:b@{}/"), R, asked=1
    ),
    Scenario("302 to a file", pointing(302, "location: file:///etc/passwd"), R, asked=1),
    Scenario(
        "302 with a body that is a trace", pointing(302, "location: {}/", body=BODY), R, asked=1
    ),
    Scenario("200 with a location", pointing(200, "location: {}/", body=BODY), Status.OK, asked=1),
    Scenario(
        "201 with a location", pointing(201, "location: {}/"), Status.E_FOREIGN_REPLY, asked=1
    ),
    Scenario(
        "202 with a location", pointing(202, "location: {}/"), Status.E_REPLY_DEFERRED, asked=1
    ),
    Scenario("200 with a refresh", pointing(200, "refresh: 0; url={}/", body=BODY), Status.OK),
    Scenario("Alt-Svc", pointing(200, 'alt-svc: h2="{}"; ma=86400', body=BODY), Status.OK),
    Scenario("ALTSVC and ORIGIN frames", acting(_alternative_service), Status.OK, "h2"),
    Scenario(
        "401 that asks for a password",
        pointing(401, 'www-authenticate: Basic realm="{}"'),
        Status.E_FOREIGN_REPLY,
        asked=1,
    ),
    Scenario(
        "401 that asks for Negotiate",
        pointing(401, "www-authenticate: Negotiate {}"),
        Status.E_FOREIGN_REPLY,
        asked=1,
    ),
    Scenario(
        "407 that asks for a proxy's password",
        pointing(407, 'proxy-authenticate: Basic realm="{}"'),
        Status.E_FOREIGN_REPLY,
        asked=1,
    ),
    Scenario(
        "a cookie for everybody",
        answering(
            lambda peer, head: peer.send(
                reply(BODY, 200, "set-cookie: a=b; path=/", "strict-transport-security: max-age=9")
            )
        ),
        Status.OK,
    ),
    Scenario(
        "an honest reply", answering(lambda peer, head: peer.send(HONEST)), Status.OK, asked=1
    ),
)
