"""An XSOAR integration: !tracevault-trace ref=... tells who got a message.

Its parameters: account_id; token (type "Encrypted"); url, only when a gateway stands before
Cloudflare.
"""

from __future__ import annotations

import re
from typing import Any

import demistomock as demisto
import tracevault as tv
from CommonServerPython import CommandResults, return_error, return_results, tableToMarkdown

COLUMNS = ["address", "state", "at", "relay", "reply"]


def opened(params: dict[str, Any]) -> tuple[tv.Vault, tv.Engine]:
    """A vault in memory with the one credential that XSOAR keeps, and an engine."""
    url = params.get("url")
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        token = tv.ApiToken(params["token"])
        edit.put("xsoar", params["account_id"], token, origin=url or None)
    return vault, tv.Engine({"api.base_url": f"{url}/client/v4"} if url else {})


def plain(text: Any) -> str:
    """Text for Markdown. Addresses and replies come from strangers: no link, no image, no mark."""
    return re.sub(r"[^\w .,@=-]", lambda sign: f"&#{ord(sign[0])};", str(text))


def trace(tenant: tv.Tenant, engine: tv.Engine, ref: str) -> CommandResults:
    """A table for the war room, the rows for playbooks."""
    found = engine.trace(tenant, None, ref, timeout=60)
    rows = found.to_rows()
    shown = [{name: plain(row[name]) for name in COLUMNS} for row in rows]
    title = plain(f"{ref}: {found.summary.state}")
    return CommandResults(
        readable_output=tableToMarkdown(title, shown, headers=COLUMNS),
        outputs_prefix="TraceVault.Recipient",
        outputs_key_field=["message_ref", "address"],
        outputs=rows,
    )


def main() -> None:
    """What XSOAR calls."""
    try:
        vault, engine = opened(demisto.params())
        with vault, engine, vault.tenant("xsoar") as tenant:
            if demisto.command() == "test-module":
                checked = engine.check(tenant, None)
                return_results("ok" if checked.valid else f"not valid: {checked.status}")
            elif demisto.command() == "tracevault-trace":
                return_results(trace(tenant, engine, demisto.args()["ref"]))
    except tv.TraceVaultError as error:
        return_error(str(error))


if __name__ in ("__main__", "__builtin__", "builtins"):
    main()
