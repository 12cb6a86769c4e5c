"""sealing: records of TLS 1.3 that a server makes itself, with what no honest one packs together."""

from __future__ import annotations

import hashlib
import hmac
import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HANDSHAKE, APPLICATION = 22, 23
#: The most that a record may hold (RFC 8446, 5.1).
_MOST = 16_384
#: A NewSessionTicket as short as one may be (RFC 8446, 4.6.1): lifetime, age, nonce, a ticket of one
#: byte, no extensions.
_BODY = struct.pack(">IIBH1sH", 7200, 0, 0, 1, b"a", 0)
_TICKET = b"\x04" + len(_BODY).to_bytes(3, "big") + _BODY
TICKETS = _TICKET * (_MOST // len(_TICKET))


class Sealer:
    """What the server sends after the handshake, from the secret in its own key log. It has sent
    nothing before; the cipher is TLS_AES_256_GCM_SHA384."""

    def __init__(self, key_log: Path) -> None:
        secret = next(
            bytes.fromhex(line.split()[2])
            for line in key_log.read_text().splitlines()
            if line.startswith("SERVER_TRAFFIC_SECRET_0")
        )
        self._cipher = AESGCM(_expanded(secret, b"key", 32))
        self._start = int.from_bytes(_expanded(secret, b"iv", 12), "big")
        self._count = 0

    def record(self, kind: int, content: bytes) -> bytes:
        plain = content + bytes([kind])
        head = b"\x17\x03\x03" + (len(plain) + 16).to_bytes(2, "big")
        nonce = (self._start ^ self._count).to_bytes(12, "big")
        self._count += 1
        return head + self._cipher.encrypt(nonce, plain, head)


def _expanded(secret: bytes, name: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446, 7.1, for at most one block."""
    label = b"tls13 " + name
    info = struct.pack(">HB", length, len(label)) + label + b"\0"
    return hmac.digest(secret, info + b"\x01", hashlib.sha384)[:length]
