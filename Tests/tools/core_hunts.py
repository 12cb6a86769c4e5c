"""core_hunts.py - hunts as a C host has them: begun and taken through the ABI, without the Python binding's own."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tracevault as tv
from tracevault._abi import RequestRef, ResultRef, TenantRef
from tracevault._lib import check, library, view

NOTICE, FINDING, HUNT, PROGRESS = 4, 5, 6, 7


@dataclass(frozen=True)
class Told:
    """One result of a hunt."""

    kind: int
    status: int
    document: dict[str, Any]

    @property
    def ref(self) -> str | None:
        message = self.document["message"]
        return str(message["message_ref"]) if message and message["message_ref"] else None

    @property
    def error(self) -> str | None:
        error = self.document["error"]
        return str(error["status"]) if error else None


def begin(
    engine: tv.Engine, where: tv.Vault | list[tv.Tenant], tag: int = 7, **options: str | int
) -> int:
    """Begin a hunt; options are those of tv_request_set()."""
    lib = library()
    request, name = RequestRef(), ctypes.c_uint64()
    check(lib.tv_request_hunt, b"", 0, ctypes.byref(request))
    try:
        for option, value in options.items():
            text = str(value).encode()
            check(lib.tv_request_set, request, option.encode(), len(option), text, len(text))
        handle = engine._exchange.handle.ref
        if isinstance(where, tv.Vault):
            place = where._handle.ref
            check(lib.tv_engine_hunt_vault, handle, place, request, tag, ctypes.byref(name))
        else:
            tenants = (TenantRef * len(where))(*(one._handle.ref for one in where))
            check(lib.tv_engine_hunt, handle, tenants, len(where), request, tag, ctypes.byref(name))
    finally:
        lib.tv_request_free(request)
    return name.value


def take(engine: tv.Engine, name: int, tag: int = 7, timeout_ms: int = 60_000) -> Told | None:
    """The next result of the hunt; None when none came in time."""
    lib = library()
    while True:
        result = ResultRef()
        handle = engine._exchange.handle.ref
        check(lib.tv_engine_take, handle, timeout_ms, ctypes.byref(result))
        if not result:
            return None
        try:
            kind = lib.tv_result_kind(result)
            if kind == NOTICE:
                continue
            assert (lib.tv_result_id(result), lib.tv_result_tag(result)) == (name, tag)
            status = lib.tv_result_status(result)
            if kind != FINDING:
                return Told(kind, status, json.loads(view(lib.tv_result_document, result, b"hunt")))
            document = json.loads(view(lib.tv_result_document, result, b"finding"))
            found = json.loads(view(lib.tv_result_document, result, b"found"))
            assert found == {key: value for key, value in document.items() if key != "trace"}
            if document["trace"]:
                trace = json.loads(view(lib.tv_result_document, result, b"trace"))
                assert trace == document["trace"]
            return Told(kind, status, document)
        finally:
            lib.tv_result_free(result)


def told(engine: tv.Engine, name: int, tag: int = 7) -> Iterator[Told]:
    """All results of a hunt, its end the last."""
    while True:
        one = take(engine, name, tag)
        assert one is not None, "nothing more came"
        yield one
        if one.kind == HUNT:
            return


def cancel(engine: tv.Engine, name: int) -> None:
    check(library().tv_engine_cancel, engine._exchange.handle.ref, name)


def fetch(engine: tv.Engine, tenant: tv.Tenant, account: str, message: str) -> None:
    """A trace that does not pass through the queue in which findings wait."""
    lib = library()
    request, result = RequestRef(), ResultRef()
    texts = (account.encode(), len(account), message.encode(), len(message))
    check(lib.tv_request_trace, *texts, ctypes.byref(request))
    place = (engine._exchange.handle.ref, tenant._handle.ref, request, ctypes.byref(result))
    try:
        check(lib.tv_engine_fetch, *place)
    finally:
        lib.tv_result_free(result)
        lib.tv_request_free(request)


def hunt(engine: tv.Engine, where: tv.Vault | list[tv.Tenant], **options: str | int) -> list[Told]:
    """A whole hunt: its findings, and its end the last."""
    return list(told(engine, begin(engine, where, 7, **options)))
