"""Every way a call or a request can fail, as exceptions with facts a program can decide on.

One base class, one subclass per family of statuses. Messages come from the library, are one line
and never hold a secret. Nothing here calls the library.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class Status(IntEnum):
    """The statuses of ``tracevault.h``, without their ``TV_`` prefix."""

    OK = 0
    E_OTHER = 1
    E_HANDLE = 2
    E_ARGUMENT = 3
    E_CONFIG_NAME = 4
    E_CONFIG_VALUE = 5
    E_ACCOUNT_ID = 6
    E_MESSAGE_REF = 7
    E_CREDENTIAL_FORMAT = 8
    E_LIMIT = 9
    E_NO_MEMORY = 10
    E_FORKED = 11
    E_SHUTDOWN = 12

    E_NOT_FOUND = 20
    E_AMBIGUOUS = 21
    E_EXISTS = 22
    E_ORIGIN = 23
    E_EDIT_FINISHED = 24
    E_LOCKED = 25
    E_EXPIRED = 26

    E_NOT_VAULT = 30
    E_VAULT_VERSION = 31
    E_DAMAGED_HEADER = 32
    E_KDF_BOUNDS = 33
    E_WEAK_KDF = 34
    E_UNLOCK = 35
    E_HEADER_MAC = 36
    E_DAMAGED_BODY = 37
    E_RECORD_AUTH = 38
    E_CONFLICT = 39
    E_IO = 40
    E_DURABILITY_UNKNOWN = 41
    E_UNSAFE_FILE = 42
    E_BUSY = 43
    E_ROLLBACK = 44
    E_NO_VAULT = 45
    E_NO_DESCRIPTORS = 46
    E_STALE = 47

    E_QUEUE_FULL = 60
    E_CANCELLED = 61
    E_DEADLINE = 62
    E_CREDENTIAL = 63
    E_FORBIDDEN = 64
    E_NO_MESSAGE = 65
    E_RATE_LIMITED = 66
    E_SERVER = 67
    E_TRANSPORT = 68
    E_TLS = 69
    E_HTTP = 70
    E_REDIRECT = 71
    E_NOT_JSON = 72
    E_REPLY_EMPTY = 73
    E_REPLY_TRUNCATED = 74
    E_REPLY_SHAPE = 75
    E_REPLY_DEPTH = 76
    E_REPLY_TOO_LARGE = 77
    E_REPLY_REFUSED = 78
    E_REPLY_DEFERRED = 79
    E_PROXY = 80
    E_FOREIGN_REPLY = 81
    E_DESCRIPTORS_LOST = 82


class Cause(IntEnum):
    """The causes of ``tracevault.h``, without their ``TV_CAUSE_`` prefix: what lies below HTTP."""

    NONE = 0
    NAME_LOOKUP = 1
    REFUSED = 2
    UNREACHABLE = 3
    CONNECT_TIMEOUT = 4
    BROKEN = 5
    NO_FIRST_BYTE = 6
    SILENCE = 7
    PROXY_LOGIN = 8
    PROXY_REFUSED = 9
    UNKNOWN_AUTHORITY = 10
    CERTIFICATE_EXPIRED = 11
    CERTIFICATE_NOT_YET_VALID = 12
    CERTIFICATE_NAME = 13
    CERTIFICATE = 14
    HANDSHAKE = 15
    TRUST_STORE = 16
    DESCRIPTORS = 17
    MEMORY = 18


def is_account_id(text: str) -> bool:
    """Whether a text has the form of an account id: 32 lower-case hexadecimal digits."""
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


class TraceVaultError(Exception):
    """The base of every error of this package."""

    def __init__(
        self,
        message: str,
        *,
        status: int = Status.E_OTHER,
        retriable: bool = False,
        http_status: int = 0,
        codes: tuple[int, ...] = (),
        cf_ray: str = "",
        retry_after: float | None = None,
        cause: int = Cause.NONE,
        system_error: int = 0,
        curl_code: int = 0,
        reply: bytes = b"",
    ) -> None:
        super().__init__(message)
        #: One line: what failed and what to do.
        self.message = message
        #: The library's number, also for a status this package does not know yet.
        self.status_number: int = int(status)
        #: Whether the same call may succeed later.
        self.retriable = retriable
        #: The HTTP status of Cloudflare's reply, 0 without one.
        self.http_status = http_status
        #: Cloudflare's error codes.
        self.codes = codes
        #: Cloudflare's name for the exchange, for its support; "" without one.
        self.cf_ray = cf_ray
        #: Seconds to wait before trying again; ``None`` when not known.
        self.retry_after = retry_after
        #: The errno of the system call that failed, 0 without one.
        self.system_error = system_error
        #: libcurl's code for the end of the last transfer, 0 without one.
        self.curl_code = curl_code
        self._cause_number = int(cause)
        #: The body of the reply of a :class:`ReplyError`, as it came; b"" without one.
        self.reply = reply
        #: Whom it was about: the tenant's name, the account id, the message reference; "" when it
        #: was about none.
        self.tenant: str = ""
        self.account_id: str = ""
        self.message_ref: str = ""
        #: The file it was about; "" when it was about none.
        self.path: str = ""

    def about(
        self, tenant: str = "", account_id: str = "", message_ref: str = "", path: str = ""
    ) -> Self:
        """The same error, which names tenant, account, message and file where it did not yet.

        An account id that is none is not named: it may be a secret in the wrong place.
        """
        self.tenant = self.tenant or tenant
        self.account_id = self.account_id or (account_id if is_account_id(account_id) else "")
        self.message_ref = self.message_ref or message_ref
        self.path = self.path or path
        if isinstance(self, FileNotFoundError | FileExistsError) and path:
            missing: OSError = self
            missing.filename = path
        return self

    @property
    def cause(self) -> Cause:
        """What lies behind it, below HTTP; :attr:`Cause.NONE` also for a number not known here."""
        try:
            return Cause(self._cause_number)
        except ValueError:
            return Cause.NONE

    @property
    def status(self) -> Status:
        """The status; :attr:`Status.E_OTHER` for a number this package does not know."""
        try:
            return Status(self.status_number)
        except ValueError:
            return Status.E_OTHER

    @property
    def name(self) -> str:
        """The status's name in C, such as ``TV_E_UNLOCK``."""
        return f"TV_{self.status.name}"

    def __str__(self) -> str:
        """The message, and whom it is about."""
        whom = (
            ("tenant", self.tenant),
            ("account", self.account_id),
            ("message", self.message_ref),
            ("file", self.path),
        )
        named = ", ".join(
            f"{what} {name!r}" for what, name in whom if name and name not in self.message
        )
        return f"{self.message} ({named})" if named else self.message

    def to_dict(self) -> dict[str, Any]:
        """What a program stores or sends: JSON values only."""
        return {
            "status": self.name,
            "message": self.message,
            "retriable": self.retriable,
            "retry_after_ms": None if self.retry_after is None else round(self.retry_after * 1000),
            "http_status": self.http_status,
            "codes": list(self.codes),
            "cf_ray": self.cf_ray,
            "cause": self.cause.name,
            "system_error": self.system_error,
            "curl_code": self.curl_code,
            "tenant": self.tenant,
            "account_id": self.account_id,
            "message_ref": self.message_ref,
            "path": self.path,
        }

    def __reduce__(self) -> tuple[Callable[..., TraceVaultError], tuple[Any, ...]]:
        # Exceptions cross process borders (multiprocessing, concurrent.futures) by pickle, which
        # would otherwise lose the keyword-only facts.
        facts = {
            "status": self.status_number,
            "retriable": self.retriable,
            "http_status": self.http_status,
            "codes": self.codes,
            "cf_ray": self.cf_ray,
            "retry_after": self.retry_after,
            "cause": self._cause_number,
            "system_error": self.system_error,
            "curl_code": self.curl_code,
            "reply": self.reply,
        }
        whom = (self.tenant, self.account_id, self.message_ref, self.path)
        return _rebuilt, (type(self), self.message, facts, whom)


def _rebuilt(
    kind: type[TraceVaultError], message: str, facts: dict[str, Any], whom: tuple[str, ...]
) -> TraceVaultError:
    return kind(message, **facts).about(*whom)


class Naming:
    """Makes what is raised inside name whom it is about."""

    __slots__ = ("_whom",)

    def __init__(self, tenant: object = "", account_id: object = "", path: object = "") -> None:
        self._whom = (str(tenant or ""), str(account_id or ""), "", str(path or ""))

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TraceVaultError):
            error.about(*self._whom)


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
