"""The statuses of the core are those of the header, number by number, and tv_status_name knows."""

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

loaded = ctypes.CDLL(str(library()))
loaded.tv_status_name.restype = ctypes.c_char_p
loaded.tv_status_name.argtypes = (ctypes.c_int32,)
for name, number in in_header.items():
    told = loaded.tv_status_name(number).decode()
    if told != name:
        problems.append(f"tv_status_name({number}) says {told}, the header {name}")

answer(problems, "change header, Failure.swift and the name table together; never reuse a number",
       f"{len(in_header)} statuses")  # fmt: skip
