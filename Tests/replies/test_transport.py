"""What the transport takes from its surroundings: authorities, proxies, pauses of the process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ROOT, Compile
from engine_scene import until
from hostile.certificates import Identities
from hostile.http2 import acting
from hostile.scenario import BODY, Scenario, Speech, reply, says
from hostile.stage import Stage, staged
from tracevault import Status

ACCOUNT, MESSAGE = "a1" * 16, "4Njp3P0STMz2c02Q"


@pytest.fixture
def foreign(identity: Identities) -> Iterator[Stage]:
    """An honest server of an authority that is not trusted to begin with."""
    row = Scenario(
        "renewed", says(reply(BODY)), Status.OK, certificate="unknown authority", timeout=20
    )
    with staged(row, identity) as stage:
        yield stage


def settings(stage: Stage, ca_file: Path) -> dict[str, tv.Setting]:
    return {
        "api.base_url": stage.origin + "/client/v4",
        "tls.ca_file": str(ca_file),
        "budget.quota": 0,
        "budget.ip_per_second": 0,
        "retry.max_attempts": 1,
        "cache.max_bytes": 0,
    }


def put(authorities: bytes, place: Path) -> None:
    """Another file in the place of one, at once."""
    fresh = place.with_name("fresh.pem")
    fresh.write_bytes(authorities)
    fresh.rename(place)


def vault(stage: Stage, *, key: bool = False) -> tv.Vault:
    opened = tv.Vault.in_memory()
    secret = bytearray(b"test-secret-not-real")
    with opened.edit() as edit:
        edit.put(
            "acme",
            ACCOUNT,
            tv.GlobalKey("soc@example.net", secret) if key else tv.ApiToken(secret),
            origin=stage.origin,
        )
    return opened


def asked(engine: tv.Engine, opened: tv.Vault) -> Status:
    """What a request ends with now."""
    request = tv.Request.trace(opened.tenant("acme"), ACCOUNT, MESSAGE, timeout=20, fresh=True)
    (result,) = engine.batch([request])
    return Status.OK if result.error is None else Status(result.error.status)


# ---- Authorities ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [False, True], ids=["token", "key"])
def test_a_renewed_file_of_authorities_is_noticed(
    key: bool, foreign: Stage, identity: Identities, tmp_path: Path
) -> None:
    ca_file, next_file = tmp_path / "ca.pem", tmp_path / "next.pem"

    def renew(authority: bytes) -> None:
        next_file.write_bytes(authority)
        next_file.rename(ca_file)

    old = identity.ca_file.read_bytes()
    renew(old)
    with vault(foreign, key=key) as opened, tv.Engine(settings(foreign, ca_file)) as engine:
        assert asked(engine, opened) == Status.E_TLS
        renew(identity.authority_of("unknown authority"))
        until(lambda: asked(engine, opened) == Status.OK, "the new authority is trusted", 60)
        # Nor does a session of the time in between let the server in.
        renew(old)
        until(lambda: asked(engine, opened) == Status.E_TLS, "the old one is not any more", 60)


def test_a_connection_that_stands_serves_no_request_under_other_authorities(
    identity: Identities, tmp_path: Path
) -> None:
    ca_file, next_file = tmp_path / "ca.pem", tmp_path / "next.pem"
    ca_file.write_bytes(identity.ca_file.read_bytes())
    row = Scenario("stands", acting(lambda http2, stream: http2.reply(stream)), Status.OK, "h2")
    with (
        staged(row, identity) as stage,
        vault(stage) as opened,
        tv.Engine(settings(stage, ca_file)) as engine,
    ):
        assert asked(engine, opened) == Status.OK
        next_file.write_bytes(identity.authority_of("unknown authority"))
        next_file.rename(ca_file)
        until(lambda: asked(engine, opened) == Status.E_TLS, "nobody is asked over it", 60)


def test_a_relative_path_is_one_of_the_directory_in_which_the_engine_was_made(
    foreign: Stage, identity: Identities, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        put(identity.ca_file.read_bytes(), folder / "ca.pem")
    monkeypatch.chdir(first)
    with vault(foreign) as opened, tv.Engine(settings(foreign, Path("ca.pem"))) as engine:
        monkeypatch.chdir(second)
        put(identity.authority_of("unknown authority"), first / "ca.pem")
        until(lambda: asked(engine, opened) == Status.OK, "the first directory's is trusted", 60)


def test_a_relative_path_where_there_is_no_directory_ends_only_an_engine_that_needs_it(
    foreign: Stage, identity: Identities, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    words = r"tls\.ca_file is a relative path, and there is no working directory"
    with pytest.raises(tv.TraceVaultError, match=words):
        tv.Engine(settings(foreign, Path("ca.pem")))
    unneeded = {**settings(foreign, identity.ca_file), "http.proxy_ca_file": "ca.pem"}
    with vault(foreign) as opened, tv.Engine(unneeded) as engine:
        assert asked(engine, opened) == Status.E_TLS


def test_a_file_that_tells_no_size_is_read_whole(foreign: Stage, identity: Identities) -> None:
    pem = "\n" + identity.authority_of("unknown authority").decode()
    with subprocess.Popen(["sh", "-c", "read end", "sh", pem], stdin=subprocess.PIPE) as process:
        place = Path(f"/proc/{process.pid}/cmdline")
        until(lambda: pem.encode() in place.read_bytes(), "the process is there")
        assert place.stat().st_size == 0
        with vault(foreign) as opened, tv.Engine(settings(foreign, place)) as engine:
            assert asked(engine, opened) == Status.OK
        process.kill()


def test_a_thousand_certificates_are_read_and_one_more_is_told(
    foreign: Stage, identity: Identities, tmp_path: Path
) -> None:
    ca_file, most = tmp_path / "ca.pem", 1000
    authority = identity.authority_of("unknown authority")
    put((most + 1) * authority, ca_file)
    words = r"tls\.ca_file has more than 1000 certificates"
    with pytest.raises(tv.TraceVaultError, match=words):
        tv.Engine(settings(foreign, ca_file))
    put(most * authority, ca_file)
    with vault(foreign) as opened, tv.Engine(settings(foreign, ca_file)) as engine:
        assert asked(engine, opened) == Status.OK
        put((most + 1) * authority, ca_file)
        until(lambda: asked(engine, opened) == Status.E_TLS, "they are too many", 60)
        with pytest.raises(tv.TransportError, match=words):
            engine.trace(opened.tenant("acme"), ACCOUNT, MESSAGE, timeout=20, fresh=True)


@pytest.mark.parametrize(
    "unused",
    [
        {"http.proxy_ca_file": "/nowhere.pem"},
        {"http.proxy_ca_file": "/nowhere.pem", "http.proxy": "http://127.0.0.1:1"},
        {"redis.ca_file": "/nowhere.pem", "redis.addresses": "redis://127.0.0.1:1"},
        {
            "tls.ca_file": "/nowhere.pem",
            "api.base_url": "http://127.0.0.1:1",
            "api.allow_http_loopback": True,
        },
    ],
    ids=["no proxy", "plain proxy", "plain redis", "plain server"],
)
def test_no_file_is_asked_for_that_nobody_needs(
    unused: dict[str, tv.Setting], foreign: Stage, identity: Identities
) -> None:
    tv.Engine({**settings(foreign, identity.ca_file), **unused}).close()


@pytest.mark.parametrize("kind", ["pipe", "directory"])
def test_what_would_hold_up_the_engine_is_no_file_of_authorities(
    kind: str, foreign: Stage, tmp_path: Path
) -> None:
    place = tmp_path / "ca.pem"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(tv.TraceVaultError, match=r"tls\.ca_file is not a file"):
        tv.Engine(settings(foreign, place))


def test_a_pipe_in_the_place_of_the_authorities_holds_up_nobody(
    foreign: Stage, identity: Identities, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(identity.authority_of("unknown authority"))
    with vault(foreign) as opened, tv.Engine(settings(foreign, ca_file)) as engine:
        assert asked(engine, opened) == Status.OK
        ca_file.unlink()
        os.mkfifo(ca_file)
        until(lambda: asked(engine, opened) == Status.E_TLS, "the pipe is refused", 60)


def test_a_pipe_that_is_there_before_the_first_connection_is_told_by_its_setting(
    foreign: Stage, identity: Identities, tmp_path: Path
) -> None:
    ca_file, pipe = tmp_path / "ca.pem", tmp_path / "pipe"
    ca_file.write_bytes(identity.authority_of("unknown authority"))
    messages = [""]

    def told(engine: tv.Engine, opened: tv.Vault) -> bool:
        try:
            engine.trace(opened.tenant("acme"), ACCOUNT, MESSAGE, timeout=3, fresh=True)
        except tv.TraceVaultError as error:
            messages.append(error.message)
        return messages[-1].startswith("tls.ca_file is not a file any more")

    def scene() -> None:
        with vault(foreign) as opened, tv.Engine(settings(foreign, ca_file)) as engine:
            os.mkfifo(pipe)
            pipe.rename(ca_file)
            until(lambda: told(engine, opened), "the pipe is told", 60)
        messages.append("closed")

    # Aside, so that a call which hangs fails this test instead of holding up all that follow.
    aside = threading.Thread(target=scene, daemon=True)
    aside.start()
    aside.join(90)
    assert messages[-1] == "closed", messages[-1]


# ---- Proxies ----------------------------------------------------------------------------------


def test_a_credential_is_never_sent_in_clear_to_a_proxy() -> None:
    plain: dict[str, tv.Setting] = {
        "api.base_url": "http://127.0.0.1:9/client/v4",
        "api.allow_http_loopback": True,
        "http.proxy": "http://127.0.0.1:9",
    }
    with pytest.raises(tv.TraceVaultError, match="would read the credential"):
        tv.Engine(plain)


# ---- Permits ----------------------------------------------------------------------------------


def test_what_never_left_the_machine_spends_no_permit() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        origin = f"https://127.0.0.1:{nobody.getsockname()[1]}"
        with tv.Vault.in_memory() as opened:
            with opened.edit() as edit:
                secret = tv.ApiToken(bytearray(b"test-secret-not-real"))
                edit.put("acme", ACCOUNT, secret, origin=origin)
            changes: dict[str, tv.Setting] = {
                "api.base_url": origin + "/client/v4",
                "retry.max_attempts": 1,
                "budget.quota": 10,
                "budget.window_ms": 3_600_000,
            }
            tenant = opened.tenant("acme")
            with tv.Engine(changes) as engine:
                requests = [
                    tv.Request.trace(tenant, ACCOUNT, f"4Njp3P0STMz{number}", timeout=20)
                    for number in range(40)
                ]
                # One after the other: what is known to be over the quota is not even tried.
                ends = [
                    result.error and result.error.status
                    for request in requests
                    for result in engine.batch([request])
                ]
    assert ends == [Status.E_TRANSPORT] * 40


# ---- Pauses -----------------------------------------------------------------------------------

PAUSED = """
import sys
sys.path[:0] = sys.argv[1:3]
import tracevault as tv
with tv.Vault.in_memory() as opened:
    with opened.edit() as edit:
        edit.put("acme", sys.argv[5], tv.ApiToken(bytearray(b"test-secret-not-real")),
                 origin=sys.argv[3])
    settings = {"api.base_url": sys.argv[3] + "/client/v4", "tls.ca_file": sys.argv[4],
                "retry.max_attempts": 1}
    with tv.Engine(settings) as engine:
        request = tv.Request.trace(opened.tenant("acme"), sys.argv[5], "4Njp3P0STMz2c02Q")
        (result,) = engine.batch([request])
        print(result.error)
