"""libcurl opens what SSLKEYLOGFILE names as it starts: nothing is written there, and nothing is opened
that is no file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from c_programs import LIBRARY, ROOT
from launcher import Standin, standin

PROGRAM = """
import sys, tracevault as tv
vault = tv.Vault.in_memory()
with vault.edit() as edit:
    edit.put("acme", sys.argv[1], tv.ApiToken(sys.argv[2]), origin=sys.argv[3])
settings = {"api.base_url": sys.argv[3] + "/client/v4", "tls.ca_file": sys.argv[4],
            "budget.ledger": "private"}
try:
    with tv.Engine(settings) as engine:
        print(engine.trace(vault.tenant("acme"), sys.argv[1], "slow-1").account_id)
except tv.TraceVaultError as error:
    print(error.name, error)
"""
ACCOUNT = "acae0000000000000000000000000001"


def said(server: Standin, key_log: Path | str) -> str:
    words = (ACCOUNT, server.credential(ACCOUNT).secret, server.origin, str(server.ca_file))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SSLKEYLOGFILE": str(key_log)},
        stdout=subprocess.PIPE, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(scope="module")
def server() -> Iterator[Standin]:
    with standin() as cloudflare:
        yield cloudflare


def test_no_key_is_written_to_a_file_that_is_there_or_is_made(
    server: Standin, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.write_text("mine\n")
    assert said(server, there) == ACCOUNT
    assert there.read_text() == "mine\n"
    assert said(server, tmp_path / "new") == ACCOUNT
    assert not (tmp_path / "new").exists() or (tmp_path / "new").read_text() == ""


def test_the_null_device_does_nothing_and_is_taken(server: Standin) -> None:
    assert said(server, "/dev/null") == ACCOUNT


#: Tells whether it has the rights of its file, and how an engine came to be.
SET_UID = """
#include <stdio.h>
#include <sys/auxv.h>
#include "tracevault.h"
int main(void) {
    tv_config *config = NULL;
    tv_engine *engine = NULL;
    if (tv_config_new(&config, NULL) != TV_OK) return 1;
    if (tv_config_set(config, "budget.ledger", TV_NUL, "private", TV_NUL, NULL) != TV_OK) return 1;
    tv_status status = tv_engine_new(config, &engine, NULL);
    printf("%lu %s\\n", getauxval(AT_SECURE), tv_status_name(status));
    return 0;
}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT ROOT: a set-uid program is UNTRIED")
def test_a_set_uid_program_makes_no_file_for_its_caller(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tracevault-test-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        library = Path(shutil.copy(LIBRARY, folder / "libtracevault.so.0"))
        library.chmod(0o755)
        (folder / "host.c").write_text(SET_UID)
        subprocess.run(
            ["gcc", "-o", folder / "host", folder / "host.c", f"-I{ROOT / 'include'}", library,
             f"-Wl,-rpath,{folder}"],
            check=True,
        )  # fmt: skip
        (folder / "host").chmod(0o4755)
        key_log = folder / "made"

        def told(user: str) -> str:
            return subprocess.run(
                ["setpriv", f"--reuid={user}", "--clear-groups", folder / "host"],
                env={"SSLKEYLOGFILE": str(key_log)},
                stdout=subprocess.PIPE, text=True, check=True,
            ).stdout.strip()  # fmt: skip

        assert told("nobody") == "1 TV_E_UNSAFE_FILE"
        assert not key_log.exists()
        assert told("root") == "0 TV_OK"


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_not_opened(server: Standin, tmp_path: Path, kind: str) -> None:
    """A pipe without a reader would wait for one without end."""
    path = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/full")
    assert said(server, path).startswith("TV_E_UNSAFE_FILE libcurl would open what SSLKEYLOGFILE")
