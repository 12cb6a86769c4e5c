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
    """Whether the value is shown: `trace` names the message, `doctor` tells what was given."""
    if words == ("demo",):  # its folder is made, and there
        return True
    told = words == ("doctor",) and parameter.name in ("tenant", "account", "credential")
    return told or (words == ("trace",) and isinstance(parameter, click.Argument))


def places(parameter: click.Parameter) -> tuple[str, ...]:
    """Where the secret stands: of a file also below folders, of which one is there."""
    is_file = parameter.metavar in ("FILE", "[FILE]", "FOLDER") or isinstance(
        parameter.type, click.Path
    )
    # With the secret alone as its name many a file is made, and is there then.
    return (f"/proc/nowhere/{SECRET}", f"/proc/{SECRET}/file") if is_file else (SECRET,)


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
            yield from ((*words, place) for one in arguments for place in places(one))
            yield from [(*words, SECRET)] if not arguments else []
        for one in parameters:
            if isinstance(one, click.Option) and not is_shown(words, one):
                option = max(one.opts, key=len)
                for place in places(one):
                    yield (*words, f"{option}={place}")
                    if not one.is_flag:
                        yield (*words, option, place)


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


ONE = ("--tenant", "acme", "--account", ACME)
#: Calls that come as far as they can with a secret in one place.
FAR = (
    *(("account", verb, "--tenant", SECRET, "--account", ACME, *more)
      for verb, more in (("retire", ()), ("promote", ()), ("remove", ("--yes",)),
                         ("rotate", ("--token-file", "t")), ("lift", ()), ("check", ()),
                         ("list", ()))),
    ("account", "remove", "--tenant", SECRET, "--whole-tenant", "--yes"),
    ("account", "add", "--tenant", SECRET, "--account", SECRET, "--token-file", "t"),
    ("account", "add", "--tenant", SECRET, "--account", "0" * 32, "--token-file", "t",
     "--origin", "wrong"),
    ("vault", "export", "out.vault", "--tenant", SECRET, "--new-key-file", "k"),
    *(("vault", "info", *unlock, f"{folder}{SECRET}")
      for unlock in (("--key-file",), ("--key-file", "soc.key", "--vault"), ("--config",))
      for folder in ("", "/", "/proc/nowhere/")),
    *((*verb, f"{folder}{SECRET}")
      for verb in (("batch", *ONE), ("decode",), ("decode", "x"), ("account", "import"))
      for folder in ("", "/", "/proc/nowhere/")),
    *((*verb, f"/proc/nowhere/{SECRET}")
      for verb in (("account", "check", "--resume"), ("batch", *ONE, "list", "--resume"),
                   ("hunt", "--subject", "x", "--resume"), ("collect", "--checkpoint"),
                   ("filter", *ONE, "--omprog"), ("vault", "add-unlock", "--new-key-file"),
                   ("vault", "export", "--new-key-file", "k"), ("init", "--vault"),
                   ("trace", *ONE, "x", "--html"), ("demo", "--dir"))),
)  # fmt: skip


@pytest.mark.parametrize("words", FAR, ids=lambda words: " ".join(words).replace(SECRET, "S"))
@pytest.mark.parametrize("output", [(), ("--json",)], ids=["text", "json"])
def test_what_is_not_there_is_not_repeated(
    call: Call, kit: Kit, tmp_path: Path, words: tuple[str, ...], output: tuple[str, ...]
) -> None:
    (tmp_path / "t").touch(mode=0o600)
    (tmp_path / "t").write_text("test-token-not-real-0000000000000")
    (tmp_path / "list").touch()
    before = sorted(one.name for one in tmp_path.iterdir())
    told = call(*words, *output)
    assert told.code not in (0, Exit.OTHER), told.err
    assert told.err
    assert SECRET[5:] not in told.out + told.err
    assert sorted(one.name for one in tmp_path.iterdir()) == before, "nothing is left behind"


def test_a_file_that_is_nearly_there_is_told_with_that_one(call: Call, kit: Kit) -> None:
    for words in (("vault", "info", "--vault", "soc.valt"), ("batch", *ONE, "soc.valt"),
                  ("vault", "info", "--key-file", f"{kit.vault.parent}/soc.valt")):  # fmt: skip
        told = call(*words)
        assert "'soc.valt'; did you mean soc.vault?" in told.err, told.err
        assert f"in {kit.vault.parent}: no file has this name" in told.err
    told = call("decode", "/proc/nowhere/far/reply.json")
    assert "below /proc: no folder has this name, which is not shown" in told.err


def test_an_id_that_is_nearly_one_is_told_with_that(call: Call, kit: Kit) -> None:
    other = ACME[:-1] + "f"
    for words in (("account", "retire"), ("account", "list"), ("trace", "X")):
        told = call(*words, "--tenant", "acme", "--account", other)
        assert told.code == Exit.NOT_FOUND
        assert f"'{other}'; did you mean acae" in told.err
        told = call(*words, "--tenant", "acme", "--account", "0123456789abcdef" * 2)
        assert "0123456789abcdef" not in told.err


def test_a_file_of_a_secret_is_named_only_where_it_is_there(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    where = ("account", "add", "--tenant", "new", "--account", ACME)
    (tmp_path / "open").touch(mode=0o644)
    for name, shown in (("open", True), (f"{tmp_path}/none", False), ("none", False)):
        told = call(*where, "--token-file", name)
        assert told.code == Exit.USAGE
        assert (f" {name} " in told.err) == shown
        assert "the secret's file" in told.err


@pytest.mark.parametrize(
    "words",
    [
        ("account", "list", "--vault", "nope", "--key-file", SECRET),
        ("account", "list", "--vault", SECRET, "--key-file", "KEY"),
        ("decode", SECRET),
        ("decode", f"{SECRET}/reply.json"),
        ("trace", "--html", f"{SECRET}/page.html", "X"),
    ],
    ids=["key file", "vault", "file", "folder", "page"],
)
@pytest.mark.parametrize("output", [(), ("--json",)], ids=["text", "json"])
def test_where_the_working_directory_is_gone_an_error_is_still_told(
    call: Call, tmp_path: Path, words: tuple[str, ...], output: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    gone, key = tmp_path / "gone", tmp_path / "key"
    gone.mkdir()
    key.touch(mode=0o600)
    key.write_bytes(bytes(range(32)))
    enter = monkeypatch.chdir

    def into_nothing(_: object) -> None:
        enter(gone)
        gone.rmdir()

    monkeypatch.setattr(monkeypatch, "chdir", into_nothing)
    told = call(*(str(key) if word == "KEY" else word for word in words), *output)
    assert told.code not in (0, Exit.OTHER), told.err
    assert "the working directory, which is gone" in told.err
    assert SECRET[5:] not in told.out + told.err
    assert not output or len(told.errors) == 1


@pytest.mark.parametrize("path", ["e", "a", "the", "no/e"])
@pytest.mark.parametrize("option", ["--vault", "--key-file"])
def test_an_error_about_a_short_path_keeps_its_words(
    call: Call, kit: Kit, option: str, path: str
) -> None:
    told = call("account", "list", option, path)
    plain = call("account", "list", option, path.replace(path[-1], "zzz"))
    for one in (told, plain):
        assert one.code == Exit.VAULT
        assert "..." not in one.err
    first, *_ = plain.err.split("(")
    assert first in told.err
