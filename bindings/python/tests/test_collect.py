"""Collections: new detections since the last time, changes told once, a checkpoint for kills."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv

from .conftest import ACME, LIBRARY, settings

#: The mail of the stand-in is old, and does not become younger.
EVER = timedelta(days=10_000)


def detected(server: Standin) -> set[tuple[str, str]]:
    return {
        (account.id, one.item["id"])
        for account in server.accounts
        for one in server.mail_of(account.id)
        if one.detected
    }


def collect(
    engine: tv.Engine, where: tv.Vault | tv.Tenant, checkpoint: Path, **options: Any
) -> list[tv.Detection]:
    return list(engine.collect(where, checkpoint=checkpoint, look_back=EVER, **options))


def names(found: list[tv.Detection]) -> list[tuple[str, str | None]]:
    return [(one.account_id, one.message.message_ref if one.message else None) for one in found]


def test_the_first_run_gives_every_detection_and_the_next_none(
    server: Standin, engine: tv.Engine, vault: tv.Vault, tmp_path: Path
) -> None:
    server.reset()
    told: list[tv.Progress] = []
    first = collect(engine, vault, tmp_path / "c", progress=told.append)
    assert Counter(names(first)) == Counter(detected(server))
    assert {one.change for one in first} == {"new"}
    assert (told[-1].done, told[-1].total) == (5, 5)
    for _ in range(2):
        assert collect(engine, vault, tmp_path / "c") == []
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o600
    assert "sender.example" not in (tmp_path / "c").read_text()  # no address, no subject


def test_a_new_detection_and_a_state_that_changed_are_each_told_once(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    server.reset()
    mail = [one.item for one in server.mail_of(ACME) if one.detected]
    hidden, moved, released = mail[0]["id"], mail[1]["id"], mail[2]["id"]
    server.amend(hidden, None)
    server.amend(released, {"is_quarantined": True})
    assert (ACME, hidden) not in names(collect(engine, acme, tmp_path / "c"))

    server.amend(hidden, {})
    server.amend(moved, {"post_delivery_operations": ["MOVE", "SUBMISSION"]})
    server.amend(released, {"is_quarantined": False})
    found = {
        one.message.message_ref: one for one in collect(engine, acme, tmp_path / "c") if one.message
    }
    assert {ref: one.change for ref, one in found.items()} == {
        hidden: "new",
        moved: "changed",
        released: "changed",
    }
    assert found[released].before["is_quarantined"] is True
    assert found[released].state["is_quarantined"] is False
    assert found[hidden].before == {}
    assert collect(engine, acme, tmp_path / "c") == []
    server.reset()


def test_what_becomes_a_detection_later_is_new_then(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    server.reset()
    clean = next(one.item["id"] for one in server.mail_of(ACME) if not one.detected)
    collect(engine, acme, tmp_path / "c")
    server.amend(clean, {"final_disposition": "MALICIOUS"})
    (found,) = collect(engine, acme, tmp_path / "c")
    assert (found.change, found.message and found.message.message_ref) == ("new", clean)
    server.reset()


def test_later_runs_look_back_only_so_far(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    server.reset()
    start = "2000-01-01T00:00:00Z"
    assert list(engine.collect(acme, checkpoint=tmp_path / "c", start=start))
    server.reset()
    assert list(engine.collect(acme, checkpoint=tmp_path / "c", start=start)) == []
    asked = [request["query"] for request in server.requests()]
    assert all("start=2000" not in query for query in asked)
    lines = [json.loads(line) for line in (tmp_path / "c").read_text().splitlines()]
    assert {one["account_id"] for one in lines if "until" in one} == {
        account.id for account in server.accounts if account.tenant == "acme"
    }


def test_an_account_that_could_not_be_asked_is_told_and_caught_up_with_later(
    server: Standin, engine: tv.Engine, vault: tv.Vault, tmp_path: Path
) -> None:
    server.reset()
    revoked = server.credential("1111ec" + "0" * 25 + "1")
    server.revoke(revoked)
    found = collect(engine, vault, tmp_path / "c")
    (failed,) = [one for one in found if one.message is None]
    assert (failed.tenant, failed.change, type(failed.error)) == (
        "initech",
        "none",
        tv.CredentialError,
    )
    server.restore(revoked)
    with tv.Engine(settings(server)) as other:
        later = collect(other, vault, tmp_path / "c")
    assert {one.tenant for one in later} == {"initech"}
    everything = [name for name in names(found + later) if name[1]]
    assert Counter(everything) == Counter(detected(server))


def test_rows_come_in_the_own_form_and_as_ecs_and_ocsf(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    server.reset()
    found = collect(engine, acme, tmp_path / "c", views=("ecs", "ocsf"), wait=30, limit=1000)
    assert all(one.trace is not None for one in found)
    rows = [row for one in found for row in one.to_rows("ecs")]
    assert rows
    assert all(row["ecs"]["version"] for row in rows)
    assert all(row["metadata"]["version"] for one in found for row in one.to_rows("ocsf"))
    own = [row for one in found for row in one.to_rows()]
    assert [row["message"]["message_ref"] for row in own] == [ref for _, ref in names(found)]
    json.dumps(own)


def test_a_message_whose_trace_may_come_later_comes_again_with_it(
    server: Standin, acme: tv.Tenant, tmp_path: Path
) -> None:
    server.reset()
    for account in (one.id for one in server.accounts if one.tenant == "acme"):
        for number, mail in enumerate(server.mail_of(account)):
            # All but two are hidden. Of those one has its trace from the third try on, one never.
            ref = ("fail-503-x2", "fail-404")[number] if number < 2 else ""
            change = {"id": ref, "final_disposition": "SPAM"} if ref else None
            server.amend(mail.item["id"], change)
    refs: list[list[tuple[str | None, str]]] = []
    for _ in range(3):
        with tv.Engine(settings(server, retry_max_attempts=2)) as engine:
            found = collect(engine, acme, tmp_path / "c", trace=True)
        told = {
            (one.message.message_ref, one.error.name if one.error else "")
            for one in found
            if one.message
        }
        refs.append(sorted(told, key=str))
    assert refs == [
        [("fail-404", "TV_E_NO_MESSAGE"), ("fail-503-x2", "TV_E_SERVER")],
        [("fail-503-x2", "")],
        [],
    ]
    server.reset()


def test_a_message_whose_credential_was_refused_comes_again_with_its_trace(
    server: Standin, vault: tv.Vault, tmp_path: Path
) -> None:
    server.reset()
    credential = server.credential("1111ec" + "0" * 25 + "1")
    initech = vault.tenant("initech")
    with tv.Engine(settings(server)) as engine:
        found = engine.collect(
            initech, checkpoint=tmp_path / "c", look_back=EVER, trace=True, window=1
        )
        first = next(found)
        server.revoke(credential)
        rest = list(found)
    assert first.trace is not None
    refused = {one.message.message_ref for one in rest if one.message and one.error}
    assert refused
    server.restore(credential)
    with tv.Engine(settings(server)) as engine:
        again = collect(engine, initech, tmp_path / "c", trace=True)
    assert {one.message.message_ref for one in again if one.message} == refused
    assert all(one.trace is not None for one in again)


def test_a_collection_in_asyncio_shares_the_checkpoint(
    server: Standin, engine: tv.Engine, vault: tv.Vault, tmp_path: Path
) -> None:
    server.reset()

    async def run() -> list[tv.Detection]:
        async with tv.AsyncEngine(settings(server)) as asking:
            found = asking.collect(vault, checkpoint=tmp_path / "c", look_back=EVER)
            return [one async for one in found]

    assert Counter(names(asyncio.run(run()))) == Counter(detected(server))
    assert collect(engine, vault, tmp_path / "c") == []


def test_a_checkpoint_is_written_anew_beside_whatever_has_a_name_like_it(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    server.reset()
    target = tmp_path / "elsewhere"
    target.write_text("mine")
    (tmp_path / "c.new").symlink_to(target)
    assert collect(engine, acme, tmp_path / "c")
    (tmp_path / "d.new").write_text("mine as well")
    assert collect(engine, acme, tmp_path / "d")
    assert collect(engine, acme, tmp_path / "c") == []
    assert (target.read_text(), (tmp_path / "d.new").read_text()) == ("mine", "mine as well")
    assert (tmp_path / "c.new").is_symlink()
    assert {one.name for one in tmp_path.iterdir()} == {"c", "d", "c.new", "d.new", "elsewhere"}


def test_two_collections_do_not_share_a_checkpoint_at_a_time(
    engine: tv.Engine, vault: tv.Vault, tmp_path: Path
) -> None:
    first = engine.collect(vault, checkpoint=tmp_path / "c", look_back=EVER)
    next(first)
    with pytest.raises(tv.JournalError, match="in use"):
        collect(engine, vault, tmp_path / "c")
    rest = list(first)
    assert rest
    assert collect(engine, vault, tmp_path / "c") == []


def test_what_was_being_worked_on_when_the_caller_failed_comes_again(
    engine: tv.Engine, vault: tv.Vault, server: Standin, tmp_path: Path
) -> None:
    server.reset()
    done = []
    for number, one in enumerate(engine.collect(vault, checkpoint=tmp_path / "c", look_back=EVER)):
        if number == 7:
            break  # as an exception in the body does
        done.append(one)
    rest = collect(engine, vault, tmp_path / "c")
    assert Counter(names(done + rest)) == Counter(detected(server))


PROGRAM = """
import datetime, json, os, signal, sys
import tracevault as tv
config = json.loads(sys.argv[1])
with tv.Vault.in_memory() as vault, tv.Engine(config["settings"]) as engine:
    with vault.edit() as edit:
        for tenant, account, token in config["tokens"]:
            edit.put(tenant, account, tv.ApiToken(token), origin=config["origin"])
    ever = datetime.timedelta(days=10_000)
    rows = os.open(config["rows"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    found = engine.collect(vault, checkpoint=config["checkpoint"], look_back=ever)
    for number, one in enumerate(found, 1):
        os.write(rows, f"{one.account_id} {one.message.message_ref} {one.change}\\n".encode())
        if number == config["stop"]:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kills_lose_no_detection_and_repeat_only_the_one_under_work(
    server: Standin, tmp_path: Path
) -> None:
    server.reset()
    tokens = [
        (account.tenant, account.id, server.credential(account.id).token)
        for account in server.accounts
        if server.credential(account.id).kind == "api_token"
    ]
    wanted = {name for name in detected(server) if name[0] in {account for _, account, _ in tokens}}
    stops = [1, 5, 9, 0, 0]
    for stop in stops:
        config = {
            "settings": settings(server),
            "origin": server.origin,
            "tokens": tokens,
            "rows": str(tmp_path / "rows"),
            "checkpoint": str(tmp_path / "c"),
            "stop": stop,
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(config)],
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
            env={
                **os.environ,
                "TRACEVAULT_LIBRARY": str(LIBRARY),
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            },
        )
        assert (done.returncode == 0) is (stop == 0), done.stderr
    rows = [tuple(row.split()) for row in (tmp_path / "rows").read_text().splitlines()]
    assert {row[:2] for row in rows} == wanted
    assert {row[2] for row in rows} == {"new"}
    assert len(rows) <= len(wanted) + 3  # one for each kill
