"""What reaches standard output and standard error, whatever strangers wrote."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import struct
import sys
import termios

import pytest

from tracevault.cli import out
from tracevault.cli.options import Options
from tracevault.cli.printable import printable
from tracevault.cli.progress import Progress
from tracevault.errors import Status, TraceVaultError

HOSTILE = "\x1b]8;;http://e.example\x07a\x9b2J\u202eb\u200b\u2066c[red]d[/red]\r\n:smile: =1+1"


def streams(monkeypatch: pytest.MonkeyPatch) -> tuple[io.StringIO, io.StringIO]:
    """Standard output and error, which say that they are terminals; not as a fixture, since
    pytest puts its own in their place before the test begins."""
    made = (io.StringIO(), io.StringIO())
    for name, stream in zip(("stdout", "stderr"), made, strict=True):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys, name, stream)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return made


def test_everything_that_prints_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout, stderr = streams(monkeypatch)
    error = TraceVaultError(HOSTILE, status=Status.E_SERVER, cf_ray=HOSTILE)
    out.line(HOSTILE)
    out.table((HOSTILE, "b"), [(HOSTILE, 1), (None, "x")])
    out.pairs({"name": HOSTILE})
    out.csv_rows([(HOSTILE, "=1", "-2", "+3", "@4", 5, -6, None, True)])
    out.json_lines([{HOSTILE: HOSTILE}])
    out.rows(json.dumps({"message": HOSTILE}, ensure_ascii=False).encode())
    out.note(HOSTILE, value=HOSTILE)
    out.note(HOSTILE, for_programs=True, value=HOSTILE)
    out.problem(error, for_programs=False, tenant=HOSTILE)
    out.problem(error, for_programs=True, tenant=HOSTILE)
    with Progress(Options({}, {}), unit=HOSTILE) as progress:
        progress.step(remark=HOSTILE)
        shown = stderr.getvalue().rpartition("\r")[2]
        assert shown.endswith("\x1b[K")
        assert shown.removesuffix("\x1b[K").isprintable()
    for text in (stdout.getvalue(), stderr.getvalue().replace("\r", "").replace("\x1b[K", "")):
        assert all(one.isprintable() or one == "\n" for one in text)
        assert "[red]d[/red]" in text
        assert ":smile:" in text
    assert "'=1,'-2,'+3,'@4,5,-6,,true" in stdout.getvalue()


def test_names_that_write_from_right_to_left_stay_readable() -> None:
    for name in ("مرحبا", "שלום", "Grüße", "李小龙", "e\u0301"):
        assert printable(name) == name


def test_a_progress_line_is_as_wide_as_its_own_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 44, 0, 0))
    with open(terminal, "w", encoding="utf-8") as stream:
        assert out.width(stream) == 44
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress(Options({}, {}), unit="x" * 100) as progress:
            progress.step()
        seen = os.read(controller, 4096).decode()
    os.close(controller)
    assert seen.startswith(f"\r{'1 ' + 'x' * 41}\x1b[K")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
@pytest.mark.parametrize("before", ["", "x;", "x,", "x\t", ";;", 'x;"', 'x;""', '"', "\t"])
def test_no_spreadsheet_calculates_a_cell_whatever_it_takes_for_a_separator(
    monkeypatch: pytest.MonkeyPatch, sign: str, before: str
) -> None:
    stdout, _ = streams(monkeypatch)
    out.csv_rows([("host", f"{before}{sign}1+1", "end"), (f"{before}{sign}1+1", "x", "end")])
    for separator in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(stdout.getvalue()), delimiter=separator):
            assert not [cell for cell in row if cell.startswith(sign)]
    stdout.truncate(0)
    out.csv_rows([("a-b=c+d@e", "two, -1; =2")])
    assert stdout.getvalue().lstrip("\0") == 'a-b=c+d@e,"two, -1; =2"\n'


ID, REFERENCE = "acae0000000000000000000000000001", "4jXtPB72Kpz7S8D-2027-03-04T12:00:00"
TABLES = {
    "account list": (
        ("TENANT", "ACCOUNT", "LABEL", "KIND", "STATE", "EXPIRES", "FINGERPRINT"),
        ("acme", ID, "Acme Europe, the first one", "api_token", "active", "2027-03-04T12:00:00Z",
         "0123456789abcdef"),
    ),
    "search": (
        ("SCANNED", "FROM", "TO", "SUBJECT", "STATUS", "REFERENCE"),
        ("2027-03-04 12:00:00", "sender@example.net", "somebody@acme.example", "long " * 40,
         "delivered", REFERENCE),
    ),
    "hunt": (
        ("TENANT", "ACCOUNT", "RECIPIENT", "OUTCOME", "TIME", "REFERENCE"),
        ("acme", ID, "somebody@acme.example", "accepted by the next server (not complete yet)",
         "2027-03-04 12:00:00", REFERENCE),
    ),
    "hunt with labels": (
        ("TENANT", "ACCOUNT", "RECIPIENT", "OUTCOME", "TIME", "REFERENCE"),
        ("acme", "Acme Europe, the first one", "somebody@acme.example", "not delivered",
         "2027-03-04 12:00:00", "4jXtPB72Kpz7S8D"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_what_people_copy_is_not_broken_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stdout, _ = streams(monkeypatch)
    titles, row = TABLES[name]
    ids = [word for word in (*row[:2], row[-1]) if word in (ID, "acme", REFERENCE)]
    for columns in range(60, 161):
        monkeypatch.setenv("COLUMNS", str(columns))
        stdout.seek(0)
        stdout.truncate()
        out.table(titles, [row, row])
        lines = stdout.getvalue().splitlines()
        for word in ids:
            assert sum(word in line.split() for line in lines) == 2, (columns, word)
        if lines[0].startswith(titles[0]):
            assert max(map(len, lines)) <= columns
        else:
            assert columns < 120, "there is room for a table"


def test_columns_that_need_little_leave_their_room_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdout, _ = streams(monkeypatch)
    monkeypatch.setenv("COLUMNS", "60")
    out.table([f"N{n}" for n in range(12)], [["1"] * 12])
    assert stdout.getvalue().startswith("N0  N1  N2")
