"""test_languages: the examples in Rust and Go, through bindgen and cgo, against the stand-in; cffi."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tracevault as tv
from c_programs import LIBRARY, ROOT
from launcher import Standin
from recipes import ACME, refs

EXAMPLES = ROOT / "examples"
LINKED = f"-Wl,-rpath,{LIBRARY.parent}"


def needs(*programs: str) -> None:
    for name in programs:
        if shutil.which(name) is None:
            pytest.skip(f"NO {name.upper()}: its example is UNTRIED")


def done(*command: str | Path, cwd: Path, **environment: str) -> None:
    told = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr


def rust(folder: Path) -> Path:
    needs("bindgen", "rustc", "clang")
    source = EXAMPLES / "rust/trace.rs"
    # The program's own words, of its first comment.
    words = source.read_text(encoding="utf-8").partition("//     bindgen ")[2]
    words = words.partition("\n//     rustc")[0].replace("\\\n//", " ").replace("'", "")
    words = words.replace("/usr/include", str(ROOT / "include"))
    done("bindgen", *words.split(), cwd=folder)
    shutil.copy(source, folder)
    done(
        "rustc", "-O", "--deny", "warnings", "trace.rs", "-L", LIBRARY.parent, "-l", "tracevault",
        "-C", f"link-arg={LINKED}", cwd=folder,
    )  # fmt: skip
    return folder / "trace"


def go(folder: Path) -> Path:
    needs("go", "gcc", "pkg-config")
    for path in (EXAMPLES / "go").iterdir():
        shutil.copy(path, folder)
    (folder / "tracevault.pc").write_text(
        "Name: tracevault\nDescription: this tree's\nVersion: 0\n"
        f"Cflags: -I{ROOT / 'include'}\nLibs: -L{LIBRARY.parent} -ltracevault {LINKED}\n",
        encoding="utf-8",
    )
    done(
        "go", "build", "-o", "trace", ".", cwd=folder, PKG_CONFIG_PATH=str(folder),
        CGO_LDFLAGS_ALLOW="-Wl,-rpath,.*", GOFLAGS="-mod=mod",
    )  # fmt: skip
    return folder / "trace"


@pytest.fixture(scope="module", params=[rust, go], ids=["rust", "go"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = request.param(tmp_path_factory.mktemp("language"))
    return made


def test_the_trace_comes_as_json_and_every_failure_says_its_status(
    program: Path, server: Standin, tmp_path: Path
) -> None:
    for name in ("soc.key", "other.key"):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_bytes(os.urandom(32))
    unlock = tv.KeyFile(tmp_path / "soc.key")
    with tv.Vault.create(tmp_path / "soc.vault", unlock) as vault, vault.edit() as edit:
        token = tv.ApiToken(server.credential(ACME).token)
        edit.put("acme", ACME, token, origin=server.origin)
    settings = [f"api.base_url={server.base_url}", f"tls.ca_file={server.ca_file}"]
    good = ["soc.vault", "soc.key", "acme", refs(server, 1)[0], *settings]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True)

    told = run(*good)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["summary"]["state"]
    for place, instead, says in (
        (0, "none.vault", "TV_E_NO_VAULT: "),
        (1, "other.key", "TV_E_UNLOCK: the vault does not open"),
        (2, "nobody", "TV_E_NOT_FOUND: "),
        (3, "4NOSUCHMESSAGEz00", "TV_E_NO_MESSAGE: "),
        (4, "no.such=1", "TV_E_CONFIG_NAME: "),
        (4, "nothing", "NAME=VALUE"),
        (5, "tls.ca_file=/nowhere", "TV_E_"),
    ):
        told = run(*good[:place], instead, *good[place + 1 :])
        assert (told.returncode, told.stdout) == (1, ""), told.stdout
        assert says in told.stderr and len(told.stderr.splitlines()) == 1
    told = run()
    assert told.returncode == 1 and told.stderr.startswith("usage: ")


CFFI = """
import subprocess, sys
from cffi import FFI

header, library = sys.argv[1:]
text = subprocess.run(
    ["cc", "-E", "-P", "-D__attribute__(x)=", header], check=True, capture_output=True, text=True
).stdout
ffi = FFI()
ffi.cdef(text[text.index("typedef struct tv_error"):])
lib = ffi.dlopen(library)
error = ffi.new("tv_error **")
vault, unlock = ffi.new("tv_vault **"), ffi.new("tv_unlock **")
assert lib.tv_unlock_key(bytes(range(32)), 32, unlock, error) == lib.TV_OK
# TV_NUL is a macro, and so none of what cffi reads: (size_t)-1.
nul = ffi.cast("size_t", -1)
status = lib.tv_vault_open(b"none.vault", nul, unlock[0], ffi.NULL, vault, error)
assert status == lib.TV_E_NO_VAULT
print(ffi.string(lib.tv_error_message(error[0], ffi.NULL)).decode())
lib.tv_error_free(error[0])
lib.tv_unlock_free(unlock[0])
"""


def test_cffi_takes_the_header_as_the_preprocessor_leaves_it(tmp_path: Path) -> None:
    pytest.importorskip("cffi", reason="NO CFFI: the header is UNTRIED with it")
    told = subprocess.run(
        [sys.executable, "-c", CFFI, ROOT / "include/tracevault.h", LIBRARY],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "there is no vault file" in told.stdout