"""


def test_a_process_that_stands_still_for_a_while_loses_no_connection(
    identity: Identities, tmp_path: Path
) -> None:
    shim = tmp_path / "pausing.so"
    source = ROOT / "Tests/abi/pausing.c"
    subprocess.run(["gcc", "-std=c11", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    row = Scenario("paused", acting(lambda http2, stream: http2.reply(stream)), Status.OK, "h2")
    with staged(row, identity) as stage:
        done = subprocess.run(
            [sys.executable, "-c", PAUSED, str(ROOT / "bindings/python/src"), str(ROOT / "Tests")]
            + [stage.origin, str(identity.ca_file), ACCOUNT],
            env={**os.environ, "LD_PRELOAD": str(shim)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=120,
        )
    assert done.stdout == "None\n"


# ---- Memory -----------------------------------------------------------------------------------

#: What SECURITY.md says: no more copies of a token are left when all is freed.
COPIES = 9


@pytest.mark.parametrize("speech", ["h2", "http/1.1"])
@pytest.mark.parametrize("requests", [1, 40])
def test_few_copies_of_a_token_remain_when_all_is_freed(
    requests: int, speech: Speech, compiled: Compile, identity: Identities
) -> None:
    program = compiled("remains", ROOT / "Tests/abi/remains.c")
    honest = acting(lambda http2, stream: http2.reply(stream))
    play = honest if speech == "h2" else says(reply(BODY))
    with staged(Scenario("remains", play, Status.OK, speech), identity) as stage:
        done = subprocess.run(
            [program, stage.origin + "/client/v4", identity.ca_file, str(requests), "3"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=120,
        )
    assert int(done.stdout) <= COPIES
