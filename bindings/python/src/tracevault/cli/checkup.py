"""What ``tracevault doctor`` looks at: each finding with what it means and what to do.

A finding has two texts: ``told`` for the one who sits here, and ``public`` for a report that goes
to strangers: versions and states, but no path, host, tenant, account, address or secret.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .. import _lib, offline
from .._fields import parse_time
from .._reading import opened
from .._setting_names import none_such, setting_names
from ..errors import TraceVaultError
from ..findings import CheckResult
from .failures import as_said
from .given_setting import refused, shown
from .missing import named
from .options import UNLOCKS, VARIABLES, Given, Options
from .reach import WAY, Reached, Unreached
from .words import plural

#: The options that name a file.
FILES = ("vault", "key_file", "passphrase_file", "config")
#: A finding's states, from good to bad.
OK, NOTE, FAULT = "ok", "note", "fault"

#: What a clock may be wrong before times and expiries mislead, in seconds.
CLOCK_S = 30
#: A credential that ends within this is told.
SOON_DAYS = 14


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: str
    told: str
    public: str
    #: What to do; empty when there is nothing.
    do: str = ""

    def to_dict(self) -> dict[str, str]:
        """The finding as the object of a JSON line."""
        return {"name": self.name, "state": self.state, "told": self.told, "do": self.do}


def same(name: str, state: str, told: str, do: str = "") -> Finding:
    """A finding that holds nothing of the customer's."""
    return Finding(name, state, told, told, do)


def failed(name: str, error: Exception, do: str = "") -> Finding:
    """Something that could not be looked at."""
    kind = error.name if isinstance(error, TraceVaultError) else type(error).__name__
    return Finding(name, FAULT, f"{as_said(error)} ({kind})", kind, do)


def versions() -> Iterator[Finding]:
    """The package, the interpreter, the system."""
    from .. import __version__

    libc = " ".join(platform.libc_ver()) or "unknown libc"
    python = platform.python_version()
    yield same("package", OK, f"tracevault {__version__}, Python {python}")
    yield same(
        "system", OK, f"{platform.system()} {platform.release()}, {platform.machine()}, {libc}"
    )


def library() -> Iterator[Finding]:
    """The shared library, what it links to, what of the memory it could protect."""
    try:
        info = offline.build_info()
    except TraceVaultError as error:
        yield failed("library", error, "install the wheel for this system, or name the library "
                     f"in {_lib.VARIABLE}")  # fmt: skip
        return
    path = loaded_from() or "unknown"
    how = f"by {_lib.VARIABLE}" if os.environ.get(_lib.VARIABLE) else "beside the package"
    if os.path.dirname(path) != os.path.dirname(os.path.abspath(_lib.__file__)):
        how = how if os.environ.get(_lib.VARIABLE) else "on the system's path"
    yield Finding(
        "library", OK, f"{info['version']} from {path}, found {how}", f"{info['version']}, {how}"
    )
    yield from _curl(info)
    yield _memory(info.get("memory", {}))


