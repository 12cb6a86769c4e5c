"""Tokens and global keys never share a connection: tokens keep HTTP/2 for themselves."""

import tracevault as tv
from engine_scene import secret
from launcher import standin


def test_tokens_travel_over_http_2_beside_the_connections_of_keys() -> None:
    with standin(quota=0) as server:
        vault = tv.Vault.in_memory()
        chosen = {
            kind: next(a for a in server.accounts if server.credential(a.id).kind == kind)
            for kind in ("global_key", "api_token")
        }
        with vault.edit() as edit:
            for account in chosen.values():
                known = secret(server, account.id)
                edit.put(account.tenant, account.id, known, origin=server.origin)
        settings: dict[str, str | int] = {
            "api.base_url": server.base_url,
            "tls.ca_file": server.ca_file,
            "budget.quota": 0,
            "http.max_connections": 2,
        }
        # Keys first: their idle HTTP/1.1 connections are there when the tokens come.
        with tv.Engine(settings) as engine:
            for account in (chosen["global_key"], chosen["api_token"]):
                message = server.messages_of(account.id)[0].postfix_id
                tenant = vault.tenant(account.tenant)
                request = tv.Request.trace(tenant, account.id, message)
                assert all(r.error is None for r in engine.batch([request] * 20))
        versions: dict[str, set[str]] = {"bearer": set(), "key": set()}
        for seen in server.requests():
            names = {name.lower() for name, _ in seen["headers"]}
            versions["key" if "x-auth-key" in names else "bearer"].add(seen["http_version"])
        assert versions == {"bearer": {"2"}, "key": {"1.1"}}
