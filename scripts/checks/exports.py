"""The library exports exactly the functions of the header: none missing, none leaked."""

from _tree import HEADER, answer, declared_functions, library, output, read

declared = set(declared_functions(read(HEADER)))
exported = set()
for line in output("nm", "-D", "--defined-only", library()).splitlines():
    kind, symbol = line.split()[-2:]
    if kind != "A":  # the version node TRACEVAULT_0 itself
        exported.add(symbol.partition("@")[0])

problems = [f"declared, but not exported: {name}" for name in sorted(declared - exported)]
problems += [f"exported, but not declared: {name}" for name in sorted(exported - declared)]
answer(
    problems,
    "implement what is missing (a `public` @_cdecl function); hide what leaks (tracevault.map)",
    f"{len(exported)} functions",
)
