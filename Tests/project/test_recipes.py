"""docs/recipes.md: each program stands in it as it is in examples/python, and runs."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import tracevault as tv
from launcher import Standin
from places import free_port
from recipes import (
    ACME,
    EXAMPLES,
    ROOT,
    environment,
    example,
    needs,
    refs,
    run,
    settings,
)


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- The page -----------------------------------------------------------------------------------


def test_the_page_has_every_program_as_it_is_in_its_file() -> None:
    page = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.M | re.S)
    files = {path.name: path.read_text() for path in EXAMPLES.glob("*.py")}
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    files["notebook.ipynb"] = "\n\n".join(cells) + "\n"
    assert sorted(blocks) == sorted(files.values())
    for name in files:
        assert f"`examples/python/{name}`" in page, name


# ---- Processes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes_fetches_traces_however_it_begins_them(
    server: Standin, folder: Path, method: str
) -> None:
    asked = [*refs(server, 2), "fail-404"]
    done = run(folder, example("workers.py"), method, *asked)
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert list(lines) == asked
    assert "404" in lines.pop("fail-404")
    assert set(lines.values()) == {"sent"}


def test_gunicorns_preloaded_workers_each_have_their_own(server: Standin, folder: Path) -> None:
    needs("gunicorn")
    socket = folder / "web.sock"
    command = ["-m", "gunicorn", "--preload", "--workers", "2", "--bind", f"unix:{socket}"]
    log = folder / "gunicorn.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, *command, "--no-control-socket", "preforked:app"],
            cwd=folder,
            env=environment(folder),
            stdout=out,
            stderr=out,
        )
    try:
        workers, refused = asyncio.run(both_workers(process, socket, refs(server, 1)[0]))
    finally:
        process.terminate()
        process.wait(30)
    assert len(workers) == 2, log.read_text()
    assert process.pid not in workers
    assert refused == 404


async def both_workers(
    process: subprocess.Popen[bytes], socket: Path, ref: str
) -> tuple[set[int], int]:
    """Ask until two workers have answered; the status of a tenant that there is not."""
    until = time.monotonic() + 60
    workers: set[int] = set()
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://soc", timeout=60) as client:
        while len(workers) < 2 and time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                asked = [client.get(f"/acme/{one}") for one in (ref, "slow-300", "slow-301")]
                for answer in await asyncio.gather(*asked):
                    assert answer.status_code == 200, answer.text
                    workers.add(answer.json()["worker"])
        return workers, (await client.get(f"/nobody/{ref}")).status_code


# ---- A web service ------------------------------------------------------------------------------


def test_fastapi_answers_on_one_engine_and_says_what_failed(
    server: Standin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("fastapi")
    monkeypatch.chdir(folder)
    made = tv.AsyncEngine
    monkeypatch.setattr(tv, "AsyncEngine", lambda: made(settings(server)))
    web = loaded("web")

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=web.app)
        client = httpx.AsyncClient(transport=transport, base_url="http://soc")
        async with web.lifespan(web.app), client:
            places = [f"/acme/traces/{ref}" for ref in [*refs(server, 2), "fail-404"]]
            places += [f"/nobody/traces/{refs(server, 1)[0]}", "/acme/traces/fail-403"]
            return await asyncio.gather(*(client.get(place) for place in places))

    answers = asyncio.run(ask())
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404, 502]
    assert answers[0].json()["recipients"][0]["address"]
    assert answers[2].json()["error"].startswith("TV_E_")


# ---- A watcher ----------------------------------------------------------------------------------


def test_the_watcher_shows_credentials_and_tells_notices_as_json_lines(
    server: Standin, folder: Path
) -> None:
    port = free_port()
    command = [sys.executable, "-u", example("watcher.py"), str(port), "0.05"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True
    )
    told: dict[str, Any] = {}
    try:
        works = f'soc_credential_works{{account="{ACME}",tenant="acme"}} 1.0'
        scraped, until = "", time.monotonic() + 60
        while works not in scraped and time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                scraped = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert works in scraped
        assert "tracevault_tries_total" in scraped
        assert "tracevault_request_duration_seconds_bucket" in scraped
        ends = datetime.now(timezone.utc) + timedelta(days=3)
        vault = tv.Vault.open(folder / "soc.vault", tv.KeyFile(folder / "soc.key"))
        with vault, vault.edit() as edit:
            edit.set("acme", ACME, expires=ends)
        assert process.stdout is not None
        wanted = {"vault_changed", "credential_expiring"}
        while not wanted <= told.keys():
            line = process.stdout.readline()
            assert line, told
            told[json.loads(line)["kind"]] = json.loads(line)
    finally:
        process.terminate()
        process.wait(30)
    assert told["credential_expiring"]["account_id"] == ACME


# ---- Pipelines ----------------------------------------------------------------------------------


def test_the_scripted_input_gives_each_detection_once_and_loses_none_to_a_full_disk(
    server: Standin, folder: Path
) -> None:
    server.reset()
    program = [example("splunk_input.py"), "soc.vault", "soc.key", "soc.checkpoint"]
    program += ["2000-01-01T00:00:00Z"]
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        assert run(folder, *program, stdout=full).returncode != 0
    finally:
        os.close(full)
    done = run(folder, *program)
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    expected = {mail.item["id"] for mail in server.mail_of(ACME) if mail.detected}
    assert {event["message"]["message_ref"] for event in events} == expected
    assert len(events) == len(expected) > 0
    assert all(event["time"] and event["change"] == "new" for event in events)
    assert run(folder, *program).stdout == ""


def test_the_scripted_input_says_which_account_was_not_asked(server: Standin, folder: Path) -> None:
    server.reset()
    server.revoke(server.credential(ACME))
    try:
        done = run(folder, example("splunk_input.py"), "soc.vault", "soc.key", "soc.checkpoint")
    finally:
        server.reset()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ERROR 'acme' "), done.stderr


def test_a_frame_has_a_row_for_each_recipient(server: Standin, folder: Path) -> None:
    needs("pandas")
    done = run(folder, example("frame.py"), "<capture.0046@sender.example>")
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["tenant", "label", "address", "state", "at", "error"]
    assert rows
    assert all("Acme Europe" in row and "defer-" in row for row in rows)
