"""What a released binary was built against still holds: functions and enums are added, never changed.

Swift's functions carry no C types, so the header is compiled into a stub of every function, with debug
information, and abidiff compares it with include/abi/libtracevault.abi, the dump of the last release.
`scripts/checks/abi_guard.py --write` makes the dump anew; do so at a release, never to silence a break.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from _tree import HEADER, ROOT, answer, read

DUMP = ROOT / "include/abi/libtracevault.abi"
# abidiff answers in bits: 4 says that something differs, 8 that it is not compatible.
DIFFERS, BREAKS = 4, 8


def stubs() -> str:
    """A definition of every function of the header, and a use of every enum."""
    plain = re.sub(r"/\*.*?\*/|^#.*?$", " ", read(HEADER), flags=re.S | re.M)
    text = '#include "tracevault.h"\n'
    for found in re.finditer(r"\bTV_API\b(.*?);", plain, flags=re.S):
        declaration = " ".join(found.group(1).replace("TV_CHECK", "").split())
        returned = declaration[: declaration.index("(")].rpartition(" ")[0]
        body = "{}" if returned == "void" else "{ return 0; }"
        text += f"{declaration} {body}\n"
    for number, name in enumerate(re.findall(r"\benum (tv_\w+)\s*\{", plain)):
        text += f"enum {name} tv_stub_enum_{number};\n"
    return text


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


def compared(made: Path) -> tuple[int, list[str]]:
    done = subprocess.run(["abidiff", str(DUMP), str(made)], capture_output=True, text=True)
    return done.returncode, done.stdout.strip().splitlines()


with tempfile.TemporaryDirectory() as place:
    fresh = dump(Path(place))
    if "--write" in sys.argv:
        DUMP.write_text(read(fresh), encoding="utf-8")
        print(f"wrote {DUMP}")
        sys.exit(0)
    code, lines = compared(fresh)

text = "\n".join(lines)
counted = [int(number) for number in re.findall(r"(\d+) (?:Removed|Changed)", text)]
broken = bool(code & (BREAKS | 3)) or (bool(code & DIFFERS) and any(counted))
answer(
    lines if broken else [],
    "a program that is built against the last release would not run any more: keep the old function "
    "as it is and add a new one",
    "additions only" if code & DIFFERS else "as the last release",
)
