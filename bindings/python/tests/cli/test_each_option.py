"""Each option does what its help says: in the stored account, at the unlock, in the request."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qs

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Done, Kit
from tests.conftest import ACME

TOKEN = "test-token-not-real-acme-01-000000000000"  # noqa: S105
REF = "4jXtPB72Kpz7S8D"
NEW = "ab" * 16
WHERE = ("--tenant", "acme", "--account", ACME)
#: Settings that make the key of a passphrase fast.
CHEAP = ("--set", "vault.kdf_memory_kib=19456", "--set", "vault.kdf_passes=3")
#: A time as it is given, and as it is stored.
TIME, STORED = "2036-01-02T03:04:05Z", "2036-01-02T03:04:05.000Z"


def private(file: Path, content: str | bytes) -> Path:
    file.touch(mode=0o600)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


# ---- in the stored account ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ((), {"kind": "api_token", "email": None, "budget_group": None, "expires": None}),
        (("--email", "soc@acme.example"), {"kind": "global_key", "email": "soc@acme.example"}),
        (("--label", "Acme Asia"), {"label": "Acme Asia"}),
        (("--origin", "https://api.example:8443"), {"origin": "https://api.example:8443"}),
        (("--budget-group", "everybody"), {"budget_group": "everybody"}),
        (("--not-before", TIME), {"not_before": STORED, "expires": None}),
        (("--expires", TIME), {"not_before": None, "expires": STORED}),
    ],
)
def test_an_account_is_stored_with_what_was_given(
    call: Call, kit: Kit, tmp_path: Path, given: tuple[str, ...], stored: dict[str, str | None]
) -> None:
    token = private(tmp_path / "token", TOKEN)
    place = ("--tenant", "acme", "--account", NEW, "--token-file", token)
    told = call("account", "add", *place, *given, "--json")
    assert told.code == 0, told.err
    (found,) = (row for row in call("account", "list", "--json").rows if row["account_id"] == NEW)
    assert told.rows == [found]
    assert {name: found[name] for name in stored} == stored


def test_a_new_credential_has_an_end_and_a_kind_of_its_own(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    key = private(tmp_path / "key.txt", "0" * 37)
    given = ("--expires", TIME, "--email", "soc@acme.example", "--token-file", key)
    told = call("account", "rotate", *WHERE, *given, "--json")
    assert told.code == 0, told.err
    new, old = told.rows
    assert (new["expires"], new["kind"]) == (STORED, "global_key")
    assert (old["expires"], old["kind"], old["state"]) == (None, "api_token", "retiring")


def test_a_token_of_a_descriptor_is_the_one_that_is_stored(
    call: Call, kit: Kit, tmp_path: Path
) -> None:
    prints = []
    for number, option in ((1, "--token-file"), (2, "--token-fd")):
        with private(tmp_path / "token", f"{TOKEN}\nmore\n").open("rb", buffering=0) as file:
            given = (option, file.name if number == 1 else file.fileno())
            place = ("--tenant", "acme", "--account", f"{number:032x}")
            (row,) = call("account", "add", *place, *given, "--json").rows
            prints.append(row["fingerprint"])
    assert prints[0] == prints[1] != ""


# ---- at the unlock --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way", ["credential", "passphrase-file", "passphrase-stdin", "passphrase-fd"]
)
def test_each_new_way_to_unlock_opens_the_vault(
    process: Call, kit: Kit, tmp_path: Path, environment: dict[str, str], way: str
) -> None:
    phrase = private(tmp_path / "soc", os.urandom(32) if way == "credential" else "a phrase\n")
    environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)

    def called(*words: object, prefix: str) -> Done:
        with phrase.open("rb", buffering=0) as file:
            number = file.fileno()
            value = {"credential": ("soc",), "passphrase-file": (phrase,),
                     "passphrase-stdin": (), "passphrase-fd": (number,)}[way]  # fmt: skip
            given = (f"{prefix}{way}", *value, *CHEAP, "--json")
            return process(*words, *given, stdin="a phrase\n", pass_fds=(number,))

    told = called("vault", "add-unlock", "--label", "new", prefix="--new-")
    assert told.code == 0, told.err
    same = tv.KeyFile(phrase) if way == "credential" else tv.Passphrase("a phrase")
    tv.Vault.open(kit.vault, same).close()
    del environment["TRACEVAULT_KEY_FILE"]
    told = called("vault", "unlocks", prefix="--")
    assert [(row["type"], row["label"]) for row in told.rows] == [
        ("keyfile", ""),
        (way.partition("-")[0], "new"),
    ]


@pytest.mark.parametrize("variable", ["TRACEVAULT_PASSPHRASE_FILE", "TRACEVAULT_CREDENTIAL"])
def test_a_variable_names_the_way_to_unlock(
    call: Call, kit: Kit, tmp_path: Path, environment: dict[str, str], variable: str
) -> None:
    phrase = private(tmp_path / "phrase", "not a real passphrase\n")
    environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    option, value = "--new-passphrase-file", str(phrase)
    if variable == "TRACEVAULT_CREDENTIAL":
        private(tmp_path / "soc", os.urandom(32))
        option, value = "--new-credential", "soc"
    assert call("vault", "rekey", option, value, *CHEAP, "--yes").code == 0
    assert call("account", "list").code != 0, "the key file opens it no more"
    del environment["TRACEVAULT_KEY_FILE"]
    environment[variable] = value
    assert call("account", "list", "--json").rows


# ---- in the request -------------------------------------------------------------------------


def asked(kit: Kit, end: str) -> list[dict[str, list[str]]]:
    """The parameters of each request whose path ends so."""
    seen = kit.server.requests()
    return [parse_qs(one["query"]) for one in seen if one["path"].endswith(end)]


@pytest.mark.parametrize(
    ("given", "submission"),
    [((), None), (("--submission",), ["true"]), (("--no-submission",), ["false"])],
)
def test_a_trace_looks_where_it_is_told_to(
    call: Call, kit: Kit, given: tuple[str, ...], submission: list[str] | None
) -> None:
    kit.server.reset()
    call("trace", *WHERE, *given, REF)
    assert [one.get("submission") for one in asked(kit, "/trace")] == [submission]


@pytest.mark.parametrize(("given", "times"), [((), 1), (("--fresh",), 2)])
def test_a_known_answer_is_asked_for_again_when_it_is_to_be_fresh(
    call: Call, kit: Kit, given: tuple[str, ...], times: int
) -> None:
    kit.server.reset()
    told = call("trace", *WHERE, "--follow", "--json", *given, REF, REF)
    assert [row["message_ref"] for row in told.rows] == [REF, REF]
    assert len(asked(kit, "/trace")) == times


def test_the_filter_finds_tenant_and_account_where_it_is_told_to(call: Call, kit: Kit) -> None:
    kit.server.reset()
    row = {"message_ref": REF, "soc": {"customer": "acme"}, "cf": ACME,
           "tenant": "initech", "account_id": "0" * 32}  # fmt: skip
    told = call(
        "filter", "--tenant-field", "soc.customer", "--account-field", "cf", stdin=json.dumps(row)
    )
    (answer,) = told.rows
    assert answer["tracevault"]["trace"]["message_ref"] == REF
    (path,) = {one["path"] for one in kit.server.requests()}
    assert f"/accounts/{ACME}/" in path


@pytest.mark.parametrize(("given", "wanted"), [((), ["true"]), (("--all",), ["false"])])
def test_a_collection_has_clean_mail_when_it_is_to_have_all(
    call: Call, kit: Kit, given: tuple[str, ...], wanted: list[str]
) -> None:
    kit.server.reset()
    told = call("collect", "--checkpoint", "c", "--tenant", "acme", "--json", *given)
    assert told.code == 0, told.err
    seen = [one.get("detections_only", ["false"]) for one in asked(kit, "/investigate")]
    assert seen
    assert all(one == wanted for one in seen)


@pytest.mark.parametrize(
    ("given", "hours"), [((), 24), (("--look-back", "6h"), 6), (("--look-back", "3d"), 72)]
)
def test_a_collection_looks_back_as_far_as_it_is_told_to(
    call: Call, kit: Kit, given: tuple[str, ...], hours: int
) -> None:
    again = ("collect", "--checkpoint", "c", "--tenant", "acme", "--json", *given)
    assert call(*again, "--start", "30d").code == 0
    kit.server.reset()
    before = datetime.now(timezone.utc)
    assert call(*again).code == 0
    starts = [datetime.fromisoformat(one["start"][0].replace("Z", "+00:00"))
              for one in asked(kit, "/investigate")]  # fmt: skip
    assert starts
    assert all(round((before - start).total_seconds() / 3600) == hours for start in starts)


def test_a_collection_says_how_far_it_looked_back_and_its_help_says_how_far_it_does(
    call: Call, kit: Kit
) -> None:
    collect = ("collect", "--checkpoint", "c", "--tenant", "acme")
    help_text = " ".join(call("collect", "--help").out.split())
    assert "30 days ago" not in help_text
    assert "The first time: since when, as 7d; default: --" in help_text
    end = f"{datetime.now(timezone.utc) - timedelta(minutes=9):%Y-%m-%d %H:%M:%S}"
    ends = f" to {end} UTC"
    begins = "looked at 2026-01-02 03:00:00"
    first = call(*collect, "--start", "2026-01-02T03:00:00Z", "--end", end)
    assert begins + ends in first.err
    again = call(*collect, "--start", "2026-01-02T03:00:00Z", "--end", end)
    assert begins not in again.err
    assert ends in again.err, "the window is told where --start counts no more, too"
    notes = [json.loads(line)["note"] for line in call(*collect, "--json").err.splitlines()]
    begin = datetime.fromisoformat(notes[-1]["start"])
    assert round((datetime.now(timezone.utc) - begin).total_seconds() / 3600) == 24
    assert notes[-1]["end"] is None


def test_a_hunt_asks_for_a_hash_and_ends_at_its_limit(call: Call, kit: Kit) -> None:
    kit.server.reset()
    call("hunt", "--tenant", "acme", "--hash", "0" * 64, "--json")
    assert {query for one in asked(kit, "/investigate") for query in one["query"]} == {"0" * 64}
    sender = kit.server.mail_of(ACME)[0].item["from"].rpartition("@")[2]
    wide = ("hunt", "--tenant", "acme", "--sender", sender, "--start", "2026-01-01", "--no-trace")
    for limit in (("--limit", "1"), ()):
        rows = call(*wide, *limit, "--json").rows
        copies = Counter(row["account_id"] for row in rows if row["message"])
        assert (max(copies.values()) == 1) == bool(limit)
        cut = {row["account_id"] for row in rows if row["error"]}
        assert cut == (set(copies) if limit else set()), "what is left out is told"


def test_the_tenant_of_the_variable_is_asked(
    call: Call, kit: Kit, environment: dict[str, str]
) -> None:
    kit.server.reset()
    environment["TRACEVAULT_TENANT"] = "acme"
    assert {row["tenant"] for row in call("account", "list", "--json").rows} == {"acme"}
    assert call("search", "--account", ACME, "--json", "--limit", "1").rows[0]["tenant"] == "acme"
    told = call("account", "list", "--tenant", "initech", "--json")
    assert {row["tenant"] for row in told.rows} == {"initech"}, "the line counts first"
