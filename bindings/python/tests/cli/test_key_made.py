"""A key file that is made is whole or not there, and is told; none is made for no vault."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit, command
from tracevault import _place
from tracevault.cli import new_unlock
from tracevault.cli.exits import Exit
from tracevault.cli.new_unlock import make_key_file

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(params=["nameless", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a file of this file system gets its name: it may have one before, or none."""
    if request.param == "named":
        monkeypatch.setattr(_place, "_NAMELESS", None)
    return str(request.param)


def test_a_key_file_is_whole_and_its_owners_alone(tmp_path: Path, way: str) -> None:
    assert make_key_file(str(tmp_path / "k"))
    assert os.listdir(tmp_path) == ["k"]
    status = (tmp_path / "k").stat()
    assert (status.st_size, status.st_mode & 0o777, status.st_nlink) == (32, 0o600, 1)
    before = (tmp_path / "k").read_bytes()
    assert not make_key_file(str(tmp_path / "k"))
    assert (tmp_path / "k").read_bytes() == before


@pytest.mark.parametrize("fails", ["write", "fsync", "less"])
def test_a_full_disk_leaves_no_key_file_and_the_next_try_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, fails: str
) -> None:
    write = os.write

    def failing(descriptor: int, *data: bytes) -> int:
        if fails == "less" and len(data[0]) > 20:
            return write(descriptor, data[0][:20])
        raise FULL

    with monkeypatch.context() as full:
        full.setattr(os, "fsync" if fails == "fsync" else "write", failing)
        with pytest.raises(Exception, match="cannot be written: No space left on device"):
            make_key_file(str(tmp_path / "k"))
    assert os.listdir(tmp_path) == []
    assert make_key_file(str(tmp_path / "k"))
    assert (tmp_path / "k").stat().st_size == 32


def test_a_key_file_that_somebody_makes_meanwhile_stays_his(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    fsync = os.fsync

    def meanwhile(descriptor: int) -> None:
        fsync(descriptor)
        (tmp_path / "k").write_bytes(b"x" * 32)

    monkeypatch.setattr(os, "fsync", meanwhile)
    assert not make_key_file(str(tmp_path / "k"))
    assert (tmp_path / "k").read_bytes() == b"x" * 32
    assert os.listdir(tmp_path) == ["k"]


def test_a_kill_at_any_moment_leaves_no_part_of_a_key_file(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    for at in range(8):
        made = subprocess.Popen(
            command("init", "v", "--key-file", "k"), env=environment, cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 20
        while not (tmp_path / "k").exists() and made.poll() is None and time.monotonic() < end:
            if at % 2:
                time.sleep(0.001)
        made.send_signal(signal.SIGKILL)
        made.wait(20)
        if (tmp_path / "k").exists():
            assert (tmp_path / "k").stat().st_size == 32
        for one in tmp_path.iterdir():
            one.unlink()


@pytest.mark.usefixtures("library_path")
@pytest.mark.parametrize("size", [0, 31])
def test_an_empty_key_file_leads_to_what_there_is_to_do(
    call: Call, tmp_path: Path, size: int
) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "k").touch(mode=0o600)
    (tmp_path / "k").write_bytes(b"x" * size)
    told = call("init", "v", "--key-file", "k")
    assert told.code == Exit.VAULT
    assert "the key file must hold 32 to 65536 bytes" in told.err
    does = "remove it if it is empty: init, vault export and vault add-unlock make it anew"
    assert does in told.err
    assert not (tmp_path / "v").exists()
    (error,) = call("init", "v", "--key-file", "k", "--json").errors
    assert error["do"] == f"name another --key-file, or {does}"


@pytest.mark.usefixtures("library_path")
@pytest.mark.parametrize(
    "place", ["s3://b/k", "s3://bucket", "s3://bucket/a//b", "s3://-bucket/k", "s3://bucket/../k",
              "s3://bucket/" + "k" * 1025, "s3://buc_ket/k", "s3://bucket/a\x01", ""],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["init", "export"])
def test_a_place_that_is_none_is_told_before_a_key_is_made(
    call: Call, kit: Kit, tmp_path: Path, place: str, verb: str
) -> None:
    before = sorted(os.listdir(tmp_path))
    if verb == "init":
        told = call("init", place, "--key-file", "new.key")
    else:
        told = call("vault", "export", place, "--new-key-file", "new.key")
    assert told.code == Exit.USAGE, told.err
    assert sorted(os.listdir(tmp_path)) == before
    assert "in_memory" not in told.err
    assert "is made" not in told.err
    if not place:
        assert "where shall the vault be" in told.err


@pytest.mark.usefixtures("library_path")
@pytest.mark.parametrize(
    "place", ["s3://b.k/k", "s3://bu-cket/k/x y", "s3://b1b/..k/é", "s3://bbb/~"]
)
def test_a_place_that_the_library_takes_is_judged_so(place: str) -> None:
    new_unlock.require_free(place)
    with pytest.raises(tv.TraceVaultError) as told:
        tv.Vault.create(place, tv.RawKey(b"x" * 32))
    assert "s3://BUCKET/KEY" not in str(told.value)


@pytest.mark.parametrize("verb", [("vault", "info"), ("account", "list"), ("init",)])
def test_an_empty_place_of_the_vault_is_told_in_words_of_the_command(
    call: Call, kit: Kit, verb: tuple[str, ...]
) -> None:
    told = call(*verb, "--vault", "")
    assert told.code == Exit.USAGE
    assert "give --vault" in told.err
    assert "in_memory" not in told.err


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_key_file_that_init_made_is_told_where_no_vault_is_made(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise tv.VaultError("no room is left", status=tv.Status.E_IO)

    monkeypatch.setattr(tv.Vault, "create", failing)
    told = call("init", "v", "--key-file", "k", "--format", output)
    assert told.code == Exit.VAULT
    assert (tmp_path / "k").exists()
    first = told.err.splitlines()[0]
    if output == "json":
        note = json.loads(first)["note"]
        assert note == {"message": "the key file k is made, and stays", "key_file": "k"}
    else:
        assert first == "tracevault: the key file k is made, and stays"


def test_a_file_system_without_second_names_has_key_files_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(_place, "_NAMELESS", None)
    monkeypatch.setattr(os, "link", failing)
    assert make_key_file(str(tmp_path / "k"))
    assert not make_key_file(str(tmp_path / "k"))
    assert os.listdir(tmp_path) == ["k"]
    status = (tmp_path / "k").stat()
    assert (status.st_size, status.st_mode & 0o777, status.st_nlink) == (32, 0o600, 1)


@pytest.mark.parametrize("suffix", [".new", ".prev", ".prev.new", ".lock"])
def test_no_key_file_has_a_name_that_an_edit_of_the_vault_replaces(
    call: Call, tmp_path: Path, suffix: str
) -> None:
    key = tmp_path / f"v.vault{suffix}"
    told = call("init", tmp_path / "v.vault", "--key-file", key)
    assert told.code == Exit.USAGE
    assert "choose another name" in told.err
    assert not key.exists()
    assert not (tmp_path / "v.vault").exists()
