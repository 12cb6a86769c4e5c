"""A scripted input for Splunk: each new or changed detection is one event, a line of JSON.

python splunk_input.py soc.vault soc.key soc.checkpoint [2026-01-01T00:00:00Z]
"""

from __future__ import annotations

import json
import sys

import tracevault as tv


def main(vault_file: str, key_file: str, checkpoint: str, first: str = "") -> int:
    """Splunk runs this every so often; each run goes on where the last one ended."""
    failed = 0
    with (
        tv.Vault.open(vault_file, tv.KeyFile(key_file)) as vault,
        tv.Engine() as engine,
    ):
        # The very first run begins there, or one day back.
        for found in engine.collect(vault, checkpoint=checkpoint, start=first or None):
            for row in found.to_rows():
                # The checkpoint moves on when the loop asks for the next: the line is out by then.
                print(json.dumps({"time": row["message"].get("scanned_at"), **row}), flush=True)
            if found.error:
                failed += 1
                print(f"ERROR {found.tenant!r} {found.error}", file=sys.stderr)  # to splunkd.log
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
