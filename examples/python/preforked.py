"""A WSGI service behind workers that fork: gunicorn --preload --workers 2 preforked:app"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import tracevault as tv

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@functools.cache
def opened() -> tuple[tv.Vault, tv.Engine]:
    """Of this worker: made at its first request, after the fork, and kept."""
    return tv.Vault.open("soc.vault", tv.KeyFile("soc.key")), tv.Engine()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """GET /TENANT/REF: what became of a message."""
    vault, engine = opened()
    tenant, _, ref = environ["PATH_INFO"].strip("/").partition("/")
    try:
        with vault.tenant(tenant) as asked:
            trace = engine.trace(asked, None, ref, timeout=20)
        told: dict[str, object] = {"state": trace.summary.state}
        status = "200 OK"
    except tv.TraceVaultError as error:
        told = {"error": error.name, "message": str(error)}
        status = "404 Not Found" if isinstance(error, tv.NotFoundError) else "502 Bad Gateway"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(told | {"worker": os.getpid()}).encode()]
