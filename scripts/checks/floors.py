"""The folders of the core are floors: each knows only those below it, and a sub-folder its own rules."""

import re
from collections import defaultdict

from _tree import ROOT, answer, read, swift_files, without_comments

CORE = ROOT / "Sources/TraceVaultCore"
#: From the ground up. A folder may use the types of the folders before it, never of those behind.
FLOORS = (
    "Base",
    "JSON",
    "Settings",
    "Vault",
    "Trace",
    "Budget",
    "Scheduler",
    "Transport",
    "ObjectStore",
    "Results",
    "Requests",
    "Engine",
    "Library",
)

TYPE = re.compile(
    r"^(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:package|public|final|indirect|fileprivate|private)\s+)*"
    r"(?:struct|class|enum|protocol|typealias) (\w+)",
    flags=re.M,
)


def floor_of(path: str) -> str:
    return path.split("/")[0] if "/" in path else ""


files = {
    str(path.relative_to(CORE)): without_comments(read(path))
    for path in swift_files("Sources/TraceVaultCore")
}
owners: dict[str, set[str]] = defaultdict(set)
for name, code in files.items():
    for found in TYPE.finditer(code):
        if "private" not in found.group(0):
            owners[found.group(1)].add(floor_of(name))

problems = []
for name, code in files.items():
    floor = floor_of(name)
    if floor not in FLOORS:
        problems.append(f"{name}: not in a folder of the core ({', '.join(FLOORS)})")
        continue
    for word in sorted(set(re.findall(r"\b[A-Z]\w+\b", code))):
        known = owners.get(word, set())
        for owner in sorted(known & set(FLOORS)):
            if floor not in known and FLOORS.index(owner) > FLOORS.index(floor):
                problems.append(f"{name}: {floor} must not know {word} of {owner}")

answer(problems, "move the type down, or the file up; docs/ARCHITECTURE.md has the floors",
       f"{len(files)} files on {len(FLOORS)} floors")  # fmt: skip
