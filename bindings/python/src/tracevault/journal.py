"""The journal of a batch: one line a result, so that nothing that was answered is asked again.

A line is written before the result is told. The file holds what Cloudflare said of messages, so
only its owner may read it.

A complete trace and a search keep. A trace that may still grow, and a search of which a later page
did not come, are asked again, and so is what was to be asked in any case (``fresh``). The answer of
a check is told again only while the vault has the same credential, and only for an hour.

A tenant's name is whatever its vault calls it, and its accounts change: an answer is known by the
account that it is of, and told to a tenant that has this account at that moment. What was asked
while that changed is asked again.

Of the disk a tenant's large answers take as much as is free: beyond that they are not kept, and
asked again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ._fields import DOCUMENT_DEPTH, parsed
from ._lines import LineFile
from ._slot import Slot
from ._unread import TenantKey
from .errors import Status, TraceVaultError, error_class
from .request import Request, Result
from .vault import Tenant

SCHEMA = "tracevault.journal/1"
_SETTLED = b'{"settled":true,"key":"'
_KEY_CHARACTERS = 32
#: Errors that asking again does not change.
_FINAL = (Status.E_NO_MESSAGE, Status.E_MESSAGE_REF)
#: An answer of so many bytes is kept in any case; what is larger counts for its tenant.
_SMALL = 64 << 10
_TENANT = re.compile(
    rb'\{"settled":true,"key":"[0-9a-f]+","kind": "\w+", "tenant": ("(?:[^"\\]|\\.)*")'
)
#: How long the answer of a check counts, by its own time; a clock that was set may err either way.
CHECK_COUNTS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which account a request asks, as the vault has it at a moment."""

    account_id: str
    credentials: tuple[str, ...]
    """The fingerprints of those that the account has."""
    generation: int | None
    """Of the vault at that moment."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found when a tenant's accounts were listed."""

    generation: int | None
    accounts: Mapping[str, tuple[str, ...]]
    """The fingerprints of each one's credentials; empty as well where it could not be listed."""


class Journal:
    """Which requests are answered, and what the answers were."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = LineFile(path, SCHEMA)
        #: By key, where the answers stand that were not given out yet.
        self._known: dict[bytes, list[tuple[int, int]]] = {}
        #: By tenant, as JSON: bytes of its large answers.
        self._held: Counter[bytes] = Counter()
        #: By tenant, the last look at its accounts: it counts while the vault has that generation.
        self._looks: dict[TenantKey, _Look] = {}
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        for at, line in self._file.lines():
            if line.startswith(_SETTLED):
                key = line[len(_SETTLED) : len(_SETTLED) + _KEY_CHARACTERS]
                self._known.setdefault(key, []).append((at, len(line)))
                whose = _TENANT.match(line) if len(line) > _SMALL else None
                if whose is not None:
                    self._held[whose[1]] += len(line)

    # ---- Which account a request asks ---------------------------------------------------------

    def has_looked(self, tenant: Tenant) -> bool:
        """Whether a tenant's accounts were listed and the vault has not changed since."""
        look = self._looks.get(tenant._key)
        return look is not None and look.generation == tenant._generation

    def look(self, tenant: Tenant) -> None:
        """List a tenant's accounts, in whatever thread."""
        # Asked first: what changes while they are listed has them listed once more.
        generation = tenant._generation
        accounts: dict[str, tuple[str, ...]] = {}
        with contextlib.suppress(TraceVaultError):  # asking tells why
            for one in tenant.accounts():
                accounts[one.account_id] = (*accounts.get(one.account_id, ()), one.fingerprint)
        for account_id, fingerprints in accounts.items():
            accounts[account_id] = tuple(sorted(fingerprints))
        self._looks[tenant._key] = _Look(generation, accounts)

    def asked(self, request: Request[Any]) -> Asked | None:
        """Which account a request asks now; ``None`` where the tenant does not have it, or has
        several and none is named."""
        tenant = request.tenant
        if not self.has_looked(tenant) or not self._looks[tenant._key].accounts:
            self.look(tenant)
        look = self._looks[tenant._key]
        account_id = request.account_id
        if not account_id and len(look.accounts) == 1:
            (account_id,) = look.accounts
        if not account_id or account_id not in look.accounts:
            return None
        return Asked(account_id, look.accounts[account_id], look.generation)

    # ---- Answers ------------------------------------------------------------------------------

    def known(self, request: Request[Any], asked: Asked | None) -> Result[Any] | None:
        """The answer of an earlier run, the newest first; the same request twice has two."""
        if asked is None or request.fresh:
            return None
        places = self._known.get(_key(request, asked))
        while places:
            at, length = places.pop()
            try:
                told = parsed(self._file.read(at, length), DOCUMENT_DEPTH)
                if _is_of(told, asked) and _counts(result := _result(request, told)):
                    return result
            except (ValueError, LookupError, TypeError, AttributeError):
                continue  # a damaged line is as good as none
        return None

    def note(self, slot: Slot, asked: Asked | None) -> None:
        """Remember how a request ended; of a large answer perhaps only that. ``asked`` is what it
        was when it was submitted."""
        slot.read()
        request, error = slot.request, slot.error
        settled = self._is_settled(slot, asked)
        told: dict[str, Any] = {
            "kind": request.kind,
            "tenant": request.tenant.name,
            "account_id": request.account_id if asked is None else asked.account_id,
            "message_ref": request.message_ref,
        }
        if error is not None:
            told["error"] = {
                "status": error.status_number,
                "name": error.name,
                "message": error.message,
                "http_status": error.http_status,
                "codes": list(error.codes),
                "cf_ray": error.cf_ray,
            }
        line = _line(request, asked, told, settled)
        if error is None and settled:
            views = {name: view.decode() for name, view in slot.views.items()}
            # The document as the library wrote it: one line of JSON.
            answer = b',"views":' + json.dumps(views).encode() + b',"document":' + slot.document
            if self._has_room(request, len(line) + len(answer)):
                line += answer
            else:
                line = _line(request, asked, told, settled=False)
        self._file.append(line + b"}")

    def _is_settled(self, slot: Slot, asked: Asked | None) -> bool:
        """Whether this is the answer for good, of the account that was asked and is there still."""
        request, error = slot.request, slot.error
        now = self.asked(request)
        if asked is None or now is None or asked.account_id != now.account_id:
            return False
        # An error does not say of which account it is, nor a check of which credential.
        says_less = request.kind == "check" or (error is not None and not request.account_id)
        if says_less and asked != now:
            return False
        return error.status in _FINAL if error is not None else _is_whole(slot, asked)

    def _has_room(self, request: Request[Any], size: int) -> bool:
        """Whether an answer is kept; of large ones a tenant may have as many bytes as are free."""
        if size <= _SMALL:
            return True
        whose = json.dumps(request.tenant.name).encode()
        free = self._file.free()
        if free is not None and self._held[whose] + 2 * size > free:
            return False
        self._held[whose] += size
        return True

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def _line(request: Request[Any], asked: Asked | None, told: dict[str, Any], settled: bool) -> bytes:
    """The begin of a line, without its answer and its end."""
    start = _SETTLED if settled else b'{"settled":false,"key":"'
    return start + _key(request, asked) + b'",' + json.dumps(told).encode()[1:-1]


