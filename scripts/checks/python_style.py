"""Python passes ruff (lint and format) and mypy --strict."""

import os
import subprocess
import sys

from _tree import ROOT, answer

TOOLS = ROOT / "build/venv/bin"
SOURCES = [
    name for name in ("scripts", "Tests", "bench", "demo", "examples") if (ROOT / name).is_dir()
]
BINDING = ROOT / "bindings/python"
RECIPES = ROOT / "examples/python"


def run(*command: str) -> list[str]:
    # The tests import the launcher of the stand-in and the Python binding.
    environment = {**os.environ, "MYPYPATH": "Tests/tools:Tests/server:bindings/python/src"}
    done = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return []
    return [f"{' '.join(command[:2])}:", *(done.stdout + done.stderr).strip().splitlines()[:40]]


if not (TOOLS / "ruff").exists() or not (TOOLS / "mypy").exists():
    print("build/venv has no ruff or mypy\n-> run `make setup`")
    sys.exit(1)

everything = [*SOURCES, *(["bindings/python"] if BINDING.is_dir() else [])]
# Programs without a suffix are Python all the same.
programs = [
    str(path.relative_to(ROOT))
    for name in ("scripts", "bench", "demo")
    for path in sorted((ROOT / name).glob("*"))
    if path.is_file() and not path.suffix and path.read_bytes()[:22] == b"#!/usr/bin/env python3"
]
problems = run("ruff", "check", *everything, *programs)
problems += run("ruff", "format", "--check", *everything, *programs)
problems += run("mypy", "--strict", "scripts/checks")
problems += run("mypy", "--strict", "scripts/check")
tests = [
    str(path.relative_to(ROOT))
    for path in sorted((ROOT / "Tests").rglob("*.py"))
    if "Tests/server" not in str(path)
]
demo = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "demo").glob("*.py"))]
if tests:
    examples = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "examples").rglob("*.py"))
        if path.parent != RECIPES
    ]
    problems += run("mypy", "--strict", *tests, *demo, *examples)
if (ROOT / "Tests/server").is_dir():
    problems += run("mypy", "--strict", "Tests/server")
if (BINDING / "src").is_dir():
    problems += run("mypy", "--strict", "bindings/python/src")
    # The binding's own settings know which libraries of the recipes have no types.
    own = ("src", "examples", "tests", "hatch_build.py")
    paths = [BINDING / name for name in own] + [RECIPES]
    here = [str(path.relative_to(ROOT)) for path in paths if path.exists()]
    problems += run("mypy", "--config-file=bindings/python/pyproject.toml", *here)

answer(problems, "run `build/venv/bin/ruff check --fix` and `ruff format`; type what mypy names",
       ", ".join(everything))  # fmt: skip
