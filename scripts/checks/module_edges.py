"""Modules know only what the architecture says; C libraries are called from named files alone."""

import re

from _tree import ROOT, answer, read, short, swift_files, without_comments

# Which of our modules each folder of Sources may import.
EDGES = {
    "TraceVaultABI": {"CTraceVault", "TraceVaultCore"},
    "TraceVaultCore": {"CSystem", "CCurl", "CSodium"},
}
# Handles.swift asks CSystem whether the process was forked, before it touches any Swift object.
EXTRA = {"TraceVaultABI/Handles.swift": {"CSystem"}}
SYSTEM = {"Glibc", "Musl", "Synchronization"}
# The only Swift files that may call a C library, by its name prefix.
CALLERS = {
    r"\bcurl_\w+\s*\(|\bimport CCurl\b": ("Transport/Curl/", "BuildInfo.swift"),
    r"\b(?:crypto|sodium|randombytes)_\w+\s*\(|\bimport CSodium\b": (
        "Vault/Format/Sealing",
        "ObjectStore/SHA256",
        "Vault/Secrets/GuardedArena",
        "Vault/Secrets/SecretBytes",
        "BuildInfo.swift",
    ),
}

problems = []
for path in swift_files():
    code = without_comments(read(path))
    module = path.relative_to(ROOT / "Sources").parts[0]
    place = str(path.relative_to(ROOT / "Sources"))
    allowed = EDGES.get(module, set()) | EXTRA.get(place, set()) | SYSTEM
    for imported in re.findall(r"\bimport\s+(?:struct |class |enum |func )?(\w+)", code):
        if imported not in allowed:
            problems.append(f"{short(path)}: {module} must not import {imported}")
    for pattern, files in CALLERS.items():
        used = re.search(pattern, code)
        if used and not any(f"/{part}" in f"/{short(path)}" for part in files):
            problems.append(f"{short(path)}: {used.group(0).strip()} is not for this file")
for path in sorted((ROOT / "Sources").rglob("*.[ch]")):
    if "tracevault.h" in re.findall(r'#include\s+["<]([^">]+)', read(path)):
        problems.append(f"{short(path)}: the C shims know nothing of the public header")

answer(problems, "move the call to the file that owns the library, see the list in this check",
       "imports and calls of curl and sodium")  # fmt: skip
