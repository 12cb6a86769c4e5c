"""Each reply that a store may give to a PUT has its status, once and for ever, to an edit and at a create;
what is cut, or gone, is never taken for a vault."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import pytest
import tracevault as tv
from engine_scene import until
from fleet.vault import accounts, create, key_of, opened, put, status_of
from object_store import BUCKET, Exchange, ObjectStore, Way, error, way_to

#: So long a call may take where the store says the same for ever.
HASTE: dict[str, tv.Setting] = {"s3__timeout_ms": 300, "vault__lock_timeout_ms": 500}

Reply = tuple[int, dict[str, str], bytes]


class Says:
    """Gives this reply to so many requests of a method, after so many others. -1: to all."""

    def __init__(self, method: str, reply: Reply, times: int = -1, after: int = 0) -> None:
        self.method, self.reply = method, reply
        self.left, self.after = times, after

    def __call__(self, exchange: Exchange) -> None:
        if exchange.method != self.method or self.left == 0:
            return
        if self.after > 0:
            self.after -= 1
            return
        self.left -= 1
        exchange.reply = self.reply


def ready(_: Exchange) -> None:
    """The store is as it should be."""


def numbered(number: int) -> str:
    """An account with this number."""
    return f"{number:032x}"


def stored(store: ObjectStore, place: str) -> bytes | None:
    status, body = store.ask("GET", key_of(place))
    return body if status == 200 else None


@dataclass(frozen=True)
class Case:
    reply: Reply
    #: How a call ends whose every PUT is answered so, and what its message says.
    always: str
    words: str
    #: Whether it is sent again: one such reply does no harm then.
    passes: bool = False


CASES = {
    "conflict": Case(error(409, "ConditionalRequestConflict"), "E_CONFLICT", "", True),
    "operation": Case(error(409, "OperationAborted"), "E_CONFLICT", "", True),
    "condition": Case(error(412, "PreconditionFailed"), "E_CONFLICT", "", True),
    "slow": Case(error(503, "SlowDown"), "E_SERVER", "503 SlowDown", True),
    "many": Case(error(429), "E_RATE_LIMITED", "429", True),
    "gateway": Case(error(503), "E_DURABILITY_UNKNOWN", "503", True),
    "internal": Case(error(500, "InternalError"), "E_DURABILITY_UNKNOWN", "500", True),
    "full": Case(error(507), "E_DURABILITY_UNKNOWN", "507", True),
    "denied": Case(error(403, "AccessDenied"), "E_FORBIDDEN", "AccessDenied"),
    "skew": Case(error(403, "RequestTimeTooSkewed"), "E_FORBIDDEN", "clock"),
    "key": Case(error(404, "NoSuchKey"), "E_NO_VAULT", "NoSuchKey"),
    "bucket": Case(error(404, "NoSuchBucket"), "E_NO_VAULT", "no bucket"),
    "moved": Case(
        error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"), "E_REDIRECT", "eu-west-1"
    ),
    "elsewhere": Case(
        error(307, "TemporaryRedirect", Location="https://elsewhere.example/"),
        "E_REDIRECT",
        "s3.region",
    ),
    "large": Case(error(400, "EntityTooLarge"), "E_HTTP", "400"),
    "unknown": Case(error(501, "NotImplemented"), "E_OTHER", "does not know If-Match"),
}

every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
is_final = pytest.mark.parametrize("times", [1, -1], ids=["once", "always"])


@every
@is_final
def test_an_edit_ends_as_the_reply_to_its_put_means(
    way: Way, place: str, store: ObjectStore, case: Case, times: int
) -> None:
    with create(place, way, **HASTE) as vault:
        put(vault)
        before, told = stored(store, place), way.count("PUT")
        way.spoil = Says("PUT", case.reply, times)
        if case.passes and times == 1:
            put(vault, numbered(1))
            assert way.count("PUT") == told + 2 and vault.generation == 3
        else:
            with pytest.raises(tv.TraceVaultError) as raised:
                put(vault, numbered(1))
            assert raised.value.status.name == case.always, raised.value
            assert case.words in str(raised.value)
            # What is final is not sent again.
            assert case.passes or way.count("PUT") == told + 1
            assert stored(store, place) == before and vault.generation == 2
        way.spoil = ready
        put(vault, numbered(2))
        assert {2} < accounts(vault) and (1 in accounts(vault)) == (vault.generation == 4)


@every
@is_final
def test_a_create_ends_as_the_reply_to_its_put_means(
    way: Way, place: str, store: ObjectStore, case: Case, times: int
) -> None:
    way.spoil = Says("PUT", case.reply, times)
    if case.passes and times == 1:
        create(place, way, **HASTE).close()
        # Both conditions are tried after it.
        assert way.count("PUT") == 4
    else:
        with pytest.raises(tv.TraceVaultError) as raised:
            create(place, way, **HASTE)
        assert raised.value.status.name == case.always, raised.value
        assert case.words in str(raised.value) and "already" not in str(raised.value)
        assert case.passes or way.count("PUT") == 1
        assert "remove" not in str(raised.value) and stored(store, place) is None
        way.spoil = ready
        create(place, way).close()
    with opened(place, way) as vault:
        put(vault)


@pytest.mark.parametrize("drops", ["", "before"])
@pytest.mark.parametrize("after", [1, 2])
def test_what_passes_is_not_taken_for_a_condition_that_is_ignored(
    way: Way, place: str, drops: str, after: int
) -> None:
    """At the trial of the conditions."""
    says = Says("PUT", error(503, "SlowDown"), 1, after)

    def spoil(exchange: Exchange) -> None:
        says(exchange)
        if drops and exchange.reply:
            exchange.reply, exchange.drops = None, drops

    way.spoil = spoil
    create(place, way).close()
    assert way.count("PUT") == 4 and says.left == 0


@pytest.mark.parametrize("after", [1, 2])
def test_a_trial_of_the_conditions_that_cannot_end_says_what_was_stored(
    way: Way, place: str, after: int
) -> None:
    way.spoil = Says("PUT", error(503, "SlowDown"), -1, after)
    with pytest.raises(tv.TraceVaultError, match=r"503 SlowDown.*remove the empty vault") as raised:
        create(place, way, **HASTE)
    assert raised.value.status is tv.Status.E_SERVER and not raised.value.retriable
    way.spoil = ready
    assert status_of(lambda: create(place, way)) == "E_EXISTS"


def test_a_vault_in_the_place_of_a_folder_is_not_said_to_be_there(
    way: Way, store: ObjectStore
) -> None:
    """SeaweedFS keeps objects as files: it has a folder where others lie below the name."""
    folder = f"s3://{BUCKET}/folder"
    create(folder + "/soc.vault", way).close()
    with pytest.raises(tv.TraceVaultError, match="as in a folder") as raised:
        create(folder, way, **HASTE)
    assert raised.value.status is tv.Status.E_CONFLICT
    assert status_of(lambda: opened(folder, way)) == "E_NO_VAULT"


def test_an_object_that_is_deleted_under_an_open_vault_is_missed_and_not_made_again(
    way: Way, place: str, store: ObjectStore
) -> None:
    with create(place, way, vault__refresh_ms=100) as vault:
        put(vault)
        kept = store.get(key_of(place))
        assert store.ask("DELETE", key_of(place))[0] == 204
        assert status_of(vault.refresh) == "E_NO_VAULT"
        assert status_of(lambda: put(vault, numbered(1))) == "E_NO_VAULT"
        assert stored(store, place) is None
        # What is known is used, and it is told.
        assert len(vault.accounts()) == 1
        until(lambda: bool(vault.describe().get("refresh_error")), "nobody is told")
        assert vault.describe()["refresh_error"]["status"] == "TV_E_NO_VAULT"
        store.put(key_of(place), kept)
        until(lambda: not vault.describe().get("refresh_error"), "it is told for ever")
        put(vault, numbered(1))
        assert vault.generation == 3


def test_an_object_that_is_deleted_before_the_put_is_not_made_again(
    way: Way, place: str, store: ObjectStore
) -> None:
    with create(place, way, **HASTE) as vault:

        def spoil(exchange: Exchange) -> None:
            if exchange.method == "PUT":
                way.spoil = ready
                store.ask("DELETE", key_of(place))

        way.spoil = spoil
        assert status_of(lambda: put(vault)) == "E_NO_VAULT"
        assert stored(store, place) is None and vault.generation == 1


@pytest.mark.parametrize("drops", ["", "later"])
def test_an_edit_whose_reply_is_cut_is_stored_once(way: Way, place: str, drops: str) -> None:
    with create(place, way) as vault:

        def spoil(exchange: Exchange) -> None:
            if exchange.method == "PUT":
                way.spoil = ready
                status, headers, _ = way.forward(exchange)
                exchange.reply = status, {**headers, "Content-Length": "500"}, drops.encode()

        way.spoil = spoil
        put(vault)
        assert way.spoil is ready and vault.generation == 2
        with opened(place, way) as other:
            assert other.generation == 2 and len(other.accounts()) == 1


@pytest.mark.parametrize(
    ("kept", "announced", "status"),
    [
        (100, True, "E_REPLY_TRUNCATED"),
        (5000, True, "E_REPLY_TRUNCATED"),
        (-5, False, "E_DAMAGED_BODY"),
        (0, False, "E_NOT_VAULT"),
    ],
    ids=["head", "body", "shorter", "empty"],
)
def test_a_body_that_is_cut_is_neither_looked_at_nor_edited(
    way: Way, place: str, store: ObjectStore, kept: int, announced: bool, status: str
) -> None:
    with (
        create(place, way) as vault,
        way_to(store) as bad,
        opened(place, bad, vault__refresh_ms=100, **HASTE) as other,
    ):
        is_bad = [True]

        def spoil(exchange: Exchange) -> None:
            if exchange.method == "GET" and is_bad[0]:
                exchange.headers.pop("If-None-Match", None)
                _, headers, whole = bad.forward(exchange)
                length = {"Content-Length": str(len(whole))} if announced else {}
                exchange.reply = 200, {**headers, **length}, whole[:kept]

        bad.spoil = spoil
        for number in range(10):
            put(vault, numbered(number))
        whole = store.get(key_of(place))
        assert kept < len(whole)
        until(lambda: bool(other.describe().get("refresh_error")), "nobody is told")
        assert other.describe()["refresh_error"]["status"] == "TV_" + status
        assert status_of(other.refresh) == status
        assert status_of(lambda: put(other, numbered(99))) == status
        assert other.generation == 1 and store.get(key_of(place)) == whole
        is_bad[0] = False
        put(other, numbered(99))
        assert other.generation == 12 and accounts(other) == {*range(10), 99}


@pytest.mark.parametrize("coding", ["aws-chunked", "gzip", "zstd, br", "identity", ""])
def test_what_an_object_was_packed_with_does_not_matter(
    way: Way, place: str, store: ObjectStore, coding: str
) -> None:
    """Tools that copy a bucket leave such a word behind; nothing is unpacked."""
    create(place, way).close()

    def spoil(exchange: Exchange) -> None:
        if exchange.method == "GET":
            status, headers, body = way.forward(exchange)
            exchange.reply = status, {**headers, "Content-Encoding": coding}, body

    way.spoil = spoil
    with opened(place, way) as vault:
        put(vault)
        vault.verify()
        assert vault.generation == 2


def test_a_reply_whose_transfer_is_packed_is_refused(way: Way, place: str) -> None:
    create(place, way).close()

    def spoil(exchange: Exchange) -> None:
        status, headers, body = way.forward(exchange)
        packed = gzip.compress(body)
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
        exchange.reply = status, {**headers, "Transfer-Encoding": "gzip, chunked"}, chunks

    way.spoil = spoil
    with pytest.raises(tv.TraceVaultError, match="cannot be read") as raised:
        opened(place, way)
    assert raised.value.status is tv.Status.E_REPLY_TRUNCATED
