"""Edits: atomic changes of a vault - credentials, tenants, unlocks, keys.

No method returns a secret. A step that fails ends the edit, also when the caller goes on.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from . import _loading
from ._abi import EditRef
from ._frozen import Frozen
from ._handle import Handle, encoded, time_text
from ._interruptible import interruptible
from ._lib import check, json_document, library
from ._secret import leaves_no_secret
from .credentials import ApiToken, GlobalKey, Unlock, unlock_ref
from .errors import ArgumentError, Naming, NotFoundError, Status, TraceVaultError, error_class

if TYPE_CHECKING:
    from .accounts import Account


P = ParamSpec("P")
T = TypeVar("T")

#: What a rotation keeps.
_KEPT = ("label", "origin", "budget_group")


class Hint(Frozen):
    """What looks wrong about a credential that was put, and was taken all the same."""

    tenant: str
    """The tenant's name; "" where it is a row's and has the form of a secret, as for ``BadRow``."""
    account_id: str
    """The account that the credential was put for."""
    code: str
    """Such as ``token_looks_like_key``, ``is_quoted``, ``is_table_row`` or ``has_expired``, and
    of a row of an import ``tenant_looks_like_token``."""
    message: str
    """The same in a sentence."""
    row: int | None = None
    """Of an import: the row, as :class:`BadRow` counts them."""


def _step(call: Callable[Concatenate[Edit, P], T]) -> Callable[Concatenate[Edit, P], T]:
    """Make a method one step of its edit: when it fails, all later ones and the commit do."""

    @functools.wraps(call)
    def step(self: Edit, /, *arguments: P.args, **named: P.kwargs) -> T:
        self._check_open()
        try:
            return call(self, *arguments, **named)
        except BaseException as error:
            # Also Ctrl-C: nobody knows then whether the step counts.
            self._end(error)
            raise

    return step


class Edit:
    """One atomic change of a vault: all of it becomes durable, or nothing of it.

    A step that fails ends the edit: every later step and the commit raise the same error.
    """

    __slots__ = (
        "_another",
        "_ask",
        "_asked",
        "_changed",
        "_committed",
        "_ended",
        "_handle",
        "_hints",
        "_met",
        "_origin",
        "_rows",
        "_rows_hints",
    )

    def __init__(
        self,
        handle: Handle[EditRef],
        stored: Callable[[str], dict[tuple[str, str], Account]],
        another: Callable[[], Edit],
    ) -> None:
        self._handle = handle
        self._committed = False
        #: The status and the message of the step that failed. Not the exception: its frames.
        self._ended: tuple[int, str] | None = None
        #: The accounts of an import that had a credential.
        self._met: list[tuple[str, str]] = []
        #: By tenant and account of an import: the row, and the tenant as it may be shown.
        self._rows: dict[tuple[str, str], tuple[int, str]] = {}
        #: What the import itself has found.
        self._rows_hints: list[Hint] = []
        #: As they were at the end.
        self._hints: list[Hint] | None = None
        #: Begins another edit of the same vault.
        self._another = another
        #: Asks the vault for a tenant's credentials; each tenant once for an edit.
        self._ask = stored
        self._asked: dict[str, dict[tuple[str, str], Account]] = {}
        #: By tenant and account, what this edit has set: a rotation keeps that as well.
        self._changed: dict[tuple[str, str], dict[str, str | None]] = {}
        #: For rows of an import that no other origin is known for; Cloudflare's where it is None.
        self._origin: str | None = None

    def _check_open(self) -> None:
        if self._ended is not None:
            status, message = self._ended
            raise error_class(status)(
                f"an earlier step of this edit failed: {message}", status=status
            )

    def _end(self, error: BaseException) -> None:
        if self._ended is not None:
            return
        if isinstance(error, TraceVaultError):
            self._ended = (error.status_number, error.message)
        elif isinstance(error, TypeError):
            self._ended = (Status.E_ARGUMENT, str(error))
        else:
            # Its words may be anybody's.
            self._ended = (Status.E_CANCELLED, f"{type(error).__name__} came amid it")
        self._hints = []
        self.close()

    # ---- Credentials -------------------------------------------------------------------------

    @leaves_no_secret
    @_step
    def put(
        self,
        tenant: str,
        account_id: str,
        credential: ApiToken | GlobalKey,
        *,
        label: str | None = None,
        origin: str | None = None,
        budget_group: str | None = None,
        not_before: datetime | str | None = None,
        expires: datetime | str | None = None,
    ) -> None:
        """Store a credential in the place of the account's active one, if it has one.

        ``account_id`` is 32 lower-case hexadecimal digits. ``origin``: scheme, host and port that
        the secret may be sent to, Cloudflare's unless it is given; the others as for :meth:`set`.
        What the account had of them and is not given is gone: :meth:`rotate` keeps it.
        :attr:`hints` tells what looks wrong about the credential.
        """
        if not isinstance(credential, (ApiToken, GlobalKey)):
            raise TypeError(
                f"a credential is an ApiToken or a GlobalKey, not {type(credential).__name__}"
            )
        self._put(tenant, account_id, credential)
        if origin is not None:
            self._set(tenant, account_id, "origin", origin)
        self.set(
            tenant,
            account_id,
            label=label,
            budget_group=budget_group,
            not_before=not_before,
            expires=expires,
        )

    @leaves_no_secret
    def _put(self, tenant: str, account_id: str, credential: ApiToken | GlobalKey) -> None:
        with Naming(tenant, account_id), credential._held() as secret:
            lib, edit = library(), self._handle.ref
            where = _where(tenant, account_id)
            if isinstance(credential, GlobalKey):
                email = encoded(credential.email, "the e-mail")
                check(lib.tv_edit_put_key, edit, *where, email, len(email), *secret)
            else:
                check(lib.tv_edit_put_token, edit, *where, *secret)
        self._changed[tenant, account_id] = dict.fromkeys(_KEPT)

    @_step
    def import_csv(
        self,
        path: str | os.PathLike[str],
        *,
        rotate: bool = False,
        replace: bool = False,
        origin: str | None = None,
        tenant: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Store a table of credentials, all of its rows or none, and tell how many.

        The first row names the columns: ``tenant``, ``account_id`` and ``token``, or ``email`` and
        ``key``; ``label``, ``origin``, ``budget_group``, ``not_before`` and ``expires`` where there
        are any. Commas, semicolons and tabs separate; what Excel saves is understood. A row whose
        account has a credential cannot be stored, unless ``rotate`` keeps that as the retiring one,
        as :meth:`rotate` does, or ``replace`` lets the row take its place and that of a retiring
        one. ``origin`` is for rows without one, also where ``rotate`` would keep another, and
        ``tenant``, too: a row that names another cannot be stored. ``progress`` is called after
        each row, with how many accounts there are so far. :class:`ImportRowsError` names every row
        that cannot be stored. The file must be this user's or root's, closed to all others, with
        one name; a pipe serves, too.
        """
        with _loading:
            from .importing import csv_rows, import_rows  # loaded by those who use it

        return import_rows(
            self,
            path,
            csv_rows(path, tenant),
            rotate=rotate,
            replace=replace,
            origin=origin,
            tenant=tenant,
            progress=progress,
        )

    @_step
    def import_json_lines(
        self,
        path: str | os.PathLike[str],
        *,
        rotate: bool = False,
        replace: bool = False,
        origin: str | None = None,
        tenant: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Store credentials from a file with one JSON object a line: see :meth:`import_csv`."""
        with _loading:
            from .importing import import_rows, json_rows

        return import_rows(
            self,
            path,
            json_rows(path),
            rotate=rotate,
            replace=replace,
            origin=origin,
            tenant=tenant,
            progress=progress,
        )

    @_step
    def set(
        self,
        tenant: str,
        account_id: str,
        *,
        label: str | None = None,
        budget_group: str | None = None,
        not_before: datetime | str | None = None,
        expires: datetime | str | None = None,
    ) -> None:
        """Change properties of the account's active credential; ``""`` takes one away.

        ``label`` is your own words; accounts with the same ``budget_group`` spend one quota.
        ``not_before`` and ``expires`` bound when the credential is used: RFC 3339, or a
        ``datetime`` with its zone.
        Milliseconds are kept; of finer times ``not_before`` becomes later, ``expires`` earlier.
        """
        for name, value in (
            ("label", label),
            ("budget_group", budget_group),
            ("not_before", not_before),
            ("expires", expires),
        ):
            if value is not None:
                self._set(tenant, account_id, name, value)

    def _set(self, tenant: str, account_id: str, name: str, value: datetime | str) -> None:
        value = time_text(name, value) if isinstance(value, date) else value
        key, text = name.encode(), encoded(value, name)
        where = _where(tenant, account_id)
        with Naming(tenant, account_id):
            check(library().tv_edit_set, self._handle.ref, *where, key, len(key), text, len(text))
        if name in _KEPT:
            self._changed.setdefault((tenant, account_id), {})[name] = value

    @leaves_no_secret
    @_step
    def rotate(
        self,
        tenant: str,
        account_id: str,
        credential: ApiToken | GlobalKey,
        *,
        not_before: datetime | str | None = None,
        expires: datetime | str | None = None,
    ) -> None:
        """Store a new credential and keep the old one as the retiring one.

        Label, budget group and origin stay. :meth:`remove_retiring` ends the rotation,
        :meth:`promote` takes it back. Where the secret is the one that is there, its bounds stay
        as well, but for those that are given, and so does the older retiring one, if any.
        """
        kept = self._kept(tenant, account_id)
        self.retire(tenant, account_id)
        self.put(
            tenant,
            account_id,
            credential,
            label=kept["label"],
            origin=kept["origin"],
            budget_group=kept["budget_group"],
            not_before=not_before,
            expires=expires,
        )

    def _kept(self, tenant: str, account_id: str) -> dict[str, str | None]:
        """What a rotation keeps: as stored, and as this edit has changed it."""
        changed = self._changed.get((tenant, account_id), {})
        found = None if len(changed) == len(_KEPT) else self._stored(tenant, account_id)
        stored = {name: getattr(found, name, None) or None for name in _KEPT}
        return {**stored, **changed}

    def _stored(self, tenant: str, account_id: str, state: str = "active") -> Account | None:
        """An account's credential, as it was stored when this edit first asked."""
        if tenant not in self._asked:
            self._asked[tenant] = self._ask(tenant)
        return self._asked[tenant].get((account_id, state))

    def _has(self, tenant: str, account_id: str, state: str = "active") -> bool:
        """Whether the account has a credential in this state that is stored."""
        try:
            return self._stored(tenant, account_id, state) is not None
        except NotFoundError:
            return False

    def _holds(self, account: Account) -> bool:
        """Whether an account still has this credential, as it was stored when this edit first
        asked."""
        try:
            found = self._stored(account.tenant, account.account_id, account.state)
        except NotFoundError:
            return False
        return found is not None and found.fingerprint == account.fingerprint

    @_step
    def retire(self, tenant: str, account_id: str) -> None:
        """Make the active credential the retiring one; put the new one in the same edit."""
        with Naming(tenant, account_id):
            check(library().tv_edit_retire, self._handle.ref, *_where(tenant, account_id))

    @_step
    def promote(self, tenant: str, account_id: str) -> None:
        """Make the retiring credential active again, and the active one retiring."""
        with Naming(tenant, account_id):
            check(library().tv_edit_promote, self._handle.ref, *_where(tenant, account_id))

    @_step
    def remove_retiring(self, tenant: str, account_id: str) -> None:
        """Remove the retiring credential: the end of a rotation."""
        with Naming(tenant, account_id):
            check(library().tv_edit_remove_retiring, self._handle.ref, *_where(tenant, account_id))

    @_step
    def remove(self, tenant: str, account_id: str) -> None:
        """Remove an account and its secrets; a tenant goes with its last account."""
        with Naming(tenant, account_id):
            check(library().tv_edit_remove, self._handle.ref, *_where(tenant, account_id))

    @_step
    def remove_tenant(self, tenant: str) -> None:
        """Shred a tenant: its key, its accounts, and the vault's previous generation."""
        name = encoded(tenant, "the tenant")
        with Naming(tenant):
            check(library().tv_edit_remove_tenant, self._handle.ref, name, len(name))

    # ---- Unlocks -----------------------------------------------------------------------------

    @leaves_no_secret
    @_step
    def add_unlock(self, unlock: Unlock, *, known: Unlock, label: str = "") -> None:
        """Add a way to unlock the vault; ``known`` is one that opens it already.

        The label can be read by anyone who has the file.
        """
        text = encoded(label, "the label")
        call, ways = library().tv_edit_add_unlock, (unlock_ref(known), unlock_ref(unlock))
        interruptible(partial(check, call, self._handle.ref, *ways, text, len(text)))

    @_step
    def remove_unlock(self, slot: int) -> None:
        """Remove the unlock in a slot; ``Vault.describe()["unlocks"]`` lists them."""
        if not 0 <= slot < 8:
            raise ArgumentError("a slot is 0 to 7", status=Status.E_ARGUMENT)
        check(library().tv_edit_remove_unlock, self._handle.ref, slot)

    @leaves_no_secret
    @_step
    def rekey(self, unlock: Unlock) -> None:
        """Seal everything under new keys that ``unlock`` alone opens."""
        call, way = library().tv_edit_rekey, unlock_ref(unlock)
        interruptible(partial(check, call, self._handle.ref, way))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("an Edit cannot be pickled")

    # ---- The end -----------------------------------------------------------------------------

    @property
    def hints(self) -> list[Hint]:
        """What looks wrong about the credentials that this edit has put, also after its commit."""
        if self._hints is not None:
            return self._hints
        found = list(self._rows_hints)
        for hint in json_document(library().tv_edit_hints, self._handle.ref):
            whom = (hint["tenant"], hint["account_id"])
            row, tenant = self._rows.get(whom, (None, hint["tenant"]))
            found.append(
                Hint(
                    tenant=tenant,
                    account_id=hint["account_id"],
                    code=hint["code"],
                    message=hint["message"],
                    row=row,
                )
            )
        return found

    def commit(self) -> None:
        """Make the change durable now. Leaving the ``with`` block without an error does it too.

        Ctrl-C ends the wait for another writer, and nothing is stored then. A commit that writes
        already goes on; KeyboardInterrupt comes after it, so look whether the change is stored.
        """
        self._check_open()
        self._hints = self.hints
        lib, edit = library(), self._handle.ref
        interruptible(
            partial(check, lib.tv_edit_commit, edit), stop=partial(check, lib.tv_edit_cancel, edit)
        )
        self._committed = True
        self.close()

    def close(self) -> None:
        """Drop the edit; what is not committed is wiped."""
        self._handle.close()

    def __repr__(self) -> str:
        state = "open" if self._handle.usable else "closed"
        if self._committed or self._ended is not None:
            state = "committed" if self._committed else "failed"
        return f"<Edit, {state}>"

    def __enter__(self) -> Edit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and not self._committed:
                self.commit()
        finally:
            self.close()


def _where(tenant: str, account_id: str) -> tuple[bytes, int, bytes, int]:
    name, account = encoded(tenant, "the tenant"), encoded(account_id, "the account id")
    return name, len(name), account, len(account)
