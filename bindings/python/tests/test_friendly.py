"""What a new user does wrong is told in words that say what to do."""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv

from .conftest import ACME, settings

ASK: Any = tv.Request


@pytest.mark.parametrize(
    ("wrong", "words"),
    [  # Each as somebody writes it whose editor checks no types.
        (
            lambda acme: ASK.trace(acme, None, "x", timeout="10"),
            "timeout.*number",
        ),
        (lambda acme: ASK.trace(acme, None, "x", wait="10"), "wait.*number of seconds"),
        (lambda acme: ASK.trace(acme, None, "x", wait=None), "wait.*not None"),
        (lambda acme: ASK.trace(acme, None, 5), "message reference must be str, not int"),
        (lambda acme: ASK.trace("acme", None, "x"), r"vault\.tenant\(name\)"),
        (lambda acme: ASK.trace(acme, acme.accounts()[0], "x"), r"account\.account_id"),
        (lambda acme: ASK.trace(acme, None, None), "message_ref"),
        (
            lambda acme: ASK.search(acme, None, start=date(2026, 1, 2)),
            r"2026, 1, 2",
        ),
        (lambda acme: tv.ApiToken(None), "variable"),  # type: ignore[arg-type]
        (lambda acme: tv.Passphrase(None), "variable"),  # type: ignore[arg-type]
        (lambda acme: tv.Engine(5), "mapping"),  # type: ignore[arg-type]
        (lambda acme: tv.Engine({"tls.ca_file": None}), r"tls\.ca_file"),  # type: ignore[dict-item]
        (lambda acme: tv.Vault.open(None, tv.Passphrase("x")), "path"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_a_wrong_type_is_told_with_the_right_one(
    acme: tv.Tenant, wrong: Callable[[Any], object], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        wrong(acme)


def test_calls_of_an_engine_tell_wrong_types(
    engine: tv.Engine, vault: tv.Vault, acme: tv.Tenant, tmp_path: Path
) -> None:
    whom = (acme, ACME)
    wrong: list[tuple[Callable[[Any], object], str]] = [
        (lambda e: e.take("10"), "timeout"),
        (lambda e: e.cancel("10"), "id"),
        (lambda e: e.estimate("acme", 5), "Tenant"),
        (lambda e: list(e.batch(5)), "iterable of Requests"),
        (lambda e: list(e.batch(["4Njp3P0STMz2c02Q"])), "takes Requests, not str"),
        (lambda e: list(e.batch([None])), "takes Requests, not NoneType"),
        (lambda e: list(e.batch([], window="5")), "window"),
        (lambda e: e.hunt("acme", sender="x"), r"vault\.tenant"),
        (lambda e: e.check_all(vault, expiring="30"), "days"),
        (lambda e: e.collect(vault, checkpoint="x", look_back=5), "timedelta"),
        (lambda e: list(e.batch([], progress=5)), "progress must be a function, not int"),
        (lambda e: list(e.batch([], follow=5)), "follow must be a function, not int"),
        (lambda e: e.hunt(vault, sender="x", progress=5), "progress must be a function"),
        (lambda e: e.check_all(vault, progress=5), "progress must be a function"),
        (lambda e: e.trace(*whom, next(iter(e.search(*whom, limit=1)))), "message_ref"),
        (lambda e: list(e.batch([], windw=5)), "windw.*window"),
        (lambda e: e.hunt(vault, sendr="x"), "sendr.*sender"),
        (lambda e: e.check_all(vault, expires=5), "expires.*expiring"),
        (lambda e: e.collect(vault, checkpoint="x", lookback=5), "lookback.*look_back"),
    ]
    for call, words in wrong:
        with pytest.raises(TypeError, match=words):
            call(engine)
    with pytest.raises(tv.ArgumentError, match="what to hunt for"):
        engine.hunt(vault)
    for look_back in (timedelta.max, timedelta(days=-1), timedelta(days=800_000)):
        with pytest.raises(tv.ArgumentError, match="look_back"):
            engine.collect(vault, checkpoint=tmp_path / "c", look_back=look_back)
    assert not (tmp_path / "c").exists()
    for options in ({"limit": 0}, {"start": "yesterday"}, {"delivery_status": "two words"}):
        with pytest.raises(tv.ArgumentError, match=next(iter(options))):
            engine.hunt(vault, sender="x", **options)


def test_seconds_out_of_range_and_a_setting_that_there_is_not_are_named(acme: tv.Tenant) -> None:
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: ASK.trace(acme, None, "x", wait=-1), "wait must be 0 seconds or more, not -1"),
        (lambda: ASK.trace(acme, None, "x", timeout=0), "timeout must be 0.001 seconds or more"),
        (lambda: ASK.check(acme, None, timeout=timedelta(seconds=-1)), "timeout must be"),
        (lambda: tv.Engine({"api.baseurl": "x"}), r"'api\.baseurl'; did you mean api\.base_url"),
        (lambda: tv.Engine({"http.max_streams": "many"}), r"http\.max_streams"),
    ]
    for call, words in wrong:
        with pytest.raises(tv.ArgumentError, match=words):
            call()


def test_a_time_without_a_zone_is_told_how_to_say_it(acme: tv.Tenant) -> None:
    with pytest.raises(tv.ArgumentError, match=r"tzinfo=timezone\.utc"):
        ASK.search(acme, None, start=datetime(2026, 1, 1))
    refused = pytest.raises(TypeError, match=r"expires cannot be a date")
    with refused, tv.Vault.in_memory() as vault, vault.edit() as edit:
        edit.set("acme", ACME, expires=date(2026, 1, 1))  # type: ignore[arg-type]


def test_a_timedelta_is_as_good_as_seconds(engine: tv.Engine, acme: tv.Tenant) -> None:
    with pytest.raises(tv.DeadlineError):
        engine.trace(acme, ACME, "slow-60000", timeout=timedelta(milliseconds=50))


def test_what_holds_a_secret_or_a_thread_cannot_be_pickled_or_copied(
    engine: tv.Engine, vault: tv.Vault, acme: tv.Tenant
) -> None:
    request = ASK.trace(acme, ACME, "x")
    other = tv.AsyncEngine()
    with vault.edit() as edit, contextlib.closing(other):
        for one in (engine, other, vault, acme, request, edit):
            for spread in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(TypeError, match="pickled"):
                    spread(one)


def test_what_is_found_can_be_pickled(
    server: Standin, engine: tv.Engine, vault: tv.Vault, acme: tv.Tenant, tmp_path: Path
) -> None:
    found: list[Any] = [
        engine.trace(acme, ACME, server.messages_of(ACME)[0].postfix_id),
        engine.search(acme, ACME, limit=1),
        *engine.check_all(acme),
        *engine.hunt(acme, sender="sender.example"),
        *engine.hunt(acme, query="standin-page1-bad-html"),
        *engine.collect(acme, checkpoint=tmp_path / "c", start="2000-01-01T00:00:00Z"),
    ]
    for one in found:
        again = pickle.loads(pickle.dumps(one))  # noqa: S301
        assert type(again) is type(one)
        assert repr(again) == repr(one)


def test_errors_name_tenant_account_and_reference_also_after_a_pickle(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    with pytest.raises(tv.MessageNotFoundError) as caught:
        engine.trace(acme, ACME, "fail-404")
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):  # noqa: S301
        assert (error.tenant, error.account_id, error.message_ref) == ("acme", ACME, "fail-404")
        assert str(error).endswith(f"(tenant 'acme', account '{ACME}', message 'fail-404')")
        assert error.to_dict()["status"] == "TV_E_NO_MESSAGE"
    with pytest.raises(tv.ArgumentError, match=r"acme.*not a ref"):
        engine.trace(acme, ACME, "not a ref")
    (result,) = engine.batch([ASK.trace(acme, ACME, "not a ref")])
    assert result.error is not None
    assert result.error.message_ref == "not a ref"


def test_unwrap_gives_the_answer_or_raises_the_error(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    requests = [ASK.trace(acme, ACME, ref, tag=ref) for ref in (good, "fail-404")]
    results = {result.tag: result for result in engine.batch(requests)}
    assert results[good].unwrap().message_ref == good
    assert results[good].answer is results[good].trace
    with pytest.raises(tv.MessageNotFoundError):
        results["fail-404"].unwrap()
    assert results["fail-404"].answer is None


def test_representations_are_short(
    server: Standin, engine: tv.Engine, vault: tv.Vault, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    request = ASK.trace(acme, ACME, good)
    assert repr(request) == f"Request.trace('acme', '{ACME}', '{good}')"
    assert "limit='5'" in repr(ASK.search(acme, None, limit=5))
    (failed,) = engine.batch([ASK.trace(acme, ACME, "fail-404")])
    assert repr(failed).endswith(": TV_E_NO_MESSAGE)")
    for one in (engine, vault, acme, *vault.accounts()):
        assert len(repr(one)) < 120
    assert repr(vault.accounts()[0]).startswith("Account('acme'")
    with tv.Engine(settings(server)) as closed:
        pass
    assert repr(closed) == "<Engine, closed>"
    key = tv.RawKey(bytes(range(32)))
    assert repr(key) == "<RawKey, open>"
    key.close()
    assert repr(key) == "<RawKey, closed>"
    with vault.edit() as edit:
        assert repr(edit) == "<Edit, open>"
    assert repr(edit) == "<Edit, committed>"


def test_what_was_found_shows_what_there_is_and_not_what_there_is_not(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path
) -> None:
    trace = engine.trace(acme, ACME, server.messages_of(ACME)[0].postfix_id)
    ref, lines = trace.message_ref, len(trace.lines)
    state, recipients = trace.summary.state, len(trace.summary.recipients)
    assert repr(trace) == (
        f"Trace('acme', '{ACME}', '{ref}', {state}, recipients={recipients}, lines={lines})"
    )
    found = engine.search(acme, ACME, limit=2, start="2000-01-01T00:00:00Z")
    assert repr(found) == f"SearchResult('acme', '{ACME}', messages=2, complete=False)"
    events = [line.event for line in trace.lines if line.event]
    assert repr(events[0]).startswith("Event(kind='")
    parts: list[object] = [trace, trace.summary, trace.inbound, *trace.lines, *events]
    parts += [*trace.summary.recipients, *trace.summary.hops, found, *found]
    parts += [engine.check(acme, ACME), *engine.hunt(acme, sender="sender.example")]
    parts += engine.collect(acme, checkpoint=tmp_path / "c", start="2000-01-01T00:00:00Z")
    parts += engine.batch([ASK.trace(acme, ACME, ref), ASK.check(acme, ACME)])
    parts += engine.check_all(acme)
    long = [shown for shown in map(repr, parts) if len(shown) > 500 or "=None" in shown]
    assert long == []
