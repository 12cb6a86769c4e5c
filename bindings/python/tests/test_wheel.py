"""The wheel contains the library and claims only the platforms it runs on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import hatch_build
from tracevault import _lib

from .conftest import REPOSITORY

PROJECT = Path(hatch_build.__file__).parent


def build(out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build the wheel as pip does, without fetching anything."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def fake(compiled: Callable[[str], Path]) -> Path:
    return compiled("int tv_abi(void) { return 0; }")


def test_the_wheel_contains_the_library_and_the_type_marker(fake: Path, tmp_path: Path) -> None:
    done = build(tmp_path / "dist", TRACEVAULT_LIBRARY=str(fake))
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("tracevault/libtracevault.so.0") == fake.read_bytes()
        assert "tracevault/py.typed" in archive.namelist()
        (about,) = (n for n in archive.namelist() if n.endswith("dist-info/WHEEL"))
        facts = archive.read(about).decode()
    tag = hatch_build.platform_tag(fake.read_bytes())
    assert wheel.name == f"tracevault-0.1.0-py3-none-{tag}.whl"
    assert "Root-Is-Purelib: false" in facts
    assert f"Tag: py3-none-{tag}\n" in facts


def test_the_wheel_brings_the_command_and_its_manual_page(fake: Path, tmp_path: Path) -> None:
    done = build(tmp_path / "dist", TRACEVAULT_LIBRARY=str(fake))
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        names = {Path(name).name: name for name in archive.namelist()}
        assert (
            "tracevault = tracevault.cli:main" in archive.read(names["entry_points.txt"]).decode()
        )
        assert names["tracevault.1"].endswith(".data/data/share/man/man1/tracevault.1")
        assert "tracevault/cli/verbs/trace.py" in archive.namelist()
        metadata = archive.read(names["METADATA"]).decode()
    # What the library needs at run time: nothing; the command: click and rich.
    needs = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert all("extra ==" in line for line in needs)
    extras = {line.rpartition("'")[0].rpartition("'")[2] for line in needs}
    assert extras == {"cli", "prometheus", "opentelemetry", "test"}
    of_the_command = [line for line in needs if "'cli'" in line]
    assert sorted(line.split()[1].partition(">")[0] for line in of_the_command) == ["click", "rich"]


def test_the_wheel_carries_the_licence_and_the_notice(fake: Path, tmp_path: Path) -> None:
    done = build(tmp_path / "dist", TRACEVAULT_LIBRARY=str(fake))
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        texts = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert texts["LICENSE"] == (REPOSITORY / "LICENSE").read_bytes()
    assert texts["NOTICE"] == (REPOSITORY / "NOTICE").read_bytes()
    assert b"License-Expression: Apache-2.0\n" in texts["METADATA"]


def test_without_a_built_library_the_build_fails_and_says_make(tmp_path: Path) -> None:
    done = build(tmp_path / "dist", TRACEVAULT_LIBRARY=str(tmp_path / "gone.so"))
    assert done.returncode != 0
    assert "run `make` in the repository first" in done.stderr
    assert not list(tmp_path.glob("dist/*.whl"))


def test_the_library_is_taken_from_the_repositorys_build_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACEVAULT_LIBRARY", raising=False)
    library = tmp_path / "build" / "lib" / "libtracevault.so.0"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"x")
    assert hatch_build.find_library(tmp_path / "bindings" / "python") == library


def test_a_library_with_only_promised_dependencies_is_manylinux(
    compiled: Callable[[str], Path],
) -> None:
    elf = compiled('#include <stdlib.h>\nint tv_abi(void) { return atoi("0"); }').read_bytes()
    assert hatch_build.dynamic_names(elf)[1] == ["libc.so.6"]
    assert hatch_build.platform_tag(elf).startswith("manylinux_2_")


def test_the_newest_glibc_version_the_library_needs_names_the_tag(
    compiled: Callable[[str], Path],
) -> None:
    # pthread_create has been in libc itself since glibc 2.34.
    source = "#include <pthread.h>\nint tv_abi(void) { return pthread_create(0, 0, 0, 0); }"
    elf = compiled(source).read_bytes()
    machine = os.uname().machine
    assert hatch_build.platform_tag(elf) == f"manylinux_2_34_{machine}"


def test_a_library_that_needs_the_hosts_libcurl_is_not_manylinux(
    tmp_path: Path, compiled: Callable[[str], Path]
) -> None:
    out = tmp_path / "libtracevault.so.0"
    code = tmp_path / "curl.c"
    code.write_text("void *curl_easy_init(void); void *tv_x(void) { return curl_easy_init(); }")
    stub = compiled("void *curl_easy_init(void) { return 0; }").rename(tmp_path / "libcurl.so.4")
    relinked = [
        "cc",
        "-shared",
        "-fPIC",
        "-o",
        str(out),
        str(code),
        "-Wl,--no-as-needed",
        str(stub),
    ]
    subprocess.run(relinked, check=True, cwd=tmp_path)
    machine = os.uname().machine
    assert hatch_build.platform_tag(out.read_bytes()) == f"linux_{machine}"


@pytest.mark.parametrize("content", [b"not an ELF file at all" * 4, b"\x7fELF\x01\x01" + bytes(64)])
def test_what_is_not_a_library_for_this_machine_fails_the_build(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a 64-bit ELF library"):
        hatch_build.platform_tag(content)


def test_the_built_library_in_a_wheel_loads_without_any_variable(
    library_path: Path, tmp_path: Path
) -> None:
    done = build(tmp_path / "dist", TRACEVAULT_LIBRARY=str(library_path))
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    site = tmp_path / "site"
    shutil.unpack_archive(wheel, site, "zip")
    code = "import tracevault as tv; print(tv.build_info() and tv.__file__)"
    env = {k: v for k, v in os.environ.items() if k not in ("TRACEVAULT_LIBRARY", "PYTHONPATH")}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == f"{site}/tracevault/__init__.py\n", ran.stderr


def test_auditwheel_says_the_same_of_the_platform(library_path: Path, tmp_path: Path) -> None:
    done = build(tmp_path / "dist", TRACEVAULT_LIBRARY=str(library_path))
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    told = " ".join(shown.stdout.split())
    tag = hatch_build.platform_tag(library_path.read_bytes())
    assert f'is consistent with the following platform tag: "{tag}"' in told, told
    # The oldest glibc that the package names to somebody without one.
    names, _ = hatch_build.dynamic_names(library_path.read_bytes())
    newest = max(int(one) for one in re.findall(rb"\0GLIBC_2\.(\d+)", names))
    said = re.search(r"glibc 2\.(\d+) or newer", Path(_lib.__file__).read_text())
    assert said is not None
    assert newest <= int(said[1])
    # What keeps it from manylinux is the system's libcurl and what that brings, nothing else.
    needed = set(hatch_build.dynamic_names(library_path.read_bytes())[1])
    foreign = {name for name in needed if not hatch_build.PROMISED.match(name)}
    assert foreign == {"libcurl.so.4"}


def test_a_source_package_that_could_not_install_is_not_made(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path / "dist")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Build a wheel, or take the whole source" in done.stderr
    assert not list(tmp_path.glob("dist/*"))


def test_the_package_has_no_dependency_at_run_time() -> None:
    text = (PROJECT / "pyproject.toml").read_text()
    assert "\ndependencies = []\n" in text
    assert (REPOSITORY / "bindings" / "python").samefile(PROJECT)
