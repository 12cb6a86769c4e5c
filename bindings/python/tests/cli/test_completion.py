"""``tracevault completion``: the real shells complete verbs, options, values and files."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import Call, command
from tests.cli.terminal import Terminal

#: What is typed, and what stands there behind a tab.
TYPED = {
    "tracevault tr": "tracevault trace ",
    "tracevault account rot": "tracevault account rotate ",
    "tracevault trace --fol": "tracevault trace --follow ",
    "tracevault vault info --k": "tracevault vault info --key-file ",
    "tracevault completion z": "tracevault completion zsh ",
    "tracevault trace --format oc": "tracevault trace --format ocsf ",
    "tracevault trace --format=oc": "tracevault trace --format=ocsf ",
    "tracevault --vault=my.vault tra": "tracevault --vault=my.vault trace ",
    "tracevault --vault s3://bucket/key tra": "tracevault --vault s3://bucket/key trace ",
    "tracevault batch lis": "tracevault batch list.txt ",
    "tracevault settings request.deadl": "tracevault settings request.deadline_ms ",
    "tracevault --set request.deadl": "tracevault --set request.deadline_ms=",
    "tracevault --set=request.deadl": "tracevault --set=request.deadline_ms=",
    "tracevault --profile ac": "tracevault --profile acme ",
    "tracevault --config other --profile gl": "tracevault --config other --profile globex ",
    "tracevault batch --resume lis": "tracevault batch --resume list.txt ",
    "tracevault trace --html=lis": "tracevault trace --html=list.txt ",
    "tracevault hunt --subject 'a b' --html wit": (
        r"tracevault hunt --subject 'a b' --html with\ blank.html "
    ),
}
_ZSH = (
    "show() { print -r -- $BUFFER >>told; echo to''ld; BUFFER= }; zle -N show; bindkey '^X' show; "
    "autoload -U compinit; fpath=($PWD/functions $fpath); compinit -u -D"
)
#: What makes a shell complete the command, and Ctrl-X tell the line in a file and begin another.
SHELLS = {
    "bash": (
        ["--norc", "--noprofile", "-i"],
        "show() { echo \"$READLINE_LINE\" >>told; echo to''ld; READLINE_LINE= READLINE_POINT=0; }; "
        "bind -x '\"\\C-x\": show'; source ./script",
    ),
    "zsh": (["-f", "-i"], _ZSH),
    "zsh, by eval": (["-f", "-i"], f'rm -r functions; {_ZSH}; eval "$(<script)"'),
}


def test_the_help_names_paths_that_can_be_copied(call: Call) -> None:
    shown = call("completion", "--help").out
    for path in ("~/.local/share/bash-completion/completions/tracevault", "~/.zfunc/_tracevault",
                 "~/.config/fish/completions/tracevault.fish"):  # fmt: skip
        assert re.search(rf"> {re.escape(path)}$", shown, re.MULTILINE), path


@pytest.fixture
def place(environment: dict[str, str], tmp_path: Path, call: Call) -> Path:
    """A folder with files to complete, and the command on the path."""
    folder = tmp_path / "place"
    (folder / "functions").mkdir(parents=True)
    (folder / "list.txt").touch()
    (folder / "with blank.html").touch()
    (folder / ".config/tracevault").mkdir(parents=True)
    (folder / ".config/tracevault/config").write_text("[default]\n[acme]\ntenant = acme\n")
    (folder / "other").write_text("[globex]\ntenant = globex\n")
    program = tmp_path / "bin" / "tracevault"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command())} "$@"\n')
    program.chmod(0o700)
    environment |= {"TERM": "dumb", "COLUMNS": "120", "HOME": str(folder)}
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    return folder


def there(shell: str) -> str:
    """The program of a shell."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"NO {shell.upper()}: run scripts/setup")
    return found


def more_than(told: int, seen: str) -> bool:
    """Whether one more line was told."""
    return seen.count("told\r\n") > told


@pytest.mark.parametrize("how", list(SHELLS))
def test_a_tab_completes_what_may_stand_there(
    environment: dict[str, str], place: Path, call: Call, how: str
) -> None:
    words, begin = SHELLS[how]
    shell, _, by_eval = how.partition(", ")
    program = there(shell)
    typed = dict(list(TYPED.items())[:2]) if by_eval else TYPED
    script = call("completion", shell).out
    (place / "script").write_text(script)
    (place / "functions" / "_tracevault").write_text(script)
    run = Terminal(environment, place, *words, program=[program])
    run.type(f"{begin}; echo rea''dy\n")
    run.until(lambda seen: "ready\r\n" in seen)
    for line in typed:
        before = run.seen.count("told\r\n")
        run.type(f"{line}\t\x18")
        run.until(partial(more_than, before))
    run.type("exit\n")
    run.end()
    told = (place / "told").read_text().splitlines()
    assert dict(zip(typed, told, strict=True)) == typed


