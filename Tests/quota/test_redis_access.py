"""Who may talk to a Redis, and whom an engine believes: TLS, an ACL, logins, addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from engine_scene import until
from fleet.guarded import PASSWORD, login
from fleet.quota import asked, engine, told
from hostile.certificates import Issuer
from launcher import standin
from redis_server import Server


def test_a_redis_with_tls_and_an_acl_of_the_guide_lends(
    guarded: tuple[Server, Path], tmp_path: Path
) -> None:
    server, authority = guarded
    more: dict[str, Any] = {
        "redis__ca_file": str(authority),
        "redis__login": login(tmp_path),
    }
    with standin(quota=1200) as cloudflare, engine(cloudflare, server.address, **more) as pair:
        assert all(result.error is None for result in asked(pair, 3))
        standing = told(pair)
        assert standing["alone"] is False, standing["warning"]
        assert standing["lent"] >= 3


@pytest.mark.parametrize("trusted", ["another", "nobody"])
def test_a_connection_that_stands_ends_with_the_authority_that_it_was_made_under(
    guarded: tuple[Server, Path], tmp_path: Path, trusted: str
) -> None:
    server, authority = guarded
    copy = tmp_path / "copy.pem"
    copy.write_bytes(authority.read_bytes())
    more: dict[str, Any] = {"redis__ca_file": str(copy), "redis__login": login(tmp_path)}
    with standin(quota=0) as cloudflare, engine(cloudflare, server.address, **more) as pair:
        assert asked(pair)[0].error is None
        assert told(pair)["alone"] is False
        if trusted == "another":
            put(Issuer("Another CA").pem, copy)
        else:
            copy.unlink()
        said = {"another": "certificate is not one to trust", "nobody": "redis.ca_file is gone"}
        until(lambda: said[trusted] in told(pair)["warning"], said[trusted])
        assert asked(pair)[0].error is None


def test_a_file_with_one_authority_more_is_no_outage(
    guarded: tuple[Server, Path], tmp_path: Path
) -> None:
    server, authority = guarded
    copy = tmp_path / "copy.pem"
    copy.write_bytes(authority.read_bytes())
    more: dict[str, Any] = {"redis__ca_file": str(copy), "redis__login": login(tmp_path)}
    heard: list[tv.Notice] = []
    with (
        standin(quota=0) as cloudflare,
        engine(cloudflare, server.address, notice=heard.append, **more) as pair,
    ):
        assert asked(pair)[0].error is None
        before = connections(server)
        put(authority.read_bytes() + Issuer("Another CA").pem, copy)
        until(lambda: connections(server) > before, "it connects anew")
        lent = told(pair)["lent"]
        until(lambda: asked(pair)[0].error is None and told(pair)["lent"] > lent, "it lends on")
        assert told(pair)["alone"] is False
    assert not heard


def connections(server: Server) -> int:
    """How many have come to the server so far."""
    return (server.folder / "redis.log").read_text(encoding="utf-8").count("Accepted ")


def put(authorities: bytes, place: Path) -> None:
    """Another file in the place of one, at once."""
    fresh = place.with_name("fresh.pem")
    fresh.write_bytes(authorities)
    fresh.rename(place)


def test_a_login_may_come_from_memory_and_is_good_once(guarded: tuple[Server, Path]) -> None:
    server, authority = guarded
    login = tv.RedisLogin(bytearray(PASSWORD.encode()), bytearray(b"tracevault"))
    assert PASSWORD not in repr(login)
    with (
        standin(quota=1200) as cloudflare,
        engine(cloudflare, server.address, login=login, redis__ca_file=str(authority)) as pair,
    ):
        assert all(result.error is None for result in asked(pair, 3))
        standing = told(pair)
        assert standing["alone"] is False, standing["warning"]
        assert PASSWORD not in str(pair[0].stats())
    with pytest.raises(tv.TraceVaultError, match="used already"):
        tv.Engine({"redis.addresses": server.address}, login=login)


def test_a_user_without_a_password_is_refused() -> None:
    nobody = tv.RedisLogin(b"", b"tracevault")
    with pytest.raises(tv.ArgumentError, match=r"redis\.password"):
        tv.Engine({"redis.addresses": "redis://127.0.0.1:1"}, login=nobody)


@pytest.mark.parametrize("wrong", ["login", "authority", "plain"])
def test_what_a_guarded_redis_refuses_is_told_without_a_secret(
    guarded: tuple[Server, Path], tmp_path: Path, wrong: str
) -> None:
    server, authority = guarded
    other = tmp_path / "other.pem"
    other.write_bytes(Issuer("Another CA").pem)
    text = "tracevault\nanother-test-password" if wrong == "login" else f"tracevault\n{PASSWORD}"
    more: dict[str, Any] = {
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
