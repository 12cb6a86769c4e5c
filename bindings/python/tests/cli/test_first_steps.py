"""What a new user types, by ``--help`` alone: each wrong step says the next right one."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.cli.terminal import Terminal
from tests.conftest import ACME
from tracevault.cli.exits import Exit

PROXY = "http.proxy=http://user:not-a-real-password@proxy.example:3128"


def test_the_help_says_where_options_may_come_from(call: Call, tmp_path: Path) -> None:
    told = " ".join(call("--help").out.split())
    assert "TRACEVAULT_VAULT" in told
    assert f"{tmp_path}/.config/tracevault/config" in told
    assert "man tracevault" in told
    assert "COMMAND" not in told, "they are called verbs"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("tracee",), "did you mean trace?"),
        (("acount", "list"), "did you mean account?"),
        (("account", "rottate"), "did you mean rotate?"),
        (("help",), "tracevault --help"),
        (("help", "trace"), "tracevault --help"),
    ],
)
def test_a_verb_that_is_not_there_names_the_nearest(
    call: Call, typed: tuple[str, ...], meant: str
) -> None:
    told = call(*typed)
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert meant in told.err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("hunt", "invoice"), "say what it is, with --subject, --sender,"),
        (("search", "invoice", "overdue"), "say what it is, with --subject, --sender,"),
        (("vault", "info", "soc.vault"), "a vault is named with --vault"),
        (("account", "list", "acme"), "a tenant with --tenant"),
    ],
)
def test_a_word_that_stands_alone_says_which_option_it_needs(
    call: Call, typed: tuple[str, ...], meant: str
) -> None:
    told = call(*typed)
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert meant in told.err
    assert f"See: tracevault {typed[0]}" in told.err


def test_a_hunt_for_nothing_names_the_options(call: Call, kit: Kit) -> None:
    told = call("hunt", "--start", "7d")
    assert told.code == Exit.USAGE
    assert "--message-id" in told.err
    assert "--sender" in told.err
    assert "message_id" not in told.err


@pytest.mark.parametrize(
    "words",
    [
        ("trace", "--wait", "-5", "X"),
        ("trace", "--timeout", "0", "X"),
        ("trace", "--timeout", "nan", "X"),
        ("hunt", "--subject", "x", "--limit", "0"),
        ("batch", "--timeout", "-1", "list"),
        ("filter", "--keep-alive", "0"),
    ],
)
def test_a_number_out_of_its_range_is_told_by_the_options_name(
    call: Call, kit: Kit, words: tuple[str, ...]
) -> None:
    told = call(*words)
    assert told.code == Exit.USAGE
    option = next(one for one in words if one in ("--wait", "--timeout", "--limit", "--keep-alive"))
    assert option in told.err
    assert "_ms" not in told.err


def test_the_settings_are_listed_with_what_counts_here(call: Call, kit: Kit) -> None:
    told = call("settings", "--json")
    assert told.code == 0
    rows = {row["name"]: row for row in told.rows}
    assert set(rows) == {one["name"] for one in tv.config_properties()}
    assert rows["retry.base_ms"]["value"] == "1"
    assert rows["retry.base_ms"]["source"] == "$TRACEVAULT_SET"
    assert rows["retry.max_attempts"]["value"] is None
    one = call("settings", "retry.base_ms")
    assert "Longest wait before the first retry" in one.out
    assert "http.proxy" not in one.out
    family = call("settings", "retry", "--json")
    assert {row["name"].partition(".")[0] for row in family.rows} == {"retry"}
    unknown = call("settings", "retry.base")
    assert unknown.code == Exit.USAGE
    assert "retry.base_ms" in unknown.err


def test_a_setting_that_is_not_there_is_named_with_the_nearest(call: Call, kit: Kit) -> None:
    told = call("account", "list", "--set", "retry.max_atempts=3")
    assert told.code == Exit.USAGE
    assert "retry.max_atempts" in told.err
    assert "retry.max_attempts" in told.err
    assert "tracevault settings" in told.err
    assert "--set" in told.err
    assert "config_" not in told.err


def test_a_password_of_a_proxy_is_taken_from_a_private_file_only(
    call: Call, kit: Kit, tmp_path: Path, environment: dict[str, str]
) -> None:
    for told in (
        call("account", "list", "--set", PROXY),
        call("account", "list", "--json", "--set", PROXY.replace("user:", ":")),
    ):
        assert told.code == Exit.USAGE
        assert "http.proxy" in told.err
        assert "configuration file" in told.err
        assert "not-a-real-password" not in told.err
    environment["TRACEVAULT_SET"] += f" {PROXY}"
    told = call("account", "list")
    assert told.code == Exit.USAGE
    assert "not-a-real-password" not in told.err
    environment["TRACEVAULT_SET"] = environment["TRACEVAULT_SET"].removesuffix(f" {PROXY}")
    config = tmp_path / "config"
    config.touch(mode=0o600)
    config.write_text("[default]\n" + PROXY.replace("=", " = ", 1) + "\n")
    assert call("account", "list", "--config", config).code == 0
    assert "not-a-real-password" not in call("settings", "http.proxy", "--config", config).out
    config.chmod(0o644)
    told = call("account", "list", "--config", config)
    assert told.code == Exit.USAGE
    assert "chmod go-r" in told.err
    assert "not-a-real-password" not in told.err
    without = PROXY.replace("user:not-a-real-password@", "")
    assert call("account", "list", "--set", without).code == 0


def test_a_key_file_that_a_verb_makes_is_told(call: Call, kit: Kit, tmp_path: Path) -> None:
    told = call("vault", "export", "copy.vault", "--tenant", "acme", "--new-key-file", "copy.key")
    assert told.code == 0
    assert "the key file copy.key is made: keep a copy in a safe" in told.err
    again = call("vault", "add-unlock", "--new-key-file", "copy.key")
    assert again.code == 0
    assert "is made" not in again.err
    made = call("vault", "add-unlock", "--new-key-file", "third.key", "--json")
    notes = [json.loads(line)["note"] for line in made.err.splitlines()]
    assert notes[0]["key_file"] == "third.key"


def test_a_hunts_table_is_in_order_and_says_what_may_go_on(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    kit.server.reset()
    told = call("hunt", "--subject", "report", "--html", "hunt.html")
    assert told.code == 0, told.err
    lines = told.out.splitlines()[1:]
    assert lines == sorted(lines, key=lambda line: re.split("  +", line)[:2])
    pending = [one for one in call("hunt", "--subject", "report", "--json").rows
               if not one["trace"]["complete"]]  # fmt: skip
    marked = [line for line in lines if "(not complete yet)" in line]
    assert {one["message"]["message_ref"] for one in pending} <= {
        line.split()[-1] for line in marked
    }
    page = (tmp_path / "hunt.html").read_text()
    assert ("not complete yet</span>" in page) == bool(marked)


def test_what_is_not_complete_yet_says_how_to_wait(call: Call, kit: Kit) -> None:
    kit.server.reset()
    message = next(one for one in kit.server.messages if one.pending_requests)
    where = ("--tenant", message.tenant, "--account", message.account_id)
    told = call("trace", *where, message.postfix_id)
    assert (told.code, told.err) == (
        0,
        "tracevault: not complete yet; --follow waits for the rest\n",
    )
    kit.server.reset()
    told = call("batch", *where, "-", stdin=message.postfix_id)
    assert "1 trace not complete yet (--wait SECONDS waits)" in told.err
    kit.server.reset()
    told = call("batch", *where, "-", "--json", stdin=message.postfix_id)
    assert json.loads(told.err)["note"]["incomplete"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3cret-not-real\n[default]\n", "line 1 stands before any section"),
        ("[default]\ns3cret-not-real\n", "line 2"),
        ("[default]\ntenant = a\ntenant = s3cret-not-real\n", "line 3 says again"),
    ],
)
def test_a_configuration_that_is_wrong_tells_the_line_and_not_what_stands_there(
    call: Call, tmp_path: Path, text: str, said: str
) -> None:
    config = tmp_path / "config"
    config.touch(mode=0o600)
    config.write_text(text)
    told = call("account", "list", "--config", config)
    assert told.code == Exit.USAGE
    assert said in told.err
    assert "s3cret" not in told.err
    assert told.err.count("\n") == 1
    assert "\\x0a" not in told.err


def test_the_page_of_a_hunt_that_was_ended_says_so(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    environment["TERM"] = "xterm"
    run = Terminal(environment, tmp_path, "hunt", "--query", "standin-page1-slow-60000",
                   "--html", "hunt.html", "--resume", "hunt.journal")  # fmt: skip
    run.until(lambda seen: "0 of 5 accounts" in seen)
    run.type("\x03")
    assert run.end() == Exit.INTERRUPTED, run.seen
    assert "ended before every account was asked" in (tmp_path / "hunt.html").read_text()


@pytest.mark.parametrize("columns", [1, 20, 40])
def test_a_narrow_terminal_gets_a_row_below_the_other(
    environment: dict[str, str], tmp_path: Path, kit: Kit, columns: int
) -> None:
    environment |= {"TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"}
    run = Terminal(environment, tmp_path, "account", "list", "--tenant", "acme")
    assert run.end() == 0, run.seen
    assert ACME in run.seen, "nothing is cut into pieces"
    assert re.search(r"tenant +acme\r\n", run.seen)


def test_a_progress_line_is_no_longer_than_the_terminal(
    environment: dict[str, str], tmp_path: Path, kit: Kit
) -> None:
    environment |= {"TERM": "xterm", "COLUMNS": "12"}
    run = Terminal(environment, tmp_path, "account", "check", "--json")
    assert run.end() == 0, run.seen
    shown = [one for one in re.findall(r"\r([^\r\n\x1b]*)\x1b\[K", run.seen) if one]
    assert shown
    assert max(map(len, shown)) < 12


def test_init_takes_the_place_as_a_word_and_says_how_to_go_on(
    call: Call, tmp_path: Path, kit: Kit
) -> None:
    token = tmp_path / "token.txt"
    token.touch(mode=0o600)
    token.write_text("test-token-not-real-acme-01-000000000000\n")
    told = call("init", "my vault", "--key-file", "my.key")
    assert told.code == 0, told.err
    assert (tmp_path / "my vault").exists()
    _, _, following = told.err.strip().partition("Next: ")
    assert following == (
        "tracevault account add --vault 'my vault' --key-file my.key --tenant NAME --account ID"
    )
    words = shlex.split(following.replace("NAME", "acme").replace("ID", "ab" * 16))[1:]
    assert call(*words, "--token-file", token).code == 0
    twice = call("init", "one.vault", "--vault", "other.vault", "--key-file", "one.key")
    assert twice.code == Exit.USAGE
    assert "give one" in twice.err
    assert not (tmp_path / "one.key").exists()
