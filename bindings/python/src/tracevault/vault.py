"""Vaults: the sealed credentials of many tenants, and the tenants that requests are made for.

No method returns a secret. Fetching is not done here.
"""

from __future__ import annotations

import ctypes
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any

from ._abi import EditRef, TenantRef, UnlockRef, VaultRef
from ._handle import Handle, Secret, Setting, encoded, lent, new_config
from ._lib import check, json_document, library
from .errors import ArgumentError, Status, TraceVaultError
from .model import parse_time

KEY_BYTES = 32


class Unlock:
    """What opens a vault, held in the library's guarded memory. Usable any number of times."""

    __slots__ = ("_handle",)
    _handle: Handle[UnlockRef]

    def __init__(self, make: str, secret: Secret) -> None:
        lib = library()
        ref = UnlockRef()
        with lent(secret) as (data, length):
            check(getattr(lib, make), data, length, ctypes.byref(ref))
        self._handle = Handle(ref, lib.tv_unlock_free, "unlock secret")

    def close(self) -> None:
        """Wipe it from the library's memory."""
        self._handle.close()

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"a {type(self).__name__} cannot be pickled")


class Passphrase(Unlock):
    """A passphrase of 1 to 1024 bytes. Opening takes about a second, by design.

    A ``bytearray`` is wiped at once. ``bytes`` and ``str`` cannot be wiped: Python keeps them in
    memory until it reuses the space, so read passphrases into a ``bytearray`` where you can.
    """

    __slots__ = ()

    def __init__(self, passphrase: Secret) -> None:
        super().__init__("tv_unlock_passphrase", passphrase)


class RawKey(Unlock):
    """A key of exactly 32 random bytes. Opens in milliseconds.

    A ``bytearray`` is wiped at once; ``bytes`` cannot be wiped.
    """

    __slots__ = ()

    def __init__(self, key: bytearray | memoryview | bytes) -> None:
        if isinstance(key, str):
            raise TypeError("a raw key is bytes, not str")
        super().__init__("tv_unlock_key", key)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> RawKey:
        """Read the 32 bytes from a file, wiping the copy in Python's memory."""
        key = bytearray(KEY_BYTES + 1)
        try:
            with open(path, "rb", buffering=0) as file:
                count = file.readinto(key)
            if count != KEY_BYTES:
                raise ArgumentError(
                    f"the key file {os.fspath(path)} does not hold exactly {KEY_BYTES} bytes",
                    status=Status.E_ARGUMENT,
                )
            with memoryview(key) as view:
                return cls(view[:KEY_BYTES])
        finally:
            key[:] = bytes(len(key))


class _Credential:
    """A secret on its way into a vault: used once, then wiped, never shown or pickled."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        self._secret: Secret | None = secret

    def _take(self) -> Secret:
        secret, self._secret = self._secret, None
        if secret is None:
            raise ArgumentError(
                "this credential was stored already and is wiped: make a new one",
                status=Status.E_CREDENTIAL_FORMAT,
            )
        return secret

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"a {type(self).__name__} cannot be pickled")


class ApiToken(_Credential):
    """A Cloudflare API token. Good for one :meth:`Edit.put`, which wipes a ``bytearray``."""

    __slots__ = ()


class GlobalKey(_Credential):
    """A Global API Key with its e-mail. Good for one :meth:`Edit.put`, as :class:`ApiToken`."""

    __slots__ = ("email",)

    def __init__(self, email: str, secret: Secret) -> None:
        super().__init__(secret)
        self.email = email


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
        key = RawKey(bytearray(secrets.token_bytes(KEY_BYTES)))
        try:
            return cls._made("tv_vault_create", b"", key, settings)
        finally:
            key.close()

    @classmethod
    def _made(
        cls, make: str, path: bytes, unlock: Unlock, settings: Mapping[str, Setting] | None
    ) -> Vault:
        if not isinstance(unlock, Unlock):
            raise TypeError(f"unlock must be a Passphrase or a RawKey, not {type(unlock).__name__}")
        lib = library()
        config = new_config(settings)
        ref = VaultRef()
        try:
            check(
                getattr(lib, make),
                path,
                len(path),
                unlock._handle.ref,
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

    def close(self) -> None:
        """Close the vault. Tenants taken from it go on working."""
        self._handle.close()

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _path(path: str | os.PathLike[str]) -> bytes:
    name = os.fsencode(path)
    if not name:
        raise ArgumentError(
            "the vault's path is empty; Vault.in_memory() makes one without a file",
            status=Status.E_ARGUMENT,
        )
    return name
