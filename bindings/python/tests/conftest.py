"""What several tests share: where the repository is, and the library under test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
HEADER = REPOSITORY / "include" / "tracevault.h"


def find_library() -> Path | None:
    """The library under test: $TRACEVAULT_LIBRARY, or what `make` built."""
    asked = os.environ.get("TRACEVAULT_LIBRARY")
    found = Path(asked) if asked else REPOSITORY / "build" / "lib" / "libtracevault.so.0"
    return found if found.is_file() else None


LIBRARY = find_library()
if LIBRARY is not None:
    os.environ["TRACEVAULT_LIBRARY"] = str(LIBRARY)


@pytest.fixture(scope="session")
def library_path() -> Path:
    """The real library; skips loudly when it is not built."""
    if LIBRARY is None:
        pytest.skip("no libtracevault.so.0: run `make`, or name it in TRACEVAULT_LIBRARY")
    return LIBRARY


@pytest.fixture(scope="session")
def header() -> str:
    return HEADER.read_text()


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[str], Path]:
    """Compile a few lines of C into a shared library."""

    def compile_library(source: str) -> Path:
        code, out = tmp_path / "fake.c", tmp_path / "libfake.so"
        code.write_text(source)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", out, code], check=True)
        return out

    return compile_library
