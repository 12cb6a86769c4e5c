"""``tracevault init``: a new vault, and a key for it where there is none."""

from __future__ import annotations

import contextlib
import shlex

import click

from ...credentials import KeyFile, Unlock
from ...vault import Vault
from .. import out
from ..failures import Usage
from ..group import verb
from ..new_unlock import key_file_told, make_key_file, require_free
from ..options import UNLOCKS, WHOM, Options
from ..session import HOW, ask_passphrase, one_unlock


@verb(
    "init",
    idle=dict.fromkeys(WHOM, "a new vault has no account"),
    examples=(
        "tracevault init new.vault --key-file new.key",
        "tracevault init --vault other.vault --passphrase-file passphrase.txt",
    ),
)
@click.argument("file", required=False, type=click.Path(), metavar="[FILE]")
@click.pass_obj
def init(options: Options, file: str | None) -> None:
    """Make an empty vault, FILE or --vault, sealed with what the options name.

    A key file that is not there is made, of 32 random bytes. Where no option, variable or
    configuration file names anything, you are asked for a passphrase. Whoever has the vault and the
    key has the credentials: keep them apart, and a copy of the key in a safe.
    """
    output = options.output("table", "json")
    if file is not None:
        if options.line.get("vault", file) != file:
            raise Usage("FILE and --vault are two places for one vault: give one")
        options.line["vault"] = file
    path = options.required("vault", "where shall the vault be")
    chosen = options.unlock()
    key_file = chosen[1].value if chosen and chosen[0] == "key_file" else None
    settings = options.known_settings()
    require_free(path)
    made = key_file is not None and make_key_file(key_file)
    is_told = key_file if made else None
    with (
        key_file_told(is_told, for_programs=options.for_programs, when_used=output != "json"),
        contextlib.closing(_unlock(options, key_file)) as unlock,
    ):
        vault = Vault.create(path, unlock, settings=settings)
    options.done = f"the vault {path} is made"
    with vault:
        told = vault.describe()
    if output == "json":
        out.json_lines([{"vault": path, "key_file": key_file, "key_file_made": made, **told}])
        return
    if chosen is not None and not chosen[1].source.startswith("--"):
        out.note(f"it is sealed with {chosen[1].value}, which {chosen[1].source} names")
    following = f"tracevault account add{_again(options)} --tenant NAME --account ID"
    out.note(f"the vault {path} is made. Next: {following}")


def _again(options: Options) -> str:
    """What the next call has to name again: what stood on the line and nowhere else."""
    named = [(f"--{name.replace('_', '-')}", options.line.get(name))
             for name in ("config", "profile", "vault", *UNLOCKS)]  # fmt: skip
    return "".join(
        f" {flag}" if value is True else f" {flag} {shlex.quote(str(value))}"
        for flag, value in named
        if value
    )


def _unlock(options: Options, key_file: str | None) -> Unlock:
    if key_file is not None:
        return KeyFile(key_file)
    chosen = options.unlock()
    if chosen is None:
        return ask_passphrase("Passphrase of the new vault: ", HOW, twice=True)
    return one_unlock(*chosen)
