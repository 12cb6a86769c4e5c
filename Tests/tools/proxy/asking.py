"""asking: an engine that asks a few traces of one server, perhaps through a proxy."""

from __future__ import annotations

import tracevault as tv
from hostile.certificates import Identities

ACCOUNT = "a1" * 16


def settings(origin: str, identity: Identities, **changes: object) -> dict[str, tv.Setting]:
    """Settings for an engine; `http__proxy=…` sets `http.proxy`."""
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    return {
        "api.base_url": origin + "/client/v4",
        "tls.ca_file": str(identity.ca_file),
        "budget.quota": 0,
        "budget.ip_per_second": 0,
        "retry.base_ms": 1,
        "retry.max_attempts": 3,
        **changed,  # type: ignore[dict-item]
    }


def ask(
    origin: str,
    identity: Identities,
    count: int = 1,
    *,
    timeout: float = 20,
    key: bool = False,
    **changes: object,
) -> list[tv.Result]:
    """So many traces, each of a message of its own; with a global key in the place of a token, if
    told so."""
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            secret: tv.ApiToken | tv.GlobalKey = (
                tv.GlobalKey("soc@example.net", bytearray(b"test-key-not-real"))
                if key
                else tv.ApiToken(bytearray(b"test-token-not-real"))
            )
            edit.put("acme", ACCOUNT, secret, origin=origin)
        with (
            vault.tenant("acme") as tenant,
            tv.Engine(settings(origin, identity, **changes)) as engine,
        ):
            requests = [
                tv.Request.trace(tenant, ACCOUNT, f"4Njp3P0STMz{n}", timeout=timeout)
                for n in range(count)
            ]
            return list(engine.batch(requests))


def failure(origin: str, identity: Identities, **changes: object) -> tv.TraceVaultError:
    """What one trace failed with."""
    (result,) = ask(origin, identity, **changes)  # type: ignore[arg-type]
    assert result.error is not None
    return result.error
