"""`make demo`: every trace comes, through C, Python and the command, and a hunt leaves its page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_trace_comes_through_each_of_the_bindings(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if "CLOUDFLARE" not in name}
    done = subprocess.run(
        [sys.executable, ROOT / "demo/demo.py", tmp_path], capture_output=True, text=True,
        timeout=300, env={**kept, "PYTHONPATH": str(ROOT / "bindings/python/src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ways = [line for line in done.stdout.splitlines() if line.startswith("== through")]
    assert len(ways) > 4
    for way in ("the Python binding", "the C binding", "the command", "the command, with a page"):
        assert f"== through {way}" in ways
    assert "Every trace came." in done.stdout
    page = (tmp_path / "hunt.html").read_text()
    assert page.endswith("</html>\n")
    assert "was ended" not in page
    assert (tmp_path / "demo.key").stat().st_mode & 0o777 == 0o600
    names = {one.name for one in tmp_path.iterdir()}
    assert names <= {"demo.vault", "demo.vault.prev", "demo.key", "hunt.html", "example",
                     "demo.vault.lock"}, names  # fmt: skip
