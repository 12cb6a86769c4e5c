"""The library needs only libc, libm, libgcc_s, libstdc++ and libcurl, and cannot be unloaded."""

import re

from _tree import answer, library, output

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
if "(TEXTREL)" in dynamic:
    problems.append("has text relocations")

answer(problems, "look at linkerSettings in Package.swift", f"{', '.join(sorted(needed))}")
