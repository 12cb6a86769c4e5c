"""``tracevault hunt``, ``batch`` and ``collect``: long work that can be left and taken up again."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit, command
from tests.cli.terminal import Terminal
from tests.conftest import ACME
from tracevault.cli.batch_input import read
from tracevault.cli.exits import Exit

INITECH = "1111ec00000000000000000000000001"


def subject(kit: Kit) -> str:
    """A subject that several accounts have got."""
    return "report"


def test_a_hunt_finds_the_copies_of_all_accounts_with_their_outcomes(call: Call, kit: Kit) -> None:
    told = call("hunt", "--subject", subject(kit), "--json")
    assert told.code == 0, told.err
    assert len({row["account_id"] for row in told.rows}) > 2
    copies = [(row["account_id"], row["message"]["message_ref"]) for row in told.rows]
    assert len(set(copies)) == len(copies)
    assert all(row["trace"]["schema"] == "tracevault.trace/1" for row in told.rows)
    note = json.loads(told.err)["note"]
    assert note["copies"] == len(copies)
    assert note["accounts"] == len(kit.server.accounts)

    table = call("hunt", "--subject", subject(kit))
    assert table.code == 0
    lines = table.out.splitlines()
    assert lines[0].split() == ["TENANT", "ACCOUNT", "RECIPIENT", "OUTCOME", "TIME", "REFERENCE"]
    assert all(any(ref in line for line in lines) for _, ref in copies)
    assert "accepted by the next server" in table.out

    title, *cells = csv.reader(call("hunt", "--subject", subject(kit), "--format", "csv")
                               .out.splitlines())  # fmt: skip
    assert title[3:5] == ["recipient", "outcome"]
    assert len(cells) >= len(copies)
    rows = call("hunt", "--subject", subject(kit), "--format", "ecs", "--tenant", "acme").rows
    assert rows
    assert all("ecs" in row for row in rows)


def test_a_hunt_tells_whom_it_could_not_ask(call: Call, kit: Kit) -> None:
    bad = kit.server.credential(INITECH)
    kit.server.revoke(bad)
    try:
        told = call("hunt", "--subject", subject(kit), "--json")
        people = call("hunt", "--subject", subject(kit))
    finally:
        kit.server.restore(bad)
    assert told.code == people.code == Exit.SOME
    (row,) = [row for row in told.rows if row["message"] is None]
    assert (row["tenant"], row["error"]["status"]) == ("initech", "TV_E_CREDENTIAL")
    assert "1 x TV_E_CREDENTIAL: tracevault account check" in people.err
    assert "1 question without an answer" in people.err


def test_an_account_of_a_profile_does_not_bound_a_hunt(
    call: Call, kit: Kit, environment: dict[str, str]
) -> None:
    environment["TRACEVAULT_ACCOUNT"] = ACME
    told = call("hunt", "--subject", subject(kit), "--json", "--no-trace")
    assert told.code == 0
    assert len({row["account_id"] for row in told.rows}) > 2


def test_a_hunt_for_nothing_in_particular_is_refused(call: Call, kit: Kit) -> None:
    assert call("hunt").code == Exit.USAGE
    assert call("hunt", "--start", "7d").code == Exit.USAGE
    assert call("hunt", "--subject", "x", "--account", ACME).code == Exit.USAGE
    told = call("hunt", "--subject", "no such subject at all")
    assert (told.code, told.out) == (0, "")
    assert "no copy; 5 accounts asked; 0 questions without an answer" in told.err


def test_a_batch_reads_references_json_lines_and_csv(call: Call, kit: Kit, tmp_path: Path) -> None:
    messages = [m for m in kit.server.messages if not m.pending_requests][:6]
    table = "tenant;account_id;message_ref\n" + "".join(
        f"{m.tenant};{m.account_id};{m.postfix_id}\n" for m in messages
    )
    (tmp_path / "list.csv").write_text("\ufeff" + table)
    (tmp_path / "list.jsonl").write_text("".join(
        json.dumps({"tenant": m.tenant, "account_id": m.account_id, "AlertID": m.alert_id}) + "\n"
        for m in messages))  # fmt: skip
    for name in ("list.csv", "list.jsonl"):
        told = call("batch", "--json", name)
        assert told.code == 0, told.err
        assert sorted(row["line"] for row in told.rows) == [
            at + (name == "list.csv") for at in range(1, 7)
        ]
        assert all(row["trace"] and row["error"] is None for row in told.rows)
    own = [m.postfix_id for m in kit.server.messages_of(ACME)][:3]
    told = call("batch", "--tenant", "acme", "--account", ACME, stdin="# mine\n" + "\n".join(own))
    assert told.code == 0, told.err
    assert {line.split()[0] for line in told.out.splitlines()} == set(own)
    assert "3 asked: 3 traces, 0 failed" in told.err
    told = call("batch", "--tenant", "acme", "--account", ACME, "--format", "csv",
                stdin="\n".join(own))  # fmt: skip
    assert told.out.splitlines()[0].startswith("tenant,account_id,message_ref")


@pytest.mark.parametrize("first", ["4jXtPC0RYCz7S6r\n", ""], ids=["reference first", "JSON first"])
def test_a_line_of_json_keeps_its_tenant_wherever_it_stands(first: str) -> None:
    """The reference alone would be asked of another tenant, which knows no such message."""
    row = f'{{"message_ref":"4jXtPB72Kpz7S8D","tenant":"acme","account_id":"{ACME}"}}\n'
    *_, told = read(first + row, "list.txt")
    assert (told.message_ref, told.tenant, told.account_id) == ("4jXtPB72Kpz7S8D", "acme", ACME)
    *_, broken = read(first + '{"message_ref":"4jXtPB72Kpz7S8D",\n', "list.txt")
    assert broken.error is not None
    assert broken.message_ref == ""


def test_a_batch_tells_failures_by_kind_with_what_to_do(call: Call, kit: Kit) -> None:
    lines = [f'{{"message_ref":"4jXtPB72Kpz{n:04}","tenant":"acme","account_id":"{ACME}"}}'
             for n in range(5)]  # fmt: skip
    reference = '{"message_ref":"4jXtPB72Kpz7S8D","tenant":"'
    lines += [f'{reference}nobody"}}', f'{reference}acme","account_id":"{ACME}"}}']
    told = call("batch", stdin="\n".join(lines))
    assert told.code == Exit.SOME
    assert "5 x TV_E_NO_MESSAGE" in told.err
    assert "and 2 more" in told.err
    assert "1 x TV_E_NOT_FOUND: tracevault account list" in told.err
    programs = call("batch", "--json", stdin="\n".join(lines))
    assert len(programs.rows) == 6
    errors = [json.loads(line) for line in programs.err.splitlines()]
    assert len([one for one in errors if "error" in one]) == 6
    assert errors[-1]["note"]["failed"] == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"message_ref":"a"}\nno json\n', "line 2 of x is no JSON object"),
        ('{"tenant":"a"}\n', "line 1 of x has no reference"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text: str, said: str) -> None:
    error = read(text, "x")[-1].error
    assert error is not None
    assert said in error.message


def test_a_batch_goes_on_after_ctrl_c_without_asking_twice(
    environment: dict[str, str], tmp_path: Path, kit: Kit, call: Call
) -> None:
    references = [m.postfix_id for m in kit.server.messages_of(ACME) if not m.pending_requests]
    (tmp_path / "list.txt").write_text("\n".join(references))
    words = ("batch", "--tenant", "acme", "--account", ACME, "--resume", "work.journal", "list.txt")
    kit.server.reset()
    # So small a quota that it is not done for minutes.
    slow = (*words, "--set", "budget.quota=40")
    child = subprocess.Popen(
        command(*slow), env=environment, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == Exit.INTERRUPTED
    assert b"to go on: the same command again; work.journal remembers what came" in said
    first = len(kit.server.requests())
    assert 0 < first < len(references)
    told = call(*words, "--json")
    assert told.code == 0, told.err
    assert {row["message_ref"] for row in told.rows} == set(references)
    assert json.loads(told.err)["note"]["resumed"] > 0
    # One that was under way when Ctrl-C came may be asked once more, no other.
    assert len(kit.server.requests()) <= len(references) + 2


def test_the_progress_tells_the_quota_and_the_time_to_the_end(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    references = [m.postfix_id for m in kit.server.messages_of(ACME) if not m.pending_requests]
    (tmp_path / "list.txt").write_text("\n".join(references * 20))
    environment["TERM"] = "xterm"
    run = Terminal(environment, tmp_path, "batch", "--tenant", "acme", "--account", ACME,
                   "--set", "budget.quota=40", "--json", "list.txt")  # fmt: skip
    run.until(lambda seen: "quota left" in seen)
    run.type("\x03")
    assert run.end() == Exit.INTERRUPTED
    assert f"of {len(references) * 20:,} traces" in run.seen
    assert " to go" in run.seen
    assert "--resume FILE" in run.seen


def test_the_progress_counts_what_failed(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    (tmp_path / "list.txt").write_text("".join(f"4jXtPB72Kpz{n:04}\n" for n in range(400)))
    environment["TERM"] = "xterm"
    run = Terminal(environment, tmp_path, "batch", "--tenant", "acme", "--account", ACME,
                   "--set", "budget.quota=40", "--json", "list.txt")  # fmt: skip
    run.until(lambda seen: re.search(r"\r[1-9]\d* of 400 traces", seen))
    run.type("\x03")
    assert run.end() == Exit.INTERRUPTED
    line = r"\r([1-9]\d*) of 400 traces, [\d.]+/s(?:, (\d+) failed)?"
    for done, failed in re.findall(line, run.seen):
        assert failed == done, "there is no such message"


def test_work_that_stands_still_says_why_and_until_when(call: Call, kit: Kit) -> None:
    kit.server.reset()
    asked = ("batch", "--tenant", "acme", "--account", ACME, "-")
    told = call(*asked, "--json", stdin="fail-429-1-once\n")
    assert told.code == 0
    notes = [json.loads(line)["note"] for line in told.err.splitlines()]
    (notice,) = (note["notice"] for note in notes if "notice" in note)
    assert (notice["kind"], notice["account_id"]) == ("rate_limited", ACME)
    assert notice["until"]
    kit.server.reset()
    people = call(*asked, stdin="fail-429-1-once\n")
    assert "tracevault: rate_limited: " in people.err


def test_collect_tells_each_message_once(call: Call, kit: Kit) -> None:
    words = ("collect", "--checkpoint", "c", "--start", "2026-01-01", "--json")
    told = call(*words)
    assert told.code == 0, told.err
    assert told.rows
    assert {row["change"] for row in told.rows} == {"new"}
    again = call(*words)
    assert (again.code, again.out) == (0, "")
    assert json.loads(again.err)["note"]["messages"] == 0
    rows = call("collect", "--checkpoint", "d", "--start", "2026-01-01", "--format", "ocsf",
                "--tenant", "acme").rows  # fmt: skip
    assert rows
    assert all("class_uid" in row for row in rows)
    table = call("collect", "--checkpoint", "e", "--start", "2026-01-01")
    assert len(table.out.splitlines()) == len(told.rows)
    assert call("collect").code == Exit.USAGE


@pytest.mark.parametrize(("kind", "how"), [("xterm", ()), ("xterm", ("--no-progress",)),
                                           ("dumb", ())])  # fmt: skip
def test_a_hunt_in_a_terminal_lists_copies_as_they_come(
    environment: dict[str, str], tmp_path: Path, kit: Kit, kind: str, how: tuple[str, ...]
) -> None:
    environment |= {"TERM": kind, "COLUMNS": "150"}
    run = Terminal(environment, tmp_path, "hunt", "--subject", subject(kit), *how)
    assert run.end() == 0, run.seen
    assert bool(re.search(r"\d/s", run.seen)) == (kind == "xterm" and not how), "a progress line"
    before, _, table = run.seen.partition("TENANT")
    assert before.count("found in ") > 2
    assert "OUTCOME" in table


def test_a_hunt_that_remembers_asks_nothing_twice(call: Call, kit: Kit) -> None:
    words = ("hunt", "--subject", subject(kit), "--json", "--resume", "hunt.journal")
    first = call(*words)
    kit.server.reset()
    second = call(*words)
    assert first.code == second.code == 0
    assert sorted(first.out.splitlines()) == sorted(second.out.splitlines())
    assert kit.server.requests() == []


def test_a_round_of_checks_goes_on_after_ctrl_c_without_asking_twice(
    environment: dict[str, str], tmp_path: Path, kit: Kit, call: Call
) -> None:
    many = 60
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        for number in range(many):  # one token, so one quota for all of them
            token = tv.ApiToken(kit.server.named("user token").token)
            edit.put(f"many-{number}", ACME, token, origin=kit.server.origin)
    asked = many + len(kit.server.accounts)
    words = ("account", "check", "--resume", "check.journal")
    environment["TERM"] = "xterm"
    kit.server.reset()
    # So small a quota that it is not done for minutes.
    run = Terminal(environment, tmp_path, *words, "--set", "budget.quota=40")
    run.until(lambda seen: "quota left" in seen)
    run.type("\x03")
    assert run.end() == Exit.INTERRUPTED
    assert "to go on: the same command again; check.journal remembers what came" in run.seen
    first = len(kit.server.requests())
    assert 0 < first < asked
    told = call(*words, "--json")
    assert told.code == 0, told.err
    assert len(told.rows) == asked
    note = json.loads(told.err)["note"]
    assert note["checked"] == asked
    assert note["resumed"] > 0
    # What was under way when Ctrl-C came may be asked once more, no other.
    assert len(kit.server.requests()) <= asked + first - note["resumed"]
    people = call(*words)
    assert f"{asked} known from before" in people.err
    assert "--resume FILE" in call("account", "check", "--help").out


@pytest.mark.parametrize("name", ["mro", "__class__", "TV_name", "TV_OK", "nonsense", ""])
def test_a_line_of_a_batch_with_an_unknown_status_is_a_failure_of_that_line(
    call: Call, kit: Kit, name: str
) -> None:
    lines = (
        {"message": None, "error": {"status": name, "message": "it was so"}},
        {"message_ref": "4jXtPB72Kpz7S8D", "tenant": "acme", "account_id": ACME},
    )
    told = call("batch", "--json", stdin="".join(json.dumps(line) + "\n" for line in lines))
    assert told.code == Exit.SOME, told.err
    assert [row["line"] for row in told.rows] == [2]
    error, _ = (json.loads(line) for line in told.err.splitlines())
    assert (error["error"]["status"], error["error"]["message"]) == ("TV_E_OTHER", "it was so")


def pending(kit: Kit) -> tuple[tuple[str, ...], str]:
    """The message that is pending for the most looks: where it is, and its reference."""
    kit.server.reset()
    message = max(kit.server.messages, key=lambda one: one.pending_requests)
    return ("--tenant", message.tenant, "--account", message.account_id), message.postfix_id


@pytest.mark.parametrize("verb", ["trace", "batch", "hunt", "collect"])
def test_waiting_for_a_trace_does_not_count_in_the_deadline_of_the_settings(
    call: Call, kit: Kit, verb: str
) -> None:
    where, reference = pending(kit)
    words: dict[str, tuple[str, ...]] = {
        "trace": (*where, reference),
        "batch": (*where, "-"),
        "hunt": ("--subject", "report"),
        "collect": ("--checkpoint", "soc.checkpoint", "--start", "2026-01-01", "--trace"),
    }
    told = call("--set", "request.deadline_ms=1500", verb, *words[verb], "--wait", "30", "--json",
                stdin=reference)  # fmt: skip
    assert told.code == 0, told.err
    traces = [row.get("trace", row) for row in told.rows]
    assert traces
    assert all(one["complete"] and not one.get("error") for one in traces)


def test_the_deadline_of_a_call_that_waits_stays_in_the_bounds_of_the_setting(
    call: Call, kit: Kit
) -> None:
    where, reference = pending(kit)
    told = call("--set", "request.deadline_ms=86400000", "trace", *where, "--wait", "86400",
                reference)  # fmt: skip
    assert told.code == 0, told.err


def test_looking_back_beyond_the_calendar_is_a_wrong_call(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    told = call("collect", "--checkpoint", "soc.checkpoint", "--look-back", "999999w")
    assert told.code == Exit.USAGE
    assert "look_back" in told.err
    assert not (tmp_path / "soc.checkpoint").exists()


def test_a_list_may_name_accounts_by_their_label(call: Call, kit: Kit) -> None:
    reference = kit.server.messages_of(ACME)[0].postfix_id
    rows = [f"{reference},acme europe,", f"{reference},Acme Europe,acme", f"{reference},{ACME},",
            f"{reference},No such one,acme", f"{reference},Acme Europe,globex"]  # fmt: skip
    told = call("batch", "--json", stdin="message_ref,account,tenant\n" + "\n".join(rows))
    assert told.code == Exit.SOME
    done = {row["line"]: row for row in told.rows}
    for line in (2, 3, 4):
        assert (done[line]["tenant"], done[line]["account_id"]) == ("acme", ACME)
        assert done[line]["trace"]
    assert set(done) == {2, 3, 4}
    errors = [one["error"] for one in map(json.loads, told.err.splitlines()) if "error" in one]
    assert [one["status"] for one in errors] == ["TV_E_NOT_FOUND"] * 2
    assert all("no account has this id or label" in one["message"] for one in errors)


def test_a_label_of_several_accounts_in_a_list_says_what_to_do(call: Call, kit: Kit) -> None:
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        for one in kit.server.accounts:
            edit.set(one.tenant, one.id, label="mail")
    told = call("batch", "--json", stdin='{"message_ref":"4jXtPB72Kpz7S8D","account":"Mail"}')
    assert told.code == Exit.NOT_FOUND
    error = json.loads(told.err.splitlines()[0])["error"]
    assert error["status"] == "TV_E_AMBIGUOUS"
    assert "accounts have the label 'Mail': give its id, or its tenant" in error["message"]


def test_the_lines_of_a_collection_name_the_account(call: Call, kit: Kit) -> None:
    told = call("collect", "--checkpoint", "soc", "--start", "2026-01-01", "--all",
                "--tenant", "acme")  # fmt: skip
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    labels = {one.label for one in kit.server.accounts if one.tenant == "acme"}
    assert lines
    assert all(any(f"  {label}  " in line for label in labels) for line in lines)
