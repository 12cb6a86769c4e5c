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

#: The files that take longest. They begin first, so that none of them runs on alone at the end.
LONG_FILES = (
    "test_hostile.py",
    "test_c_programs.py",
    "test_engine_quota.py",
    "test_packages.py",
    "test_readme.py",
    "test_vault_proofs.py",
    "test_ledger_proofs.py",
    "test_checks.py",
    "test_fork.py",
    "test_scarcity.py",
    "test_stages.py",
    "test_network.py",
    "test_soak.py",
)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    return compiler(tmp_path_factory.mktemp("c"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
