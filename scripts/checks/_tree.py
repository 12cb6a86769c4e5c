"""What the checks share: the tree they look at, the header as data, and how they answer."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(os.environ.get("TRACEVAULT_ROOT") or Path(__file__).resolve().parents[2])
HEADER = ROOT / "include/tracevault.h"
LIBRARY = ROOT / "build/lib/libtracevault.so.0"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def answer(problems: list[str], advice: str, fine: str) -> None:
    """End the check: print what is wrong and what to do, or in one line what was looked at."""
    if problems:
        print("\n".join(problems))
        print(f"-> {advice}")
        sys.exit(1)
    print(fine)
    sys.exit(0)


def output(*command: str | Path) -> str:
    """What a command prints; its failure ends the check."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{command[0]} failed: {done.stderr.strip()}")
        sys.exit(1)
    return done.stdout


def library() -> Path:
    if not LIBRARY.exists():
        print(f"{LIBRARY} is not there\n-> run `make` first")
        sys.exit(1)
    return LIBRARY


def declared_functions(header: str) -> list[str]:
    """Names of the functions that the header declares, in its order."""
    plain = re.sub(r"/\*.*?\*/|^#.*?$", " ", header, flags=re.S | re.M)
    return re.findall(r"\bTV_API\b[^;(]*?\b(\w+)\s*\(", plain)


def header_version() -> str:
    found = re.search(r'^#define TV_VERSION "([^"]+)"$', read(HEADER), flags=re.M)
    return found.group(1) if found else ""


def swift_files(*folders: str) -> Iterator[Path]:
    for folder in folders or ("Sources",):
        yield from sorted((ROOT / folder).rglob("*.swift"))


def without_comments(source: str) -> str:
    """Swift or C source with comments and the inside of string literals blanked, lines kept."""
    pattern = re.compile(
        r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', flags=re.S
    )

    def blank(match: re.Match[str]) -> str:
        text = match.group(0)
        kept = '""' if text.startswith('"') else ""
        return kept + "\n" * text.count("\n")

    return pattern.sub(blank, source)
