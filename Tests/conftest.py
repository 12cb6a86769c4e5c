"""What the tests of this folder share: the binding from the tree, the stand-in's launcher."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "Tests/server"), str(ROOT / "bindings/python/src")]
os.environ.setdefault("TRACEVAULT_LIBRARY", str(ROOT / "build/lib/libtracevault.so.0"))
