#!/usr/bin/env python3
"""watch - a service that writes new detections with their rows, and tells systemd that it lives.

    watch.py VAULT [--every SECONDS] [--since TIME] [-o NAME=VALUE]...

The key comes from systemd (`LoadCredentialEncrypted=vault-key:…`) and is never in a file that can be
read at rest. Rows of the ECS view go to the end of $STATE_DIRECTORY/events.ndjson, where a shipper takes
them. READY=1 is told when the vault is open, WATCHDOG=1 after each round that came to its end, STATUS=
says what was found: a round that hangs is ended and begun anew by systemd.
"""

import argparse
import os
import signal
import socket
import sys
import threading
from datetime import datetime, timedelta, timezone

import tracevault as tv

stopping = threading.Event()


def notify(*lines: str) -> None:
    """Tell systemd (sd_notify(3)); without one, nobody."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
            there.connect("\0" + address[1:] if address.startswith("@") else address)
            there.send("\n".join(lines).encode())


def one_round(vault: tv.Vault, engine: tv.Engine, state: str, since: str) -> str:
    """Write what is new; say how much that was."""
    new, failed = 0, 0
    with open(os.path.join(state, "events.ndjson"), "ab") as rows:
        checkpoint = os.path.join(state, "checkpoint")
        for one in engine.collect(
            vault, checkpoint=checkpoint, start=since, views=("ecs",), timeout=30
        ):
            notify("WATCHDOG=1")
            if one.error is not None:
                failed += 1
            elif one.trace is not None:
                rows.write(one.trace.views["ecs"])
                rows.flush()
                new += 1
            if stopping.is_set():
                break
    return f"{new} detections in the last round, {failed} failures"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("vault")
    parser.add_argument("--every", type=float, default=60, metavar="SECONDS")
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    # Counts for the first round of all; then the checkpoint knows.
    parser.add_argument("--since", default=yesterday.isoformat(), metavar="TIME")
    parser.add_argument("-o", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    state = os.environ.get("STATE_DIRECTORY", ".")
    # Beside the vault: /var/tmp is private to the service, and the quota is everybody's.
    settings = {"budget.ledger": os.path.join(os.path.abspath(state), "budget.ledger")}
    settings |= dict(one.split("=", 1) for one in given.settings)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    try:
        with (
            tv.Vault.open(given.vault, tv.SystemdCredential("vault-key")) as vault,
            tv.Engine(settings) as engine,
        ):
            notify("READY=1")
            while not stopping.is_set():
                notify("WATCHDOG=1", "STATUS=" + one_round(vault, engine, state, given.since))
                stopping.wait(given.every)
            notify("STOPPING=1")
    except tv.TraceVaultError as error:
        notify(f"STATUS={error}")
        sys.exit(f"watch: {error}")


if __name__ == "__main__":
    main()
