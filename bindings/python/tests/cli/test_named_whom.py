"""Whom a call is about: an empty name means nobody, and an error says who named it."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import tracevault as tv
from tests.cli.conftest import TOKEN, Call, Kit
from tests.cli.test_wrong_call import verbs
from tests.conftest import ACME
from tracevault.cli.exits import Exit
from tracevault.cli.group import ROOT, Verb

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


#: What says whom a call is about where it says nothing: of each verb, the options.
IDLE: dict[str, tuple[str, ...]] = {
    "init": ("tenant", "account"),
    "vault info": ("tenant", "account"),
    "vault verify": ("tenant", "account"),
    "vault unlocks": ("tenant", "account"),
    "vault add-unlock": ("tenant", "account"),
    "vault remove-unlock": ("tenant", "account"),
    "vault rekey": ("tenant", "account"),
    "vault refresh": ("tenant", "account"),
    "vault export": ("account",),
    "account import": ("account",),
    "hunt": ("account",),
    "collect": ("account",),
    "decode": ("tenant", "account"),
    "demo": ("tenant", "account"),
    "settings": ("tenant", "account"),
    "completion": ("tenant", "account"),
}
#: What verbs must be given beside them.
MORE: dict[str, tuple[str, ...]] = {
    "init": ("new.vault", "--key-file", "new.key"),
    "vault add-unlock": ("--new-key-file", "new.key"),
    "vault remove-unlock": ("1", "--yes"),
    "vault rekey": ("--new-key-file", "new.key", "--yes"),
    "vault export": ("new.vault", "--new-key-file", "new.key"),
    "account import": ("rows.csv",),
    "hunt": ("--subject", "report"),
    "collect": ("--checkpoint", "c"),
    "completion": ("bash",),
}


def test_the_verbs_that_an_option_counts_for_nothing_at_are_known() -> None:
    found = {}
    for name in verbs():
        one: click.Command | None = ROOT
        for word in name.split():
            assert isinstance(one, click.Group)
            one = one.get_command(click.Context(one), word)
        assert isinstance(one, Verb)
        found[name] = tuple(one.idle)
    assert {name: idle for name, idle in found.items() if idle} == IDLE


@pytest.mark.parametrize("verb", IDLE)
def test_an_option_that_would_count_for_nothing_is_refused(
    call: Call, kit: Kit, tmp_path: Path, verb: str
) -> None:
    kit.server.reset()
    (tmp_path / "rows.csv").touch(mode=0o600)
    (tmp_path / "rows.csv").write_text(f"tenant,account_id,token\nnew,{BARE},{TOKEN}\n")
    before = kit.vault.read_bytes()
    for name in IDLE[verb]:
        given = (f"--{name}", {"tenant": "acme", "account": "Acme Europe"}[name])
        for words in ((*given, *verb.split()), (*verb.split(), *given)):
            told = call(*words, *MORE.get(verb, ()))
            assert (told.code, told.out) == (Exit.USAGE, ""), told.err
            assert f": leave --{name} out" in told.err
        listed = call(*verb.split(), "--help").out.partition("Global options:")[2]
        assert listed
        assert f"--{name} " not in listed
    assert kit.vault.read_bytes() == before
    assert not list(tmp_path.glob("new.*"))
    assert kit.server.requests() == []


def test_what_a_variable_says_of_whom_keeps_no_verb_from_its_work(
    call: Call, kit: Kit, environment: dict[str, str]
) -> None:
    environment |= {"TRACEVAULT_TENANT": "acme", "TRACEVAULT_ACCOUNT": "Acme Europe"}
    for words in (
        ("vault", "info"),
        ("vault", "verify"),
        ("settings",),
        ("hunt", "--subject", "x"),
    ):
        assert call(*words).code == 0


def test_an_export_says_what_is_in_it(
    call: Call, kit: Kit, environment: dict[str, str], tmp_path: Path
) -> None:
    rows = call("account", "list", "--json").rows
    tenants = sorted({row["tenant"] for row in rows})
    own = sum(row["tenant"] == "acme" for row in rows)
    one = f"the tenant acme, {own} credential{'s' * (own > 1)}"
    key = ("--new-key-file", "new.key")
    told = call("vault", "export", "all.vault", *key)
    assert told.code == 0, told.err
    everybody = f"all {len(tenants)} tenants ({', '.join(tenants)}), {len(rows)} credentials"
    assert told.err.endswith(f"all.vault is written with {everybody}\n")
    told = call("vault", "export", "acme.vault", *key, "--tenant", "acme")
    assert told.err.endswith(f"acme.vault is written with {one}\n")
    environment["TRACEVAULT_TENANT"] = "acme"
    told = call("vault", "export", "less.vault", *key)
    less = f"only the tenant acme of {len(tenants)} is written, as $TRACEVAULT_TENANT says"
    assert less in told.err
    assert f"less.vault is written with {one}\n" in told.err
    told = call("vault", "export", "json.vault", *key, "--json")
    assert told.rows == [
        {"vault": "json.vault", "tenant": "acme", "tenants": 1, "credentials": own}
    ]
    assert less in told.err
    del environment["TRACEVAULT_TENANT"]
    config = tmp_path / "config"
    config.write_text("[soc]\ntenant = acme\n")
    config.chmod(0o600)
    told = call("vault", "export", "soc.v", *key, "--config", config, "--profile", "soc")
    assert f"is written, as tenant of [soc] in {config}, line 2 says" in told.err
    told = call("vault", "export", "every.vault", *key, "--json")
    assert told.rows[0]["tenants"] == len(tenants)
    assert told.rows[0]["credentials"] == len(rows)


def test_an_export_of_nobody_says_so(call: Call, kit: Kit, tmp_path: Path) -> None:
    tv.Vault.create(tmp_path / "empty", tv.KeyFile(kit.key_file)).close()
    told = call("--vault", "empty", "vault", "export", "new.vault", "--new-key-file", "new.key")
    assert told.err.endswith("new.vault is written with no tenant, 0 credentials\n")


def test_whose_quota_is_lifted_may_be_said_by_an_account(call: Call, kit: Kit) -> None:
    told = call("account", "lift")
    assert told.code == Exit.USAGE
    assert "whose quota, unless --account says it: give --tenant, or set " in told.err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("account", "list"), "--key-file"),
        (("account", "list"), "--passphrase-file"),
        (("account", "list"), "--credential"),
        (("init", "new.vault"), "--key-file"),
        (("vault", "add-unlock"), "--new-key-file"),
        (("vault", "rekey", "--yes"), "--new-passphrase-file"),
        (("vault", "export", "new.vault"), "--new-credential"),
    ],
    ids=str,
)
def test_an_empty_name_of_an_unlock_names_the_option(
    call: Call, kit: Kit, words: tuple[str, ...], option: str
) -> None:
    before = kit.vault.read_bytes()
    told = call(*words, option, "")
    assert told.code == Exit.USAGE
    what = "credential" if "credential" in option else "file"
    assert told.err == f"tracevault: {option} is empty: give the name of a {what}\n"
    assert kit.vault.read_bytes() == before


def test_doctor_tells_an_empty_name_of_an_unlock(call: Call, kit: Kit) -> None:
    told = call("doctor", "--key-file", "")
    assert "--key-file is empty: give the name of a file" in told.out + told.err
