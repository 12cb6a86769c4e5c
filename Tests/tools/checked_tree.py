"""checked_tree: a copy of what the checks of scripts/checks look at, to be broken in one place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "Sources",
    "include",
    "docs",
    ".swift-format",
    "CHANGELOG.md",
    "Package.swift",
    "README.md",
    "packaging",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the parts that the checks read; the built library is linked in."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    for name in ("build", ".build"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "bindings/c", tmp_path / "bindings/c")
    source = ROOT / "bindings/python/src/tracevault"
    shutil.copytree(source, tmp_path / "bindings/python/src/tracevault")
    (tmp_path / "docs").mkdir(exist_ok=True)
    for name in ("trace.md", "trace.schema.json"):
        shutil.copy(ROOT / "docs" / name, tmp_path / "docs")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/deb", tmp_path / "scripts")
    return tmp_path


def check(tree: Path, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/checks" / f"{name}.py")],
        env={**os.environ, "TRACEVAULT_ROOT": str(tree)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def append(tree: Path, name: str, text: str) -> None:
    with (tree / name).open("a", encoding="utf-8") as file:
        file.write(text)


def replace(tree: Path, name: str, old: str, new: str) -> None:
    path = tree / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} no longer has {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
