"""Every way a call or a request can fail, as exceptions with facts a program can decide on.

One base class, one subclass per family of statuses. Messages come from the library, are one line
and never hold a secret. Nothing here calls the library.
"""

from __future__ import annotations

import errno

from ._error import Naming, TraceVaultError, is_account_id
from ._status import Cause, Status

__all__ = [
    "AmbiguousError",
    "ArgumentError",
    "CancelledError",
    "Cause",
    "ClosedError",
    "CredentialError",
    "DeadlineError",
    "ForkedError",
    "JournalError",
    "KeyFileMissingError",
    "LibraryLoadError",
    "LimitError",
    "LockedError",
    "MessageNotFoundError",
    "Naming",
    "NotFoundError",
    "QueueFullError",
    "RateLimitedError",
    "ReplyError",
    "RequestError",
    "RollbackError",
    "ServerError",
    "ShutdownError",
    "StaleError",
    "Status",
    "TraceVaultError",
    "TransportError",
    "UnlockError",
    "VaultError",
    "VaultExistsError",
    "VaultMissingError",
    "error_class",
    "is_account_id",
]


class LibraryLoadError(TraceVaultError, ImportError):  # type: ignore[misc]  # .name is ours
    """No usable ``libtracevault.so.0``: not found, not loadable here, or of another ABI."""


class ArgumentError(TraceVaultError, ValueError):
    """An argument or a setting is missing, malformed or out of range."""


class ClosedError(TraceVaultError, ValueError):
    """The object was closed, or the edit is finished."""


class ForkedError(TraceVaultError):
    """The object was made before ``fork()``; the child process makes its own."""


class ShutdownError(TraceVaultError):
    """The engine was shut down before the request was done, or lost its descriptors."""


class LimitError(TraceVaultError):
    """A documented maximum is reached, or memory ran out."""


class NotFoundError(TraceVaultError, LookupError):
    """The vault has no such tenant, or the tenant no such account."""


class AmbiguousError(NotFoundError):
    """The tenant has several accounts: name one."""


class MessageNotFoundError(NotFoundError):
    """Cloudflare knows no such message."""


class VaultError(TraceVaultError):
    """The vault file is damaged, unsafe, busy or not writable; the old one stands."""


class UnlockError(VaultError):
    """Wrong passphrase or key."""


class LockedError(VaultError):
    """The vault is locked: unlock it."""


class RollbackError(VaultError):
    """The vault file is older than it must be: an old copy was put back."""


class StaleError(VaultError):
    """The vault could not be followed for ``vault.max_stale_ms``: nothing of it is lent."""


class KeyFileMissingError(VaultError, FileNotFoundError):
    """There is no key file at the path."""


class VaultMissingError(VaultError, FileNotFoundError):
    """There is no vault file at the path."""


class VaultExistsError(VaultError, FileExistsError):
    """The path of a new vault is taken."""


class JournalError(TraceVaultError):
    """A journal or a checkpoint cannot be used: in use, another kind of file, or not writable."""


class CredentialError(TraceVaultError):
    """Cloudflare refused the credential, it lacks a permission, has expired, or is for another
    origin."""


class RequestError(TraceVaultError):
    """The base of what can go wrong between the engine and Cloudflare."""


class RateLimitedError(RequestError):
    """Over the request quota; see :attr:`TraceVaultError.retry_after`."""


class DeadlineError(RequestError, TimeoutError):
    """No answer within the deadline."""


class CancelledError(RequestError):
    """The request was cancelled."""


class QueueFullError(RequestError):
    """The engine's queue is full: take results, then submit again."""


class TransportError(RequestError):
    """No connection, or it broke, or a certificate or the proxy said no; see
    :attr:`TraceVaultError.cause`."""


class ServerError(RequestError):
    """Cloudflare failed (HTTP 5xx), also after the retries."""


class ReplyError(RequestError):
    """A reply came, but it is not a trace, or not the API's at all."""


_FAMILIES: dict[type[TraceVaultError], tuple[Status, ...]] = {
    ArgumentError: (
        Status.E_ARGUMENT,
        Status.E_CONFIG_NAME,
        Status.E_CONFIG_VALUE,
        Status.E_ACCOUNT_ID,
        Status.E_MESSAGE_REF,
        Status.E_CREDENTIAL_FORMAT,
    ),
    ClosedError: (Status.E_HANDLE, Status.E_EDIT_FINISHED),
    ForkedError: (Status.E_FORKED,),
    ShutdownError: (Status.E_SHUTDOWN, Status.E_DESCRIPTORS_LOST),
    LimitError: (Status.E_LIMIT, Status.E_NO_MEMORY, Status.E_NO_DESCRIPTORS),
    NotFoundError: (Status.E_NOT_FOUND,),
    AmbiguousError: (Status.E_AMBIGUOUS,),
    MessageNotFoundError: (Status.E_NO_MESSAGE,),
    VaultError: (
        Status.E_NOT_VAULT,
        Status.E_VAULT_VERSION,
        Status.E_DAMAGED_HEADER,
        Status.E_KDF_BOUNDS,
        Status.E_WEAK_KDF,
        Status.E_HEADER_MAC,
        Status.E_DAMAGED_BODY,
        Status.E_RECORD_AUTH,
        Status.E_CONFLICT,
        Status.E_IO,
        Status.E_DURABILITY_UNKNOWN,
        Status.E_UNSAFE_FILE,
        Status.E_BUSY,
    ),
    UnlockError: (Status.E_UNLOCK,),
    LockedError: (Status.E_LOCKED,),
    RollbackError: (Status.E_ROLLBACK,),
    StaleError: (Status.E_STALE,),
    VaultMissingError: (Status.E_NO_VAULT,),
    VaultExistsError: (Status.E_EXISTS,),
    CredentialError: (
        Status.E_CREDENTIAL,
        Status.E_FORBIDDEN,
        Status.E_ORIGIN,
        Status.E_EXPIRED,
    ),
    RateLimitedError: (Status.E_RATE_LIMITED,),
    DeadlineError: (Status.E_DEADLINE,),
    CancelledError: (Status.E_CANCELLED,),
    QueueFullError: (Status.E_QUEUE_FULL,),
    TransportError: (Status.E_TRANSPORT, Status.E_TLS, Status.E_PROXY),
    ServerError: (Status.E_SERVER,),
    ReplyError: (
        Status.E_HTTP,
        Status.E_REDIRECT,
        Status.E_NOT_JSON,
        Status.E_REPLY_EMPTY,
        Status.E_REPLY_TRUNCATED,
        Status.E_REPLY_SHAPE,
        Status.E_REPLY_DEPTH,
        Status.E_REPLY_TOO_LARGE,
        Status.E_REPLY_REFUSED,
        Status.E_REPLY_DEFERRED,
        Status.E_FOREIGN_REPLY,
    ),
}

_BY_STATUS: dict[int, type[TraceVaultError]] = {
    int(status): kind for kind, statuses in _FAMILIES.items() for status in statuses
}


def error_class(status: int) -> type[TraceVaultError]:
    """The exception class of a status; :class:`TraceVaultError` for one without a family."""
    return _BY_STATUS.get(status, TraceVaultError)


class Opening:
    """Has a lack of descriptors inside told as the library tells it."""

    __slots__ = ("_what",)

    def __init__(self, what: object) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            raise LimitError(
                f"no descriptor for {self._what} ({errno.errorcode[error.errno]}): close some, or "
                "raise RLIMIT_NOFILE",
                status=Status.E_NO_DESCRIPTORS,
                retriable=True,
                cause=Cause.DESCRIPTORS,
                system_error=error.errno,
            ) from None
