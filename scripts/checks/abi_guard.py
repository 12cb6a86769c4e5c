"""What a program was built against still holds: functions, structs and enums are added, never changed.

Swift's functions carry no C types, so the header is compiled into a stub of every function, with debug
information, and abidiff compares it with include/abi/libtracevault.abi, the dump of the last release.
Before the first release it is the dump of a state of that version. Its first line says which, in the
words of the change log. `scripts/checks/abi_guard.py --write` makes the dump anew: CONTRIBUTING, "Make a
release". Never do so to silence a break.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from _tree import HEADER, ROOT, answer, read, short

DUMP = ROOT / "include/abi/libtracevault.abi"
CHANGES = ROOT / "CHANGELOG.md"
# abidiff answers in bits: 1 and 2 say that it could not look, 4 that something differs, 8 that it is
# not compatible.
FAILED, DIFFERS, BREAKS = 3, 4, 8
#: One change may reach every function; the first ones say what it is.
SHOWN = 40


def last_release() -> str:
    """The newest version of the change log that is released; before the first one, its own heading."""
    headings: list[str] = re.findall(r"^## (\d.*)$", read(CHANGES), flags=re.M)
    released = [one for one in headings if "(unreleased)" not in one]
    return (released or headings or ["no version"])[0]


def stubs() -> str:
    """A definition of every function of the header, a use of every enum, and every constant."""
    plain = re.sub(r"/\*.*?\*/|^#.*?$", " ", read(HEADER), flags=re.S | re.M)
    text = '#include "tracevault.h"\n'
    for found in re.finditer(r"\bTV_API\b(.*?);", plain, flags=re.S):
        declaration = " ".join(found.group(1).replace("TV_CHECK", "").split())
        returned = declaration[: declaration.index("(")].rpartition(" ")[0]
        body = "{}" if returned == "void" else "{ return 0; }"
        text += f"{declaration} {body}\n"
    for number, name in enumerate(re.findall(r"\benum (tv_\w+)\s*\{", plain)):
        text += f"enum {name} tv_stub_enum_{number};\n"
    constants = re.findall(r"^#define (TV_\w+) \(", read(HEADER), flags=re.M)
    return text + "".join(f"enum {{ STUB_{name} = {name} }} stub_{name};\n" for name in constants)


def dump(folder: Path) -> Path:
    source, library, made = folder / "stubs.c", folder / "libtracevault.so", folder / "made.abi"
    source.write_text(stubs(), encoding="utf-8")
    compiled = ["gcc", "-g", "-O0", "-w", "-shared", "-fPIC", "-Wl,-soname,libtracevault.so.0"]
    for command in (
        [*compiled, f"-I{HEADER.parent}", "-o", library, source],
        ["abidw", "--no-corpus-path", "--no-comp-dir-path", "--out-file", made, library],
    ):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{command[0]}: {done.stderr.strip()}")
            sys.exit(1)
    # Where the stub was compiled says nothing about the ABI.
    made.write_text(read(made).replace(str(folder), ".").replace(str(ROOT), "."), encoding="utf-8")
    return made


def compared(kept: Path, made: Path) -> tuple[int, list[str]]:
    done = subprocess.run(["abidiff", str(kept), str(made)], capture_output=True, text=True)
    if done.returncode & FAILED:
        answer(
            (done.stdout + done.stderr).strip().splitlines(),
            f"{short(DUMP)} cannot be compared with the header: fetch it from the last release",
            "",
        )
    return done.returncode, done.stdout.strip().splitlines()


with tempfile.TemporaryDirectory() as place:
    fresh = dump(Path(place))
    if "--write" in sys.argv:
        DUMP.write_text(f"{last_release()}\n{read(fresh)}", encoding="utf-8")
        print(f"wrote {DUMP}")
        sys.exit(0)
    stamp, _, kept = read(DUMP).partition("\n")
    older = Path(place) / "older.abi"
    older.write_text(kept, encoding="utf-8")
    code, lines = compared(older, fresh)

text = "\n".join(lines)
counted = [int(number) for number in re.findall(r"(\d+) (?:Removed|Changed)", text)]
broken = bool(code & BREAKS) or (bool(code & DIFFERS) and any(counted))
if broken:
    more = [f"… and {len(lines) - SHOWN} lines more"] if len(lines) > SHOWN else []
    answer(
        lines[:SHOWN] + more,
        f"a program that is built against {stamp} would not run any more: keep the old function as it "
        "is and add a new one",
        "",
    )
answer(
    [] if stamp == last_release() else [f"{short(DUMP)} is of {stamp}, not of {last_release()}"],
    "a release has a dump of its own: `scripts/checks/abi_guard.py --write`",
    f"{'additions only since' if code & DIFFERS else 'as'} {stamp}",
)
