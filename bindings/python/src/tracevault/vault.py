"""Vaults: the sealed credentials of many tenants, and the tenants that requests are made for.

No method returns a secret. Changing a vault is in edit.py; fetching is not done here.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from ._abi import EditRef, TenantRef, VaultRef
from ._handle import Handle, Setting, encoded, new_config
from ._interruptible import interruptible
from ._lib import check, json_document, library
from ._secret import leaves_no_secret
from .accounts import Account, accounts_of
from .credentials import (
    KEY_BYTES,
    Passphrase,
    RawKey,
    StoreKeys,
    Unlock,
    hand_over,
    unlock_ref,
    wiping,
)
from .edit import Edit
from .errors import ArgumentError, Naming, Status, TraceVaultError

__all__ = ["Account", "Tenant", "Vault"]


class Tenant:
    """The right to use one tenant's accounts, and nothing else."""

    __slots__ = ("_handle", "_vault", "name")

    def __init__(self, name: str, handle: Handle[TenantRef], vault: Vault) -> None:
        self.name: str = name
        """The tenant's name in the vault."""
        self._handle = handle
        self._vault = vault  # not collected before: a tenant learns of rotations from it

    @property
    def _key(self) -> tuple[int, str]:
        """What tells it from tenants of other opened vaults, which may have any name."""
        return self._vault._handle._key, self.name

    @property
    def _generation(self) -> int | None:
        """The vault's: as long as that is the same, so are this tenant's accounts. ``None`` when
        the vault is closed: then they do not change any more."""
        try:
            return self._vault.generation
        except TraceVaultError:
            return None

    def accounts(self) -> list[Account]:
        """This tenant's accounts: metadata, no secrets. One with a retiring credential comes twice,
        the active one first."""
        return accounts_of(json_document(library().tv_tenant_list, self._handle.ref))

    def _quotas(self) -> dict[str | None, object]:
        """What tells the quotas of its accounts apart, ``None`` being the first: the budget group,
        or else the credential; of this opened vault, since a file may say of itself what another
        one says."""
        found: dict[str | None, object] = {}
        for account in self.accounts():
            group = account.budget_group
            quota = self._vault, group, "" if group else account.fingerprint
            found.setdefault(None, quota)
            found.setdefault(account.account_id, quota)
        return found

    @property
    def closed(self) -> bool:
        """Whether it is given back, or belongs to the process this one was forked from."""
        return not self._handle.usable

    def close(self) -> None:
        """Give the tenant back. Requests under way go on."""
        self._handle.close()

    def __enter__(self) -> Tenant:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Tenant({self.name!r})"

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a Tenant cannot be pickled: open the vault in each process")


