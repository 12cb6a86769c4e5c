"""Finding and refusing libraries, each attempt in a process of its own."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tracevault
from tracevault import _lib
from tracevault.errors import LibraryLoadError, TraceVaultError

SOURCE = Path(_lib.__file__).parents[1]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter; the variables with empty values are unset."""
    env = {**os.environ, "PYTHONPATH": str(SOURCE), **environment}
    env = {name: value for name, value in env.items() if value}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )


LOAD = """
import tracevault
from tracevault._lib import load
try:
    load()
except tracevault.LibraryLoadError as error:
    print(error)
"""


def test_importing_the_package_loads_no_library() -> None:
    done = run(
        "import tracevault; print('tracevault.so' in open('/proc/self/maps').read())",
        TRACEVAULT_LIBRARY="/nonexistent/libtracevault.so.0",
    )
    assert done.stdout == "False\n", done.stderr


def test_a_library_of_another_abi_is_refused_with_both_numbers(
    compiled: Callable[[str], Path],
) -> None:
    fake = compiled("int tv_abi(void) { return 7; }")
    done = run(LOAD, TRACEVAULT_LIBRARY=str(fake))
    assert f"{fake} speaks ABI 7, this package speaks ABI 0" in done.stdout


def test_no_other_function_is_called_before_the_abi_is_known(
    compiled: Callable[[str], Path],
) -> None:
    fake = compiled(
        "#include <stdlib.h>\nint tv_abi(void) { return 7; }\n"
        "const char *tv_version(void) { abort(); }"
    )
    assert run(LOAD, TRACEVAULT_LIBRARY=str(fake)).returncode == 0


def test_a_library_that_is_not_tracevault_is_named_as_such(
    compiled: Callable[[str], Path],
) -> None:
    done = run(LOAD, TRACEVAULT_LIBRARY=str(compiled("int other(void) { return 0; }")))
    assert "is not a TraceVault library" in done.stdout


def test_a_library_with_missing_functions_is_refused_by_name(
    compiled: Callable[[str], Path],
) -> None:
    done = run(LOAD, TRACEVAULT_LIBRARY=str(compiled("int tv_abi(void) { return 0; }")))
    assert "has no function tv_status_name" in done.stdout


def test_a_path_that_was_asked_for_stands_alone_and_is_named(tmp_path: Path) -> None:
    done = run(LOAD, TRACEVAULT_LIBRARY=str(tmp_path / "gone.so"))
    assert f"{tmp_path}/gone.so: no such file" in done.stdout
    assert "make" in done.stdout
    assert str(SOURCE) not in done.stdout


def test_without_a_library_every_candidate_is_listed() -> None:
    done = run(LOAD, TRACEVAULT_LIBRARY="", LD_LIBRARY_PATH="")
    if not done.stdout:
        pytest.skip("a libtracevault.so.0 is installed on this system")
    beside = SOURCE / "tracevault" / _lib.SONAME
    assert f"{beside}: no such file" in done.stdout
    assert done.stdout.count(_lib.SONAME) >= 3


def test_a_file_that_is_no_library_is_an_import_error(tmp_path: Path) -> None:
    junk = tmp_path / "libtracevault.so.0"
    junk.write_text("not a library")
    done = run(LOAD, TRACEVAULT_LIBRARY=str(junk))
    assert "tried: " in done.stdout
    assert str(junk) in done.stdout
    assert issubclass(LibraryLoadError, ImportError)
    assert issubclass(LibraryLoadError, TraceVaultError)


