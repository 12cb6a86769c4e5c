"""``tracevault init``: a new vault, and a key for it where there is none."""

from __future__ import annotations

import contextlib
import os

import click

from ...credentials import KeyFile, Unlock
from ...vault import Vault
from .. import out
from ..group import verb
from ..new_unlock import make_key_file
from ..options import Options
from ..session import HOW, ask_passphrase, one_unlock


@verb(
    "init",
    examples=(
        "tracevault init --vault new.vault --key-file new.key",
        "tracevault init --vault other.vault --passphrase-file passphrase.txt",
    ),
)
@click.pass_obj
def init(options: Options) -> None:
    """Make an empty vault, sealed with what the options name.

    A key file that is not there is made, of 32 random bytes. Without an option you are asked for a
    passphrase. Whoever has the vault and the key has the credentials: keep them apart, and a copy
    of the key in a safe.
    """
    output = options.output("table", "json")
    path = options.required("vault", "where shall the vault be")
    chosen = options.unlock()
    key_file = chosen[1].value if chosen and chosen[0] == "key_file" else None
    made = key_file is not None and make_key_file(key_file)
    try:
        unlock = _unlock(options, key_file)
        try:
            vault = Vault.create(path, unlock, settings=options.plain_settings())
        finally:
            unlock.close()
    except BaseException:
        if made and key_file is not None:
            with contextlib.suppress(OSError):
                os.unlink(key_file)
        raise
    with vault:
        told = vault.describe()
    if output == "json":
        out.json_lines([{"vault": path, "key_file": key_file, "key_file_made": made, **told}])
        return
    if made:
        out.note(f"the key file {key_file} is made: keep a copy in a safe")
    out.note(f"the vault {path} is made. Next: tracevault account add")


def _unlock(options: Options, key_file: str | None) -> Unlock:
    if key_file is not None:
        return KeyFile(key_file)
    chosen = options.unlock()
    if chosen is None:
        return ask_passphrase("Passphrase of the new vault: ", HOW, twice=True)
    return one_unlock(*chosen)
