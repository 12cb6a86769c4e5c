"""The command's frame: help, options from anywhere, errors, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import SOURCE, Call, Done, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit
from tracevault.cli.group import ROOT, VERBS
from tracevault.cli.options import FORMATS, Options
from tracevault.cli.printable import json_line, printable, safe_json


def test_the_library_imports_nothing_of_the_command(environment: dict[str, str]) -> None:
    program = (
        "import sys, tracevault; "
        "first = {name.split('.')[0] for name in sys.modules}; "
        "print(first & {'click', 'rich'}, 'tracevault.cli' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout == "set() False\n"


def test_version_and_help_need_no_library(process: Call, environment: dict[str, str]) -> None:
    environment["TRACEVAULT_LIBRARY"] = "/nowhere"
    assert process("--version") == Done(0, f"tracevault {tv.__version__}\n", "")
    told = process("--help")
    assert told.code == 0
    assert told.err == ""
    for verb in VERBS:
        assert f"\n  {verb} " in told.out


def test_errors_are_told_with_the_click_of_debian_too(environment: dict[str, str]) -> None:
    program = (
        "import sys, click.exceptions\n"
        "del click.exceptions.NoArgsIsHelpError  # new in 8.2; Debian 12 has 8.1\n"
        "from tracevault.cli import main\n"
        "sys.exit(main(['nonsense']))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "tracevault: there is no such verb. See: tracevault --help\n"


def test_a_version_and_a_completion_load_little(
    environment: dict[str, str], tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "from tracevault.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'rich', 'asyncio', 'ctypes', 'tracevault.client', 'tracevault.model', 'json'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    for words, more in (
        (["--version"], {}),
        ([], {"_TRACEVAULT_COMPLETE": "bash_complete", "COMP_LINE": "tracevault tr"}),
    ):  # fmt: skip
        told = subprocess.run(
            [sys.executable, "-c", program, *words], env={**environment, **more},
            capture_output=True, text=True, check=True, cwd=tmp_path,
        )  # fmt: skip
        assert told.stderr == "[]\n"


def test_a_trace_for_programs_loads_nothing_that_only_help_and_pictures_need(
    environment: dict[str, str], kit: Kit, tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "from tracevault.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'rich', 'asyncio', 'ast', 'dis', 'dataclasses', 'csv', 'locale', 'platform',\n"
        "    'tracevault.aio'}\n"
        "print(code, sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, "trace", "--account", ACME, "--json", "4jXtPB72Kpz7S8D"],
        env=environment, capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert told.stderr == "0 []\n"
    assert '"message_ref":"4jXtPB72Kpz7S8D"' in told.stdout


def test_a_module_that_is_loaded_late_is_the_module() -> None:
    program = (
        "import sys\n"
        "from tracevault.cli.start import quickly\n"
        "quickly()\n"
        "import inspect as first\n"
        "assert 'ast' not in sys.modules\n"
        "from inspect import cleandoc, isfunction\n"
        "import inspect as second\n"
        "assert cleandoc(' x') == 'x' and isfunction(cleandoc)\n"
        "assert second.cleandoc is first.cleandoc is cleandoc\n"
        "assert second.getsource(second.cleandoc).startswith('def cleandoc')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True,
                   env={**os.environ, "PYTHONPATH": str(SOURCE)})  # fmt: skip


def test_what_is_lent_to_click_is_given_to_nobody_else() -> None:
    program = (
        "import sys\n"
        "from tracevault.cli.start import loaded, quickly\n"
        "quickly()\n"
        "from tracevault.cli.run import run\n"
        "assert not {'locale', 'platform', 'ast'} & sys.modules.keys()\n"
        "loaded()\n"
        "import click.types, gettext, uuid\n"
        "assert click.types.uuid.UUID is uuid.UUID and uuid.UUID(int=1).int == 1\n"
        "assert gettext.gettext.__module__ == 'gettext' and gettext.translation\n"
        "assert click.IntRange(1, 3).fail.__self__ and click.UUID('0' * 32).int == 0\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True,
                   env={**os.environ, "PYTHONPATH": str(SOURCE)})  # fmt: skip


def test_without_click_the_command_says_what_to_install(
    process: Call, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError(name='click')")
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    told = process("--version")
    assert told.code == 2
    assert told.out == ""
    assert "pip install 'tracevault[cli]'" in told.err


def test_an_error_is_one_line_on_stderr_or_one_of_json(call: Call) -> None:
    told = call("trace", "4jXtPB72Kpz7S8D")
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("tracevault: which vault: give --vault")
    assert told.err.count("\n") == 1
    for arguments in (
        ("trace", "x", "--json"),
        ("--json", "trace", "x"),
        ("trace", "x", "--format", "json"),
        ("trace", "--format=json", "--no-such-option"),
        ("nonsense", "--json"),
    ):
        told = call(*arguments)
        assert (told.code, told.out) == (2, "")
        (error,) = told.errors
        assert error["status"] == "USAGE"
        assert error["exit"] == 2
    assert not call("trace", "--", "--json").err.startswith("{")


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J",  # clears the screen
        "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",  # a link that says something else
        "\x9b31m",  # C1
        "a\rb\nc\td\x7f",
        "\u202egnp.exe",  # right to left
        "\u2066x\u2069\u200e\u200f\u061c",
        "a\u200bb\u200cc\u200dd\u2060e\ufefff",  # no width
        "a\u034f\u3164\u2800\ufe0f\U000e0041\U000e0101b",  # no ink
        "\u2028\u2029\x85",  # lines of Unicode
        "\ud800",  # half a character
    ],
)
def test_nothing_of_a_strangers_text_acts_upon_a_terminal(text: str) -> None:
    for shown in (
        printable(text),
        json_line(text),
        safe_json(json.dumps(text, ensure_ascii=False)),
    ):
        assert shown.isascii()
        assert shown.isprintable()
    assert json.loads(json_line(text)) == text
    assert printable("Grüße, 世界 [bold]x[/bold]") == "Grüße, 世界 [bold]x[/bold]"


def test_the_options_say_where_a_value_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(
        "[default]\nvault = /d\ntenant = d\nretry.max_attempts = 2\n[acme]\ntenant = acme\n"
    )
    variables = {
        "TRACEVAULT_CONFIG": str(file),
        "TRACEVAULT_PROFILE": "acme",
        "TRACEVAULT_KEY_FILE": "/k",
        "TRACEVAULT_SET": "http.version=2 retry.max_attempts=3",
    }
    options = Options(variables, {"set": ("retry.max_attempts=4",), "key_file": "/line"})
    told = {name: options.get(name) for name in ("vault", "tenant", "key_file", "account")}
    assert {name: given and (given.value, given.source) for name, given in told.items()} == {
        "vault": ("/d", f"[default] in {file}, line 2"),
        "tenant": ("acme", f"[acme] in {file}, line 6"),
        "key_file": ("/line", "--key-file"),
        "account": None,
    }
    assert {name: (one.value, one.source) for name, one in options.settings().items()} == {
        "http.version": ("2", "$TRACEVAULT_SET"),
        "retry.max_attempts": ("4", "--set"),
    }


def test_the_help_tells_every_exit_code(call: Call) -> None:
    shown = " ".join(call("--help").out.split()).partition("Exit codes: ")[2]
    for code in Exit:
        assert f" {int(code)} " in f" {shown}", code


def test_where_several_may_be_meant_they_are_named(call: Call, kit: Kit) -> None:
    labels = sorted(one.label for one in kit.server.accounts if one.tenant == "acme")
    told = call("search", "--tenant", "acme")
    assert told.code == Exit.NOT_FOUND
    assert f"acme has {len(labels)} accounts ({', '.join(labels)})" in told.err
    assert "name one with --account" in told.err
    told = call("account", "rotate", "--tenant", "acme")
    assert "which account (tracevault account list shows them): give --account" in told.err


def test_an_option_counts_before_and_behind_the_verb(call: Call, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for arguments in (
        ("--vault", "no.vault", "--key-file", "k", "trace", "x"),
        ("trace", "x", "--vault", "no.vault", "--key-file", "k"),
        ("--vault", "other.vault", "trace", "x", "--vault", "no.vault", "--key-file", "k"),
        ("account", "--vault", "no.vault", "list", "--key-file", "k"),
    ):
        for name in ("k", "no.vault"):
            (tmp_path / name).touch(mode=0o600)
            (tmp_path / name).write_bytes(os.urandom(32))
        told = call(*arguments)
        assert told.code == Exit.VAULT
        assert "no.vault" in told.err


def test_two_ways_to_unlock_are_refused_only_in_one_place(environment: dict[str, str]) -> None:
    environment["TRACEVAULT_CREDENTIAL"] = "soc"
    chosen = Options(environment, {"key_file": "k"}).unlock()
    assert chosen is not None
    assert chosen[0] == "key_file"
    with pytest.raises(Exception, match="two ways to unlock"):
        Options(environment, {"key_file": "k", "passphrase_stdin": True}).unlock()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[default]\npassphrase = x\n", "a secret has no place there"),
        ("[default]\ntokem = x\n", "line 2: no option has this name"),
        ("[default\n", "is wrong"),
        ("[other]\ntenant = x\n", "no profile has this name"),
    ],
)
def test_a_wrong_configuration_file_is_told(
    call: Call, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    profile = () if "tok" in text or "pass" in text else ("--profile", "acme")
    told = call("trace", "x", "--config", file, *profile)
    assert told.code == Exit.USAGE
    assert said in told.err


def test_a_configuration_file_that_others_may_write_is_refused(call: Call, tmp_path: Path) -> None:
    file = tmp_path / ".config/tracevault/config"
    file.parent.mkdir(parents=True)
    file.write_text("[default]\nvault = v\n")
    file.chmod(0o666)
    told = call("trace", "x")
    assert told.code == Exit.USAGE
    assert "chmod go-w" in told.err


def test_a_format_that_a_verb_does_not_have_is_refused(call: Call) -> None:
    assert set(FORMATS) == {"table", "json", "csv", "ecs", "ocsf"}
    told = call("trace", "x", "--json", "--format", "csv")
    assert told.code == Exit.USAGE


def test_a_list_of_verbs_tells_whole_sentences(call: Call) -> None:
    for words in ((), ("--help",), ("vault",), ("account", "--help")):
        told = call(*words)
        assert (told.code, told.err) == (0, "")
        assert "..." not in told.out.partition("Verbs:")[2].partition("Global options")[0]


def test_every_verb_has_an_example() -> None:
    context = ROOT.make_context("tracevault", ["--help"], resilient_parsing=True)
    for name in VERBS:
        made = ROOT.get_command(context, name)
        assert made is not None
        assert getattr(made, "examples", ()), name
