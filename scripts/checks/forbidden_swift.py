"""Sources hold nothing that could end the host, print, or bring in a second runtime."""

import re

from _tree import answer, read, short, swift_files, without_comments

FORBIDDEN = (
    (r"\bimport\s+(?:\w+\s+)?(?:Foundation\w*|Dispatch)\b", "Foundation or Dispatch"),
    (r"\b(?:async|await|actor|Task|TaskGroup|MainActor|AsyncStream)\b", "Swift concurrency"),
    (r"\btry!", "try! traps on an error"),
    (r"\bas!", "as! traps on another type"),
    (r"\b(?:fatalError|preconditionFailure|precondition|assertionFailure|assert)\s*\(", "a trap"),
    (r"\bunsafeBitCast\b|\bunsafelyUnwrapped\b", "an unchecked conversion"),
    (r"(?<![.\w])(?:print|debugPrint|dump|puts|printf|fputs|perror)\s*\(", "output to fd 1 or 2"),
    (r"(?<![.\w])(?:setlocale|setenv|putenv|unsetenv|umask|setrlimit|sigaction|signal)\s*\(",
     "a change to the host's process"),
    (r"(?<![.\w])(?:_?exit|abort)\s*\(", "the end of the host's process"),
    (r"(?<=[\w)\]>?])!(?![=\w(])", "a forced unwrap"),
    (r"(?<=[\w)\]>?])!(?=[.\[(])", "a forced unwrap"),
    (r"\b(?:Mutex|_MutexHandle|NSLock|NSRecursiveLock|pthread_\w+lock\w*)\b",
     "a lock that is not Lock.swift's: Swift's own ends forked children"),
    (r"\\\(error\)", "an error printed into text: Swift errors describe themselves with types"),
    (r"\b(?:TODO|FIXME|XXX)\b", "a note instead of the thing"),
)  # fmt: skip
# Notes and error interpolation stand in comments and strings; the rest counts only in code.
IN_TEXT = ("a note instead of the thing", "an error printed into text")

problems = []
count = 0
for path in swift_files():
    count += 1
    source = read(path)
    code = without_comments(source)
    for pattern, why in FORBIDDEN:
        text = source if why.startswith(IN_TEXT) else code
        for found in re.finditer(pattern, text):
            name = found.group(0).strip("( \n")
            # A function of the file's own may have the name of one of libc.
            if re.search(rf"\b(?:func|case) {re.escape(name)}\b", code):
                continue
            line = text.count("\n", 0, found.start()) + 1
            problems.append(f"{short(path)}:{line}: {found.group(0).strip()}: {why}")

answer(problems, "use typed throws, guard and optional binding instead", f"{count} Swift files")
