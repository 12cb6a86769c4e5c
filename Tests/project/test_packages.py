"""`make deb` and `make dist`: what the packages hold, that they can be used, removed and repeated."""

import gzip
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from launcher import standin
from manual_examples import examples, strictly, with_origin, with_settings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "libtracevault0", "libtracevault-dev", "libtracevault0-dbgsym", "python3-tracevault",
    "tracevault",
}  # fmt: skip
#: Most of the time goes into compressing; what is packed is the same at every level.
LEVEL = "6" if "TRACEVAULT_LONG" in os.environ else "0"
PACKAGER = {"DEBFULLNAME": "A Packager", "DEBEMAIL": "packager@example.org", "LEVEL": LEVEL}

pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("dpkg-deb", "dpkg-gensymbols")),
    reason="NO DPKG-DEV: the Debian packages are UNTRIED",
)


def run(*command: str | Path, cwd: str | Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def library() -> Path:
    path = ROOT / "build/lib/libtracevault.so.0"
    if not path.exists():
        pytest.skip("no built library: run `make`")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    library()
    out = tmp_path_factory.mktemp("deb")
    run(ROOT / "scripts/deb", OUT=str(out), **PACKAGER)
    return {path.name.partition("_")[0]: path for path in out.iterdir()}


def field(package: Path, name: str) -> str:
    return run("dpkg-deb", "--field", package, name).strip()


@pytest.fixture
def root(built: dict[str, Path], tmp_path: Path) -> Path:
    """A bare root with the packages in it, as dpkg itself puts them there."""
    if os.geteuid() != 0:
        pytest.skip("NOT ROOT: dpkg installs nothing, so installing is UNTRIED")
    bare = tmp_path / "root"
    (bare / "var/lib/dpkg").mkdir(parents=True)
    dpkg(bare, "--install", *built.values())
    return bare


def dpkg(bare: Path, *arguments: str | Path) -> None:
    run("dpkg", f"--root={bare}", "--force-depends", "--force-script-chrootless",
        "--log=/dev/null", *arguments)  # fmt: skip


def paths(bare: Path) -> dict[str, str]:
    libraries = next(bare.glob("usr/lib/*/libtracevault.so.0")).parent
    return {
        "LD_LIBRARY_PATH": str(libraries),
        "PYTHONPATH": str(bare / "usr/lib/python3/dist-packages"),
        "PKG_CONFIG_LIBDIR": str(libraries / "pkgconfig"),
        "PKG_CONFIG_SYSROOT_DIR": str(bare),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def manual_page(bare: Path, section: int) -> str:
    page = bare / f"usr/share/man/man{section}/tracevault.{section}.gz"
    return gzip.decompress(page.read_bytes()).decode()


def test_there_are_five_packages_and_each_says_what_it_needs(built: dict[str, Path]) -> None:
    assert set(built) == PACKAGES
    needs = field(built["libtracevault0"], "Depends")
    dynamic = run("readelf", "--wide", "--version-info", library())
    asked = max(int(minor) for minor in re.findall(r"\bGLIBC_2\.(\d+)", dynamic))
    assert f"libc6 (>= 2.{asked})" in needs
    for name in ("libcurl4", "libstdc++6", "libgcc-s1"):
        assert name in needs
    version = field(built["libtracevault0"], "Version")
    assert field(built["libtracevault-dev"], "Depends") == f"libtracevault0 (= {version})"
    for package in built.values():
        assert field(package, "Maintainer") == "A Packager <packager@example.org>"


def test_the_symbols_file_names_every_function(built: dict[str, Path]) -> None:
    symbols = run("dpkg-deb", "--info", built["libtracevault0"], "symbols")
    exported = run("nm", "-D", "--defined-only", library())
    names = set(re.findall(r" T (tv_\w+)@", exported))
    assert set(re.findall(r"^ (tv_\w+)@TRACEVAULT_0 ", symbols, flags=re.M)) == names


def test_two_builds_are_the_same_byte_for_byte(built: dict[str, Path], tmp_path: Path) -> None:
    run(ROOT / "scripts/deb", OUT=str(tmp_path / "again"), **PACKAGER)
    for path in built.values():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.skipif(
    shutil.which("lintian") is None,
    reason="NO LINTIAN (apt-get install lintian): packages are UNCHECKED",
)
def test_lintian_finds_nothing_to_complain_of(built: dict[str, Path]) -> None:
    # The packages are not uploaded to Debian, where a first upload closes a bug.
    told = ["--fail-on", "error,warning", "--suppress-tags", "initial-upload-closes-no-bugs"]
    done = subprocess.run(["lintian", *told, *built.values()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_installed_packages_serve_c_python_and_the_command(root: Path, tmp_path: Path) -> None:
    places = paths(root)
    source, program = tmp_path / "host.c", tmp_path / "host"
    source.write_text(
        "#include <stdio.h>\n#include <tracevault.h>\n"
        "int main(void) { return puts(tv_version()) < 0; }\n",
        encoding="utf-8",
    )
    flags = run("pkg-config", "--cflags", "--libs", "tracevault-c", **places).split()
    run("gcc", source, "-o", program, *flags)
    version = run(program, **places).strip()
    said = run(
        "/usr/bin/env", "python3", "-c",
        "import tracevault, importlib.metadata as m;"
        "print(tracevault.__version__, tracevault.__file__, m.version('tracevault'),"
        "tracevault.build_info()['version'])",
        **places,
    ).split()  # fmt: skip
    assert said[0] == said[2] == said[3] == version and said[1].startswith(str(root))
    python = ROOT / "build/venv/bin/python"
    assert version in run(python, root / "usr/bin/tracevault", "--version", **places)
    assert (root / "usr/share/man/man1/tracevault.1.gz").exists()
    assert (root / "usr/lib/valgrind/tracevault.supp").exists()
    assert (root / "usr/share/bash-completion/completions/tracevault").exists()


def test_from_the_packages_to_the_first_trace_by_the_manual_page(
    root: Path, tmp_path: Path
) -> None:
    places = paths(root)
    python, command = ROOT / "build/venv/bin/python", root / "usr/bin/tracevault"
    making, program, compiling, making_in_c, making_here = examples(manual_page(root, 3))
    with standin(quota=0) as server:
        account = server.accounts[0]
        settings = {"api.base_url": server.base_url, "tls.ca_file": server.ca_file}
        message = server.messages_of(account.id)[0].investigate_id
        program = with_settings(program, settings).replace("4jXtPB72Kpz7S8D", message)
        by_command, in_c = tmp_path / "command", tmp_path / "c"
        for folder in (by_command, in_c):
            folder.mkdir()
            (folder / "token").touch(0o600)
            (folder / "token").write_text(server.credential(account.id).secret + "\n")
            (folder / "quickstart.c").write_text(program)
            run("sh", "-euc", strictly(compiling), cwd=folder, **places)
        # As written, but for a token from a file instead of the terminal, and for the stand-in.
        making = making.replace("\\\n", " ").replace("ACCOUNT_ID", account.id)
        for line in making.replace("--tenant", "--token-file token --tenant").splitlines():
            words = line.split()[1:]
            if "add" in words:
                words += ["--origin", server.origin]
            run(python, command, *words, cwd=by_command, **places)
        (in_c / "makevault.c").write_text(with_origin(making_in_c, server.origin))
        key, compiling, starting = strictly(making_here).splitlines()
        run("sh", "-euc", f"{key}\n{compiling}", cwd=in_c, **places)

        def refused(*words: str) -> str:
            told = subprocess.run(
                [in_c / "makevault", *words], cwd=in_c, env={**os.environ, **places},
                input="test-token-not-real", capture_output=True, text=True,
            )  # fmt: skip
            assert told.returncode != 0
            return told.stderr

        assert refused().startswith("usage: makevault")
        assert refused("no account").startswith("TV_E_ACCOUNT_ID: ")
        run("sh", "-euc", starting.replace("ACCOUNT_ID", account.id), cwd=in_c, **places)
        assert refused(account.id).startswith("TV_E_EXISTS: ")
        for folder in (by_command, in_c):
            assert json.loads(run("./quickstart", cwd=folder, **places))["summary"]["state"]


def test_to_the_first_trace_by_the_manual_page_of_the_command(root: Path, tmp_path: Path) -> None:
    (script,) = examples(manual_page(root, 1))
    with standin(quota=0) as server:
        account = server.accounts[0]
        (tmp_path / "token").touch(0o600)
        (tmp_path / "token").write_text(server.credential(account.id).secret)
        (tmp_path / "tracevault").write_text(
            f"#!/bin/sh\nexec '{ROOT}/build/venv/bin/python' '{root}/usr/bin/tracevault' \"$@\"\n"
        )
        (tmp_path / "tracevault").chmod(0o755)
        # As written, but for a token from a file instead of the terminal, and for the stand-in.
        script = script.replace("ACCOUNT_ID", f"{account.id} --token-file token")
        script = script.replace("account add", f"account add --origin {server.origin}")
        script = script.replace("MESSAGE_REF", server.messages_of(account.id)[0].investigate_id)
        told = run(
            "sh", "-euc", script, cwd=tmp_path, **paths(root),
            PATH=f"{tmp_path}:{os.environ['PATH']}", TRACEVAULT_SET=f"api.base_url={server.base_url} tls.ca_file={server.ca_file}",
        )  # fmt: skip
    assert "Accepted by the next server" in told


def test_removed_packages_leave_nothing(root: Path) -> None:
    dpkg(root, "--purge", *sorted(PACKAGES))
    left = [path for path in root.rglob("*") if not path.is_dir()]
    assert [path for path in left if "var/lib/dpkg" not in str(path)] == []


def test_the_sbom_names_what_is_inside_the_library(built: dict[str, Path], tmp_path: Path) -> None:
    run("dpkg-deb", "--extract", built["libtracevault0"], tmp_path)
    text = (tmp_path / "usr/share/doc/libtracevault0/tracevault.spdx.json").read_text("utf-8")
    document = json.loads(text)
    assert document["spdxVersion"] == "SPDX-2.3"
    versions = {one["name"]: one["versionInfo"] for one in document["packages"]}
    assert versions["libsodium"] == run("pkg-config", "--modversion", "libsodium").strip()
    assert versions["swift-runtime"] in run("swift", "--version")
    assert "libcurl.so.4" in versions
    known = {one["SPDXID"] for one in document["packages"]} | {"SPDXRef-DOCUMENT"}
    for one in document["relationships"]:
        assert {one["spdxElementId"], one["relatedSpdxElement"]} <= known
    summed = run("sha256sum", library()).split()[0]
    assert document["packages"][0]["checksums"][0]["checksumValue"] == summed


def test_the_source_archive_makes_the_same_packages(built: dict[str, Path], tmp_path: Path) -> None:
    run(ROOT / "scripts/dist", OUT=str(tmp_path))
    (archive,) = tmp_path.glob("*.tar.gz")
    run("tar", "--extract", "--file", archive, "--directory", tmp_path)
    tree = archive.parent / archive.name.removesuffix(".tar.gz")
    shutil.copytree(ROOT / "build/lib", tree / "build/lib", symlinks=True)
    nobody = {name: value for name, value in os.environ.items() if name not in PACKAGER}
    told = subprocess.run([tree / "scripts/deb"], env=nobody, capture_output=True, text=True)
    assert told.returncode != 0 and "Set DEBFULLNAME and DEBEMAIL" in told.stderr
    run(tree / "scripts/deb", OUT=str(tmp_path / "debs"), **PACKAGER)
    made = {path.name: path.read_bytes() for path in (tmp_path / "debs").iterdir()}
    # Of the commit: those of a tree with changes are compared by their names.
    changed = run("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no")
    for path in built.values():
        assert made[path.name] == path.read_bytes() or changed, path.name


def test_the_source_archive_is_the_commit_and_repeats(tmp_path: Path) -> None:
    archives: list[Path] = []
    for name in ("one", "two"):
        run(ROOT / "scripts/dist", OUT=str(tmp_path / name))
        archives += (tmp_path / name).iterdir()
    assert archives[0].read_bytes() == archives[1].read_bytes()
    names = {
        line.partition("/")[2]
        for line in run("tar", "--list", "--file", archives[0]).splitlines()
        if not line.endswith("/")
    }
    assert names == set(run("git", "-C", ROOT, "ls-tree", "-rz", "--name-only", "HEAD")
                        .rstrip("\0").split("\0"))  # fmt: skip
