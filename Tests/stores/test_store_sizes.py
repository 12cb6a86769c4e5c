"""Of what is no vault, or more than one, no more is fetched than shows it, however much lies there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tracevault as tv
from fleet.vault import create, opened, put, status_of
from object_store import Exchange, Way, error

LARGE = 64 << 20
HASTE: dict[str, tv.Setting] = {"vault__refresh_ms": 60_000}

Reply = tuple[int, dict[str, str], bytes]


def noise(_: Reply) -> Reply:
    return 200, {"ETag": '"noise"'}, b"\x01" * LARGE


def longer(true: Reply) -> Reply:
    """A vault, and something behind it."""
    status, headers, body = true
    return status, headers, body + bytes(LARGE)


def unannounced(true: Reply) -> Reply:
    """The same, and the store does not say how long it is."""
    status, headers, body = longer(true)
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return status, {**headers, "Transfer-Encoding": "chunked"}, chunk


def promised(true: Reply) -> Reply:
    """The beginning of a vault that says that it is as long as what follows, and is not."""
    status, headers, body = true
    head = body[:64] + (LARGE + 1).to_bytes(8, "little") + body[72:]
    return status, headers, head + bytes(LARGE)


def refused(_: Reply) -> Reply:
    status, headers, body = error(403, "AccessDenied")
    return status, headers, body + b" " * LARGE


@pytest.mark.parametrize(
    ("spoilt", "status"),
    [
        (noise, "E_NOT_VAULT"),
        (longer, "E_DAMAGED_HEADER E_DAMAGED_BODY"),
        (unannounced, "E_DAMAGED_HEADER E_DAMAGED_BODY"),
        (promised, "E_DAMAGED_HEADER"),
        (refused, "E_FORBIDDEN"),
    ],
)
def test_an_object_of_garbage_is_not_fetched(
    way: Way, place: str, spoilt: Callable[[Reply], Reply], status: str
) -> None:
    with create(place, way, **HASTE) as vault:
        put(vault)
        before = len(way.exchanges)

        def spoil(exchange: Exchange) -> None:
            if exchange.method == "GET":
                exchange.headers.pop("If-None-Match", None)
                exchange.reply = spoilt(way.forward(exchange))

        way.spoil = spoil
        assert status_of(vault.refresh) in status.split()
        assert status_of(lambda: opened(place, way)) in status.split()
        looked = way.exchanges[before:]
        assert looked and all(one.sent < LARGE // 2 for one in looked)
        way.spoil = lambda _: None
        vault.refresh()
        put(vault, "0" * 31 + "1")
        assert vault.generation == 3


def test_what_a_store_says_behind_a_change_is_not_fetched_either(way: Way, place: str) -> None:
    with create(place, way, **HASTE) as vault:

        def spoil(exchange: Exchange) -> None:
            if exchange.method == "PUT":
                status, headers, _ = way.forward(exchange)
                exchange.reply = status, headers, b" " * LARGE

        way.spoil = spoil
        put(vault)
        assert vault.generation == 2 and way.exchanges[-1].sent < LARGE // 2
    way.spoil = lambda _: None
    with opened(place, way) as vault:
        assert vault.generation == 2
