"""Every function of the header carries its contract: a sentence and the version it came with."""

import re

from _tree import HEADER, answer, declared_functions, read

header = read(HEADER)
problems = []
for name in declared_functions(header):
    found = re.search(rf"^TV_API\b[^;(]*?\b{name}\s*\(", header, flags=re.M)
    if found is None:
        problems.append(f"{name}: its declaration does not begin a line with TV_API")
        continue
    before = header[: found.start()].rstrip()
    comment = before[before.rfind("/*") :] if before.endswith("*/") else ""
    if not comment.startswith("/**"):
        problems.append(f"{name}: no /** */ comment directly before it")
        continue
    if not re.search(r"@since \d+\.\d+", comment):
        problems.append(f"{name}: its comment lacks @since")
    sentence = re.sub(r"^\s*\*\s?|/\*\*|\*/", "", comment, flags=re.M).strip()
    if not re.match(r"[A-Z][^@]{8,}?[.;]", sentence, flags=re.S):
        problems.append(f"{name}: its comment does not begin with a sentence")
    for parameter in re.findall(r"@param\s+(\w+)", comment):
        declaration = header[found.start() : header.index(";", found.start())]
        if not re.search(rf"\b{parameter}\b", declaration):
            problems.append(f"{name}: @param {parameter} is not one of its parameters")

answer(
    problems,
    "write the contract above the declaration in include/tracevault.h",
    f"{len(declared_functions(header))} functions",
)
