"""Source files stay readable: at most 300 lines of at most 100 columns, opening with a purpose."""

from _tree import ROOT, answer, read, short

LINES = 300
COLUMNS = 100

problems = []
paths = [p for p in (ROOT / "Sources").rglob("*") if p.suffix in {".swift", ".c", ".h"}]
for path in sorted(paths):
    lines = read(path).splitlines()
    if len(lines) > LINES:
        problems.append(f"{short(path)}: {len(lines)} lines; at most {LINES}")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            problems.append(f"{short(path)}:{number}: {len(line)} columns; at most {COLUMNS}")
    if path.name != "shim.h" and path.name not in (lines[0] if lines else ""):
        problems.append(f"{short(path)}: the first line does not say its name and purpose")

answer(problems, "split the file where its topics part", f"{len(paths)} files")
