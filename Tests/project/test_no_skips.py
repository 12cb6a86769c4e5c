"""Under the plugin of `make test-hosts` a test that is skipped has failed, and says what was missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPING = """
import pytest

@pytest.mark.skipif(True, reason="NO MARK")
def test_marked(): ...

def test_in_its_body():
    pytest.skip("NO BODY")

@pytest.fixture
def lacking():
    pytest.skip("NO FIXTURE")

def test_by_its_fixture(lacking): ...

def test_that_runs(): ...
"""


def test_a_skipped_test_has_failed_and_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(SKIPPING)
    (tmp_path / "test_all.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    for words in ([], ["-n", "2"]):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no_skips", *words,
             "--continue-on-collection-errors",
             tmp_path],
            env={**os.environ, "PYTHONPATH": str(ROOT / "Tests/tools")},
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode != 0
        for reason in ("NO MARK", "NO BODY", "NO FIXTURE", "no_such_module"):
            assert re.search(f"must not be skipped here.*{reason}", done.stdout), done.stdout
        assert "skipped," not in done.stdout and "passed" in done.stdout
