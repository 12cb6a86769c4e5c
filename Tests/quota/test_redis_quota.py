"""One quota for many hosts in Redis: nobody is refused, all get their turn, whatever Redis does."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from c_programs import ROOT, Compile
from engine_scene import ACME, settings, until, vault_of
from hostile.certificates import Issuer
from launcher import Standin, standin
from redis_server import Server, redis

HOSTS = 8
#: Cloudflare's quota, five times as fast: so many requests in so many seconds, then a block.
QUOTA, WINDOW_S = 480, 24
#: `make test-long` asks for everything, in full length.
LONG = "TRACEVAULT_LONG" in os.environ
SECONDS = 24 if LONG else 12
long_run = pytest.mark.skipif(not LONG, reason="a fleet of its own: in the long run")
#: What a host may use: budget.share_percent is 90; of that 95 % are steady flow.
STEADY = QUOTA * 0.9 * 0.95 / WINDOW_S


@pytest.fixture
def program(compiled: Compile) -> Path:
    return compiled("bulk", ROOT / "Tests/abi/bulk.c")


@pytest.fixture
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # On disk: a ledger refuses some of the file systems that /tmp may be.
    folder = Path("/var/tmp") / f"tracevault-fleet-{os.getpid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with redis(tmp_path) as server:
        yield server


def jain(counts: list[int]) -> float:
    """1: all have as much; 1/n: one has all."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))


def fleet(
    program: Path, cloudflare: Standin, ledgers: Path, address: str,
    during: Callable[[], None] = lambda: None,
) -> list[int]:  # fmt: skip
    """Eight hosts that ask as fast as they may; how many good answers each had."""
    running = [
        subprocess.Popen(
            [str(program), cloudflare.base_url, cloudflare.ca_file, ACME,
             cloudflare.credential(ACME).token, str(ledgers / f"host-{number}.ledger"),
             str(SECONDS), f"budget.quota={QUOTA}", f"budget.window_ms={WINDOW_S * 1000}",
             "budget.ip_per_second=0", f"redis.addresses={address}", f"redis.hosts={HOSTS}"],
            stdout=subprocess.PIPE, text=True,
        )
        for number in range(HOSTS)
    ]  # fmt: skip
    during()
    good = []
    for process in running:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
        submitted, results, fine, _, shared = (int(word) for word in out.split())
        assert (results, shared) == (submitted, 1), out
        good.append(fine)
    return good


def judged(cloudflare: Standin, good: list[int], used: float, fair: float) -> None:
    counts = cloudflare.counts()
    # Each asks for so many seconds, of which the first is not whole.
    share = counts["total"] / (STEADY * (SECONDS - 1))
    print(f"{counts['total']} requests, {share:.2f} of the share, {counts['refused']} refused")
    print(f"most in a window: {counts['max_in_window']}; each {good}, Jain {jain(good):.3f}")
    assert counts["refused"] == 0
    assert counts["max_in_window"] <= QUOTA
    assert share >= used
    assert jain(good) >= fair


def test_eight_hosts_with_ledgers_of_their_own_use_one_quota_and_are_never_refused(
    program: Path, ledgers: Path, server: Server
) -> None:
    with standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S) as cloudflare:
        good = fleet(program, cloudflare, ledgers, server.address)
        judged(cloudflare, good, used=0.85, fair=0.95)


def test_without_redis_the_same_hosts_are_refused(program: Path, ledgers: Path) -> None:
    """Shows that the test above can fail: each believes to be alone."""
    # What replies tell of the quota would slow each host, on a busy machine just enough.
    with standin(quota=QUOTA, window=WINDOW_S, block=1, no_headers=True) as cloudflare:
        fleet(program, cloudflare, ledgers, "")
        assert cloudflare.counts()["refused"] > 0


def test_hosts_go_on_with_their_shares_while_redis_is_killed_and_started_again(
    program: Path, ledgers: Path, server: Server
) -> None:
    def during() -> None:
        for _ in range(2):
            time.sleep(SECONDS / 5)
            server.kill()
            time.sleep(SECONDS / 8)
            server.start()

    with standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S) as cloudflare:
        good = fleet(program, cloudflare, ledgers, server.address, during)
        judged(cloudflare, good, used=0.75, fair=0.95)


@long_run
def test_hosts_stay_below_the_quota_while_redis_is_flushed_again_and_again(
    program: Path, ledgers: Path, server: Server
) -> None:
    def during() -> None:
        client = server.client()
        for _ in range(12):
            time.sleep(SECONDS / 14)
            client("FLUSHALL")
        client.close()

    with standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S) as cloudflare:
        good = fleet(program, cloudflare, ledgers, server.address, during)
        judged(cloudflare, good, used=0.75, fair=0.9)


