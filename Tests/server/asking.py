"""asking: how the stand-in's own tests ask it; no promises and no assertions about replies here."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from launcher import Standin
from standin.accounts import Credential

Pairs = list[tuple[str, str]]


def client_of(server: Standin, http2: bool = True) -> httpx.Client:
    context = ssl.create_default_context(cafile=server.ca_file)
    return httpx.Client(http2=http2, verify=context, trust_env=False, timeout=20)


def path_of(account_id: str, ref: str) -> str:
    return f"/accounts/{account_id}/email-security/investigate/{ref}/trace"


def search_path_of(account_id: str) -> str:
    return f"/accounts/{account_id}/email-security/investigate"


def headers_of(server: Standin, account_id: str) -> Pairs:
    return headers_with(server.credential(account_id))


def headers_with(credential: Credential) -> Pairs:
    if credential.kind == "global_key":
        return [("X-Auth-Email", credential.email), ("X-Auth-Key", credential.key)]
    return [("Authorization", f"Bearer {credential.token}")]


def fetch(server: Standin, ref: str, account: int = 0, query: str = "") -> httpx.Response:
    account_id = server.accounts[account].id
    with client_of(server) as client:
        url = server.base_url + path_of(account_id, ref) + query
        return client.get(url, headers=headers_of(server, account_id))


def look(server: Standin, account: int = 0, /, **filters: str | int) -> httpx.Response:
    """One search of an account, clean mail included unless the filters say otherwise."""
    account_id = server.accounts[account].id
    values = {"detections_only": "false", **filters}
    with client_of(server) as client:
        url = server.base_url + search_path_of(account_id)
        return client.get(url, headers=headers_of(server, account_id), params=values)


def get_with(server: Standin, credential: Credential, path: str) -> httpx.Response:
    with client_of(server) as client:
        return client.get(server.base_url + path, headers=headers_with(credential))


def first_code(response: httpx.Response) -> int:
    document: dict[str, Any] = response.json()
    assert document["success"] is False
    assert document["result"] is None
    code: int = document["errors"][0]["code"]
    return code
