"""What ended a request early is told in its answer, and what is told of a rest is what is kept."""

from __future__ import annotations

import pytest
import tracevault as tv
from bare_server import ACCOUNT, BLOCK, TRACE, engine, reply, serving, tenant

REF = "4Njp3P0STMz2c02Q"
PENDING = {**TRACE, "result": {"inbound": {**BLOCK, "pending": True}, "outbound": BLOCK}}
PAGE = {"success": True, "errors": [], "result": [{"id": "a"}], "result_info": {"next": "c"}}


@pytest.mark.parametrize("asked", ["86400", "1", "0", ""])
def test_the_rest_that_is_told_is_the_one_that_is_kept(asked: str) -> None:
    header = f"retry-after: {asked}\r\n" if asked else ""
    with (
        serving(lambda _head, _number: reply({}, 429, header)) as server,
        engine(server.origin, budget__quota=1200, budget__ledger="private") as asking,
        tenant(server.origin) as acme,
    ):
        with pytest.raises(tv.RateLimitedError) as caught:
            asking.trace(acme, ACCOUNT, REF, timeout=0.9)
        assert caught.value.retry_after is not None
        told = caught.value.retry_after * 1000
        kept = asking.estimate(acme, 1)["parked_ms"]
        # Of what is told a little is over by now.
        assert told - 30_000 < kept <= told <= 300_000


def test_a_last_look_that_hangs_is_told_in_the_trace_that_came_before() -> None:
    with (
        serving(lambda _head, number: reply(PENDING) if number == 1 else None) as server,
        engine(server.origin) as asking,
        tenant(server.origin) as acme,
    ):
        trace = asking.trace(acme, ACCOUNT, REF, wait=2.5, timeout=60)
        assert not trace.complete and trace.inbound.lines
        assert trace.error is not None
        assert trace.error.name == "TV_E_DEADLINE" and trace.error.retriable
        assert "look" in trace.error.message and "the first byte" in trace.error.message
        assert [one.code for one in trace.warnings].count("last_look_failed") == 1


def test_a_last_look_that_hangs_after_one_that_failed_tells_both() -> None:
    answers = {1: reply(PENDING), 2: reply({}, 503)}
    with (
        serving(lambda _head, number: answers.get(number)) as server,
        engine(server.origin, retry__base_ms=1) as asking,
        tenant(server.origin) as acme,
    ):
        told = asking.trace(acme, ACCOUNT, REF, wait=4, timeout=60).error
        assert told is not None and (told.name, told.http_status) == ("TV_E_DEADLINE", 503)
        assert "the first byte" in told.message and "HTTP 503" in told.message


def test_a_wait_that_ends_between_two_looks_is_no_failure() -> None:
    with (
        serving(lambda _head, _number: reply(PENDING)) as server,
        engine(server.origin) as asking,
        tenant(server.origin) as acme,
    ):
        trace = asking.trace(acme, ACCOUNT, REF, wait=1.2, timeout=60)
        assert not trace.complete and trace.error is None and "error" not in trace.to_dict()
        assert all(one.code != "last_look_failed" for one in trace.warnings)


def test_a_search_that_hangs_after_a_page_failed_says_what_it_waited_for() -> None:
    answers = {1: reply(PAGE), 2: reply({}, 503)}
    with (
        serving(lambda _head, number: answers.get(number)) as server,
        engine(server.origin, retry__base_ms=1) as asking,
        tenant(server.origin) as acme,
    ):
        found = asking.search(acme, ACCOUNT, limit=9, per_page=1, timeout=2)
        assert len(found) == 1 and found.next_cursor == "c" and found.error is not None
        assert found.error.name == "TV_E_DEADLINE" and found.error.http_status == 503
        assert "the first byte" in found.error.message and "HTTP 503" in found.error.message
