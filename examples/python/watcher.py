"""Credentials and quota in Prometheus, notices as JSON lines: python watcher.py PORT SECONDS"""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import datetime, timezone

import tracevault as tv
from prometheus_client import Gauge, start_http_server
from tracevault.prometheus import register

LABELS = ("tenant", "account")
WORKS = Gauge("soc_credential_works", "1: Cloudflare takes it, and it may read.", LABELS)
DAYS = Gauge("soc_credential_days", "Until it ends, where that is known.", LABELS)


class JSONLines(logging.Formatter):
    """One object a line, with the names of docs/notices.md."""

    def format(self, record: logging.LogRecord) -> str:
        notice: tv.Notice | None = getattr(record, "notice", None)
        return json.dumps(notice.to_dict() if notice else {"message": record.getMessage()})


def look(engine: tv.Engine, vault: tv.Vault) -> None:
    """Ask for each account: does its credential work, may it read, when does it end?"""
    for one in engine.check_all(vault, access=True):
        whom = (one.tenant, one.account_id)
        WORKS.labels(*whom).set(one.valid and not one.denied)
        if one.expires is not None:
            DAYS.labels(*whom).set((one.expires - datetime.now(timezone.utc)).days)


def main(port: int, every: float) -> None:
    """Runs until it is stopped; Prometheus asks on the port."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    vault = tv.Vault.open("soc.vault", tv.KeyFile("soc.key"))
    with vault, tv.Engine() as engine:
        register(engine)
        start_http_server(port, addr="127.0.0.1")
        while True:
            look(engine, vault)
            time.sleep(every)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
