"""Asks the API's host for its head, without a credential: is it there, what is its clock?

The standard library asks, through the proxy and with the authorities of the settings.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from .._reading import opened

#: Where the library asks when no setting says otherwise.
BASE_URL = "https://api.cloudflare.com/client/v4"
#: How long the look may take, in seconds.
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Reached:
    """What came back."""

    host: str
    status: int
    tls: str
    ms: float
    #: How far this clock is ahead of the server's, in seconds; ``None`` without a Date.
    clock_s: float | None


def reach(settings: Mapping[str, str]) -> Reached:
    """Look; raises ``OSError`` or ``http.client.HTTPException``."""
    base = urlsplit(settings.get("api.base_url") or BASE_URL)
    connection = _connection(base.scheme, base.hostname or "", base.port, settings)
    began = time.monotonic()
    try:
        connection.request("HEAD", base.path or "/", headers={"User-Agent": "tracevault-doctor"})
        reply = connection.getresponse()
        taken = (time.monotonic() - began) * 1000
        sock = connection.sock
        tls = (sock.version() if isinstance(sock, ssl.SSLSocket) else None) or "no TLS"
        return Reached(base.netloc, reply.status, tls, taken, _ahead(reply.getheader("Date")))
    finally:
        connection.close()


def _connection(
    scheme: str, host: str, port: int | None, settings: Mapping[str, str]
) -> http.client.HTTPConnection:
    proxy = settings.get("http.proxy")
    via = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
    near, near_port = (via.hostname or "", via.port) if via else (host, port)
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    context = ssl.create_default_context(cadata=_authorities(settings.get("tls.ca_file")))
    made = http.client.HTTPSConnection(near, near_port, timeout=TIMEOUT_S, context=context)
    if via:
        made.set_tunnel(host, port or 443)
    return made


def _authorities(path: str | None) -> str | None:
    if not path:
        return None
    with open(opened(path), encoding="ascii", errors="ignore") as file:
        return file.read()


def _ahead(date: str | None) -> float | None:
    if not date:
        return None
    try:
        then = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=timezone.utc)
    return (datetime.now(timezone.utc) - then).total_seconds()
