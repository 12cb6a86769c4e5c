"""Loading the library changes nothing in the host: handlers, locale, threads, descriptors."""

import subprocess
import sys
import tempfile
from pathlib import Path

from _tree import ROOT, answer, library

SOURCE = ROOT / "Tests/abi/loading.c"

with tempfile.TemporaryDirectory() as folder:
    program = Path(folder) / "loading"
    built = subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include")]
        + [str(SOURCE), "-o", str(program), "-ldl", "-pthread"],
        capture_output=True,
        text=True,
    )
    if built.returncode != 0:
        print(built.stderr + "-> mend Tests/abi/loading.c")
        sys.exit(1)
    done = subprocess.run(
        [str(program)],
        env={"TRACEVAULT_LIBRARY": str(library()), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )

lines = (done.stdout + done.stderr).strip().splitlines()
problems = [line for line in lines if not line.startswith("ok")]
if done.returncode != 0:
    problems.append(f"the program ended with {done.returncode}")
answer(
    problems,
    "no work at load but pthread_atfork(); look for a new static initialiser or a dynamic runtime",
    f"{len(lines)} promises",
)
