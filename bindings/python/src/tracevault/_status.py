"""The numbers of ``tracevault.h`` that say how a call ended, and what lay below HTTP."""

from __future__ import annotations

from enum import IntEnum


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
