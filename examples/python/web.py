"""A web service with FastAPI: uvicorn web:app"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator
from typing import Any

import tracevault as tv
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One vault and one engine for all requests, opened by the process that serves them."""
    with tv.Vault.open("soc.vault", tv.KeyFile("soc.key")) as app.state.vault:
        async with tv.AsyncEngine() as app.state.engine:
            yield


app = FastAPI(lifespan=lifespan)


@app.get("/{tenant}/traces/{ref}")
async def trace(request: Request, tenant: str, ref: str) -> dict[str, Any]:
    """Who got a message. Your own check of who may ask for which tenant belongs here."""
    with request.app.state.vault.tenant(tenant) as asked:
        found = await request.app.state.engine.trace(asked, None, ref, timeout=30)
    return {"ref": ref, "state": found.summary.state, "recipients": found.to_rows()}


@app.exception_handler(tv.TraceVaultError)
async def failed(_: Request, error: tv.TraceVaultError) -> JSONResponse:
    """Not found is 404, what may work later is 503 and says when, everything else is 502."""
    status = 404 if isinstance(error, tv.NotFoundError) else 503 if error.retriable else 502
    headers = {"Retry-After": str(math.ceil(error.retry_after))} if error.retry_after else None
    return JSONResponse({"error": error.name, "message": str(error)}, status, headers)
