"""`tracevault demo`: the product in a minute, from an installed package alone, and by oneself."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import tracevault as tv
from tests.cli.conftest import Call, calm, command
from tests.test_wheel import build
from tracevault.cli.demo import standin, tour
from tracevault.cli.demo.mail import ACCOUNTS, PHISH_ID, all_mail, copies
from tracevault.cli.demo.standin import Standin, serving
from tracevault.cli.exits import Exit

NOW = datetime(2027, 3, 4, 12, 0, tzinfo=timezone.utc)


def test_a_demo_shows_the_product_from_the_package_alone(
    library_path: Path, tmp_path: Path
) -> None:
    built = build(tmp_path / "dist", TRACEVAULT_LIBRARY=str(library_path))
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    home = tmp_path / "home"
    home.mkdir()
    variables = {**calm(home), "PYTHONPATH": str(tmp_path / "site"), "COLUMNS": "100"}
    variables.pop("TRACEVAULT_LIBRARY", None)
    done = subprocess.run(command("demo"), cwd=home, env=variables, capture_output=True, text=True,
                          check=False, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [line.split()[2] for line in done.stdout.splitlines() if line.startswith("$ ")]
    assert shown == ["account", "search", "trace", "hunt"]
    assert "not yet the inbox" in done.stdout
    assert "5 min 1 s of it waiting for another try" in done.stdout
    for account in ACCOUNTS:
        assert account.label in done.stdout
        assert account.token not in done.stdout + done.stderr
    page = home / "tracevault-demo/hunt.html"
    assert page.as_uri() in done.stdout
    assert page.read_text().count("<article") == len(copies(NOW))


def test_by_its_help_alone_a_user_comes_to_a_hunt_and_a_page(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment.pop("TRACEVAULT_VAULT", None)
    helped = subprocess.run(command("demo", "--help"), env=environment, capture_output=True,
                            text=True, check=True)  # fmt: skip
    assert "--serve" in helped.stdout
    pipe = subprocess.PIPE
    serving = subprocess.Popen(command("demo", "--serve"), env=environment, cwd=tmp_path,
                               stdout=pipe, stderr=pipe, text=True)  # fmt: skip
    assert serving.stdout is not None
    try:
        assert "another terminal" in serving.stdout.readline()
        lines = [serving.stdout.readline().strip() for _ in range(11)]
        bin_folder = tmp_path / "bin"
        bin_folder.mkdir()
        script = bin_folder / "tracevault"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m tracevault "$@"\n')
        script.chmod(0o755)
        environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
        typed = subprocess.run(
            ["bash", "-euc", "\n".join(lines)], env=environment, cwd=tmp_path,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert typed.returncode == 0, typed.stdout + typed.stderr
        assert "held until somebody decides" in typed.stdout
        case, own = ((tmp_path / name).read_text() for name in ("case.html", "own.html"))
        assert case.startswith("<!doctype html>")
        assert own.count("<article") == case.count("<article") == len(copies(NOW))
        assert "5 checked: 5 work" in typed.stderr
    finally:
        serving.send_signal(signal.SIGINT)
        _, told = serving.communicate(timeout=30)
    assert serving.returncode == 0, "Ctrl-C is how serving ends"
    assert "the stand-in has ended" in told


def test_a_folder_of_somebody_else_is_left_alone(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/demo.vault").write_text("precious")
    told = call("demo", "--dir", "mine")
    assert told.code == Exit.USAGE
    assert "is no demo's: give another with --dir" in told.err
    assert (tmp_path / "mine/demo.vault").read_text() == "precious"
    assert os.listdir(tmp_path / "mine") == ["demo.vault"]


@pytest.mark.parametrize("words", [("demo",), ("demo", "--serve")], ids=" ".join)
def test_a_demo_leaves_the_folder_of_one_that_runs_alone(
    call: Call, environment: dict[str, str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    serving = subprocess.Popen(command("demo", "--serve"), env=environment, cwd=tmp_path,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    folder = tmp_path / "tracevault-demo"
    try:
        assert serving.stdout is not None
        assert "another terminal" in serving.stdout.readline()
        before = {one.name: one.read_bytes() for one in folder.iterdir()}
        second = subprocess.Popen(
            command(*words), env=environment, cwd=tmp_path,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            _, told = second.communicate(timeout=60)
        finally:
            second.kill()
        assert second.returncode == Exit.USAGE
        assert "another demo uses tracevault-demo: end it with Ctrl-C, or give another" in told
        assert {one.name: one.read_bytes() for one in folder.iterdir()} == before
    finally:
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=30)
    again = call("demo", "--dir", "tracevault-demo", "--no-progress")
    assert again.code == 0, "the folder is free when the other has ended"


def test_a_vault_of_ones_own_works_with_the_next_demo_of_the_folder(
    environment: dict[str, str], tmp_path: Path
) -> None:
    origins = []
    for _ in range(2):
        serving = subprocess.Popen(command("demo", "--serve"), env=environment, cwd=tmp_path,
                                   stdout=subprocess.PIPE, text=True)  # fmt: skip
        try:
            assert serving.stdout is not None
            assert "another terminal" in serving.stdout.readline()
            config = (tmp_path / "tracevault-demo/config").read_text()
            (line,) = [one for one in config.splitlines() if one.startswith("api.base_url")]
            origins.append(line)
        finally:
            serving.send_signal(signal.SIGINT)
            serving.communicate(timeout=30)
    assert origins[0] == origins[1]


def test_a_demo_whose_port_is_taken_takes_another_one(tmp_path: Path) -> None:
    with standin.serving() as (origin, _):
        (tmp_path / "config").write_text(tour.configuration(tmp_path, origin))
        port = tour.port_before(tmp_path)
        assert origin == f"http://127.0.0.1:{port}"
        with standin.serving(port=port) as (other, _):
            assert other != origin
    (tmp_path / "config").write_text(tour.configuration(tmp_path, "http://127.0.0.1:99999"))
    assert tour.port_before(tmp_path) == 0
    (tmp_path / "config").write_text(f"[default]\napi.base_url = {origin}/client/v4\n")
    assert tour.port_before(tmp_path) == 0, "no demo made it"
    assert tour.port_before(tmp_path / "none") == 0


def decoded(reply: dict[str, object]) -> tv.Trace:
    return tv.decode(json.dumps({"success": True, "result": reply}).encode())


@pytest.mark.usefixtures("library_path")
def test_the_mail_of_the_demo_is_what_mail_servers_would_have_logged() -> None:
    for mail in all_mail(NOW):
        trace = decoded(mail.trace(9))
        assert trace.warnings == (), mail.subject
        assert all(line.event is not None for line in trace.lines), trace.lines
        assert trace.complete
        own = next((hop for hop in trace.summary.hops if hop.queue_id == mail.ids[0]), None)
        assert own is not None
        assert own.time == mail.log.begin, "the queue id tells when the message was queued"
        assert {one.address for one in trace.summary.recipients} == set(mail.to)


@pytest.mark.usefixtures("library_path")
def test_the_phish_of_the_demo_ends_in_every_way() -> None:
    states = [decoded(mail.trace(9)).summary.state for mail in copies(NOW)]
    assert states == ["sent", "rejected", "sent", "bounced", "held", "sent"]
    assert [decoded(mail.trace(0)).complete for mail in copies(NOW)] == [True] * 5 + [False]
    assert {mail.message_id for mail in copies(NOW)} == {PHISH_ID}
    assert {mail.account for mail in copies(NOW)} == set(ACCOUNTS)


def test_the_tokens_of_the_demo_say_that_they_are_none() -> None:
    assert all("not-real" in account.token for account in ACCOUNTS)
    assert len({account.token for account in ACCOUNTS}) == len(ACCOUNTS)


def test_the_page_of_a_demo_stays_when_the_next_one_serves(tmp_path: Path) -> None:
    """The tour's last line says to serve, right behind the one that says where its page is."""
    folder, served = tmp_path / "demo", Standin(NOW)
    scene = prepare_in(folder, served)
    scene.page.write_text("the page of the tour")
    again = prepare_in(folder, served)
    assert again.page.read_text() == "the page of the tour"


def prepare_in(folder: Path, served: Standin) -> tour.Scene:
    folder.mkdir(exist_ok=True)
    return tour.prepare(folder, "http://127.0.0.1:1", served)


def test_a_client_that_goes_away_is_no_word_of_the_stand_in(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with serving(NOW) as (origin, _):
        address = urlsplit(origin)
        assert address.hostname is not None
        assert address.port is not None
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            gone = struct.pack("ii", 1, 0)  # closing sends a reset
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, gone)
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        for thread in [one for one in threading.enumerate() if "process_request" in one.name]:
            thread.join(30)
    assert capfd.readouterr().err == ""
