"""TIME, DURATION and SECONDS: one reading and one help text, in every verb that has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import click
import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.cli.test_examples import EVERY
from tests.conftest import ACME
from tracevault._times import duration, moment
from tracevault.cli.exits import Exit
from tracevault.cli.times import ABOUT, Duration, Seconds, Time

NOW = datetime(2027, 3, 4, 12, 0, tzinfo=timezone.utc)
TOKEN = "test-token-not-real-acme-01-000000000000"  # noqa: S105
NEW = "ab" * 16
#: What people write, and what it means.
WRITTEN = {
    "2027-03-04": "2027-03-04T00:00:00Z",
    "2027-03-04T12:30": "2027-03-04T12:30:00Z",
    "2027-03-04 12:30:15": "2027-03-04T12:30:15Z",
    "2027-03-04t12:30:15.25z": "2027-03-04T12:30:15.25Z",
    "2027-03-04T12:30:15+01:00": "2027-03-04T12:30:15+01:00",
    " 2027-03-04T12:30-05:00 ": "2027-03-04T12:30:00-05:00",
}
NO_TIMES = ("soon", "", "4.3.2027", "2027-13-01", "2027-02-30", "2027-03-04T25:00", "30", "30y",
            "-1d", "1d2h", "2027-03-04T12", "12:30", "99999999w")  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN)
def test_a_time_is_read_as_people_write_it(text: str) -> None:
    assert moment(text, ahead=True) == moment(text, ahead=False) == WRITTEN[text]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2592000), ("12h", 43200), ("90m", 5400), ("45s", 45), ("2w", 1209600), ("0s", 0)],
)
def test_a_duration_counts_back_or_on_from_now(text: str, seconds: int) -> None:
    length = timedelta(seconds=seconds)
    assert duration(text) == length
    for ahead, then in ((False, NOW - length), (True, NOW + length)):
        assert moment(text, ahead=ahead, now=NOW) == then.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("text", [*NO_TIMES, "999999w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    for ahead in (False, True):
        with pytest.raises(ValueError, match="it is"):
            moment(text, ahead=ahead)


def timed() -> Iterator[tuple[tuple[str, ...], click.Option]]:
    """Every option that takes a time or a duration, with its verb."""
    for path, command in EVERY.items():
        for one in command.params:
            if isinstance(one, click.Option) and one.metavar in ("TIME", "DURATION", "SECONDS"):
                yield path, one


def test_each_word_of_the_help_means_one_thing() -> None:
    kinds = {"TIME": Time, "DURATION": Duration, "SECONDS": Seconds}
    found = list(timed())
    assert len(found) > 15
    for path, one in found:
        assert isinstance(one.type, kinds[str(one.metavar)]), (path, one.name)
    for path, command in EVERY.items():
        shown = " ".join(command.get_help(click.Context(command)).split())
        has_time = any(words == path and one.metavar == "TIME" for words, one in found)
        assert (ABOUT in shown) == has_time, path


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize(
    ("path", "one"), list(timed()), ids=lambda each: getattr(each, "name", None)
)
def test_every_option_refuses_what_is_no_time(
    call: Call, path: tuple[str, ...], one: click.Option
) -> None:
    said = {"TIME": "takes a time: 2027-03-04, 2027-03-04T12:00:00Z, or a duration such as",
            "DURATION": "takes a duration: 30d, 12h",
            "SECONDS": "or a duration such as 90s"}[str(one.metavar)]  # fmt: skip
    for text in ("soon", "2027-13-01", "30y"):
        told = call(*path, one.opts[0], text)
        assert told.code == Exit.USAGE
        assert f"{one.opts[0]} takes a" in told.err
        assert said in told.err


@pytest.mark.parametrize("text", ["30d", "2099-01-01", "2099-01-01T12:00:00Z", "2099-01-01 12:00"])
@pytest.mark.parametrize("verb", ["add", "rotate", "import"])
def test_an_end_is_given_as_a_search_is_given_its_begin(
    call: Call, kit: Kit, tmp_path: Path, text: str, verb: str
) -> None:
    for name, content in (("token", TOKEN), ("rows.csv", f"tenant,account_id,token,expires\n"
                          f"acme,{NEW},{TOKEN},{text}\n")):  # fmt: skip
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(content)
    account = ACME if verb == "rotate" else NEW
    where = ("--tenant", "acme", "--account", account)
    given = ("rows.csv",) if verb == "import" else (*where, "--token-file", "token",
                                                    "--expires", text)  # fmt: skip
    told = call("account", verb, *given)
    assert told.code == 0, told.err
    row = call("account", "list", *where, "--json").rows[0]
    ends = datetime.fromisoformat(row["expires"].replace("Z", "+00:00"))
    if text == "30d":
        length = ends - datetime.now(timezone.utc)
        assert timedelta(days=29, hours=23) < length <= timedelta(days=30)
    else:
        assert ends == datetime(2099, 1, 1, 12 if "12" in text else 0, tzinfo=timezone.utc)


def test_what_ends_before_a_time_is_shown(call: Call, kit: Kit) -> None:
    end = datetime.now(timezone.utc) + timedelta(days=30)
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.set("acme", ACME, expires=end)
    where = ("--tenant", "acme", "--account", ACME, "--json")
    for before, shown in (
        ("2w", False), ("31d", True), (f"{end - timedelta(days=2):%F}", False),
        (f"{end + timedelta(days=2):%F}", True), (f"{end + timedelta(minutes=2):%FT%TZ}", True),
    ):  # fmt: skip
        told = call("account", "check", *where, "--expiring", before)
        assert (told.code, bool(told.out)) == ((Exit.SOME, True) if shown else (0, False)), before


@pytest.mark.parametrize("text", ["2020-01-01", "2026-01-01T12:00Z", "0d"])
def test_an_end_that_is_looked_for_lies_ahead(call: Call, kit: Kit, text: str) -> None:
    kit.server.reset()
    told = call("account", "check", "--expiring", text)
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert "--expiring takes a time that is to come" in told.err
    assert kit.server.requests() == []


@pytest.mark.parametrize(
    "verb", [("search", "--tenant", "acme"), ("hunt", "--subject", "x", "--html", "case.html"),
             ("collect", "--checkpoint", "c")]
)  # fmt: skip
def test_a_start_in_the_future_is_a_wrong_call(
    call: Call, kit: Kit, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    kit.server.reset()
    told = call(*verb, "--start", "2099-01-01")
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert "start lies in the future" in told.err
    assert kit.server.requests() == []
    assert not (tmp_path / "case.html").exists()
    assert not (tmp_path / "c").exists()


def test_an_end_that_only_the_vault_knows_stands_in_the_table(call: Call, kit: Kit) -> None:
    where = ("--tenant", "acme", "--account", ACME)
    with tv.Vault.open(kit.vault, tv.KeyFile(kit.key_file)) as vault, vault.edit() as edit:
        edit.set("acme", ACME, expires="2099-12-24T00:00:00Z")
    heading, row = call("account", "check", *where).out.splitlines()[:2]
    assert "EXPIRES IN VAULT" in heading
    assert row[heading.index("EXPIRES IN VAULT") :].startswith("2099-12-24T00:00:00.000Z")
    told = call("account", "check", *where, "--format", "csv").out.splitlines()
    assert dict(zip(*(one.split(",") for one in told), strict=True))["expires_in_vault"] == (
        "2099-12-24T00:00:00.000Z"
    )
