"""A secret in the wrong place of the command line is not repeated, by no verb and in no format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit
from tracevault.cli.group import ROOT

#: Obviously no real one.
SECRET = "cfut_notARealSecretNotARealSecretNotARealSe0"  # noqa: S105
#: Where a file with a secret is named, a secret may be given in its place.
SECRET_FILES = ("token_file", "passphrase_file", "new_passphrase_file")


def verbs(
    group: click.Group = ROOT, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every verb with its words."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield (*words, name), command
            if isinstance(command, click.Group):
                yield from verbs(command, (*words, name))


def is_shown(words: tuple[str, ...], parameter: click.Parameter) -> bool:
    """Whether the value is shown: names of files and of messages; `doctor` tells all names."""
    if isinstance(parameter, click.Argument):
        return isinstance(parameter.type, click.Path) or words == ("trace",)
    is_file = parameter.metavar == "FILE" or isinstance(parameter.type, click.Path)
    told = words == ("doctor",) and parameter.name in ("tenant", "account", "credential")
    return (is_file and parameter.name not in SECRET_FILES) or told or words == ("demo",)


def misplaced() -> Iterator[tuple[str, ...]]:
    """Command lines with the secret as a word, as an option, and as each option's value."""
    yield (SECRET,)
    for words, command in verbs():
        yield (*words, "--no-such-option", SECRET)
        yield (*words, f"--{SECRET}")
        yield (*words, f"--{SECRET}={SECRET}")
        parameters = command.get_params(click.Context(command))
        arguments = [one for one in parameters if isinstance(one, click.Argument)]
        if not any(is_shown(words, one) for one in arguments):
            yield (*words, SECRET)
        for one in parameters:
            if isinstance(one, click.Option) and not is_shown(words, one):
                option = max(one.opts, key=len)
                yield (*words, f"{option}={SECRET}")
                if not one.is_flag:
                    yield (*words, option, SECRET)


def test_a_secret_in_the_wrong_place_is_not_repeated(call: Call, kit: Kit) -> None:
    lines = list(misplaced())
    assert len(lines) > 300
    for words in lines:
        told = call(*words, *(("--json",) if len(words) % 2 else ()))
        assert SECRET[5:] not in told.out + told.err, words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "jsn", "settings"), "--format takes table, json, csv, ecs or ocsf"),
        (("completion", "bahs"), "SHELL takes bash, zsh or fish"),
        (("vault", "remove-unlock", "first"), "SLOT takes a whole number"),
        (("--passphrase-fd", "x", "settings"), "--passphrase-fd takes a whole number"),
        (("trace", "--wait", "-5", "X"), "--wait takes a number from 0 to 86400, or a "
         "duration such as 90s"),
        (("trace", "--wait", "nan", "X"), "--wait takes a number from 0 to 86400, or a "
         "duration such as 90s"),
        (("filter", "--keep-alive", "0"), "--keep-alive takes a number above 0 to 86400"),
        (("filter", "--max-bytes", "7"), "--max-bytes takes a whole number from 1024 on"),
        (("demo", "--dir", "file"), "--dir takes the name of a folder"),
        (("trace", "--html", ".", "X"), "--html takes the name of a file"),
        (("account", "add", "--token", "x"),
         "no such option; did you mean --token-fd, --token-file or --token-stdin? See: "),
        (("trace", "--json=1", "X"), "Option '--json' does not take a value"),
        (("trace",), "Missing argument"),
        (("collect",), "Missing option '--checkpoint'"),
        (("account", "add", "one"), "there is a word too many: a vault is named with --vault"),
        (("account", "add", "one", "two"), "there are words too many: a vault is named"),
        (("collect", "--checkpoint", "c", "--look-back", "soon"),
         "--look-back takes a duration: 30d"),
        (("account", "check", "--expiring", "soon"), "--expiring takes a time: 2027-03-04"),
    ],
)  # fmt: skip
def test_what_belongs_there_is_told_instead(
    call: Call, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "file").touch()
    told = call(*words)
    assert told.code == Exit.USAGE
    assert said in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("account", "list", "--tenant", "acne"), "'acne'; did you mean acme?"),
        (("account", "list", "--tenant", "zzz"), "--tenant: no tenant has this name"),
        (("trace", "--account", "zzz", "X"), "--account: no account has this name"),
        (("settings", "--config", "config", "--profile", "nigth"), "'nigth'; did you mean night?"),
        (("settings", "--config", "config", "--profile", "zzz"), "there are: night, day"),
        (("settings", "--profile", "zzz"), "and so no profile but default"),
    ],
)
def test_a_name_that_is_nearly_one_is_told_with_that(
    call: Call, kit: Kit, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "config").write_text("[night]\ntenant = acme\n[day]\ntenant = initech\n")
    told = call(*words)
    assert told.code in (Exit.USAGE, Exit.NOT_FOUND)
    assert said in told.err
    assert "zzz" not in told.err


def test_a_file_of_a_secret_is_named_where_its_name_cannot_be_the_secret(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    where = ("account", "add", "--tenant", "new", "--account", ACME)
    (tmp_path / "open").touch(mode=0o644)
    for name, shown in (("open", True), (f"{tmp_path}/none", True), ("none", False)):
        told = call(*where, "--token-file", name)
        assert told.code == Exit.USAGE
        assert (f" {name} " in told.err) == shown
        assert "the secret's file" in told.err
