"""Statuses and causes of the core are those of the header, number by number, also by name."""

import ctypes
import re

from _tree import HEADER, ROOT, answer, library, read, without_comments

SWIFT = ROOT / "Sources/TraceVaultCore/Base/Failure.swift"


def plain(name: str) -> str:
    return name.replace("_", "").lower()


header = without_comments(read(HEADER))
in_header = {name: int(n) for name, n in re.findall(r"\b(TV_(?:OK|E_\w+)) = (\d+)", header)}
enum = read(SWIFT).partition("enum Status")[2].partition("\n}")[0]
in_swift = {name: int(n) for name, n in re.findall(r"case (\w+) = (\d+)", enum)}

expected = {plain(name.removeprefix("TV_").removeprefix("E_")): n for name, n in in_header.items()}
actual = {plain(name): n for name, n in in_swift.items()}
problems = []
for name in sorted(expected.keys() | actual.keys()):
    if expected.get(name) != actual.get(name):
        problems.append(f"{name}: header {expected.get(name)}, Swift {actual.get(name)}")
if len(set(in_header.values())) != len(in_header):
    problems.append("the header gives one number to two statuses")

causes = {name: int(n) for name, n in re.findall(r"\b(TV_CAUSE_\w+) = (\d+)", header)}
enum = read(SWIFT.with_name("Cause.swift")).partition("enum Cause")[2].partition("\n}")[0]
in_enum = {name: int(n) for name, n in re.findall(r"case (\w+) = (\d+)", enum)}
if {plain(name.removeprefix("TV_CAUSE_")): n for name, n in causes.items()} != {
    plain(name): n for name, n in in_enum.items()
}:
    problems.append("the causes of the header are not those of Cause.swift")

loaded = ctypes.CDLL(str(library()))
loaded.tv_status_name.restype = ctypes.c_char_p
loaded.tv_status_name.argtypes = (ctypes.c_int32,)
loaded.tv_cause_name.restype = ctypes.c_char_p
loaded.tv_cause_name.argtypes = (ctypes.c_int32,)
for call, names in ((loaded.tv_status_name, in_header), (loaded.tv_cause_name, causes)):
    for name, number in names.items():
        told = call(number).decode()
        if told != name:
            problems.append(f"{call.__name__}({number}) says {told}, the header {name}")

answer(problems, "change header, Failure.swift and the name table together; never reuse a number",
       f"{len(in_header)} statuses, {len(causes)} causes")  # fmt: skip
