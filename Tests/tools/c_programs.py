"""c_programs.py - compiles the C programs of the tests against the built library, and runs them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ABI = ROOT / "Tests/abi"
BINDING = ROOT / "bindings/c"
LIBRARY = ROOT / "build/lib/libtracevault.so.0"
STRICT = ("-std=c11", "-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Werror", "-g", "-O1")

VALGRIND = (
    "valgrind",
    "--quiet",
    "--leak-check=full",
    "--show-leak-kinds=definite,possible",
    "--errors-for-leak-kinds=definite,possible",
    f"--suppressions={ROOT / 'packaging/tracevault.supp'}",
    "--error-exitcode=99",
)

Compile = Callable[..., Path]


def compiler(folder: Path) -> Compile:
    """Compiles sources into a program that finds the built library; each only once."""
    assert LIBRARY.exists(), "build/lib/libtracevault.so.0 is missing: run `make` first"

    def gcc(*arguments: Path | str) -> None:
        done = subprocess.run(
            ["gcc", *STRICT, "-D_GNU_SOURCE", f"-I{ROOT / 'include'}", f"-I{BINDING}", f"-I{ABI}"]
            + [str(argument) for argument in arguments],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def part(source: Path) -> Path:
        """A source of the C binding, which many programs have, as an object."""
        if source.parent != BINDING:
            return source
        made = folder / f"{source.stem}.o"
        if not made.exists():
            gcc("-c", source, "-o", made)
        return made

    def compile_program(name: str, *sources: Path, flags: tuple[str, ...] = ()) -> Path:
        program = folder / name
        if not program.exists():
            gcc(
                *(sources if flags else map(part, sources)), "-o", program,
                f"-L{LIBRARY.parent}", "-ltracevault", "-ldl", *flags, "-pthread",
                f"-Wl,-rpath,{LIBRARY.parent}",
            )  # fmt: skip
        return program

    return compile_program


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TRACEVAULT_LIBRARY": str(LIBRARY)}
    return subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        env=environment,
        input=str(options.get("input", "")),
    )
