"""``tracevault doctor``: what is wrong, what to do, and a report that tells nobody's name."""

from __future__ import annotations

import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from launcher import standin

from tests.cli.conftest import Call, Done, Kit, command
from tests.conftest import ACME
from tracevault.cli import checkup, reach
from tracevault.cli.exits import Exit
from tracevault.cli.options import Options
from tracevault.cli.reach import Reached, _ahead


def states(told: Done) -> dict[str, str]:
    return {row["name"]: row["state"] for row in told.rows}


def test_a_healthy_place_has_no_fault(call: Call, kit: Kit) -> None:
    told = call("doctor", "--json", "--tenant", "acme", "--account", ACME)
    assert (told.code, told.err) == (0, "")
    found = states(told)
    for name in (
        "package", "system", "library", "libcurl", "libcurl faults", "memory", "configuration",
        "proxy", "authorities", "reachability", "clock", "vault", "unlocks", "expiry",
        "credential", "ledger",
    ):  # fmt: skip
        assert found[name] in ("ok", "note"), name
    assert found["credential"] == found["clock"] == found["reachability"] == "ok"
    assert set(told.rows[0]) == {"name", "state", "told", "do"}
    by_name = {row["name"]: row for row in told.rows}
    assert by_name["vault"]["told"].startswith(str(kit.vault))
    assert by_name["key-file"]["told"].endswith("from $TRACEVAULT_KEY_FILE")
    assert by_name["setting api.base_url"]["told"].endswith("from $TRACEVAULT_SET")
    people = call("doctor")
    assert people.code == 0
    assert "-> a lost key is a lost vault" in people.out


