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
    """It went well."""
    E_OTHER = 1
    """A fault of the library itself; please report it."""
    E_HANDLE = 2
    """Not a live handle of this type."""
    E_ARGUMENT = 3
    """An argument is missing, too long or malformed."""
    E_CONFIG_NAME = 4
    """No setting has this name."""
    E_CONFIG_VALUE = 5
    """A setting's value is malformed or out of range."""
    E_ACCOUNT_ID = 6
    """An account id is not 32 lower-case hexadecimal digits."""
    E_MESSAGE_REF = 7
    """A message reference has a character that is not allowed."""
    E_CREDENTIAL_FORMAT = 8
    """A token, key or e-mail is empty, too long or not printable."""
    E_LIMIT = 9
    """A documented maximum is reached."""
    E_NO_MEMORY = 10
    """The system gave no memory; it may pass."""
    E_FORKED = 11
    """The handle was made before fork()."""
    E_SHUTDOWN = 12
    """The engine is shut down."""

    E_NOT_FOUND = 20
    """This tenant has no such account, or the vault no such tenant."""
    E_AMBIGUOUS = 21
    """The tenant has several accounts: name one."""
    E_EXISTS = 22
    """The file exists already."""
    E_ORIGIN = 23
    """The credential is sealed for another origin."""
    E_EDIT_FINISHED = 24
    """The edit is committed or failed: begin a new one."""
    E_LOCKED = 25
    """The vault is locked: unlock it."""
    E_EXPIRED = 26
    """The credential has expired or is not valid yet."""

    E_NOT_VAULT = 30
    """The file is not a TraceVault file."""
    E_VAULT_VERSION = 31
    """The file was written by a newer version."""
    E_DAMAGED_HEADER = 32
    """The file's header is damaged."""
    E_KDF_BOUNDS = 33
    """The file asks for an absurd passphrase cost."""
    E_WEAK_KDF = 34
    """The file's passphrase cost is below the floor."""
    E_UNLOCK = 35
    """Wrong key or passphrase, or a forged key slot."""
    E_HEADER_MAC = 36
    """The key is right, but the header was altered."""
    E_DAMAGED_BODY = 37
    """The file's body is damaged or cut."""
    E_RECORD_AUTH = 38
    """A record does not open."""
    E_CONFLICT = 39
    """The vault was changed under this edit."""
    E_IO = 40
    """Reading or writing failed; the old vault stands."""
    E_DURABILITY_UNKNOWN = 41
    """The new vault is or may be in place, but may not last: look."""
    E_UNSAFE_FILE = 42
    """Owner, mode or a symbolic link make the file unsafe."""
    E_BUSY = 43
    """Another writer held the vault too long."""
    E_ROLLBACK = 44
    """The vault is older than it must be: an old copy was put back."""
    E_NO_VAULT = 45
    """There is no vault at the path or in the store."""
    E_NO_DESCRIPTORS = 46
    """All descriptors of the process are in use; it may pass."""
    E_STALE = 47
    """The vault was out of sight for too long: nothing is lent."""

    E_QUEUE_FULL = 60
    """Take results, then submit again."""
    E_CANCELLED = 61
    """Cancelled by the host."""
    E_DEADLINE = 62
    """No answer within the deadline."""
    E_CREDENTIAL = 63
    """Cloudflare refused the credential, now or a moment ago; or it lacks a permission and the
    refusal (code 10000) is the same."""
    E_FORBIDDEN = 64
    """Not allowed, in words that do not mean the credential."""
    E_NO_MESSAGE = 65
    """Cloudflare's API knows no such message (HTTP 404)."""
    E_RATE_LIMITED = 66
    """Over the request quota (HTTP 429); see retry_after."""
    E_SERVER = 67
    """Cloudflare failed (HTTP 5xx), also after the retries."""
    E_TRANSPORT = 68
    """No connection, or it broke."""
    E_TLS = 69
    """The server's certificate or TLS handshake is not acceptable."""
    E_HTTP = 70
    """An HTTP status this library has no better name for."""
    E_REDIRECT = 71
    """A redirect; never followed."""
    E_NOT_JSON = 72
    """The reply is HTML or other text."""
    E_REPLY_EMPTY = 73
    """The reply has no content."""
    E_REPLY_TRUNCATED = 74
    """The reply ends too early."""
    E_REPLY_SHAPE = 75
    """Valid JSON, but not what was asked for."""
    E_REPLY_DEPTH = 76
    """The reply is nested too deeply or has too many parts."""
    E_REPLY_TOO_LARGE = 77
    """The reply exceeds http.max_reply_bytes."""
    E_REPLY_REFUSED = 78
    """HTTP 200 with success:false, not for the credential."""
    E_REPLY_DEFERRED = 79
    """HTTP 202: the answer is to be had later."""
    E_PROXY = 80
    """The proxy wants another login, or made no connection."""
    E_FOREIGN_REPLY = 81
    """An answer, but not the API's: a portal, a proxy, a block page."""
    E_DESCRIPTORS_LOST = 82
    """The host closed the engine's descriptors: make another engine."""


