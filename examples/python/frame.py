"""Who received it, as a pandas DataFrame: python frame.py MESSAGE-ID"""

from __future__ import annotations

import sys

import pandas as pd
import tracevault as tv


def received(vault: tv.Vault, engine: tv.Engine, message_id: str) -> pd.DataFrame:
    """One row for each recipient of each copy, and one for each account that was not asked."""
    hunt = engine.hunt(vault, message_id=message_id)
    return pd.DataFrame(row for finding in hunt for row in finding.to_rows())


if __name__ == "__main__":
    with (
        tv.Vault.open("soc.vault", tv.KeyFile("soc.key")) as soc,
        tv.Engine() as asking,
    ):
        table = received(soc, asking, sys.argv[1])
    if table.empty:
        sys.exit("nobody received it")
    table["at"] = pd.to_datetime(table["at"], utc=True)
    # Addresses come from strangers: what steers a terminal is written out.
    table["address"] = table["address"].map(ascii)
    print(table[["tenant", "label", "address", "state", "at", "error"]].to_string())
