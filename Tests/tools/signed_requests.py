"""signed_requests: AWS Signature Version 4, by a second hand than the library's."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping


def proof(access: str, secret: str, method: str, path: str, headers: Mapping[str, str]) -> str:
    """The line that proves who asks, over headers in the order of their names."""
    now, digest = headers["x-amz-date"], headers["x-amz-content-sha256"]
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    asked = hashlib.sha256(f"{method}\n{path}\n\n{lines}\n{names}\n{digest}".encode()).hexdigest()
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{asked}".encode()
    signature = hmac.digest(key, text, "sha256").hex()
    who = f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, "
    return who + f"Signature={signature}"


def is_signed(
    access: str, secret: str, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Whether a request is signed with these keys, and every header of AWS's with it."""
    told = {name.lower(): value for name, value in headers.items()}
    names = sorted(name for name in told if name == "host" or name.startswith("x-amz-"))
    wanted = proof(access, secret, method, path, {name: told[name] for name in names})
    is_whole = hashlib.sha256(body).hexdigest() == told["x-amz-content-sha256"]
    return is_whole and told["authorization"] == wanted
