"""Which accounts a hunt, a collection or a round of checks asks: those of what a caller gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from .accounts import Account
from .vault import Tenant, Vault

#: A vault, one of its tenants, or some of them.
Where: TypeAlias = Vault | Tenant | Iterable[Tenant]


def named(where: Where) -> Vault | list[Tenant]:
    """What a caller gave, looked at once."""
    if isinstance(where, Vault):
        return where
    several = isinstance(where, Iterable) and not isinstance(where, (str, bytes))
    tenants = list(dict.fromkeys(where) if several else [where])  # type: ignore[arg-type]
    for tenant in tenants:
        if not isinstance(tenant, Tenant):
            raise _wrong(tenant)
    return tenants  # type: ignore[return-value]


def reach(where: Vault | list[Tenant]) -> list[tuple[Tenant, Account]]:
    """Every account once for each tenant, with its active credential where it has one."""
    found: dict[tuple[Tenant, str], Account] = {}
    for tenant, account in _listed(where):
        found.setdefault((tenant, account.account_id), account)
    return [(tenant, account) for (tenant, _), account in found.items()]


def _listed(where: Vault | list[Tenant]) -> Iterator[tuple[Tenant, Account]]:
    if isinstance(where, Vault):
        accounts = where.accounts()
        tenants = {name: where.tenant(name) for name in {one.tenant for one in accounts}}
        yield from ((tenants[one.tenant], one) for one in accounts)
        return
    for tenant in where:
        yield from ((tenant, one) for one in tenant.accounts())


def _wrong(where: object) -> TypeError:
    return TypeError(
        f"give a Vault, a Tenant or several Tenants, not {type(where).__name__}: "
        "vault.tenant(name) opens one by its name"
    )
