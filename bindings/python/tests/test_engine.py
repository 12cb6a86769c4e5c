"""The blocking engine against the stand-in: one trace, and what needs neither vault nor engine."""

from __future__ import annotations

import json

import jsonschema
import pytest
from launcher import Standin

import tracevault as tv

from .conftest import ACME, REPOSITORY, work


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


# ---- Neither vault nor engine ------------------------------------------------------------------


def test_stored_replies_decode_as_the_golden_documents_say(server: Standin) -> None:
    replies = sorted((REPOSITORY / "Tests" / "data" / "golden" / "trace").glob("*.reply.json"))
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
