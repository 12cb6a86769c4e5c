"""What needs neither a vault nor an engine: stored replies, and what the library says of itself.

Nothing here touches the network or the disk.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

from ._abi import DocumentRef
from ._lib import check, json_document, library, view, view_names, without_c
from .model import Trace, View


def decode(body: bytes | bytearray, *, views: Iterable[View] = ()) -> Trace:
    """Decode a stored reply of Cloudflare's trace endpoint, of any age; at most 64 MiB.

    ``views`` as for :meth:`Engine.trace`. Fails as a fetch would, with :class:`ReplyError`.
    """
    names = view_names(views)
    if not isinstance(body, (bytes, bytearray)):
        raise TypeError(f"a stored reply is bytes, not {type(body).__name__}")
    lib = library()
    data = bytes(body)
    document = DocumentRef()
    check(lib.tv_document_decode, data, len(data), ctypes.byref(document))
    try:
        return Trace._of_view(
            view(lib.tv_document_view, document, b"trace"),
            view(lib.tv_document_view, document, b"brief"),
            {name: view(lib.tv_document_view, document, name.encode()) for name in names},
        )
    finally:
        lib.tv_document_free(document)


def build_info() -> dict[str, Any]:
    """What this build is: ``version``, ``libcurl``, ``tls_backend``, ``http2``, ``libsodium``, the
    ``memory`` protection that was really obtained, and ``limits``."""
    found: dict[str, Any] = json_document(library().tv_build_info)
    return found


def config_properties() -> list[dict[str, Any]]:
    """Every setting: ``name``, ``type``, its bounds (``min`` and ``max``, ``max_len`` or
    ``choices``), ``default``, and in ``text`` what it does. ``docs/CONFIGURATION.md`` has them as a
    table."""
    found: list[dict[str, Any]] = json_document(library().tv_config_describe)
    return [{**one, "text": without_c(one["text"])} for one in found]
