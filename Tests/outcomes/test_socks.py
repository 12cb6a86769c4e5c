"""What a SOCKS proxy answers is told, and each of its answers has what follows from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tracevault as tv
from hostile.certificates import Identities
from hostile.scenario import BODY, Scenario, reply, says
from hostile.stage import Stage, staged
from proxy.asking import ask, failure
from proxy.socks import NONE, PASSWORD, socks
from tracevault import Cause, Status


@pytest.fixture
def honest(identity: Identities) -> Iterator[Stage]:
    with staged(Scenario("honest", says(reply(BODY)), Status.OK), identity) as stage:
        yield stage


@pytest.mark.parametrize("key", [False, True], ids=["token", "key"])
@pytest.mark.parametrize("count", [1, 20])
def test_a_login_that_it_refuses_is_tried_once(
    count: int, key: bool, honest: Stage, identity: Identities
) -> None:
    with socks(PASSWORD, takes_login=False) as proxy:
        named = f"socks5h://127.0.0.1:{proxy.port}"
        url = named.replace("//", "//soc:wrong-not-real@")
        results = ask(honest.origin, identity, count, key=key, http__proxy=url)
        assert proxy.logins == 1
    for result in results:
        error = result.error
        assert error is not None and isinstance(error, tv.TransportError)
        assert (error.status, error.cause) == (Status.E_PROXY, Cause.PROXY_LOGIN)
        assert not error.retriable and error.retry_after is None
        assert named in error.message and "http.proxy" in error.message
        assert "soc:" not in error.message and "not-real" not in error.message
    assert honest.heads == []


def test_one_that_wants_another_login_is_asked_once(honest: Stage, identity: Identities) -> None:
    with socks(NONE) as proxy:
        url = f"socks5h://127.0.0.1:{proxy.port}"
        results = ask(honest.origin, identity, 20, http__proxy=url)
        assert proxy.greetings == 1
    for result in results:
        assert result.error is not None
        assert (result.error.status, result.error.cause) == (Status.E_PROXY, Cause.PROXY_LOGIN)


@pytest.mark.parametrize("key", [False, True], ids=["token", "key"])
def test_a_login_that_it_takes_serves_all(key: bool, honest: Stage, identity: Identities) -> None:
    with socks(PASSWORD) as proxy:
        url = f"socks5h://soc:right-not-real@127.0.0.1:{proxy.port}"
        results = ask(honest.origin, identity, 12, key=key, http__proxy=url)
    assert [result.error for result in results] == [None] * 12


@pytest.mark.parametrize(
    ("answer", "times", "says"),
    [
        (1, 3, "general failure"),
        (2, 1, "not allowed"),
        (3, 3, "network unreachable"),
        (4, 3, "host unreachable"),
        (5, 3, "connection refused"),
        (6, 3, "time to live"),
        (7, 1, "command not supported"),
        (8, 1, "address type not supported"),
    ],
)
def test_what_it_cannot_do_now_is_tried_again_and_what_it_does_not_do_is_not(
    answer: int, times: int, says: str, honest: Stage, identity: Identities
) -> None:
    with socks(reply=answer) as proxy:
        named = f"socks5h://127.0.0.1:{proxy.port}"
        error = failure(honest.origin, identity, http__proxy=named)
        assert proxy.requests == times
    assert (error.status, error.cause) == (Status.E_PROXY, Cause.PROXY_REFUSED)
    assert named in error.message and says in error.message
    assert error.retriable == (times > 1)


def test_a_name_that_this_host_has_to_look_up_is_the_servers(identity: Identities) -> None:
    """With socks5:// it is not the proxy that looks it up."""
    with socks() as proxy:
        url = f"socks5://127.0.0.1:{proxy.port}"
        error = failure("https://api.invalid", identity, http__proxy=url)
    assert (error.status, error.cause) == (Status.E_TRANSPORT, Cause.NAME_LOOKUP)
    assert "https://api.invalid" in error.message and error.retriable
