"""Every C function in Swift is held to the header by @implementation, and the header has it."""

import re

from _tree import HEADER, answer, declared_functions, read, short, swift_files, without_comments

declared = set(declared_functions(read(HEADER)))
problems = []
implemented: set[str] = set()
for path in swift_files():
    source = read(path)
    if re.search(r"@c\b", without_comments(source)):
        problems.append(f"{short(path)}: @c; this project uses @_cdecl with @implementation")
    for found in re.finditer(r'@_cdecl\("([^"]*)"\)([^{]*)', source):
        name, rest = found.groups()
        line = source.count("\n", 0, found.start()) + 1
        where = f"{short(path)}:{line}: {name}"
        if "/TraceVaultABI/" not in str(path):
            problems.append(f"{where}: C functions belong in Sources/TraceVaultABI")
        if not re.match(r"\s*@implementation\b", rest):
            problems.append(f"{where}: @_cdecl without @implementation, nothing checks its types")
        if not re.search(rf"\bpublic func {name}\b", rest):
            problems.append(f"{where}: must be `public func {name}`, or release builds drop it")
        if name not in declared:
            problems.append(f"{where}: the header has no such function")
        if name in implemented:
            problems.append(f"{where}: implemented twice")
        implemented.add(name)
problems += [f"{name}: declared, but not implemented" for name in sorted(declared - implemented)]

answer(
    problems,
    'write `@_cdecl("tv_x") @implementation public func tv_x` for each declared function',
    f"{len(implemented)} functions",
)
