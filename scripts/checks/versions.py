"""One version everywhere: header, library, Python package, change log."""

import ctypes
import re

from _tree import ROOT, answer, header_version, library, read

version = header_version()
problems = []
if not version:
    problems.append('include/tracevault.h has no line #define TV_VERSION "…"')

loaded = ctypes.CDLL(str(library()))
loaded.tv_version.restype = ctypes.c_char_p
loaded.tv_version.argtypes = ()
told = loaded.tv_version().decode()
if told != version:
    problems.append(f"tv_version() says {told}, the header {version}: rebuild with `make`")

header_abi = re.search(r"^#define TV_ABI (\d+)$", read(ROOT / "include/tracevault.h"), flags=re.M)
loaded.tv_abi.restype = ctypes.c_int32
if header_abi is None or loaded.tv_abi() != int(header_abi.group(1)):
    problems.append("tv_abi() and TV_ABI differ")

for name, pattern in (
    ("bindings/python/src/tracevault/__init__.py", r'^__version__ = "([^"]+)"'),
    ("CHANGELOG.md", r"^## (\d[^\s]*)"),
):
    path = ROOT / name
    found = re.search(pattern, read(path), flags=re.M) if path.exists() else None
    if found is None:
        problems.append(f"{name} names no version")
    elif found.group(1) != version:
        problems.append(f"{name} says {found.group(1)}, the header {version}")

answer(problems, "change the version in all places at once", version)
