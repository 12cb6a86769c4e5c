"""The README's quick start works when it is copied word for word."""

import contextlib
import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STANDIN = "build/venv/bin/python Tests/server/cloudflare_standin.py"


#: What may go wrong in the C program: a word of it, another in its place, what it says then.
FAILURES = (
    ("quickstart.key", "other.key", "TV_E_UNLOCK: the vault does not open"),
    (
        "quickstart.key",
        "none.key",
        "TV_E_IO: the key file cannot be read: there is none at the path",
    ),
    ("quickstart.vault", "none.vault", "TV_E_NO_VAULT: "),
    ("api.base_url", "api.bose_url", "TV_E_CONFIG_NAME: "),
    ("https://", "ftp://", "TV_E_CONFIG_VALUE: "),
    ("build/standin/ca.pem", "none.pem", "TV_E_"),
    ('"acme"', '"nobody"', "TV_E_NOT_FOUND: "),
    ("4jXtPB72Kpz7S8D", "no such", "TV_E_MESSAGE_REF: "),
    ("4jXtPB72Kpz7S8D", "4NOSUCHMESSAGEz00", "TV_E_NO_MESSAGE: "),
    ('"trace"', '"tracks"', "TV_E_NOT_FOUND: "),
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.M | re.S)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that looks like a checkout in which the library has just been built."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("Makefile", "Tests", "bindings", "include", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "build").mkdir()
    for name in ("lib", "venv"):
        (folder / "build" / name).symlink_to(ROOT / "build" / name)
    yield folder


def run(tree: Path, script: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, script + done.stdout + done.stderr
    return done.stdout


def run_in_a_terminal(tree: Path, script: str) -> str:
    """The same at a pseudo-terminal, as a person sees it."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tree,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": "120"},
        start_new_session=True,
    )
    os.close(terminal)
    seen = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while piece := os.read(controller, 65536):
            seen += piece
    os.close(controller)
    assert process.wait(timeout=60) == 0, script + seen.decode()
    return seen.decode()


@pytest.fixture(scope="module")
def server(tree: Path) -> Iterator[None]:
    """The stand-in, started with the README's own words."""
    command = next(block for block in blocks("sh") if block.startswith(STANDIN))
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=tree, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "base_url" in process.stdout.readline()
    yield
    process.terminate()
    process.wait(timeout=10)


def test_the_quick_start_runs_as_written(tree: Path, server: None) -> None:
    shell = [block for block in blocks("sh") if not block.startswith((STANDIN, "make demo"))]
    build, python, c, terminal, understand, everyone, rotate = shell
    # Building took place before this test; what is left of the block is run as it stands.
    assert build.startswith("make setup\nmake\n")
    run(ROOT, build.removeprefix("make setup\nmake\n").replace("$PWD", str(tree)))

    program, understanding, everyone_program, rotation = blocks("python")
    (tree / "quickstart.py").write_text(program, encoding="utf-8")
    assert "status=sent" in run(tree, python)

    (source,) = blocks("c")
    (tree / "quickstart.c").write_text(source, encoding="utf-8")
    assert "status=sent" in json.dumps(json.loads(run(tree, c)))
    run(tree, "(umask 077; head -c 32 /dev/urandom >other.key)")
    variables, compiling, starting = c.splitlines()
    for compiler in ("gcc", "clang"):
        strictly = compiling.replace("cc ", f"{compiler} -std=c11 -O2 -Wall -Wextra -Werror ", 1)
        for there, instead, says in FAILURES:
            (tree / "quickstart.c").write_text(source.replace(there, instead), encoding="utf-8")
            told = run(tree, f"{variables}\n{strictly}\n! {starting} 2>&1")
            assert re.fullmatch(rf"{says}[^\n]*\w[^\n]*\n", told), (compiler, told)

    printed = run(tree, terminal)
    assert "4jXtPC0RYCz7S6r" in printed and "\x1b" not in printed
    assert "\nsent\n" in printed and "acme" in printed
    shown = run_in_a_terminal(tree, terminal)
    assert "4jXtPC0RYCz7S6r" in shown and "\x1b[" in shown
    assert "1 checked: 1 work, 0 are refused" in shown

    (tree / "understand.py").write_text(understanding, encoding="utf-8")
    printed = run(tree, understand)
    assert "ok1@example.com sent 2026-" in printed and "queued_as 4jX" in printed
    events = (tree / "events.ndjson").read_text(encoding="utf-8").splitlines()
    assert len(events) == 7 and all(json.loads(event)["ecs"] for event in events)

    (tree / "everyone.py").write_text(everyone_program, encoding="utf-8")
    printed = run(tree, everyone)
    assert "acme Acme Europe defer-late1@example.com deferred None" in printed
    assert "4jXtPB72Kpz7S8D sent" in printed and "new " in printed
    assert "acme valid None" in printed
    assert run(tree, everyone).count("new ") < printed.count("new ")

    (tree / "rotate.py").write_text(rotation, encoding="utf-8")
    assert run(tree, rotate) == "1 ['passphrase']\n"


def test_the_c_program_has_thirty_lines_and_stands_in_the_manual_page() -> None:
    (source,) = blocks("c")
    assert len(source.splitlines()) <= 30
    assert all(len(line) <= 100 for line in source.splitlines())
    without = re.sub(r"        \(s = tv_config_set\([^;]*?&e\)\) \|\|\n", "", source)
    without = re.sub(r" /\*.*?\*/", "", without)
    page = (ROOT / "docs/man/tracevault.3").read_text(encoding="utf-8")
    assert without.replace("\\", "\\e") in page


def test_the_messages_the_readme_asks_for_are_served() -> None:
    served = (ROOT / "Tests/data/traces.json").read_text(encoding="utf-8")
    named = set(re.findall(r"\b4jX\w{12}\b", README))
    assert named and all(f'"{ref}"' in served for ref in named), "name messages of the new capture"


def test_every_file_the_readme_names_exists() -> None:
    # What `make install` puts elsewhere is no file of this tree.
    installed = README.partition("\n## Install\n")[2].partition("\n## ")[0]
    rest = README.replace(installed, "")
    named = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", rest, flags=re.M)
    paths = [path for row in named for path in re.findall(r"`([^`]+)`", row)]
    assert len(paths) > 8
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_python_example_passes_mypy(tmp_path: Path) -> None:
    for number, program in enumerate(blocks("python")):
        (tmp_path / f"example_{number}.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [ROOT / "build/venv/bin/mypy", "--strict", *map(str, sorted(tmp_path.glob("*.py")))],
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(ROOT / "bindings/python/src")},
    )
    assert done.returncode == 0, done.stdout
