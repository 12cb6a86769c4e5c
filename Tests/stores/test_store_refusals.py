"""What a store refuses, and a store that does not keep its word, has its status and words."""

from __future__ import annotations

import pytest
import tracevault as tv
from engine_scene import ACME, until
from fleet.vault import TOKEN, create, keys, opened, raw_key, status_of
from object_store import ACCESS, BUCKET, SECRET, Exchange, Way, error

#: Where nobody listens.
NOBODY = "http://127.0.0.1:9"


def test_each_refusal_of_the_store_has_its_status(way: Way, place: str) -> None:
    assert status_of(lambda: opened(place, way)) == "E_NO_VAULT"
    nowhere = place.replace(BUCKET, "no-such-bucket")
    assert status_of(lambda: opened(nowhere, way)) == "E_NO_VAULT"
    assert status_of(lambda: create(nowhere, way)) == "E_NO_VAULT"
    wrong = keys("another-secret-key-not-real-000000000000")
    refused = lambda: tv.Vault.open(place, raw_key(), settings=way.settings(), keys=wrong)  # noqa: E731
    assert status_of(refused) == "E_FORBIDDEN"
    assert way.count("GET") == 4 and way.count("PUT") == 0


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (error(403, "AccessDenied"), "E_FORBIDDEN", "AccessDenied"),
        (error(403, "RequestTimeTooSkewed"), "E_FORBIDDEN", "clock"),
        (error(400, "ExpiredToken"), "E_FORBIDDEN", "ExpiredToken"),
        (
            error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
            "E_REDIRECT",
            "eu-west-1",
        ),
        (error(307, "", Location="https://elsewhere.example/"), "E_REDIRECT", "s3.region"),
        (error(400, "AuthorizationHeaderMalformed"), "E_REDIRECT", "s3.region"),
        (error(429, "", Retry_After="7"), "E_RATE_LIMITED", "429"),
        (error(500, "InternalError"), "E_SERVER", "500"),
        (error(503, "SlowDown", Retry_After="2"), "E_SERVER", "503"),
        (error(418, SECRET), "E_HTTP", "418"),
        ((200, {}, b""), "E_NOT_VAULT", "vault"),
        ((200, {"Content-Length": "999"}, b"short"), "E_REPLY_TRUNCATED", "broke"),
    ],
)
def test_what_a_store_may_say_is_told_in_words(
    way: Way, reply: tuple[int, dict[str, str], bytes], status: str, words: str
) -> None:
    def spoil(exchange: Exchange) -> None:
        exchange.reply = reply

    way.spoil = spoil
    with pytest.raises(tv.TraceVaultError) as raised:
        opened(f"s3://{BUCKET}/any.vault", way)
    told = raised.value
    assert (told.status.name, words in str(told)) == (status, True), str(told)
    assert SECRET not in str(told) and ACCESS not in str(told)
    assert told.retriable == (status in ("E_RATE_LIMITED", "E_SERVER", "E_REPLY_TRUNCATED"))
    assert len(way.exchanges) == 1, "a redirect was followed, or a request sent again"


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        ("us-gov-west-1", True),
        ("ap-southeast-4", True),
        ("acme-incident-7", False),
        ("eu-central-1-" + "a" * 300, False),
        ("call-0800-123", False),
        ("us--1", False),
    ],
    # The object's name is made of these, and is told.
    ids=["gov", "asia", "words", "long", "digits", "gap"],
)
def test_a_region_is_told_in_the_words_of_regions_alone(
    way: Way, place: str, said: str, is_told: bool
) -> None:
    def spoil(exchange: Exchange) -> None:
        exchange.reply = error(301, "PermanentRedirect", x_amz_bucket_region=said)

    with create(place, way, vault__refresh_ms=100) as vault:
        with vault.edit() as edit:
            edit.put("acme", ACME, tv.ApiToken(TOKEN.encode()), origin=NOBODY)
        acme = vault.tenant("acme")
        way.spoil = spoil
        with pytest.raises(tv.TraceVaultError) as raised:
            opened(place, way)
        assert raised.value.status is tv.Status.E_REDIRECT
        assert (said in str(raised.value)) == is_told
        heard: list[tv.Notice] = []
        nobody: dict[str, tv.Setting] = {
            "api.base_url": NOBODY + "/client/v4",
            "api.allow_http_loopback": True,
        }
        with tv.Engine(nobody, notice=heard.append) as engine:

            def is_heard() -> bool:
                status_of(lambda: engine.trace(acme, ACME, "4jXtPB72Kpz7S8D", timeout=0.1))
                return any(one.kind == "vault_unfollowed" for one in heard)

            until(is_heard, "no notice")
        assert any(said in str(one) for one in heard) == is_told
        assert (said in str(vault.describe())) == is_told


@pytest.mark.parametrize(
    "ignored", [("If-Match", "If-None-Match"), ("If-Match",), ("If-None-Match",)], ids="+".join
)
def test_a_store_that_ignores_conditions_is_refused_when_a_vault_is_made(
    way: Way, place: str, ignored: tuple[str, ...]
) -> None:
    def spoil(exchange: Exchange) -> None:
        for name in ignored:
            exchange.headers.pop(name, None)

    way.spoil = spoil
    with pytest.raises(tv.TraceVaultError, match=r"ignores If-Match.*remove the empty vault"):
        create(place, way)
    # Also such a one does not overwrite what is there.
    assert status_of(lambda: create(place, way)) == "E_EXISTS"
