"""One word for one thing: places of docs/WORDS.md exist, dropped words stay away, names are single."""

import re
from collections import defaultdict

from _tree import ROOT, answer, read, short, swift_files, without_comments

WORDS = ROOT / "docs/WORDS.md"
CORE = ROOT / "Sources/TraceVaultCore"
#: Words that had a second meaning, and what is said instead.
DROPPED = {
    r"\btv_event\b|\bTV_EVENT_": "a finished request is a tv_result",
    r"\bEventQueue\b": "ResultQueue",
    r"\bSearchQuestion\b": "Search",
    r"\b[A-Z]\w*(?:Manager|Helper|Utils?)\b": "a name that says what it does",
}
#: Types of one name in two places, on purpose: nested, and plain in their place.
TWICE = {
    "Fault", "Form", "Key", "Kind", "Name", "Place", "Slot", "State", "Step", "Tag", "Value", "Word",
}  # fmt: skip
TYPE = re.compile(r"^\s*(?:\w+ )*(?:struct|class|enum|protocol) ([A-Z]\w+)", flags=re.M)

problems = []
for place in re.findall(r"\| `([^`]+)` \|$", read(WORDS), flags=re.M):
    if not any((root / place).exists() for root in (ROOT, CORE)):
        problems.append(f"{short(WORDS)}: {place} does not exist")

sources = [*swift_files(), ROOT / "include/tracevault.h"]
sources += sorted((ROOT / "bindings").rglob("*.[ch]"))
sources += sorted((ROOT / "bindings/python/src").rglob("*.py"))
names: dict[str, set[str]] = defaultdict(set)
for path in sources:
    code = read(path)
    for pattern, instead in DROPPED.items():
        if found := re.search(pattern, code):
            problems.append(f"{short(path)}: {found.group(0)}: say {instead}")
    if path.suffix == ".swift":
        for found in TYPE.finditer(without_comments(code)):
            if "private" not in found.group(0):
                names[found.group(1)].add(short(path))
for name, places in sorted(names.items()):
    if len(places) > 1 and name not in TWICE:
        problems.append(f"{name} is declared in {' and '.join(sorted(places))}")

answer(problems, "docs/WORDS.md has each word and its one meaning", f"{len(names)} type names")