@long_run
def test_hosts_follow_a_replica_that_is_promoted(
    program: Path, ledgers: Path, tmp_path: Path
) -> None:
    first_folder, second_folder = tmp_path / "first", tmp_path / "second"
    first_folder.mkdir()
    second_folder.mkdir()
    with (
        redis(first_folder) as first,
        redis(second_folder, "--replicaof", f"127.0.0.1 {first.port}") as second,
        standin(quota=QUOTA, window=WINDOW_S, block=WINDOW_S) as cloudflare,
    ):

        def during() -> None:
            time.sleep(SECONDS / 2)
            first.kill()
            client = second.client()
            client("REPLICAOF", "NO", "ONE")
            client.close()

        addresses = f"{second.address},{first.address}"
        good = fleet(program, cloudflare, ledgers, addresses, during)
        judged(cloudflare, good, used=0.75, fair=0.9)


# ---- one engine


@contextmanager
def engine(
    cloudflare: Standin, address: str, **more: tv.Setting
) -> Iterator[tuple[tv.Engine, tv.Tenant]]:
    changed: dict[str, Any] = {
        "budget__quota": 1200, "redis__addresses": address, "budget__ledger": "private", **more,
    }  # fmt: skip
    vault = vault_of(cloudflare, "acme")
    with tv.Engine(settings(cloudflare, **changed)) as engine:
        yield engine, vault.tenant("acme")


def asked(pair: tuple[tv.Engine, tv.Tenant], count: int = 1, ms: int = 1) -> list[tv.Result]:
    made, tenant = pair
    return list(
        made.batch([tv.Request.trace(tenant, ACME, f"slow-{ms + n}") for n in range(count)])
    )


def told(pair: tuple[tv.Engine, tv.Tenant]) -> dict[str, Any]:
    found: dict[str, Any] = pair[0].stats()["ledger"]["redis"]
    return found


def test_an_engine_borrows_and_says_how_things_stand(server: Server) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, server.address) as pair:
        assert all(result.error is None for result in asked(pair, 5))
        standing = told(pair)
        assert standing["alone"] is False and standing["warning"] == ""
        assert standing["address"] == server.address.removeprefix("redis://")
        assert standing["lent"] >= 5 and standing["hosts"] == standing["hosts_there"] == 1


def test_nobody_can_read_a_credential_or_an_address_in_redis(server: Server) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, server.address) as pair:
        asked(pair, 3)
        client = server.client()
        keys = client("KEYS", "*")
        assert keys
        everything = " ".join(
            f"{key} {' '.join(client('HGETALL', key))} {client('PTTL', key)}" for key in keys
        )
        assert all(client("PTTL", key) > 0 for key in keys), "something would stay"
        assert all(key.startswith("{tracevault}:") for key in keys)
        for text in (cloudflare.credential(ACME).token, ACME, "acme", cloudflare.origin):
            assert text not in everything
        client.close()


def test_an_engine_that_ends_is_not_counted_any_more(server: Server) -> None:
    with standin(quota=1200) as cloudflare:
        with engine(cloudflare, server.address) as pair:
            asked(pair)
        client = server.client()
        assert client("EXISTS", "{tracevault}:hosts") == 0
        client.close()


def parked(pair: tuple[tv.Engine, tv.Tenant]) -> bool:
    return any(group["parked_ms"] > 0 for group in pair[0].stats()["groups"])


def test_a_parking_of_one_host_is_one_of_all(server: Server) -> None:
    with (
        standin(quota=2, window=300, block=300, no_headers=True) as cloudflare,
        engine(cloudflare, server.address) as one,
        engine(cloudflare, server.address) as two,
    ):
        for number in range(4):
            one[0].submit(tv.Request.trace(one[1], ACME, f"slow-{number}"))
        until(lambda: parked(one), "the server has parked it")
        before = cloudflare.counts()["total"]
        two[0].submit(tv.Request.trace(two[1], ACME, "slow-50"))
        until(lambda: parked(two), "the other one has heard of it")
        assert cloudflare.counts()["total"] == before, "and has not asked"


def nobody() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_without_redis_a_host_uses_its_share_and_says_so() -> None:
    address = f"redis://127.0.0.1:{nobody()}"
    with standin(quota=1200) as cloudflare, engine(cloudflare, address, redis__hosts=4) as pair:
        assert asked(pair)[0].error is None
        standing = told(pair)
        assert standing["alone"] is True and "nobody answers" in standing["warning"]
        assert standing["hosts"] == 4
        group = pair[0].stats()["groups"][0]
        # 1026 in five minutes are the steady flow of the share; a quarter of that is ours.
        assert 50 <= group["per_minute"] <= 52


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


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (b"", "did not answer in time"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak as a Redis"),
        (b"-LOADING a secret text\r\n" * 3, "refused with LOADING"),
        (b"*1000000\r\n" * 3, "does not speak as a Redis"),
        (b"$99999999999999999999\r\n", "does not speak as a Redis"),
        (b"+" + b"x" * 2_000_000, "does not speak as a Redis"),
    ],
)
def test_a_redis_that_is_slow_or_none_does_not_stop_a_host(words: bytes, warning: str) -> None:
    with (
        answering(words) as address,
        standin(quota=1200) as cloudflare,
        engine(cloudflare, address, redis__timeout_ms=1000) as pair,
    ):
        assert asked(pair)[0].error is None
        assert told(pair)["alone"] is True
        until(lambda: warning in told(pair)["warning"], warning)


