"""Cloudflare Email Security delivery traces, for many accounts at once.

    import tracevault as tv

    vault = tv.Vault.open("soc.vault", tv.KeyFile("soc.key"))
    acme = vault.tenant("acme")
    with tv.Engine() as engine:
        trace = engine.trace(acme, None, "4Njp3P0STMz2c02Q", wait=30, timeout=60)

The shared library is loaded when it is first needed, not by the import.
"""

import os as _os
import sys as _sys
from _thread import RLock as _RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._handle import Setting
    from ._json_lines import json_lines
    from ._options import SearchFilters
    from ._secret import Secret
    from .accounts import Account
    from .aio import AsyncEngine
    from .bulk import BatchOptions, Progress
    from .checks import Checked, CheckOptions
    from .client import Engine
    from .collect import CollectOptions, Detection
    from .credentials import (
        ApiToken,
        GlobalKey,
        KeyFile,
        Passphrase,
        RawKey,
        RedisLogin,
        StoreKeys,
        SystemdCredential,
        Unlock,
    )
    from .edit import Edit, Hint
    from .errors import (
        AmbiguousError,
        ArgumentError,
        CancelledError,
        Cause,
        ClosedError,
        CredentialError,
        DeadlineError,
        ForkedError,
        JournalError,
        KeyFileMissingError,
        LibraryLoadError,
        LimitError,
        LockedError,
        MessageNotFoundError,
        NotFoundError,
        QueueFullError,
        RateLimitedError,
        ReplyError,
        RequestError,
        RollbackError,
        ServerError,
        ShutdownError,
        StaleError,
        Status,
        TraceVaultError,
        TransportError,
        UnlockError,
        VaultError,
        VaultExistsError,
        VaultMissingError,
    )
    from .events import Event
    from .findings import (
        CheckAccess,
        CheckReason,
        CheckResult,
        FoundMessage,
        SearchResult,
    )
    from .hunt import Finding, HuntOptions
    from .importing import BadRow, ImportRowsError
    from .model import LaterError, Line, QueueId, Side, Trace, TraceWarning, View
    from .notices import Notice
    from .offline import build_info, config_properties, decode
    from .request import Request, Result
    from .summary import Hop, NextQueueId, Recipient, Summary
    from .vault import Tenant, Vault

#: Where the names of this package are, all but the errors: a module is loaded when one of its names
#: is asked for.
_HOMES = {
    "_handle": "Setting",
    "_json_lines": "json_lines",
    "_options": "SearchFilters",
    "_secret": "Secret",
    "accounts": "Account",
    "aio": "AsyncEngine",
    "bulk": "BatchOptions Progress",
    "checks": "Checked CheckOptions",
    "client": "Engine",
    "collect": "CollectOptions Detection",
    "credentials": "ApiToken GlobalKey KeyFile Passphrase RawKey RedisLogin StoreKeys"
    " SystemdCredential Unlock",
    "edit": "Edit Hint",
    "events": "Event",
    "findings": "CheckAccess CheckReason CheckResult FoundMessage SearchResult",
    "hunt": "Finding HuntOptions",
    "importing": "BadRow ImportRowsError",
    "model": "LaterError Line QueueId Side Trace TraceWarning View",
    "notices": "Notice",
    "offline": "build_info config_properties decode",
    "request": "Request Result",
    "summary": "Hop NextQueueId Recipient Summary",
    "vault": "Tenant Vault",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

#: Held while something is loaded that was not there at the import of the package: modules and the
#: library. A fork waits for that: its child would have it half loaded, by a thread that it lacks.
#: Whoever holds it does nothing but load, so nobody waits for a thread that waits for a fork.
_loading = _RLock()
#: A fork waits no longer than this, in seconds, as for threads that are inside the library.
_FORK_WAITS = 10.0


def _before_fork() -> None:
    if not _loading.acquire(blocking=False):
        _loading.acquire(timeout=_FORK_WAITS)
        _lock_logging()


def _lock_logging() -> None:
    """Take the lock of a ``logging`` that came while the fork waited.

    Python knew then already whom to call before the fork, and has ``logging`` let it go behind it.
    """
    lock = getattr(_sys.modules.get("logging"), "_lock", None)
    if lock is not None and hasattr(lock, "_is_owned") and not lock._is_owned():
        lock.acquire(timeout=_FORK_WAITS)


def _after_fork() -> None:
    try:
        _loading.release()
    except RuntimeError:  # the wait had no end
        return


_os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _loading:
        from importlib import import_module

        value: object = getattr(import_module(f".{_HOME.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "Account",
    "AmbiguousError",
    "ApiToken",
    "ArgumentError",
    "AsyncEngine",
    "BadRow",
    "BatchOptions",
    "CancelledError",
    "Cause",
    "CheckAccess",
    "CheckOptions",
    "CheckReason",
    "CheckResult",
    "Checked",
    "ClosedError",
    "CollectOptions",
    "CredentialError",
    "DeadlineError",
    "Detection",
    "Edit",
    "Engine",
    "Event",
    "Finding",
    "ForkedError",
    "FoundMessage",
    "GlobalKey",
    "Hint",
    "Hop",
    "HuntOptions",
    "ImportRowsError",
    "JournalError",
    "KeyFile",
    "KeyFileMissingError",
    "LaterError",
    "LibraryLoadError",
    "LimitError",
    "Line",
    "LockedError",
    "MessageNotFoundError",
    "NextQueueId",
    "NotFoundError",
    "Notice",
    "Passphrase",
    "Progress",
    "QueueFullError",
    "QueueId",
    "RateLimitedError",
    "RawKey",
    "Recipient",
    "RedisLogin",
    "ReplyError",
    "Request",
    "RequestError",
    "Result",
    "RollbackError",
    "SearchFilters",
    "SearchResult",
    "Secret",
    "ServerError",
    "Setting",
    "ShutdownError",
    "Side",
    "StaleError",
    "Status",
    "StoreKeys",
    "Summary",
    "SystemdCredential",
    "Tenant",
    "Trace",
    "TraceVaultError",
    "TraceWarning",
    "TransportError",
    "Unlock",
    "UnlockError",
    "Vault",
    "VaultError",
    "VaultExistsError",
    "VaultMissingError",
    "View",
    "__version__",
    "build_info",
    "config_properties",
    "decode",
    "json_lines",
]
