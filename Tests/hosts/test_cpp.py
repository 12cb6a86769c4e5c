"""test_cpp: tracevault.hpp, compiled by both compilers with all warnings, and run under valgrind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from c_programs import LIBRARY, ROOT, VALGRIND, run

STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-g", "-O1")
COMPILERS = ("g++", "clang++")


@pytest.fixture(scope="module", params=COMPILERS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    built = tmp_path_factory.mktemp("cpp") / "wrapped"
    done = subprocess.run(
        [
            request.param,
            *STRICT,
            f"-I{ROOT / 'include'}",
            f"-I{ROOT / 'bindings/c'}",
            str(ROOT / "Tests/abi/wrapped.cpp"),
        ]
        + ["-o", str(built), f"-L{LIBRARY.parent}", "-ltracevault"]
        + [f"-Wl,-rpath,{LIBRARY.parent}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return built


def test_the_wrapper_frees_what_it_made_and_throws_what_failed(program: Path) -> None:
    done = run(program)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 0 failed" in done.stdout


def test_the_wrapper_has_every_function_of_the_header() -> None:
    header = (ROOT / "include/tracevault.h").read_text(encoding="utf-8")
    wrapper = (ROOT / "include/tracevault.hpp").read_text(encoding="utf-8")
    declared = set(re.findall(r"^TV_API [^;(]*?\b(tv_\w+)\(", header, flags=re.M))
    # A program asks for these in C, before there is any object.
    declared -= {"tv_abi", "tv_version", "tv_cause_name", "tv_error_status"}
    assert len(declared) > 70
    assert {name for name in declared if not re.search(rf"\b{name}\b", wrapper)} == set()


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.parametrize(
    "program", COMPILERS if "TRACEVAULT_LONG" in os.environ else COMPILERS[:1], indirect=True
)
def test_valgrind_finds_no_leak_in_the_wrapper(program: Path) -> None:
    done = run(*VALGRIND, program)
    assert done.returncode == 0, done.stdout
