"""``tracevault search``."""

from __future__ import annotations

import csv
import json

from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault.cli.exits import Exit

WHERE = ("--tenant", "acme", "--account", ACME)


def test_what_search_shows_trace_takes(call: Call, kit: Kit) -> None:
    told = call("search", *WHERE, "--json", "--limit", "3")
    assert told.code == 0
    assert len(told.rows) == 3
    assert {row["tenant"] for row in told.rows} == {"acme"}
    references = [row["message_ref"] for row in told.rows]
    traced = call("trace", *WHERE, "--json", *references)
    assert [row["message_ref"] for row in traced.rows] == references
    table = call("search", *WHERE, "--limit", "3").out
    assert all(reference in table for reference in references)
    title, *cells = csv.reader(
        call("search", *WHERE, "--limit", "3", "--format", "csv").out.splitlines()
    )
    assert title[2] == "message_ref"
    assert [row[2] for row in cells] == references


def test_more_that_there_is_can_be_fetched_with_the_cursor(call: Call, kit: Kit) -> None:
    told = call("search", *WHERE, "--json", "--limit", "2")
    note = json.loads(told.err)["note"]
    assert note["complete"] is False
    rest = call("search", *WHERE, "--json", "--limit", "2", "--cursor", note["next_cursor"])
    assert rest.code == 0
    assert not {r["message_ref"] for r in rest.rows} & {r["message_ref"] for r in told.rows}


def test_filters_reach_the_server(call: Call, kit: Kit) -> None:
    subject = kit.server.mail_of(ACME)[0].item["subject"]
    told = call("search", *WHERE, "--json", "--subject", subject, "--start", "2026-01-01")
    assert told.rows
    assert all(subject in row["subject"] for row in told.rows)
    assert call("search", *WHERE, "--json", "--subject", "no such subject at all").rows == []
    told = call("search", *WHERE, "--start", "yesterday")
    assert told.code == Exit.USAGE
    assert call("search", *WHERE, "--format", "ecs").code == Exit.USAGE


def test_a_search_that_finds_nothing_says_where_it_looked(call: Call, kit: Kit) -> None:
    nothing = ("search", *WHERE, "--subject", "no such subject at all")
    told = call(*nothing, "--start", "2026-01-01", "--end", "2026-01-02")
    assert (told.code, told.out) == (0, "")
    assert told.err == (
        "tracevault: no message; looked for in 2026-01-01 00:00:00 to 2026-01-02 00:00:00 UTC\n"
    )
    told = call(*nothing)
    assert told.out == ""
    assert told.err.endswith(" UTC (30 days back, Cloudflare's default)\n")
    told = call(*nothing, "--json", "--start", "2026-01-01")
    assert told.out == ""
    note = json.loads(told.err)["note"]
    assert note["message"].startswith("no message; looked for in 2026-01-01 00:00:00 to 2")
    assert (note["start"], note["end"]) == ("2026-01-01T00:00:00+00:00", None)
    assert note["message"].endswith(f" to {note['began'][:19].replace('T', ' ')} UTC")
    assert call(*nothing, "--json", "--limit", "1").err.count("no message") == 1
    assert call(*nothing, "--format", "csv").out.startswith("tenant,account_id,")


def test_several_tenants_need_a_name(call: Call, kit: Kit) -> None:
    told = call("search", "--json")
    assert told.code == Exit.NOT_FOUND
    assert told.errors[0]["status"] == "TV_E_AMBIGUOUS"
    assert "--tenant" in told.errors[0]["message"]
