"""Traces from a pool of processes: python workers.py fork|spawn|forkserver REF ..."""

from __future__ import annotations

import multiprocessing
import sys

import tracevault as tv

engine: tv.Engine
acme: tv.Tenant


def open_own() -> None:
    """Vaults and engines belong to their process: each worker opens its own, once."""
    global engine, acme
    engine = tv.Engine()
    acme = tv.Vault.open("soc.vault", tv.KeyFile("soc.key")).tenant("acme")


def fetch(ref: str) -> tv.Trace | tv.TraceVaultError:
    """Traces and errors can be sent to another process."""
    try:
        return engine.trace(acme, None, ref)
    except tv.TraceVaultError as error:
        return error


def main(method: str, refs: list[str]) -> None:
    """The parent may use the library as well, before and after."""
    open_own()
    engine.check(acme, None)
    with multiprocessing.get_context(method).Pool(2, initializer=open_own) as pool:
        for ref, came in zip(refs, pool.imap(fetch, refs), strict=True):
            print(ref, came if isinstance(came, tv.TraceVaultError) else came.summary.state)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
