"""Folders of the core know what their first file says, and hold at most a dozen files."""

import re
from pathlib import Path

from _tree import ROOT, answer, read, short, without_comments

CORE = ROOT / "Sources/TraceVaultCore"
#: Without the file that says what the folder is for.
MOST = 12
#: What the first file of a folder must say, each in a line that begins so.
SAYS = ("Comes in: ", "Goes out: ", "May know: ")
DECLARED = re.compile(
    r"^(?:@\w+(?:\([^)]*\))? )*(?:package |public )?(?:final )?"
    r"(?:struct|enum|class|protocol|typealias) (\w+)",
    re.MULTILINE,
)

problems: list[str] = []


def folder_of(path: Path) -> str:
    """JSON/Reading, Vault, …; "" for the files that belong to no floor."""
    return "/".join(path.relative_to(CORE).parts[:-1])


def said(path: Path) -> dict[str, str]:
    """The lines of a folder's first file, each with the lines that go on below it."""
    text = " ".join(line.removeprefix("//").strip() for line in read(path).splitlines())
    marks = "|".join(map(re.escape, SAYS))
    parts = re.split(f"({marks})", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def may_know(folder: str, listed: str) -> set[str]:
    """The folders that a folder may know: itself, what is listed, and what all know."""
    names = {name.strip(" .") for name in listed.split(",")} - {"nothing else"}
    for name in names:
        if not (CORE / name).is_dir():
            problems.append(f"{folder}: may know {name}, which is no folder")
    return names | {folder, "", "Base", "Base/Addresses", "Base/Threads"}


files = sorted(CORE.rglob("*.swift"))
owners: dict[str, set[str]] = {}
for path in files:
    for name in DECLARED.findall(read(path)):
        owners.setdefault(name, set()).add(folder_of(path))
folders = sorted({folder_of(path) for path in files})
for folder in folders:
    own = sorted((CORE / folder).glob("*.swift"))
    firsts = [path for path in own if path.name.startswith("About")]
    if len(firsts) != 1:
        problems.append(f"{folder}: {len(firsts)} files About….swift; one says what it is for")
        continue
    first = firsts[0]
    if len(own) - 1 > MOST:
        problems.append(f"{folder}: {len(own) - 1} files; at most {MOST}: make sub-folders")
    lines = said(first)
    if missing := [mark for mark in SAYS if not lines.get(mark, "").strip()]:
        problems.append(f"{short(first)}: the first file does not say {', '.join(missing)}")
        continue
    known = may_know(folder, lines["May know: "])
    for path in own:
        code = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', without_comments(read(path)))
        for word in sorted(set(re.findall(r"\b[A-Z]\w+\b", code)) & owners.keys()):
            if not owners[word] & known:
                place = " or ".join(sorted(owners[word]))
                problems.append(f"{short(path)}: {folder} does not know {word} of {place}")

for folder_of_c in sorted({path.parent for path in (ROOT / "Sources").rglob("*.c")}):
    if (count := len(list(folder_of_c.glob("*.c")))) > MOST:
        problems.append(f"{short(folder_of_c)}: {count} files; at most {MOST}: make sub-folders")

answer(problems, "move what is shared to a floor below, or say in the folder's first file that it "
       "may know the other", f"{len(folders)} folders")  # fmt: skip
