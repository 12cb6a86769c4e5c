"""``tracevault doctor`` on made-up facts: each of its findings says what is, not only its name."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tests.conftest import ACME
from tracevault import _lib, offline
from tracevault.cli import checkup
from tracevault.cli.checkup import Finding
from tracevault.cli.options import Options
from tracevault.cli.reach import Unreached
from tracevault.errors import LibraryLoadError

INFO = {"version": "0.1.0", "libcurl": "7.88.1", "tls_backend": "OpenSSL/3.0.15", "http2": True}
AVOIDED = {"name": "CVE-2023-0001", "remedy": "avoided"}
REFUSED = {"name": "CVE-2023-0002", "remedy": "refused"}
OPEN = (
    {"name": "CVE-2024-0003", "remedy": "open", "how": "use another version"},
    {"name": "CVE-2024-0004", "remedy": "of a later library", "how": "it may end"},
)


AWAY = Unreached("away", "OSError")


def named(found: list[Finding], name: str) -> Finding:
    (one,) = (finding for finding in found if finding.name == name)
    return one


def given(variables: dict[str, str], **settings: str) -> Options:
    """Options of an environment, and settings of the command line with ``__`` for a dot."""
    said = tuple(f"{name.replace('__', '.')}={value}" for name, value in settings.items())
    return Options({"HOME": "/nowhere", **variables}, {"set": said} if said else {})


# ---- the library ----------------------------------------------------------------------------


@pytest.mark.parametrize(("http2", "told"), [(True, ", HTTP/2"), (False, ", no HTTP/2")])
def test_libcurl_is_told_with_its_version_and_its_tls(http2: bool, told: str) -> None:
    found = named(list(checkup._curl({**INFO, "http2": http2})), "libcurl")
    assert found.told == found.public == f"libcurl 7.88.1, OpenSSL/3.0.15{told}"


@pytest.mark.parametrize(
    ("faults", "state", "told"),
    [
        ([], "ok", "0 known, each avoided or refused"),
        ([AVOIDED, REFUSED], "ok", "2 known, each avoided or refused"),
        (
            [AVOIDED, *OPEN],
            "fault",
            "CVE-2024-0003: use another version; CVE-2024-0004: it may end",
        ),
    ],
)
def test_a_fault_of_libcurl_that_is_open_is_told_with_what_it_means(
    faults: list[dict[str, str]], state: str, told: str
) -> None:
    found = named(list(checkup._curl({**INFO, "libcurl_faults": faults})), "libcurl faults")
    assert (found.state, found.told) == (state, told)
    assert ("updates" in found.do) == (state == "fault")


@pytest.mark.parametrize(
    ("variable", "folder", "how"),
    [
        ("", os.path.dirname(os.path.abspath(_lib.__file__)), "found beside the package"),
        ("", "/usr/lib/x86_64-linux-gnu", "found on the system's path"),
        ("/opt/soc/libtracevault.so.0", "/opt/soc", f"found by {_lib.VARIABLE}"),
    ],
)
def test_the_library_is_told_with_its_place_and_how_it_was_found(
    monkeypatch: pytest.MonkeyPatch, variable: str, folder: str, how: str
) -> None:
    monkeypatch.setenv(_lib.VARIABLE, variable)
    monkeypatch.setattr(offline, "build_info", lambda: INFO)
    monkeypatch.setattr(checkup, "loaded_from", lambda: f"{folder}/libtracevault.so.0")
    found = named(list(checkup.library()), "library")
    assert found.told == f"0.1.0 from {folder}/libtracevault.so.0, {how}"
    assert found.public == f"0.1.0, {how.removeprefix('found ')}"


def test_a_library_that_cannot_be_loaded_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict[str, Any]:
        raise LibraryLoadError("no such file: /opt/soc/lib.so")

    monkeypatch.setattr(offline, "build_info", missing)
    (found,) = checkup.library()
    assert (found.name, found.state) == ("library", "fault")
    assert "/opt/soc/lib.so" in found.told
    assert "/opt" not in found.public
    assert _lib.VARIABLE in found.do


@pytest.mark.usefixtures("library_path")
def test_the_real_library_tells_the_same_facts() -> None:
    found = list(checkup.library())
    told = named(found, "libcurl").told
    assert re.fullmatch(r"libcurl \d+\.\d+\.\d+, \w+/[\w.]+, (no )?HTTP/2", told)
    assert named(found, "library").told.startswith(f"{tv.__version__} from /")
    faults = offline.build_info()["libcurl_faults"]
    remaining = [f"{one['name']}: {one['how']}" for one in faults if one["remedy"] == "open"]
    told = named(found, "libcurl faults").told
    assert told == ("; ".join(remaining) or f"{len(faults)} known, each avoided or refused")


# ---- the way to the API ---------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_a_variable_names_is_told_as_not_used(variable: str) -> None:
    found, *_ = checkup.network(given({variable: "http://proxy.example"}), AWAY)
    assert (found.name, found.state) == ("proxy", "note")
    assert variable in found.told
    assert "reads no variables" in found.told
    assert "http.proxy" in found.do
    assert "proxy.example" not in found.public


def test_a_proxy_that_is_set_is_told_and_nothing_needs_doing() -> None:
    variables = {"HTTPS_PROXY": "http://other.example"}
    found, *_ = checkup.network(given(variables, http__proxy="http://proxy.example:3128"), AWAY)
    assert (found.state, found.told, found.do) == ("ok", "http://proxy.example:3128", "")
    assert found.public == "one is set"
    none, *_ = checkup.network(given({}), AWAY)
    assert (none.state, none.told, none.do) == ("ok", "none", "")


@pytest.mark.parametrize(("count", "state"), [(0, "fault"), (2, "ok")])
def test_the_authorities_of_a_file_are_counted(tmp_path: Path, count: int, state: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\n" * count)
    file.chmod(0o600)
    _, found, *_ = checkup.network(given({}, tls__ca_file=str(file)), AWAY)
    assert (found.name, found.state, bool(found.do)) == ("authorities", state, count == 0)
    assert found.told == f"{count} in {file}"
    assert str(file) not in found.public


# ---- the vault ------------------------------------------------------------------------------


def described(saved: timedelta, *unlocks: str) -> dict[str, Any]:
    then = (datetime.now(timezone.utc) - saved).isoformat()
    kinds = [{"slot": at, "type": kind, "label": ""} for at, kind in enumerate(unlocks)]
    return {"generation": 7, "tenants": 3, "credentials": 5, "format": 2, "saved": then,
            "unlocks": kinds}  # fmt: skip


@pytest.mark.parametrize(
    ("saved", "age"),
    [
        (timedelta(minutes=-5), "0 min"),
        (timedelta(minutes=90), "90 min"),
        (timedelta(hours=30), "30 h"),
        (timedelta(days=40), "40 days"),
    ],
)
def test_the_vault_is_told_with_its_counts_and_its_age(saved: timedelta, age: str) -> None:
    found = named(list(checkup.vault(described(saved, "keyfile"), "s3://b/soc")), "vault")
    told = f"generation 7, 3 tenants, 5 credentials, format 2, saved {age} ago"
    assert (found.state, found.told, found.public) == ("ok", f"s3://b/soc: {told}", told)


@pytest.mark.parametrize(
    ("unlocks", "state", "told"),
    [
        (("keyfile",), "note", "1: keyfile"),
        (("keyfile", "passphrase"), "ok", "2: keyfile, passphrase"),
    ],
)
def test_a_vault_with_one_unlock_alone_is_told(
    unlocks: tuple[str, ...], state: str, told: str
) -> None:
    found = named(list(checkup.vault(described(timedelta(), *unlocks), "s3://b/soc")), "unlocks")
    assert (found.state, found.told) == (state, told)
    assert ("add-unlock" in found.do) == (state == "note")


@pytest.mark.parametrize(("mode", "there"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_vault_that_others_may_read_is_told(tmp_path: Path, mode: int, there: bool) -> None:
    file = tmp_path / "soc.vault"
    file.touch()
    file.chmod(mode)
    found = list(checkup.vault(described(timedelta(), "keyfile"), str(file)))
    told = [one for one in found if one.name == "vault file"]
    assert [one.state for one in told] == ["note"] * there
    assert all(f"{mode:04o}" in one.told and "chmod" in one.do for one in told)


# ---- credentials ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "state", "told"),
    [
        ((), "ok", "0 credentials: 0 have ended, 0 end within 14 days, of 0 the end is not known"),
        ((None, 90.0), "ok", "2 credentials: 0 have ended, 0 end within 14 days, of 1 the"),
        ((13.9, 14.1), "note", "2 credentials: 0 have ended, 1 end within 14 days, of 0 the"),
        ((0.1, -0.1, -90.0, None), "fault",
         "4 credentials: 2 have ended, 1 end within 14 days, of 1 the"),
    ],
)  # fmt: skip
def test_credentials_that_ended_or_end_soon_are_counted(
    days: tuple[float | None, ...], state: str, told: str
) -> None:
    now = datetime.now(timezone.utc)
    ends = [None if left is None else (now + timedelta(days=left)).isoformat() for left in days]
    accounts = [
        tv.Account(tenant="acme", account_id=ACME, kind="api_token", expires_text=end)
        for end in ends
    ]
    found = checkup.expiries(accounts)
    assert (found.name, found.state) == ("expiry", state)
    assert found.told.startswith(told)
    assert ("account rotate" in found.do) == (state != "ok")


@pytest.mark.parametrize(
    ("granted", "state", "told"),
    [
        (True, "ok", "x of acme works and may read"),
        (None, "note", "x of acme works; whether it may read is not known: asked in vain"),
        (False, "fault", "x of acme works, but may not read: asked in vain"),
    ],
)
def test_a_credential_that_works_is_told_with_what_it_may_read(
    granted: bool | None, state: str, told: str
) -> None:
    reason = {"status": "TV_E_SERVER", "message": "asked in vain", "retriable": True}
    access = {"granted": granted, "reason": None if granted else reason}
    document = {"schema": "tracevault.check/1", "valid": True, "kind": "api_token"}
    found = checkup.access("x of acme", tv.CheckResult.from_json({**document, "access": access}))
    assert (found.state, found.told) == (state, told)
    assert "acme" not in found.public


def test_one_tenant_and_one_credential_are_counted_as_one() -> None:
    told = next(iter(checkup.vault({"generation": 1, "tenants": 1, "credentials": 1,
                                    "format": 2}, "v")))  # fmt: skip
    assert "generation 1, 1 tenant, 1 credential, format 2" in told.told
    account = tv.Account(tenant="acme", account_id=ACME, kind="api_token")
    assert checkup.expiries([account]).told.startswith("1 credential: 0 have ended")
