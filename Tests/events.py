"""events: requests and events as the C ABI has them, one at a time, for tests that count them.

The binding's own `Engine` would hide an event that came twice or for nobody.
"""

from __future__ import annotations

import ctypes

import tracevault as tv
from tracevault._abi import EngineRef, ErrorRef, EventRef
from tracevault._lib import check, failure, library


def engine_ref(engine: tv.Engine) -> EngineRef:
    return engine._exchange.handle.ref


def submit(engine: tv.Engine, request: tv.Request, tag: int) -> None:
    lib = library()
    made = request._made(lib)
    try:
        tenant = request.tenant._handle.ref
        check(lib.tv_engine_submit, engine_ref(engine), tenant, made, tag, None)
    finally:
        lib.tv_request_free(made)


def take(engine: tv.Engine, timeout_ms: int) -> EventRef | None:
    """The oldest event, to be freed with tv_event_free(); None when none came in time."""
    event = EventRef()
    check(library().tv_engine_take, engine_ref(engine), timeout_ms, ctypes.byref(event))
    return event or None


def failure_of(event: EventRef) -> tv.TraceVaultError:
    """Why the event's request failed."""
    lib = library()
    reason = ErrorRef()
    check(lib.tv_event_error, event, ctypes.byref(reason))
    return failure(lib.tv_event_status(event), reason)
