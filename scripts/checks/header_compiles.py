"""The headers compile alone and twice, as C99 to C23 and C++11 to C++23, without a warning."""

import subprocess
import tempfile
from pathlib import Path

from _tree import ROOT, answer

STANDARDS = (
    ("gcc", "c", ("c99", "c11", "c17", "c2x")),
    ("g++", "cpp", ("c++11", "c++17", "c++20", "c++23")),
)
WARNINGS = ("-Wall", "-Wextra", "-pedantic", "-Wundef", "-Werror")
# Each header, where it is, and a user's first line: types and constants need no other include.
HEADERS = (
    (
        "tracevault.h",
        "include",
        "tv_status use(void);\ntv_status use(void) { return TV_E_OTHER; }\n",
    ),
    (
        "tv_owned.h",
        "bindings/c",
        "void use(void);\nvoid use(void) { TV_OWNED(tv_error) error = NULL; }\n",
    ),
    ("tv_walk.h", "bindings/c", "int use(void);\nint use(void) { return TV_NULL; }\n"),
    ("tv_trace.h", "bindings/c", "int use(void);\nint use(void) { return TV_TRACE_OK; }\n"),
)

problems = []
runs = 0
with tempfile.TemporaryDirectory() as folder:
    cases = [
        (compiler, suffix, standard, header, place, use, times)
        for compiler, suffix, standards in STANDARDS
        for standard in standards
        for header, place, use in HEADERS
        for times in (1, 2)
    ]
    for compiler, suffix, standard, header, place, use, times in cases:
        runs += 1
        source = Path(folder) / f"source.{suffix}"
        source.write_text(f'#include "{header}"\n' * times + use, encoding="utf-8")
        done = subprocess.run(
            [compiler, f"-std={standard}", *WARNINGS, "-fsyntax-only"]
            + ["-I", str(ROOT / place), "-I", str(ROOT / "include"), str(source)],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            how = "alone" if times == 1 else "twice"
            lines = done.stderr.strip().splitlines()[:6]
            problems += [f"{header} with {compiler} -std={standard}, included {how}:", *lines]

answer(problems, "make the header standard C and C++ again", f"{runs} compilations")