def test_without_glibc_the_message_says_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def musl(_name: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", musl)
    monkeypatch.setenv("TRACEVAULT_LIBRARY", str(tmp_path / "gone.so"))
    with pytest.raises(LibraryLoadError, match=r"glibc 2\.34 or newer .*Alpine"):
        _lib.load()


STATE = """
import ctypes, json, locale, os, signal, sys
import tracevault._lib as lib

def state():
    status = open('/proc/self/status').read().splitlines()
    keep = ('SigCgt', 'SigIgn', 'SigBlk', 'Threads')
    umask = os.umask(0o22); os.umask(umask)
    return {
        'status': [line for line in status if line.split(':')[0] in keep],
        'fds': sorted(os.listdir('/proc/self/fd')),
        'locale': locale.setlocale(locale.LC_ALL),
        'umask': umask,
        'environment': dict(os.environ),
        'handlers': [str(signal.getsignal(n)) for n in range(1, 32)],
        'dumpable': ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    }

before = state()
lib.library()
json.dump([before, state()], open(os.environ['TV_TEST_OUT'], 'w'))
"""


def test_loading_changes_no_handler_thread_locale_or_descriptor_and_prints_nothing(
    library_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "state.json"
    done = run(STATE, TRACEVAULT_LIBRARY=str(library_path), TV_TEST_OUT=str(out))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    before, after = json.loads(out.read_text())
    assert after == before


def test_a_libcurl_that_lies_beside_the_library_is_not_taken(
    library_path: Path, compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    decoy = compiled(
        "#include <stdio.h>\n#include <stdlib.h>\n"
        "__attribute__((constructor)) static void at_load(void)\n"
        '{ FILE *mark = fopen(getenv("MARK"), "w"); if (mark != NULL) fclose(mark); }'
    )
    shutil.copy(library_path, tmp_path / "libtracevault.so.0")
    shutil.copy(decoy, tmp_path / "libcurl.so.4")
    done = run(
        "import tracevault as tv; print(tv.build_info()['libcurl'])",
        TRACEVAULT_LIBRARY=str(tmp_path / "libtracevault.so.0"),
        MARK=str(tmp_path / "mark"),
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "mark").exists()


def test_constants_and_tables_of_the_library_cannot_be_written(library_path: Path) -> None:
    done = run(
        "from tracevault._lib import library\n"
        "at = library().tv_status_name(35).value\n"
        "for line in open('/proc/self/maps'):\n"
        "    first, last = (int(end, 16) for end in line.split()[0].split('-'))\n"
        "    if first <= at < last: print(line.split()[1])",
        TRACEVAULT_LIBRARY=str(library_path),
    )
    assert done.stdout == "r--p\n", done.stdout + done.stderr


def test_every_name_of_the_package_is_there_and_no_other() -> None:
    names = {name: getattr(tracevault, name) for name in tracevault.__all__}
    assert len(names) == len(tracevault.__all__) > 60
    assert set(tracevault.__all__) <= set(dir(tracevault))
    with pytest.raises(AttributeError, match="nothing"):
        tracevault.nothing  # noqa: B018 - the look is the test
    done = run("from tracevault import *; print(Trace.__name__, UnlockError.__name__)")
    assert done.stdout == "Trace UnlockError\n", done.stderr


def test_the_import_loads_only_what_is_asked_for() -> None:
    code = (
        "import sys, tracevault\n"
        "def loaded(): return sorted(m for m in sys.modules if m.startswith('tracevault.'))\n"
        "print(loaded())\n"
        "tracevault.Trace\n"
        "heavy = ('asyncio', 'csv', 'dataclasses', 'inspect', 'typing')\n"
        "print([name for name in heavy if name in sys.modules], len(loaded()) < 8)\n"
    )
    assert run(code).stdout == "[]\n[] True\n"


def test_a_first_trace_does_not_pay_for_what_it_does_not_need() -> None:
    code = (
        "import sys, tracevault as tv\n"
        "tv.Engine, tv.Vault, tv.RawKey, tv.Request\n"
        "heavy = ('asyncio', 'csv', 'dataclasses', 'inspect', 'logging')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    assert run(code).stdout == "[]\n"


def test_an_error_is_told_also_where_nothing_more_can_be_loaded() -> None:
    code = (
        "import sys, tracevault as tv\n"
        "error = tv.TraceVaultError('no descriptor').about(tenant='\xe4\u3164\u202e')\n"
        "sys.meta_path.clear()\n"
        "print(ascii(str(error)))\n"
    )
    done = run(code)
    assert done.stdout == ascii("no descriptor (tenant '\xe4\\u3164\\u202e')") + "\n", done.stderr


#: A fork amid what another thread loads: its child does the same.
AMID = """
import ctypes, os, signal, sys, threading, time
from importlib.machinery import SourceFileLoader
import tracevault as tv
begun = threading.Event()

def pause():
    if not begun.is_set():
        begun.set()
        time.sleep(0.3)

def executed(loader, module, execute=SourceFileLoader.exec_module):
    if module.__name__ == SLOW:
        pause()
    execute(loader, module)

def opened(*arguments, open=ctypes.CDLL, **how):
    pause()
    return open(*arguments, **how)

def use():
    USE

BEFORE
if SLOW == "libtracevault":
    ctypes.CDLL = opened
else:
    SourceFileLoader.exec_module = executed
thread = threading.Thread(target=use)
thread.start()
assert begun.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(20)
    use()
    if "logging" in sys.modules:
        sys.modules["logging"].getLogger().handlers
        assert not sys.modules["logging"]._lock._is_owned()
    os._exit(0)
_, status = os.waitpid(child, 0)
thread.join()
use()
if "logging" in sys.modules:
    assert not sys.modules["logging"]._lock._is_owned()
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize(
    ("slow", "before", "use"),
    [
        ("tracevault.client", "", "tv.Engine"),
        ("tracevault.errors", "", "tv.build_info()"),
        ("libtracevault", "tv.build_info", "tv.build_info()"),
        ("tracevault.hunt", "tv.Engine, tv.Vault",
         "v = tv.Vault.in_memory(); e = tv.Engine({'budget.ledger': 'private'})\n"
         "    try: list(e.hunt(v, sender='a@example.net'))\n"
         "    except tv.TraceVaultError: pass"),
        # What calls of its own come before and behind a fork.
        ("logging", "import tracevault.notices", "tracevault.notices._logger()"),
        ("logging.handlers", "import tracevault.notices\nimport logging",
         "with tv._loading: import logging.handlers\n    tracevault.notices._logger()"),
        ("asyncio", "", "tv.AsyncEngine"),
        ("asyncio.base_events", "", "tv.AsyncEngine"),
        ("difflib", "tv.Engine",
         "try: tv.Engine({'no.such': 1})\n    except tv.ArgumentError: pass"),
    ],
)  # fmt: skip
def test_the_child_of_a_fork_amid_a_first_use_can_use_it(slow: str, before: str, use: str) -> None:
    code = AMID.replace("SLOW", repr(slow)).replace("BEFORE", before).replace("USE", use)
    done = run(f"import warnings; warnings.simplefilter('ignore')\n{code}")
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_fork_waits_for_no_load_that_has_no_end() -> None:
    done = run("""
import os, threading, time, warnings
warnings.simplefilter("ignore")
import tracevault as tv
tv._FORK_WAITS = 0.2
held, end = threading.Event(), threading.Event()
def hold():
    with tv._loading:
        held.set()
        end.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
if (child := os.fork()) == 0:
    os._exit(0)
_, status = os.waitpid(child, 0)
end.set()
thread.join()
with tv._loading:  # a fork amid a load of one's own waits for nobody
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
print(status, tv._loading._is_owned())
""")
    assert (done.stdout, done.stderr) == ("0 False\n", "")


def test_whatever_is_loaded_late_is_loaded_where_a_fork_waits_for_it() -> None:
    """An import in a function stands in ``with _loading``, all but in the command's own files."""
    package = Path(tracevault.__file__).parent
    wrong = []
    files = [*package.glob("*.py"), *package.glob("cli/html/*.py")]
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        guarded = {
            id(inner)
            for block in ast.walk(tree)
            if isinstance(block, ast.With) and ast.unparse(block.items[0]) == "_loading"
            for inner in ast.walk(block)
        }
        wrong += [
            f"{file.name}:{found.lineno}"
            for function in ast.walk(tree)
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
            for found in ast.walk(function)
            if isinstance(found, (ast.Import, ast.ImportFrom)) and id(found) not in guarded
        ]
    assert len(files) > 30
    assert wrong == []
