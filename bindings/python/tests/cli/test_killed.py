"""A kill while a file is written anew: the old one or the new one is there, and little else."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.conftest import REPOSITORY
from tracevault._lines import LineFile
from tracevault._place import Place
from tracevault.cli.page_file import replace_file

REPLY = REPOSITORY / "Tests/data/golden/trace/real_bounced.reply.json"
PAGE = "<!doctype html><title>a page · TraceVault</title>"
OLD, NEW = f"{PAGE}what was there", PAGE + "what is new " * 20_000
#: Where the process stops, until it is killed: before the first byte, before the name is exchanged,
#: behind that.
STOPS = {
    "made": "tracevault._place.Place.made = then(tracevault._place.Place.made)",
    "written": "tracevault._place.Place.take = stopped(tracevault._place.Place.take)",
    "taken": "tracevault._place.Place.take = then(tracevault._place.Place.take)",
}
PROGRAM = """
import signal, sys, tracevault._place
from tracevault._lines import LineFile
from tracevault.cli.page_file import replace_file

def stop():
    print("here", flush=True)
    signal.pause()

def stopped(call):
    def stopping(*given):
        stop()
        return call(*given)
    return stopping

def then(call):
    def stopping(*given):
        done = call(*given)
        stop()
        return done
    return stopping

kind, path, text = sys.argv[1:4]
file = LineFile(path, "test/1") if kind == "lines" else None
{stop}
if file is None:
    replace_file(path, text)
else:
    file.replace([text.encode()])
"""


def killed(kind: str, path: Path, stop: str, environment: dict[str, str]) -> None:
    """Have a process write the file anew, and kill it amid that."""
    program = PROGRAM.replace("{stop}", STOPS[stop])
    child = subprocess.Popen([sys.executable, "-c", program, kind, str(path), NEW[:100_000]],
                             env=environment, stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"here\n"
    child.send_signal(signal.SIGKILL)
    child.wait(60)
    child.stdout.close()


def left(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.name.startswith(".tracevault.")]


def write(kind: str, path: Path, text: str) -> None:
    """Write the file anew in this process."""
    if kind == "page":
        replace_file(str(path), text)
        return
    file = LineFile(path, "test/1")
    try:
        file.replace([text.encode()])
    finally:
        file.close()


@pytest.mark.parametrize("kind", ["page", "lines"])
@pytest.mark.parametrize("stop", STOPS)
def test_a_kill_leaves_the_old_file_or_the_new_one_and_the_next_run_clears_up(
    environment: dict[str, str], tmp_path: Path, kind: str, stop: str
) -> None:
    path = tmp_path / "file"
    write(kind, path, OLD)
    path.chmod(0o600)
    before = path.read_text()
    mask = os.umask(0)
    try:
        killed(kind, path, stop, environment)
        killed(kind, path, stop, environment)
    finally:
        os.umask(mask)
    new = before.replace(OLD, NEW[:100_000])
    assert path.read_text() == (new if stop == "taken" else before)
    assert len(left(tmp_path)) == (0 if stop == "taken" else 1), "the second has cleared up"
    assert all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one in left(tmp_path))
    write(kind, path, OLD)
    assert left(tmp_path) == []
    assert path.read_text() == before


@pytest.fixture
def others(tmp_path: Path) -> Iterator[list[Path]]:
    """What looks like a left-over and is none: in use, of another user, a link, with two names."""
    digits = iter("0123456789")

    def name() -> Path:
        return tmp_path / f".tracevault.{next(digits) * 16}"

    link, folder, pipe = name(), name(), name()
    link.symlink_to(tmp_path / "precious")
    folder.mkdir()
    os.mkfifo(pipe)
    twice = name()
    twice.write_text("two names")
    os.link(twice, tmp_path / "second")
    near = tmp_path / ".tracevault.0123"
    near.write_text("another name")
    made = [link, folder, pipe, twice, near]
    if os.geteuid() == 0:
        foreign = name()
        foreign.write_text("of another user")
        os.chown(foreign, 65534, 65534)
        made.append(foreign)
    with Place(tmp_path / "elsewhere") as place:
        in_use, descriptor = place.beside(os.O_WRONLY)
        yield [*made, tmp_path / in_use]
        os.close(descriptor)


@pytest.mark.parametrize("kind", ["page", "lines"])
def test_a_run_that_clears_up_leaves_what_is_about_to_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    take = Place.take

    def cleared_before(place: Place, name: str) -> None:
        monkeypatch.setattr(Place, "take", take)
        replace_file(str(tmp_path / "another"), "of a run that clears up")
        take(place, name)

    monkeypatch.setattr(Place, "take", cleared_before)
    write(kind, tmp_path / "file", NEW)
    assert NEW in (tmp_path / "file").read_text()
    assert left(tmp_path) == []


def test_nothing_else_is_cleared_up(call: Call, tmp_path: Path, others: list[Path]) -> None:
    (tmp_path / f".tracevault.{'f' * 16}").write_text("left behind")
    assert call("decode", "--html", "case.html", REPLY).code == 0
    assert sorted(left(tmp_path)) == sorted(others)
