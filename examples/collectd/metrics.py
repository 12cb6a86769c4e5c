#!/usr/bin/env python3
"""metrics - what an engine tells about itself, as values for collectd, or lines for telegraf.

    metrics.py VAULT KEYFILE [--influx] [--once] [-o NAME=VALUE]...

For collectd's exec plugin it prints PUTVAL lines, with --influx InfluxDB's line protocol (telegraf:
inputs.execd, or inputs.exec with --once). Each interval it checks every credential, which spends one
request each, and tells the engine's numbers (docs/statistics.md): what works, what the quota has left
and how long it rests.
"""

import argparse
import os
import socket
import time

import tracevault as tv


def numbers(engine: tv.Engine, checks: list[tv.Checked]) -> dict[str, float]:
    told = engine.stats()
    values = {name: told[name] for name in ("queued", "in_flight", "tries", "rate_limited")}
    values["latency_p90_ms"] = told["latency"]["p90_us"] / 1000
    values["credentials_working"] = sum(one.valid for one in checks)
    values["credentials_failing"] = sum(not one.valid for one in checks)
    groups = told["groups"]
    values["parked_ms"] = max((one["parked_ms"] for one in groups), default=0)
    left = [one["available"] for one in groups if one["available"] is not None]
    if left:
        values["requests_left"] = min(left)
    return values


def lines(values: dict[str, float], influx: bool, interval: float) -> list[str]:
    host = os.environ.get("COLLECTD_HOSTNAME", socket.gethostname())
    if influx:
        return ["tracevault " + ",".join(f"{name}={value}" for name, value in values.items())]
    return [
        f'PUTVAL "{host}/tracevault/gauge-{name}" interval={interval:g} N:{value}'
        for name, value in values.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("vault")
    parser.add_argument("key_file")
    parser.add_argument("--influx", action="store_true")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("-o", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    interval = float(os.environ.get("COLLECTD_INTERVAL", "60"))
    settings = dict(one.split("=", 1) for one in given.settings)
    with (
        tv.Vault.open(given.vault, tv.KeyFile(given.key_file)) as vault,
        tv.Engine(settings) as engine,
    ):
        while True:
            checks = list(engine.check_all(vault, timeout=interval))
            print(*lines(numbers(engine, checks), given.influx, interval), sep="\n", flush=True)
            if given.once:
                return
            time.sleep(interval)


if __name__ == "__main__":
    main()
