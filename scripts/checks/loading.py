"""Loading the library changes nothing in the host: handlers, locale, threads, descriptors.

Whatever variables of the Swift runtime are set, and it has nothing that could run a program.
"""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from _tree import ROOT, answer, library, output

SOURCE = ROOT / "Tests/abi/loading.c"
#: What handles signals, runs programs or reads the whole environment, for whomever it is.
UNWANTED = {
    *("sigaction", "signal", "sigaltstack", "fork", "vfork", "clone", "system", "popen"),
    *("execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe", "fexecve"),
    *("posix_spawn", "posix_spawnp", "environ", "secure_getenv"),
}
#: Variables with which the Swift runtime prints, weakens itself or looks for other files.
VARIABLES = {
    "SWIFT_DEBUG_HELP": "YES",
    "SWIFT_DEBUG_NO_SUCH_THING": "1",
    "SWIFT_DETERMINISTIC_HASHING": "perhaps",
    "SWIFT_DEBUG_ENABLE_MALLOC_SCRIBBLE": "1",
    "SWIFT_DEBUG_LIB_PRESPECIALIZED_PATH": "/nowhere",
    "SWIFT_DEBUG_ENABLE_LIB_PRESPECIALIZED_LOGGING": "1",
    "SWIFT_ROOT": "/nowhere",
}


def run(program: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *words],
        env={"TRACEVAULT_LIBRARY": str(library()), "PATH": "/usr/bin:/bin", **more},
        capture_output=True,
        text=True,
    )


def of_imports() -> list[str]:
    undefined = output("nm", "--dynamic", "--undefined-only", library()).split()
    names = {word.partition("@")[0] for word in undefined}
    return [f"imports {name}()" for name in sorted(names & UNWANTED)]


def of_a_crash(folder: Path, program: Path) -> list[str]:
    """What the Swift runtime would run is a program that leaves a mark."""
    mark, tracer = folder / "mark", folder / "tracer"
    tracer.write_text(f"#!/bin/sh\n: >{mark}\n")
    tracer.chmod(0o755)
    named = f"enable=yes,color=no,interactive=no,swift-backtrace={tracer}"
    done = run(program, "crash", SWIFT_BACKTRACE=named, **VARIABLES)
    problems = []
    if done.returncode != -signal.SIGABRT:
        problems.append(f"a host that aborts ended with {done.returncode}")
    if done.stdout + done.stderr:
        problems.append(f"a host that aborts printed {(done.stdout + done.stderr)[:200]!r}")
    if mark.exists():
        problems.append("at a crash of the host the program of SWIFT_BACKTRACE was run")
    again = run(program, SWIFT_BACKTRACE=named, **VARIABLES)
    lines = [line for line in (again.stdout + again.stderr).splitlines() if line[:2] != "ok"]
    return problems + [f"with variables of the Swift runtime: {line[:99]}" for line in lines[:5]]


with tempfile.TemporaryDirectory() as name:
    program = Path(name) / "loading"
    built = subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include")]
        + [str(SOURCE), "-o", str(program), "-ldl", "-pthread"],
        capture_output=True,
        text=True,
    )
    if built.returncode != 0:
        print(built.stderr + "-> mend Tests/abi/loading.c")
        sys.exit(1)
    done = run(program)
    lines = (done.stdout + done.stderr).strip().splitlines()
    problems = [line for line in lines if not line.startswith("ok")]
    if done.returncode != 0:
        problems.append(f"the program ended with {done.returncode}")
    problems += of_imports() + of_a_crash(Path(name), program)

answer(
    problems,
    "no work at load but pthread_atfork(); look for a new static initialiser or a dynamic runtime, "
    "and at what Sources/CRuntime keeps out",
    f"{len(lines)} promises",
)
