"""JSON of others that is nested deeper than anything of Cloudflare's: an error, and no end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from launcher import Standin

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault._fields import DOCUMENT_DEPTH, LINE_DEPTH, parsed
from tracevault.cli.bounded import bounded
from tracevault.cli.exits import Exit

REF = "4jXtPB72Kpz7S8D"
WHERE = ("--tenant", "acme", "--account", ACME)
#: So deep that Python's reader still takes it, and one that it does not.
DEPTHS = (LINE_DEPTH, DOCUMENT_DEPTH, 970, 982, 990, 5000)


def deep(count: int) -> str:
    """A value that is nested so deep."""
    return "[" * count + "]" * count


@pytest.mark.parametrize("text", [deep(64), '{"a":' + deep(63) + "}", "[" + deep(63) + ",1]", "7"])
def test_a_line_may_be_as_deep_as_the_library_reads_a_reply(text: str) -> None:
    assert parsed(text, LINE_DEPTH) == json.loads(text)
    assert tv.build_info()["limits"]["reply_depth"] == LINE_DEPTH


@pytest.mark.parametrize("text", [deep(65), '{"a":' + deep(64) + "}",
                                  '[1,"[",{"a":' + deep(63) + "}]", deep(100_000)])  # fmt: skip
def test_a_line_that_is_deeper_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        parsed(text, LINE_DEPTH)


@pytest.mark.parametrize(
    "how", [(), ("--mmexternal",), ("--omprog", "rows"), ("--max-bytes", "4096")]
)
@pytest.mark.parametrize("reference", [None, REF, "?? bad"])
def test_no_depth_of_a_line_ends_the_filter(
    call: Call, kit: Kit, tmp_path: Path, how: tuple[str, ...], reference: str | None
) -> None:
    lines = [f'{{"message_ref":{json.dumps(reference)},"x":{deep(count)}}}' for count in DEPTHS]
    told = call("filter", *WHERE, *how, stdin="\n".join([*lines, '{"y":1}']))
    assert told.code == Exit.OK, told.err
    rows: list[Any]
    if "--omprog" in how:
        assert told.out.split() == ["OK"] * (len(lines) + 2)
        rows = [json.loads(row) for row in (tmp_path / "rows").read_text().splitlines()]
    else:
        *rows, last = told.rows
        assert last == ({} if "--mmexternal" in how else {"y": 1})
        rows = [row["$!"] for row in rows] if "--mmexternal" in how else rows
    assert [row["tracevault"]["error"]["status"] for row in rows] == ["INPUT"] * len(lines)
    assert "nested more than 64 deep" in rows[0]["tracevault"]["error"]["message"]


@pytest.mark.parametrize("how", [(), ("--mmexternal",), ("--omprog", "rows")])
def test_whatever_fails_for_one_row_answers_that_row(
    call: Call, kit: Kit, tmp_path: Path, how: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(row: dict[str, Any], limit: int | None) -> str:
        if row.get("host") == "bad" or "trace" in row.get("tracevault", {}):
            raise RecursionError("a fault")
        return bounded(row, limit)

    monkeypatch.setattr("tracevault.cli.verbs.filter.bounded", broken)
    lines = ('{"message_ref":"' + REF + '","host":"good"}', '{"message_ref":"no","host":"bad"}')
    told = call("filter", *WHERE, *how, stdin="\n".join([*lines, "{}"]))
    assert told.code == Exit.OK, told.err
    if "--omprog" in how:
        assert told.out.split() == ["OK"] * 4
        told_rows = (tmp_path / "rows").read_text().splitlines()
    else:
        told_rows = told.out.splitlines()[:2]
    assert "RecursionError" in told_rows[0]
    assert "a fault" in told_rows[0]
    assert ("RecursionError" in told_rows[1]) == ("--mmexternal" not in how)


def test_a_host_that_is_gone_ends_the_filter(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bytes] = []

    def gone(data: bytes) -> None:
        taken.append(data)
        raise BrokenPipeError

    monkeypatch.setattr("tracevault.cli.verbs.filter._write", gone)
    call("filter", *WHERE, stdin=f'{{"message_ref":"{REF}"}}\n' * 3)
    assert len(taken) == 1


@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_a_list_for_a_batch_names_a_line_that_is_too_deep(call: Call, kit: Kit, depth: int) -> None:
    told = call("batch", *WHERE, stdin=f'{{"message_ref":"{REF}","x":{deep(depth)}}}\n')
    assert told.code == Exit.USAGE
    assert "line 1 of standard input is no JSON object, or nested more than 64 deep" in told.err


@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_a_line_of_credentials_that_is_too_deep_is_named(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "accounts.jsonl"
    path.touch(mode=0o600)
    path.write_text(f'{{"tenant":"acme","account_id":"{ACME}","token":{deep(depth)}}}\n')
    with (
        tv.Vault.in_memory() as vault,
        pytest.raises(tv.ImportRowsError, match=r"row 1: .*nested more than 64 deep"),
        vault.edit() as edit,
    ):
        edit.import_json_lines(path)


@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_a_deep_line_of_a_journal_or_a_checkpoint_counts_as_damaged(
    server: Standin, engine: tv.Engine, acme: tv.Tenant, tmp_path: Path, depth: int
) -> None:
    server.reset()
    asked = tv.Request.trace(acme, ACME, REF)
    (first,) = engine.batch([asked], resume=tmp_path / "j")
    journal = tmp_path / "j"
    journal.write_text(journal.read_text().replace('"views"', f'"x":{deep(depth)},"views"'))
    (again,) = engine.batch([asked], resume=journal)
    assert (first.resumed, again.resumed) == (False, False)
    assert again.error is None

    checkpoint = tmp_path / "c"
    list(engine.collect(acme, checkpoint=checkpoint))
    with open(checkpoint, "a", encoding="utf-8") as file:
        file.write(f'{{"account_id":"{ACME}","message":"m","state":{{"x":{deep(depth)}}}}}\n')
    assert list(engine.collect(acme, checkpoint=checkpoint)) == []


@pytest.mark.parametrize("depth", DEPTHS[1:])
@pytest.mark.parametrize("kind", [tv.Trace, tv.SearchResult, tv.CheckResult])
def test_a_document_that_is_too_deep_is_none(kind: Any, depth: int) -> None:
    schema = {tv.Trace: "trace", tv.SearchResult: "search", tv.CheckResult: "check"}[kind]
    text = f'{{"schema":"tracevault.{schema}/1","extra":{deep(depth)}}}'
    value: object = 0
    for _ in range(depth):
        value = [value]
    for document in (text, text.encode(), {"schema": f"tracevault.{schema}/1", "extra": value}):
        with pytest.raises(ValueError, match="nested more than 96 deep"):
            kind.from_json(document)
