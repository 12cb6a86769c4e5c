"""Shell scripts parse, stop at the first error, and pass shellcheck."""

import shutil
import subprocess
import sys

from _tree import ROOT, answer, read, short

paths = [
    path
    for folder in ("scripts", ".ci", "bench", "demo", "examples", "Tests")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file()
    and path.suffix in {"", ".sh"}
    and path.read_bytes()[:20].startswith((b"#!/usr/bin/env bash", b"#!/bin/bash", b"#!/bin/sh"))
]
if shutil.which("shellcheck") is None:
    print("shellcheck is not installed\n-> run `make setup`")
    sys.exit(1)
problems = []
for path in paths:
    if "set -eu" not in read(path):
        problems.append(f"{short(path)}: lacks `set -euo pipefail`")
    done = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        problems += [f"{short(path)}:", *done.stdout.strip().splitlines()[:30]]

answer(problems, "quote, or explain with a `# shellcheck disable=` and its reason",
       f"{len(paths)} scripts")  # fmt: skip
