"""Requests take the options of their kind; the library checks the values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv
from tracevault._lib import library


@pytest.fixture
def acme(library_path: Path) -> Iterator[tv.Tenant]:
    assert library_path
    with tv.Vault.in_memory() as vault:
        with vault.edit() as edit:
            edit.put("acme", "0" * 32, tv.ApiToken(b"not-a-real-token-0000000000"))
        with vault.tenant("acme") as tenant:
            yield tenant


def made(request: tv.Request) -> None:
    lib = library()
    lib.tv_request_free(request._made(lib))


FILTERS: tv.SearchFilters = {
    "sender": "a@example.net",
    "recipient": "example.org",
    "domain": "example.net",
    "subject": "Über & <co>",
    "message_id": "<m1@example.net>",
    "alert_id": "4Njp3P0STMz2c02Q-2024-01-05T10:00:00",
    "smtp_helo_ip": "192.0.2.1",
    "query": "invoice",
    "delivery_status": "quarantined",
    "final_disposition": "MALICIOUS",
    "message_action": "MOVED",
    "metric": "any",
    "start": "2026-01-01T00:00:00Z",
    "end": datetime(2026, 2, 1, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=1))),
    "detections_only": True,
    "limit": 5000,
    "per_page": 500,
    "cursor": "c1",
}


def test_the_library_knows_every_filter(acme: tv.Tenant) -> None:
    assert FILTERS.keys() == tv.SearchFilters.__annotations__.keys()
    request = tv.Request.search(acme, None, **FILTERS, timeout=5, priority="bulk")
    assert dict(request.filters)["end"] == "2026-02-01T01:02:03.000004+01:00"
    assert dict(request.filters)["detections_only"] == "true"
    made(request)


def test_a_filter_that_is_none_is_left_out(acme: tv.Tenant) -> None:
    nothing: Any = None
    request = tv.Request.search(acme, None, sender=nothing, limit=1)
    assert request.filters == (("limit", "1"),)
    made(request)


def test_an_unknown_filter_is_a_type_error_that_lists_what_there_is(acme: tv.Tenant) -> None:
    search: Any = tv.Request.search
    with pytest.raises(TypeError, match=r"no such filter: from; there are: .*sender"):
        search(acme, None, **{"from": "a@example.net"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", 0),
        ("limit", 100_001),
        ("sender", ""),
        ("sender", "x" * 1025),
        ("subject", "two\nlines"),
        ("start", "2026-01-01"),
        ("delivery_status", "a b"),
    ],
)
def test_a_value_the_library_refuses_is_an_argument_error(
    acme: tv.Tenant, name: str, value: Any
) -> None:
    filters: Any = {name: value}
    with pytest.raises(tv.ArgumentError, match=name) as caught:
        made(tv.Request.search(acme, None, **filters))
    assert caught.value.status is tv.Status.E_CONFIG_VALUE


def test_a_time_without_zone_and_a_value_of_another_type_are_refused_at_once(
    acme: tv.Tenant,
) -> None:
    with pytest.raises(tv.ArgumentError, match="time zone"):
        tv.Request.search(acme, None, start=datetime(2026, 1, 1))
    for wrong in (b"x", 1.5, ["x"]):
        filters: Any = {"sender": wrong}
        with pytest.raises(TypeError, match="sender"):
            tv.Request.search(acme, None, **filters)
    with pytest.raises(tv.ArgumentError):
        tv.Request.search(acme, None, sender="\udc80")


def test_a_trace_request_takes_priority_and_fresh(acme: tv.Tenant) -> None:
    made(tv.Request.trace(acme, None, "m1", priority="bulk", fresh=True))
    wrong: Any = "high"
    with pytest.raises(tv.ArgumentError, match="priority"):
        made(tv.Request.trace(acme, None, "m1", priority=wrong))


def test_a_check_request_takes_a_timeout_and_a_priority(acme: tv.Tenant) -> None:
    made(tv.Request.check(acme, "0" * 32, timeout=5, priority="bulk"))


def test_every_request_can_be_a_key_of_a_dict(acme: tv.Tenant) -> None:
    requests = [
        tv.Request.trace(acme, None, "m1"),
        tv.Request.search(acme, None, limit=1),
        tv.Request.check(acme, None),
    ]
    assert [request.kind for request in requests] == ["trace", "search", "check"]
    assert len({*requests}) == 3


@pytest.mark.parametrize("account", ["x", "F" * 32])
def test_a_malformed_account_is_refused_by_every_kind(acme: tv.Tenant, account: str) -> None:
    for request in (
        tv.Request.trace(acme, account, "m1"),
        tv.Request.search(acme, account),
        tv.Request.check(acme, account),
    ):
        with pytest.raises(tv.ArgumentError) as caught:
            made(request)
        assert caught.value.status is tv.Status.E_ACCOUNT_ID
