"""The ends of credentials that a round of checks stores: one account's odd end stops nobody's."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tracevault as tv
from bare_server import ACCOUNT, Server, engine, reply, serving
from tracevault import checks

GOOD = "2031-01-01T00:00:00Z"
#: What Cloudflare may write and no vault holds; the first is what Go writes for no time.
ODD = ("0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z")


@pytest.fixture(params=ODD)
def odd(request: pytest.FixtureRequest) -> str:
    end: str = request.param
    return end


@pytest.fixture
def server(odd: str) -> Iterator[Server]:
    def answer(head: bytes, _number: int) -> bytes:
        token = {"id": "0" * 32, "status": "active", "expires_on": odd if b"-odd" in head else GOOD}
        return reply({"success": True, "errors": [], "messages": [], "result": token})

    with serving(answer) as running:
        yield running


def put_three(vault: tv.Vault, server: Server) -> None:
    """Three tenants, all with an end that is not Cloudflare's."""
    with vault.edit() as edit:
        for name in ("first", "odd", "last"):
            token = tv.ApiToken(f"test-token-not-real-{name}")
            edit.put(name, ACCOUNT, token, origin=server.origin, expires="2030-01-01T00:00:00Z")


def ends(vault: tv.Vault) -> dict[str, str | None]:
    return {one.tenant: one.expires_text and one.expires_text[:4] for one in vault.accounts()}


STORED = {"first": "2031", "odd": "2030", "last": "2031"}


def test_the_others_are_stored_and_the_odd_one_is_told_behind_all(server: Server) -> None:
    with tv.Vault.in_memory() as vault, engine(server.origin) as asked:
        put_three(vault, server)
        *told, last = asked.check_all(vault, store=True)
        assert sorted(one.tenant for one in told) == ["first", "last", "odd"]
        assert all(one.valid and one.error is None for one in told)
        assert (last.tenant, last.account_id, last.valid) == ("odd", ACCOUNT, True)
        assert isinstance(last.error, tv.ReplyError)
        assert str(last.error).startswith("the end that Cloudflare tells is not stored")
        assert last.error.tenant == "odd"
        assert last.to_dict()["error"]["account_id"] == ACCOUNT
        assert ends(vault) == STORED
        generation = vault.generation
        again = asked.check_all(vault, store=True, expiring=1)
        assert [(one.tenant, bool(one.error)) for one in again] == [("odd", False), ("odd", True)]
        assert vault.generation == generation


def test_it_is_told_in_an_event_loop_as_well(server: Server) -> None:
    async def check(vault: tv.Vault) -> list[tv.Checked]:
        settings: dict[str, tv.Setting] = {
            "api.base_url": server.origin + "/client/v4",
            "api.allow_http_loopback": True,
            "budget.ledger": "private",
        }
        async with tv.AsyncEngine(settings) as asked:
            return [one async for one in asked.check_all(vault, store=True)]

    with tv.Vault.in_memory() as vault:
        put_three(vault, server)
        told = asyncio.run(check(vault))
        assert [one.tenant for one in told if one.error] == ["odd"]
        assert ends(vault) == STORED


@pytest.fixture
def command(server: Server, tmp_path: Path) -> Iterator[tuple[tv.Vault, Any]]:
    """A vault, and the command's check of all in it."""
    tmp_path.chmod(0o700)
    key, path = tmp_path / "key", tmp_path / "vault"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(32))
    words = ("--vault", path, "--key-file", key, "account", "check", "--store")
    settings = (
        f"api.base_url={server.origin}/client/v4 api.allow_http_loopback=true budget.ledger=private"
    )

    def check(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tracevault", *words, *more],
            env={**os.environ, "TRACEVAULT_SET": settings, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    with tv.Vault.create(path, tv.KeyFile(key)) as vault:
        put_three(vault, server)
        yield vault, check


def test_the_command_shows_all_rows_and_tells_the_end_that_is_not_stored(
    command: tuple[tv.Vault, Any], odd: str
) -> None:
    vault, check = command
    told = check("--json")
    assert told.returncode == 1, told.stderr
    rows = {row["tenant"]: row["expires_on"] for row in map(json.loads, told.stdout.splitlines())}
    assert rows == {"first": GOOD, "odd": odd, "last": GOOD}
    error, note = map(json.loads, told.stderr.splitlines())
    assert (error["error"]["tenant"], error["error"]["account_id"]) == ("odd", ACCOUNT)
    assert error["error"]["message"].startswith("the end that Cloudflare tells is not stored")
    assert (note["note"]["checked"], note["note"]["failed"]) == (3, 0)
    vault.refresh()
    assert ends(vault) == STORED
    told = check()
    assert told.returncode == 1
    assert len(told.stdout.splitlines()) == 4
    assert f"odd {ACCOUNT}: the end that Cloudflare tells is not stored" in told.stderr


@pytest.mark.parametrize("odd", [GOOD], indirect=True)
def test_the_command_shows_all_rows_where_nothing_can_be_stored(
    command: tuple[tv.Vault, Any], tmp_path: Path
) -> None:
    (tmp_path / "vault.new").mkdir()
    told = command[1]("--json")
    assert told.returncode == 3, told.stderr
    assert len(told.stdout.splitlines()) == 3
    assert json.loads(told.stderr.splitlines()[-1])["error"]["status"] == "TV_E_UNSAFE_FILE"


@pytest.mark.parametrize("amid", ["gone", "last"])
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "behind"])
def test_a_credential_that_goes_amid_the_edit_keeps_no_other_end_from_being_stored(
    amid: str, is_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            for name in ("first", "gone", "last"):
                edit.put(name, ACCOUNT, tv.ApiToken(f"test-token-not-real-{name}"))
        tried = checks._try_end

        def remove() -> None:
            if len(vault.accounts()) == 3:
                with vault.edit() as other:
                    other.remove("gone", ACCOUNT)

        def removing(given: tv.Vault, one: tv.Account, end: str) -> None:
            if one.tenant == amid and is_before:
                remove()
            tried(given, one, end)
            if one.tenant == amid:
                remove()

        monkeypatch.setattr(checks, "_try_end", removing)
        assert not checks.store_ends(vault, [(one, GOOD) for one in vault.accounts()])
        assert ends(vault) == {"first": "2031", "last": "2031"}