def loaded_from() -> str | None:
    """The file that the shared library was mapped from."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                name = line.rstrip("\n").partition("/")
                if "libtracevault" in name[2]:
                    return "/" + name[2]
    except OSError:
        return None
    return None


def _curl(info: dict[str, Any]) -> Iterator[Finding]:
    faults = info.get("libcurl_faults", [])
    open_ones = [one for one in faults if one.get("remedy") not in ("avoided", "refused")]
    told = f"libcurl {info.get('libcurl')}, {info.get('tls_backend')}"
    told += ", HTTP/2" if info.get("http2") else ", no HTTP/2"
    yield same("libcurl", OK, told)
    if open_ones:
        named = "; ".join(f"{one.get('name')}: {one.get('how')}" for one in open_ones)
        yield same("libcurl faults", FAULT, named, "install the system's security updates")
    else:
        yield same("libcurl faults", OK, f"{len(faults)} known, each avoided or refused")


def _memory(memory: dict[str, Any]) -> Finding:
    guarded, locked = memory.get("guarded_bytes", 0), memory.get("locked_bytes", 0)
    told = f"{locked} of {guarded} bytes of secrets' memory are locked"
    told += ", kept out of cores" if memory.get("dontdump") else ", not kept out of cores"
    told += ", wiped in forks" if memory.get("wipeonfork") else ", not wiped in forks"
    if memory.get("damaged_slots"):
        return same("memory", FAULT, f"{told}; somebody wrote over it", "report this")
    whole = locked >= guarded and memory.get("dontdump") and memory.get("wipeonfork")
    do = "" if whole else "raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=) to 128 KiB or more"
    return same("memory", OK if whole else NOTE, told, do)


def sources(options: Options) -> Iterator[Finding]:
    """What came from where."""
    profile = options.profile
    if profile.path is not None:
        yield Finding("configuration", OK, f"{profile.path} is read", "a file is read")
    else:
        yield Finding("configuration", OK, f"no file {options.where}", "no file")
    for name in VARIABLES:
        given = options.get(name) if name != "set" else None
        if given is not None:
            flag = name.replace("_", "-")
            place = "a file" if given.source.startswith("[") else given.source
            yield _source(flag, name, given.value, given.source, place)
    yield from _settings(options.settings())
    if any(options.environment.get(one) for one in ("TRACEVAULT_PASSPHRASE", "TRACEVAULT_TOKEN")):
        yield same(
            "secrets", FAULT, "a variable holds a secret, which other processes can read",
            "take it away; use a file, a descriptor or a systemd credential",
        )  # fmt: skip
    if options.unlock() is None:
        yield same("unlock", NOTE, f"none named: {', '.join(UNLOCKS)}", "you are asked for one")


def _source(flag: str, name: str, value: str, source: str, place: str) -> Finding:
    """What one option says, and no more than was looked at: a file is there or not."""
    is_file = name in FILES and not value.startswith("s3://")
    if is_file and named(value) != value:
        return Finding(flag, NOTE, f"{named(value)}, from {source}", f"not there, from {place}")
    known = "is there" if is_file else "is asked for"
    return Finding(flag, OK, f"{value} {known}, from {source}", f"{known}, from {place}")


def _settings(found: Mapping[str, Given]) -> Iterator[Finding]:
    """The settings; of one that the library does not take, not what was given."""
    try:
        known = setting_names()
    except TraceVaultError:
        if found:
            told = (
                f"{plural(len(found), 'setting')} given, which nobody can judge without the library"
            )
            yield same("settings", NOTE, told)
        return
    for name, given in found.items():
        place = "a file" if given.source.startswith("[") else given.source
        if name not in known:
            told = f"{given.source}: {none_such(name, known)}"
            public = f"an unknown one, from {place}"
            yield Finding("setting", FAULT, told, public, "tracevault settings lists them")
        elif fault := refused(name, given.value):
            told = f"{fault}; from {given.source}"
            public = f"refused, from {place}"
            yield Finding(f"setting {name}", FAULT, told, public, "tracevault settings tells more")
        else:
            value = shown(name, given.value)
            yield Finding(f"setting {name}", OK, f"{value}, from {given.source}", f"from {place}")


def is_way(settings: Mapping[str, str]) -> bool:
    """Whether the library takes the settings that say how one gets to the API."""
    try:
        return not any(name in settings and refused(name, settings[name]) for name in WAY)
    except TraceVaultError:  # no library, nobody who can judge
        return False


def network(options: Options, reached: Reached | Unreached | None) -> Iterator[Finding]:
    """The proxy, the authorities' file, reachability and the clock.

    Without what was ``reached`` nobody has looked: a setting of the way there is refused.
    """
    settings = options.plain_settings()
    if reached is None:
        told = "nobody looks: the library does not take the settings of the way there"
        yield same("reachability", NOTE, told, f"mend what is wrong above: {', '.join(WAY)}")
        return
    yield _proxy(settings.get("http.proxy", ""), options)
    yield _authorities(settings.get("tls.ca_file", ""))
    if isinstance(reached, Unreached):
        do = "look at DNS, firewall, http.proxy and tls.ca_file"
        yield Finding("reachability", FAULT, f"{reached} ({reached.kind})", reached.kind, do)
        return
    yield Finding(
        "reachability",
        OK,
        f"{reached.host} answers (HTTP {reached.status}, {reached.tls}) in {reached.ms:.0f} ms",
        f"HTTP {reached.status}, {reached.tls}, {reached.ms:.0f} ms",
    )
    if reached.clock_s is None:
        yield same("clock", NOTE, "the reply has no Date to compare with")
    elif abs(reached.clock_s) > CLOCK_S:
        told = f"this clock is {abs(reached.clock_s):.0f} s "
        told += "ahead" if reached.clock_s > 0 else "behind"
        yield same("clock", FAULT, told, "let the clock follow a time server (timedatectl)")
    else:
        yield same("clock", OK, f"within {max(abs(reached.clock_s), 1):.0f} s of the API's")


def _proxy(proxy: str, options: Options) -> Finding:
    if proxy:
        return Finding("proxy", OK, shown("http.proxy", proxy), "one is set")
    named = [one for one in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY") if
             options.environment.get(one)]  # fmt: skip
    if named:
        return same("proxy", NOTE, f"none; {named[0]} is set, but the library reads no variables",
                    "if a proxy is needed: --set http.proxy=URL")  # fmt: skip
    return same("proxy", OK, "none")


def _authorities(path: str) -> Finding:
    if not path:
        return same("authorities", OK, "the system's")
    try:
        with open(opened(path), "rb") as file:
            count = file.read().count(b"-----BEGIN CERTIFICATE-----")
    except OSError as error:
        return failed("authorities", error, "mend tls.ca_file")
    state = OK if count else FAULT
    do = "" if count else "tls.ca_file must hold certificates as PEM"
    return Finding("authorities", state, f"{count} in {path}", f"{count} of a file", do)


def vault(described: dict[str, Any], path: str) -> Iterator[Finding]:
    """The vault's age, its unlocks, who may read it."""
    saved = parse_time(described.get("saved"))
    age = "" if saved is None else f", saved {days(saved)} ago"
    told = f"generation {described['generation']}, {plural(described['tenants'], 'tenant')}, "
    told += f"{plural(described['credentials'], 'credential')}, format {described['format']}{age}"
    yield Finding("vault", OK, f"{path}: {told}", told)
    unlocks = described.get("unlocks", [])
    kinds = ", ".join(str(one.get("type")) for one in unlocks)
    alone = len(unlocks) < 2
    yield same(
        "unlocks", NOTE if alone else OK, f"{len(unlocks)}: {kinds}",
        "a lost key is a lost vault: tracevault vault add-unlock" if alone else "",
    )  # fmt: skip
    if described.get("refresh_error"):
        yield Finding("stored vault", FAULT, str(described["refresh_error"]), "cannot be looked at",
                      "mend what the text names")  # fmt: skip
    if described.get("copy_error"):
        yield Finding("copy of the vault", FAULT, str(described["copy_error"]), "cannot be kept",
                      "mend what the text names, or s3.copy_file")  # fmt: skip
    if path.startswith("s3://"):
        return
    mode = os.stat(path).st_mode & 0o777
    if mode & 0o077:
        yield same("vault file", NOTE, f"others may read it (mode {mode:04o})", "chmod 0600 it")


