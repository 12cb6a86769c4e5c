"""The Python binding's function table says what the header says, name by name, type by type.

The comparison itself is bindings/python/tests/test_abi.py; this runs it with the other checks.
"""

import subprocess
import sys

from _tree import ROOT, answer

PYTHON = ROOT / "build/venv/bin/python"
TESTS = ROOT / "bindings/python/tests/test_abi.py"

if not PYTHON.exists():
    print("build/venv is not there\n-> run `make setup`")
    sys.exit(1)
done = subprocess.run(
    [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS)],
    cwd=ROOT,
    capture_output=True,
    text=True,
)
lines = (done.stdout + done.stderr).strip().splitlines() or ["pytest said nothing"]
answer(
    lines[-40:] if done.returncode != 0 else [],
    "change include/tracevault.h with _abi.py, or, for a status, with _status.py",
    lines[-1],
)
