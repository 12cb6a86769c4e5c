"""``tracevault doctor``: what is here, what is wrong with it, what to do about it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import click

from ...client import Engine
from ...errors import NotFoundError, TraceVaultError
from ...request import Request
from .. import checkup, out
from ..checkup import FAULT, NOTE, OK, Finding, failed, same
from ..exits import Exit
from ..failures import Failed, Usage, next_step
from ..group import verb
from ..option import option
from ..options import Options
from ..reach import Reached, Unreached, reach
from ..session import Session, opened

REDIS = "redis.addresses"
#: How long its first answer is waited for, in seconds.
REDIS_S = 15.0
_SIGNS = {OK: "ok", NOTE: "note", FAULT: "FAULT"}


@verb("doctor", examples=("tracevault doctor", "tracevault doctor --offline --report"))
@option("--offline", is_flag=True, help="Ask nobody: no network.")
@option("--report", is_flag=True, help="For an issue: no secrets, names, hosts or paths.")
@click.pass_obj
def doctor(options: Options, offline: bool, report: bool) -> None:
    """Look at the library, the settings, the vault, the network and a credential.

    Each line says what is, and what to do where something is wrong. With --tenant and --account
    that credential is checked, otherwise the first one. Exit code 1 when there is a fault.
    """
    output = options.output("table", "json")
    if report and output == "json":
        raise Usage("--report is text for an issue, and --json for programs: give one")
    found = []
    if report:
        out.line("```text")
    for finding in _findings(options, offline=offline):
        found.append(finding)
        if report:
            out.line(_report_line(finding))
        elif output == "json":
            out.json_lines([finding.to_dict()])
        else:
            out.line(_line(finding))
            if finding.do:
                out.line(f"{'->':>30} {finding.do}")
    if report:
        out.line("```")
    if any(finding.state == FAULT for finding in found):
        raise Failed(Exit.SOME)


def _line(finding: Finding) -> str:
    return f"{_SIGNS[finding.state]:6} {finding.name:24} {finding.told}"


def _report_line(finding: Finding) -> str:
    return f"{_SIGNS[finding.state]:6} {finding.name:24} {finding.public}"


def _findings(options: Options, *, offline: bool) -> Iterator[Finding]:
    yield from checkup.versions()
    yield from checkup.library()
    try:
        yield from checkup.sources(options)
    except Usage as error:
        yield Finding("options", FAULT, str(error), "the options are wrong", "mend them")
        return
    if not offline:
        yield from checkup.network(options, _reached(options))
    named = options.text("vault")
    if named is None:
        yield same("vault", NOTE, "none named", "tracevault init, or --vault")
        return
    if offline and named.startswith("s3://"):
        yield same("vault", NOTE, "in an object store, which nobody asks with --offline")
        return
    try:
        with opened(options) as session:
            yield from checkup.vault(session.vault.describe(), session.path)
            yield checkup.expiries(session.vault.accounts())
            yield from _engine(session, offline=offline)
    except (TraceVaultError, Usage, OSError) as error:
        yield failed("vault", error, next_step(error) or "mend what the text names")


def _reached(options: Options) -> Reached | Unreached | None:
    """What a look finds; nobody looks where a setting of the way there is refused."""
    settings = options.plain_settings()
    if not checkup.is_way(settings):
        return None
    try:
        return reach(settings)
    except Unreached as error:
        return error


def _engine(session: Session, *, offline: bool) -> Iterator[Finding]:
    if offline:  # an engine asks its Redis when it is made
        mine = {name: value for name, value in session.settings.items() if name != REDIS}
        if len(mine) < len(session.settings):
            yield same("hosts", NOTE, "the Redis of redis.addresses is not asked with --offline")
        session.settings = mine
    with session.engine() as engine:
        accounts = [one for one in session.vault.accounts() if one.state == "active"]
        chosen = []
        with contextlib.suppress(NotFoundError):
            chosen = [one for one in session.chosen if one.state == "active"]
        if accounts and not chosen:
            yield same("credential", FAULT, "no such tenant or account", "tracevault account list")
        for one in [] if offline else chosen[:1]:
            with session.vault.tenant(one.tenant) as lent:
                asked = Request.check(lent, one.account_id, timeout=30, access=True)
                (result,) = engine.batch([asked])
            name = f"{one.account_id} of {one.tenant}"
            if result.check is None:
                assert result.error is not None
                yield failed(
                    "credential",
                    result.error,
                    next_step(result.error) or "tracevault account check",
                )
            elif result.check.valid:
                yield checkup.access(name, result.check)
            else:
                reason = result.check.reason.message if result.check.reason else ""
                yield Finding("credential", FAULT, f"{name} is refused: {reason}", "one is refused",
                              "tracevault account rotate")  # fmt: skip
        yield from checkup.ledgers(_stats(engine))


def _stats(engine: Engine) -> dict[str, Any]:
    """The engine's statistics, when its Redis has answered or failed to."""
    end = time.monotonic() + REDIS_S
    while True:
        stats = engine.stats()
        redis = stats["ledger"].get("redis")
        known = redis is None or redis.get("alone") or redis.get("address")
        if known or time.monotonic() > end:
            return stats
        time.sleep(0.02)
