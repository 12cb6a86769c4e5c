"""What an error says to do is what helps, and it is said once."""

from __future__ import annotations

from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import ACME, REPOSITORY
from tracevault.cli.exits import Exit

WHERE = ("--tenant", "acme", "--account", ACME)
OURS = REPOSITORY / "Tests/data/golden/trace/real_bounced.trace.json"


def test_a_missing_word_is_told_in_one_line_with_what_it_may_be(call: Call) -> None:
    told = call("completion")
    assert told.code == Exit.USAGE
    assert told.err == (
        "tracevault: SHELL is missing: bash, zsh or fish. See: tracevault completion --help\n"
    )


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (("hunt", "--subject"), "hunt"),
        (("account", "check", "--expiring"), "account check"),
        (("trace", "X", "--vault"), "trace"),
        (("hunt", "--detections-only=x"), "hunt"),
    ],
)
def test_an_option_without_its_value_leads_to_the_help_of_its_verb(
    call: Call, words: tuple[str, ...], verb: str
) -> None:
    told = call(*words)
    assert told.code == Exit.USAGE
    assert told.err.endswith(f". See: tracevault {verb} --help\n")


def test_no_bound_is_told_that_is_then_refused(call: Call) -> None:
    told = call("trace", "--timeout", "1ms", "X")
    assert "from 0 to 86400 (0 only with --follow), or a duration" in told.err
    assert "from 0.001 to 86400, or" in call("search", "--timeout", "1ms").err


def test_to_name_an_account_is_said_once(call: Call, kit: Kit) -> None:
    told = call("trace", "--tenant", "acme", "4jXtPB72Kpz7S8D")
    assert told.code == Exit.NOT_FOUND
    assert told.err.count("name one") == 1


@pytest.mark.parametrize("verb", ["retire", "promote"])
def test_an_account_without_a_retiring_credential_is_told_apart(
    call: Call, kit: Kit, verb: str
) -> None:
    told = call("account", verb, *WHERE, "--json")
    assert told.code == Exit.NOT_FOUND
    (error,) = told.errors
    assert error["message"] == f"{ACME} of acme has no retiring credential"
    assert error["do"] == "tracevault account list shows the tenants and accounts"


def test_an_unlock_that_is_not_there_leads_to_the_list_of_unlocks(call: Call, kit: Kit) -> None:
    told = call("vault", "remove-unlock", "7", "--yes", "--json")
    (error,) = told.errors
    assert error["do"] == "tracevault vault unlocks shows them"


@pytest.mark.parametrize("words", [("batch", *WHERE, "--resume"), ("collect", "--checkpoint")])
def test_a_file_that_is_no_journal_is_a_wrong_call(
    call: Call, kit: Kit, words: tuple[str, ...]
) -> None:
    told = call(*words, kit.vault, "--json", stdin="4jXtPB72Kpz7S8D\n")
    (error,) = (one for one in told.errors if "is not a file of this kind" in one["message"])
    assert (told.code, error["status"]) == (Exit.USAGE, "TV_E_ARGUMENT")


def test_a_cursor_that_cloudflare_refuses_is_named(
    call: Call, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        error = tv.TraceVaultError("unexpected answer", status=tv.Status.E_HTTP)
        error.http_status = 400
        raise error

    monkeypatch.setattr(tv.Engine, "search", refused)
    assert "--cursor takes what" in call("search", *WHERE, "--cursor", "abc").err
    assert "--cursor" not in call("search", *WHERE).err


def test_a_document_of_ours_is_told_from_a_reply(call: Call) -> None:
    told = call("decode", OURS, "--json")
    (error,) = told.errors
    assert "what tracevault prints" in error["message"]
    assert "decode takes Cloudflare's reply" in error["message"]


@pytest.mark.parametrize(
    "words",
    [
        ("vault", "info", "--credential", "soc"),
        ("vault", "add-unlock", "--new-credential", "soc"),
        ("init", "other.vault", "--credential", "soc"),
        ("vault", "info", "--vault", "s3://bucket/key", "--set", "s3.keys=credential:soc"),
    ],
)
def test_a_credential_of_systemd_outside_a_service_leads_to_a_file(
    call: Call, kit: Kit, words: tuple[str, ...]
) -> None:
    store = ("--set", "s3.endpoint=https://localhost:1", "--set", "s3.region=here")
    told = call(*words, *(store if "--vault" in words else ()), "--json")
    (error,) = told.errors
    assert (told.code, error["exit"]) == (Exit.VAULT, Exit.VAULT)
    assert error["message"].startswith("CREDENTIALS_DIRECTORY is not set")
    assert error["do"] == (
        "elsewhere name a file: --key-file, --passphrase-file, or s3.keys=file:PATH"
    )


@pytest.mark.parametrize(
    "words", [("account", "list"), ("vault", "verify"), ("trace", *WHERE, "4jXtPB72Kpz7S8D")]
)
def test_nobody_is_asked_for_the_passphrase_of_a_vault_that_is_not_there(
    call: Call, words: tuple[str, ...]
) -> None:
    for place in ("none", "none/in/no/folder"):
        told = call(*words, "--vault", place, "--json")
        (error,) = told.errors
        assert (told.code, error["status"]) == (Exit.VAULT, "TV_E_NO_VAULT")
        assert error["do"] == "tracevault init makes a vault"


@pytest.mark.parametrize("verb", ["add", "rotate"])
@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("tenant,account_id,token\nacme,x,not-a-real-token\n", 0, "looks like a row of a table"),
        ("acme;not-a-real-token\n", 0, "looks like a row of a table"),
        ("Acme Europe;not-a-real-token\n", Exit.USAGE, "looks like a row of a table"),
    ],
)
def test_a_table_in_the_place_of_a_token_leads_to_the_import(
    call: Call, kit: Kit, secret: Path, verb: str, given: str, code: int, said: str
) -> None:
    where = WHERE if verb == "rotate" else ("--tenant", "acme", "--account", "ab" * 16)
    secret.write_text(given)
    told = call("account", verb, *where, "--token-file", secret)
    assert told.code == code, told.err
    assert said in told.err
    assert "; tracevault account import reads tables\n" in told.err
    assert "not-a-real" not in told.err
