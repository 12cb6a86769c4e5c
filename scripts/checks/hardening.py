"""What the loader and the compilers can protect in the library is protected."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from _tree import LIBRARY, ROOT, answer, library, output, read

#: What must stay writable: variables.
WRITABLE = {".data", ".bss", ".tm_clone_table", ".tbss", ".tdata"}
#: Tables of addresses and constants: in RELRO, which the loader makes read-only.
RELRO = {".dynamic", ".got", ".got.plt", ".init_array", ".fini_array", ".data.rel.ro"}
#: The C parts as the build left them, and the commands that made them.
RELEASE = ROOT / ".build/release"
OBJECTS = [RELEASE / "CSystem.build", RELEASE / "CRuntime.build"]
COMMANDS = ROOT / ".build/release.yaml"
#: Of the words of a command that a pattern finds, the last one counts, and must be one of these.
GUARDS = {
    "a stack protector": (r"-f(?:no-)?stack-protector\S*", r"-fstack-protector-(?:strong|all)"),
    "clash protection": (r"-f(?:no-)?stack-clash-protection", r"-fstack-clash-protection"),
    "FORTIFY": (r"-[DU]_FORTIFY_SOURCE\S*", r"-D_FORTIFY_SOURCE=3"),
    "the optimiser, which FORTIFY needs": (r"-O\S*", r"-O[123s]"),
}


@dataclass
class Piece:
    """A section or a segment."""

    name: str
    start: int
    length: int
    flags: str

    def holds(self, other: "Piece") -> bool:
        return self.start <= other.start and other.start + other.length <= self.start + self.length


def sections() -> list[Piece]:
    row = re.compile(
        r"^ +\[ *\d+\] (\S+) +\S+ +([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+) [0-9a-f]+ +([A-Za-z]*) ",
        flags=re.M,
    )
    found = row.findall(output("readelf", "--wide", "--section-headers", library()))
    return [Piece(name, int(at, 16), int(size, 16), flags) for name, at, size, flags in found]


def segments() -> list[Piece]:
    row = re.compile(
        r"^ +(\S+) +0x[0-9a-f]+ 0x([0-9a-f]+) 0x[0-9a-f]+ 0x[0-9a-f]+ 0x([0-9a-f]+) ([RWE ]{3}) ",
        flags=re.M,
    )
    found = row.findall(output("readelf", "--wide", "--program-headers", library()))
    return [Piece(name, int(at, 16), int(size, 16), flags) for name, at, size, flags in found]


def of_the_loader() -> list[str]:
    dynamic = output("readelf", "--wide", "--dynamic", library())
    found = [
        f"{name} {path}: the loader would take libraries from there, whoever put them there"
        for name, path in re.findall(r"\((R(?:UN)?PATH)\).*\[(.*)\]", dynamic)
    ]
    if not re.search(r"\(FLAGS\).*\bBIND_NOW\b", dynamic):
        found.append("no BIND_NOW: the table of functions stays writable")
    return found


def of_segments(parts: list[Piece]) -> list[str]:
    found = [f"a segment is writable and executable: {p.name}" for p in parts if "WE" in p.flags]
    stack = [part for part in parts if part.name == "GNU_STACK"]
    if not stack:
        found.append("does not say that the stack is not executable (GNU_STACK)")
    if not any(part.name == "GNU_RELRO" for part in parts):
        found.append("no GNU_RELRO: nothing is protected after loading")
    return found


def of_sections(parts: list[Piece]) -> list[str]:
    protected = [part for part in parts if part.name == "GNU_RELRO"]
    writable = [part for part in parts if part.name == "LOAD" and "W" in part.flags]
    found = []
    for section in sections():
        if "A" not in section.flags or section.length == 0 or section.name in WRITABLE:
            continue
        if any(part.holds(section) for part in protected):
            continue
        if "W" in section.flags or any(part.holds(section) for part in writable):
            what = "relocated once" if section.name in RELRO else "constant"
            found.append(f"{section.name} is {what} and stays writable")
    return found


def commands() -> dict[Path, list[str]]:
    """The words of the command that made each object."""
    found = {}
    for line in re.findall(r"^ +args: (\[.*\])$", read(COMMANDS), flags=re.M):
        words = json.loads(line)
        if "-c" in words and "-o" in words:
            found[Path(words[words.index("-o") + 1]).resolve()] = words
    return found


def unguarded(words: list[str]) -> list[str]:
    """The guards that a command leaves out, or takes back."""
    missing = []
    for guard, (pattern, wanted) in GUARDS.items():
        said = [word for word in words if re.fullmatch(pattern, word)]
        if not said or not re.fullmatch(wanted, said[-1]):
            missing.append(guard)
    return missing


def of_objects() -> list[str]:
    """Whether an object shows a guard depends on its functions, so each one's command is asked."""
    missing = [path for path in (*OBJECTS, COMMANDS) if not path.exists()]
    if missing:
        return [f"{path} is not there: run `make` first" for path in missing]
    made = commands()
    found = []
    for folder in OBJECTS:
        objects = sorted(folder.rglob("*.o"))
        if not objects:
            found.append(f"{folder} has no object: run `make` first")
        for path in objects:
            words = made.get(path.resolve())
            if words is None:
                found.append(f"{path.name}: no command of the build made it")
            else:
                found += [f"{path.name} is compiled without {guard}" for guard in unguarded(words)]
    symbols = output("nm", "--undefined-only", *sorted(OBJECTS[0].rglob("*.o")))
    if "__stack_chk_fail" not in symbols:
        found.append("no object of Sources/CSystem has a stack protector")
    if not re.search(r"\b__\w+_chk\b", symbols):
        found.append("no object of Sources/CSystem has a call that FORTIFY checks")
    return found


problems = of_the_loader() + of_segments(segments()) + of_sections(segments()) + of_objects()
answer(
    problems,
    "look at linkerSettings and `guarded` in Package.swift, constants.ld and scripts/build",
    f"{LIBRARY.name}: RELRO, BIND_NOW, no path, constants read-only, C parts guarded",
)
