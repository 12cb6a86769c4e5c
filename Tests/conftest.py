"""What all tests share: their tools, the stand-in's launcher and the binding, from this tree."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [
    str(ROOT / place) for place in ("Tests/tools", "Tests/server", "bindings/python/src")
]
os.environ.setdefault("TRACEVAULT_LIBRARY", str(ROOT / "build/lib/libtracevault.so.0"))

from c_programs import Compile, compiler  # noqa: E402 (the path above comes first)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    return compiler(tmp_path_factory.mktemp("c"))
