"""The header compiles alone and twice, as C99 to C23 and C++11 to C++23, without a warning."""

import subprocess
import tempfile
from pathlib import Path

from _tree import ROOT, answer

STANDARDS = (
    ("gcc", "c", ("c99", "c11", "c17", "c2x")),
    ("g++", "cpp", ("c++11", "c++17", "c++20", "c++23")),
)
WARNINGS = ("-Wall", "-Wextra", "-pedantic", "-Wundef", "-Werror")
ONCE = '#include "tracevault.h"\n'
# A user's first line: every type and constant is there without another include.
USE = "tv_status tv_check_use(void);\ntv_status tv_check_use(void) { return TV_E_OTHER; }\n"

problems = []
runs = 0
with tempfile.TemporaryDirectory() as folder:
    for compiler, suffix, standards in STANDARDS:
        for name, text in (("alone", ONCE + USE), ("twice", ONCE + ONCE + USE)):
            source = Path(folder) / f"{name}.{suffix}"
            source.write_text(text, encoding="utf-8")
            for standard in standards:
                runs += 1
                done = subprocess.run(
                    [compiler, f"-std={standard}", *WARNINGS, "-fsyntax-only"]
                    + ["-I", str(ROOT / "include"), str(source)],
                    capture_output=True,
                    text=True,
                )
                if done.returncode != 0:
                    lines = done.stderr.strip().splitlines()[:6]
                    problems += [f"{compiler} -std={standard}, included {name}:", *lines]

answer(problems, "make include/tracevault.h standard C and C++ again", f"{runs} compilations")