def _key(request: Request[Any], asked: Asked | None) -> bytes:
    what: list[Any] = [
        request.kind,
        request.tenant.name,
        None if asked is None else asked.account_id,
        request.message_ref,
        request.filters,
        request.submission,
        request.views,
    ]
    if request.kind == "check":
        what += [request.access, () if asked is None else asked.credentials]
    digest = hashlib.sha256(json.dumps(what).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:_KEY_CHARACTERS].encode()


def _is_of(told: dict[str, Any], asked: Asked) -> bool:
    """Whether a line, and the document in it, is about this account."""
    accounts = {told["account_id"], told.get("document", told)["account_id"]}
    return accounts == {asked.account_id}


def _is_whole(slot: Slot, asked: Asked) -> bool:
    """Whether an answer is all that there will be, and of this account; one that cannot be read is
    not."""
    try:
        told = parsed(slot.brief or slot.document, DOCUMENT_DEPTH)
        if told["account_id"] != asked.account_id:
            return False
        is_growing = slot.request.kind == "trace" and not told["complete"]
        return not is_growing and told.get("error") is None
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


def _counts(result: Result[Any]) -> bool:
    """Whether it may still be told; earlier versions kept traces that were growing, too."""
    if result.trace is not None:
        return result.trace.complete and result.trace.error is None
    if result.search is not None:
        return result.search.error is None
    if result.check is None:
        return result.error is not None and result.error.status in _FINAL
    told = result.check.checked_at
    return told is not None and abs(datetime.now(timezone.utc) - told) <= CHECK_COUNTS


def _result(request: Request[Any], told: dict[str, Any]) -> Result[Any]:
    """What a line tells; ``ValueError`` and the like where it is not as it was written."""
    slot = Slot(request, 0, None)
    if "error" in told:
        slot.error = _error(told["error"])
    else:
        slot.document = json.dumps(told["document"]).encode()
        slot.views = {name: view.encode() for name, view in told["views"].items()}
        _check_views(slot.views, request.views)
    return slot.result(resumed=True)


def _error(facts: dict[str, Any]) -> TraceVaultError:
    number, message, codes = facts["status"], facts["message"], facts["codes"]
    http_status, cf_ray = facts["http_status"], facts["cf_ray"]
    numbers = type(codes) is list and all(type(one) is int for one in (number, http_status, *codes))
    if not numbers or type(message) is not str or type(cf_ray) is not str:
        raise ValueError("an error has other members")
    return error_class(number)(
        message, status=number, http_status=http_status, codes=tuple(codes), cf_ray=cf_ray
    )


def _check_views(views: dict[str, bytes], asked: tuple[str, ...]) -> None:
    """Refuse other views than were asked for, and what nobody could read later."""
    if set(views) != set(asked):
        raise ValueError("there are other views")
    for view in views.values():
        for line in view.splitlines():
            row = parsed(line, DOCUMENT_DEPTH)
            if not all(type(one) is dict for one in (row if type(row) is list else [row])):
                raise ValueError("a view has other lines")
