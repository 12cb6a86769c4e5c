"""A vault as an object of a real S3 server: no edit is lost, and nobody waits for the network.

The server is SeaweedFS, behind a forwarder that may spoil what goes over it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ABI, Compile, run
from engine_scene import ACME, settings, token, until
from launcher import standin
from object_store import (
    ACCESS,
    BUCKET,
    SECRET,
    Exchange,
    ObjectStore,
    Way,
    error,
    object_store,
    way_to,
)
from standin import certificates

KEY = bytes(range(32))
TOKEN = "test-token-not-real-acme-01-000000000000"
OTHER = "test-token-not-real-acme-02-000000000000"
#: Where nobody listens.
NOBODY = "http://127.0.0.1:9"
#: What a second process does: as many edits as it is told, each with an account of its own.
WRITER = """
import sys
sys.path[:0] = sys.argv[1].split(":")
import tracevault as tv
place, endpoint, keys, first, count = sys.argv[2:7]
settings = {"s3.endpoint": endpoint, "api.allow_http_loopback": True, "s3.keys": "file:" + keys,
            "vault.lock_timeout_ms": 60000}
with tv.Vault.open(place, tv.RawKey(bytearray(range(32))), settings=settings) as vault:
    for number in range(int(first), int(first) + int(count)):
        with vault.edit() as edit:
            edit.put("acme", f"{number:032x}", tv.ApiToken(b"test-token-not-real"))
        print(number, flush=True)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def way(store: ObjectStore) -> Iterator[Way]:
    with way_to(store) as made:
        yield made


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    return f"s3://{BUCKET}/team a/{request.node.name}.vault"


def key_of(place: str) -> str:
    return place.removeprefix(f"s3://{BUCKET}/").replace(" ", "%20")


def keys(secret: str = SECRET) -> tv.StoreKeys:
    return tv.StoreKeys(bytearray(ACCESS.encode()), bytearray(secret.encode()))


def raw_key(first: int = 0) -> tv.RawKey:
    return tv.RawKey(bytearray(range(first, first + 32)))


def create(place: str, way: Way, **changes: tv.Setting) -> tv.Vault:
    return tv.Vault.create(place, raw_key(), settings=way.settings(**changes), keys=keys())


def opened(place: str, way: Way, **changes: tv.Setting) -> tv.Vault:
    return tv.Vault.open(place, raw_key(), settings=way.settings(**changes), keys=keys())


def put(vault: tv.Vault, account: str = ACME, text: str = TOKEN, tenant: str = "acme") -> None:
    with vault.edit() as edit:
        edit.put(tenant, account, tv.ApiToken(bytearray(text.encode())), label="Acme Europe")


def status_of(call: Callable[[], object]) -> str:
    try:
        call()
    except tv.TraceVaultError as failure:
        for secret in (SECRET, ACCESS, TOKEN, OTHER):
            assert secret not in str(failure) and secret not in repr(failure)
        return failure.status.name
    return "OK"


# ---- What holds as in a file -----------------------------------------------------------------


def test_a_vault_is_made_opened_edited_and_rotated(way: Way, place: str) -> None:
    with create(place, way) as vault:
        put(vault)
        with opened(place, way) as other:
            assert [one.label for one in other.accounts()] == ["Acme Europe"]
            with vault.edit() as edit:
                edit.rotate("acme", ACME, tv.ApiToken(OTHER.encode()))
            other.refresh()
            assert [one.state for one in other.accounts()] == ["active", "retiring"]
            assert other.generation == vault.generation == 3
            assert other.verify()["credentials"] == 2
        assert status_of(lambda: create(place, way)) == "E_EXISTS"
        vault.export(place + ".acme", raw_key(1), settings=way.settings(), keys=keys())
    with tv.Vault.open(place + ".acme", raw_key(1), settings=way.settings(), keys=keys()) as copy:
        assert len(copy.accounts()) == 2


def test_a_look_sees_a_rotation_and_moves_no_bytes_while_there_is_none(
    way: Way, place: str
) -> None:
    with create(place, way) as vault, opened(place, way, vault__refresh_ms=100) as other:
        put(vault)
        before = time.monotonic()
        until(lambda: other.generation == 2, "the rotation is not seen")
        assert time.monotonic() - before < 30
        told = len(way.exchanges)
        until(lambda: len(way.exchanges) > told + 3 and bool(other.accounts()), "no more looks")
        assert all("If-None-Match" in one.headers for one in way.exchanges[told:])


