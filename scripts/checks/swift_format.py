"""Swift sources pass `swift format lint --strict` with the rules of .swift-format.

AllPublicDeclarationsHaveDocumentation is off: the only public declarations are the C functions,
whose contract is in include/tracevault.h (check `header_contract`); a copy of it would rot.
AlwaysUseLowerCamelCase is off for the same functions: they carry the names of the header.
"""

import subprocess

from _tree import ROOT, answer

folders = [name for name in ("Sources", "Tests", "Package.swift") if (ROOT / name).exists()]
done = subprocess.run(
    ["swift", "format", "lint", "--strict", "--recursive", "--parallel"]
    + ["--configuration", str(ROOT / ".swift-format"), *folders],
    cwd=ROOT,
    capture_output=True,
    text=True,
)
lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
problems = lines or ["swift format failed without a message"]
answer(
    problems[:60] if done.returncode != 0 else [],
    "run `swift format --in-place --recursive Sources Tests` and look at what is left",
    ", ".join(folders),
)