def days(then: datetime) -> str:
    """How long ago, in words."""
    seconds = (datetime.now(timezone.utc) - then).total_seconds()
    if seconds < 7200:
        return f"{max(seconds, 0) / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} days"


def ledgers(stats: dict[str, Any]) -> Iterator[Finding]:
    """Whether the quota is shared with the other processes of this host, and with other hosts."""
    told = stats.get("ledger", {})
    yield _ledger(told)
    if told.get("redis") is not None:
        yield _redis(told["redis"])


def _redis(told: dict[str, Any]) -> Finding:
    if told.get("alone"):
        part = f"this host uses one part of {told.get('hosts')} of the quota, alone"
        why = told.get("warning") or "Redis does not answer"
        do = "look at redis.addresses, redis.login and the way there"
        if told.get("waiting"):
            do = "nothing to do: it waits ten seconds for them at the most"
        return Finding("hosts", NOTE, f"{part}: {why}", part, do)
    where = told.get("address")
    if not where:
        return same("hosts", NOTE, "Redis has not answered yet", "ask again")
    there = plural(told.get("hosts_there") or 1, "host")
    return Finding("hosts", OK, f"the quota is shared through {where}, now by {there}",
                   f"the quota is shared, now by {there}")  # fmt: skip


def _ledger(told: dict[str, Any]) -> Finding:
    if told.get("shared"):
        where = told.get("path")
        return Finding("ledger", OK, f"shared through {where}", "shared")
    why = told.get("warning")
    if not why:
        return same("ledger", OK, "each process keeps its own: budget.ledger is private, or the "
                    "server is on loopback")  # fmt: skip
    do = "other processes spend the same quota unseen: see budget.ledger"
    return Finding("ledger", NOTE, f"not shared: {why}", "not shared", do)


def access(name: str, check: CheckResult) -> Finding:
    """Whether a credential that works may read what is asked with it."""
    granted = check.access.granted if check.access is not None else None
    if granted:
        return Finding("credential", OK, f"{name} works and may read", "one works and may read")
    reason = check.access.reason.message if check.access and check.access.reason else ""
    if granted is None:
        told = f"{name} works; whether it may read is not known: {reason}"
        return Finding("credential", NOTE, told, "one works, access unknown", "ask again later")
    return Finding(
        "credential",
        FAULT,
        f"{name} works, but may not read: {reason}",
        "one works and may not read",
        "give the token the permission for Email Security, or see whether the account has it",
    )


def expiries(accounts: list[Any]) -> Finding:
    """Credentials that have ended or end soon, as far as the vault knows."""
    now = datetime.now(timezone.utc)
    ends = [(one.expires - now).days for one in accounts if one.expires is not None]
    ended = sum(left < 0 for left in ends)
    soon = sum(0 <= left < SOON_DAYS for left in ends)
    told = f"{plural(len(accounts), 'credential')}: {ended} have ended, {soon} end within "
    told += f"{SOON_DAYS} days, "
    told += f"of {len(accounts) - len(ends)} the end is not known"
    do = "tracevault account check --expiring 14d, then account rotate" if ended or soon else ""
    return same("expiry", FAULT if ended else NOTE if soon else OK, told, do)
