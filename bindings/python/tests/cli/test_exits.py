"""What each failure ends the call with: one table, and calls that show it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault import Status
from tracevault.cli.exits import MEANING, Exit, exit_of, exit_of_many
from tracevault.errors import error_class

REF = "4jXtPB72Kpz7S8D"
NOWHERE = "0" * 32
PLACE = ("--tenant", "acme", "--account", ACME)
#: The exit code of every status.
CODES: dict[Exit, set[Status]] = {
    Exit.USAGE: {
        Status.E_ARGUMENT,
        Status.E_CONFIG_NAME,
        Status.E_CONFIG_VALUE,
        Status.E_ACCOUNT_ID,
        Status.E_MESSAGE_REF,
        Status.E_CREDENTIAL_FORMAT,
        Status.E_LIMIT,
    },
    Exit.VAULT: {
        Status.E_NO_VAULT,
        Status.E_EXISTS,
        Status.E_LOCKED,
        Status.E_UNLOCK,
        Status.E_NOT_VAULT,
        Status.E_VAULT_VERSION,
        Status.E_DAMAGED_HEADER,
        Status.E_DAMAGED_BODY,
        Status.E_HEADER_MAC,
        Status.E_RECORD_AUTH,
        Status.E_KDF_BOUNDS,
        Status.E_WEAK_KDF,
        Status.E_CONFLICT,
        Status.E_IO,
        Status.E_DURABILITY_UNKNOWN,
        Status.E_UNSAFE_FILE,
        Status.E_BUSY,
        Status.E_ROLLBACK,
        Status.E_STALE,
    },
    Exit.NOT_FOUND: {Status.E_NOT_FOUND, Status.E_AMBIGUOUS, Status.E_NO_MESSAGE},
    Exit.CREDENTIAL: {
        Status.E_CREDENTIAL,
        Status.E_FORBIDDEN,
        Status.E_ORIGIN,
        Status.E_EXPIRED,
    },
    Exit.QUOTA: {Status.E_RATE_LIMITED},
    Exit.NO_ANSWER: {
        Status.E_SHUTDOWN,
        Status.E_DESCRIPTORS_LOST,
        Status.E_QUEUE_FULL,
        Status.E_CANCELLED,
        Status.E_DEADLINE,
        Status.E_SERVER,
        Status.E_TRANSPORT,
        Status.E_TLS,
        Status.E_PROXY,
        Status.E_HTTP,
        Status.E_REDIRECT,
        Status.E_NOT_JSON,
        Status.E_REPLY_EMPTY,
        Status.E_REPLY_TRUNCATED,
        Status.E_REPLY_SHAPE,
        Status.E_REPLY_DEPTH,
        Status.E_REPLY_TOO_LARGE,
        Status.E_REPLY_REFUSED,
        Status.E_REPLY_DEFERRED,
        Status.E_FOREIGN_REPLY,
    },
    Exit.OTHER: {
        Status.E_OTHER,
        Status.E_HANDLE,
        Status.E_EDIT_FINISHED,
        Status.E_FORKED,
        Status.E_NO_MEMORY,
        Status.E_NO_DESCRIPTORS,
    },
}


def test_the_table_has_every_status_once() -> None:
    told = [status for statuses in CODES.values() for status in statuses]
    assert sorted(told) == sorted(set(Status) - {Status.OK})
    assert CODES.keys() <= MEANING.keys()


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_each_status_has_the_exit_code_of_the_table(code: Exit) -> None:
    found = {one: exit_of(error_class(one)("x", status=one)) for one in CODES[code]}
    assert found == dict.fromkeys(CODES[code], code)


def test_several_failures_of_one_kind_keep_their_code() -> None:
    assert exit_of_many([], 3) is Exit.OK
    assert exit_of_many([Exit.QUOTA, Exit.QUOTA], 0) is Exit.QUOTA
    assert exit_of_many([Exit.QUOTA, Exit.NO_ANSWER], 0) is Exit.SOME
    assert exit_of_many([Exit.QUOTA], 1) is Exit.SOME


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize(
    "where",
    [
        ("--account", "No such label"),
        ("--tenant", "acme", "--account", "No such label"),
        ("--tenant", "acme", "--account", NOWHERE),
        ("--tenant", "nobody", "--account", ACME),
        ("--tenant", "globex", "--account", ACME),
    ],
    ids=" ".join,
)
def test_an_account_that_is_not_there_is_not_found_in_every_verb(
    call: Call, where: tuple[str, ...]
) -> None:
    for words in (
        ("trace", REF),
        ("search",),
        ("account", "list"),
        ("account", "check"),
        ("account", "retire"),
        ("account", "promote"),
        ("account", "remove", "--yes"),
        ("account", "rotate", "--token-file", "none"),
        *([("account", "lift")] if "--tenant" in where else []),
    ):
        told = call(*words, *where, "--json")
        assert told.code == Exit.NOT_FOUND, (words, told.err)
        assert told.errors[0]["status"] == "TV_E_NOT_FOUND", words
    told = call("batch", *where, "--json", stdin=REF)
    assert told.code == Exit.NOT_FOUND, told.err


def test_an_empty_vault_has_no_account(call: Call, kit: Kit, tmp_path: Path) -> None:
    with tv.Vault.create(tmp_path / "empty.vault", tv.KeyFile(kit.key_file)):
        pass
    told = call("trace", "--vault", "empty.vault", REF)
    assert told.code == Exit.NOT_FOUND
    assert "the vault is empty: tracevault account add stores a credential" in told.err
    assert "account list" not in told.err, "it would show nothing"


def test_more_than_a_limit_allows_is_a_wrong_call(call: Call, kit: Kit, tmp_path: Path) -> None:
    file = tmp_path / "phrase"
    file.touch(mode=0o600)
    new = ("vault", "add-unlock", "--new-passphrase-file", file,
           "--set", "vault.kdf_memory_kib=19456")  # fmt: skip
    for number in range(2):
        file.write_text(f"not a real passphrase {number}\n")
        assert call(*new).code == 0
    file.write_text("not a real passphrase 2\n")
    before = kit.vault.read_bytes()
    told = call(*new, "--json")
    assert told.code == Exit.USAGE
    assert told.errors[0]["status"] == "TV_E_LIMIT"
    assert kit.vault.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("batch", "--tenant", "acme", "--account", ACME, "--resume"),
        ("hunt", "--tenant", "acme", "--subject", "x", "--resume"),
        ("account", "check", "--resume"),
        ("collect", "--checkpoint"),
    ],
    ids=lambda words: words[0],
)
def test_a_file_of_the_command_line_that_may_not_be_used_is_a_wrong_call(
    call: Call, kit: Kit, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "soc.journal"
    file.touch(mode=0o644)
    told = call(*words, file, "--json", stdin=REF)
    assert (told.code, told.errors[0]["status"]) == (Exit.USAGE, "TV_E_UNSAFE_FILE")
    assert "chmod 600 it" in told.errors[0]["message"]
    file.chmod(0o600)
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = call(*words, file, "--json", stdin=REF)
    (error,) = told.errors
    assert (told.code, error["status"], error["retriable"]) == (Exit.USAGE, "TV_E_BUSY", True)
    told = call(*words, tmp_path, "--json", stdin=REF)
    assert told.code == Exit.USAGE
    link = tmp_path / "second"
    link.hardlink_to(file)
    told = call(*words, link, "--json", stdin=REF)
    assert (told.code, told.errors[0]["status"]) == (Exit.USAGE, "TV_E_UNSAFE_FILE")


def test_what_this_host_cannot_do_is_no_wrong_call() -> None:
    for error in (tv.JournalError("no room", status=Status.E_IO), OSError("no room")):
        assert exit_of(error) is Exit.OTHER
    for error in (PermissionError("x"), IsADirectoryError("x")):
        assert exit_of(error) is Exit.USAGE


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--key-file", "gone.key", "account", "list"), Exit.VAULT),
        (("--key-file", "open.key", "account", "list"), Exit.VAULT),
        (("--passphrase-file", "gone.txt", "account", "list"), Exit.USAGE),
        (("--passphrase-file", "open.key", "account", "list"), Exit.USAGE),
        (("account", "rotate", *PLACE, "--token-file", "gone.txt"), Exit.USAGE),
        (("batch", "gone.txt"), Exit.NOT_FOUND),
        (("decode", "gone.json"), Exit.NOT_FOUND),
        (("trace", *PLACE, "4jXtPB72Kpz7S8D", "--html", "gone/case.html"), Exit.USAGE),
    ],
)
def test_a_file_that_is_not_there_or_is_open_to_others_has_the_code_of_what_it_is_for(
    call: Call, kit: Kit, tmp_path: Path, words: tuple[str, ...], code: Exit
) -> None:
    (tmp_path / "open.key").write_bytes(kit.key_file.read_bytes())
    (tmp_path / "open.key").chmod(0o644)
    assert call(*words).code == code


@pytest.mark.parametrize(
    "words",
    [
        ("batch", *PLACE, "--resume"),
        ("hunt", "--tenant", "acme", "--subject", "x", "--resume"),
        ("account", "check", "--resume"),
        ("collect", "--checkpoint"),
        ("filter", *PLACE, "--omprog"),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("file", ["no/j", "soc.key/j", "no/more/j"])
def test_a_file_in_a_folder_that_is_not_there_is_a_wrong_call(
    call: Call, kit: Kit, tmp_path: Path, words: tuple[str, ...], file: str
) -> None:
    kit.server.reset()
    told = call(*words, file, stdin=REF)
    assert told.code == Exit.USAGE, told.err
    assert f"{words[-1]}: there is no such folder, " in told.err
    assert str(tmp_path) in told.err
    assert kit.server.requests() == []


@pytest.mark.parametrize("size", [0, 31, 65537])
def test_a_key_file_of_a_size_that_no_key_has_is_a_failure_of_the_key(
    call: Call, kit: Kit, tmp_path: Path, size: int
) -> None:
    (tmp_path / "odd.key").touch(mode=0o600)
    (tmp_path / "odd.key").write_bytes(b"x" * size)
    told = call("vault", "info", "--key-file", "odd.key")
    assert told.code == Exit.VAULT, told.err
    told = call("vault", "add-unlock", "--new-key-file", "odd.key")
    assert told.code == Exit.VAULT, told.err


def test_a_line_of_a_filter_that_is_no_json_has_the_code_that_it_has_in_a_batch(
    call: Call, kit: Kit
) -> None:
    told = call("filter", *PLACE, stdin="{broken\n")
    assert told.rows[0]["tracevault"]["error"]["exit"] == Exit.USAGE
    assert call("batch", *PLACE, stdin="{broken\n").code == Exit.USAGE


def test_a_cursor_that_cloudflare_does_not_take_is_a_wrong_call(call: Call, kit: Kit) -> None:
    told = call("search", *PLACE, "--cursor", "bogus", "--json")
    assert told.code == Exit.USAGE, told.err
    (error,) = told.errors
    assert (error["http_status"], error["exit"]) == (400, Exit.USAGE)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (Exit.USAGE, "the folder of a page, a journal, a checkpoint or the rows of `filter`"),
        (Exit.USAGE, "a cursor that Cloudflare does not take"),
        (Exit.VAULT, "or where a new one shall be is a file already"),
        (Exit.VAULT, "a full disk under it"),
        (Exit.OTHER, "a full disk under anything else than the vault"),
    ],
)
def test_the_table_of_exit_codes_says_it(code: Exit, words: str) -> None:
    assert words in MEANING[code]
