"""The exit codes of the command: one table, which ``docs/command.md`` and the man page repeat."""

from __future__ import annotations

from enum import IntEnum

from .. import errors


class Exit(IntEnum):
    """How a call of the command ended."""

    OK = 0
    SOME = 1
    USAGE = 2
    VAULT = 3
    NOT_FOUND = 4
    CREDENTIAL = 5
    QUOTA = 6
    NO_ANSWER = 7
    INCOMPLETE = 8
    OTHER = 9
    INTERRUPTED = 130


MEANING = {
    Exit.OK: "Everything came. Also when the reader of a pipe had enough.",
    Exit.SOME: "The work was done, but some of it failed, or the answer is no: `doctor` found a "
    "fault, `account check` a credential that ends soon.",
    Exit.USAGE: "The command line, a setting or the configuration file is wrong or asks for more "
    "than a limit allows; a file that it names may not be used: its rights, its owner, what it is, "
    "a passphrase or a token that is not there, the folder of a page, a journal, a checkpoint or "
    "the rows of `filter`, or a journal or checkpoint that another process has (`TV_E_BUSY`); a "
    "line of standard input, or a cursor that Cloudflare does not take; or the library cannot be "
    "loaded.",
    Exit.VAULT: "The vault cannot be opened or changed: not there, another key, damaged, busy, a "
    "full disk under it; or it or its key file may not be used, or where a new one shall be is a "
    "file already, or the key file or the credential of systemd is not there.",
    Exit.NOT_FOUND: "There is no such message, tenant, account, list or reply, or there are "
    "several and none is named.",
    Exit.CREDENTIAL: "Cloudflare refused the credential, or it has expired, or it is stored for "
    "another server.",
    Exit.QUOTA: "The quota does not allow it in time; the message says when to come back.",
    Exit.NO_ANSWER: "No usable answer: network, TLS, Cloudflare's failure, out of time.",
    Exit.INCOMPLETE: "Time was up, or asking again in vain, before the trace was complete "
    "(`trace --follow`).",
    Exit.OTHER: "Something else failed on this host: no memory, a full disk under anything else "
    "than the vault, a fault of ours.",
    Exit.INTERRUPTED: "Ctrl-C ended it.",
}

#: Statuses of a family that mean something else than the rest of it: the call is wrong.
_STATUSES = {errors.Status.E_LIMIT: Exit.USAGE, errors.Status.E_ARGUMENT: Exit.USAGE}
#: From special to general: the first that fits counts.
_FAMILIES: tuple[tuple[type[BaseException], Exit], ...] = (
    (errors.LibraryLoadError, Exit.USAGE),
    (errors.ArgumentError, Exit.USAGE),
    (errors.VaultError, Exit.VAULT),
    (errors.NotFoundError, Exit.NOT_FOUND),
    (errors.CredentialError, Exit.CREDENTIAL),
    (errors.RateLimitedError, Exit.QUOTA),
    (errors.RequestError, Exit.NO_ANSWER),
    (errors.ShutdownError, Exit.NO_ANSWER),
    (FileNotFoundError, Exit.NOT_FOUND),
    (PermissionError, Exit.USAGE),
    (IsADirectoryError, Exit.USAGE),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)


def is_outside_a_service(error: BaseException) -> bool:
    """Whether a credential of systemd is named where systemd has handed over none."""
    return isinstance(error, errors.NotFoundError) and "CREDENTIALS_DIRECTORY" in error.message


def is_unfit_key(error: BaseException) -> bool:
    """Whether a key file has a size that no key has: none at all, as a full disk had left it."""
    return isinstance(error, errors.ArgumentError) and error.message.startswith(
        "the key file must hold"
    )


def is_wrong_cursor(error: BaseException) -> bool:
    """Whether Cloudflare does not take what stands behind ``--cursor``."""
    return isinstance(error, errors.RequestError) and "; --cursor takes" in error.message


def exit_of(error: BaseException) -> Exit:
    """The exit code of one failure."""
    if is_outside_a_service(error) or is_unfit_key(error):
        return Exit.VAULT
    if is_wrong_cursor(error):
        return Exit.USAGE
    if isinstance(error, errors.TraceVaultError) and error.status in _STATUSES:
        return _STATUSES[error.status]
    if isinstance(error, errors.JournalError):  # of a disk, or of a file that was named wrongly
        return Exit.OTHER if error.status is errors.Status.E_IO else Exit.USAGE
    for kind, code in _FAMILIES:
        if isinstance(error, kind):
            return code
    return Exit.OTHER


def exit_of_many(failures: list[Exit], successes: int) -> Exit:
    """The exit code of several answers: the failures' own where nothing else came."""
    if not failures:
        return Exit.OK
    if successes == 0 and len(set(failures)) == 1:
        return failures[0]
    return Exit.SOME
