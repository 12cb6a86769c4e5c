"""A Redis that goes, is slow, forgets or comes back is told once, in words of the library alone."""

from __future__ import annotations

import json

import pytest
import tracevault as tv
from c_programs import ROOT
from engine_scene import until
from fleet.quota import asked, engine, told
from jsonschema import Draft202012Validator
from launcher import standin
from redis_server import Server, answering

NOTICE = json.loads((ROOT / "docs/notice.schema.json").read_text(encoding="utf-8"))


class Heard:
    """The notices of an engine about its Redis."""

    def __init__(self) -> None:
        self.notices: list[tv.Notice] = []

    def __call__(self, notice: tv.Notice) -> None:
        Draft202012Validator(NOTICE).validate(notice.to_dict())
        if notice.kind.startswith("redis_"):
            self.notices.append(notice)

    @property
    def kinds(self) -> list[str]:
        return [notice.kind for notice in self.notices]

    def comes(self, pair: tuple[tv.Engine, tv.Tenant], kind: str) -> None:
        """Ask until it is told: notices come while somebody asks."""

        def is_told() -> bool:
            asked(pair)
            return kind in self.kinds

        until(is_told, f"{kind} is not told: {told(pair)}")


def test_a_redis_that_goes_is_told_once_and_so_is_its_return(lender: Server) -> None:
    heard = Heard()
    with (
        standin(quota=1200) as cloudflare,
        engine(cloudflare, lender.address, notice=heard) as pair,
    ):
        asked(pair)
        lender.kill()
        heard.comes(pair, "redis_away")
        asked(pair, 3)
        lender.start()
        heard.comes(pair, "redis_back")
        # The one that comes again knows nothing.
        assert [kind for kind in heard.kinds if kind != "redis_flushed"] == [
            "redis_away", "redis_back",
        ]  # fmt: skip
        away = heard.notices[0]
        assert (away.level, away.tenant, away.status) == ("warning", None, None)
        assert lender.address.removeprefix("redis://") not in str(away)


def test_a_redis_that_is_slow_is_told_as_such() -> None:
    heard = Heard()
    with (
        answering(b"") as address,
        standin(quota=1200) as cloudflare,
        engine(cloudflare, address, notice=heard, redis__timeout_ms=100) as pair,
    ):
        heard.comes(pair, "redis_slow")
        asked(pair, 3)
        assert heard.kinds == ["redis_slow"]


def test_a_redis_that_was_flushed_is_told(lender: Server) -> None:
    heard = Heard()
    with (
        standin(quota=1200) as cloudflare,
        engine(cloudflare, lender.address, notice=heard) as pair,
    ):
        asked(pair, 3)
        assert told(pair)["flushes"] == 0
        client = lender.client()
        client("FLUSHALL")
        client.close()
        heard.comes(pair, "redis_flushed")
        assert heard.kinds == ["redis_flushed"] and told(pair)["flushes"] == 1


@pytest.mark.parametrize(
    "words",
    [
        b"-PASSWORDXYZ is what it is\r\n",
        b"-passwordxyz\r\n",
        b"-MOVED 1 passwordxyz.invalid:1\r\n",
        b"-MOVED 1 pass word\r\n",
        b"-NOAUTHPASSWORDXYZ\r\n",
    ],
)
def test_no_word_of_a_redis_reaches_a_notice_or_a_reason(words: bytes) -> None:
    heard = Heard()
    with (
        answering(words * 3) as address,
        standin(quota=1200) as cloudflare,
        engine(cloudflare, address, notice=heard) as pair,
    ):
        heard.comes(pair, "redis_away")
        for text in (str([str(one) for one in heard.notices]), told(pair)["warning"]):
            assert "pass" not in text.lower(), text