class Vault:
    """The sealed credentials of many tenants. Use :meth:`create`, :meth:`open` or
    :meth:`in_memory`; close it, or use it as a context manager."""

    __slots__ = ("_handle", "_is_remote")

    def __init__(self, handle: Handle[VaultRef], *, is_remote: bool) -> None:
        self._handle = handle
        self._is_remote = is_remote

    @classmethod
    @leaves_no_secret
    def create(
        cls,
        path: str | os.PathLike[str],
        unlock: Unlock,
        *,
        settings: Mapping[str, Setting] | None = None,
        keys: StoreKeys | None = None,
    ) -> Vault:
        """Create an empty vault in a file, or at ``s3://bucket/key`` in an object store;
        :class:`VaultExistsError` when the place is taken."""
        return cls._made("tv_vault_create", _path(path), unlock, settings, keys)

    @classmethod
    @leaves_no_secret
    def open(
        cls,
        path: str | os.PathLike[str],
        unlock: Unlock,
        *,
        settings: Mapping[str, Setting] | None = None,
        keys: StoreKeys | None = None,
    ) -> Vault:
        """Open the vault in a file, or at ``s3://bucket/key`` in an object store; each kind of
        damage has its own status."""
        return cls._made("tv_vault_open", _path(path), unlock, settings, keys)

    @classmethod
    @leaves_no_secret
    def in_memory(cls, *, settings: Mapping[str, Setting] | None = None) -> Vault:
        """Make a vault that never touches the disk, under a random key nobody knows."""
        key = RawKey(bytearray(os.urandom(KEY_BYTES)))
        try:
            return cls._made("tv_vault_create", b"", key, settings)
        finally:
            key.close()

    @classmethod
    def _made(
        cls,
        make: str,
        path: bytes,
        unlock: Unlock,
        settings: Mapping[str, Setting] | None,
        keys: StoreKeys | None = None,
    ) -> Vault:
        lib = library()
        ref = VaultRef()
        with wiping(keys):
            key = unlock_ref(unlock)
            with closing(new_config(settings)) as config, Naming(path=os.fsdecode(path)):
                hand_over(keys, StoreKeys, "keys", config.ref)
                call = partial(check, getattr(lib, make), path, len(path), key, config.ref)
                _waiting(
                    partial(call, ctypes.byref(ref)),
                    lasts=_lasts(unlock) or _is_remote(path),
                    discard=partial(lib.tv_vault_free, ref),
                )
        return cls(Handle(ref, "tv_vault_free", "vault"), is_remote=_is_remote(path))

    @property
    def generation(self) -> int:
        """The number of the snapshot in use; every committed edit adds one."""
        number = ctypes.c_uint64()
        check(library().tv_vault_generation, self._handle.ref, ctypes.byref(number))
        return number.value

    def refresh(self) -> None:
        """Read the file again now if another process changed it.

        A vault does so by itself: twice a second while it is in use or in an object store,
        else before its next use; see ``refresh_error`` of :meth:`describe`. When looks fail for
        ``vault.max_stale_ms``, nothing is lent any more (:class:`StaleError`).
        """
        call = partial(check, library().tv_vault_refresh, self._handle.ref)
        _waiting(call, lasts=self._is_remote)

    def accounts(self) -> list[Account]:
        """Every credential of every tenant: metadata, no secrets. An account with a retiring
        credential comes twice, the active one first."""
        return accounts_of(json_document(library().tv_vault_list, self._handle.ref))

    def tenant(self, name: str) -> Tenant:
        """Take one tenant out of the vault; :class:`NotFoundError` when there is none such."""
        lib = library()
        ref = TenantRef()
        text = encoded(name, "the tenant")
        with Naming(name):
            check(lib.tv_tenant_open, self._handle.ref, text, len(text), ctypes.byref(ref))
        return Tenant(name, Handle(ref, "tv_tenant_free", "tenant"), self)

    def tenants(self) -> list[Tenant]:
        """Every tenant of the vault, by name; ``[tenant.name for tenant in vault.tenants()]``."""
        names = dict.fromkeys(account.tenant for account in self.accounts())
        return [self.tenant(name) for name in sorted(names)]

    def edit(self) -> Edit:
        """Begin one atomic change: ``with vault.edit() as edit: edit.put(...)``."""
        lib = library()
        ref = EditRef()
        check(lib.tv_edit_begin, self._handle.ref, ctypes.byref(ref))
        return Edit(Handle(ref, "tv_edit_free", "edit"), self._by_account, self.edit)

    def _by_account(self, tenant: str) -> dict[tuple[str, str], Account]:
        """A tenant's credentials by account and state, as they are stored now."""
        with self.tenant(tenant) as found:
            return {(one.account_id, one.state): one for one in found.accounts()}

    def describe(self) -> dict[str, Any]:
        """What the vault is: ``vault_id``, ``format``, ``generation``, ``bytes``, how many
        ``tenants`` and ``credentials``, ``created`` and ``saved`` (RFC 3339), of each of its
        ``unlocks`` the ``slot``, ``type`` and ``label``, and ``refresh_error`` when the last look
        at the file failed."""
        found: dict[str, Any] = json_document(library().tv_vault_describe, self._handle.ref)
        return found

    def verify(self) -> dict[str, Any]:
        """Read the stored file afresh and open every record. Gives its ``vault_id``,
        ``generation``, ``bytes`` and how many ``tenants`` and ``credentials``; raises the first
        fault, a :class:`VaultError`."""
        found: dict[str, Any] = {}
        ref = self._handle.ref
        _waiting(
            lambda: found.update(json_document(library().tv_vault_verify, ref)),
            lasts=self._is_remote,
        )
        return found

    def lock(self) -> None:
        """Wipe every key, those of tenants and open edits too; they raise :class:`LockedError`
        from then on, and so does an export that is not being stored yet."""
        check(library().tv_vault_lock, self._handle.ref)

    @leaves_no_secret
    def unlock(self, unlock: Unlock) -> None:
        """Open a locked vault again, as it is stored now; of one that is open take that state, as
        after a rekey.

        When Ctrl-C ends the call, the vault may still be unlocked a moment later; :meth:`lock` ends
        that, too.
        """
        key = unlock_ref(unlock)
        call = partial(check, library().tv_vault_unlock, self._handle.ref, key)
        _waiting(call, lasts=_lasts(unlock) or self._is_remote)

    @leaves_no_secret
    def export(
        self,
        path: str | os.PathLike[str],
        unlock: Unlock,
        *,
        tenant: str | None = None,
        settings: Mapping[str, Setting] | None = None,
        keys: StoreKeys | None = None,
    ) -> None:
        """Write one tenant, or every tenant, into a new vault with keys of its own: in a file, or
        at ``s3://bucket/key``."""
        with wiping(keys):
            key, target = unlock_ref(unlock), _path(path)
            name = None if tenant is None else encoded(tenant, "the tenant")
            with closing(new_config(settings)) as config, Naming(tenant, path=os.fsdecode(target)):
                hand_over(keys, StoreKeys, "keys", config.ref)
                call = partial(check, library().tv_vault_export, self._handle.ref)
                text = (name, len(name or b""), target, len(target))
                _waiting(
                    partial(call, *text, key, config.ref),
                    lasts=_lasts(unlock) or _is_remote(target),
                )

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a Vault cannot be pickled: open it in each process")

    def __repr__(self) -> str:
        return f"<Vault, {'open' if self._handle.usable else 'closed'}>"

    @property
    def closed(self) -> bool:
        """Whether it is closed, or belongs to the process this one was forked from."""
        return not self._handle.usable

    def close(self) -> None:
        """Close the vault. Tenants taken from it go on for ``vault.max_stale_ms`` and learn of no
        rotation; keep it open while they are in use."""
        self._handle.close()

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _waiting(
    call: Callable[[], None], *, lasts: bool, discard: Callable[[], None] | None = None
) -> None:
    """Make a call; where it lasts, Ctrl-C does not wait for it."""
    if lasts:
        interruptible(call, discard=discard)
    else:
        call()


def _lasts(unlock: Unlock) -> bool:
    """Whether a way to unlock takes a second or more."""
    return isinstance(unlock, Passphrase)


def _is_remote(path: bytes) -> bool:
    """Whether it is in an object store, which may take as long as it likes to answer."""
    return path.startswith(b"s3://")


def _path(path: str | os.PathLike[str]) -> bytes:
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"the vault's path must be str or PathLike, not {type(path).__name__}")
    name = os.fsencode(path)
    if not name:
        raise ArgumentError(
            "the vault's path is empty; Vault.in_memory() makes one without a file",
            status=Status.E_ARGUMENT,
        )
    return name
