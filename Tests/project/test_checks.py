"""test_checks: each check of scripts/checks goes red when its promise is broken, and says where.

A copy of what the check looks at is broken in one place; the check must fail and name that place. Checks of the
built library: test_binary_checks.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checked_tree import ROOT, append, check, replace

SWIFT = "Sources/TraceVaultCore/Base/Failure.swift"
ABI = "Sources/TraceVaultABI/LibraryAPI.swift"
HEADER = "include/tracevault.h"
JSON = "Sources/TraceVaultCore/JSON/Reading/JSONText.swift"
POSTFIX = "Sources/TraceVaultCore/Trace/Postfix/PostfixEvent.swift"
FIELDS = "Sources/TraceVaultCore/Trace/Postfix/PostfixField.swift"
SCHEDULER = "Sources/TraceVaultCore/Scheduler/Scheduler.swift"
ABOUT = "Sources/TraceVaultCore/JSON/Reading/AboutReading.swift"
SCHEMA = "docs/trace.schema.json"
EVENTS = "bindings/python/src/tracevault/events.py"
DUMP = "include/abi/libtracevault.abi"
LIBCURL = "Sources/TraceVaultCore/Transport/Curl/LibcurlFaults.swift"
SYMBOLS = "packaging/libtracevault0.symbols"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("import Foundation", "Foundation"),
        ("internal import Dispatch", "Dispatch"),
        ("func later() async {}", "concurrency"),
        ("let a = try! work()", "try!"),
        ("let a = b as! Int", "as!"),
        ('func f() { fatalError("x") }', "trap"),
        ("func f() { precondition(a > b) }", "trap"),
        ('func f() { print("x") }', "output"),
        ("func f() { let x = y!.count }", "forced unwrap"),
        ("func f() { return y! }", "forced unwrap"),
        ("func f() { exit(1) }", "end of the host"),
        ('func f() { setenv("A", "b", 1) }', "host's process"),
        ("// TODO: later", "note instead"),
        ("let m = Synchronization.Mutex(0)", "a lock that is not Lock.swift's"),
        ("import struct Synchronization.Mutex", "a lock that is not Lock.swift's"),
        ('let s = "\\(error)"', "printed into text"),
    ],
)
def test_forbidden_swift_is_seen(tmp_path: Path, line: str, says: str) -> None:
    # One file is enough: the check looks at each alone.
    (tmp_path / SWIFT).parent.mkdir(parents=True)
    shutil.copy(ROOT / SWIFT, tmp_path / SWIFT)
    append(tmp_path, SWIFT, f"\n{line}\n")
    done = check(tmp_path, "forbidden_swift")
    assert done.returncode == 1, done.stdout
    assert f"{SWIFT}:" in done.stdout and says in done.stdout


@pytest.mark.parametrize(
    ("name", "file", "text", "says"),
    [
        ("module_edges", SWIFT, "\nimport CTraceVault\n", "must not import CTraceVault"),
        ("module_edges", SWIFT, "\nlet x = curl_easy_init()\n", "is not for this file"),
        ("module_edges", SWIFT, "\nlet x = sodium_init()\n", "is not for this file"),
        ("folders", JSON, "\nlet x = PostfixEvent.maxFields\n", "does not know PostfixEvent"),
        ("folders", SCHEDULER, "\nlet x: Engine? = nil\n", "does not know Engine"),
        ("folders", POSTFIX, "\nlet x: TraceView? = nil\n", "does not know TraceView of Trace"),
        ("lengths", SWIFT, "\n" * 300, "at most 300"),
        ("lengths", SWIFT, "// " + "x" * 100 + "\n", "at most 100"),
        ("swift_format", SWIFT, "let  x = 1\n", "Failure.swift"),
        (
            "implementation",
            ABI,
            '\n@_cdecl("tv_abi2")\npublic func tv_abi2() -> Int32 { 0 }\n',
            "@_cdecl without @implementation",
        ),
        ("header_compiles", HEADER, "\nint broken(\n", "gcc -std=c99"),
        ("header_compiles", HEADER, "\nstatic int twice = 1;\n", "twice"),
        ("header_contract", HEADER, "\nTV_API int32_t tv_bare(void);\n", "tv_bare"),
        ("exports", HEADER, "\nTV_API int32_t tv_bare(void);\n", "not exported: tv_bare"),
        ("words", SWIFT, "\nstruct RequestHelper {}\n", "a name that says what it does"),
        ("words", SWIFT, "\nstruct Scheduler {}\n", "Scheduler is declared in"),
        ("floors", SWIFT, "\nlet x: Engine? = nil\n", "Base must not know Engine of Engine"),
    ],
)
def test_an_addition_against_the_rules_is_seen(
    tree: Path, name: str, file: str, text: str, says: str
) -> None:
    append(tree, file, text)
    done = check(tree, name)
    assert done.returncode == 1, done.stdout
    assert says in done.stdout and "-> " in done.stdout


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "says"),
    [
        ("versions", HEADER, '#define TV_VERSION "', '#define TV_VERSION "9', "rebuild"),
        ("versions", "CHANGELOG.md", "\n## ", "\n## 9", "CHANGELOG.md says"),
        (
            "versions",
            "bindings/python/src/tracevault/__init__.py",
            '__version__ = "',
            '__version__ = "9',
            "__init__.py says",
        ),
        (
            "oldest_libcurl",
            "README.md",
            "libcurl 7.88",
            "libcurl 7.87",
            "README.md says libcurl 7.87",
        ),
        ("oldest_libcurl", "scripts/deb", "libcurl4 (>= 7.88)", "libcurl4", "scripts/deb does not"),
        ("oldest_libcurl", LIBCURL, "0x07_58_00", "0x07_59_00", "the code takes 7.89"),
        (
            "oldest_libcurl",
            LIBCURL,
            "libcurl 7.88 or",
            "libcurl 7.9 or",
            "says libcurl 7.9, the code",
        ),
        ("statuses", HEADER, "TV_E_UNLOCK = 35", "TV_E_UNLOCK = 55", "unlock: header 55, Swift 35"),
        ("statuses", SWIFT, "case unlock = 35", "case unlock = 56", "unlock: header 35, Swift 56"),
        (
            "folders",
            "Sources/TraceVaultCore/Engine/AboutEngine.swift",
            "// Comes in: ",
            "// Gets ",
            "does not say Comes in",
        ),
        ("folders", ABOUT, "// May know: ", "// Knows ", "does not say May know"),
        (
            "folders",
            ABOUT,
            "May know: JSON.",
            "May know: Cellar.",
            "may know Cellar, which is no folder",
        ),
        (
            "event_fields",
            SCHEMA,
            '"relay_port": { "type": "integer"',
            '"relay_port": { "type": "string"',
            "field relay_port: integer is missing",
        ),
        ("event_fields", SCHEMA, '"dnsbl",', '"dnsb",', "kind dnsbl is missing"),
        (
            "event_fields",
            "docs/trace.md",
            "| `relay_port` |",
            "| `relays_port` |",
            "field relays_port: integer is not in the table",
        ),
        (
            "event_fields",
            EVENTS,
            "pid: int | None",
            "pid: str | None",
            "field pid: integer is missing",
        ),
        (
            "event_fields",
            FIELDS,
            ',"to":"                        G',
            ',"to":"                        H',
            "is not 31 characters and its length",
        ),
        ("header_contract", HEADER, "@since 0.1", "", "lacks @since"),
        ("exports", HEADER, "tv_abi(void)", "tv_abj(void)", "not declared: tv_abi"),
        ("implementation", ABI, "@implementation", "", "without @implementation"),
        ("abi_guard", HEADER, "int32_t tv_abi(void)", "int64_t tv_abi(void)", "tv_abi"),
        ("abi_guard", HEADER, "TV_E_LOCKED = 25,", "TV_E_LOCKED = 27,", "from value '25' to '27'"),
        ("abi_guard", HEADER, "TV_API int32_t tv_abi(void);", "", "Removed function"),
        ("abi_guard", HEADER, "uint64_t id, tv_error", "uint32_t id, tv_error", "tv_engine_cancel"),
        ("abi_guard", HEADER, "uint16_t reserved;", "uint32_t reserved;", "struct tv_entry"),
        ("abi_guard", HEADER, "((size_t)-1)", "((size_t)-2)", "STUB_TV_NUL"),
        ("abi_guard", "CHANGELOG.md", " (unreleased)", " (2027-01-02)", "not of 0.1.0 (2027"),
        ("abi_guard", DUMP, "<abi-corpus", "<abi", "abidiff: "),
        ("debian_symbols", SYMBOLS, " tv_abi@TRACEVAULT_0 0.1.0\n", "", "has no line for it"),
        (
            "debian_symbols",
            SYMBOLS,
            " tv_abi@",
            " tv_abj@",
            "has tv_abj, which the header does not",
        ),
        (
            "debian_symbols",
            HEADER,
            "any other. @since 0.1 ",
            "any other. @since 0.2 ",
            "tv_abi came",
        ),
        (
            "words",
            "docs/WORDS.md",
            "`Engine/Engine.swift`",
            "`Engine/Motor.swift`",
            "does not exist",
        ),
    ],
)
def test_a_change_against_the_rules_is_seen(
    tree: Path, name: str, file: str, old: str, new: str, says: str
) -> None:
    replace(tree, file, old, new)
    done = check(tree, name)
    assert done.returncode == 1, done.stdout
    assert says in done.stdout and "-> " in done.stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "TV_API int32_t tv_abi(void);",
            "TV_API int32_t tv_abi(void); TV_API int tv_newer(int way);",
        ),
        ("TV_E_LOCKED = 25,", "TV_E_LOCKED = 25, TV_E_NEWER = 225,"),
    ],
)
def test_what_is_only_added_breaks_no_program(tree: Path, old: str, new: str) -> None:
    replace(tree, HEADER, old, new)
    done = check(tree, "abi_guard")
    assert done.returncode == 0, done.stdout


def test_an_untouched_copy_passes(tree: Path) -> None:
    fit = ("statuses", "versions", "exports", "needed", "header_contract", "implementation")
    for name in (*fit, "hardening", "abi_guard", "debian_symbols"):
        done = check(tree, name)
        assert done.returncode == 0, f"{name}: {done.stdout}"


def test_every_check_is_listed_with_its_promise() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/check"), "--list"], capture_output=True, text=True
    )
    listed = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    files = {p.stem for p in (ROOT / "scripts/checks").glob("*.py")} - {"_tree"}
    assert {words[0] for words in listed} == files
    assert all(len(words) == 2 and words[1].endswith(".") for words in listed)
