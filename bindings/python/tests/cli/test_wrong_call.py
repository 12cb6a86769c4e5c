"""A call that ends with 2 was wrong, and has changed nothing: no vault, no key file, no account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit
from tracevault.cli.group import ROOT
from tracevault.cli.options import FORMATS

NEW = ("--tenant", "globex", "--account", "ab" * 16)
OLD = ("--tenant", "acme", "--account", ACME)
KEY = ("--new-key-file", "made.key")
TOKEN = ("--token-file", "token.txt")
ROWS = f"tenant,account_id,token\nglobex,{'ab' * 16},test-token-not-real-0000000000\n"
#: Each verb that changes a vault or makes one, in a call that does so.
CHANGES = {
    "init": ("init", "made.vault", "--key-file", "made.key"),
    "vault add-unlock": ("vault", "add-unlock", *KEY),
    "vault remove-unlock": ("vault", "remove-unlock", "1", "--yes"),
    "vault rekey": ("vault", "rekey", *KEY, "--yes"),
    "vault export": ("vault", "export", "made.vault", *KEY),
    "account add": ("account", "add", *NEW, *TOKEN),
    "account rotate": ("account", "rotate", *OLD, *TOKEN, "--yes"),
    "account retire": ("account", "retire", *OLD, "--yes"),
    "account promote": ("account", "promote", *OLD),
    "account remove": ("account", "remove", *OLD, "--yes"),
    "account import": ("account", "import", "rows.csv"),
    "account check": ("account", "check", "--store"),
}
#: The verbs that only look, or whose output has one form.
LOOKS = {"vault info", "vault verify", "vault unlocks", "vault refresh", "account list",
         "account lift", "trace", "search", "hunt", "batch", "collect", "decode", "settings",
         "doctor"}  # fmt: skip
FORMLESS = {"filter", "demo", "completion"}


def verbs(group: click.Group = ROOT, before: str = "") -> Iterator[str]:
    """The words of every verb of the command."""
    for name in group.list_commands(click.Context(group)):
        one = group.get_command(click.Context(group), name)
        if isinstance(one, click.Group):
            yield from verbs(one, f"{before}{name} ")
        else:
            yield before + name


def test_every_verb_is_known_here() -> None:
    assert set(verbs()) == CHANGES.keys() | LOOKS | FORMLESS


@pytest.fixture
def ready(kit: Kit, call: Call, tmp_path: Path) -> Kit:
    """A vault with a second unlock and a retiring credential, a token and rows to import."""
    for name, text in (("token.txt", "test-token-not-real-one-000000\n"), ("rows.csv", ROWS)):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text)
    assert call("vault", "add-unlock", "--new-key-file", "second.key").code == 0
    assert call("account", "rotate", *OLD, *TOKEN).code == 0
    (tmp_path / "token.txt").write_text("test-token-not-real-two-000000\n")
    return kit


@pytest.mark.parametrize("name", CHANGES)
def test_a_wrong_format_is_told_before_anything_is_changed(
    call: Call, ready: Kit, tmp_path: Path, name: str
) -> None:
    formats = [("--format", one) for one in FORMATS if one not in ("table", "json")]
    refused = 0
    for wrong in [*formats, ("--json", "--format", "table")]:
        before = ready.vault.read_bytes()
        told = call(*CHANGES[name], *wrong)
        if told.code == Exit.USAGE:
            refused += 1
            assert ready.vault.read_bytes() == before, wrong
            assert not list(tmp_path.glob("made.*")), wrong
    assert refused >= len(formats), "the formats of rows are none of a change's"
    told = call(*CHANGES[name])
    assert told.code != Exit.USAGE, told.err


@pytest.mark.parametrize("name", sorted(CHANGES.keys() | LOOKS))
def test_a_wrong_format_is_told_before_the_vault_is_looked_for(
    call: Call, tmp_path: Path, name: str
) -> None:
    (tmp_path / "rows.csv").touch(mode=0o600)
    words = CHANGES.get(name) or (*name.split(), *MORE.get(name, ()))
    key = () if "--key-file" in words else ("--key-file", "none.key")
    told = call(*words, "--vault", "none.vault", *key, "--json", "--format", "csv")
    assert told.code == Exit.USAGE
    assert "two formats" in told.err
    assert not list(tmp_path.glob("*.vault"))


#: What the verbs that only look must be given.
MORE = {
    "account lift": ("--tenant", "acme"),
    "trace": ("4jXtPB72Kpz7S8D",),
    "hunt": ("--subject", "x"),
    "collect": ("--checkpoint", "c"),
}


def test_accounts_with_one_label_are_named_by_their_ids(call: Call, kit: Kit) -> None:
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        for account, label in (("ab" * 16, "prod"), ("cd" * 16, "Prod"), ("ef" * 16, "test")):
            token = tv.ApiToken(bytearray(b"test-token-not-real-000000000000000"))
            edit.put("twins", account, token, origin=kit.server.origin, label=label)
    told = call("trace", "--tenant", "twins", "X")
    assert f"twins has 3 accounts ({'ab' * 16}, {'cd' * 16}, test)" in told.err
