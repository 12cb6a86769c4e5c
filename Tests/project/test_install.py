"""`make install` into a temporary root: what it puts there is usable, and is all that goes away."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = "usr/lib/multiarch"
PLACES = {"PREFIX": "/usr", "LIBDIR": f"/{LIBRARIES}"}

PROGRAM = """
#include <stdio.h>
#include <tracevault.h>
#include <tv_search.h>
#include <tv_trace.h>

int main(void) {
    char reason[80];
    tv_trace *trace = NULL;
    if (tv_trace_parse("{}", 2, &trace, reason, sizeof reason) == TV_TRACE_OK) {
        tv_trace_free(trace);
        return 1;
    }
    tv_search *search = NULL;
    if (tv_search_parse("[]", 2, &search, NULL, 0) == TV_TRACE_OK) {
        tv_search_free(search);
        return 1;
    }
    return puts(tv_version()) < 0 || tv_abi() != TV_ABI;
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(host C)
find_package(tracevault {version} REQUIRED)
add_executable(host host.c)
target_link_libraries(host PRIVATE tracevault::c)
add_executable(bare bare.c)
target_link_libraries(bare PRIVATE tracevault::tracevault)
"""


def script(stage: Path, *arguments: str) -> None:
    subprocess.run(
        [ROOT / "scripts/install", *arguments],
        env={**os.environ, **PLACES, "DESTDIR": str(stage)}, check=True, capture_output=True,
    )  # fmt: skip


def files(stage: Path) -> set[str]:
    return {
        str(path.relative_to(stage))
        for path in stage.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def header() -> str:
    return (ROOT / "include/tracevault.h").read_text(encoding="utf-8")


def declared_functions() -> list[str]:
    plain = re.sub(r"/\*.*?\*/|^#.*?$", " ", header(), flags=re.S | re.M)
    return re.findall(r"\bTV_API\b[^;(]*?\b(\w+)\s*\(", plain)


def version() -> str:
    found = re.search(r'^#define TV_VERSION "(.+)"$', header(), flags=re.M)
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / "build/lib/libtracevault.so.0").exists():
        pytest.skip("no built library: run `make`")
    stage = tmp_path_factory.mktemp("installed")
    script(stage)
    return stage


@pytest.fixture
def stage(installed: Path, tmp_path: Path) -> Path:
    """An installation of the test's own, to change."""
    return shutil.copytree(installed, tmp_path / "stage", symlinks=True)


def flags(stage: Path, *names: str) -> list[str]:
    asked = subprocess.run(
        ["pkg-config", "--cflags", "--libs", *names],
        env={
            **os.environ,
            "PKG_CONFIG_LIBDIR": str(stage / LIBRARIES / "pkgconfig"),
            "PKG_CONFIG_SYSROOT_DIR": str(stage),
        },
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return asked.stdout.split()


def says_its_version(program: Path, stage: Path) -> None:
    told = subprocess.run(
        [program],
        env={**os.environ, "LD_LIBRARY_PATH": str(stage / LIBRARIES)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert told.stdout == version() + "\n"


def test_a_program_links_through_both_pkg_config_files(stage: Path, tmp_path: Path) -> None:
    source, program = tmp_path / "host.c", tmp_path / "host"
    source.write_text(PROGRAM, encoding="utf-8")
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(program)]
        + flags(stage, "tracevault-c"),
        check=True,
    )
    says_its_version(program, stage)
    assert "-ltracevault-c" not in flags(stage, "tracevault")


def test_a_cpp_program_needs_the_library_alone(stage: Path, tmp_path: Path) -> None:
    source, program = tmp_path / "host.cpp", tmp_path / "host"
    source.write_text(
        "#include <tracevault.hpp>\n#include <cstdio>\nint main() {\n"
        "    const auto info = tracevault::build_info();\n"
        '    std::puts(info.walk()["version"].text().c_str());\n}\n',
        encoding="utf-8",
    )
    subprocess.run(
        ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(program)]
        + flags(stage, "tracevault"),
        check=True,
    )
    says_its_version(program, stage)


@pytest.mark.skipif(shutil.which("cmake") is None, reason="NO CMAKE: its package files UNTRIED")
def test_a_cmake_project_finds_the_package_where_it_lies(stage: Path, tmp_path: Path) -> None:
    moved = stage.rename(tmp_path / "moved")
    project = tmp_path / "project"
    project.mkdir()
    (project / "CMakeLists.txt").write_text(CMAKE.format(version=version()), encoding="utf-8")
    (project / "host.c").write_text(PROGRAM, encoding="utf-8")
    (project / "bare.c").write_text(
        "#include <stdio.h>\n#include <tracevault.h>\n"
        "int main(void) { return puts(tv_version()) < 0; }\n",
        encoding="utf-8",
    )
    build = tmp_path / "cmake"
    found = f"-Dtracevault_DIR={moved / LIBRARIES / 'cmake/tracevault'}"
    commands = (["-S", str(project), "-B", str(build), found], ["--build", str(build)])
    for command in commands:
        done = subprocess.run(["cmake", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    says_its_version(build / "host", moved)
    says_its_version(build / "bare", moved)

    asks_for_more = CMAKE.format(version="99.0")
    (project / "CMakeLists.txt").write_text(asks_for_more, encoding="utf-8")
    done = subprocess.run(["cmake", "-S", project, "-B", build], capture_output=True, text=True)
    assert done.returncode != 0 and "99.0" in done.stderr


def declared_types() -> set[str]:
    plain = re.sub(r"/\*.*?\*/|^#.*?$", " ", header(), flags=re.S | re.M)
    return set(re.findall(r"\b(?:typedef|struct|enum)\b[^;{]*?\b(tv_\w+)\s*[;{]", plain))


def test_every_function_and_every_type_has_a_manual_page(stage: Path) -> None:
    pages = stage / "usr/share/man"
    names, types = declared_functions(), declared_types()
    there = {path.stem for path in (pages / "man3").iterdir()}
    assert {"tv_entry", "tv_status", "tv_status_code", "tv_engine"} <= types
    assert {name for name in there if not name.startswith("tracevault")} == {*names, *types}
    for name in (*names, *types):
        text = (pages / f"man3/{name}.3").read_text(encoding="utf-8")
        group = (pages / text.removeprefix(".so ").strip()).read_text(encoding="utf-8")
        assert f".Nm {name}" in group
        assert (f".Ss {name}\n" in group) == (name in names)
    assert (pages / "man1/tracevault.1").exists()
    if shutil.which("man") is None:
        pytest.skip("NO MAN: the pages were found, not read")
    for name in (names[0], "tv_engine_take", names[-1], "tv_walk", "tv_status_code"):
        shown = subprocess.run(
            ["man", "--warnings", "-M", str(pages), "-P", "cat", "3", name],
            env={**os.environ, "MANWIDTH": "100"}, check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert name in shown.stdout.partition("DESCRIPTION")[0]
        assert shown.stderr == ""


def test_the_debug_file_lies_where_the_library_says(stage: Path) -> None:
    library = stage / LIBRARIES / "libtracevault.so.0"
    notes = subprocess.run(
        ["readelf", "--notes", library], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"Build ID: ([0-9a-f]+)", notes)
    assert found is not None
    name = found.group(1)
    debug = stage / f"usr/lib/debug/.build-id/{name[:2]}/{name[2:]}.debug"
    sections = subprocess.run(
        ["readelf", "--wide", "--sections", debug], check=True, capture_output=True, text=True
    ).stdout
    assert ".symtab" in sections


def test_guides_and_examples_are_installed_and_the_guides_name_what_is_there(stage: Path) -> None:
    place = stage / "usr/share/doc/tracevault"
    guide = (place / "docs/hosts.md").read_text(encoding="utf-8")
    examples = re.findall(r"`(examples/[^`]+)`", guide)
    assert len(examples) > 10
    for name in (
        "LICENSE",
        "NOTICE",
        "README.md",
        "docs/CONFIGURATION.md",
        "docs/limits.md",
        "docs/command.md",
        *examples,
    ):
        assert (place / name).is_file(), name
    script = place / "examples/wazuh/tracevault-events.sh"
    assert os.access(script, os.X_OK)


def test_no_file_says_where_it_was_built(stage: Path) -> None:
    (debug,) = (stage / "usr/lib/debug").rglob("*.debug")
    library, binding = (
        stage / LIBRARIES / name for name in ("libtracevault.so.0", "libtracevault-c.a")
    )
    for path in (library, debug, binding):
        content = path.read_bytes()
        assert str(ROOT).encode() not in content, path.name
        # Nor another tree's, where the library came from there.
        named = re.findall(rb"/[^\0\n]*/(?:Sources/(?:TraceVault|C)|bindings/c)[^\0\n]*", content)
        assert named == [], path.name
        assert re.findall(rb"/[^\0\n]*/lib/(?:swift|clang)/[^\0\n]*", content) == [], path.name
    assert b"Sources/TraceVaultCore/Vault" in debug.read_bytes()


def test_removing_takes_away_what_was_installed_and_nothing_else(stage: Path) -> None:
    kept = {
        "usr/include/tracevault/own.h", "usr/share/man/man3/tv_own.3", "usr/share/doc/other/README",
        f"{LIBRARIES}/pkgconfig/own.pc",
    }  # fmt: skip
    for name in kept:
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).write_text("of somebody else\n", encoding="utf-8")
    assert len(files(stage)) > len(kept)
    script(stage, "--remove")
    assert files(stage) == kept


def test_removing_an_older_installation_takes_its_pages_too(stage: Path) -> None:
    header_there = stage / "usr/include/tracevault.h"
    old = header().replace("tv_engine_take(", "tv_engine_took(")
    header_there.write_text(old, encoding="utf-8")
    pages = stage / "usr/share/man/man3"
    (pages / "tv_engine_take.3").rename(pages / "tv_engine_took.3")
    script(stage, "--remove")
    assert files(stage) == set()
