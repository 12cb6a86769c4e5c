"""Which failed lines ``filter --omprog`` has rsyslog send again: it sends none behind such a line.

What a failure looks like says whom it *may* concern. Whom it does concern shows only where another
tenant meets the same, or is answered meanwhile.
"""

from __future__ import annotations

from enum import Enum

from ..errors import (
    Cause,
    CredentialError,
    MessageNotFoundError,
    RequestError,
    Status,
    TraceVaultError,
)

#: How often lines of a tenant are repeated in all while nobody knows whom their failure concerns.
TIMES = 3
#: How often a line is where two tenants have met the same, so that it most likely concerns all. Not
#: without end: it may still be the trouble of those two, and another tenant's line shows it.
TIMES_OF_ALL = 100
#: Of so many lines that is counted. rsyslog may be told to give up earlier, and says nothing then.
_COUNTED = 1000
#: What lies below HTTP where the server was reached: another tenant's request may do better.
_BEHIND_A_CONNECTION = (Cause.NONE, Cause.BROKEN, Cause.NO_FIRST_BYTE, Cause.SILENCE)
#: What a request comes to, whatever the vault and the engine are like.
_OF_A_REQUEST = (RequestError, CredentialError, MessageNotFoundError)


class Concern(Enum):
    """Whom a failure concerns, as far as it shows that itself."""

    TENANT = "its tenant"
    MEMORY = "all, or whose replies are large"
    WAY = "all, or whose kind of credential goes another way"
    ALL = "all: it is the host's, the vault's or the engine's"


def concern_of(error: TraceVaultError) -> Concern:
    """Whom this concerns."""
    if error.status is Status.E_NO_MEMORY or error.cause is Cause.MEMORY:
        return Concern.MEMORY
    if error.cause is Cause.DESCRIPTORS:
        return Concern.ALL
    if isinstance(error, _OF_A_REQUEST):
        return Concern.TENANT if error.cause in _BEHIND_A_CONNECTION else Concern.WAY
    return Concern.TENANT if error.status is Status.E_LIMIT else Concern.ALL


class Repeats:
    """Tells trouble of all tenants from one tenant's own, by how their lines fare one by one."""

    def __init__(self) -> None:
        #: What each tenant has met since anybody was answered.
        self._met: dict[str, Concern] = {}
        #: Who met trouble while others were answered, and was not answered since.
        self._own: set[str] = set()
        #: Since anybody was answered: how often lines of a tenant were repeated, and how often a
        #: line that most likely shows what concerns all. rsyslog may send several lines in turns;
        #: they are known by their hashes, as one may be long.
        self._times_of: dict[str | None, int] = {}
        self._times: dict[int, int] = {}

    def answered(self, tenant: str) -> None:
        """The server has answered this tenant."""
        if tenant not in self._met:  # otherwise it has passed, whoever else had met it
            self._own.update(self._met)
        self._met.clear()
        self._own.discard(tenant)
        self._times_of.clear()
        self._times.clear()

    def wants(self, line: bytes, tenant: str | None, concern: Concern) -> bool:
        """Whether the line is to be sent again, after trouble that may concern all.

        ``None``: it failed before anybody was asked, which tells nothing of a tenant.
        """
        if tenant in self._own:
            return False
        if tenant is not None:
            self._met[tenant] = concern
            if list(self._met.values()).count(concern) > 1:
                return self._repeats(hash(line))
        times = self._times_of[tenant] = self._times_of.get(tenant, 0) + 1
        return times <= TIMES

    def _repeats(self, line: int) -> bool:
        times = self._times.pop(line, 0) + 1
        if times > TIMES_OF_ALL:
            return False
        self._times[line] = times
        if len(self._times) > _COUNTED:
            del self._times[next(iter(self._times))]  # the one that did not come for longest
        return True
