#!/usr/bin/env python3
"""check_tracevault - a Nagios plugin: do the credentials of a vault work, and for how long still?

    check_tracevault.py VAULT KEYFILE [-w DAYS] [-c DAYS] [-o NAME=VALUE]...

OK: all work and none ends within the days of -w (14). WARNING: one does. CRITICAL: one is refused, or
ends within the days of -c (3). UNKNOWN: it could not be asked. One request for each credential, so once
an hour is plenty. Behind the bar stand figures for graphs.
"""

import argparse
import sys
from datetime import datetime, timezone
from typing import NoReturn

import tracevault as tv

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def end(state: str, text: str, figures: str = "") -> NoReturn:
    """One line, in which a bar means figures, and Nagios' exit code."""
    text = text.replace("|", "/")  # a name may hold one
    print(f"TRACEVAULT {state}: {text}{' | ' if figures else ''}{figures}")
    sys.exit(STATES.index(state))


def judged(checks: list[tv.Checked], warning: float, critical: float) -> tuple[str, str, str]:
    """The state, what to say, and the figures."""
    refused = [one for one in checks if one.check is not None and not one.check.valid]
    unasked = [one for one in checks if one.error is not None]
    now = datetime.now(timezone.utc)
    days = [(one.expires - now).total_seconds() / 86400 for one in checks if one.expires]
    soonest = min(days, default=None)
    figures = f"credentials={len(checks)} refused={len(refused)};0;0 unasked={len(unasked)};0"
    if soonest is not None:
        figures += f" soonest_end={soonest:.2f};{warning:g}:;{critical:g}:"
    if refused:
        names = ", ".join(f"{one.tenant!r} {one.account_id}" for one in refused[:3])
        return "CRITICAL", f"{len(refused)} of {len(checks)} are refused: {names}", figures
    if soonest is not None and soonest < critical:
        return "CRITICAL", f"one ends in {soonest:.1f} days", figures
    if unasked:
        reasons = sorted({str(one.error and one.error.name) for one in unasked})
        return "UNKNOWN", f"{len(unasked)} could not be asked: {', '.join(reasons)}", figures
    if soonest is not None and soonest < warning:
        return "WARNING", f"one ends in {soonest:.1f} days", figures
    return "OK", f"{len(checks)} credentials work", figures


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description="Do the credentials of a vault work?")
    parser.error = lambda message: end("UNKNOWN", message)  # type: ignore[method-assign]
    parser.add_argument("vault")
    parser.add_argument("key_file")
    parser.add_argument("-w", "--warning", type=float, default=14, metavar="DAYS")
    parser.add_argument("-c", "--critical", type=float, default=3, metavar="DAYS")
    parser.add_argument("-o", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    settings = dict(one.split("=", 1) for one in given.settings if "=" in one)
    try:
        with (
            tv.Vault.open(given.vault, tv.KeyFile(given.key_file)) as vault,
            tv.Engine(settings) as engine,
        ):
            checks = list(engine.check_all(vault, timeout=20))
    except tv.TraceVaultError as error:
        end("UNKNOWN", str(error))
    state, text, figures = judged(checks, given.warning, given.critical)
    end(state, text, figures)


if __name__ == "__main__":
    main()
