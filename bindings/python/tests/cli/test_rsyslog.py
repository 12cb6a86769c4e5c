"""``filter`` below a real rsyslog, and ``collect`` before one: what rsyslog makes of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Call, Kit, command
from tests.conftest import ACME

REF = "4jXtPB72Kpz7S8D"
CONFIGURATION = """
global(workDirectory="{folder}")
module(load="imptcp")
module(load="omprog")
module(load="mmexternal")
input(type="imptcp" path="{folder}/in")
template(name="own" type="list") {{ property(name="msg") constant(value="\\n") }}
template(name="found" type="string"
         string="%$!tracevault!trace!message_ref%|%$!tracevault!error!status%|%msg%\\n")
action(type="mmexternal" interface.input="msg"
       binary="{folder}/filter --mmexternal --max-bytes 60000")
action(type="omfile" file="{folder}/found" template="found")
action(type="omprog" template="own" confirmMessages="on" action.resumeInterval="1"
       binary="{folder}/filter --keep-alive 1 --omprog {folder}/rows")
"""


def wait_for(condition: Callable[[], object]) -> None:
    """Wait for something that another process does; a minute is given up on."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@contextlib.contextmanager
def started(
    folder: Path, configuration: str, environment: dict[str, str]
) -> Iterator[socket.socket]:
    """A rsyslogd of the test's own; lines go into it through a socket."""
    program = shutil.which("rsyslogd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("no rsyslogd here: apt-get install rsyslog")
    (folder / "conf").write_text(configuration.format(folder=folder))
    process = subprocess.Popen(
        [program, "-n", "-f", folder / "conf", "-i", folder / "pid"], env=environment
    )
    try:
        with socket.socket(socket.AF_UNIX) as sender:
            # The path is there a moment before rsyslog listens at it.
            wait_for(lambda: sender.connect_ex(str(folder / "in")) == 0)
            yield sender
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def rsyslog(kit: Kit, tmp_path: Path, environment: dict[str, str]) -> Iterator[socket.socket]:
    """One with the command below it, in both ways."""
    settings = "".join(f"export {name}='{value}'\n" for name, value in environment.items())
    words = " ".join(command("filter", "--tenant", "acme", "--account", ACME))
    (tmp_path / "filter").write_text(f'#!/bin/sh\n{settings}exec {words} "$@"\n')
    (tmp_path / "filter").chmod(0o755)
    with started(tmp_path, CONFIGURATION, environment) as sender:
        yield sender


def test_rsyslog_gets_what_it_understands(rsyslog: socket.socket, tmp_path: Path) -> None:
    messages = [json.dumps({"message_ref": REF}), '{"message_ref":"4jXtPB72Kpz7S8E"}', "plain text"]
    for one in messages:
        rsyslog.sendall(f"<13>Nov 29 06:30:00 host app: {one}\n".encode())
    rows = tmp_path / "rows"
    wait_for(lambda: rows.exists() and rows.read_bytes().count(b"\n") == len(messages))
    found = [line.split("|")[:2] for line in (tmp_path / "found").read_text().splitlines()]
    assert found == [[REF, ""], ["", "TV_E_NO_MESSAGE"], ["", "INPUT"]]
    good, missing, plain = map(json.loads, rows.read_text().splitlines())
    assert good["tracevault"]["trace"]["summary"]["recipients"]
    assert missing["tracevault"]["error"]["status"] == "TV_E_NO_MESSAGE"
    assert plain["tracevault"]["error"]["status"] == "INPUT"


FORGED = """
global(workDirectory="{folder}")
module(load="imptcp")
module(load="mmexternal")
input(type="imptcp" path="{folder}/in")
template(name="found" type="string" string="%$!tracevault%|%$!other%\\n")
set $!tracevault!trace!message_ref = "forged";
set $!other = "kept";
action(type="mmexternal" interface.input="msg" binary="{folder}/filter --mmexternal")
action(type="omfile" file="{folder}/found" template="found")
"""


def test_rsyslog_loses_an_answer_that_is_not_the_filters(
    kit: Kit, tmp_path: Path, environment: dict[str, str]
) -> None:
    settings = "".join(f"export {name}='{value}'\n" for name, value in environment.items())
    words = " ".join(command("filter", "--tenant", "acme", "--account", ACME))
    (tmp_path / "filter").write_text(f'#!/bin/sh\n{settings}exec {words} "$@"\n')
    (tmp_path / "filter").chmod(0o755)
    found = tmp_path / "found"
    with started(tmp_path, FORGED, environment) as sender:
        sender.sendall(b'<13>Nov 29 06:30:00 host app: {"tracevault":{"trace":{}}}\n')
        wait_for(lambda: found.exists() and found.read_bytes().count(b"\n") == 1)
    assert found.read_text() == "|kept\n"


PASSED_ON = """
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imptcp")
input(type="imptcp" path="{folder}/in")
template(name="row" type="list") {{ property(name="msg") constant(value="\\n") }}
action(type="omfile" file="{folder}/rows" template="row")
"""


def test_rows_of_a_collection_go_through_rsyslog_as_they_are(
    call: Call, kit: Kit, tmp_path: Path, environment: dict[str, str]
) -> None:
    options = ("--format", "ecs", "--checkpoint", tmp_path / "soc.checkpoint")
    told = call("collect", "--tenant", "acme", *options, "--start", "2026-01-01")
    assert told.code == 0, told.err
    sent = told.out.splitlines()
    assert sent
    rows = tmp_path / "rows"
    with started(tmp_path, PASSED_ON, environment) as sender:
        for row in sent:
            sender.sendall(f"<13>Nov 29 06:30:00 host tracevault: {row}\n".encode())
        wait_for(lambda: rows.exists() and rows.read_bytes().count(b"\n") == len(sent))
    got = [json.loads(line) for line in rows.read_text().splitlines()]
    assert got == [json.loads(row) for row in sent]
