"""Vaults: the sealed credentials of many tenants, and the tenants that requests are made for.

No method returns a secret. Fetching is not done here.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any

from ._abi import EditRef, TenantRef, VaultRef
from ._fields import parse_time
from ._handle import Handle, Setting, encoded, lent, new_config
from ._lib import check, json_document, library
from .credentials import KEY_BYTES, ApiToken, GlobalKey, RawKey, Unlock
from .errors import ArgumentError, Status, TraceVaultError


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of a vault: what may be known about its credential, never the secret."""

    tenant: str
    account_id: str
    #: ``api_token`` or ``global_key``.
    kind: str
    label: str = ""
    #: Scheme, host and port that the secret may be sent to.
    origin: str = ""
    #: Of a global key.
    email: str | None = None
    state: str = ""
    #: When this credential was stored, RFC 3339.
    created_text: str | None = None
    #: Tells two secrets apart without showing either.
    fingerprint: str = ""
    #: Whatever else a later library tells.
    later: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def created(self) -> datetime | None:
        """When this credential was stored."""
        return parse_time(self.created_text)


def _accounts(listed: Any) -> list[Account]:
    found = []
    for entry in listed["accounts"]:
        rest = dict(entry)
        found.append(
            Account(
                tenant=rest.pop("tenant"),
                account_id=rest.pop("account_id"),
                kind=rest.pop("kind"),
                label=rest.pop("label", None) or "",
                origin=rest.pop("origin", None) or "",
                email=rest.pop("email", None),
                state=rest.pop("state", None) or "",
                created_text=rest.pop("created", None),
                fingerprint=rest.pop("fingerprint", None) or "",
                later=rest,
            )
        )
    return found


class Tenant:
    """The right to use one tenant's accounts, and nothing else."""

    __slots__ = ("_handle", "name")

    def __init__(self, name: str, handle: Handle[TenantRef]) -> None:
        self.name = name
        self._handle = handle

    def accounts(self) -> list[Account]:
        """This tenant's accounts."""
        return _accounts(json_document(library().tv_tenant_list, self._handle.ref))

    def close(self) -> None:
        """Give the tenant back. Requests under way go on."""
        self._handle.close()

    def __enter__(self) -> Tenant:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Tenant({self.name!r})"


class Edit:
    """One atomic change of a vault: all of it becomes durable, or nothing of it."""

    __slots__ = ("_committed", "_handle")

    def __init__(self, handle: Handle[EditRef]) -> None:
        self._handle = handle
        self._committed = False

    def put(
        self,
        tenant: str,
        account_id: str,
        credential: ApiToken | GlobalKey,
        *,
        label: str | None = None,
        origin: str | None = None,
    ) -> None:
        """Store or replace the credential of a tenant's account.

        When ``label`` or ``origin`` is refused, the whole edit is dropped: half of a put is never
        committed.
        """
        lib = library()
        edit = self._handle.ref
        where = _where(tenant, account_id)
        if isinstance(credential, GlobalKey):
            email = encoded(credential.email, "the e-mail")
            with lent(credential._take()) as (data, length):
                check(lib.tv_edit_put_key, edit, *where, email, len(email), data, length)
        elif isinstance(credential, ApiToken):
            with lent(credential._take()) as (data, length):
                check(lib.tv_edit_put_token, edit, *where, data, length)
        else:
            raise TypeError(
                f"a credential is an ApiToken or a GlobalKey, not {type(credential).__name__}"
            )
        try:
            for name, value in ((b"label", label), (b"origin", origin)):
                if value is not None:
                    text = encoded(value, name.decode())
                    check(lib.tv_edit_set, edit, *where, name, len(name), text, len(text))
        except (TraceVaultError, TypeError):
            self.close()
            raise

    def remove(self, tenant: str, account_id: str) -> None:
        """Remove an account and its secret; a tenant goes with its last account."""
        check(library().tv_edit_remove, self._handle.ref, *_where(tenant, account_id))

    def add_unlock(self, current: Unlock, added: Unlock, *, label: str = "") -> None:
        """Add a way to unlock the vault; ``current`` must open it.

        Anyone who can read the file can read the label (at most 40 bytes of UTF-8).
        """
        text = encoded(label, "the label")
        keys = (_unlock(current, "current")._handle.ref, _unlock(added, "added")._handle.ref)
        check(library().tv_edit_add_unlock, self._handle.ref, *keys, text, len(text))

    def remove_unlock(self, index: int) -> None:
        """Remove the way to unlock in slot ``index`` (0 to 7); the last one cannot go."""
        if not 0 <= index <= 7:
            raise ArgumentError(
                "the index of an unlock slot is 0 to 7", status=Status.E_ARGUMENT
            )
        check(library().tv_edit_remove_unlock, self._handle.ref, index)

    def rekey(self, unlock: Unlock) -> None:
        """Seal the whole vault anew under new keys, to be opened by ``unlock`` alone.

        For use after an exposure. Older copies of the file still open as before.
        """
        key = _unlock(unlock, "unlock")._handle.ref
        check(library().tv_edit_rekey, self._handle.ref, key)

    def commit(self) -> None:
        """Make the change durable now. Leaving the ``with`` block without an error does it too."""
        check(library().tv_edit_commit, self._handle.ref)
        self._committed = True
        self.close()

    def close(self) -> None:
        """Drop the edit; what is not committed is wiped."""
        self._handle.close()

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


