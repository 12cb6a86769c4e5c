"""The base of every error: one line, facts that a program can decide on, and whom it is about."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._marks import escaped
from ._status import Cause, Status

if TYPE_CHECKING:
    from typing_extensions import Self


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
        if isinstance(self, FileNotFoundError | FileExistsError):
            # As Python's own: who catches an OSError looks there.
            there: OSError = self
            missing = isinstance(self, FileNotFoundError)
            there.errno, there.strerror = errno.ENOENT if missing else errno.EEXIST, message
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
        """The message, and whom it is about; what steers a terminal or hides is escaped."""
        whom = (
            ("tenant", self.tenant),
            ("account", self.account_id),
            ("message", self.message_ref),
            ("file", self.path),
        )
        named = ", ".join(
            f"{what} {name!r}" for what, name in whom if name and name not in self.message
        )
        return escaped(f"{self.message} ({named})" if named else self.message)

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