def test_two_processes_race_for_one_object_and_no_edit_is_lost(
    store: ObjectStore, way: Way, place: str, tmp_path: Path
) -> None:
    known = tmp_path / "keys"
    known.write_text(f"{ACCESS}\n{SECRET}\n")
    known.chmod(0o400)
    folders = ":".join(entry for entry in sys.path if entry)
    with create(place, way, vault__lock_timeout_ms=60000) as vault:
        writers = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    WRITER,
                    folders,
                    place,
                    way.endpoint,
                    known,
                    str(first),
                    "12",
                ]
            )
            for first in (100, 200)
        ]

        def write(first: int) -> None:
            for number in range(first, first + 4):
                put(vault, f"{number:032x}")

        threads = [threading.Thread(target=write, args=(first,)) for first in (300, 400)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [writer.wait(120) for writer in writers] == [0, 0]
        vault.refresh()
        found = {int(one.account_id, 16) for one in vault.accounts()}
        assert found == {*range(100, 112), *range(200, 212), *range(300, 304), *range(400, 404)}
        assert vault.generation == 33


def test_writers_that_are_killed_lose_no_edit_and_make_none_twice(
    way: Way, place: str, tmp_path: Path
) -> None:
    known = tmp_path / "keys"
    known.write_text(f"{ACCESS}\n{SECRET}\n")
    known.chmod(0o400)
    folders = ":".join(entry for entry in sys.path if entry)
    acknowledged: set[int] = set()
    with create(place, way) as vault:
        for turn in range(8):
            command = [sys.executable, "-c", WRITER, folders, place, way.endpoint, str(known)]
            writer = subprocess.Popen(
                [*command, str(1000 * turn + 1), "500"], stdout=subprocess.PIPE, text=True
            )
            assert writer.stdout is not None
            # One more acknowledgement each time: the kill comes amid the next commit.
            told = [writer.stdout.readline() for _ in range(turn + 1)]
            time.sleep(random.random() / 50)
            writer.kill()
            told += writer.communicate()[0].splitlines()
            acknowledged |= {int(line) for line in told}
        vault.refresh()
        found = {int(one.account_id, 16) for one in vault.accounts()}
        assert acknowledged <= found and len(found - acknowledged) <= 8
        assert vault.generation == 1 + len(found)


def test_what_was_damaged_or_put_back_is_refused(store: ObjectStore, way: Way, place: str) -> None:
    with create(place, way) as vault:
        first = store.get(key_of(place))
        put(vault)
        whole = store.get(key_of(place))
        for damaged, status in (
            (b"no vault", "E_NOT_VAULT"),
            (whole[:-1], "E_DAMAGED_BODY"),
            (whole[:2000] + b"\x01" + whole[2001:], "E_DAMAGED_HEADER"),
            (whole[:-1] + bytes([whole[-1] ^ 1]), "E_DAMAGED_BODY"),
        ):
            store.put(key_of(place), damaged)
            assert status_of(lambda: opened(place, way)) == status
            assert status_of(vault.verify) == status
            # A look asks which snapshot it is, as with a file.
            assert status_of(vault.refresh) in (status, "OK")
            assert len(vault.accounts()) == 1
        store.put(key_of(place), first)
        assert status_of(vault.refresh) == "E_ROLLBACK"
        assert status_of(lambda: put(vault, text=OTHER)) == "E_ROLLBACK"
        store.put(key_of(place), whole)
        vault.refresh()
        put(vault, text=OTHER)
        assert vault.generation == 3


def test_another_key_opens_nothing(way: Way, place: str) -> None:
    with create(place, way):
        wrong = lambda: tv.Vault.open(place, raw_key(9), settings=way.settings(), keys=keys())  # noqa: E731
        assert status_of(wrong) == "E_UNLOCK"


# ---- Refusals --------------------------------------------------------------------------------


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


def test_a_store_that_ignores_conditions_is_refused_when_a_vault_is_made(
    way: Way, place: str
) -> None:
    def spoil(exchange: Exchange) -> None:
        exchange.headers.pop("If-Match", None)
        exchange.headers.pop("If-None-Match", None)

    way.spoil = spoil
    with pytest.raises(tv.TraceVaultError, match="ignores If-Match"):
        create(place, way)
    # Also such a one does not overwrite what is there.
    assert status_of(lambda: create(place, way)) == "E_EXISTS"


# ---- Lost answers ----------------------------------------------------------------------------


class LosesOnce:
    """Ends the connection of the first PUT after it was told to."""

    def __init__(self, drops: str, then: Callable[[], None] | None = None) -> None:
        self.drops, self.then = drops, then
        self.is_on = False

    def __call__(self, exchange: Exchange) -> None:
        if self.is_on and exchange.method == "PUT":
            self.is_on = False
            exchange.drops, exchange.then = self.drops, self.then


@pytest.mark.parametrize("drops", ["before", "after"])
def test_an_edit_whose_answer_is_lost_is_stored_once(way: Way, place: str, drops: str) -> None:
    loses = way.spoil = LosesOnce(drops)
    with create(place, way) as vault:
        put(vault)
        loses.is_on = True
        with vault.edit() as edit:
            edit.rotate("acme", ACME, tv.ApiToken(OTHER.encode()))
        assert not loses.is_on and vault.generation == 3
        with opened(place, way) as other:
            # Twice would have made the new token the retiring one as well.
            fingerprints = {one.fingerprint for one in other.accounts()}
            assert len(fingerprints) == 2 and other.generation == 3


@pytest.mark.parametrize("drops", ["before", "after"])
def test_a_vault_whose_first_answer_is_lost_is_made(way: Way, place: str, drops: str) -> None:
    loses = way.spoil = LosesOnce(drops)
    loses.is_on = True
    with create(place, way) as vault:
        put(vault)
        assert vault.generation == 2


def test_an_edit_is_made_again_where_another_writer_had_its_place(way: Way, place: str) -> None:
    with create(place, way) as vault, opened(place, way) as other:
        loses = LosesOnce("before", None)

        def race(exchange: Exchange) -> None:
            if loses.is_on and exchange.method == "PUT":
                loses.is_on = False
                put(other, f"{2:032x}")
                exchange.drops = "before"

        way.spoil = race
        loses.is_on = True
        put(vault, f"{1:032x}")
        assert vault.generation == 3
        assert {int(one.account_id, 16) for one in vault.accounts()} == {1, 2}


def test_what_cannot_be_known_is_never_called_a_success(way: Way, place: str) -> None:
    with create(place, way) as vault, opened(place, way) as other:
        put(vault)
        other.refresh()
        # Our bytes are stored, the answer is lost, and another writer stands on them at once.
        loses = way.spoil = LosesOnce("after", lambda: put(other, f"{2:032x}"))
        loses.is_on = True
        assert status_of(lambda: put(vault, f"{1:032x}")) == "E_DURABILITY_UNKNOWN"
        vault.refresh()
        assert {int(one.account_id, 16) for one in vault.accounts()} >= {1, 2}


def test_a_store_that_is_busy_for_a_moment_loses_nothing(way: Way, place: str) -> None:
    left = [3]

    def spoil(exchange: Exchange) -> None:
        if exchange.method == "PUT" and left[0] > 0:
            left[0] -= 1
            exchange.reply = error(503, "SlowDown")

    with create(place, way) as vault:
        way.spoil = spoil
        put(vault)
        assert vault.generation == 2 and left == [0]


def test_a_store_that_stays_busy_ends_the_commit_in_time(way: Way, place: str) -> None:
    def spoil(exchange: Exchange) -> None:
        if exchange.method == "PUT":
            exchange.reply = error(503, "SlowDown")

    with create(place, way, s3__timeout_ms=500) as vault:
        way.spoil = spoil
        with pytest.raises(tv.TraceVaultError) as raised:
            put(vault)
        assert (raised.value.status.name, raised.value.retriable) == ("E_SERVER", True)
        assert vault.generation == 1


# ---- Nobody waits ----------------------------------------------------------------------------


class Hangs:
    """Keeps every request until it is let go."""

    def __init__(self) -> None:
        self.is_on = False
        self.met = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        if self.is_on:
            self.met.set()
            self.go_on.wait(120)


def test_a_store_that_hangs_holds_up_no_request_no_fork_and_no_reader(way: Way, place: str) -> None:
    hangs = way.spoil = Hangs()
    with standin(quota=0) as server, create(place, way, vault__refresh_ms=100) as vault:
        with vault.edit() as edit:
            edit.put("acme", ACME, token(server), origin=server.origin)
        acme = vault.tenant("acme")
        with tv.Engine(settings(server)) as engine:
            hangs.is_on = True
            until(lambda: bool(vault.accounts()) and hangs.met.is_set(), "no look came")
            for number in range(20):
                assert engine.trace(acme, ACME, f"slow-{number}", timeout=60)
                assert engine.submit(tv.Request.trace(acme, ACME, f"slow-{number}"))
            assert sum(engine.take(30) is not None for _ in range(20)) == 20
            assert vault.describe() and vault.generation == 2
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            until(lambda: bool(engine.stats()["unfollowed_vaults"]), "the hang is not told")
            hangs.go_on.set()
            hangs.is_on = False
            until(lambda: not vault.describe().get("refresh_error"), "it is not followed again")


def test_a_store_that_does_not_answer_ends_a_call_in_time(way: Way, place: str) -> None:
    hangs = way.spoil = Hangs()
    hangs.is_on = True
    assert status_of(lambda: opened(place, way, s3__timeout_ms=300)) == "E_TRANSPORT"
    hangs.go_on.set()


def test_a_store_that_is_away_is_told_and_ends_the_lending(way: Way, place: str) -> None:
    changes: dict[str, tv.Setting] = {"vault__refresh_ms": 100, "vault__max_stale_ms": 1000}
    with create(place, way, **changes) as vault:
        with vault.edit() as edit:
            edit.put("acme", ACME, tv.ApiToken(TOKEN.encode()), origin=NOBODY)
        acme = vault.tenant("acme")
        away = threading.Event()

        def spoil(exchange: Exchange) -> None:
            if away.is_set():
                exchange.reply = error(503, "SlowDown")

        way.spoil = spoil
        away.set()
        until(lambda: bool(vault.describe().get("refresh_error")), "nobody tells that looks fail")
        assert vault.describe()["refresh_error"]["status"] == "TV_E_SERVER"
        with tv.Engine(
            {"api.base_url": NOBODY + "/client/v4", "api.allow_http_loopback": True}
        ) as engine:
            until(
                lambda: (
                    status_of(lambda: engine.trace(acme, ACME, "4jXtPB72Kpz7S8D", timeout=0.1))
                    == "E_STALE"
                ),
                "it is lent for ever",
            )
        away.clear()
        until(
            lambda: bool(vault.accounts()) and not vault.describe().get("refresh_error"), "not seen"
        )


# ---- What the store sees, and whom the library believes ---------------------------------------


def test_the_store_sees_no_name_and_no_secret(store: ObjectStore, way: Way) -> None:
    place = f"s3://{BUCKET}/plain.vault"
    with create(place, way) as vault:
        put(vault, tenant="customer-with-a-name")
        with vault.edit() as edit:
            edit.rotate("customer-with-a-name", ACME, tv.ApiToken(OTHER.encode()))
    told = [(str(one.headers) + one.path).encode() + one.body for one in way.exchanges]
    for word in (TOKEN, OTHER, SECRET, "customer-with-a-name", ACME, "Acme Europe"):
        assert not any(word.encode() in one for one in told)
    assert KEY not in b"".join(told)


def test_a_certificate_must_be_of_an_authority_that_is_named(
    store: ObjectStore, place: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    files, other = certificates.create(tmp_path), certificates.create(tmp_path / "other")
    with way_to(store, (files.certificate, files.key)) as way:
        with create(place, way, s3__ca_file=str(files.ca)) as vault:
            put(vault)
        assert status_of(lambda: opened(place, way)) == "E_TLS"
        assert status_of(lambda: opened(place, way, s3__ca_file=str(other.ca))) == "E_TLS"
        assert way.count("PUT") == 4


# ---- Where keys come from ---------------------------------------------------------------------


def test_keys_come_from_where_the_setting_says(
    way: Way, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create(place, way):
        pass
    known = tmp_path / "keys"
    known.write_text(f"{ACCESS}\n{SECRET}\n")
    known.chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    for source in (f"file:{known}", "credential:keys", "environment"):
        found = way.settings(s3__keys=source)
        with tv.Vault.open(place, raw_key(), settings=found) as vault:
            assert vault.generation == 1
    # The environment decides nothing where the host does not say so.
    unsaid = lambda: tv.Vault.open(place, raw_key(), settings=way.settings())  # noqa: E731
    assert status_of(unsaid) == "E_CONFIG_VALUE"


def test_keys_are_good_for_one_call_and_never_shown(way: Way, place: str) -> None:
    given = keys()
    assert SECRET not in repr(given)
    with tv.Vault.create(place, raw_key(), settings=way.settings(), keys=given):
        pass
    again = lambda: tv.Vault.open(place, raw_key(), settings=way.settings(), keys=given)  # noqa: E731
    assert status_of(again) == "E_CREDENTIAL_FORMAT"


def test_the_command_works_on_an_object(
    way: Way, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = tmp_path / "keys"
    known.write_text(f"{ACCESS}\n{SECRET}\n")
    known.chmod(0o400)
    folders = ":".join(entry for entry in sys.path if entry)
    monkeypatch.setenv("PYTHONPATH", folders)
    monkeypatch.setenv("HOME", str(tmp_path))
    base = [
        sys.executable,
        "-m",
        "tracevault",
        "--vault",
        place,
        "--key-file",
        str(tmp_path / "soc.key"),
    ]
    for name, value in way.settings(s3__keys=f"file:{known}").items():
        base += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    for words, given in (
        (["init"], None),
        (["account", "add", "--tenant", "acme", "--account", ACME, "--token-stdin"], TOKEN + "\n"),
        (["account", "list", "--json"], None),
        (["vault", "verify"], None),
    ):
        done = subprocess.run([*base, *words], input=given, text=True, capture_output=True)
        assert done.returncode == 0, (words, done.stderr)
        assert SECRET not in done.stdout + done.stderr


def test_a_c_program_keeps_its_vault_in_an_object_store(
    compiled: Compile, way: Way, place: str
) -> None:
    program = compiled("store", ABI / "store.c")
    done = run(program, place, way.endpoint, ACCESS, SECRET)
    assert done.returncode == 0 and ", 0 failed" in done.stdout, done.stdout