def test_fish_completes_what_may_stand_there(
    environment: dict[str, str], place: Path, call: Call
) -> None:
    program = there("fish")
    (place / "script").write_text(call("completion", "fish").out)

    def completed(line: str) -> list[str]:
        done = subprocess.run(
            [program, "--no-config", "-c", f"source ./script; complete -C {shlex.quote(line)}"],
            env=environment, cwd=place, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.splitlines()

    for line, wanted in TYPED.items():
        (found,) = completed(line.replace("'a b'", '"a b"'))
        word = re.split(r"(?<!\\) ", wanted.rstrip())[-1].replace("\\", "")
        assert found.partition("\t")[0] == word, line
    assert "hunt\tFind every copy of a message, in all accounts." in completed("tracevault ")


def offered(environment: dict[str, str], place: Path, line: str) -> list[str]:
    """What bash is told."""
    asked = {"_TRACEVAULT_COMPLETE": "bash_complete", "COMP_LINE": line}
    done = subprocess.run(command(), env={**environment, **asked}, cwd=place,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stderr == ""
    return [one.partition(",")[2] for one in done.stdout.split("\n") if one]


#: What a shell would do something with, were it taken into its line.
ACTS = ("$(touch${IFS}ran)", "`id`", "a b", "a;id", "a|id", "a&id", "a>b", "a'b", 'a"b', "a\\b",
        "a*", "a?", "~a", "a!b", "{a,b}", "#a", "-a", "a\x1bb", "a\u202eb")  # fmt: skip


def test_no_profile_is_offered_that_means_something_to_a_shell(
    environment: dict[str, str], place: Path
) -> None:
    config = place / ".config/tracevault/config"
    names = ["acme", "a.b-c_d@e+f", "\u00fcber", "2"]
    config.write_text("".join(f"[{name}]\n" for name in (*names, *ACTS)))
    assert offered(environment, place, "tracevault --profile ") == names


@pytest.mark.parametrize("who", ["group", "others", "another user"])
def test_no_profile_is_offered_of_a_file_that_others_may_write(
    environment: dict[str, str], place: Path, who: str
) -> None:
    config = place / ".config/tracevault/config"
    assert offered(environment, place, "tracevault --profile ac") == ["acme"]
    if who != "another user":
        config.chmod({"group": 0o660, "others": 0o606}[who])
    elif os.geteuid() == 0:
        os.chown(config, 4711, -1)
    else:
        pytest.skip("NO ROOT: only root gives a file away")
    assert offered(environment, place, "tracevault --profile ac") == []


def test_verbs_options_and_sub_verbs_are_given(environment: dict[str, str], place: Path) -> None:
    completed = partial(offered, environment, place)
    assert completed("tracevault tr") == ["trace"]
    assert set(completed("tracevault account r")) == {"rotate", "retire", "remove"}
    assert completed("TZ=UTC tracevault account rem") == ["remove"]
    assert "--follow" in completed("tracevault trace --f")
    assert completed("tracevault trace --format ") == ["table", "json", "csv", "ecs", "ocsf"]
    assert completed("tracevault 'trace' --format 'ec") == ["ecs"]
    assert "http" in completed("tracevault settings ht")
    assert completed("tracevault --set nothing.") == []
    assert completed("tracevault --config list.txt --profile ") == [], "a file without sections"
    assert completed("tracevault --config none --profile ") == []


@pytest.mark.parametrize(
    ("verb", "offered"),
    [("hunt", ["--tenant"]), ("decode", []), ("vault export", ["--tenant"]),
     ("trace", ["--tenant", "--account"])],
)  # fmt: skip
def test_no_option_is_completed_that_the_verb_refuses(
    call: Call, environment: dict[str, str], verb: str, offered: list[str]
) -> None:
    line = f"tracevault {verb} --"
    environment |= {"_TRACEVAULT_COMPLETE": "bash_complete", "COMP_LINE": line}
    found = [one.partition(",")[2] for one in call().out.splitlines()]
    assert "--vault" in found
    assert [one for one in found if one in ("--tenant", "--account")] == offered
