"""A host starts while its object store is away, from a sealed copy on its own disk; nothing old that
somebody put back is believed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import ACME, settings, token, until
from fleet.vault import TOKEN, create, key_of, keys, keys_file, opened, put, raw_key, status_of
from launcher import standin
from object_store import Exchange, ObjectStore, Way, error
from places import python_path

ROUNDS = 40 if "TRACEVAULT_LONG" in os.environ else 6
#: What a host does until it is killed: one edit after the other, each kept on its disk.
EDITOR = """
import sys
import tracevault as tv
place, endpoint, keys, copy = sys.argv[1:5]
settings = {"s3.endpoint": endpoint, "api.allow_http_loopback": True, "s3.keys": "file:" + keys,
            "s3.copy_file": copy}
with tv.Vault.open(place, tv.RawKey(bytearray(range(32))), settings=settings) as vault:
    for number in range(10_000):
        with vault.edit() as edit:
            edit.put("acme", f"{number:032x}", tv.ApiToken(b"test-token-not-real"))
        print(vault.generation, flush=True)
"""


class Away:
    """The store does not answer while this is on."""

    def __init__(self) -> None:
        self.is_on = False

    def __call__(self, exchange: Exchange) -> None:
        if self.is_on:
            exchange.drops = "before"


@pytest.fixture
def away(way: Way) -> Away:
    made = Away()
    way.spoil = made
    return made


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Where a host keeps its copy."""
    folder = tmp_path / "host"
    folder.mkdir(mode=0o700)
    return folder / "soc.copy"


def begun(place: str, way: Way, copy: Path) -> tv.Vault:
    return create(place, way, s3__copy_file=str(copy))


def started(place: str, way: Way, copy: Path, **changes: tv.Setting) -> tv.Vault:
    """The vault as a host has it that was started just now."""
    return opened(place, way, s3__copy_file=str(copy), **changes)


def test_a_host_that_starts_while_the_store_is_away_traces_and_follows_it_again(
    way: Way, away: Away, place: str, copy: Path
) -> None:
    with standin(quota=0) as server:
        with begun(place, way, copy) as vault, vault.edit() as edit:
            edit.put("acme", ACME, token(server), origin=server.origin)
        away.is_on = True
        with (
            started(place, way, copy, vault__refresh_ms=100) as vault,
            tv.Engine(settings(server)) as engine,
        ):
            acme = vault.tenant("acme")
            assert engine.trace(acme, ACME, "slow-1", timeout=60)
            told = vault.describe()["refresh_error"]
            assert (told["status"], told["stale"]) == ("TV_E_TRANSPORT", False)
            assert engine.stats()["unfollowed_vaults"]
            assert status_of(lambda: put(vault)) == "E_TRANSPORT"
            away.is_on = False
            # Another host's change is used as ever.
            with opened(place, way) as other:
                put(other, f"{1:032x}")
            until(lambda: vault.generation == 3, "the store is not followed again")
            until(lambda: not vault.describe().get("refresh_error"), "its absence is told for ever")


def test_an_old_object_is_refused_by_a_host_that_was_started_again(
    store: ObjectStore, way: Way, place: str, copy: Path
) -> None:
    with begun(place, way, copy) as vault:
        put(vault)
        old = store.get(key_of(place))
        put(vault, f"{1:032x}")
    newest = store.get(key_of(place))
    store.put(key_of(place), old)
    assert status_of(lambda: started(place, way, copy)) == "E_ROLLBACK"
    # Without what this host has seen, nobody could know.
    opened(place, way).close()
    assert copy.read_bytes() == newest
    store.put(key_of(place), newest)
    started(place, way, copy).close()


def test_a_store_that_refuses_a_host_has_answered(way: Way, place: str, copy: Path) -> None:
    with begun(place, way, copy) as vault:
        put(vault)

    def refuse(exchange: Exchange) -> None:
        exchange.reply = error(403, "AccessDenied")

    way.spoil = refuse
    assert status_of(lambda: started(place, way, copy)) == "E_FORBIDDEN"
    way.spoil = lambda exchange: setattr(exchange, "reply", error(503, "SlowDown"))
    started(place, way, copy).close()


