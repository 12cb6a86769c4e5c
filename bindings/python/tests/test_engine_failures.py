"""What goes wrong with a request of the blocking engine is an error of its own kind."""

from __future__ import annotations

import pytest
from launcher import Standin

import tracevault as tv

from .conftest import ACME, credential, settings

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
    ("bad-html", tv.ReplyError, "TV_E_FOREIGN_REPLY", 200),
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


def test_bytes_of_a_line_that_are_no_utf8_do_not_cost_the_trace(
    engine: tv.Engine, acme: tv.Tenant
) -> None:
    trace = engine.trace(acme, ACME, "bad-utf8", timeout=60)
    assert [warning.code for warning in trace.warnings] == ["invalid_utf8"]
    assert trace.lines[0].message.startswith("\ufffd\ufffd")


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
