"""What the loader and the compilers can protect in the library is protected."""

import re
from dataclasses import dataclass

from _tree import LIBRARY, ROOT, answer, library, output

#: What must stay writable: variables, and the page that the Swift runtime protects itself.
WRITABLE = {".data", ".bss", ".tm_clone_table", ".tbss", ".tdata", "swift5_backtrace"}
#: Tables of addresses and constants: in RELRO, which the loader makes read-only.
RELRO = {".dynamic", ".got", ".got.plt", ".init_array", ".fini_array", ".data.rel.ro"}
#: The C parts as the build left them.
OBJECTS = ROOT / ".build/release/CSystem.build"


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


def of_objects() -> list[str]:
    if not OBJECTS.is_dir():
        return [f"{OBJECTS} is not there: run `make` first"]
    symbols = output("nm", "--undefined-only", *sorted(OBJECTS.glob("*.o")))
    found = []
    if "__stack_chk_fail" not in symbols:
        found.append("Sources/CSystem has no stack protector")
    if not re.search(r"\b__\w+_chk\b", symbols):
        found.append("Sources/CSystem is compiled without FORTIFY")
    return found


problems = of_the_loader() + of_segments(segments()) + of_sections(segments()) + of_objects()
answer(
    problems,
    "look at linkerSettings and `guarded` in Package.swift, constants.ld and scripts/build",
    f"{LIBRARY.name}: RELRO, BIND_NOW, no path, constants read-only, C parts guarded",
)
