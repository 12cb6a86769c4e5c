"""What was removed from a vault, or replaced, is not lent any more, whatever a request is doing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import ACME, NEW, ChangedFile, names, settings, slow, taken, token, until
from launcher import Standin, standin

#: Sleeps two seconds after its first try, which fails.
SLEEPER = "fail-503-2-once"


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with standin(quota=0) as server:
        yield server


class World(ChangedFile):
    """Its engine asks one thing after the other."""

    def __init__(self, server: Standin, path: Path, **options: tv.Setting) -> None:
        changed = {f"vault.{name}": value for name, value in options.items()}
        asked = settings(server, engine__max_in_flight=1, retry__base_ms=1)
        super().__init__(server, path, server.origin, changed, asked)

    def sleeping(self, count: int) -> None:
        """Submits so many of the same; one sleeps, and the others have joined it."""
        for _ in range(count):
            self.engine.submit(tv.Request.trace(self.acme, ACME, SLEEPER))
        until(lambda: self.engine.stats()["sleeping"] == 1, "the first try has failed")
        assert self.engine.stats()["joined"] == count - 1


@pytest.fixture
def world(running: Standin, tmp_path: Path) -> Iterator[World]:
    running.reset()
    tmp_path.chmod(0o700)
    made = World(running, tmp_path / "t.vault")
    yield made
    made.close()


def test_what_is_queued_is_not_sent_with_a_removed_token(world: World) -> None:
    world.engine.submit(slow(world.acme, 1500))
    until(lambda: world.engine.stats()["in_flight"] == 1, "the first request is under way")
    for ms in range(1, 6):
        world.engine.submit(slow(world.acme, ms))
    world.changed(world.remove)
    assert names(taken(world.engine, 6).values()) == ["", *["TV_E_NOT_FOUND"] * 5]
    assert world.used() == (1, 0)


def test_what_is_queued_is_sent_with_the_new_token(world: World) -> None:
    world.engine.submit(slow(world.acme, 1500))
    until(lambda: world.engine.stats()["in_flight"] == 1, "the first request is under way")
    for ms in range(1, 6):
        world.engine.submit(slow(world.acme, ms))
    world.changed(world.rotate)
    assert names(taken(world.engine, 6).values()) == [""] * 6
    assert world.used() == (1, 5)


@pytest.mark.parametrize("count", [1, 3])
def test_what_sleeps_or_has_joined_is_not_sent_with_a_removed_token(
    world: World, count: int
) -> None:
    world.sleeping(count)
    world.changed(world.remove)
    assert names(taken(world.engine, count).values()) == ["TV_E_NOT_FOUND"] * count
    assert world.used() == (1, 0)


@pytest.mark.parametrize("count", [1, 3])
def test_what_sleeps_or_has_joined_goes_on_with_the_new_token(world: World, count: int) -> None:
    world.sleeping(count)
    world.changed(world.rotate)
    assert names(taken(world.engine, count).values()) == [""] * count
    assert world.used() == (1, 1)


def test_nothing_is_answered_from_the_cache_of_a_removed_token(world: World) -> None:
    assert world.engine.trace(world.acme, ACME, "slow-1").complete
    world.changed(world.remove)
    with pytest.raises(tv.NotFoundError):
        world.engine.trace(world.acme, ACME, "slow-1")
    assert world.used() == (1, 0)


def test_nothing_is_answered_from_the_cache_of_a_replaced_token(world: World) -> None:
    assert world.engine.trace(world.acme, ACME, "slow-1").complete
    world.changed(world.rotate)
    assert world.engine.trace(world.acme, ACME, "slow-1").complete
    assert world.used() == (1, 1)


def test_another_label_or_the_same_token_again_is_no_other_credential(world: World) -> None:
    world.server.revoke(world.server.credential(ACME))
    with pytest.raises(tv.CredentialError):
        world.engine.trace(world.acme, ACME, "slow-1")
    refused = world.used()[0]
    again = token(world.server)
    for change in (
        lambda edit: edit.set("acme", ACME, label="another"),
        lambda edit: edit.put("acme", ACME, again, origin=world.server.origin),
    ):
        world.changed(change)
        with pytest.raises(tv.CredentialError):
            world.engine.trace(world.acme, ACME, "slow-1")
    assert world.used() == (refused, 0)


# ---- Vaults that are out of sight ------------------------------------------------------------


def test_a_vault_that_is_out_of_sight_for_too_long_lends_nothing(
    running: Standin, tmp_path: Path
) -> None:
    running.reset()
    tmp_path.chmod(0o700)
    world = World(running, tmp_path / "t.vault", max_stale_ms=1)
    assert world.engine.trace(world.acme, ACME, "slow-1").complete
    assert world.engine.stats()["unfollowed_vaults"] == []
    aside = tmp_path / "aside"
    world.path.rename(aside)

    def lends() -> bool:
        try:
            world.engine.trace(world.acme, ACME, "slow-1")
        except tv.StaleError as error:
            assert "no vault file" in str(error)
            return False
        return True

    until(lambda: not lends(), "the vault is stale")
    before = world.used()
    with pytest.raises(tv.StaleError):
        world.engine.submit(slow(world.acme, 2))
    (told,) = world.engine.stats()["unfollowed_vaults"]
    error = world.vault.describe()["refresh_error"]
    assert error == {name: told[name] for name in ("status", "message", "since", "stale")}
    assert (told["status"], told["stale"]) == ("TV_E_NO_VAULT", True)
    assert told["vault_id"] == world.vault.describe()["vault_id"]
    assert world.used() == before
    aside.rename(world.path)
    until(lends, "the file is back")
    assert world.engine.stats()["unfollowed_vaults"] == []
    world.close()


# ---- Rotations under load --------------------------------------------------------------------


def test_no_request_fails_because_of_a_rotation(running: Standin) -> None:
    running.reset()
    vault = tv.Vault.in_memory()
    over = threading.Event()
    rotations = 0

    def rotate() -> None:
        nonlocal rotations
        tokens = [running.credential(ACME).token, running.named(NEW).token]
        while not over.is_set() or rotations < 3000:
            secret = tv.ApiToken(bytearray(tokens[rotations % 2].encode()))
            with vault.edit() as edit:
                if rotations:
                    edit.retire("acme", ACME)
                edit.put("acme", ACME, secret, origin=running.origin)
            rotations += 1

    rotor = threading.Thread(target=rotate)
    rotor.start()
    try:
        until(lambda: rotations > 0, "there is a credential")
        acme = vault.tenant("acme")
        with tv.Engine(settings(running)) as engine:
            for round_ in range(10):
                for ms in range(100):
                    engine.submit(slow(acme, ms % 5, fresh=True, priority="bulk"))
                    engine.submit(tv.Request.check(acme, ACME))
                assert names(taken(engine, 200).values()) == [""] * 200, f"round {round_}"
    finally:
        over.set()
        rotor.join()
    assert rotations >= 3000


# ---- Two vault files -------------------------------------------------------------------------


def test_a_vault_that_copies_record_ids_gets_nothing_of_the_other_and_harms_nothing(
    world: World, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.vault"
    shutil.copy(world.path, forged)
    # Both records get their second version: the same id, version, tenant and account.
    with tv.Vault.open(forged, world.key()) as other:
        with other.edit() as edit:
            bogus = tv.ApiToken(bytearray(b"test-token-not-real-and-bogus"))
            edit.put("acme", ACME, bogus, origin=world.server.origin)
        again = token(world.server)
        world.changed(lambda edit: edit.put("acme", ACME, again, origin=world.server.origin))
        assert world.engine.trace(world.acme, ACME, "slow-1").complete
        stranger = other.tenant("acme")
        with pytest.raises(tv.CredentialError):
            world.engine.trace(stranger, ACME, "slow-1")
        assert world.engine.trace(world.acme, ACME, "slow-1").complete
        assert world.engine.trace(world.acme, ACME, "slow-2").complete