class Cause(IntEnum):
    """The causes of ``tracevault.h``, without their ``TV_CAUSE_`` prefix: what lies below HTTP."""

    NONE = 0
    """Nothing below HTTP, or not known."""
    NAME_LOOKUP = 1
    """The name could not be looked up."""
    REFUSED = 2
    """The connection was refused."""
    UNREACHABLE = 3
    """No way there."""
    CONNECT_TIMEOUT = 4
    """No connection within http.connect_timeout_ms."""
    BROKEN = 5
    """The connection broke before the reply was whole."""
    NO_FIRST_BYTE = 6
    """No first byte within http.first_byte_ms."""
    SILENCE = 7
    """The reply began and then went silent."""
    PROXY_LOGIN = 8
    """The proxy wants another login (HTTP 407)."""
    PROXY_REFUSED = 9
    """The proxy made no connection to the server."""
    UNKNOWN_AUTHORITY = 10
    """The certificate is signed by nobody trusted."""
    CERTIFICATE_EXPIRED = 11
    """The certificate has expired, or the host's clock is wrong."""
    CERTIFICATE_NOT_YET_VALID = 12
    """The certificate is not valid yet, or the host's clock is wrong."""
    CERTIFICATE_NAME = 13
    """The certificate is for another name."""
    CERTIFICATE = 14
    """The certificate is not acceptable for another reason."""
    HANDSHAKE = 15
    """The TLS handshake failed."""
    TRUST_STORE = 16
    """The file of authorities holds none."""
    DESCRIPTORS = 17
    """No descriptor was left."""
    MEMORY = 18
    """No memory was left."""


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
        self.message = message
        """One line: what failed and what to do."""
        self.status_number: int = int(status)
        """The library's number, also for a status this package does not know yet."""
        self.retriable = retriable
        """Whether the same call may succeed later."""
        self.http_status = http_status
        """The HTTP status of Cloudflare's reply, 0 without one."""
        self.codes = codes
        """Cloudflare's error codes."""
        self.cf_ray = cf_ray
        """Cloudflare's name for the exchange, for its support; "" without one."""
        self.retry_after = retry_after
        """Seconds to wait before trying again; ``None`` when not known."""
        self.system_error = system_error
        """The errno of the system call that failed, 0 without one."""
        self.curl_code = curl_code
        """libcurl's code for the end of the last transfer, 0 without one."""
        self._cause_number = int(cause)
        self.reply = reply
        """The body of the reply of a :class:`ReplyError`, as it came; b"" without one."""
        self.tenant: str = ""
        """The tenant it was about; "" when it was about none."""
        self.account_id: str = ""
        """The account it was about; "" when it was about none."""
        self.message_ref: str = ""
        """The message it was about; "" when it was about none."""
        self.path: str = ""
        """The file it was about; "" when it was about none."""

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
