"""C sources pass cppcheck and compile as C11 without a warning."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _tree import ROOT, answer, output, short

INCLUDES = (
    "include",
    "Sources/CSystem/include",
    "Sources/CRuntime/include",
    "bindings/c",
    "Tests/abi",
)
WARNINGS = (
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-pedantic",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Werror",
)

if shutil.which("cppcheck") is None:
    print("cppcheck is not installed\n-> run `make setup`")
    sys.exit(1)

folders = (
    "Sources/CSystem",
    "Sources/CRuntime",
    "bindings/c",
    "Tests/abi",
    "bench",
    "demo",
    "examples",
)
sources = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.c"))]
includes = [part for name in INCLUDES for part in ("-I", str(ROOT / name))]
flags = output("pkg-config", "--cflags", "libcurl", "libsodium").split()

problems = []
done = subprocess.run(
    ["cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability"]
    + ["--inline-suppr", "--suppress=missingIncludeSystem", "--error-exitcode=1"]
    + includes
    + [str(path) for path in sources],
    capture_output=True,
    text=True,
)
if done.returncode != 0:
    problems += ["cppcheck:", *(done.stdout + done.stderr).strip().splitlines()[:40]]
with tempfile.TemporaryDirectory() as folder:
    for path in sources:
        # -O1: some warnings (uninitialised values, truncation) need the optimiser's eyes.
        done = subprocess.run(
            ["gcc", *WARNINGS, "-O1", "-c", *includes, *flags, str(path)]
            + ["-o", str(Path(folder) / "object.o")],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            problems += [f"{short(path)}:", *done.stderr.strip().splitlines()[:6]]

answer(
    problems, "mend the source; a suppression needs its reason beside it", f"{len(sources)} files"
)
