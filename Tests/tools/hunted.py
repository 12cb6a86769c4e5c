"""hunted: what a hunt over several accounts might find, for the tests of its page."""

from __future__ import annotations

from datetime import datetime, timezone

import tracevault as tv
from pictures import HOSTILE, golden, hostile, right_to_left
from tracevault.cli.hunted import AskedAccount, Scope


def account(tenant: str, account_id: str) -> tv.Account:
    label = "Acme Europe" if tenant == "acme" else ""
    return tv.Account(tenant=tenant, account_id=account_id, label=label, kind="api_token")


def message(ref: str, **more: object) -> tv.FoundMessage:
    document = {
        "message_ref": ref,
        "subject": "Invoice 2026-11873 overdue",
        "from": "billing@supplier.example.net",
        "from_name": "Billing",
        "to": ["anna.schmidt@acme.example.com"],
        "envelope_to": [],
        "delivery_status": [],
        "final_disposition": "MALICIOUS",
        "is_quarantined": False,
        "item": None,
        **more,
    }
    return tv.FoundMessage._of(document)


def found(
    tenant: str,
    account_id: str,
    message: tv.FoundMessage | None = None,
    trace: tv.Trace | None = None,
    error: tv.TraceVaultError | None = None,
) -> tv.Finding:
    return tv.Finding(
        tenant=tenant,
        account=account(tenant, account_id),
        message=message,
        trace=trace,
        error=error,
    )


def scope() -> Scope:
    """Which accounts that hunt was about; one answered that no copy was found in."""
    asked = {(one.tenant, one.account_id): one for one in findings()}
    accounts = [
        AskedAccount(
            tenant, account_id, one.account.label,
            sum((other.tenant, other.account_id) == (tenant, account_id)
                for other in findings() if other.message),
            "whole" if one.message else "failed",
        )
        for (tenant, account_id), one in asked.items()
    ]  # fmt: skip
    accounts.append(AskedAccount("umbrella", "0b1e01", "\u202eNothing <b>", 0, "whole"))
    accounts.append(AskedAccount("umbrella", "0b1e02", "", 0, "open"))
    began = datetime(2026, 11, 27, 9, 30, tzinfo=timezone.utc)
    return Scope(began, None, None, tuple(accounts))


def findings() -> list[tv.Finding]:
    """Six copies in four accounts, one account that could not be asked, one trace that failed."""
    server = tv.TraceVaultError("Cloudflare answered 503", status=tv.Status.E_SERVER)
    return [
        found("acme", "acae01", message("4Njp3P0STMz2c02Q-1"), golden("summary_two_hops")),
        found("acme", "acae02", message("4Njp3P0STMz2c02Q-2"), golden("summary_mixed")),
        found("globex", "9b0e01", message("4Njp3P0STMz2c02Q-3"), golden("real_rejected")),
        found(
            "initech",
            "1417e1",
            message("4Njp3P0STMz2c02Q-4", subject="<b>שלום</b> \u202egpj.exe", from_name="'\"<i>"),
            right_to_left(),
        ),
        found(
            "initech",
            "1417e1",
            message("4Njp3P0STMz2c02Q-5"),
            hostile(HOSTILE[:1] + HOSTILE[-4:-2]),
        ),
        found("initech", "1417e1", message("4Njp3P0STMz2c02Q-6"), error=server),
        found("<script>alert(1)</script>", "1417e2", error=server),
    ]
