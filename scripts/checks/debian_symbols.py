"""Debian's symbols file names every function of the header, with the version that it came with.

A package that uses a function depends on the library from that version on, so one that is missing there lets
apt install a library which lacks it. scripts/deb ends where a function of the file is gone.
"""

import re

from _tree import HEADER, ROOT, answer, declared_functions, read, short

SYMBOLS = ROOT / "packaging/libtracevault0.symbols"
NODE = "TRACEVAULT_0"


def since(header: str, name: str) -> str:
    """The version after @since in the comment before the function."""
    found = re.search(rf"^TV_API\b[^;(]*?\b{name}\s*\(", header, flags=re.M)
    versions = re.findall(r"@since (\d+\.\d+)", header[: found.start()] if found else "")
    return versions[-1] if versions else ""


header = read(HEADER)
declared = set(declared_functions(header))
kept = dict(re.findall(rf"^ (\w+)@{NODE} (\S+)$", read(SYMBOLS), flags=re.M))
kept.pop(NODE, None)
problems = [
    f"{name} is a function of the header, and {short(SYMBOLS)} has no line for it: "
    f"` {name}@{NODE} {since(header, name)}.0`"
    for name in sorted(declared - kept.keys())
]
problems += [
    f"{short(SYMBOLS)} has {name}, which the header does not declare"
    for name in sorted(kept.keys() - declared)
]
problems += [
    f"{short(SYMBOLS)} says that {name} came with {kept[name]}, the header @since {since(header, name)}"
    for name in sorted(declared & kept.keys())
    if not kept[name].startswith(f"{since(header, name)}.")
]
answer(
    problems,
    "a new function has its line in the symbols file, with the version of its @since; one of a release "
    "stays for ever",
    f"{len(kept)} functions",
)
