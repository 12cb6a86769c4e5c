"""scripts/test: a stage that fails fails the run, what is cut off is told, nothing is left behind.

The real script in a folder where every command that it calls is the same small stand-in.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Fails, or hangs with a child in a session of its own, when it is the one that is named.
COMMAND = """#!/usr/bin/env bash
name="$(basename "$0") $*"
echo "this is $name"
case "$name" in
$HANGS)
    setsid sleep 120 &
    touch "$HANGING"
    sleep 120
    ;;
$FAILS) exit 1 ;;
esac
"""
STAGES = (
    "setup",
    "setup of the tests",
    "release library",
    "Swift tests are built",
    "Swift tests",
    "simulation, 2 days",
    "C programs and stand-in",
    "Python binding and command",
    "checks",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("scripts", "bin", "build/venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts/test", tmp_path / "scripts/test")
    scripts = ("setup", "build", "simulation", "check")
    for place in (*(f"scripts/{name}" for name in scripts), "bin/swift", "build/venv/bin/python"):
        (tmp_path / place).write_text(COMMAND, encoding="utf-8")
        (tmp_path / place).chmod(0o755)
    return tmp_path


def begin(tree: Path, fails: str = "nobody", hangs: str = "nobody") -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["scripts/test"],
        cwd=tree,
        env={
            **os.environ,
            "PATH": f"{tree / 'bin'}:{os.environ['PATH']}",
            "FAILS": fails,
            "HANGS": hangs,
            "HANGING": str(tree / "hanging"),
            "TRACEVAULT_SEEDS": "2",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Who runs these tests may have Ctrl-C ignored, and a shell cannot undo that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def ended(run: subprocess.Popen[str]) -> tuple[int, str, str]:
    """The exit code, what the stages said, and the summary."""
    said, _ = run.communicate(timeout=60)
    stages, _, summary = said.partition("==== summary\n")
    return run.returncode, stages, summary


def left_behind(run: subprocess.Popen[str]) -> list[str]:
    mark = f"TRACEVAULT_TEST_RUN={run.pid}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue  # it has ended, or is of somebody else
    return found


def test_every_stage_runs_and_its_output_comes_whole(tree: Path) -> None:
    code, stages, summary = ended(begin(tree))
    assert code == 0, stages + summary
    for name in STAGES:
        assert f"passed  {name} (" in summary
        said = stages.partition(f"\n==== {name}\n")[2]
        assert said.startswith("this is "), name
    assert "everything passed" in summary
    asked = [line for line in stages.splitlines() if line.startswith("this is python -m pytest")]
    assert len(asked) == 2 and all(" -rs " in line for line in asked), "skips are not told"


@pytest.mark.parametrize(
    ("command", "stage"),
    [
        ("setup build", "setup"),
        ("setup ", "setup of the tests"),
        ("build *", "release library"),
        ("swift build --configuration release --product ledger", "release library"),
        ("swift build --build-tests *", "Swift tests are built"),
        ("swift test *", "Swift tests"),
        ("simulation 2", "simulation, 2 days"),
        ("check *", "checks"),
        ("python * Tests *", "what failed, once more"),
        ("python * bindings/python/tests *", "what failed, once more"),
    ],
)
def test_a_stage_that_fails_fails_the_run(tree: Path, command: str, stage: str) -> None:
    run = begin(tree, fails=command)
    code, stages, summary = ended(run)
    assert code == 1, stages + summary
    assert f"FAILED  {stage} (" in summary
    assert "everything passed" not in summary
    assert left_behind(run) == []


def test_what_fails_once_among_others_and_not_alone_has_passed(tree: Path) -> None:
    code, stages, summary = ended(begin(tree, fails="python * Tests -n *"))
    assert code == 0, stages + summary
    assert "AGAIN   C programs and stand-in (" in summary
    assert "passed  what failed, once more (" in summary


def test_a_failure_ends_what_runs_beside_it(tree: Path) -> None:
    run = begin(tree, fails="check *", hangs="python * Tests *")
    code, stages, summary = ended(run)
    assert code == 1, stages + summary
    assert "FAILED  checks (" in summary
    assert "cut off C programs and stand-in: build/test" in summary
    assert left_behind(run) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_process_behind(tree: Path, number: signal.Signals) -> None:
    run = begin(tree, hangs="swift test *")
    while not (tree / "hanging").exists():
        assert run.poll() is None
        time.sleep(0.05)
    assert len(left_behind(run)) >= 2
    run.send_signal(number)
    code, stages, summary = ended(run)
    assert code == 128 + number, stages + summary
    assert "cut off Swift tests: build/test" in summary
    assert left_behind(run) == []
