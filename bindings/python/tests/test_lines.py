"""Files of lines: written anew beside whatever stands there, and told of where that fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracevault as tv
from tracevault._lines import LineFile

SCHEMA = "a test's"
FIRST = b'{"schema": "a test\'s"}\n'


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LineFile]:
    made = LineFile(tmp_path / "soc", SCHEMA)
    made.append(b'{"old":1}')
    yield made
    made.close()


def test_a_file_of_a_name_like_it_is_left_alone(file: LineFile, tmp_path: Path) -> None:
    (tmp_path / "soc.new").write_text("my notes")
    file.replace([b'{"new":1}'])
    assert (tmp_path / "soc.new").read_text() == "my notes"
    assert (tmp_path / "soc").read_bytes() == FIRST + b'{"new":1}\n'
    assert (tmp_path / "soc").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("step", ["os.open", "os.fsync", "os.rename"])
def test_a_file_that_cannot_be_written_anew_is_told_and_stays(
    file: LineFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(step, refused)
    with pytest.raises(tv.JournalError, match=r"soc stays as it was.*: Permission denied"):
        file.replace([b'{"new":1}'])
    monkeypatch.undo()
    file.append(b'{"more":1}')
    assert [one.name for one in tmp_path.iterdir()] == ["soc"]
    assert (tmp_path / "soc").read_bytes() == FIRST + b'{"old":1}\n{"more":1}\n'


def test_a_line_that_cannot_be_written_is_told(
    file: LineFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.write", full)
    with pytest.raises(tv.JournalError, match="soc cannot be written to: No space left"):
        file.append(b"{}")


def test_a_forked_child_neither_writes_nor_holds_its_parents_file(
    file: LineFile, tmp_path: Path
) -> None:
    before = (tmp_path / "soc").read_bytes()
    (tried, trying), (ending, end) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        refused = 0
        for work in (
            lambda: file.append(b'{"b":2}'),
            lambda: file.replace([b'{"b":2}']),
            lambda: file.read(0, 1),
        ):
            try:
                work()
            except tv.ForkedError:
                refused += 1
        os.close(end)
        os.write(trying, b"%d" % refused)
        os.read(ending, 1)
        os._exit(0)
    assert os.read(tried, 1) == b"3"
    assert (tmp_path / "soc").read_bytes() == before
    file.close()
    # The child lives.
    again = LineFile(tmp_path / "soc", SCHEMA)
    assert [line for _, line in again.lines()] == [b'{"old":1}\n']
    again.close()
    os.close(end)
    assert os.waitpid(child, 0)[1] == 0
    for number in (tried, trying, ending):
        os.close(number)
