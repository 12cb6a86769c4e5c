"""Documents as they leave the library agree with the schemas in docs."""

import json
from pathlib import Path

import pytest
import tracevault as tv
from engine_scene import put_all
from jsonschema import Draft202012Validator
from launcher import standin

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("trace", "search", "check", "notice")
SCHEMAS = {
    kind: json.loads((ROOT / f"docs/{kind}.schema.json").read_text(encoding="utf-8"))
    for kind in KINDS
}
VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}
REPLIES = sorted((ROOT / "Tests/data/golden/trace").glob("*.reply.json"))
GOLDEN = sorted(
    path for kind in KINDS for path in (ROOT / f"Tests/data/golden/{kind}").glob(f"*.{kind}.json")
)


def faults(document: object, kind: str = "trace") -> list[str]:
    return [error.message for error in VALIDATORS[kind].iter_errors(document)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_an_expected_document_is_a_valid_one(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert faults(document, path.parent.name) == []


def test_every_name_of_an_event_and_of_the_summary_is_explained() -> None:
    text = (ROOT / "docs/trace.md").read_text(encoding="utf-8")
    defined = SCHEMAS["trace"]["$defs"]
    names = {*defined["event"]["properties"], *defined["event"]["properties"]["kind"]["enum"]}
    for part in ("summary", "recipient", "hop", "next"):
        names |= {name for name in defined[part]["properties"] if not name.startswith("delay_")}
        if "state" in defined[part]["properties"]:
            names |= set(defined[part]["properties"]["state"]["enum"])
    names -= {"address"}
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("reply", REPLIES, ids=lambda path: path.name)
def test_a_stored_reply_becomes_the_expected_valid_document(reply: Path) -> None:
    expected = reply.with_name(reply.name.replace(".reply.", ".trace."))
    document = json.loads(expected.read_text(encoding="utf-8"))
    assert faults(document) == []
    assert tv.decode(reply.read_bytes()).to_dict() == document


def test_every_served_trace_is_a_valid_document_word_for_word() -> None:
    with standin(quota=0) as server:
        vault = tv.Vault.in_memory()
        with vault.edit() as edit:
            put_all(edit, server)
        asked = {
            tv.Request.trace(
                vault.tenant(message.tenant), message.account_id, ref, wait=30, timeout=60
            ): message
            for message in server.messages
            if not message.submission
            for ref in message.refs[:2]
        }
        settings: dict[str, str | int] = {
            "api.base_url": server.base_url,
            "tls.ca_file": server.ca_file,
            "budget.quota": 0,
        }
        seen = 0
        with tv.Engine(settings) as engine:
            for result in engine.batch(asked):
                assert result.error is None, result.error
                assert result.trace is not None
                document = result.trace.to_dict()
                message = asked[result.request]
                assert faults(document) == []
                assert document["complete"] is True
                assert document["account_id"] == message.account_id
                for side, lines in (("inbound", message.inbound), ("outbound", message.outbound)):
                    served = [line["message"] for line in lines]
                    assert [line["message"] for line in document[side]["lines"]] == served
                seen += 1
        assert seen == len(asked) > 80
