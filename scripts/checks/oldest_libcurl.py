"""One oldest libcurl everywhere: what the code refuses, what it says then, the README, the package."""

import re

from _tree import ROOT, answer, read

FAULTS = "Sources/TraceVaultCore/Transport/Curl/LibcurlFaults.swift"

problems = []
found = re.search(r"static let oldest: UInt32 = 0x(\w\w)_(\w\w)_00\b", read(ROOT / FAULTS))
oldest = ".".join(str(int(part, 16)) for part in found.groups()) if found else ""
if not oldest:
    problems.append(f"{FAULTS} names no oldest version of libcurl")

for name, pattern in (
    (FAULTS, r'"libcurl ([\d.]+) or newer is needed: '),
    ("README.md", r"\blibcurl ([\d.]+) or newer \("),
    ("scripts/deb", r"\blibcurl4 \(>= ([\d.]+)\)"),
):
    told = re.findall(pattern, " ".join(read(ROOT / name).split()))
    if not told:
        problems.append(f"{name} does not say which libcurl is needed")
    problems += [
        f"{name} says libcurl {one}, the code takes {oldest}" for one in told if one != oldest
    ]

answer(problems, "change the oldest version in all places at once", f"libcurl {oldest}")
