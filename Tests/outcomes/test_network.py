"""What went wrong on the way is named: proxies, names, connections, certificates, slow replies."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from hostile.certificates import Identities
from hostile.http2 import acting
from hostile.scenario import BODY, HONEST, Play, Scenario, Speech, answering, reply, says
from hostile.stage import Peer, Stage, staged
from proxy.asking import ACCOUNT, ask, failure
from proxy.connecting import connecting
from tracevault import Cause, Status

#: Of an authority of its own, for a proxy.
OTHER = "unknown authority"


def other_authority(identity: Identities, folder: Path) -> Path:
    """Its file."""
    file = folder / "other.pem"
    file.write_bytes(identity.authority_of(OTHER))
    return file


@pytest.fixture
def honest(identity: Identities) -> Iterator[Stage]:
    with staged(Scenario("honest", says(reply(BODY)), Status.OK), identity) as stage:
        yield stage


def stage_of(
    identity: Identities, play: Play, speech: Speech = "http/1.1", **more: object
) -> Stage:
    return Stage(Scenario("here", play, Status.OK, speech, **more), identity)  # type: ignore[arg-type]


# ---- Proxies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [False, True], ids=["token", "key"])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_a_refused_login_at_the_proxy_is_tried_once(
    count: int, key: bool, honest: Stage, identity: Identities
) -> None:
    with connecting(407) as proxy:
        named = f"http://127.0.0.1:{proxy.port}"
        url = named.replace("//", "//soc:wrong-not-real@")
        results = ask(honest.origin, identity, count, key=key, http__proxy=url)
        assert len(proxy.heads) == 1
        assert b"proxy-authorization: basic" in proxy.heads[0].lower()
    for result in results:
        error = result.error
        assert error is not None and isinstance(error, tv.TransportError)
        assert (error.status, error.cause) == (Status.E_PROXY, Cause.PROXY_LOGIN)
        assert not error.retriable and error.retry_after is None
        assert named in error.message and "407" in error.message
        assert "soc" not in error.message and "not-real" not in error.message
    assert honest.heads == []


def test_a_login_that_the_proxy_takes_serves_all(honest: Stage, identity: Identities) -> None:
    """Each request with a key has a connection of its own, and so a CONNECT."""
    with connecting(200) as proxy:
        url = f"http://soc:right-not-real@127.0.0.1:{proxy.port}"
        results = ask(honest.origin, identity, 12, key=True, http__proxy=url)
        assert len(proxy.heads) == 12
    assert [result.error for result in results] == [None] * 12


@pytest.mark.parametrize(("code", "times"), [(403, 1), (401, 1), (502, 3), (503, 3)])
def test_a_proxy_that_does_not_connect_is_named_and_only_its_trouble_is_waited_out(
    code: int, times: int, honest: Stage, identity: Identities
) -> None:
    with connecting(code) as proxy:
        named = f"http://127.0.0.1:{proxy.port}"
        error = failure(honest.origin, identity, http__proxy=named)
        assert len(proxy.heads) == times
    assert (error.status, error.cause) == (Status.E_PROXY, Cause.PROXY_REFUSED)
    assert named in error.message and str(code) in error.message
    assert error.retriable == (times > 1)
    assert error.http_status == 0 and error.curl_code != 0


def test_a_proxy_with_an_authority_of_its_own_needs_its_file(
    honest: Stage, identity: Identities, tmp_path: Path
) -> None:
    with connecting(200, identity.context(OTHER, "http/1.1")) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        error = failure(honest.origin, identity, http__proxy=url)
        assert (error.status, error.cause) == (Status.E_TLS, Cause.UNKNOWN_AUTHORITY)
        assert url in error.message and "http.proxy_ca_file" in error.message
        ca_file = str(other_authority(identity, tmp_path))
        (result,) = ask(honest.origin, identity, http__proxy=url, http__proxy_ca_file=ca_file)
        assert result.error is None and len(proxy.heads) == 1
        # The server's own certificate is still another matter.
        error = failure(
            honest.origin, identity, http__proxy=url, http__proxy_ca_file=ca_file,
            tls__ca_file=ca_file,
        )  # fmt: skip
        assert (error.status, error.cause) == (Status.E_TLS, Cause.UNKNOWN_AUTHORITY)
        assert honest.origin in error.message and "tls.ca_file" in error.message


@pytest.mark.parametrize(
    ("certificate", "cause"),
    [("expired", Cause.CERTIFICATE_EXPIRED), ("other address", Cause.CERTIFICATE_NAME)],
)
def test_a_bad_certificate_of_the_proxy_is_the_proxys(
    certificate: str, cause: Cause, honest: Stage, identity: Identities
) -> None:
    with connecting(200, identity.context(certificate, "http/1.1")) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        error = failure(honest.origin, identity, http__proxy=url)
    assert (error.status, error.cause) == (Status.E_TLS, cause)
    assert "the proxy " + url in error.message


def test_a_renewed_authority_of_the_proxy_is_noticed(
    honest: Stage, identity: Identities, tmp_path: Path
) -> None:
    ca_file = tmp_path / "proxy.pem"
    ca_file.write_bytes(identity.ca_file.read_bytes())
    with (
        connecting(200, identity.context(OTHER, "http/1.1")) as proxy,
        tv.Vault.in_memory() as vault,
    ):
        with vault.edit() as edit:
            secret = tv.ApiToken(bytearray(b"test-token-not-real"))
            edit.put("acme", ACCOUNT, secret, origin=honest.origin)
        settings: dict[str, tv.Setting] = {
            "api.base_url": honest.origin + "/client/v4",
            "tls.ca_file": str(identity.ca_file),
            "http.proxy": f"https://127.0.0.1:{proxy.port}",
            "http.proxy_ca_file": str(ca_file),
            "budget.quota": 0,
            "cache.max_bytes": 0,
        }
        with vault.tenant("acme") as tenant, tv.Engine(settings) as engine:
            with pytest.raises(tv.TransportError):
                engine.trace(tenant, ACCOUNT, "4Njp3P0STMz1", timeout=20)
            other_authority(identity, tmp_path).rename(ca_file)
            end = time.monotonic() + 30
            while True:
                try:
                    engine.trace(tenant, ACCOUNT, "4Njp3P0STMz1", timeout=20)
                    break
                except tv.TransportError:
                    assert time.monotonic() < end, "the new authority is trusted"
            # What takes its place later holds up nobody.
            ca_file.unlink()
            os.mkfifo(ca_file)
            while True:
                try:
                    engine.trace(tenant, ACCOUNT, "4Njp3P0STMz1", timeout=20)
                    assert time.monotonic() < end + 30, "the pipe is told"
                except tv.TransportError as error:
                    assert error.message.startswith("http.proxy_ca_file is not a file any more")
                    break


def test_a_proxy_that_is_not_there_is_named(honest: Stage, identity: Identities) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        error = failure(honest.origin, identity, http__proxy=url)
    assert (error.status, error.cause) == (Status.E_TRANSPORT, Cause.REFUSED)
    assert "the proxy " + url in error.message and error.system_error != 0
    error = failure(honest.origin, identity, http__proxy="http://proxy.invalid:3128")
    assert error.cause == Cause.NAME_LOOKUP and "the proxy http://proxy.invalid" in error.message


@pytest.mark.parametrize(
    "url", ["proxy", "proxy:3128", "ftp://proxy:21", "http://proxy", "http://a b:1", "http://:1"]
)
def test_nonsense_is_no_proxy_as_soon_as_it_is_set(url: str) -> None:
    with pytest.raises(tv.ArgumentError, match=r"http\.proxy must be") as caught:
        tv.Engine({"http.proxy": url})
    assert caught.value.status is Status.E_CONFIG_VALUE


# ---- Causes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certificate", "cause", "says"),
    [
        ("expired", Cause.CERTIFICATE_EXPIRED, "has expired"),
        ("not yet valid", Cause.CERTIFICATE_NOT_YET_VALID, "not valid yet"),
        ("other address", Cause.CERTIFICATE_NAME, "another name"),
        ("other name", Cause.CERTIFICATE_NAME, "another name"),
        ("common name alone", Cause.CERTIFICATE_NAME, "another name"),
        ("unknown authority", Cause.UNKNOWN_AUTHORITY, "tls.ca_file"),
        ("self-signed", Cause.UNKNOWN_AUTHORITY, "tls.ca_file"),
        ("forged authority", Cause.UNKNOWN_AUTHORITY, "tls.ca_file"),
        ("weak key", Cause.CERTIFICATE, "not acceptable"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    certificate: str, cause: Cause, says: str, identity: Identities
) -> None:
    stage = stage_of(identity, answering(lambda peer, head: None), certificate=certificate)
    error = failure(stage.origin, identity)
    stage.close()
    assert (error.status, error.cause) == (Status.E_TLS, cause)
    assert says in error.message and stage.origin in error.message
    assert not error.retriable and error.curl_code != 0


def test_names_connections_and_time_outs_are_told_apart(identity: Identities) -> None:
    error = failure("https://api.invalid", identity)
    assert (error.status, error.cause) == (Status.E_TRANSPORT, Cause.NAME_LOOKUP)
    assert "https://api.invalid" in error.message and error.curl_code == 6
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        error = failure(f"https://127.0.0.1:{nobody.getsockname()[1]}", identity)
    assert (error.cause, error.system_error, error.curl_code) == (Cause.REFUSED, 111, 7)
    assert "refused the connection" in error.message
    stage = stage_of(identity, Peer.stay_silent, bare=True)
    error = failure(stage.origin, identity, http__connect_timeout_ms=200)
    stage.close()
    assert (error.status, error.cause) == (Status.E_TRANSPORT, Cause.CONNECT_TIMEOUT)
    assert "http.connect_timeout_ms" in error.message and error.retriable


def test_a_broken_connection_and_a_failed_handshake_have_causes(identity: Identities) -> None:
    stage = stage_of(identity, answering(lambda peer, head: peer.reset()))
    error = failure(stage.origin, identity)
    stage.close()
    assert (error.status, error.cause) == (Status.E_TRANSPORT, Cause.BROKEN)
    stage = stage_of(identity, Peer.close, bare=True)
    error = failure(stage.origin, identity)
    stage.close()
    assert (error.status, error.cause) == (Status.E_TLS, Cause.HANDSHAKE)


# ---- Not the API's answer ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [401, 403, 404, 511])
def test_a_page_is_no_verdict_and_can_be_read(code: int, identity: Identities) -> None:
    page = b"<html><title>Blocked by policy</title><p>Call 4711.</p></html>"
    with staged(Scenario("page", says(reply(page, code)), Status.OK), identity) as stage:
        error = failure(stage.origin, identity)
        assert len(stage.heads) == 1
    assert isinstance(error, tv.ReplyError) and not isinstance(error, tv.NotFoundError)
    assert (error.status, error.http_status) == (Status.E_FOREIGN_REPLY, code)
    assert '"Blocked by policy Call 4711."' in error.message and error.retriable
    assert error.reply == page


# ---- The first byte ----------------------------------------------------------------------------


@pytest.mark.parametrize("speech", ["http/1.1", "h2"])
def test_the_wait_for_the_first_byte_has_a_bound_of_its_own(
    speech: Speech, identity: Identities
) -> None:
    silent = answering(lambda peer, head: None)
    play = silent if speech == "http/1.1" else acting(lambda http2, stream: None)
    stage = stage_of(identity, play, speech)
    began = time.monotonic()
    error = failure(stage.origin, identity, http__first_byte_ms=200, retry__max_attempts=2)
    took = time.monotonic() - began
    heads = len(stage.heads)
    stage.close()
    assert (error.status, error.cause) == (Status.E_TRANSPORT, Cause.NO_FIRST_BYTE)
    assert "http.first_byte_ms" in error.message and error.retriable
    assert took >= 0.4 and heads == 2


def test_what_comes_before_the_reply_is_no_first_byte(identity: Identities) -> None:
    hints = answering(lambda peer, head: peer.send(b"HTTP/1.1 103 X\r\nlink: x\r\n\r\n"))
    stage = stage_of(identity, hints)
    error = failure(stage.origin, identity, http__first_byte_ms=200, retry__max_attempts=1)
    stage.close()
    assert error.cause == Cause.NO_FIRST_BYTE


#: Longer than any silence within a reply may last.
LONG_S = 23.0


def _late(peer: Peer, head: bytes) -> None:
    """The first message's reply is late, the others' go silent within the body or trickle."""
    if b"STMz0/" in head:
        time.sleep(LONG_S)  # the promise is about this time
        peer.send(HONEST)
    else:
        peer.send(HONEST[:-20])


def test_a_late_reply_is_none_that_went_silent(identity: Identities) -> None:
    """The first byte may take longer than a silence within the body."""
    stage = stage_of(identity, answering(_late))
    late, silent = ask(stage.origin, identity, 2, timeout=60, retry__max_attempts=1)
    stage.close()
    by_end = sorted((late, silent), key=lambda result: result.error is not None)
    assert by_end[0].error is None
    error = by_end[1].error
    assert error is not None
    assert (error.status, error.cause) == (Status.E_TRANSPORT, Cause.SILENCE)
    assert "went silent" in error.message
