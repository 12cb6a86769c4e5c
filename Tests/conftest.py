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

# The path above comes first.
from c_programs import Compile, compiler  # noqa: E402
from checked_tree import tree  # noqa: E402
from fleet.fixtures import (  # noqa: E402
    client,
    guarded,
    lender,
    on_disk,
    place,
    scripted,
    store,
    way,
)
from host_home import home  # noqa: E402
from hostile.certificates import Identities  # noqa: E402
from recipes import folder, server  # noqa: E402

__all__ = [
    "client",
    "folder",
    "guarded",
    "home",
    "lender",
    "on_disk",
    "place",
    "scripted",
    "server",
    "store",
    "tree",
    "way",
]

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
    "test_binary_checks.py",
    "test_fork.py",
    "test_scarcity.py",
    "test_stages.py",
    "test_network.py",
    "test_long_run.py",
    "test_soak.py",
    "test_fleet_quota.py",
    "test_fleet_commits.py",
    "test_fleet_kills.py",
)


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    """All that a hostile server can show."""
    return Identities(tmp_path_factory.mktemp("identities"))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    return compiler(tmp_path_factory.mktemp("c"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the proofs of many hosts print is what they are run for."""
    for report in terminalreporter.getreports("passed"):
        if "/test_fleet_" in report.nodeid and report.when == "call" and report.capstdout:
            terminalreporter.write_line(f"{report.nodeid.partition('::')[2]}:")
            terminalreporter.write(report.capstdout)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