def test_a_host_comes_back_to_redis_by_itself(tmp_path: Path) -> None:
    with redis(tmp_path) as server, standin(quota=1200) as cloudflare:
        server.kill()
        with engine(cloudflare, server.address) as pair:
            assert asked(pair)[0].error is None
            assert told(pair)["alone"] is True
            server.start()
            until(lambda: told(pair)["alone"] is False, "it is back")
            assert asked(pair, 1, ms=20)[0].error is None
            until(lambda: told(pair)["lent"] > 0, "it borrows")


def test_scripts_that_redis_forgot_are_made_known_again(server: Server) -> None:
    with standin(quota=1200) as cloudflare, engine(cloudflare, server.address) as pair:
        asked(pair)
        client = server.client()
        client("SCRIPT", "FLUSH")
        client.close()
        lent = told(pair)["lent"]
        assert asked(pair, 1, ms=20)[0].error is None
        until(lambda: told(pair)["alone"] is False, "it is back")
        assert asked(pair, 8, ms=30)[0].error is None
        until(lambda: told(pair)["lent"] > lent, "it borrows again")


@pytest.mark.parametrize(
    "address",
    [
        "redis://user:password@host",
        "redis://host/1",
        "http://host",
        "host",
        "redis://a,",
        "redis://",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(tv.ArgumentError, match=r"redis\.addresses"):
        tv.Engine({"redis.addresses": address})


# ---- TLS and an ACL

#: What the README says that a user of Redis has to have.
ACL = next(
    line
    for line in (ROOT / "README.md").read_text(encoding="utf-8").replace("\n  ", " ").splitlines()
    if "user tracevault on >PASSWORD" in line
).split("`")[1]
PASSWORD = "test-password-not-real"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A Redis with TLS alone and a user of its own, and the file of its authority."""
    issuer = Issuer("Redis CA")
    (tmp_path / "ca.pem").write_bytes(issuer.pem)
    (tmp_path / "server.pem").write_bytes(issuer.issue())
    (tmp_path / "users.acl").write_text(
        ACL.replace("PASSWORD", PASSWORD) + "\nuser default off\n", encoding="utf-8"
    )
    options = [
        "--aclfile", str(tmp_path / "users.acl"), "--tls-cert-file", str(tmp_path / "server.pem"),
        "--tls-key-file", str(tmp_path / "server.pem"), "--tls-auth-clients", "no",
        "--tls-ca-cert-file", str(tmp_path / "ca.pem"),
    ]  # fmt: skip
    with redis(tmp_path, *options, tls=True) as server:
        yield server, tmp_path / "ca.pem"


def login(folder: Path, text: str) -> str:
    file = folder / "login"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o400)
    return f"file:{file}"


def test_a_redis_with_tls_and_an_acl_of_the_readme_lends(
    guarded: tuple[Server, Path], tmp_path: Path
) -> None:
    server, authority = guarded
    more = {
        "redis__ca_file": str(authority),
        "redis__login": login(tmp_path, f"tracevault\n{PASSWORD}\n"),
    }
    with standin(quota=1200) as cloudflare, engine(cloudflare, server.address, **more) as pair:
        assert all(result.error is None for result in asked(pair, 3))
        standing = told(pair)
        assert standing["alone"] is False, standing["warning"]
        assert standing["lent"] >= 3


@pytest.mark.parametrize("wrong", ["login", "authority", "plain"])
def test_what_a_guarded_redis_refuses_is_told_without_a_secret(
    guarded: tuple[Server, Path], tmp_path: Path, wrong: str
) -> None:
    server, authority = guarded
    other = tmp_path / "other.pem"
    other.write_bytes(Issuer("Another CA").pem)
    text = "tracevault\nanother-test-password" if wrong == "login" else f"tracevault\n{PASSWORD}"
    more = {
        "redis__ca_file": str(other if wrong == "authority" else authority),
        "redis__login": login(tmp_path, text),
    }
    address = server.address.replace("rediss", "redis") if wrong == "plain" else server.address
    said = {
        "login": "does not take user and password",
        "authority": "certificate is not one to trust",
        "plain": "broke off",
    }[wrong]
    with standin(quota=1200) as cloudflare, engine(cloudflare, address, **more) as pair:
        assert asked(pair)[0].error is None
        until(lambda: said in told(pair)["warning"], said)
        assert PASSWORD not in str(pair[0].stats()) and "another-test" not in str(pair[0].stats())


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [("a\nb\nc\n", 0o400, "one line"), ("secret\n", 0o440, "others may read")],
)
def test_a_login_that_is_no_secret_or_none_is_refused(
    tmp_path: Path, content: str, mode: int, words: str
) -> None:
    file = tmp_path / "login"
    file.write_text(content, encoding="utf-8")
    file.chmod(mode)
    with pytest.raises(tv.TraceVaultError, match=words):
        tv.Engine({"redis.addresses": "redis://127.0.0.1:1", "redis.login": f"file:{file}"})
