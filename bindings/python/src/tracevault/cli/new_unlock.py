"""The options that name a new way to unlock a vault: ``--new-key-file`` and its siblings."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .._place import FULL, Place
from ..credentials import KEY_BYTES, KeyFile, Unlock
from ..errors import Status, VaultExistsError, error_class
from . import out
from .failures import Unwritten, Usage
from .missing import named
from .option import option
from .options import UNLOCKS, Given, Options, require_named
from .session import ask_passphrase, one_unlock

HOW = (
    "give --new-key-file, --new-passphrase-file, --new-passphrase-stdin, --new-passphrase-fd or "
    "--new-credential"
)

#: How each vault file begins: docs/vault-format.md.
_VAULT = b"\x89TVV\r\n\x1a\n"
#: How the files are named that the library keeps beside a vault.
_BESIDE = (".new", ".prev", ".lock", ".seen")

#: What the library takes as the place of a vault in an object store: ObjectAddress.swift.
_STORE = "s3://"
_BUCKET = re.compile(rb"(?=.{3,63}\Z)(?!-)[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*(?<!-)")
_KEY = re.compile(rb"(?=.{1,1024}\Z)((?!\.\.?(/|\Z))[^/\x00-\x1f\x7f]+(/(?!\Z)|\Z))+", re.DOTALL)
_STORED = (
    "a vault in an object store is s3://BUCKET/KEY: the bucket has 3 to 63 letters, digits, dots "
    "and hyphens, the key 1 to 1024 bytes without control characters and without empty parts, . "
    "and .."
)

Made = TypeVar("Made", bound=Callable[..., Any])


def new_unlock_options(function: Made) -> Made:
    """Add the options to a verb; it gets them as ``**new``."""
    for one in reversed(
        (
            option("--new-key-file", metavar="FILE", help="A key file; made if not there."),
            option("--new-passphrase-file", metavar="FILE", help="The first line of a file."),
            option("--new-passphrase-stdin", is_flag=True, help="A line of standard input."),
            option("--new-passphrase-fd", metavar="N", type=int, help="Of a descriptor."),
            option("--new-credential", metavar="NAME", help="A credential of systemd."),
        )
    ):
        function = one(function)
    return function


@contextlib.contextmanager
def new_unlock(options: Options, new: dict[str, Any]) -> Iterator[Unlock]:
    """The new way to unlock; asks for a passphrase, twice, when no option names one.

    A key file that was made for it is told when it is used, and stays also where that fails: the
    vault may have it already.
    """
    unlock, made = _new_unlock(new, for_programs=options.for_programs)
    with key_file_told(made, for_programs=options.for_programs), contextlib.closing(unlock):
        yield unlock


def _new_unlock(new: dict[str, Any], *, for_programs: bool) -> tuple[Unlock, str | None]:
    """The new way to unlock, and the key file that was made for it."""
    named = [
        (name, new[f"new_{name}"])
        for name in UNLOCKS
        if new[f"new_{name}"] is not None and new[f"new_{name}"] is not False
    ]
    if len(named) > 1:
        raise Usage(f"there are two new ways to unlock: {HOW}, one of them")
    if not named:
        return ask_passphrase("New passphrase: ", HOW, twice=True), None
    name, value = named[0]
    given = Given(value, "--new-" + name.replace("_", "-"))
    require_named(name, given)
    if name == "key_file":
        made = value if make_key_file(value) else None
        with key_file_told(made, for_programs=for_programs, when_used=False):
            return KeyFile(value), made
    return one_unlock(name, given), None


def make_key_file(path: str) -> bool:
    """Make a key file that only its owner may read, unless there is one; say whether it is new."""
    try:
        with Place(path) as place:
            if place.beginning(len(_VAULT)) == _VAULT:
                raise Usage(f"{path} is a vault, which changes with each edit and can be no key")
            if place.descriptor is not None or place.status() is not None:
                return False
            if path.endswith(_BESIDE):
                raise Usage(
                    f"the key file {named(path)} would have a name that files beside a vault have, "
                    "which an edit replaces or removes: choose another name"
                )
            place.put(os.urandom(KEY_BYTES))
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in FULL:
            raise Unwritten(f"the key file {named(path)}", error) from None
        raise Usage(f"the key file {named(path)} cannot be made: {error.strerror}") from None
    return True


@contextlib.contextmanager
def key_file_told(
    made: str | None, *, for_programs: bool, when_used: bool = True
) -> Iterator[None]:
    """Tell a key file that was made when it is used, and where that fails: it stays.

    The vault may have it already, or another call may have sealed a vault with it.
    """
    told = f"the key file {made} is made, and stays"
    try:
        yield
        told = f"the key file {made} is made: keep a copy in a safe" if when_used else ""
    finally:
        if made is not None and told:
            out.note(told, for_programs=for_programs, key_file=made)


def require_free(file: str) -> None:
    """Refuse a place where no vault can be made, before a key is made for it.

    A key file that was made is never removed: another call may have sealed a vault with it by then.
    """
    if not file:
        raise Usage("where shall the vault be: FILE is empty")
    if file.startswith(_STORE):
        bucket, _, key = os.fsencode(file.removeprefix(_STORE)).partition(b"/")
        if not (_BUCKET.fullmatch(bucket) and _KEY.fullmatch(key)):
            raise error_class(Status.E_ARGUMENT)(_STORED, status=Status.E_ARGUMENT)
        return
    if os.path.lexists(file):
        raise VaultExistsError(f"{file} is there already", status=Status.E_EXISTS)
    if not os.path.isdir(os.path.dirname(file) or "."):
        told = "the vault's directory does not exist or cannot be entered"
        raise error_class(Status.E_IO)(told, status=Status.E_IO).about(path=file)
