"""``tracevault account lift``: end the rest of a quota that an HTTP 429 began."""

from __future__ import annotations

import click

from ...errors import NotFoundError, Status
from .. import out
from ..options import Options
from ..session import opened
from .account_group import account


@account.verb(
    "lift",
    examples=(
        "tracevault account lift --tenant acme",
        "tracevault account lift --account ACCOUNT_ID --json",
    ),
)
@click.pass_obj
def lift(options: Options) -> None:
    """End the rest of the quotas that a tenant's accounts spend, for all processes of this user.

    After HTTP 429 a quota rests for five minutes, or an hour. Lift it when you know that Cloudflare
    takes requests again; should it refuse once more, the quota rests once more.
    """
    output = options.output("table", "json")
    if options.text("account") is None:  # an account's tenant follows from it
        options.required("tenant", "whose quota, unless --account says it")
    with opened(options) as session, session.engine() as engine:
        active = [one for one in session.chosen if one.state == "active"]
        if not active:
            raise NotFoundError("there is no active credential", status=Status.E_NOT_FOUND)
        rows = []
        for one in active:
            with session.vault.tenant(one.tenant) as tenant:
                rested = engine.estimate(tenant, 1, one.account_id)["parked_ms"]
                engine.lift(tenant, one.account_id)
            rows.append({"tenant": one.tenant, "account_id": one.account_id, "rested_ms": rested})
    if output == "json":
        out.json_lines(rows)
    for row in rows:
        rest = int(str(row["rested_ms"])) // 1000
        told = f"had {rest} s to rest, and goes on" if rest else "did not rest"
        out.note(f"the quota of {row['account_id']} {told}", for_programs=options.for_programs)
