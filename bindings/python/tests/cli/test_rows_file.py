"""The rows of ``filter --omprog``: who may read them stops nobody, writers wait for each other."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call, Kit
from tracevault.cli import rows_file
from tracevault.cli.exits import Exit
from tracevault.cli.rows_file import RowsFile

STRANGER = 65534
#: How each row looks: the line that came, with one more member.
ROW = b'{"message_ref":"x","tracevault":{}}\n'
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file as logrotate's ``create 0644`` makes it."""
    file = tmp_path / "rows.jsonl"
    file.touch()
    file.chmod(0o644)
    return file


def written(path: Path, row: bytes = b"row\n") -> bytes:
    file = RowsFile(str(path))
    try:
        file.append(row)
    finally:
        file.close()
    return path.read_bytes()


def lock_of(path: Path) -> Path:
    return path.parent / f".{path.name}.lock"


def test_who_locks_the_rows_holds_nobody_up(rows: Path) -> None:
    with open(rows, "rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_EX)
        assert written(rows) == b"row\n"
    assert rows.stat().st_mode & 0o777 == 0o644
    assert lock_of(rows).stat().st_mode & 0o777 == 0o600


def test_a_writer_that_does_not_end_its_row_is_waited_for_no_longer_than_rsyslog_waits(
    rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows_file.WAIT < 10
    monkeypatch.setattr(rows_file, "WAIT", 0)
    file = RowsFile(str(rows))
    file.append(b"first\n")
    with open(lock_of(rows), "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another process has been writing for too long"):
            file.append(b"second\n")
    file.append(b"third\n")
    file.close()
    assert rows.read_bytes() == b"first\nthird\n"


@pytest.mark.parametrize("times", [1, 1000])
@pytest.mark.parametrize("beside", [b"", ROW])
def test_the_file_that_is_judged_is_the_one_that_is_written(
    rows: Path, monkeypatch: pytest.MonkeyPatch, times: int, beside: bytes
) -> None:
    """Who may write the folder puts another file in the place between the two looks."""
    aside, judge, left = rows.with_suffix(".aside"), rows_file._require_rows, [times]
    rows.write_bytes(b"not rows at all\n")

    def exchanged(*given: Any) -> None:
        if left[0] > 0:
            left[0] -= 1
            rows.rename(aside)
            rows.write_bytes(beside)
            try:
                judge(*given)
            finally:
                if left[0] > 0:
                    aside.rename(rows)
        else:
            judge(*given)

    monkeypatch.setattr(rows_file, "_require_rows", exchanged)
    if times == 1:
        assert written(rows, ROW) == beside + ROW
        assert aside.read_bytes() == b"not rows at all\n"
    else:
        with pytest.raises(OSError, match="exchanged again and again"):
            written(rows, ROW)
        assert rows.read_bytes() == b"not rows at all\n"


def test_a_row_that_waited_is_in_the_new_file_after_a_rotation(
    rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever rotates, after that compresses the old file, or sends it away."""
    wait_for, old = rows_file._wait_for, rows.with_suffix(".1")

    def rotated_meanwhile(lock: int) -> None:
        rows.rename(old)
        rows.touch(mode=0o644)
        wait_for(lock)

    monkeypatch.setattr(rows_file, "_wait_for", rotated_meanwhile)
    assert written(rows) == b"row\n"
    assert old.read_bytes() == b""


APPENDS = """
import sys
from tracevault.cli.rows_file import RowsFile

file = RowsFile(sys.argv[1])
for _ in range(200):
    file.append(b'{"tracevault":"' + sys.argv[2].encode() * 9000 + b'"}\\n')
"""


def test_rows_of_several_processes_stay_whole(rows: Path, environment: dict[str, str]) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDS, rows, one], env=environment)
        for one in "abc"
    ]
    assert [one.wait(60) for one in writers] == [0, 0, 0]
    found = sorted(rows.read_bytes().split())
    assert found == [b'{"tracevault":"%b"}' % (one * 9000) for one in (b"a", b"b", b"c")
                     for _ in range(200)]  # fmt: skip


@pytest.mark.parametrize("lies", ["a link", "a file that others may open", "a pipe", "a folder"])
def test_rows_are_written_whatever_lies_under_the_name_of_the_lock(rows: Path, lies: str) -> None:
    lock = lock_of(rows)
    if lies == "a link":
        lock.symlink_to(rows.parent / "elsewhere")
    elif lies == "a pipe":
        os.mkfifo(lock, 0o600)
    elif lies == "a folder":
        lock.mkdir()
    else:
        lock.touch()
        lock.chmod(0o644)
        with open(lock, "rb") as reader:
            fcntl.flock(reader, fcntl.LOCK_EX)
            assert written(rows) == b"row\n"
        return
    assert written(rows) == b"row\n"
    assert not (rows.parent / "elsewhere").exists()


@only_root
def test_nobody_elses_lock_is_waited_for(rows: Path) -> None:
    lock_of(rows).touch(mode=0o600)
    with open(lock_of(rows), "rb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        os.chown(lock_of(rows), STRANGER, STRANGER)
        assert written(rows) == b"row\n"


@only_root
def test_rows_are_written_also_in_a_folder_of_another(
    rows: Path, environment: dict[str, str]
) -> None:
    os.chown(rows, STRANGER, STRANGER)
    rows.parent.chmod(0o755)
    program = (
        "import os, sys\n"
        "from tracevault.cli.rows_file import RowsFile\n"
        "os.chdir(sys.argv[1])\n"
        f"os.setresuid({STRANGER}, {STRANGER}, {STRANGER})\n"
        "RowsFile('rows.jsonl').append(b'row\\n')\n"
    )
    subprocess.run([sys.executable, "-c", program, rows.parent], env=environment, check=True)
    assert rows.read_bytes() == b"row\n"
    assert not lock_of(rows).exists()


def test_nothing_is_made_beside_what_is_no_file(tmp_path: Path) -> None:
    before = set(os.listdir("/dev"))
    with pytest.raises(OSError, match="No space left"):
        written(Path("/dev/full"))
    assert set(os.listdir("/dev")) == before


NO_ROWS = {
    "a key": bytes(range(32)),
    "a table": b"tenant,account_id,token\n",
    "a table of JSON lines": b'{"tenant":"acme","token":"invented"}\n',
    "a checkpoint": b'{"schema": "tracevault.checkpoint/1"}\n',
    "a log": b"Nov 30 12:00:00 host postfix/smtpd\n",
}


@pytest.mark.parametrize("there", NO_ROWS.values(), ids=NO_ROWS)
def test_rows_are_appended_to_no_file_of_another_kind(rows: Path, there: bytes) -> None:
    """One wrong word had a row at the end of the vault, which then was damaged."""
    rows.write_bytes(there)
    with pytest.raises(OSError, match="holds no rows of"):
        RowsFile(str(rows))
    assert rows.read_bytes() == there


def test_such_a_file_that_comes_by_a_rotation_takes_no_row(rows: Path) -> None:
    file = RowsFile(str(rows))
    file.append(ROW)
    rows.rename(rows.with_suffix(".1"))
    rows.write_bytes(b"what was there")
    with pytest.raises(OSError, match="holds no rows of"):
        file.append(ROW)
    assert rows.read_bytes() == b"what was there"
    rows.unlink()
    file.append(ROW)
    file.close()
    assert rows.read_bytes() == ROW


def test_rows_go_on_behind_rows_of_before_and_a_half_one(rows: Path) -> None:
    rows.write_bytes(ROW + b'{"tracevault":{"tr')
    assert written(rows, ROW).endswith(ROW)


def test_the_filter_says_so_before_it_reads_a_line(call: Call, kit: Kit) -> None:
    told = call("filter", "--omprog", kit.vault, stdin='{"message_ref":"x","tenant":"acme"}\n')
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert "it is there and holds no rows of tracevault filter" in told.err
    assert call("account", "list").code == 0


def test_a_file_that_others_may_open_and_may_have_put_there_is_a_wrong_argument(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    rows = tmp_path / "shared/rows.jsonl"
    rows.touch()
    rows.chmod(0o644)
    told = call("filter", "--omprog", rows, stdin='{"message_ref":"x","tenant":"acme"}\n')
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert str(rows) in told.err
    assert "chmod go= it" in told.err
