"""docs/man/tracevault.1 and docs/command.md say what the command says of itself."""

import re
import subprocess

from _tree import ROOT, answer, read

PAGE = ROOT / "docs/man/tracevault.1"
PYTHON = ROOT / "build/venv/bin/python"

made = subprocess.run(
    [str(PYTHON), str(ROOT / "scripts/manual")], capture_output=True, text=True, cwd=ROOT
)
problems = []
if made.returncode != 0:
    problems.append(f"scripts/manual fails: {made.stderr.strip()[-500:]}")
elif read(PAGE) != made.stdout:
    problems.append("docs/man/tracevault.1 differs from the command")

guide = read(ROOT / "docs/command.md")
codes = re.findall(r"^\.It (\d+)\n(.*)$", made.stdout, flags=re.M)
problems += [
    f"docs/command.md does not have exit code {code} as the command has it"
    for code, meaning in codes
    if not any(
        line.startswith(f"| {code} |") and line.replace("`", "").strip("| ").endswith(meaning)
        for line in guide.splitlines()
    )
]
problems += [
    f"docs/command.md does not name {name}"
    for name in re.findall(r"^\.It Ev (TRACEVAULT_\w+)$", made.stdout, flags=re.M)
    if name not in guide
]
answer(
    problems,
    "run build/venv/bin/python scripts/manual > docs/man/tracevault.1",
    f"{len(codes)} exit codes",
)
