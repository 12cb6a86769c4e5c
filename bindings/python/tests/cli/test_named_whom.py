"""Whom a call is about: an empty name means nobody, and an error says who named it."""

from __future__ import annotations

from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import TOKEN, Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit

REF = "4jXtPB72Kpz7S8D"
BARE = "ab" * 16
#: What asks or changes the one account that --account names.
VERBS: tuple[tuple[str, ...], ...] = (
    ("account", "remove", "--yes"),
    ("account", "rotate", "--token-file", "token.txt"),
    ("account", "retire"),
    ("account", "promote"),
    ("account", "check"),
    ("account", "list"),
    ("account", "lift", "--tenant", "acme"),
    ("account", "add", "--tenant", "acme", "--token-file", "token.txt"),
    ("search",),
    ("trace", REF),
    ("batch",),
    ("filter",),
)


@pytest.fixture
def bare(kit: Kit) -> Kit:
    """A vault with one account that has no label, among others."""
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.put("acme", BARE, tv.ApiToken(bytearray(TOKEN.encode())), origin=kit.server.origin)
    return kit


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("name", ["account", "tenant"])
def test_an_empty_name_is_nobodys(
    call: Call, bare: Kit, secret: Path, tmp_path: Path, verb: tuple[str, ...], name: str
) -> None:
    bare.server.reset()
    before = bare.vault.read_bytes()
    line = [one for one in verb if name == "account" or one not in ("--tenant", "acme")]
    told = call(*line, f"--{name}", "", stdin=REF)
    assert (told.code, told.out) == (Exit.USAGE, ""), told.err
    assert f"--{name} is empty" in told.err
    config = tmp_path / "config"
    config.write_text(f"[default]\n{name} =\n")
    config.chmod(0o600)
    told = call(*line, "--config", config, stdin=REF)
    assert (told.code, told.out) == (Exit.USAGE, ""), told.err
    assert f"{name} of [default] in {config}, line 2 is empty" in told.err
    assert bare.vault.read_bytes() == before
    assert bare.server.requests() == []


def test_an_empty_variable_is_none(call: Call, bare: Kit, environment: dict[str, str]) -> None:
    everything = call("account", "list", "--json").rows
    environment |= {"TRACEVAULT_ACCOUNT": "", "TRACEVAULT_TENANT": ""}
    assert call("account", "list", "--json").rows == everything


@pytest.mark.parametrize("name", ["account", "tenant"])
@pytest.mark.parametrize("value", ["nosuch", "0" * 32, "x" * 129])
@pytest.mark.parametrize("where", ["line", "variable", "profile"])
def test_an_error_about_a_name_says_who_gave_it(
    call: Call, kit: Kit, environment: dict[str, str], tmp_path: Path,
    name: str, value: str, where: str
) -> None:  # fmt: skip
    config = tmp_path / "config"
    more, source = {
        "line": ((f"--{name}", value), f"--{name}: "),
        "variable": ((), f"$TRACEVAULT_{name.upper()}: "),
        "profile": (
            ("--config", config, "--profile", "soc"),
            f"{name} of [soc] in {config}, line 2: ",
        ),
    }[where]
    if where == "profile":
        config.write_text(f"[soc]\n{name} = {value}\n")
        config.chmod(0o600)
    if where == "variable":
        environment[f"TRACEVAULT_{name.upper()}"] = value
    for verb in (("account", "list"), ("search",), ("account", "remove", "--yes")):
        beside = ("--account", ACME) if name == "tenant" and verb[0] == "account" else ()
        told = call(*verb, *beside, *more)
        assert told.code in (Exit.NOT_FOUND, Exit.USAGE), told.err
        assert source in told.err, told.err
        assert where == "line" or f"--{name}:" not in told.err
        assert value == "0" * 32 or value not in told.err


@pytest.mark.parametrize("where", ["line", "variable", "profile"])
def test_a_new_account_of_a_name_that_is_none_says_who_gave_it(
    call: Call, kit: Kit, environment: dict[str, str], tmp_path: Path, secret: Path, where: str
) -> None:
    config = tmp_path / "config"
    given = {"account": ("no-id", "takes the id of the account"),
             "tenant": ("x" * 129, "must be 1 to 128 bytes")}  # fmt: skip
    for name, (value, said) in given.items():
        line = {"tenant": "acme", "account": BARE}
        more: tuple[object, ...] = ()
        source = {"line": f"--{name}", "variable": f"$TRACEVAULT_{name.upper()}",
                  "profile": f"{name} of [soc] in {config}, line 2"}[where]  # fmt: skip
        if where == "line":
            line[name] = value
        else:
            del line[name]
        if where == "variable":
            environment[f"TRACEVAULT_{name.upper()}"] = value
        if where == "profile":
            config.write_text(f"[soc]\n{name} = {value}\n")
            config.chmod(0o600)
            more = ("--config", config, "--profile", "soc")
        options = [word for one, text in line.items() for word in (f"--{one}", text)]
        told = call("account", "add", *options, *more, "--token-file", secret)
        assert told.code == Exit.USAGE, told.err
        assert source in told.err, told.err
        assert said in told.err, told.err
        environment.pop(f"TRACEVAULT_{name.upper()}", None)


def test_two_ways_to_unlock_are_told_by_who_gave_them(
    call: Call, kit: Kit, environment: dict[str, str], tmp_path: Path
) -> None:
    environment["TRACEVAULT_PASSPHRASE_FILE"] = str(tmp_path / "phrase")
    told = call("account", "list")
    assert told.code == Exit.USAGE
    assert "$TRACEVAULT_KEY_FILE and $TRACEVAULT_PASSPHRASE_FILE are two ways" in told.err
    del environment["TRACEVAULT_KEY_FILE"], environment["TRACEVAULT_PASSPHRASE_FILE"]
    config = tmp_path / "config"
    config.write_text("[default]\nkey_file = k\n[soc]\npassphrase_file = p\n")
    config.chmod(0o600)
    told = call("account", "list", "--config", config, "--profile", "soc")
    assert told.code == Exit.USAGE
    assert f"key_file of [default] in {config}, line 2 and passphrase_file of [soc]" in told.err
    assert "--key-file" not in told.err
