"""test_checks: each check of scripts/checks goes red when its promise is broken, and says where.

A copy of what the check looks at is broken in one place; the check must fail and name that place.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "Sources",
    "include",
    "docs",
    ".swift-format",
    "CHANGELOG.md",
    "Package.swift",
    "README.md",
)
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


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the parts that the checks read; the built library is linked in."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    for name in ("build", ".build"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "bindings/c", tmp_path / "bindings/c")
    source = ROOT / "bindings/python/src/tracevault"
    shutil.copytree(source, tmp_path / "bindings/python/src/tracevault")
    (tmp_path / "docs").mkdir(exist_ok=True)
    for name in ("trace.md", "trace.schema.json"):
        shutil.copy(ROOT / "docs" / name, tmp_path / "docs")
    return tmp_path


def check(tree: Path, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/checks" / f"{name}.py")],
        env={**os.environ, "TRACEVAULT_ROOT": str(tree)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def append(tree: Path, name: str, text: str) -> None:
    with (tree / name).open("a", encoding="utf-8") as file:
        file.write(text)


def replace(tree: Path, name: str, old: str, new: str) -> None:
    path = tree / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} no longer has {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


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
    ("name", "flags", "says"),
    [
        ("needed", ["-Wl,-soname=libother.so"], "SONAME"),
        (
            "needed",
            ["-Wl,-soname=libtracevault.so.0", "-Wl,--no-as-needed", "-ljansson"],
            "jansson",
        ),
        ("needed", [], "NODELETE"),
        ("hardening", ["-Wl,-rpath,$ORIGIN"], "RUNPATH $ORIGIN"),
        ("hardening", ["-Wl,-rpath,/opt/x", "-Wl,--disable-new-dtags"], "RPATH /opt/x"),
        ("hardening", ["-Wl,-z,lazy"], "no BIND_NOW"),
        ("hardening", ["-Wl,-z,lazy"], ".got.plt is relocated once and stays writable"),
        ("hardening", ["-Wl,-z,norelro"], "no GNU_RELRO"),
        ("hardening", ["-Wl,-z,norelro"], ".dynamic is relocated once and stays writable"),
        ("hardening", ["-DCONSTANT"], ".rodata is constant and stays writable"),
        ("hardening", ["-Wl,-z,execstack"], "writable and executable: GNU_STACK"),
        ("hardening", ["-fuse-ld=lld", "-Wl,-z,nognustack"], "not executable (GNU_STACK)"),
        ("exports", [], "not declared: leaked"),
        ("loading", ["-DHANDLER"], "signal handlers"),
        ("loading", ["-DTHREAD"], "the number of threads"),
        ("loading", ["-DDESCRIPTOR"], "the number of descriptors"),
        ("loading", ["-DVARIABLE"], "the environment"),
        ("loading", ["-DLIMIT"], "resource limits"),
        ("loading", ["-DMASK"], "umask"),
    ],
)
def test_a_library_with_manners_of_its_own_is_seen(
    tree: Path, name: str, flags: list[str], says: str
) -> None:
    source = tree / "rude.c"
    source.write_text(RUDE, encoding="utf-8")
    (tree / "build").unlink()
    (tree / "build/lib").mkdir(parents=True)
    shutil.copytree(ROOT / "Tests/abi", tree / "Tests/abi")
    library = tree / "build/lib/libtracevault.so.0"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", str(source), "-o", str(library), *flags, "-pthread"],
        check=True,
    )
    done = check(tree, name)
    assert done.returncode == 1, done.stdout
    assert says in done.stdout and "-> " in done.stdout


#: What each object of the library is compiled with.
GUARDED = ["-O2", "-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3"]


def object_of(tree: Path, name: str, flags: list[str]) -> list[str]:
    """Compile an object into a C part of the tree; the command."""
    source = tree / "copying.c"
    source.write_text(COPYING, encoding="utf-8")
    target = tree / ".build/release" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    words = ["gcc", *flags, "-c", str(source), "-o", str(target)]
    subprocess.run(words, check=True)
    return words


def remember(tree: Path, *commands: list[str]) -> None:
    """Note the commands as the build does."""
    lines = [f"    args: {json.dumps(words)}\n" for words in commands]
    (tree / ".build/release.yaml").write_text("".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([*GUARDED, "-fno-stack-protector"], "copying.o is compiled without a stack protector"),
        ([*GUARDED, "-fstack-protector"], "copying.o is compiled without a stack protector"),
        ([*GUARDED, "-fno-stack-clash-protection"], "copying.o is compiled without clash"),
        ([*GUARDED, "-U_FORTIFY_SOURCE"], "copying.o is compiled without FORTIFY"),
        ([*GUARDED[:3]], "copying.o is compiled without FORTIFY"),
        ([*GUARDED, "-O0", "-w"], "copying.o is compiled without the optimiser"),
    ],
)
@pytest.mark.parametrize("part", ["CSystem.build", "CRuntime.build"])
def test_one_c_part_without_a_guard_is_seen(
    tree: Path, part: str, flags: list[str], says: str
) -> None:
    (tree / ".build").unlink()
    sound = [
        object_of(tree, f"{folder}/sound.o", GUARDED)
        for folder in ("CSystem.build", "CRuntime.build")
    ]
    remember(tree, *sound)
    done = check(tree, "hardening")
    assert done.returncode == 0, done.stdout
    bad = object_of(tree, f"{part}/copying.o", flags)
    done = check(tree, "hardening")
    assert done.returncode == 1 and "copying.o: no command" in done.stdout
    remember(tree, *sound, bad)
    done = check(tree, "hardening")
    assert done.returncode == 1 and says in done.stdout, done.stdout


def test_guards_that_no_object_shows_are_seen(tree: Path) -> None:
    (tree / ".build").unlink()
    done = check(tree, "hardening")
    assert done.returncode == 1 and "run `make` first" in done.stdout
    parts = ("CSystem.build/copying.o", "CRuntime.build/copying.o")
    bare = [object_of(tree, name, ["-O0", "-fno-stack-protector"]) for name in parts]
    # As if the compiler knew the words and did nothing.
    remember(tree, *[[*GUARDED, *words[3:]] for words in bare])
    done = check(tree, "hardening")
    assert done.returncode == 1 and done.stdout.count("no object of Sources/CSystem") == 2


COPYING = """
#include <string.h>
int use(const char *text);
int copy(const char *text) {
    char place[32];
    strcpy(place, text);
    return use(place);
}
"""

RUDE = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
int leaked(void) { return 0; }
#ifdef CONSTANT
__asm__(".section .rodata.marked, \\"aw\\"\\n.quad 1\\n.previous");
#endif
static void handle(int number) { (void)number; }
static void *sleep_on(void *argument) { pause(); return argument; }
__attribute__((constructor)) static void at_load(void) {
#ifdef HANDLER
    signal(SIGUSR2, handle);
#endif
#ifdef THREAD
    pthread_t thread;
    pthread_create(&thread, NULL, sleep_on, NULL);
#endif
#ifdef DESCRIPTOR
    open("/dev/null", O_RDONLY);
#endif
#ifdef VARIABLE
    setenv("RUDE", "1", 1);
#endif
#ifdef LIMIT
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#endif
#ifdef MASK
    umask(0777);
#endif
    (void)handle;
    (void)sleep_on;
}
"""


def test_an_untouched_copy_passes(tree: Path) -> None:
    fit = ("statuses", "versions", "exports", "needed", "header_contract", "implementation")
    for name in (*fit, "hardening"):
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
