"""The library needs only libc, libm, libgcc_s, libstdc++ and libcurl, none newer than the README says.

And it cannot be unloaded.
"""

import re

from _tree import ROOT, answer, library, output, read

ALLOWED = {
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libcurl.so.4",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
}

dynamic = output("readelf", "--wide", "--dynamic", library())
problems = []
needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
for name in sorted(needed - ALLOWED):
    problems.append(f"needs {name} at load time")
if "libcurl.so.4" not in needed:
    problems.append("does not need libcurl.so.4: libcurl must be linked dynamically")
soname = re.findall(r"\(SONAME\).*\[(.+)\]", dynamic)
if soname != ["libtracevault.so.0"]:
    problems.append(f"SONAME is {soname}, not libtracevault.so.0")
if not re.search(r"\(FLAGS_1\).*\bNODELETE\b", dynamic):
    problems.append("not marked NODELETE: dlclose() would unmap a Swift runtime that is in use")
# What the README says: the oldest glibc and libstdc++ that have every symbol.
versions = output("readelf", "--wide", "--version-info", library())
oldest = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29)}
for name, most in oldest.items():
    asked = [tuple(map(int, v.split("."))) for v in re.findall(rf"\b{name}_([\d.]+)\b", versions)]
    if max(asked, default=most) > most:
        problems.append(f"asks for {name}_{'.'.join(map(str, max(asked)))}: the README says less")
if "glibc 2.34 or newer" not in " ".join(read(ROOT / "README.md").split()):
    problems.append("the README does not say which glibc is needed")
if "(TEXTREL)" in dynamic:
    problems.append("has text relocations")

answer(problems, "look at linkerSettings in Package.swift", f"{', '.join(sorted(needed))}")
