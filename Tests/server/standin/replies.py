"""replies: one HTTP reply as a value, and Cloudflare's envelope around results and errors.

Knows nothing of ASGI or sockets, so the API and the injected failures share it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .accounts import Refusal

Pairs = tuple[tuple[str, str], ...]
JSON_TYPE: Pairs = (("content-type", "application/json"),)
HTML_TYPE: Pairs = (("content-type", "text/html; charset=UTF-8"),)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Pairs = JSON_TYPE
    delay_s: float = 0.0
    # Pause before each byte of the body; 0 sends it at once.
    byte_pause_s: float = 0.0
    # The body already carries the content-encoding its headers name.
    encoded: bool = False


def envelope(result: Any, *, success: bool = True, errors: list[Any] | None = None) -> bytes:  # noqa: ANN401
    document = {"success": success, "errors": errors or [], "messages": [], "result": result}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def refused(refusal: Refusal) -> Reply:
    return Reply(
        refusal.status,
        envelope(None, success=False, errors=refusal.errors()),
        JSON_TYPE + refusal.headers,
    )


def edge_page(status: int) -> Reply:
    """What the edge sends when it cannot reach the API."""
    page = (
        f"<!DOCTYPE html>\n<html><head><title>{status}: error</title></head><body>\n"
        f"<h1>Error {status}</h1><p>cloudflare</p></body></html>\n"
    )
    return Reply(status, page.encode(), HTML_TYPE)
