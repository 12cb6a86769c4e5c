"""Tasks for Celery: celery -A celery_tasks worker (its pool of forked processes is the default)"""

from __future__ import annotations

import functools
from typing import Any

import tracevault as tv
from celery import Celery

app = Celery("celery_tasks")
app.config_from_object("celeryconfig")  # your broker and result backend


@functools.cache
def opened() -> tuple[tv.Tenant, tv.Engine]:
    """Of this worker process: made by its first task, after the fork, and kept."""
    vault = tv.Vault.open("soc.vault", tv.KeyFile("soc.key"))
    return vault.tenant("acme"), tv.Engine()


@app.task(bind=True, max_retries=5)  # type: ignore[untyped-decorator]
def recipients(task: Any, ref: str) -> list[dict[str, Any]]:
    """Rows of plain values: a result backend can store them."""
    acme, engine = opened()
    try:
        return engine.trace(acme, None, ref, timeout=60).to_rows()
    except tv.TraceVaultError as error:
        if not error.retriable:
            raise
        raise task.retry(exc=error, countdown=error.retry_after or 30) from None
