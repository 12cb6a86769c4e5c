"""A vault as an object of a real S3 server (SeaweedFS): it does what one in a file does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import ABI, Compile, run
from engine_scene import ACME, until
from fleet.vault import (
    OTHER,
    TOKEN,
    accounts,
    create,
    key_of,
    keys,
    keys_file,
    opened,
    put,
    raw_key,
    status_of,
    writer,
)
from object_store import ACCESS, SECRET, Exchange, ObjectStore, Way
from places import python_path


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


def test_nothing_is_ever_deleted_nor_overwritten_without_a_condition(way: Way, place: str) -> None:
    """Whatever a vault goes through: a bucket that keeps versions keeps them all, and no right to
    delete is needed."""
    with create(place, way) as vault:
        put(vault)
        with vault.edit() as edit:
            edit.remove_tenant("acme")
        put(vault)
        with vault.edit() as edit:
            edit.rekey(raw_key(1))
        with vault.edit() as edit:
            edit.remove("acme", ACME)
        vault.refresh()
        vault.verify()
        vault.export(place + ".all", raw_key(2), settings=way.settings(), keys=keys())
    assert {exchange.method for exchange in way.exchanges} == {"GET", "PUT"}
    for exchange in way.exchanges:
        bound = {"If-Match", "If-None-Match"} & exchange.headers.keys()
        assert exchange.method == "GET" or len(bound) == 1


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


def test_a_vault_that_nobody_uses_is_looked_at_as_well(way: Way, place: str) -> None:
    """Its first use may come late, and what was rotated before then is to be known."""
    with create(place, way), opened(place, way, vault__refresh_ms=100):
        told = len(way.exchanges)
        until(lambda: len(way.exchanges) > told + 3, "nobody looks")
        assert all("If-None-Match" in one.headers for one in way.exchanges[told:])


@pytest.mark.parametrize("name", ["refresh", "verify", "unlock"])
def test_ctrl_c_does_not_wait_for_a_store_that_hangs(way: Way, place: str, name: str) -> None:
    ends, has_ended = threading.Event(), threading.Event()

    def hang(_: Exchange) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        ends.wait(30)
        has_ended.set()

    patient = {"s3__timeout_ms": 60_000, "vault__refresh_ms": 60_000}
    with create(place, way, **patient) as vault:
        call = partial(vault.unlock, raw_key()) if name == "unlock" else getattr(vault, name)
        way.spoil = hang
        with pytest.raises(KeyboardInterrupt):
            call()
        assert not has_ended.is_set()
        ends.set()


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
            for _ in range(2):
                assert status_of(vault.refresh) == status
            assert len(vault.accounts()) == 1
        store.put(key_of(place), first)
        assert status_of(vault.refresh) == "E_ROLLBACK"
        assert status_of(lambda: put(vault, text=OTHER)) == "E_ROLLBACK"
        store.put(key_of(place), whole)
        vault.refresh()
        put(vault, text=OTHER)
        assert vault.generation == 3


def test_a_rekey_is_not_undone_by_the_object_of_before(
    store: ObjectStore, way: Way, place: str
) -> None:
    with create(place, way) as vault:
        put(vault)
        whole = store.get(key_of(place))
        with opened(place, way) as other, other.edit() as edit:
            edit.rekey(raw_key(9))
        assert status_of(vault.refresh) == "E_UNLOCK"
        store.put(key_of(place), whole)
        assert status_of(vault.refresh) == "E_ROLLBACK"
        vault.lock()
        vault.unlock(raw_key())
        assert status_of(vault.refresh) == "OK"


def test_another_key_opens_nothing(way: Way, place: str) -> None:
    with create(place, way):
        wrong = lambda: tv.Vault.open(place, raw_key(9), settings=way.settings(), keys=keys())  # noqa: E731
        assert status_of(wrong) == "E_UNLOCK"


def test_processes_and_threads_race_for_one_object_and_no_edit_is_lost(
    way: Way, place: str, tmp_path: Path
) -> None:
    known = keys_file(tmp_path)
    with create(place, way, vault__lock_timeout_ms=60000) as vault:
        writers = [writer(place, way.endpoint, known, first, 12) for first in (100, 200)]

        def write(first: int) -> None:
            for number in range(first, first + 4):
                put(vault, f"{number:032x}")

        threads = [threading.Thread(target=write, args=(first,)) for first in (300, 400)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for process in writers:
            process.communicate(timeout=120)
        assert [process.returncode for process in writers] == [0, 0]
        vault.refresh()
        wanted = {*range(100, 112), *range(200, 212), *range(300, 304), *range(400, 404)}
        assert accounts(vault) == wanted
        assert vault.generation == 33


def test_the_command_works_on_an_object(way: Way, place: str, tmp_path: Path) -> None:
    base = [sys.executable, "-m", "tracevault", "--vault", place]
    base += ["--key-file", str(tmp_path / "soc.key")]
    for name, value in way.settings(s3__keys=f"file:{keys_file(tmp_path)}").items():
        base += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    environment = {**os.environ, "PYTHONPATH": python_path(), "HOME": str(tmp_path)}
    for words, given in (
        (["init"], None),
        (["account", "add", "--tenant", "acme", "--account", ACME, "--token-stdin"], TOKEN + "\n"),
        (["account", "list", "--json"], None),
        (["vault", "verify"], None),
    ):
        done = subprocess.run(
            [*base, *words], input=given, env=environment, text=True, capture_output=True
        )
        assert done.returncode == 0, (words, done.stderr)
        assert SECRET not in done.stdout + done.stderr


def test_a_c_program_keeps_its_vault_in_an_object_store(
    compiled: Compile, way: Way, place: str
) -> None:
    program = compiled("store", ABI / "store.c")
    done = run(program, place, way.endpoint, ACCESS, SECRET)
    assert done.returncode == 0 and ", 0 failed" in done.stdout, done.stdout
