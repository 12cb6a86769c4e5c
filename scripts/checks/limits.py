"""The numbers in docs/limits.md are those of the code, and those of the header are those of the page.

So are the HTTP statuses that are retried.
"""

import re
from pathlib import Path

from _tree import HEADER, ROOT, answer, read

PAGE = ROOT / "docs/limits.md"
CORE = ROOT / "Sources/TraceVaultCore"
FILES = {path.name: path for path in sorted(CORE.rglob("*.swift"))}
#: The last cell of a row: a file, a constant in it, and what it is divided by.
PLACE = re.compile(r"^`(?P<file>[\w+.]+)` `(?P<name>\w+)`(?: / (?P<factor>\d+))?$")


def constant(path: Path, name: str) -> list[int]:
    """The numbers of a constant: one, or the two ends of a range."""
    found = re.search(rf"static let {name}\b[^=]*= (.+)$", read(path), flags=re.M)
    if found is None:
        return []
    text = found.group(1).replace("_", "")
    ends = re.split(r"\.\.[.<]", text)
    is_half_open = "..<" in text
    values = []
    for end in ends:
        if not re.fullmatch(r"[\d\s()*<+-]+", end):
            return []
        values.append(int(eval(end)))  # digits and operators only, see above
    # A place of so many bytes: its length.
    return [values[1] - values[0]] if is_half_open else values


def row_problems(cells: list[str]) -> list[str]:
    place = PLACE.match(cells[-1])
    if place is None:
        return [] if not cells[-1] else [f"{cells[0]}: the last cell is no place: {cells[-1]}"]
    path = FILES.get(place["file"])
    if path is None:
        return [f"{cells[0]}: there is no {place['file']}"]
    numbers = constant(path, place["name"])
    if not numbers:
        return [f"{cells[0]}: {place['file']} has no number {place['name']}"]
    factor = int(place["factor"] or 1)
    said = {int(number) for number in re.findall(r"\d+", cells[1])}
    return [
        f"{cells[0]}: the page says {sorted(said)}, the code {number // factor}"
        for number in numbers
        if number % factor or number // factor not in said
    ]


def header_problems(rows: list[list[str]]) -> list[str]:
    """The header's table: its rows begin, count and end as those of the page."""
    told = {cells[0]: cells for cells in rows}
    found = re.findall(r"^ \*   (\S.*?\S) {2,}(\S.*?\S) {2,}(TV_E_\w+)$", read(HEADER), flags=re.M)
    problems = [] if len(found) >= 15 else ["the header's table of limits is too short"]
    for what, limit, status in found:
        cells = told.get(what)
        if cells is None:
            problems.append(f"{what}: in the header, not on the page")
        elif re.findall(r"\d+", limit)[0] not in re.findall(r"\d+", cells[1]):
            problems.append(f"{what}: the header says {limit}, the page {cells[1]}")
        elif f"`{status}`" not in cells[2]:
            problems.append(f"{what}: the header says {status}, the page {cells[2]}")
    return problems


def retried() -> set[int]:
    """The statuses that the code tries again."""
    body = read(FILES["CloudflareAPI.swift"]).partition("func isTransient")[2]
    listed = re.search(r"case ([\d., ]+): return true", body)
    codes: set[int] = set()
    for part in (listed.group(1) if listed else "").split(","):
        ends = [int(end) for end in part.strip().split("...")] if part.strip() else []
        codes |= set(range(ends[0], ends[-1] + 1)) if ends else set()
    return codes


def told(page: str) -> set[int]:
    row = re.search(r"^\| (408[^|]*)\|", page, flags=re.M)
    codes: set[int] = set()
    for part in (row.group(1) if row else "").split(","):
        ends = [int(end) for end in re.findall(r"\d+", part)]
        codes |= set(range(ends[0], ends[-1] + 1)) if ends else set()
    return codes


page = read(PAGE)
rows = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in page.splitlines()
    if line.startswith("| ") and line.count("|") == 5 and not line.startswith("| what |")
]
problems = [problem for cells in rows for problem in row_problems(cells)]
problems += header_problems(rows)
if retried() != told(page):
    problems.append(f"retried: the page says {sorted(told(page))}, the code {sorted(retried())}")
if len(rows) < 30:
    problems.append(f"only {len(rows)} rows of limits were found")
answer(problems, "correct docs/limits.md", f"{len(rows)} limits")
