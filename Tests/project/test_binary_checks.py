"""test_binary_checks: the checks of what was built go red when a library or an object is not as promised."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from checked_tree import ROOT, check


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