class Vault:
    """The sealed credentials of many tenants. Use :meth:`create`, :meth:`open` or
    :meth:`in_memory`; close it, or use it as a context manager."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle[VaultRef]) -> None:
        self._handle = handle

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        unlock: Unlock,
        *,
        settings: Mapping[str, Setting] | None = None,
    ) -> Vault:
        """Create an empty vault file; :class:`VaultExistsError` when the path is taken."""
        return cls._made("tv_vault_create", _path(path), unlock, settings)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        unlock: Unlock,
        *,
        settings: Mapping[str, Setting] | None = None,
    ) -> Vault:
        """Open a vault file; each kind of damage has its own status."""
        return cls._made("tv_vault_open", _path(path), unlock, settings)

    @classmethod
    def in_memory(cls, *, settings: Mapping[str, Setting] | None = None) -> Vault:
        """Make a vault that never touches the disk, under a random key nobody knows."""
        key = RawKey(bytearray(os.urandom(KEY_BYTES)))
        try:
            return cls._made("tv_vault_create", b"", key, settings)
        finally:
            key.close()

    @classmethod
    def _made(
        cls, make: str, path: bytes, unlock: Unlock, settings: Mapping[str, Setting] | None
    ) -> Vault:
        key = _unlock(unlock, "unlock")
        lib = library()
        config = new_config(settings)
        ref = VaultRef()
        try:
            check(
                getattr(lib, make),
                path,
                len(path),
                key._handle.ref,
                config.ref,
                ctypes.byref(ref),
            )
        finally:
            config.close()
        return cls(Handle(ref, lib.tv_vault_free, "vault"))

    @property
    def generation(self) -> int:
        """The number of the snapshot in use; every committed edit adds one."""
        number = ctypes.c_uint64()
        check(library().tv_vault_generation, self._handle.ref, ctypes.byref(number))
        return number.value

    def refresh(self) -> None:
        """Read the file again if another process changed it."""
        check(library().tv_vault_refresh, self._handle.ref)

    def accounts(self) -> list[Account]:
        """Every account of every tenant: metadata, no secrets."""
        return _accounts(json_document(library().tv_vault_list, self._handle.ref))

    def tenant(self, name: str) -> Tenant:
        """Take one tenant out of the vault."""
        lib = library()
        ref = TenantRef()
        text = encoded(name, "the tenant")
        check(lib.tv_tenant_open, self._handle.ref, text, len(text), ctypes.byref(ref))
        return Tenant(name, Handle(ref, lib.tv_tenant_free, "tenant"))

    def edit(self) -> Edit:
        """Begin one atomic change: ``with vault.edit() as edit: edit.put(...)``."""
        lib = library()
        ref = EditRef()
        check(lib.tv_edit_begin, self._handle.ref, ctypes.byref(ref))
        return Edit(Handle(ref, lib.tv_edit_free, "edit"))

    def export(
        self,
        path: str | os.PathLike[str],
        unlock: Unlock,
        *,
        tenant: str | None = None,
        settings: Mapping[str, Setting] | None = None,
    ) -> None:
        """Write one tenant, or all of them, to a new vault file sealed with ``unlock``.

        It shares no key and no identifier with this one; fingerprints differ.
        """
        name = encoded(tenant, "the tenant") if tenant is not None else b""
        if tenant == "":
            raise ArgumentError(
                "the tenant's name is empty; leave it out to export every tenant",
                status=Status.E_ARGUMENT,
            )
        file, key = _path(path), _unlock(unlock, "unlock")
        config = new_config(settings)
        try:
            check(
                library().tv_vault_export,
                self._handle.ref,
                name,
                len(name),
                file,
                len(file),
                key._handle.ref,
                config.ref,
            )
        finally:
            config.close()

    def close(self) -> None:
        """Close the vault. Tenants taken from it go on working."""
        self._handle.close()

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unlock(unlock: Unlock, name: str) -> Unlock:
    if not isinstance(unlock, Unlock):
        raise TypeError(
            f"{name} must be a Passphrase, RawKey, KeyFile or SystemdCredential, "
            f"not {type(unlock).__name__}"
        )
    return unlock


def _path(path: str | os.PathLike[str]) -> bytes:
    name = os.fsencode(path)
    if not name:
        raise ArgumentError(
            "the vault's path is empty; Vault.in_memory() makes one without a file",
            status=Status.E_ARGUMENT,
        )
    return name
