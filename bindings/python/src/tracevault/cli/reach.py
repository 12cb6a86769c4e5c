"""Asks the API's host for its head, without a credential: is it there, what is its clock?

The standard library asks, through the proxy and with the authorities of the settings. Its own words
about what went wrong are not told: they repeat parts of settings, such as a proxy's password.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from .._reading import opened

#: Where the library asks when no setting says otherwise.
BASE_URL = "https://api.cloudflare.com/client/v4"
#: The settings that say how one gets there.
WAY = ("api.base_url", "http.proxy", "tls.ca_file")
#: How long the whole look may take, in seconds, whatever comes back.
TIMEOUT_S = 10.0
_NO_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})\b")


@dataclass(frozen=True)
class Reached:
    """What came back."""

    host: str
    status: int
    tls: str
    ms: float
    #: How far this clock is ahead of the server's, in seconds; ``None`` without a Date.
    clock_s: float | None


class Unreached(Exception):
    """Nothing came back: what went wrong in words of our own, and its kind."""

    def __init__(self, said: str, kind: str) -> None:
        super().__init__(said)
        self.kind = kind


def reach(settings: Mapping[str, str]) -> Reached:
    """Look, with settings that the library takes; raises :class:`Unreached`."""
    look = _Look(settings)
    worker = threading.Thread(target=look.run, name="tracevault-doctor", daemon=True)
    worker.start()
    worker.join(TIMEOUT_S)
    if isinstance(look.found, Reached):
        return look.found
    error = look.found or TimeoutError()
    look.stop()
    raise Unreached(_said(error), type(error).__name__)


class _Look:
    """One look, in a thread of its own: names are resolved, and heads read, without a deadline."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._connection: http.client.HTTPConnection | None = None
        self.found: Reached | Exception | None = None

    def run(self) -> None:
        """Look, and keep what was found."""
        try:
            self.found = self._ask()
        except Exception as error:
            self.found = error

    def _ask(self) -> Reached:
        base = urlsplit(self._settings.get("api.base_url") or BASE_URL)
        connection = _connection(base.scheme, base.hostname or "", base.port, self._settings)
        self._connection = connection
        began = time.monotonic()
        try:
            connection.connect()
            sock = connection.sock  # it is gone where the answer ends the connection
            tls = (sock.version() if isinstance(sock, ssl.SSLSocket) else None) or "no TLS"
            agent = {"User-Agent": "tracevault-doctor"}
            connection.request("HEAD", base.path or "/", headers=agent)
            reply = connection.getresponse()
            taken = (time.monotonic() - began) * 1000
            return Reached(_host(base), reply.status, tls, taken, _ahead(reply.getheader("Date")))
        finally:
            connection.close()

    def stop(self) -> None:
        """End what still comes in."""
        found = getattr(self._connection, "sock", None)
        if found is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(found, socket.SHUT_RDWR)


def _host(base: SplitResult) -> str:
    """The host and the port, without a login before them."""
    name = f"[{base.hostname}]" if ":" in (base.hostname or "") else base.hostname or ""
    return name if base.port is None else f"{name}:{base.port}"


def _said(error: Exception) -> str:
    """What went wrong, with nothing that stands in a setting but the host's name."""
    if isinstance(error, TimeoutError):
        return f"no whole answer within {TIMEOUT_S:.0f} seconds"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'tls.ca_file holds no certificates'}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, OSError):
        return _of_system(error)
    is_answer = isinstance(error, http.client.HTTPException)
    return "what answers speaks no HTTP" if is_answer else "it cannot be asked"


def _of_system(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"the host's name: {error.strerror}"
    if error.errno:
        what = "tls.ca_file: " if error.filename is not None else ""
        return f"{what}{os.strerror(error.errno)}"
    if tunnel := _NO_TUNNEL.match(str(error)):
        login = ", since this look sends no login" if tunnel[1] == "407" else ""
        return f"the proxy answers HTTP {tunnel[1]}{login}"
    return "it cannot be reached"


def _connection(
    scheme: str, host: str, port: int | None, settings: Mapping[str, str]
) -> http.client.HTTPConnection:
    proxy = settings.get("http.proxy")
    via = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
    near, near_port = (via.hostname or "", via.port) if via else (host, port)
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    context = _context(_authorities(settings.get("tls.ca_file")))
    made = http.client.HTTPSConnection(near, near_port, timeout=TIMEOUT_S, context=context)
    if via:
        made.set_tunnel(host, port or 443)
    return made


def _context(authorities: str | None) -> ssl.SSLContext:
    """What the library asks of a server. Python's own default writes the keys of the connection
    into the file that SSLKEYLOGFILE names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as libcurl
    if authorities is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cadata=authorities)
    return context


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
