"""test_cpp: tracevault.hpp, compiled by both compilers with all warnings, and run under valgrind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from c_programs import LIBRARY, ROOT, VALGRIND, run

STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-g", "-O1")


@pytest.fixture(scope="module", params=["g++", "clang++"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    built = tmp_path_factory.mktemp("cpp") / "wrapped"
    done = subprocess.run(
        [request.param, *STRICT, f"-I{ROOT / 'include'}", str(ROOT / "Tests/abi/wrapped.cpp")]
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


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_finds_no_leak_in_the_wrapper(program: Path) -> None:
    done = run(*VALGRIND, program)
    assert done.returncode == 0, done.stdout
