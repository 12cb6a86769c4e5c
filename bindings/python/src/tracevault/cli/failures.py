"""What goes wrong, told to people in a line and to programs in a JSON line on stderr."""

from __future__ import annotations

import errno
import os
from typing import Any

from ..errors import (
    AmbiguousError,
    ArgumentError,
    CredentialError,
    NotFoundError,
    RateLimitedError,
    Status,
    TraceVaultError,
    UnlockError,
    VaultExistsError,
    VaultMissingError,
)
from .exits import Exit, exit_of, is_outside_a_service, is_unfit_key
from .printable import printable

#: What a disk without room says.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Usage(Exception):
    """The command line or the configuration is wrong; the text says what to do."""

    #: What programs are told.
    status = "USAGE"


class Unreadable(Exception):
    """A line of standard input is not what it must be."""

    status = "INPUT"


class Unwritten(Exception):
    """What was told, or shall be kept, could not be written: standard output, or a file."""

    status = "OUTPUT"

    def __init__(self, what: str, error: OSError) -> None:
        super().__init__(f"{what} cannot be written: {error.strerror or type(error).__name__}")
        #: What the call has changed all the same.
        self.done = ""

    def __str__(self) -> str:
        return f"{super().__str__()}{f'; {self.done}' if self.done else ''}"


class Failed(Exception):
    """The call ends with an exit code; what there is to say has been said."""

    def __init__(self, code: Exit) -> None:
        super().__init__(code.name)
        self.code = code


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in work that can go on later: the text says how."""


#: What to do next, where a verb of the command does it.
_NEXT: tuple[tuple[type[TraceVaultError], str], ...] = (
    (VaultMissingError, "tracevault init makes a vault"),
    (VaultExistsError, "choose another name, or use the vault that is there"),
    (UnlockError, "name another --key-file, passphrase or --credential"),
    (AmbiguousError, "name one with --account; tracevault account list shows them"),
    (RateLimitedError, "try again then; tracevault doctor shows the state of the ledger"),
    (
        CredentialError,
        "tracevault account check --access tells more, account rotate stores a new one",
    ),
)
#: What to do where a table is given in the place of a secret.
TABLES = "tracevault account import reads tables"


def _is_table(error: BaseException) -> bool:
    """Whether a table, or a row of one, was given in the place of a secret."""
    if not isinstance(error, TraceVaultError) or error.status is not Status.E_CREDENTIAL_FORMAT:
        return False
    return "looks like a table" in error.message or "of a table" in error.message


#: The same for what has no class or status of its own; these count first of all.
_NEXT_WHERE = (
    (_is_table, TABLES),
    (
        is_outside_a_service,
        "elsewhere name a file: --key-file, --passphrase-file, or s3.keys=file:PATH",
    ),
    (
        is_unfit_key,
        "name another --key-file, or remove it if it is empty: init, vault export and vault "
        "add-unlock make it anew",
    ),
)
#: The same for statuses of their own; these count first.
_NEXT_OF: dict[object, str] = {
    Status.E_NOT_FOUND: "tracevault account list shows the tenants and accounts",
    Status.E_ORIGIN: "mend api.base_url (tracevault settings api.base_url shows it), or store the "
    "credential anew for its server: account import --replace --origin URL; account list --json "
    "shows the origin that it has",
    Status.E_CONFIG_NAME: "tracevault settings lists them",
}


def no_text(name: str) -> TraceVaultError:
    """The error of a line that names its tenant or account with something else than text."""
    return ArgumentError(f"{name} is no text", status=Status.E_ARGUMENT)


def code_of(error: BaseException) -> Exit:
    """The exit code, also of what only the command itself raises."""
    if isinstance(error, Failed):
        return error.code
    return Exit.USAGE if isinstance(error, (Usage, Unreadable)) else exit_of(error)


def next_step(error: BaseException) -> str | None:
    """What to do next; the library's own message tells the most part already."""
    for is_it, text in _NEXT_WHERE:
        if is_it(error):
            return text
    if isinstance(error, NotFoundError) and "tracevault account" in error.message:
        return None  # it says what to do
    if isinstance(error, NotFoundError) and "unlock" in error.message:
        return "tracevault vault unlocks shows them"
    if isinstance(error, TraceVaultError) and error.status in _NEXT_OF:
        return _NEXT_OF[error.status]
    if isinstance(error, AmbiguousError) and "--tenant" in error.message:
        return None  # it says what to do
    return next((text for kind, text in _NEXT if isinstance(error, kind)), None)


def _discreet(error: BaseException) -> tuple[str, str]:
    """The message without the name of a file that is not there, and what to say of that name.

    The name may be a secret that stands in the wrong place.
    """
    from .missing import named, not_there, said_of  # only where something went wrong

    if isinstance(error, TraceVaultError):
        path = error.path
        if not path or named(path) == path:
            return error.message, ""
        error.path = ""
        return error.message, not_there(path)  # the message of such an error names no file
    if isinstance(error, OSError) and isinstance(error.filename, (str, bytes)):
        said = error.strerror or type(error).__name__
        return said_of(os.fsdecode(error.filename), said), ""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror, ""
    return str(error) or type(error).__name__, ""


def as_document(error: BaseException, **about: str | None) -> dict[str, Any]:
    """The failure as the object of a JSON line: ``docs/command.md``, section "Errors"."""
    message, of_path = _discreet(error)
    message += f" ({of_path})" if of_path else ""
    if isinstance(error, TraceVaultError):
        facts = {**error.to_dict(), "message": message}
    else:
        facts = {
            "status": getattr(error, "status", type(error).__name__),
            "message": message,
            "retriable": False,
        }
    facts |= {name: value for name, value in about.items() if value is not None}
    facts |= {"exit": int(code_of(error)), "do": next_step(error)}
    return {"error": facts}


def as_said(error: BaseException) -> str:
    """The message with whom it is about, but for what may be a secret in the wrong place."""
    message, of_path = _discreet(error)
    if of_path:
        return f"{message} ({of_path})"
    return str(error) if isinstance(error, TraceVaultError) else message


def as_text(error: BaseException, **about: str | None) -> str:
    """The failure in a line for people."""
    said = as_said(error)
    where = " ".join(value for value in about.values() if value and value not in said)
    if isinstance(error, TraceVaultError):
        said += f" ({error.name}{_details(error, said)})"
    elif not isinstance(error, (Usage, Unreadable, Unwritten, OSError)):
        said = f"{type(error).__name__}: {said}; this is a fault of the command"
        said += ", TRACEVAULT_DEBUG=1 shows its place"
    hint = next_step(error)
    return printable(f"{f'{where}: ' if where else ''}{said}{f'; {hint}' if hint else ''}")


def _details(error: TraceVaultError, said: str) -> str:
    """What the message does not say itself."""
    details = [f"HTTP {error.http_status}"] if error.http_status else []
    details += [f"code {code}" for code in error.codes]
    details += [f"cf-ray {error.cf_ray}"] if error.cf_ray else []
    if error.retry_after is not None:
        details.append(f"again in {error.retry_after:.0f} s")
    return "".join(f", {one}" for one in details if one not in said)
