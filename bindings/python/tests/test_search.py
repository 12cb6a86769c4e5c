"""Searches against the stand-in: filters, pages, hostile next pages, deferred answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import jsonschema
import pytest
from launcher import Standin

import tracevault as tv

from .conftest import ACME, REPOSITORY, settings

LONG_AGO = "2000-01-01T00:00:00Z"
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((REPOSITORY / "docs" / "search.schema.json").read_text())
)


def ids(server: Standin, account: str = ACME) -> list[str]:
    """Every message that search can find in an account, newest first."""
    return [mail.item["id"] for mail in server.mail_of(account)]


def refs(found: tv.SearchResult) -> list[str | None]:
    return [message.message_ref for message in found]


def codes(found: tv.SearchResult) -> list[str]:
    return [warning.code for warning in found.warnings]


def test_every_message_is_found_word_for_word(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    for account in server.accounts:
        with vault.tenant(account.tenant) as tenant:
            found = engine.search(tenant, account.id, start=LONG_AGO, limit=1000)
        mail = server.mail_of(account.id)
        assert [message.item for message in found] == [one.item for one in mail]
        assert refs(found) == [one.item["id"] for one in mail]
        assert (found.complete, found.next_cursor, found.error) == (True, None, None)
        assert (found.account_id, found.tenant) == (account.id, account.tenant)
        assert set(codes(found)) <= {"time_zone_missing"}
        SCHEMA.validate(found.to_dict())
        for message, one in zip(found, mail, strict=True):
            assert list(message.to) == one.item["to"]
            assert message.sender == one.item["from"]
            assert message.scanned_at == one.scanned


def test_what_is_found_can_be_traced(server: Standin, engine: tv.Engine, acme: tv.Tenant) -> None:
    found = engine.search(acme, ACME, start=LONG_AGO, limit=1000)
    assert len(found) == len(ids(server))
    requests = [
        tv.Request.trace(acme, ACME, message.message_ref, wait=30)
        for message in found
        if message.message_ref
    ]
    assert len(requests) == len(found)
    for result in engine.batch(requests):
        assert result.trace is not None, result.error
        assert result.trace.message_ref in ids(server)


def test_a_message_and_its_trace_are_joined_by_their_message_id(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    found = engine.search(acme, ACME, start=LONG_AGO, limit=1000)
    rows = {message.message_id: message for message in found if message.message_id}
    requests = [
        tv.Request.trace(acme, ACME, message.message_ref, wait=30)
        for message in rows.values()
        if message.message_ref
    ]
    joined = 0
    for result in engine.batch(requests):
        assert result.trace is not None, result.error
        name = result.trace.summary.message_id
        # Not every trace has the line that says so; one that has it is found without a change.
        if name:
            assert rows[name].message_ref == result.trace.message_ref
            assert any(hop.message_id == name for hop in result.trace.summary.hops)
            joined += 1
    assert joined > 0


def test_clean_mail_is_found_unless_detections_are_asked_for(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    everything = engine.search(acme, ACME, start=LONG_AGO, limit=1000)
    detected = engine.search(acme, ACME, start=LONG_AGO, limit=1000, detections_only=True)
    mail = server.mail_of(ACME)
    assert refs(everything) == [one.item["id"] for one in mail]
    assert refs(detected) == [one.item["id"] for one in mail if one.detected]
    assert 0 < len(detected) < len(everything)
    sent = [parse_qs(request["query"])["detections_only"] for request in server.requests()]
    assert sent == [["false"], ["true"]]


def test_filters_travel_unharmed(server: Standin, engine: tv.Engine, acme: tv.Tenant) -> None:
    server.reset()
    values: tv.SearchFilters = {
        "subject": "Überweisung & März = 100% + #1 请求",
        "sender": "a+b@sender.example",
        "message_id": "<a@b>",
    }
    engine.search(acme, ACME, **values)
    (request,) = server.requests()
    sent = {name: value[0] for name, value in parse_qs(request["query"]).items()}
    assert sent == {"detections_only": "false", "per_page": "100", **values}


def test_pages_follow_each_other_to_the_limit_and_on_from_there(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    wanted = ids(server)
    first = engine.search(acme, ACME, start=LONG_AGO, limit=8, per_page=4)
    assert refs(first) == wanted[:8]
    assert (first.pages, first.attempts, first.complete) == (2, 2, False)
    assert first.next_cursor
    rest = engine.search(
        acme, ACME, start=LONG_AGO, limit=1000, per_page=4, cursor=first.next_cursor
    )
    assert refs(rest) == wanted[8:]
    assert rest.complete
    assert len(server.requests()) == first.pages + rest.pages


def test_a_limit_inside_a_page_cuts_it_aloud_and_loses_nothing(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    wanted = ids(server)
    cut = engine.search(acme, ACME, start=LONG_AGO, limit=6, per_page=4)
    assert (refs(cut), codes(cut)) == (wanted[:6], ["limit_cut"])
    assert cut.next_cursor
    again = engine.search(
        acme, ACME, start=LONG_AGO, limit=1000, per_page=4, cursor=cut.next_cursor
    )
    assert refs(again) == wanted[6:]


@pytest.mark.parametrize("word", ["standin-next-url", "standin-next-url-path", "standin-link"])
def test_the_next_page_may_be_named_in_other_ways(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, word: str
) -> None:
    found = engine.search(acme, ACME, start=LONG_AGO, query=word, per_page=4, limit=1000)
    if word.endswith("-path"):
        # A path is no URL: it looks like any other cursor, and the server refuses it.
        assert found.error is not None
        assert found.error.http_status == 400
    else:
        assert refs(found) == ids(server)
        assert found.complete


@pytest.mark.parametrize(
    "word",
    [
        "standin-next-url-elsewhere",
        "standin-next-url-host",
        "standin-next-url-plain",
        "standin-link-elsewhere",
    ],
)
def test_a_next_page_elsewhere_is_never_asked_for(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, word: str
) -> None:
    server.reset()
    found = engine.search(acme, ACME, start=LONG_AGO, query=word, per_page=4)
    assert refs(found) == ids(server)[:4]
    assert (found.complete, codes(found)) == (False, ["cursor_unusable"])
    assert [request["server"] for request in server.requests()] == ["api"]


@pytest.mark.parametrize(("word", "pages"), [("repeated", 2), ("cycling", 3)])
def test_cursors_that_come_again_end_the_search(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, word: str, pages: int
) -> None:
    found = engine.search(acme, ACME, query=f"standin-{word}-cursor{'s' * (word == 'cycling')}")
    assert (found.pages, found.complete) == (pages, False)
    # The pages behind it are the first one again.
    assert codes(found) == ["duplicate_message", "cursor_repeated"]
    assert len({*refs(found)}) == len(found)


@pytest.mark.parametrize("where", ["", "-url", "-path"])
def test_a_deferred_answer_is_fetched_where_the_server_says(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, where: str
) -> None:
    server.reset()
    query = f"standin-202-1{where}-retry-0" if not where else f"standin-202-1{where}"
    found = engine.search(acme, ACME, start=LONG_AGO, query=query, per_page=4, limit=8, timeout=60)
    assert refs(found) == ids(server)[:8]
    paths = [request["path"] for request in server.requests()]
    assert [path.rpartition("/investigate")[2].split("/")[-2:] for path in paths[1:3]] == [
        ["results", paths[1].rpartition("/")[2]]
    ] * 2
    assert found.attempts == len(paths) == 4


@pytest.mark.parametrize("word", ["elsewhere", "host", "plain", "no-location"])
def test_a_deferred_answer_elsewhere_is_never_asked_for(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, word: str
) -> None:
    server.reset()
    query = "standin-202-no-location" if word == "no-location" else f"standin-202-0-{word}"
    with pytest.raises(tv.ReplyError) as caught:
        engine.search(acme, ACME, query=query)
    assert caught.value.status is tv.Status.E_REPLY_DEFERRED
    assert [request["server"] for request in server.requests()] == ["api"]


def test_an_answer_that_is_deferred_for_ever_ends_with_the_deadline(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    with pytest.raises(tv.RequestError) as caught:
        engine.search(acme, ACME, query="standin-202-for-ever", timeout=2.5)
    assert caught.value.status in (tv.Status.E_DEADLINE, tv.Status.E_REPLY_DEFERRED)
    assert "202" in str(caught.value)


def test_pages_that_came_before_the_deadline_are_the_result(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    found = engine.search(
        acme, ACME, query="standin-page2-slow-60000", per_page=2, start=LONG_AGO, timeout=2
    )
    assert refs(found) == ids(server)[:2]
    assert (found.complete, codes(found)) == (False, ["stopped_early"])
    assert found.next_cursor
    assert found.error is not None
    assert found.error.name == "TV_E_DEADLINE"


FAILURES: list[tuple[str, str, int]] = [
    ("fail-403-permission", "TV_E_CREDENTIAL", 403),
    ("fail-404", "TV_E_HTTP", 404),
    ("fail-500", "TV_E_SERVER", 500),
    ("fail-418", "TV_E_HTTP", 418),
    ("fail-redirect", "TV_E_REDIRECT", 302),
    ("bad-html", "TV_E_FOREIGN_REPLY", 200),
    ("bad-empty", "TV_E_REPLY_EMPTY", 200),
    ("bad-truncated", "TV_E_REPLY_TRUNCATED", 200),
    ("bad-deep", "TV_E_REPLY_DEPTH", 200),
    ("bad-success-false", "TV_E_REPLY_REFUSED", 200),
]


@pytest.mark.parametrize(("ref", "name", "http"), FAILURES, ids=str)
def test_a_failing_first_page_is_an_error_and_a_later_one_keeps_what_came(
    server: Standin, acme: tv.Tenant, ref: str, name: str, http: int
) -> None:
    with tv.Engine(settings(server, retry_max_attempts=2)) as engine:
        with pytest.raises(tv.TraceVaultError) as caught:
            engine.search(acme, ACME, query=f"standin-page1-{ref}", per_page=2, timeout=60)
        assert (caught.value.name, caught.value.http_status) == (name, http)
    # Another engine: the first does not try a refused credential again.
    with tv.Engine(settings(server, retry_max_attempts=2)) as engine:
        found = engine.search(acme, ACME, query=f"standin-page2-{ref}", per_page=2, timeout=60)
    assert refs(found) == ids(server)[:2]
    assert found.error is not None
    assert (found.error.name, found.error.http_status) == (name, http)
    assert (found.complete, found.pages) == (False, 1)
    assert found.next_cursor
    SCHEMA.validate(found.to_dict())


def test_a_page_that_fails_once_is_asked_for_again(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    found = engine.search(
        acme, ACME, start=LONG_AGO, query="standin-page2-fail-503-once", per_page=4, limit=1000
    )
    assert refs(found) == ids(server)
    assert found.attempts == found.pages + 1


def test_a_result_that_is_no_list_is_a_reply_error(engine: tv.Engine, acme: tv.Tenant) -> None:
    with pytest.raises(tv.ReplyError) as caught:
        engine.search(acme, ACME, query="standin-not-a-list")
    assert caught.value.status is tv.Status.E_REPLY_SHAPE


def test_a_result_of_null_is_a_search_that_found_nothing(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    found = engine.search(acme, ACME, query="standin-null-result")
    assert (len(found), found.complete, found.error) == (0, True, None)


def test_odd_items_are_kept_and_told(engine: tv.Engine, acme: tv.Tenant) -> None:
    found = engine.search(acme, ACME, query="standin-odd-items", limit=1000)
    assert None in refs(found)
    assert refs(found)[-1] is not None
    assert {"item_not_object", "message_ref_missing"} <= {*codes(found)}
    SCHEMA.validate(found.to_dict())


# Larger pages of this stand-in are nearly one item repeated: they compress more than a hundred
# times, which is refused as a bomb.
@pytest.mark.parametrize("size", [250, 500])
def test_ten_thousand_messages_come_in_one_search(
    engine: tv.Engine, acme: tv.Tenant, size: int
) -> None:
    found = engine.search(
        acme, ACME, query="standin-items-10000", per_page=size, limit=10_000, timeout=60
    )
    assert (len(found), found.pages, found.error) == (10_000, 10_000 // size, None)
    assert len({*refs(found)}) == 10_000


def test_a_value_cloudflare_refuses_is_its_own_error(engine: tv.Engine, acme: tv.Tenant) -> None:
    with pytest.raises(tv.ReplyError) as caught:
        engine.search(acme, ACME, delivery_status="no-such-status")
    assert (caught.value.http_status, caught.value.codes) == (400, (10400,))


def test_searches_checks_and_traces_mix_in_a_batch(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    requests: list[tv.Request] = [
        tv.Request.trace(acme, ACME, good),
        tv.Request.search(acme, ACME, limit=1, priority="bulk"),
        tv.Request.check(acme, ACME),
    ] * 5
    results = list(engine.batch(requests))
    assert len(results) == len(requests)
    for result in results:
        outcome: dict[str, Any] = {
            "trace": result.trace,
            "search": result.search,
            "check": result.check,
        }
        assert result.error is None
        given = [kind for kind, value in outcome.items() if value is not None]
        assert given == [result.request.kind]
