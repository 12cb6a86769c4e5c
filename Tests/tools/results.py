"""results: requests and results as the C ABI has them, one at a time, for tests that count them.

The binding's own `Engine` would hide a result that came twice or for nobody. Such tests set
`engine.max_notices` to 0.
"""

from __future__ import annotations

import ctypes

import tracevault as tv
from tracevault._abi import EngineRef, ErrorRef, ResultRef
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


def take(engine: tv.Engine, timeout_ms: int) -> ResultRef | None:
    """The oldest result, to be freed with tv_result_free(); None when none came in time."""
    result = ResultRef()
    check(library().tv_engine_take, engine_ref(engine), timeout_ms, ctypes.byref(result))
    return result or None


def failure_of(result: ResultRef) -> tv.TraceVaultError:
    """Why the result's request failed."""
    lib = library()
    reason = ErrorRef()
    check(lib.tv_result_error, result, ctypes.byref(reason))
    return failure(lib.tv_result_status(result), reason)
