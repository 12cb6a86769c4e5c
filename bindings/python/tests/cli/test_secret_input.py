"""How the command reads a secret: nothing of it stays in the memory of the process."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tracevault.cli import secret_input
from tracevault.cli.failures import Usage
from tracevault.cli.secret_input import LIMIT, ask, line_of_descriptor, line_of_file, wipe

#: Reads and wipes a secret, then counts the places where 24 of its characters stand in memory. They
#: are known as 12 to look for, and what follows those, the other way round.
REMAINS = """
import re, sys
from tracevault.cli.secret_input import line_of_file, wipe

found = line_of_file(sys.argv[1])
wipe(found)
behind, first = open(sys.argv[2], "rb", 0).readall()[:12], open(sys.argv[3], "rb", 0).readall()
count = 0
with open("/proc/self/mem", "rb", 0) as memory:
    for line in open("/proc/self/maps"):
        span = re.match("([0-9a-f]+)-([0-9a-f]+) rw", line)
        if span:
            start, end = (int(one, 16) for one in span.groups())
            memory.seek(start)
            data = memory.read(end - start)
            at = data.find(first)
            while at >= 0:
                count += data[at + 12 : at + 24][::-1] == behind
                at = data.find(first, at + 1)
            del data
print(count)
"""


@pytest.mark.parametrize("length", [40, 200, 900, LIMIT])
def test_nothing_of_a_secret_stays_in_memory_that_is_free(
    environment: dict[str, str], tmp_path: Path, length: int
) -> None:
    text = secrets.token_hex(LIMIT // 2)[:length].encode()
    for name, content in (("secret", text + b"\n"), ("behind", text[24:36][::-1]),
                          ("first", text[12:24])):  # fmt: skip
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", REMAINS, "secret", "behind", "first"], env=environment,
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "0\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("length", [1, LIMIT])
def test_a_line_is_taken_without_its_end_and_what_follows_is_left(end: bytes, length: int) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"s" * length + end + (b"next\n" if end else b""))
    os.close(writer)
    assert line_of_descriptor(reader) == b"s" * length
    assert os.read(reader, 100) == (b"next\n" if end else b"")
    os.close(reader)


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "no secret"), (b"\r\n", "no secret"), (b"s" * (LIMIT + 1), "long")]
)
def test_no_secret_and_one_that_is_too_long_are_told(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(Usage, match=said):
        line_of_file(str(tmp_path / "secret"))


def test_what_was_read_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_bytes(b"not a real passphrase")
    found = line_of_file(str(tmp_path / "secret"))
    wipe(found)
    assert found == bytes(len("not a real passphrase"))


class Typist:
    """A terminal at which somebody types the next of these whenever the command reads a secret.

    ``^C`` is Ctrl-C, and at ``gone`` the terminal goes away; so it does behind the last line where
    `goes` is set.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *typed: str, goes: bool = False) -> None:
        self._typed, self._goes = [*typed], goes
        #: The buffers that the command has read, as they are now.
        self.buffers: list[memoryview] = []
        self._keyboard, self._screen = os.openpty()
        self._line, self._open = secret_input._line, os.open
        monkeypatch.setattr(secret_input, "_line", self._read)
        monkeypatch.setattr(os, "open", self._opened)

    def _opened(self, path: str, flags: int) -> int:
        return self._open(os.ttyname(self._screen) if path == "/dev/tty" else path, flags)

    def _read(self, descriptor: int, where: str) -> memoryview:
        typed = self._typed.pop(0)
        if typed == "^C":
            raise KeyboardInterrupt
        if typed == "gone":
            os.close(self._keyboard)
        else:
            os.write(self._keyboard, typed.encode() + b"\n")
        self.buffers.append(self._line(descriptor, where))
        if self._goes and not self._typed:
            os.close(self._keyboard)
        return self.buffers[-1]

    def left(self) -> bytes:
        """What is left of all that was typed."""
        return b"".join(bytes(one) for one in self.buffers).strip(b"\0")


@pytest.mark.parametrize("twice", [False, True], ids=["asked once", "asked twice"])
def test_a_secret_is_wiped_when_the_terminal_goes_away_behind_it(
    monkeypatch: pytest.MonkeyPatch, twice: bool
) -> None:
    typist = Typist(monkeypatch, *["not a real secret"] * (1 + twice), goes=True)
    with pytest.raises(Usage, match="the terminal"):
        ask("Secret: ", "", twice=twice)
    assert len(typist.buffers) == 1 + twice
    assert typist.left() == b""


@pytest.mark.parametrize("then", ["gone", "^C", "another"])
def test_a_secret_is_wiped_when_it_is_not_typed_a_second_time(
    monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    typist = Typist(monkeypatch, "not a real secret", then)
    with pytest.raises((Usage, KeyboardInterrupt)):
        ask("Secret: ", "", twice=True)
    assert typist.buffers
    assert typist.left() == b""


def test_a_secret_that_was_typed_twice_is_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    typist = Typist(monkeypatch, "not a real secret", "not a real secret")
    assert bytes(ask("Secret: ", "", twice=True)) == b"not a real secret"
    assert typist.left() == b"not a real secret"


def test_a_secret_of_a_file_is_wiped_when_the_file_cannot_be_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_bytes(b"not a real secret")
    read, close, kept = secret_input._line, os.close, []

    def reading(descriptor: int, where: str) -> memoryview:
        kept.append(read(descriptor, where))
        monkeypatch.setattr(os, "close", failing)
        return kept[-1]

    def failing(descriptor: int) -> None:
        monkeypatch.setattr(os, "close", close)
        close(descriptor)
        raise OSError(5, "made up")

    monkeypatch.setattr(secret_input, "_line", reading)
    with pytest.raises(Usage, match="made up"):
        line_of_file(str(tmp_path / "secret"))
    assert bytes(kept[0]).strip(b"\0") == b""
