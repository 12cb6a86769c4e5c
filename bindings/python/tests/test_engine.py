"""The blocking engine against the stand-in: traces, batches, failures, threads, shutting down."""

from __future__ import annotations

import gc
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator

import jsonschema
import pytest
from launcher import Standin

import tracevault as tv

from .conftest import REPOSITORY, credential, settings


@pytest.fixture
def acme(vault: tv.Vault) -> Iterator[tv.Tenant]:
    with vault.tenant("acme") as tenant:
        yield tenant


ACME = "acae0000000000000000000000000001"


def work(server: Standin, vault: tv.Vault) -> list[tv.Request]:
    """One request for every message of every tenant."""
    tenants = {account.tenant: vault.tenant(account.tenant) for account in server.accounts}
    return [
        tv.Request.trace(
            tenants[message.tenant],
            message.account_id,
            message.investigate_id,
            submission=message.submission or None,
        )
        for message in server.messages
    ]


# ---- One trace -------------------------------------------------------------------------------


def test_a_trace_comes_over_http2_and_tls_as_typed_data(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    message = server.messages_of(ACME)[0]
    trace = engine.trace(acme, ACME, message.investigate_id)
    assert (trace.account_id, trace.tenant) == (ACME, "acme")
    assert trace.message_ref == message.investigate_id
    expected = [line["message"] for line in (*message.inbound, *message.outbound)]
    assert [line.message for line in trace.lines] == expected
    assert all(line.at is not None for line in trace.lines)
    assert trace.http_status == 200
    assert trace.attempts == 1
    assert trace.fetched_at is not None
    (request,) = server.requests()
    assert (request["scheme"], request["http_version"]) == ("https", "2")
    assert request["path"].endswith(f"/investigate/{message.investigate_id}/trace")


def test_every_document_follows_the_schema(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    schema = json.loads((REPOSITORY / "docs" / "trace.schema.json").read_text())
    check = jsonschema.Draft202012Validator(schema)
    for result in engine.batch(work(server, vault)):
        assert result.trace is not None, result.error
        check.validate(result.trace.to_dict())


def test_a_global_key_travels_as_key_and_email(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    server.reset()
    account = next(a for a in server.accounts if server.credential(a.id).kind == "global_key")
    message = server.messages_of(account.id)[0]
    with vault.tenant(account.tenant) as tenant:
        engine.trace(tenant, account.id, message.postfix_id)
    (request,) = server.requests()
    names = {name.lower() for name, _ in request["headers"]}
    assert {"x-auth-email", "x-auth-key"} <= names
    assert "authorization" not in names


def test_the_account_may_be_left_out_when_the_tenant_has_exactly_one(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    with vault.tenant("initech") as initech:
        (account,) = initech.accounts()
        message = server.messages_of(account.account_id)[0]
        assert engine.trace(initech, None, message.alert_id).account_id == account.account_id


def test_wait_asks_again_until_the_trace_is_complete(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    server.reset()
    message = next(m for m in server.messages if m.pending_requests and not m.submission)
    with vault.tenant(message.tenant) as tenant:
        first = engine.trace(tenant, message.account_id, message.postfix_id)
        assert first.complete is False
        assert first.outbound.pending is True
        server.reset()
        trace = engine.trace(tenant, message.account_id, message.postfix_id, wait=60, timeout=60)
    assert trace.complete is True
    assert len(trace.outbound.lines) == len(message.outbound)


@pytest.mark.parametrize("submission", [True, False, None])
def test_submission_is_sent_only_when_asked_for(
    server: Standin, engine: tv.Engine, vault: tv.Vault, submission: bool | None
) -> None:
    server.reset()
    message = next(m for m in server.messages if m.submission is bool(submission))
    with vault.tenant(message.tenant) as tenant:
        engine.trace(tenant, message.account_id, message.postfix_id, submission=submission)
    expected = "" if submission is None else f"submission={str(submission).lower()}"
    assert server.requests()[0]["query"] == expected


# ---- Failures --------------------------------------------------------------------------------

FAILURES: list[tuple[str, type[tv.TraceVaultError], str, int]] = [
    ("fail-403-permission", tv.CredentialError, "TV_E_CREDENTIAL", 403),
    ("fail-401", tv.CredentialError, "TV_E_CREDENTIAL", 401),
    ("bad-problem-json", tv.CredentialError, "TV_E_FORBIDDEN", 403),
    ("fail-404", tv.MessageNotFoundError, "TV_E_NO_MESSAGE", 404),
    ("fail-429-1", tv.RateLimitedError, "TV_E_RATE_LIMITED", 429),
    ("fail-500", tv.ServerError, "TV_E_SERVER", 500),
    ("fail-522", tv.ServerError, "TV_E_SERVER", 522),
    ("fail-418", tv.ReplyError, "TV_E_HTTP", 418),
    ("fail-redirect", tv.ReplyError, "TV_E_REDIRECT", 302),
    ("bad-202", tv.ReplyError, "TV_E_REPLY_DEFERRED", 202),
    ("bad-html", tv.ReplyError, "TV_E_NOT_JSON", 200),
    ("bad-utf8", tv.ReplyError, "TV_E_NOT_JSON", 200),
    ("bad-empty", tv.ReplyError, "TV_E_REPLY_EMPTY", 200),
    ("bad-truncated", tv.ReplyError, "TV_E_REPLY_TRUNCATED", 200),
    ("bad-type", tv.ReplyError, "TV_E_REPLY_SHAPE", 200),
    ("bad-deep", tv.ReplyError, "TV_E_REPLY_DEPTH", 200),
    ("bad-large", tv.ReplyError, "TV_E_REPLY_TOO_LARGE", 200),
    ("bad-success-false", tv.ReplyError, "TV_E_REPLY_REFUSED", 200),
]


@pytest.mark.parametrize(("ref", "kind", "name", "http"), FAILURES, ids=str)
def test_every_failure_of_the_server_is_its_own_error_with_the_servers_facts(
    server: Standin,
    acme: tv.Tenant,
    ref: str,
    kind: type[tv.TraceVaultError],
    name: str,
    http: int,
) -> None:
    small = settings(server, retry_max_attempts=2, http_max_reply_bytes=1 << 20)
    with tv.Engine(small) as engine, pytest.raises(kind) as caught:
        # A 429 is tried again as long as the deadline allows.
        engine.trace(acme, ACME, ref, timeout=2 if http == 429 else 60)
    error = caught.value
    assert (type(error), error.name, error.http_status) == (kind, name, http)
    assert error.cf_ray
    assert "\n" not in str(error)
    assert error.message
    assert "not-real" not in str(error)


def test_an_error_carries_cloudflares_codes_and_how_long_to_wait(
    server: Standin, acme: tv.Tenant
) -> None:
    with (
        tv.Engine(settings(server, retry_max_attempts=1)) as engine,
        pytest.raises(tv.RateLimitedError) as caught,
    ):
        engine.trace(acme, ACME, "fail-429-2", timeout=2)
    assert caught.value.codes == (971,)
    assert caught.value.retriable
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 2


def test_a_failure_that_passes_is_retried(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    trace = engine.trace(acme, ACME, "fail-503-once", timeout=60)
    assert trace.attempts == 2


def test_no_answer_in_time_is_a_deadline_error_and_a_timeout(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    with pytest.raises(TimeoutError) as caught:
        engine.trace(acme, ACME, "slow-60000", timeout=0.2)
    assert isinstance(caught.value, tv.DeadlineError)


def test_a_broken_connection_is_a_transport_error(server: Standin) -> None:
    origin = server.raw_base_url.removesuffix("/client/v4")
    broken = settings(server, api_base_url=server.raw_base_url, retry_max_attempts=1)
    with tv.Vault.in_memory() as vault, tv.Engine(broken) as engine:
        with vault.edit() as edit:
            edit.put("acme", ACME, credential(server, ACME), origin=origin)
        with vault.tenant("acme") as acme, pytest.raises(tv.TransportError) as caught:
            engine.trace(acme, ACME, "close-no-reply", timeout=60)
    assert caught.value.status is tv.Status.E_TRANSPORT


def test_a_certificate_nobody_vouches_for_is_a_transport_error(
    server: Standin, acme: tv.Tenant
) -> None:
    strange = settings(server, tls_ca_file="", retry_max_attempts=1)
    with tv.Engine(strange) as engine, pytest.raises(tv.TransportError) as caught:
        engine.trace(acme, ACME, "x", timeout=60)
    assert caught.value.status is tv.Status.E_TLS


def test_a_credential_is_never_sent_to_another_origin(server: Standin) -> None:
    server.reset()
    with tv.Vault.in_memory() as vault, tv.Engine(settings(server)) as engine:
        with vault.edit() as edit:
            edit.put("acme", ACME, credential(server, ACME))
        with vault.tenant("acme") as acme, pytest.raises(tv.CredentialError) as caught:
            engine.trace(acme, ACME, "x", timeout=60)
    assert caught.value.status is tv.Status.E_ORIGIN
    assert server.requests() == []


def test_bad_arguments_are_refused_before_anything_is_sent(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    server.reset()
    cases = [
        (ACME, "../../user", tv.Status.E_MESSAGE_REF, tv.ArgumentError),
        (ACME, "", tv.Status.E_MESSAGE_REF, tv.ArgumentError),
        (ACME, "x" * 257, tv.Status.E_MESSAGE_REF, tv.ArgumentError),
        ("nonsense", "x", tv.Status.E_ACCOUNT_ID, tv.ArgumentError),
        ("f" * 32, "x", tv.Status.E_NOT_FOUND, tv.NotFoundError),
        (None, "x", tv.Status.E_AMBIGUOUS, tv.AmbiguousError),
    ]
    for account, ref, status, kind in cases:
        with pytest.raises(kind) as caught:
            engine.trace(acme, account, ref)
        assert caught.value.status is status
    for wait, timeout in ((float("nan"), None), (-1, None), (0, 0), (0, 1e9), (0, float("inf"))):
        with pytest.raises(tv.ArgumentError):
            engine.trace(acme, ACME, "x", wait=wait, timeout=timeout)
    with pytest.raises(tv.ArgumentError) as unicode:
        engine.trace(acme, ACME, "\udc80")
    assert unicode.value.status is tv.Status.E_ARGUMENT
    with pytest.raises(TypeError):
        engine.trace("acme", ACME, "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        engine.trace(acme, ACME, b"x")  # type: ignore[arg-type]
    assert server.requests() == []


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"engine.no_such": 1}, tv.Status.E_CONFIG_NAME),
        ({"engine.max_queued": 0}, tv.Status.E_CONFIG_VALUE),
        ({"engine.max_queued": "many"}, tv.Status.E_CONFIG_VALUE),
        ({"api.base_url": "http://example.com"}, tv.Status.E_CONFIG_VALUE),
    ],
    ids=["name", "range", "text", "plain http"],
)
def test_wrong_settings_are_argument_errors(
    server: Standin, wrong: dict[str, tv.Setting], status: tv.Status
) -> None:
    with pytest.raises(tv.ArgumentError) as caught:
        tv.Engine(wrong)
    assert caught.value.status is status


# ---- Many ------------------------------------------------------------------------------------


def test_a_batch_gives_exactly_one_result_for_every_request_of_every_tenant(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    requests = work(server, vault) * 5
    results = list(engine.batch(requests))
    assert Counter(map(id, requests)) == Counter(id(result.request) for result in results)
    assert {result.request.tenant.name for result in results} == {"acme", "globex", "initech"}
    for result in results:
        assert result.error is None
        assert result.trace is not None
        assert result.trace.message_ref == result.request.message_ref
        assert result.trace.tenant == result.request.tenant.name


def test_a_refused_request_is_one_result_among_the_others(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    refs = [good, "not a ref", "fail-404", good]
    results = list(engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs))
    assert sorted(result.error.name if result.error else "" for result in results) == [
        "",
        "",
        "TV_E_MESSAGE_REF",
        "TV_E_NO_MESSAGE",
    ]
    assert all((result.trace is None) != (result.error is None) for result in results)


def test_a_queue_of_three_holds_a_batch_back_and_loses_nothing(
    server: Standin, vault: tv.Vault
) -> None:
    requests = work(server, vault)
    with tv.Engine(settings(server, engine_max_queued=3)) as engine:
        results = list(engine.batch(requests))
    assert Counter(map(id, requests)) == Counter(id(result.request) for result in results)
    assert [result.error for result in results if result.error] == []


def test_a_batch_waits_for_room_that_other_requests_take_up(
    server: Standin, vault: tv.Vault, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    with tv.Engine(settings(server, engine_max_queued=1)) as engine:
        engine.submit(tv.Request.trace(acme, ACME, "slow-300"))
        (result,) = engine.batch([tv.Request.trace(acme, ACME, good)])
        assert result.trace is not None
        taken = engine.take(60)
        assert taken is not None
        assert taken.trace is not None


def test_a_batch_reads_no_further_ahead_than_its_window(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    drawn = 0

    def endless() -> Iterator[tv.Request]:
        nonlocal drawn
        for message in itertools.cycle(server.messages_of(ACME)):
            drawn += 1
            yield tv.Request.trace(acme, ACME, message.postfix_id)

    results = engine.batch(endless(), window=4)
    for _ in range(10):
        assert next(results).error is None
    assert drawn <= 14
    results.close()  # type: ignore[attr-defined]


def test_leaving_a_batch_early_cancels_the_rest(engine: tv.Engine, acme: tv.Tenant) -> None:
    refs = ["bad-html", *["slow-60000"] * 20]
    for result in engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs):
        assert result.error is not None
        break
    gc.collect()
    until = time.monotonic() + 30
    while engine.stats()["outstanding"] and time.monotonic() < until:
        assert engine.take(0.05) is None
    assert engine.stats()["outstanding"] == 0


def test_an_error_in_the_callers_iterable_reaches_the_caller_and_cancels_the_rest(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    def broken() -> Iterator[tv.Request]:
        yield tv.Request.trace(acme, ACME, "slow-60000")
        raise KeyError("their own")

    with pytest.raises(KeyError, match="their own"):
        list(engine.batch(broken()))


def test_submit_take_and_cancel_give_every_result_once(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    fast = engine.submit(tv.Request.trace(acme, ACME, good))
    slow = engine.submit(tv.Request.trace(acme, ACME, "slow-60000"))
    first = engine.take(60)
    assert first is not None
    assert (first.id, first.error) == (fast, None)
    assert engine.take(0) is None
    engine.cancel(slow)
    second = engine.take(60)
    assert second is not None
    assert second.id == slow
    assert isinstance(second.error, tv.CancelledError)
    assert engine.take(0) is None
    with pytest.raises(tv.NotFoundError):
        engine.cancel(slow)


def test_submitting_more_than_the_queue_holds_is_an_error_until_something_is_taken(
    server: Standin, acme: tv.Tenant
) -> None:
    request = tv.Request.trace(acme, ACME, server.messages_of(ACME)[0].postfix_id)
    with tv.Engine(settings(server, engine_max_queued=2)) as engine:
        engine.submit(request)
        engine.submit(request)
        with pytest.raises(tv.QueueFullError) as caught:
            engine.submit(request)
        assert caught.value.retriable
        assert engine.take(60) is not None
        engine.submit(request)


def test_untaken_results_count_also_when_another_call_has_fetched_them(
    server: Standin, acme: tv.Tenant
) -> None:
    good = server.messages_of(ACME)[0].postfix_id
    with tv.Engine(settings(server, engine_max_queued=2)) as engine:
        for _ in range(2):
            engine.submit(tv.Request.trace(acme, ACME, good))
        while engine.stats()["untaken"] < 2:
            time.sleep(0.01)
        engine.trace(acme, ACME, good)
        with pytest.raises(tv.QueueFullError):
            engine.submit(tv.Request.trace(acme, ACME, good))
        assert [engine.take(60) is None, engine.take(60) is None] == [False, False]


def test_results_nobody_wants_any_more_take_up_no_room(server: Standin, acme: tv.Tenant) -> None:
    good = tv.Request.trace(acme, ACME, server.messages_of(ACME)[0].postfix_id)
    with tv.Engine(settings(server, engine_max_queued=2)) as engine:
        refs = ["bad-html", "slow-60000"]
        results = engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs)
        next(results)
        results.close()  # type: ignore[attr-defined]
        while engine.stats()["untaken"] < 1:
            time.sleep(0.01)
        engine.submit(good)
        engine.submit(good)


# ---- Threads ---------------------------------------------------------------------------------


def test_many_threads_share_one_engine_and_each_gets_its_own_traces(
    server: Standin, engine: tv.Engine, vault: tv.Vault
) -> None:
    requests = [request for request in work(server, vault) if not request.submission]
    wrong: list[object] = []

    def fetch(offset: int) -> None:
        for request in requests[offset::8]:
            try:
                trace = engine.trace(request.tenant, request.account_id, request.message_ref)
            except tv.TraceVaultError as error:
                wrong.append(error)
            else:
                if trace.message_ref != request.message_ref:
                    wrong.append((trace.message_ref, request.message_ref))

    def fetch_all() -> None:
        results = list(engine.batch(requests))
        if sorted(map(id, requests)) != sorted(id(result.request) for result in results):
            wrong.append("a batch lost or mixed up results")

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(8)]
    threads += [threading.Thread(target=fetch_all) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_a_slow_request_of_one_thread_does_not_hold_up_another(
    server: Standin, engine: tv.Engine, acme: tv.Tenant
) -> None:
    errors: list[tv.TraceVaultError] = []

    def wait_long() -> None:
        try:
            engine.trace(acme, ACME, "slow-60000", timeout=600)
        except tv.TraceVaultError as error:
            errors.append(error)

    slow = threading.Thread(target=wait_long)
    slow.start()
    good = server.messages_of(ACME)[0].postfix_id
    assert engine.trace(acme, ACME, good).message_ref == good
    assert slow.is_alive()
    engine.close()
    slow.join(60)
    assert [type(error) for error in errors] == [tv.ShutdownError]


# ---- The end ---------------------------------------------------------------------------------


def test_closing_completes_everything_under_way_with_a_shutdown_error(
    server: Standin, acme: tv.Tenant
) -> None:
    engine = tv.Engine(settings(server))
    ended: list[tv.Result] = []

    def batch() -> None:
        refs = ["slow-60000"] * 5
        ended.extend(engine.batch(tv.Request.trace(acme, ACME, ref) for ref in refs))

    thread = threading.Thread(target=batch)
    thread.start()
    while engine.stats()["outstanding"] < 5:
        time.sleep(0.01)
    identity = engine.submit(tv.Request.trace(acme, ACME, "slow-60000"))
    engine.close()
    thread.join(60)
    assert [type(result.error) for result in ended] == [tv.ShutdownError] * 5
    left = engine.take(0)
    assert left is not None
    assert (left.id, type(left.error)) == (identity, tv.ShutdownError)


def test_results_nobody_waited_for_can_be_taken_after_closing(
    server: Standin, acme: tv.Tenant
) -> None:
    engine = tv.Engine(settings(server))
    ids = [engine.submit(tv.Request.trace(acme, ACME, "slow-60000")) for _ in range(3)]
    engine.close()
    left = [engine.take(0), engine.take(), engine.take(60)]
    assert sorted(result.id for result in left if result) == sorted(ids)
    assert [type(result.error) for result in left if result] == [tv.ShutdownError] * 3
    with pytest.raises(tv.ClosedError):
        engine.take()


def test_a_closed_engine_refuses_everything_and_closes_again(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    engine.close()
    engine.close()
    assert engine.closed
    request = tv.Request.trace(acme, ACME, "x")
    with pytest.raises(tv.ClosedError):
        engine.trace(acme, ACME, "x")
    with pytest.raises(tv.ClosedError):
        engine.batch([request])
    with pytest.raises(tv.ClosedError):
        engine.submit(request)
    with pytest.raises(tv.ClosedError):
        engine.take(None)
    with pytest.raises(tv.ClosedError):
        engine.stats()


def test_a_forgotten_engine_ends_its_thread(server: Standin) -> None:
    before = threads_of_this_process()
    engine = tv.Engine(settings(server))
    assert threads_of_this_process() == before + 1
    del engine
    gc.collect()
    assert threads_of_this_process() == before


def threads_of_this_process() -> int:
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("Threads:")).split()[1])


# ---- Neither vault nor engine ----------------------------------------------------------------


def test_stored_replies_decode_as_the_golden_documents_say(server: Standin) -> None:
    replies = sorted((REPOSITORY / "Tests" / "golden" / "trace").glob("*.reply.json"))
    assert replies
    for path in replies:
        expected = json.loads(path.with_name(path.name.replace(".reply.", ".trace.")).read_text())
        assert tv.decode(path.read_bytes()).to_dict() == expected, path.name


def test_a_stored_reply_that_is_no_trace_is_a_reply_error(server: Standin) -> None:
    with pytest.raises(tv.ReplyError) as caught:
        tv.decode(b"<html>")
    assert caught.value.status is tv.Status.E_NOT_JSON
    with pytest.raises(TypeError):
        tv.decode("{}")  # type: ignore[arg-type]


def test_the_library_describes_itself_and_its_settings(server: Standin) -> None:
    assert tv.build_info()["version"] == tv.__version__
    names = [entry["name"] for entry in tv.config_properties()]
    assert {"api.base_url", "tls.ca_file", "engine.max_queued", "request.deadline_ms"} <= {*names}
