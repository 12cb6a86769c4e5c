"""hunted: what a hunt over several accounts might find, for the tests of its page."""

from __future__ import annotations

from dataclasses import dataclass

import tracevault as tv
from pictures import golden, hostile, right_to_left


@dataclass(frozen=True)
class Found:
    """One finding, as `Engine.hunt()` gives it."""

    tenant: str
    account: str
    message: tv.FoundMessage | None = None
    trace: tv.Trace | None = None
    error: Exception | None = None


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
    return tv.FoundMessage._read(document, "message")


def findings() -> list[Found]:
    """Six copies in four accounts, one account that could not be asked, one trace that failed."""
    server = tv.TraceVaultError("Cloudflare answered 503", status=tv.Status.E_SERVER)
    return [
        Found("acme", "acae01", message("4Njp3P0STMz2c02Q-1"), golden("summary_two_hops")),
        Found("acme", "acae02", message("4Njp3P0STMz2c02Q-2"), golden("summary_mixed")),
        Found("globex", "9b0e01", message("4Njp3P0STMz2c02Q-3"), golden("real_rejected")),
        Found(
            "initech",
            "1417e1",
            message("4Njp3P0STMz2c02Q-4", subject="<b>שלום</b> \u202egpj.exe", from_name="'\"<i>"),
            right_to_left(),
        ),
        Found("initech", "1417e1", message("4Njp3P0STMz2c02Q-5"), hostile()),
        Found("initech", "1417e1", message("4Njp3P0STMz2c02Q-6"), error=server),
        Found("<script>alert(1)</script>", "1417e2", error=server),
    ]