def test_a_report_tells_nothing_of_the_customer(
    call: Call, kit: Kit, environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "config"
    file.write_text("[globex]\ntenant = globex\nhttp.connect_timeout_ms = 9000\n")
    for more in ((), ("--tenant", "initech"), ("--vault", "acme.vault"), ("--key-file", "acme.k"),
                 ("--tenant", "acme-gone"), ("--config", file, "--profile", "globex")):  # fmt: skip
        told = call("doctor", "--report", *more)
        assert told.out.startswith("```text\n")
        assert told.err == ""
        lower = told.out.lower()
        names = ["acme", "globex", "initech", "localhost", "127.0.0.1", "/home", "soc.vault"]
        names += [str(tmp_path).lower(), "test-token", *(a.id for a in kit.server.accounts)]
        for word in names:
            assert word not in lower, (word, told.out)


def test_a_copy_of_the_vault_that_cannot_be_kept_is_a_fault() -> None:
    described = {"generation": 1, "tenants": 0, "credentials": 0, "format": 2}
    trouble = {"status": "TV_E_IO", "message": "no room"}
    found = list(checkup.vault({**described, "copy_error": trouble}, "s3://bucket/key"))
    (copy,) = (one for one in found if one.name == "copy of the vault")
    assert copy.state == "fault"
    assert "no room" in copy.told
    assert "s3.copy_file" in copy.do


def test_each_fault_says_what_to_do(
    call: Call, kit: Kit, tmp_path: Path, environment: dict[str, str]
) -> None:
    kit.server.revoke(kit.server.credential(ACME))
    try:
        told = call("doctor", "--json", "--tenant", "acme", "--account", ACME)
    finally:
        kit.server.restore(kit.server.credential(ACME))
    assert told.code == Exit.SOME
    assert states(told)["credential"] == "fault"

    config = tmp_path / "config"
    config.touch(mode=0o600)
    config.write_text("[default]\nhttp.proxy = http://u:hush@127.0.0.1:1\n")
    told = call("doctor", "--json", "--config", config)
    assert states(told)["reachability"] == "fault"
    assert "hush" not in told.out

    environment["TRACEVAULT_LIBRARY"] = "/nowhere/libtracevault.so.0"
    environment["TRACEVAULT_PASSPHRASE"] = "not-a-real-one"  # noqa: S105
    environment["HTTPS_PROXY"] = "http://proxy.example"
    told = call("doctor", "--json", "--vault", tmp_path / "none", "--offline")
    assert "reachability" not in states(told)
    assert states(told)["secrets"] == "fault"
    assert states(told)["vault"] == "fault"
    assert all(row["do"] for row in told.rows if row["state"] == "fault")
    assert "not-a-real-one" not in told.out


def test_a_vault_that_does_not_open_has_the_advice_of_its_failure(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(os.urandom(32))
    told = call("doctor", "--json", "--offline", "--key-file", other)
    (found,) = (row for row in told.rows if row["name"] == "vault" and row["state"] == "fault")
    assert found["do"] == "name another --key-file, passphrase or --credential"
    kit.vault.write_bytes(b"no vault")
    told = call("doctor", "--json", "--offline")
    (found,) = (row for row in told.rows if row["name"] == "vault" and row["state"] == "fault")
    assert found["do"] == "mend what the text names"


@pytest.mark.parametrize(
    ("missing", "states_of", "do"),
    [
        (("--vault", "none"), ["note", "ok", "fault"], "tracevault init makes a vault"),
        (("--key-file", "none"), ["ok", "note", "fault"], "mend what the text names"),
    ],
)
def test_a_file_that_is_not_there_is_not_ok(
    call: Call, kit: Kit, missing: tuple[str, ...], states_of: list[str], do: str
) -> None:
    told = call("doctor", "--json", "--offline", *missing)
    found = [row for row in told.rows if row["name"] in ("vault", "key-file")]
    assert [row["state"] for row in found] == states_of
    assert found[-1]["do"] == do


def test_a_wrong_option_is_a_finding_as_well(call: Call, kit: Kit) -> None:
    told = call("doctor", "--json", "--profile", "none", "--offline")
    assert told.code == Exit.SOME
    assert states(told)["options"] == "fault"


def test_a_clock_that_is_wrong_is_told() -> None:
    assert _ahead("Sun, 06 Nov 1994 08:49:37 GMT") is not None
    assert _ahead("nonsense") is None
    assert _ahead(None) is None
    for ahead, state in ((3.0, "ok"), (90.0, "fault"), (-90.0, "fault"), (None, "note")):
        reached = Reached("h", 401, "TLSv1.3", 10, ahead)
        *_, clock = checkup.network(Options({}, {}), reached)
        assert clock.name == "clock"
        assert clock.state == state
        assert bool(clock.do) == (state == "fault")


@pytest.mark.parametrize(
    ("memory", "state"),
    [
        ({"guarded_bytes": 8, "locked_bytes": 8, "dontdump": True, "wipeonfork": True}, "ok"),
        ({"guarded_bytes": 8, "locked_bytes": 0, "dontdump": True, "wipeonfork": True}, "note"),
        ({"guarded_bytes": 8, "locked_bytes": 8, "damaged_slots": 1}, "fault"),
    ],
)
def test_memory_that_could_not_be_protected_is_told(memory: dict[str, int], state: str) -> None:
    found = checkup._memory(memory)
    assert found.state == state
    assert bool(found.do) == (state != "ok")


def test_a_ledger_that_is_not_shared_says_why() -> None:
    (told,) = checkup.ledgers({"ledger": {"shared": False, "warning": "another user's file"}})
    assert (told.state, told.public) == ("note", "not shared")
    assert "another user's file" in told.told
    for good in ({"shared": True, "path": "/p"}, {"shared": False, "warning": ""}):
        (told,) = checkup.ledgers({"ledger": good})
        assert told.state == "ok"


def test_a_quota_that_many_hosts_share_is_told() -> None:
    # Against a real Redis: Tests/quota/test_redis_doctor.py.
    redis = {"alone": False, "warning": "", "address": "redis://quota.example:6379",
             "hosts": 10, "hosts_there": 3}  # fmt: skip
    here, many = checkup.ledgers({"ledger": {"shared": True, "path": "/p", "redis": redis}})
    assert (here.state, many.state) == ("ok", "ok")
    assert "3 hosts" in many.told
    assert "quota.example" in many.told
    assert "quota.example" not in many.public
    assert len(list(checkup.ledgers({"ledger": {"shared": True, "redis": None}}))) == 1


def test_a_host_that_waits_for_others_is_not_sent_to_its_settings() -> None:
    redis = {"alone": True, "waiting": True, "hosts": 8,
             "warning": "quota.example:6379 answers: other hosts are not back yet"}  # fmt: skip
    _, waits = checkup.ledgers({"ledger": {"shared": True, "path": "/p", "redis": redis}})
    assert "not back yet" in waits.told
    assert waits.do == "nothing to do: it waits ten seconds for them at the most"
    redis |= {"waiting": False, "warning": "nobody answers there"}
    _, lost = checkup.ledgers({"ledger": {"shared": True, "path": "/p", "redis": redis}})
    assert "redis.addresses" in lost.do


def test_doctor_reaches_a_server_only_with_its_authority(call: Call, kit: Kit) -> None:
    with standin(quota=0) as other:
        told = call("doctor", "--json", "--set", f"api.base_url={other.base_url}")
    found = next(row for row in told.rows if row["name"] == "reachability")
    assert found["state"] == "fault"
    assert "certificate" in json.dumps(found).lower()


@pytest.mark.parametrize(
    "proxy",
    ["http://user:pa55/word@proxy.example:3128", "http://user:pa55word", "user:pa55word"],
)
def test_nothing_of_a_setting_that_is_refused_is_told(
    call: Call, kit: Kit, tmp_path: Path, proxy: str
) -> None:
    file = tmp_path / "config"
    file.write_text(f"[default]\nhttp.proxy = {proxy}\n")
    file.chmod(0o600)
    for more in ((), ("--json",), ("--report",)):
        told = call("--config", file, "doctor", *more)
        assert told.code == Exit.SOME
        assert "pa55" not in told.out + told.err
        assert "nobody looks" in told.out


def test_without_the_library_nobody_looks(call: Call, environment: dict[str, str]) -> None:
    environment["TRACEVAULT_LIBRARY"] = "/nowhere/libtracevault.so.0"
    found = reach_of(["doctor", "--json", "--set", "http.proxy=http://127.0.0.1:1"], environment)
    assert (found["state"], found["told"].split(":")[0]) == ("note", "nobody looks")


def reach_of(words: list[str], environment: dict[str, str]) -> dict[str, str]:
    done = subprocess.run(
        command(*words), env=environment, capture_output=True, timeout=60, check=False
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return next(row for row in rows if row["name"] == "reachability")


@contextmanager
def answering(*pieces: bytes, pause: float = 0.0, again: bool = True) -> Iterator[int]:
    """A port that answers whatever is asked with these pieces, the last of them without end."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with suppress(OSError), client:
                        client.recv(65536)
                        for piece in pieces[:-1]:
                            client.sendall(piece)
                        while True:
                            client.sendall(pieces[-1])
                            if not again:
                                break
                            time.sleep(pause)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("way", "pieces", "pause"),
    [
        ("api.base_url", (b"HTTP/1.1 100 Continue\r\n\r\n" * 100,), 0.0),
        ("api.base_url", (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), 0.05),
        ("http.proxy", (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), 0.05),
    ],
)
def test_a_look_ends_whatever_comes_back(
    monkeypatch: pytest.MonkeyPatch, way: str, pieces: tuple[bytes, ...], pause: float
) -> None:
    monkeypatch.setattr(reach, "TIMEOUT_S", 0.5)
    before = threading.active_count()
    with answering(*pieces, pause=pause) as port:
        began = time.monotonic()
        with pytest.raises(reach.Unreached, match="no whole answer") as caught:
            reach.reach({way: f"http://127.0.0.1:{port}"})
        assert time.monotonic() - began < 5
        assert caught.value.kind == "TimeoutError"
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before  # the look's own thread has ended, too


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 pa55word\r\n\r\n", "the proxy answers HTTP 407, since"),
        (b"HTTP/1.1 503 pa55word\r\n\r\n", "the proxy answers HTTP 503"),
        (b"pa55word\r\n\r\n", "what answers speaks no HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\npa55word, which is no TLS", "TLS failed: "),
    ],
)
def test_what_went_wrong_is_said_in_words_of_our_own(answer: bytes, said: str) -> None:
    with (
        answering(answer, again=False) as port,
        pytest.raises(reach.Unreached, match=said) as caught,
    ):
        reach.reach({"http.proxy": f"http://user:pa55word@127.0.0.1:{port}"})
    assert "pa55" not in str(caught.value)


class Closing(http.server.BaseHTTPRequestHandler):
    """Answers over HTTP/1.0, and closes."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def closing(kit: Kit | None = None) -> Iterator[int]:
    """The port of a server that closes behind each answer; over TLS with the stand-in's key."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closing) as server:
        if kit is not None:
            folder = Path(kit.server.ca_file).parent
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "server.pem", folder / "server.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        worker = threading.Thread(target=server.serve_forever)
        worker.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            worker.join()


def test_tls_is_told_of_a_server_that_closes_behind_its_answer(kit: Kit) -> None:
    with closing(kit) as port:
        way = {"api.base_url": f"https://localhost:{port}/x", "tls.ca_file": kit.server.ca_file}
        assert reach.reach(way).tls.startswith("TLSv1.")
    with closing() as port:
        assert reach.reach({"api.base_url": f"http://127.0.0.1:{port}/x"}).tls == "no TLS"


def test_a_login_of_the_api_is_not_told_with_its_host() -> None:
    with closing() as port:
        found = reach.reach({"api.base_url": f"http://user:pa55word@127.0.0.1:{port}/x"})
    assert found.host == f"127.0.0.1:{port}"
    assert reach._host(urlsplit("https://u:pa55@[::1]:8443/x")) == "[::1]:8443"
    assert reach._host(urlsplit("https://u:pa55@Api.example/x")) == "api.example"


def test_a_look_writes_no_keys_of_tls(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    way = {"api.base_url": kit.server.base_url, "tls.ca_file": str(kit.server.ca_file)}
    assert reach.reach(way).tls.startswith("TLSv1.")
    assert not log.exists()


def test_nobody_asks_an_object_store_offline(call: Call, kit: Kit) -> None:
    told = call("doctor", "--json", "--offline", "--vault", "s3://soc-vaults/soc.vault")
    assert told.code == 0
    (found,) = [row for row in told.rows if row["name"] == "vault" and row["state"] == "note"]
    assert "--offline" in found["told"]


def test_a_vault_that_is_not_there_is_told_and_no_passphrase_is_asked_for(call: Call) -> None:
    told = call("doctor", "--offline", "--json", "--vault", "none")
    first, last = (row for row in told.rows if row["name"] == "vault")
    assert (first["state"], last["state"]) == ("note", "fault")
    assert "there is no vault file at the path" in last["told"]
    assert last["do"] == "tracevault init makes a vault"


def test_what_an_option_names_is_told_as_far_as_it_was_looked_at(
    call: Call, kit: Kit, environment: dict[str, str]
) -> None:
    kit.vault.write_bytes(b"no vault")
    told = call("doctor", "--offline", "--json", "--tenant", "gone")
    by_name = {row["name"]: row["told"] for row in reversed(told.rows)}
    assert by_name["vault"] == f"{kit.vault} is there, from $TRACEVAULT_VAULT"
    assert by_name["key-file"] == f"{kit.key_file} is there, from $TRACEVAULT_KEY_FILE"
    assert by_name["tenant"] == "gone is asked for, from --tenant"
    told = call("doctor", "--offline", "--json", "--vault", "s3://bucket/key")
    by_name = {row["name"]: row["told"] for row in reversed(told.rows)}
    assert by_name["vault"] == "s3://bucket/key is asked for, from --vault"
    report = call("doctor", "--offline", "--report").out
    assert "is there, from $TRACEVAULT_VAULT" in report
    assert str(kit.vault) not in report
