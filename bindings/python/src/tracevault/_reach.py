"""Which accounts a hunt, a collection or a round of checks asks: those of what a caller gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from .accounts import Account
from .vault import Tenant, Vault

#: A vault, one of its tenants, or some of them.
Where: TypeAlias = Vault | Tenant | Iterable[Tenant]


def reach(where: Where) -> list[tuple[Tenant, Account]]:
    """Every account once for each tenant, with its active credential where it has one."""
    if isinstance(where, Vault):
        tenants = where.tenants()
    elif isinstance(where, Tenant):
        tenants = [where]
    elif isinstance(where, Iterable) and not isinstance(where, (str, bytes)):
        tenants = list(where)
    else:
        raise _wrong(where)
    found: dict[tuple[str, str], tuple[Tenant, Account]] = {}
    for tenant in tenants:
        if not isinstance(tenant, Tenant):
            raise _wrong(tenant)
        for account in tenant.accounts():
            found.setdefault((tenant.name, account.account_id), (tenant, account))
    return list(found.values())


def _wrong(where: object) -> TypeError:
    return TypeError(
        f"give a Vault, a Tenant or several Tenants, not {type(where).__name__}: "
        "vault.tenant(name) opens one by its name"
    )