def test_a_damaged_mark_stops_no_process_that_runs_and_lets_nobody_open(
    store: ObjectStore, way: Way, place: str, copy: Path
) -> None:
    mark = copy.with_name(copy.name + ".seen")
    with begun(place, way, copy) as vault:
        put(vault)
        old = store.get(key_of(place))
        put(vault, f"{1:032x}")
        mark.write_bytes(bytes(len(mark.read_bytes())))
        # What it has seen itself is still followed, and not gone back behind.
        put(vault, f"{2:032x}")
        newest = store.get(key_of(place))
        described = vault.describe()
        assert not described.get("refresh_error")
        assert described["copy_error"]["status"] == "TV_E_ROLLBACK"
        assert "remove it" in described["copy_error"]["message"]
        store.put(key_of(place), old)
        assert status_of(vault.refresh) == "E_ROLLBACK"
        store.put(key_of(place), newest)
        vault.refresh()
        # Nobody can tell any more what this host had seen.
        with pytest.raises(tv.TraceVaultError, match="remove it if you know") as refused:
            started(place, way, copy)
        assert refused.value.status is tv.Status.E_ROLLBACK
        mark.unlink()
        started(place, way, copy).close()


def test_a_mark_of_another_vault_stops_no_process_that_runs(
    way: Way, place: str, copy: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    begun(place + ".other", way, other / "copy").close()
    with begun(place, way, copy) as vault:
        copy.with_name(copy.name + ".seen").write_bytes((other / "copy.seen").read_bytes())
        put(vault)
        assert vault.describe()["copy_error"]["status"] == "TV_E_CONFLICT"
        assert status_of(lambda: started(place, way, copy)) == "E_CONFLICT"


def test_the_copy_is_as_sealed_as_the_object_and_closed_to_others(
    store: ObjectStore, way: Way, place: str, copy: Path
) -> None:
    with begun(place, way, copy) as vault:
        put(vault)
        # What is written elsewhere is none of this host's vaults.
        found = way.settings(s3__copy_file=str(copy))
        vault.export(place + ".all", raw_key(), settings=found, keys=keys())
    assert copy.read_bytes() == store.get(key_of(place))
    for file in copy.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file
        assert TOKEN.encode() not in file.read_bytes() and b"Acme" not in file.read_bytes()
    assert sorted(file.name for file in copy.parent.iterdir()) == [
        "soc.copy", "soc.copy.lock", "soc.copy.seen",
    ]  # fmt: skip


def test_what_a_killed_host_leaves_is_the_newest_state_it_has_seen_or_refused(
    way: Way, away: Away, place: str, copy: Path, tmp_path: Path
) -> None:
    begun(place, way, copy).close()
    known = str(keys_file(tmp_path))
    command = [sys.executable, "-c", EDITOR, place, way.endpoint, known, str(copy)]
    environment = {**os.environ, "PYTHONPATH": python_path()}
    for number in range(ROUNDS):
        host = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert host.stdout is not None
        seen = [int(host.stdout.readline()) for _ in range(1 + number % 4)]
        host.send_signal(signal.SIGKILL)
        seen += [int(line) for line in host.stdout if line.strip()]
        host.wait()
        host.stdout.close()
        away.is_on = True
        try:
            with started(place, way, copy) as vault:
                assert vault.generation >= max(seen), "a host went back"
        except tv.TraceVaultError as refused:
            # Killed between the mark and the copy.
            assert refused.status is tv.Status.E_ROLLBACK, refused
        away.is_on = False
        with started(place, way, copy) as vault:
            assert vault.generation >= max(seen) and vault.verify()


def test_the_command_works_from_the_copy(
    way: Way, away: Away, place: str, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(place, way, copy) as vault:
        put(vault)
    (tmp_path / "soc.key").write_bytes(bytes(range(32)))
    (tmp_path / "soc.key").chmod(0o400)
    monkeypatch.setenv("PYTHONPATH", python_path())
    monkeypatch.setenv("HOME", str(tmp_path))
    base = [sys.executable, "-m", "tracevault", "--vault", place]
    base += ["--key-file", str(tmp_path / "soc.key")]
    found = way.settings(s3__keys=f"file:{keys_file(tmp_path)}", s3__copy_file=str(copy))
    for name, value in found.items():
        base += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    away.is_on = True
    done = subprocess.run([*base, "account", "list"], text=True, capture_output=True)
    assert done.returncode == 0 and ACME in done.stdout, done.stderr
